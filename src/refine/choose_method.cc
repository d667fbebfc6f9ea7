// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/choose_method.h"
#include "tessera/quantize/assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "refine/choose_built.h"
#include "refine/quantized.h"
#include "refine/simulator.h"
#include "refine/step.h"
#include "tessera/quantize/onnx.h"
#include "tessera/refine/fields.h"
#include "tessera/refine/refine.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::refine {
namespace {

using numerics::RangeMethod;
using quantize::Assignment;
using quantize::Mode;
using quantize::Scheme;
using quantize::StaticDetails;

constexpr std::int64_t kMostApart = 16;
constexpr std::int64_t kFewestJudging = 4;
constexpr std::size_t kFewestMixing = 8;
constexpr double kClearly = 0.794;  ///< 1 dB less error

/// One method, and what it does to the outputs of the samples so far.
struct Contender {
  RangeMethod method;
  StaticDetails details;
  std::vector<std::vector<double>> noise;  // by sample, judged value
  std::optional<std::size_t> same_as;      // an earlier one that rounds alike
};

bool same_weights(const StaticDetails& a, const StaticDetails& b) {
  return std::equal(a.weights.begin(), a.weights.end(), b.weights.begin(), b.weights.end(),
                    [](const auto& x, const auto& y) {
                      return x.initializer == y.initializer && x.dtype == y.dtype &&
                             x.axis == y.axis && x.qparams == y.qparams;
                    });
}

bool same_activations(const StaticDetails& a, const StaticDetails& b) {
  return std::equal(a.activations.begin(), a.activations.end(), b.activations.begin(),
                    b.activations.end(), [](const auto& x, const auto& y) {
                      return x.tensors == y.tensors && x.qparams == y.qparams;
                    });
}

class Chooser {
 public:
  Chooser(const MethodQuestion& question, std::shared_ptr<const runtime::Library> library,
          Monitor& monitor)
      : question_(question), library_(std::move(library)), monitor_(monitor) {}

  Result<MethodChoice> run() {
    TESSERA_CHECK(open());
    TESSERA_CHECK(find_contenders());
    const auto all = static_cast<std::size_t>(judge_->samples());
    // A few samples show which methods are out of the question.
    const auto first = std::max<std::size_t>(all / 4, std::min<std::size_t>(all, 2));
    for (auto& contender : contenders_) {
      TESSERA_CHECK(judge(contender, first));
    }
    const double least = error_of(contenders_[best()]);
    for (auto& contender : contenders_) {
      constexpr double kOut = 2;  // 3 dB
      if (error_of(contender) <= kOut * least) {
        TESSERA_CHECK(judge(contender, all));
      }
    }
    auto choice = conclude(all);
    if (choice.trials.empty()) {
      return choice;
    }
    TESSERA_TRY(const double share, share_of_weights());
    choice.weights_share = std::isfinite(share) ? std::optional(share) : std::nullopt;
    TESSERA_CHECK(all >= kFewestMixing ? mix(choice) : look_again(choice));
    return choice;
  }

  /// Of the outputs with nothing but the weights rounded, on a few samples.
  Result<double> error_of_weights(RangeMethod method) {
    TESSERA_CHECK(open());
    const auto assignment = with_method(prepared_->assignment, question_.open, method);
    TESSERA_TRY(const auto details,
                quantize::describe_static(prepared_->model, assignment, question_.ranges,
                                          quantizing_, Monitor::silent()));
    TESSERA_CHECK(load(details));
    TESSERA_TRY(const auto noise, noise_of_weights(static_cast<std::size_t>(judge_->samples())));
    simulator_.reset();  // `details` goes
    return judge_->verdict_of(noise).error;
  }

 private:
  /// A scale that another method would round otherwise.
  struct Part {
    const quantize::ActivationScale* scale;
    numerics::QParams current;
    RangeMethod method;
    std::vector<std::optional<numerics::QParams>> offers;  // by alternative
  };

