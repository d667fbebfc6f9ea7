// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/refine.h"
#include "tessera/quantize/assignment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "refine/bias_correction.h"
#include "refine/choose_built.h"
#include "refine/equalize.h"
#include "refine/output_ranges.h"
#include "refine/quantized.h"
#include "refine/weight_rounding.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/timing.h"
#include "tessera/numerics/kernels.h"
#include "tessera/quantize/onnx.h"
#include "tessera/refine/fields.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::refine {
namespace {

using quantize::Assignment;
using quantize::Mode;
using quantize::Scheme;

/// Which samples do what. Nothing is fitted to those that prove.
struct Parts {
  std::vector<std::int64_t> fit;
  std::vector<std::int64_t> search;  // of `fit`: by their outputs steps choose
  std::vector<std::int64_t> proof;
};

/// At most `count` of them, evenly spread.
std::vector<std::int64_t> spread(const std::vector<std::int64_t>& from, std::int64_t count) {
  const auto size = std::ssize(from);
  count = std::min(count, size);
  std::vector<std::int64_t> some;
  for (std::int64_t i = 0; i < count; ++i) {
    some.push_back(from[static_cast<std::size_t>((2 * i + 1) * size / (2 * count))]);
  }
  return some;
}

/// A third of the samples proves, at most `limit`; a single one must do everything.
Parts divide(std::int64_t samples, std::int64_t limit, std::int64_t most_fit) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(samples));
  std::iota(all.begin(), all.end(), 0);
  Parts parts;
  parts.proof = samples > 1 ? spread(all, std::min((samples + 2) / 3, limit)) : all;
  std::set_difference(all.begin(), all.end(), parts.proof.begin(), parts.proof.end(),
                      std::back_inserter(parts.fit));
  if (parts.fit.empty()) {
    parts.fit = all;
  }
  parts.fit = spread(parts.fit, most_fit);
  parts.search = evenly_from_the_start(spread(parts.fit, limit));
  return parts;
}

class Refiner {
 public:
  Refiner(const data::SampleSet& samples, std::shared_ptr<const runtime::Library> library,
          const RefineOptions& options, Monitor& monitor)
      : samples_(samples), library_(std::move(library)), options_(options), monitor_(monitor) {}

  Result<Refinement> run(const network::Network& model, const Assignment& assignment,
                         const calibrate::Ranges* ranges) {
    const bool any_static = std::any_of(assignment.begin(), assignment.end(),
                                        [](const auto& one) { return one.mode == Mode::kStatic; });
    if (!any_static) {
      return fail(ErrorCode::kInvalidArgument, "there is nothing to refine: no static scheme")
          .hint("refinement goes with --mode static");
    }
    TESSERA_TRY(dialect_, quantize::dialect_of(model));
    TESSERA_TRY(auto draft, prepared(model, assignment));
    state_.emplace(std::move(draft));
    state_->report.samples = samples_.size();
    if (ranges != nullptr) {
      state_->ranges = *ranges;
    } else {
      TESSERA_CHECK(measure_ranges(*state_));
    }
    TESSERA_CHECK(open_judge());
    TESSERA_TRY(error_, error_of(*state_));
    TESSERA_CHECK(run_branches());
    // They are those of the refined model, which says of itself what the given one says.
    if (auto info = state_->model.info()) {
      state_->ranges.model = *std::move(info);
    }
    auto& made = *state_;
    return Refinement{std::move(made.model),   std::move(made.assignment), std::move(made.ranges),
                      std::move(made.weights), std::move(made.gone),       std::move(made.report)};
  }

 private:
  /// In the form that quantize() rewrites.
  Result<Draft> prepared(const network::Network& model, const Assignment& assignment) {
    if (model.onnx() == nullptr) {
      return Draft{model.clone(), assignment, {}, {}, {}, {}};
    }
    TESSERA_TRY(auto prepared, quantize::prepare(*model.onnx(), assignment, quantizing_, monitor_));
    TESSERA_CHECK(prepared.model.infer_types(runtime::type_oracle(library_)));
    return Draft{network::Network::of(std::move(prepared.model)),
                 std::move(prepared.assignment),
                 {},
                 {},
                 std::move(prepared.gone),
                 {}};
  }

  /// What a step changes, and how many things.
  using Change = std::function<Result<std::int64_t>(Draft&)>;
  /// Whether what a change did to the outputs is enough for it to stay.
  using Rule = bool (*)(const Verdict& after, const Verdict& before);

