// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/output_ranges.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "refine/quantized.h"
#include "tessera/quantize/assignment.h"

namespace tessera::refine {
namespace {

using numerics::RangeMethod;
using numerics::RealRange;
using quantize::ActivationScale;

/// The float model in which one scale at a time rounds its values.
class OneByOne {
 public:
  static Result<OneByOne> open(const StepContext& context, const onnx::Model& model,
                               const quantize::Assignment& assignment,
                               const calibrate::Ranges& ranges) {
    OneByOne self(context);
    TESSERA_TRY(self.details_, quantize::describe_static(model, assignment, ranges,
                                                         context.quantizing, context.monitor));
    TESSERA_TRY(self.simulator_,
                Simulator::open(context.library, model, taps_of(self.details_, context.judged)));
    return self;
  }

  [[nodiscard]] const std::vector<ActivationScale>& scales() const { return details_.activations; }

  /// Error of the outputs if `scale` alone rounds, to `range`.
  Result<double> error(const ActivationScale& scale, const RealRange& range) {
    return error(scale, range, context_.judge.samples());
  }
  /// The same on the first samples only.
  Result<double> error(const ActivationScale& scale, const RealRange& range, std::int64_t samples) {
    TESSERA_CHECK(context_.monitor.check());
    context_.budget.spend(samples);
    TESSERA_TRY(const auto qparams, numerics::compute_qparams(range, scale.spec));
    simulator_->round_nothing();
    for (const auto& tensor : scale.tensors) {
      simulator_->round(*simulator_->point_of(tensor), Rounder{scale.spec.dtype, qparams});
    }
    std::vector<std::vector<double>> noise;
    for (std::int64_t i = 0; i < samples; ++i) {
      TESSERA_TRY(auto one, context_.judge.noise(*simulator_, static_cast<std::size_t>(i)));
      noise.push_back(std::move(one));
    }
    return context_.judge.verdict_of(noise).error;
  }

 private:
  explicit OneByOne(const StepContext& context) : context_(context) {}

  const StepContext& context_;
  quantize::StaticDetails details_;
  std::unique_ptr<Simulator> simulator_;
};

/// Everything rounds, weights included; one scale after the other is changed.
class Together {
 public:
  static Result<Together> open(const StepContext& context, const onnx::Model& model,
                               const quantize::Assignment& assignment,
                               const calibrate::Ranges& ranges) {
    Together self(context);
    TESSERA_TRY(const auto details, quantize::describe_static(model, assignment, ranges,
                                                              context.quantizing, context.monitor));
    TESSERA_TRY(const auto rounded, quantize::with_rounded_weights(model, details, {}));
    TESSERA_TRY(self.simulator_,
                Simulator::open(context.library, rounded, taps_of(details, context.judged)));
    round_activations(*self.simulator_, details);
    TESSERA_TRY(self.error_, context.judge.error(*self.simulator_));
    return self;
  }

  /// Takes `range` in the place of `current` if the outputs are closer for it.
  Result<bool> offer(const ActivationScale& scale, const RealRange& current,
                     const RealRange& range) {
    if (current == range) {
      return false;
    }
    TESSERA_CHECK(context_.monitor.check());
    TESSERA_CHECK(round(scale, range));
    context_.budget.spend(context_.judge.samples());
    TESSERA_TRY(const double error, context_.judge.error(*simulator_));
    constexpr double kWorthIt = 0.998;
    if (error < kWorthIt * error_) {
      error_ = error;
      return true;
    }
    TESSERA_CHECK(round(scale, current));
    return false;
  }

 private:
  explicit Together(const StepContext& context) : context_(context) {}

  Status round(const ActivationScale& scale, const RealRange& range) {
    TESSERA_TRY(const auto qparams, numerics::compute_qparams(range, scale.spec));
    for (const auto& tensor : scale.tensors) {
      if (const auto point = simulator_->point_of(tensor)) {
        simulator_->round(*point, Rounder{scale.spec.dtype, qparams});
      }
    }
    return {};
  }

  const StepContext& context_;
  std::unique_ptr<Simulator> simulator_;
  double error_ = 0;
};

/// The candidate of least error, the first of equals; different methods often agree.
Result<RealRange> best_method(OneByOne& model, const ActivationScale& scale,
                              const std::map<RangeMethod, RealRange>& candidates) {
  std::vector<numerics::QParams> seen;
  RealRange best;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [method, range] : candidates) {
    TESSERA_TRY(const auto qparams, numerics::compute_qparams(range, scale.spec));
    if (std::find(seen.begin(), seen.end(), qparams) != seen.end()) {
      continue;
    }
    seen.push_back(qparams);
    TESSERA_TRY(const double error, model.error(scale, range));
    if (error < least) {
      least = error;
      best = range;
    }
  }
  return best;
}

std::int64_t differences(const std::vector<ActivationScale>& scales, const calibrate::Ranges& a,
                         const calibrate::Ranges& b) {
  return std::count_if(scales.begin(), scales.end(), [&](const auto& scale) {
    return !scale.range_of.empty() &&
           a.find(scale.range_of, scale.method) != b.find(scale.range_of, scale.method);
  });
}

/// Draws in one end, or both of a symmetric range, while the error falls noticeably.
class EndSearch {
 public:
  EndSearch(OneByOne& model, const ActivationScale& scale, RealRange range, double error)
      : model_(model), scale_(scale), range_(range), error_(error) {}