  /// Of the error of the best contender, on a few samples.
  Result<double> share_of_weights() {
    const auto& contender = contenders_[best()];
    TESSERA_CHECK(load(contender.details));
    TESSERA_TRY(const auto noise, noise_of_weights(contender.noise.size()));
    const auto everything =
        judge_->verdict_of(std::span(contender.noise).first(noise.size())).error;
    return everything > 0 ? judge_->verdict_of(noise).error / everything : 0;
  }

  /// Of the weights that are loaded, on no more than `samples`.
  Result<std::vector<std::vector<double>>> noise_of_weights(std::size_t samples) {
    constexpr std::size_t kFew = 4;
    simulator_->round_nothing();
    std::vector<std::vector<double>> noise;
    while (noise.size() < std::min(kFew, samples)) {
      TESSERA_TRY(auto one, judge_->noise(*simulator_, noise.size()));
      noise.push_back(std::move(one));
    }
    return noise;
  }

  /// Few samples may choose a method whose range changes with every sample, or cuts off what the
  /// judging ones do not show. With the ranges that are going to be used, and on all samples, it
  /// must be clearly better than min-max, too.
  Status look_again(MethodChoice& choice) {
    const auto& measured = question_.ranges.methods;
    const bool plain_is_known =
        std::find(measured.begin(), measured.end(), RangeMethod::kMinMax) != measured.end();
    if (!question_.final_ranges || !plain_is_known || choice.method == RangeMethod::kMinMax) {
      return {};
    }
    TESSERA_TRY(const auto ranges, question_.final_ranges({RangeMethod::kMinMax, choice.method}));
    std::vector<std::int64_t> all(static_cast<std::size_t>(question_.samples.size()));
    std::iota(all.begin(), all.end(), 0);
    TESSERA_TRY(const auto reference, Simulator::open(library_, prepared_->model, judged_));
    TESSERA_TRY(const auto judge, Judge::make(*reference, judged_, question_.samples, all));
    TESSERA_TRY(const double chosen, final_error(judge, ranges, choice.method));
    TESSERA_TRY(const double plain, final_error(judge, ranges, RangeMethod::kMinMax));
    if (chosen <= kClearly * plain) {
      return {};
    }
    choice.reason = fmt::format("{} was closer, but is not by 1 dB with the ranges of all samples",
                                numerics::to_string(choice.method));
    choice.method = RangeMethod::kMinMax;
    return {};
  }

  Result<double> final_error(const Judge& judge, const calibrate::Ranges& ranges,
                             RangeMethod method) {
    const auto assignment = with_method(prepared_->assignment, question_.open, method);
    TESSERA_TRY(const auto details, quantize::describe_static(prepared_->model, assignment, ranges,
                                                              quantizing_, Monitor::silent()));
    TESSERA_CHECK(load(details));
    const auto error = judge.error(*simulator_);
    simulator_.reset();  // `details` goes
    return error;
  }

  /// Tries the next best methods for quarters of the model, for quarters of those, and so on.
  Status mix(MethodChoice& choice) {
    const auto base = best();
    const auto alternatives = next_best(base);
    auto parts = parts_of(contenders_[base], alternatives);
    if (parts.empty()) {
      return {};
    }
    TESSERA_CHECK(load(contenders_[base].details));
    TESSERA_TRY(auto runs, affordable_runs());
    const auto half = static_cast<std::size_t>(judge_->samples()) / 2;
    constexpr std::int64_t kWorthIt = 16;  // trials
    const auto samples = runs / static_cast<std::int64_t>(half) >= kWorthIt ? half : half / 2;
    double least = judge_->verdict_of(std::span(contenders_[base].noise).first(samples)).error;
    bool changed = false;
    for (std::size_t pieces = 4; pieces < 4 * parts.size(); pieces *= 4) {
      const auto count = std::min(pieces, parts.size());
      for (std::size_t piece = count; piece-- > 0;) {  // what is near the outputs matters most
        const auto some = std::span(parts).subspan(
            piece * parts.size() / count,
            (piece + 1) * parts.size() / count - piece * parts.size() / count);
        for (std::size_t i = 0; i < alternatives.size(); ++i) {
          runs -= static_cast<std::int64_t>(samples);
          if (runs < 0) {
            return changed ? prove(choice, parts, base, half) : Status();
          }
          TESSERA_TRY(const bool taken,
                      offer(some, contenders_[alternatives[i]].method, i, samples, least));
          changed = changed || taken;
        }
      }
    }
    return changed ? prove(choice, parts, base, half) : Status();
  }