  Status run_branches() {
    const bool searching = options_.ranges_by_output || options_.scales;
    const bool others =
        options_.equalize || options_.bias_correction || options_.rounding != Rounding::kNearest;
    if (!searching || !others) {
      return run_branch(options_, searching ? "full" : "fast");
    }
    auto start = copy_of(*state_);
    const auto start_error = error_;
    auto fast = options_;
    fast.ranges_by_output = false;
    fast.scales = false;
    TESSERA_CHECK(run_branch(fast, "fast"));
    std::swap(start, *state_);  // `start` is what the fast branch made
    state_->report = start.report;
    state_->gone = start.gone;
    const auto fast_error = std::exchange(error_, start_error);
    TESSERA_CHECK(run_branch(options_, "full"));
    const bool better = is_clearly_less(error_, fast_error);
    if (!better) {
      start.report = std::move(state_->report);
      std::swap(start, *state_);
      state_->report.branch = "fast";
    }
    for (auto& step : state_->report.steps) {
      step.kept = step.kept && step.branch == state_->report.branch;
    }
    return {};
  }

  Status run_branch(const RefineOptions& options, std::string name) {
    const auto all = std::exchange(options_, options);
    state_->report.branch = std::move(name);
    auto status = run_steps();
    options_ = all;
    return status;
  }

  static Draft copy_of(const Draft& state) {
    return {state.model.clone(), state.assignment, state.ranges,
            state.weights,       state.gone,       state.report};
  }

  Status run_steps() {
    if (options_.equalize) {
      TESSERA_CHECK(step("equalize", [&](Draft& state) { return equalize_step(state); }));
    }
    if (options_.ranges_by_output) {
      TESSERA_CHECK(step("ranges-by-output", [&](Draft& state) {
        return state.model.onnx() != nullptr
                   ? choose_methods(context(), *state.model.onnx(), state.assignment, state.ranges)
                   : mix_methods(state);
      }));
    }
    if (options_.scales) {
      TESSERA_CHECK(step("scales", [&](Draft& state) {
        return refine_ends(context(), *state.model.onnx(), state.assignment, state.ranges);
      }));
    }
    const bool rounding = options_.rounding != Rounding::kNearest;
    if (options_.scales || rounding) {
      // Descent lowers the error of every layer; few samples are too few to prove it by the
      // outputs.
      const bool descends = options_.rounding == Rounding::kDescent;
      TESSERA_CHECK(step(
          rounding ? "rounding" : "weight-scales",
          [&](Draft& state) { return round_weights(context(), state, options_); },
          descends ? is_less : is_clearly_less));
    }
    if (options_.bias_correction) {
      TESSERA_CHECK(
          step("bias-correction", [&](Draft& state) { return correct_biases(context(), state); }));
    }
    return {};
  }

  [[nodiscard]] StepContext context() {
    return {*fit_,   library_,    *dialect_, judge_ ? *judge_ : *proof_,
            judged_, quantizing_, monitor_,  state_->report.skipped,
            *budget_};
  }

  /// Makes a change and takes it back if the outputs are not closer for it.
  Status step(std::string name, const Change& change, Rule stays = is_clearly_less) {
    const double began_us = thread_cpu_us();
    Step step;
    step.branch = state_->report.branch;
    step.name = std::move(name);
    step.before_db = decibel(error_.error);
    Draft trial{state_->model.clone(), state_->assignment, state_->ranges, state_->weights, {}, {}};
    TESSERA_TRY(step.changed, change(trial));
    TESSERA_CHECK(monitor_.check());
    auto after = error_;
    if (step.changed > 0) {
      TESSERA_TRY(after, error_of(trial));
    }
    step.after_db = decibel(after.error);
    step.kept = stays(after, error_);
    if (step.kept) {
      state_->model = std::move(trial.model);
      state_->ranges = std::move(trial.ranges);
      state_->weights = std::move(trial.weights);
      error_ = std::move(after);
    }
    step.cpu_us = thread_cpu_us() - began_us;
    state_->report.steps.push_back(std::move(step));
    return {};
  }

  /// Of the outputs of the model as it would be quantized now.
  Result<Verdict> error_of(const Draft& state) {
    const StepContext proof{*fit_,   library_,    *dialect_, *proof_,
                            judged_, quantizing_, monitor_,  state_->report.skipped,
                            *budget_};
    return quantized_verdict(proof, state.model, state.assignment, state.ranges, state.weights);
  }

