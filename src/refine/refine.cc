// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/refine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "refine/bias_correction.h"
#include "refine/output_ranges.h"
#include "refine/quantized.h"
#include "refine/weight_rounding.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/timing.h"
#include "tessera/refine/equalize.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::refine {
namespace {

using quantize::Mode;
using quantize::Scheme;

class Refiner {
 public:
  Refiner(const data::SampleSet& samples, std::shared_ptr<const runtime::Library> library,
          const RefineOptions& options, Monitor& monitor)
      : samples_(samples), library_(std::move(library)), options_(options), monitor_(monitor) {}

  Result<Refinement> run(const onnx::Model& model, const std::vector<Scheme>& assignment,
                         const calibrate::Ranges* ranges) {
    const bool any_static = std::any_of(assignment.begin(), assignment.end(),
                                        [](const auto& one) { return one.mode == Mode::kStatic; });
    if (!any_static) {
      return fail(ErrorCode::kInvalidArgument, "there is nothing to refine: no static scheme")
          .hint("refinement goes with --mode static");
    }
    TESSERA_TRY(auto prepared, quantize::prepare(model, assignment, {}, monitor_));
    TESSERA_CHECK(prepared.model.infer_types(runtime::type_oracle(library_)));
    state_.emplace(Refinement{std::move(prepared.model),
                              std::move(prepared.assignment),
                              {},
                              {},
                              std::move(prepared.gone),
                              {}});
    state_->report.samples = samples_.size();
    if (ranges != nullptr) {
      state_->ranges = *ranges;
    } else {
      TESSERA_CHECK(measure_ranges(*state_));
    }
    TESSERA_CHECK(open_judge());
    TESSERA_CHECK(run_steps());
    // They are those of the refined model, which says of itself what the given one says.
    if (auto info = state_->model.info()) {
      state_->ranges.model = *std::move(info);
    }
    return *std::move(state_);
  }

 private:
  /// What a step changes, and how many things.
  using Change = std::function<Result<std::int64_t>(Refinement&)>;

  Status run_steps() {
    if (options_.equalize) {
      TESSERA_CHECK(step("equalize", [&](Refinement& state) { return equalize_step(state); }));
    }
    if (options_.ranges_by_output) {
      TESSERA_CHECK(step("ranges-by-output", [&](Refinement& state) {
        return choose_methods(context(), state.model, state.assignment, state.ranges);
      }));
    }
    if (options_.scales) {
      TESSERA_CHECK(step("scales", [&](Refinement& state) {
        return refine_ends(context(), state.model, state.assignment, state.ranges);
      }));
    }
    if (options_.scales || options_.rounding == Rounding::kAdaptive) {
      const bool adaptive = options_.rounding == Rounding::kAdaptive;
      TESSERA_CHECK(step(adaptive ? "rounding" : "weight-scales", [&](Refinement& state) {
        return round_weights(context(), state, options_);
      }));
    }
    if (options_.bias_correction) {
      TESSERA_CHECK(step("bias-correction",
                         [&](Refinement& state) { return correct_biases(context(), state); }));
    }
    return {};
  }

  [[nodiscard]] StepContext context() {
    return {samples_, library_, *judge_, judged_, monitor_, state_->report.skipped};
  }

  /// Makes a change and takes it back if the outputs are not closer for it.
  Status step(std::string name, const Change& change) {
    const double began_us = thread_cpu_us();
    Step step;
    step.name = std::move(name);
    if (!error_) {
      TESSERA_TRY(error_, error_of(*state_));
    }
    const double before = *error_;
    step.before_db = decibel(before);
    Refinement trial{
        state_->model.clone(), state_->assignment, state_->ranges, state_->weights, {}, {}};
    TESSERA_TRY(step.changed, change(trial));
    TESSERA_CHECK(monitor_.check());
    TESSERA_TRY(const double after, error_of(trial));
    step.after_db = decibel(after);
    step.kept = after < before;
    if (step.kept) {
      state_->model = std::move(trial.model);
      state_->ranges = std::move(trial.ranges);
      state_->weights = std::move(trial.weights);
      error_ = after;
    }
    step.cpu_us = thread_cpu_us() - began_us;
    state_->report.steps.push_back(std::move(step));
    return {};
  }

  /// Of the outputs of the model as it would be quantized now.
  Result<double> error_of(const Refinement& state) {
    const StepContext proof{samples_, library_, *proof_, judged_, monitor_, state_->report.skipped};
    return quantized_error(proof, state.model, state.assignment, state.ranges, state.weights);
  }