  /// The two next best that are not hopeless.
  [[nodiscard]] std::vector<std::size_t> next_best(std::size_t base) const {
    std::vector<std::pair<double, std::size_t>> others;
    const auto samples = contenders_[base].noise.size() / 4;
    for (std::size_t i = 0; i < contenders_.size(); ++i) {
      if (i != base && !contenders_[i].same_as) {
        const auto shared = std::min(samples, contenders_[i].noise.size());
        others.emplace_back(judge_->verdict_of(std::span(contenders_[i].noise).first(shared)).error,
                            i);
      }
    }
    std::sort(others.begin(), others.end());
    std::vector<std::size_t> best;
    constexpr std::size_t kMost = 2;
    for (std::size_t i = 0; i < std::min(kMost, others.size()); ++i) {
      best.push_back(others[i].second);
    }
    return best;
  }

  [[nodiscard]] std::vector<Part> parts_of(const Contender& base,
                                           const std::vector<std::size_t>& alternatives) const {
    std::vector<Part> parts;
    for (const auto& scale : base.details.activations) {
      if (scale.range_of.empty() || scale.method != base.method) {
        continue;
      }
      Part part{&scale, scale.qparams, base.method, {}};
      bool any = false;
      for (const auto i : alternatives) {
        const auto& others = contenders_[i].details.activations;
        const auto same = std::find_if(others.begin(), others.end(), [&](const auto& other) {
          return other.range_of == scale.range_of && other.tensors == scale.tensors;
        });
        const bool differs = same != others.end() && !(same->qparams == scale.qparams);
        part.offers.push_back(differs ? std::optional(same->qparams) : std::nullopt);
        any = any || differs;
      }
      if (any) {
        parts.push_back(std::move(part));
      }
    }
    return parts;
  }

  Result<std::int64_t> affordable_runs() {
    TESSERA_TRY(const auto sample, question_.samples.load(question_.judging.front()));
    TESSERA_TRY(const auto values, values_per_run(*simulator_, sample));
    TESSERA_TRY(const auto graph, prepared_->model.view());
    return runs_within(question_.effort_s, graph, values);
  }

  void round(const Part& part, const numerics::QParams& qparams) {
    for (const auto& tensor : part.scale->tensors) {
      if (const auto point = simulator_->point_of(tensor)) {
        simulator_->round(*point, Rounder{part.scale->spec.dtype, qparams});
      }
    }
  }

  /// Takes alternative `which` for these parts if the outputs of the first samples are closer.
  Result<bool> offer(std::span<Part> parts, RangeMethod method, std::size_t which,
                     std::size_t samples, double& least) {
    TESSERA_CHECK(monitor_.check());
    bool any = false;
    for (const auto& part : parts) {
      if (part.offers[which] && part.method != method) {
        round(part, *part.offers[which]);
        any = true;
      }
    }
    if (!any) {
      return false;
    }
    std::vector<std::vector<double>> noise;
    for (std::size_t i = 0; i < samples; ++i) {
      TESSERA_TRY(auto one, judge_->noise(*simulator_, i));
      noise.push_back(std::move(one));
    }
    const double error = judge_->verdict_of(noise).error;
    constexpr double kWorthIt = 0.99;
    const bool taken = error < kWorthIt * least;
    least = taken ? error : least;
    for (auto& part : parts) {
      if (part.offers[which] && taken) {
        part.current = *part.offers[which];
        part.method = method;
      } else if (!taken) {
        round(part, part.current);
      }
    }
    return taken;
  }