  Status open_judge() {
    TESSERA_TRY(const auto graph, state_->model.view());
    TESSERA_TRY(judged_, judged_values(graph, state_->model.path()));
    TESSERA_TRY(const auto simulation, dialect_->simulate(state_->model, state_->assignment,
                                                          state_->ranges, quantizing_, monitor_));
    TESSERA_TRY(const auto reference,
                Simulator::open(library_, state_->model, taps_of(simulation.rounded, judged_)));
    TESSERA_TRY(const auto first, samples_.load(0));
    TESSERA_TRY(const auto values, values_per_run(*reference, first));
    const auto parts = divide(samples_.size(), error_samples(values), options_.fit_samples);
    if (options_.ranges_by_output || options_.scales || options_.bias_correction) {
      TESSERA_TRY(judge_, Judge::make(*reference, judged_, samples_, parts.search));
    }
    TESSERA_TRY(proof_, Judge::make(*reference, judged_, samples_, parts.proof));
    fit_.emplace(samples_, parts.fit);
    search_ = parts.search;
    state_->report.error_samples = proof_->samples();
    TESSERA_TRY(const auto runs, runs_within(options_.effort_s, graph, values));
    budget_.emplace(runs);
    return {};
  }

  /// As many as keep the work bounded: by the number of values that pass the taps for one.
  [[nodiscard]] std::int64_t error_samples(std::int64_t values) const {
    constexpr std::int64_t kValues = std::int64_t{1} << 28;
    constexpr std::int64_t kFewest = 4;
    constexpr std::int64_t kMost = 64;
    return options_.error_samples > 0 ? options_.error_samples
                                      : std::clamp(kValues / values, kFewest, kMost);
  }

  Status measure_ranges(Draft& state) {
    calibrate::CalibrateOptions calibration;
    calibration.threads = options_.threads;
    if (!options_.ranges_by_output) {
      for (const auto& scheme : state.assignment) {
        auto& methods = calibration.methods;
        if (scheme.mode == Mode::kStatic &&
            std::find(methods.begin(), methods.end(), scheme.method) == methods.end()) {
          methods.push_back(scheme.method);
        }
      }
    }
    TESSERA_TRY(state.ranges,
                calibrate::calibrate(state.model, samples_, library_, calibration, monitor_));
    return {};
  }

  /// Methods for parts of the network, judged by building it.
  Result<std::int64_t> mix_methods(Draft& state) {
    const auto own =
        std::find_if(state.assignment.begin(), state.assignment.end(), [](const auto& one) {
          return one.mode == Mode::kStatic;
        })->method;
    const auto found_choice =
        choose_by_building({.model = state.model,
                            .assignment = state.assignment,
                            .open = own,
                            .samples = samples_,
                            .judging = search_,
                            .ranges = state.ranges,
                            .effort_s = options_.effort_s,
                            .everywhere = options_.everywhere,
                            .channels_of_products = options_.channels_of_products},
                           library_, monitor_);
    TESSERA_CHECK(monitor_.check());
    if (!found_choice) {  // no reason to do without the other steps
      state.report.skipped.push_back("range methods: " + found_choice.error().message);
      return 0;
    }
    const auto& choice = *found_choice;
    std::int64_t changed = 0;
    for (auto& [tensor, by_method] : state.ranges.tensors) {
      const auto other = choice.others.find(tensor);
      const auto found =
          by_method.find(other == choice.others.end() ? choice.method : other->second);
      const auto known = by_method.find(own);
      if (found != by_method.end() && known != by_method.end() &&
          !(found->second == known->second)) {
        known->second = found->second;
        ++changed;
      }
    }
    return changed;
  }

  Result<std::int64_t> equalize_step(Draft& state) {
    auto& model = *state.model.onnx();
    TESSERA_TRY(const auto paths, scalable_paths(model, &state_->report.skipped));
    if (paths.empty()) {
      return 0;
    }
    TESSERA_TRY(const auto magnitude, measure_channels(model, paths));
    const bool per_channel = std::all_of(
        state.assignment.begin(), state.assignment.end(),
        [](const auto& scheme) { return scheme.mode != Mode::kStatic || scheme.per_channel; });
    TESSERA_TRY(const auto changed, equalize(model, paths, magnitude, {per_channel}));
    if (changed > 0) {
      TESSERA_CHECK(measure_ranges(state));
    }
    return changed;
  }