  Status open_judge() {
    TESSERA_TRY(judged_, judged_values(state_->model));
    TESSERA_TRY(const auto details, quantize::describe_static(state_->model, state_->assignment,
                                                              state_->ranges, {}, monitor_));
    TESSERA_TRY(const auto reference,
                Simulator::open(library_, state_->model, taps_of(details, judged_)));
    TESSERA_TRY(auto search, Judge::make(*reference, judged_, samples_, options_.error_samples,
                                         Judge::Part::kSearch));
    TESSERA_TRY(auto proof, Judge::make(*reference, judged_, samples_, options_.error_samples,
                                        Judge::Part::kProof));
    judge_.emplace(std::move(search));
    proof_.emplace(std::move(proof));
    state_->report.error_samples = proof_->samples();
    return {};
  }

  Status measure_ranges(Refinement& state) {
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

  Result<std::int64_t> equalize_step(Refinement& state) {
    TESSERA_TRY(const auto paths, scalable_paths(state.model, &state_->report.skipped));
    if (paths.empty()) {
      return 0;
    }
    TESSERA_TRY(const auto magnitude, measure_channels(state.model, paths));
    const bool per_channel = std::all_of(
        state.assignment.begin(), state.assignment.end(),
        [](const auto& scheme) { return scheme.mode != Mode::kStatic || scheme.per_channel; });
    TESSERA_TRY(const auto changed, equalize(state.model, paths, magnitude, {per_channel}));
    TESSERA_CHECK(measure_ranges(state));
    return changed;
  }

  /// The largest magnitude of every channel of every path.
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
    for (std::int64_t i = 0; i < samples_.size(); ++i) {
      monitor_.progress("equalize", i, samples_.size());
      TESSERA_CHECK(monitor_.check());
      TESSERA_TRY(const auto sample, samples_.load(i));
      TESSERA_CHECK(probe->run(sample, [&](std::size_t point, auto shape, std::span<float> values) {
        for (const auto& tensor : paths_of[probe->tensors()[point]]) {
          auto& largest = magnitude[tensor];
          const auto plane = values.size() / largest.size() /
                             static_cast<std::size_t>(std::max<std::int64_t>(1, shape[0]));
          for (std::size_t k = 0; plane > 0 && k < values.size(); ++k) {
            auto& known = largest[k / plane % largest.size()];
            known = std::max(known, std::abs(values[k]));
          }
        }
      }));
    }
    return magnitude;
  }

  const data::SampleSet& samples_;
  std::shared_ptr<const runtime::Library> library_;
  RefineOptions options_;
  Monitor& monitor_;
  std::optional<Refinement> state_;
  std::vector<std::string> judged_;
  std::optional<Judge> judge_;  // by which steps choose
  std::optional<Judge> proof_;  // by which they are kept
  std::optional<double> error_;
};

}  // namespace

Result<double> quantized_error(const StepContext& context, const onnx::Model& model,
                               const std::vector<Scheme>& assignment,
                               const calibrate::Ranges& ranges,
                               const quantize::WeightOverrides& weights) {
  quantize::QuantizeOptions options;
  options.weights = &weights;
  TESSERA_TRY(const auto details,
              quantize::describe_static(model, assignment, ranges, options, context.monitor));
  TESSERA_TRY(const auto rounded, with_rounded_weights(model, details, weights));
  TESSERA_TRY(const auto simulator,
              Simulator::open(context.library, rounded, taps_of(details, context.judged)));
  round_activations(*simulator, details);
  return context.judge.error(*simulator);
}

Result<Refinement> refine(const onnx::Model& model, const std::vector<Scheme>& assignment,
                          const data::SampleSet& samples, const calibrate::Ranges* ranges,
                          std::shared_ptr<const runtime::Library> library,
                          const RefineOptions& options, Monitor& monitor) {
  if (options.error_samples < 0 || options.rows_per_sample < 1) {
    return fail(ErrorCode::kInvalidArgument, "error_samples {} and rows_per_sample {} are too few",
                options.error_samples, options.rows_per_sample)
        .hint("leave them at their defaults");
  }
  return Refiner(samples, std::move(library), options, monitor).run(model, assignment, ranges);
}

Json to_json(const RefineOptions& options) {
  return {{"equalize", options.equalize},
          {"ranges_by_output", options.ranges_by_output},
          {"scales", options.scales},
          {"rounding", options.rounding == Rounding::kAdaptive ? "adaptive" : "nearest"},
          {"bias_correction", options.bias_correction},
          {"error_samples", options.error_samples},
          {"rows_per_sample", options.rows_per_sample}};
}

Json to_json(const RefineReport& report) {
  auto steps = Json::array();
  for (const auto& step : report.steps) {
    steps.push_back({{"name", step.name},
                     {"before_db", step.before_db},
                     {"after_db", step.after_db},
                     {"kept", step.kept},
                     {"changed", step.changed},
                     {"cpu_us", step.cpu_us}});
  }
  return {{"samples", report.samples},
          {"error_samples", report.error_samples},
          {"steps", std::move(steps)},
          {"skipped", report.skipped}};
}

}  // namespace tessera::refine