  /// Keeps the mix if it gains on the samples from `first` on, which did not choose it.
  Status prove(MethodChoice& choice, const std::vector<Part>& parts, std::size_t base,
               std::size_t first) {
    for (const auto& part : parts) {
      if (part.method != choice.method) {
        choice.others[part.scale->range_of] = part.method;
      }
    }
    if (choice.others.empty()) {
      return {};
    }
    const auto mixed = with_others(question_.ranges, choice);
    const auto assignment = with_method(prepared_->assignment, question_.open, choice.method);
    TESSERA_TRY(const auto details, quantize::describe_static(prepared_->model, assignment, mixed,
                                                              quantizing_, Monitor::silent()));
    TESSERA_CHECK(load(details));
    std::vector<std::vector<double>> noise;
    for (auto i = first; i < static_cast<std::size_t>(judge_->samples()); ++i) {
      TESSERA_TRY(auto one, judge_->noise(*simulator_, i));
      noise.push_back(std::move(one));
    }
    simulator_.reset();  // `details` goes
    const auto after = judge_->verdict_of(noise, first);
    const auto before =
        judge_->verdict_of(std::span(contenders_[base].noise).subspan(first), first);
    choice.mix = {decibel(before.error), decibel(after.error), std::ssize(noise),
                  std::ssize(choice.others), is_clearly_less(after, before)};
    if (!choice.mix->kept) {
      choice.others.clear();
    }
    return {};
  }

  Status open() {
    TESSERA_TRY(auto prepared, quantize::prepare(*question_.model.onnx(), question_.assignment,
                                                 quantizing_, Monitor::silent()));
    TESSERA_CHECK(prepared.model.infer_types(runtime::type_oracle(library_)));
    prepared_.emplace(std::move(prepared));
    TESSERA_TRY(const auto graph, prepared_->model.view());
    TESSERA_TRY(judged_, judged_values(graph, prepared_->model.path()));
    TESSERA_TRY(const auto reference, Simulator::open(library_, prepared_->model, judged_));
    TESSERA_TRY(judge_, Judge::make(*reference, judged_, question_.samples, judging()));
    return {};
  }

  [[nodiscard]] std::vector<std::int64_t> judging() const {
    return evenly_from_the_start(question_.judging);
  }

  Status find_contenders() {
    for (const auto method : numerics::kRangeMethods) {
      const auto& measured = question_.ranges.methods;
      if (std::find(measured.begin(), measured.end(), method) == measured.end()) {
        continue;
      }
      const auto assignment = with_method(prepared_->assignment, question_.open, method);
      TESSERA_TRY(auto details,
                  quantize::describe_static(prepared_->model, assignment, question_.ranges,
                                            quantizing_, Monitor::silent()));
      Contender contender{method, std::move(details), {}, {}};
      for (std::size_t i = 0; i < contenders_.size() && !contender.same_as; ++i) {
        if (same_activations(contenders_[i].details, contender.details) &&
            same_weights(contenders_[i].details, contender.details)) {
          contender.same_as = i;
        }
      }
      contenders_.push_back(std::move(contender));
    }
    if (contenders_.empty()) {
      return fail(ErrorCode::kFailedPrecondition, "no range method was measured")
          .hint("calibrate with --method all");
    }
    return {};
  }

  /// Runs the contender's roundings on the first `count` samples, as far as that was not done.
  Status judge(Contender& contender, std::size_t count) {
    if (contender.same_as) {
      contender.noise = contenders_[*contender.same_as].noise;
      return {};
    }
    if (contender.noise.size() >= count) {
      return {};
    }
    TESSERA_CHECK(load(contender.details));
    while (contender.noise.size() < count) {
      TESSERA_CHECK(monitor_.check());
      TESSERA_TRY(auto noise, judge_->noise(*simulator_, contender.noise.size()));
      contender.noise.push_back(std::move(noise));
      monitor_.progress("choosing the range method", ++done_,
                        std::ssize(contenders_) * judge_->samples());
    }
    return {};
  }