  /// The largest magnitude of every channel of every path, on the samples to fit to.
  Result<std::map<std::string, std::vector<float>>> measure_channels(
      const onnx::Model& model, const std::vector<ScalablePath>& paths) {
    std::map<std::string, std::vector<float>> magnitude;
    std::map<std::string, std::vector<std::string>> paths_of;
    std::vector<std::string> tensors;
    for (const auto& path : paths) {
      magnitude[path.tensor].assign(static_cast<std::size_t>(path.channels), 0);
      paths_of[path.passes.back()].push_back(path.tensor);
      tensors.push_back(path.passes.back());
    }
    TESSERA_TRY(const auto probe, Simulator::open(library_, model, std::move(tensors)));
    for (std::int64_t i = 0; i < fit_->size(); ++i) {
      monitor_.progress("equalize", i, fit_->size());
      TESSERA_CHECK(monitor_.check());
      TESSERA_TRY(const auto sample, fit_->load(i));
      TESSERA_CHECK(probe->run(sample, [&](std::size_t point, auto shape, std::span<float> values) {
        for (const auto& tensor : paths_of[probe->tensors()[point]]) {
          auto& largest = magnitude[tensor];
          const auto plane = values.size() / largest.size() /
                             static_cast<std::size_t>(std::max<std::int64_t>(1, shape[0]));
          for (std::size_t at = 0; plane > 0 && at * plane < values.size(); ++at) {
            const auto found = numerics::find_min_max(values.subspan(at * plane, plane));
            auto& known = largest[at % largest.size()];
            if (found.infinite > 0) {
              known = std::numeric_limits<float>::infinity();  // not to be scaled
            } else if (found.finite > 0) {
              known = std::max({known, std::abs(found.min), std::abs(found.max)});
            }
          }
        }
      }));
    }
    return magnitude;
  }

  const data::SampleSet& samples_;
  std::shared_ptr<const runtime::Library> library_;
  RefineOptions options_;
  quantize::QuantizeOptions quantizing_{.everywhere = options_.everywhere,
                                        .io = options_.io,
                                        .channels_of_products = options_.channels_of_products};
  Monitor& monitor_;
  const quantize::Dialect* dialect_ = nullptr;
  std::optional<Draft> state_;
  std::vector<std::string> judged_;
  std::optional<Judge> judge_;  // by which steps choose; none: no step does
  std::optional<Judge> proof_;  // by which they are kept
  std::optional<SomeSamples> fit_;
  std::vector<std::int64_t> search_;
  std::optional<Budget> budget_;
  Verdict error_;  // of the state, on what proves
};

}  // namespace

Result<quantize::Simulation> simulate(const StepContext& context, const network::Network& model,
                                      const Assignment& assignment, const calibrate::Ranges& ranges,
                                      const quantize::WeightOverrides& weights) {
  auto options = context.quantizing;
  options.weights = &weights;
  return context.dialect.simulate(model, assignment, ranges, options, context.monitor);
}

Result<std::unique_ptr<Simulator>> open_quantized(const StepContext& context,
                                                  const network::Network& model,
                                                  const Assignment& assignment,
                                                  const calibrate::Ranges& ranges,
                                                  const quantize::WeightOverrides& weights) {
  TESSERA_TRY(const auto simulation, simulate(context, model, assignment, ranges, weights));
  TESSERA_TRY(auto simulator, Simulator::open(context.library, simulation.network,
                                              taps_of(simulation.rounded, context.judged)));
  round_activations(*simulator, simulation.rounded);
  return simulator;
}

Result<Verdict> quantized_verdict(const StepContext& context, const network::Network& model,
                                  const Assignment& assignment, const calibrate::Ranges& ranges,
                                  const quantize::WeightOverrides& weights) {
  TESSERA_TRY(const auto simulator, open_quantized(context, model, assignment, ranges, weights));
  return context.judge.verdict(*simulator);
}

Doable doable(const network::Network& model, RefineOptions options) {
  Doable result{std::move(options), {}};
  const auto leave_out = [&](auto& option, auto without, const char* name) {
    if (option != without) {
      option = without;
      result.missing.emplace_back(name);
    }
  };
  if (model.onnx() == nullptr) {
    leave_out(result.options.equalize, false, "equalization");
    leave_out(result.options.scales, false, "search of scales");
    leave_out(result.options.rounding, Rounding::kNearest, "rounding of weights");
  }
  if (model.onnx() == nullptr && model.litert() == nullptr) {
    leave_out(result.options.ranges_by_output, false, "ranges by output error");
    leave_out(result.options.bias_correction, false, "bias correction");
  }
  return result;
}