  Result<RealRange> run(const Budget& budget, std::int64_t cost) {
    budget_ = &budget;
    cost_ = cost;
    const bool both = scale_.spec.symmetric;
    if (range_.min < 0) {
      TESSERA_CHECK(draw_in(true, both));
    }
    if (range_.max > 0 && !(both && range_.min < 0)) {
      TESSERA_CHECK(draw_in(both, true));
    }
    return range_;
  }

 private:
  Status draw_in(bool low, bool high) {
    constexpr double kWorthIt = 0.995;
    for (const double factor : {0.5, 0.8, 0.93}) {
      while (budget_->allows(cost_)) {
        const RealRange trial{low ? range_.min * factor : range_.min,
                              high ? range_.max * factor : range_.max};
        TESSERA_TRY(const double error, model_.error(scale_, trial));
        if (!(error < kWorthIt * error_)) {
          break;
        }
        range_ = trial;
        error_ = error;
      }
    }
    return {};
  }

  OneByOne& model_;
  const ActivationScale& scale_;
  RealRange range_;
  double error_;
  const Budget* budget_ = nullptr;
  std::int64_t cost_ = 0;  // of one trial
};

/// A scale and what it alone does to the outputs.
struct Harm {
  const ActivationScale* scale;
  RealRange range;
  double error;
};

/// Most harmful first; measured on a few samples, which is enough to order them. As many as the
/// budget allows, in the order of the model.
Result<std::vector<Harm>> by_harm(const StepContext& context, OneByOne& model,
                                  const calibrate::Ranges& ranges) {
  constexpr std::int64_t kSamples = 2;
  const auto samples = std::min(kSamples, context.judge.samples());
  std::vector<Harm> harms;
  std::int64_t done = 0;
  for (const auto& scale : model.scales()) {
    context.monitor.progress("error of each range", done++, std::ssize(model.scales()));
    const auto range = ranges.find(scale.range_of, scale.method);
    if (!range) {
      continue;
    }
    if (!context.budget.allows(samples)) {
      break;
    }
    TESSERA_TRY(const double error, model.error(scale, *range, samples));
    harms.push_back({&scale, *range, error});
  }
  std::stable_sort(harms.begin(), harms.end(),
                   [](const Harm& a, const Harm& b) { return a.error > b.error; });
  return harms;
}

void say_where_it_stopped(const StepContext& context, std::string_view step, std::size_t done,
                          std::size_t all) {
  if (done < all) {
    context.skipped.push_back(fmt::format(
        "{}: {} of {} ranges, most harmful first: the effort was spent", step, done, all));
  }
}

}  // namespace

Result<std::int64_t> choose_methods(const StepContext& context, const onnx::Model& model,
                                    const quantize::Assignment& assignment,
                                    calibrate::Ranges& ranges) {
  const auto original = ranges;
  TESSERA_TRY(auto one_by_one, OneByOne::open(context, model, assignment, ranges));
  TESSERA_TRY(auto together, Together::open(context, model, assignment, ranges));
  // What is left is for the ends of the ranges.
  Budget later(context.budget.left() / 2);
  context.budget.spend(later.left());
  TESSERA_TRY(const auto harms, by_harm(context, one_by_one, ranges));
  const auto most = static_cast<std::int64_t>(numerics::kRangeMethods.size()) + 1;
  std::size_t done = 0;
  for (const auto& [scale, current, error] : harms) {
    if (!context.budget.allows(most * context.judge.samples())) {
      break;
    }
    context.monitor.progress("ranges by output error", static_cast<std::int64_t>(done++),
                             std::ssize(harms));
    const auto candidates = original.tensors.find(scale->range_of);
    TESSERA_TRY(const auto best, best_method(one_by_one, *scale, candidates->second));
    TESSERA_TRY(const bool taken, together.offer(*scale, current, best));
    if (taken) {
      ranges.tensors[scale->range_of][scale->method] = best;
    }
  }
  context.budget.spend(-later.left());
  say_where_it_stopped(context, "ranges-by-output", done, harms.size());
  return differences(one_by_one.scales(), original, ranges);
}

Result<std::int64_t> refine_ends(const StepContext& context, const onnx::Model& model,
                                 const quantize::Assignment& assignment,
                                 calibrate::Ranges& ranges) {
  TESSERA_TRY(auto one_by_one, OneByOne::open(context, model, assignment, ranges));
  TESSERA_TRY(auto together, Together::open(context, model, assignment, ranges));
  const auto original = ranges;
  TESSERA_TRY(const auto harms, by_harm(context, one_by_one, ranges));
  double sum = 0;
  for (const auto& harm : harms) {
    sum += harm.error;
  }
  // The few that make almost all of the error are worth a search.
  constexpr double kShare = 0.97;
  constexpr std::size_t kMost = 30;
  double covered = 0;
  std::size_t count = 0;
  while (count < std::min(kMost, harms.size()) && covered < kShare * sum) {
    covered += harms[count++].error;
  }
  const auto cost = context.judge.samples();
  std::size_t done = 0;
  while (done < count && context.budget.allows(3 * cost)) {
    const auto& [scale, range, rough] = harms[done];
    context.monitor.progress("scales", static_cast<std::int64_t>(done++),
                             static_cast<std::int64_t>(count));
    TESSERA_TRY(const double error, one_by_one.error(*scale, range));
    TESSERA_TRY(const auto best,
                EndSearch(one_by_one, *scale, range, error).run(context.budget, cost));
    TESSERA_TRY(const bool taken, together.offer(*scale, range, best));
    if (taken) {
      ranges.tensors[scale->range_of][scale->method] = best;
    }
  }
  say_where_it_stopped(context, "scales", done, count);
  return differences(one_by_one.scales(), original, ranges);
}

}  // namespace tessera::refine