  /// The session is opened anew only where weights differ; ranges hardly ever change them.
  Status load(const StaticDetails& details) {
    auto taps = taps_of(details, judged_);
    if (!simulator_ || !same_weights(*loaded_, details) || simulator_->tensors() != taps) {
      simulator_.reset();
      TESSERA_TRY(const auto rounded,
                  quantize::with_rounded_weights(prepared_->model, details, {}));
      TESSERA_TRY(simulator_, Simulator::open(library_, rounded, std::move(taps)));
      loaded_ = &details;
    }
    simulator_->round_nothing();
    round_activations(*simulator_, details);
    return {};
  }

  [[nodiscard]] double error_of(const Contender& contender) const {
    return judge_->verdict_of(contender.noise).error;
  }

  /// The first of least error, among those that saw most samples.
  [[nodiscard]] std::size_t best() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < contenders_.size(); ++i) {
      const auto& mine = contenders_[i];
      const auto& other = contenders_[best];
      if (mine.noise.size() > other.noise.size() ||
          (mine.noise.size() == other.noise.size() && error_of(mine) < error_of(other))) {
        best = i;
      }
    }
    return best;
  }

  [[nodiscard]] MethodChoice conclude(std::size_t all) const {
    MethodChoice choice;
    for (const auto& contender : contenders_) {
      choice.trials.push_back({contender.method, decibel(error_of(contender)),
                               static_cast<std::int64_t>(contender.noise.size())});
    }
    choice.judged = static_cast<std::int64_t>(all);
    const auto& winner = contenders_[best()];
    const auto& plain = contenders_.front();
    choice.method = winner.method;
    if (choice.judged < kFewestJudging && plain.noise.size() == all &&
        error_of(winner) > kClearly * error_of(plain)) {
      choice.method = plain.method;
      choice.reason = fmt::format("{} sample{} cannot tell methods apart that are within 1 dB", all,
                                  all == 1 ? "" : "s");
      return choice;
    }
    choice.reason = "least error of the outputs on samples that its ranges do not know";
    return choice;
  }

  const MethodQuestion& question_;
  quantize::QuantizeOptions quantizing_{.everywhere = question_.everywhere};
  std::shared_ptr<const runtime::Library> library_;
  Monitor& monitor_;
  std::optional<quantize::Prepared> prepared_;
  std::vector<std::string> judged_;
  std::optional<Judge> judge_;
  std::vector<Contender> contenders_;
  std::unique_ptr<Simulator> simulator_;
  const StaticDetails* loaded_ = nullptr;
  std::int64_t done_ = 0;
};

std::vector<std::int64_t> evenly(std::int64_t samples, std::int64_t count) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < count; ++i) {
    indices.push_back((2 * i + 1) * samples / (2 * count));
  }
  return indices;
}

/// Min-max, or what was measured instead.
MethodChoice unjudged(const calibrate::Ranges& ranges, std::string reason) {
  MethodChoice choice;
  const auto& measured = ranges.methods;
  if (!measured.empty() &&
      std::find(measured.begin(), measured.end(), choice.method) == measured.end()) {
    choice.method = measured.front();
  }
  choice.reason = std::move(reason);
  return choice;
}

/// Where a channel is cut off says little of the others once they have scales of their own, which
/// the simulation does not know: models are built. What weights alone do can be simulated.
Result<MethodChoice> choose_scaled(const MethodQuestion& question,
                                   const std::shared_ptr<const runtime::Library>& library,
                                   Monitor& monitor) {
  TESSERA_TRY(auto choice, choose_by_building(question, library, monitor));
  const auto trial = std::find_if(choice.trials.begin(), choice.trials.end(),
                                  [&](const auto& one) { return one.method == choice.method; });
  if (trial == choice.trials.end() || !std::isfinite(trial->sqnr_db)) {
    return choice;
  }
  TESSERA_TRY(const double error,
              Chooser(question, library, monitor).error_of_weights(choice.method));
  const double share = error * std::pow(10, trial->sqnr_db / 10);
  choice.weights_share = std::isfinite(share) ? std::optional(share) : std::nullopt;
  return choice;
}