Status check_doable(const network::Network& model, const RefineOptions& options) {
  const auto missing = doable(model, options).missing;
  if (missing.empty()) {
    return {};
  }
  return fail(ErrorCode::kUnimplemented, "'{}' is of a format ({}) that has no {}",
              model.path().string(), model.description(), fmt::join(missing, ", no "))
      .hint("{}", model.litert() == nullptr
                      ? "leave out what wins accuracy back, or give an ONNX model"
                      : "--bias-correction and --method output work on .tflite files; the rest "
                        "needs an ONNX model");
}

Result<Refinement> refine(const network::Network& model, const Assignment& assignment,
                          const data::SampleSet& samples, const calibrate::Ranges* ranges,
                          std::shared_ptr<const runtime::Library> library,
                          const RefineOptions& options, Monitor& monitor) {
  if (options.error_samples < 0 || options.fit_samples < 1 || options.rows_per_sample < 1 ||
      !(options.effort_s >= 0)) {
    return fail(ErrorCode::kInvalidArgument,
                "error_samples {}, fit_samples {}, rows_per_sample {} or effort {} is too little",
                options.error_samples, options.fit_samples, options.rows_per_sample,
                options.effort_s)
        .hint("leave them at their defaults");
  }
  TESSERA_CHECK(check_doable(model, options));
  return Refiner(samples, std::move(library), options, monitor).run(model, assignment, ranges);
}

std::string_view to_string(Rounding rounding) noexcept {
  switch (rounding) {
    case Rounding::kNearest:
      return "nearest";
    case Rounding::kDescent:
      return "descent";
    case Rounding::kAdaptive:
      return "adaptive";
  }
  return "?";
}

Fields<RefineOptions> fields_of(const RefineOptions*) {
  static constexpr std::array kFields = {
      written<&RefineOptions::equalize>("equalize", "scale moves between channels"),
      written<&RefineOptions::ranges_by_output>("ranges_by_output",
                                                "the range method of every tensor by output error"),
      written<&RefineOptions::scales>("scales",
                                      "ends of ranges and scales of weights are searched"),
      written<&RefineOptions::rounding>("rounding", "of weights"),
      written<&RefineOptions::bias_correction>("bias_correction",
                                               "mean errors are taken off the biases"),
      written<&RefineOptions::error_samples>(
          "error_samples",
          "that judge, and at most as many others that prove; 0: by the model's size"),
      written<&RefineOptions::fit_samples>("fit_samples", "at most so many samples are fitted to"),
      written<&RefineOptions::effort_s>("effort_s",
                                        "bound of the searches, in seconds of a reference core"),
      written<&RefineOptions::rows_per_sample>("rows_per_sample",
                                               "of a layer's input, for its second moments")};
  return kFields;
}

Json to_json(const RefineOptions& options) {
  return as_json(options);
}

Fields<Step> fields_of(const Step*) {
  static constexpr std::array kFields = {
      written<&Step::branch>("branch", "full has the searches, fast has not"),
      written<&Step::name>("name", "of the step"),
      written<&Step::before_db>("before_db", "SQNR of the outputs without it, on what proves"),
      written<&Step::after_db>("after_db", "the same with it"),
      written<&Step::kept>("kept", "it gained, and its branch was taken"),
      written<&Step::changed>("changed", "tensors, weights or layers"),
      written<&Step::cpu_us>("cpu_us", "0 with --timeless")};
  return kFields;
}

Fields<RefineReport> fields_of(const RefineReport*) {
  static constexpr std::array kFields = {
      written<&RefineReport::samples>("samples", "all that were given"),
      written<&RefineReport::error_samples>("error_samples",
                                            "of these, those that decided whether a step stays"),
      written<&RefineReport::branch>("branch",
                                     "whose steps were taken; those of the other are not kept"),
      written<&RefineReport::steps>("steps", "in the order in which they were tried"),
      written<&RefineReport::skipped>("skipped", "why tensors or layers were left out")};
  return kFields;
}

Json to_json(const RefineReport& report) {
  return as_json(report);
}

}  // namespace tessera::refine