bool scales_channels(const MethodQuestion& question) {
  return !question.ranges.channels.empty() &&
         std::any_of(
             question.assignment.begin(), question.assignment.end(), [](const Scheme& scheme) {
               return scheme.mode == Mode::kStatic && scheme.format == quantize::Format::kKernels;
             });
}

}  // namespace

std::vector<std::int64_t> samples_apart(std::int64_t samples) {
  return evenly(samples, std::min(samples / 2, kMostApart));
}

calibrate::Ranges with_others(calibrate::Ranges ranges, const MethodChoice& choice) {
  for (const auto& [tensor, method] : choice.others) {
    const auto found = ranges.tensors.find(tensor);
    const auto range = ranges.find(tensor, method);
    if (found != ranges.tensors.end() && range) {
      found->second[choice.method] = *range;
    }
  }
  return ranges;
}

Assignment with_method(Assignment assignment, RangeMethod open, RangeMethod method) {
  for (auto& scheme : assignment) {
    if (scheme.mode == Mode::kStatic && scheme.method == open) {
      scheme.method = method;
    }
  }
  return assignment;
}

Result<MethodChoice> choose_method(const MethodQuestion& question,
                                   std::shared_ptr<const runtime::Library> library,
                                   Monitor& monitor) {
  if (question.ranges.methods.size() == 1) {
    return unjudged(question.ranges, "only this method was measured");
  }
  if (question.judging.empty()) {
    return unjudged(question.ranges, "one sample cannot judge ranges that were measured on it");
  }
  auto choice = question.model.onnx() == nullptr ? choose_by_building(question, library, monitor)
                : scales_channels(question)      ? choose_scaled(question, library, monitor)
                                                 : Chooser(question, library, monitor).run();
  if (!choice && choice.error().code != ErrorCode::kCancelled) {
    return unjudged(question.ranges,
                    fmt::format("the outputs cannot be judged: {}", choice.error().message));
  }
  return choice;
}

Fields<MethodTrial> fields_of(const MethodTrial*) {
  static constexpr std::array kFields = {
      written<&MethodTrial::method>("method", "by which ranges follow from samples"),
      written<&MethodTrial::sqnr_db>("sqnr_db", "of the outputs, simulated"),
      written<&MethodTrial::samples>("samples",
                                     "that judged; fewer: clearly worse, and given up early")};
  return kFields;
}

Fields<MethodMix> fields_of(const MethodMix*) {
  static constexpr std::array kFields = {
      written<&MethodMix::before_db>("before_db", "SQNR with one method, on the other half"),
      written<&MethodMix::after_db>("after_db", "the same with the mix"),
      written<&MethodMix::samples>("samples", "that proved it"),
      written<&MethodMix::tensors>("tensors", "by another method"),
      written<&MethodMix::kept>("kept", "it gained by more than chance")};
  return kFields;
}

Fields<MethodChoice> fields_of(const MethodChoice*) {
  static constexpr std::array kFields = {
      written<&MethodChoice::method>("method", "that was chosen"),
      written<&MethodChoice::judged>("judged_samples", "by which was chosen"),
      written<&MethodChoice::reason>("reason", "why this one"),
      written<&MethodChoice::trials>(
          "methods",
          "SQNR of the outputs by every method, simulated; empty if nothing could be judged"),
      written<&MethodChoice::mix>("mix",
                                  "another method for some tensors: found on one half of the "
                                  "samples, proved on the other")
          .if_any(),
      written<&MethodChoice::weights_share>("weights_share",
                                            "error with nothing but the weights rounded, relative "
                                            "to that with everything rounded")
          .if_any()};
  return kFields;
}

Json to_json(const MethodChoice& choice) {
  return as_json(choice);
}

}  // namespace tessera::refine
