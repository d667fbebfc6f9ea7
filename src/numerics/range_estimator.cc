// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/range_estimator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "numerics/cells.h"
#include "numerics/histogram.h"
#include "numerics/simd.h"
#include "numerics/text_numbers.h"

namespace tessera::numerics {
namespace {

constexpr std::array<std::string_view, kRangeMethods.size()> kMethodNames = {
    "minmax", "moving-average", "percentile", "entropy", "mse", "distribution"};

constexpr double kMovingAverageWeight = 0.01;
/// Places in the order of samples; leaves room for the offset of a shard.
constexpr std::int32_t kMostSamples = 1 << 30;

/// Extrema of one sample.
struct SampleExtrema {
  std::int32_t order = 0;
  float min = 0;
  float max = 0;
};

RealRange symmetric_around_zero(RealRange range) {
  const double reach = std::max(std::abs(range.min), std::abs(range.max));
  return {-reach, reach};
}

RealRange moving_average(const std::vector<SampleExtrema>& samples) {
  RealRange average{double{samples.front().min}, double{samples.front().max}};
  for (const SampleExtrema& sample : samples) {
    average.min += kMovingAverageWeight * (double{sample.min} - average.min);
    average.max += kMovingAverageWeight * (double{sample.max} - average.max);
  }
  return average;
}

/// Sorts by order and joins what belongs to one sample.
void normalize(std::vector<SampleExtrema>& samples) {
  std::sort(samples.begin(), samples.end(),
            [](const auto& a, const auto& b) { return a.order < b.order; });
  std::size_t kept = 0;
  for (const SampleExtrema& sample : samples) {
    if (kept > 0 && samples[kept - 1].order == sample.order) {
      SampleExtrema& joined = samples[kept - 1];
      joined.min = std::min(joined.min, sample.min);
      joined.max = std::max(joined.max, sample.max);
      continue;
    }
    samples[kept++] = sample;
  }
  samples.resize(kept);
}

Failure damaged(std::string_view what) {
  return fail(ErrorCode::kDataLoss, "the state of a range estimator is damaged: {}", what)
      .hint("make the shard file again");
}

/// A member that is a non-negative integer.
Result<std::int64_t> count_member(const Json& json, const char* key) {
  const auto value = whole_number_or(json, key, -1);
  constexpr std::int64_t kMost = std::int64_t{1} << 55;
  if (value < 0 || value > kMost) {
    return damaged(key);
  }
  return value;
}

Result<float> float_element(const Json& json) {
  if (!json.is_number()) {
    return damaged("not a number");
  }
  const auto value = json.get<double>();
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(narrow) || double{narrow} != value) {
    return damaged("not a float32 number");
  }
  return narrow;
}

/// "ORDER MIN MAX ORDER MIN MAX ...", whose union must be what was seen.
Result<std::vector<SampleExtrema>> parse_samples(std::string_view text, RealRange seen) {
  TextNumbers numbers(text);
  std::vector<SampleExtrema> samples;
  RealRange all{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  std::int32_t previous = -1;
  while (!numbers.done()) {
    SampleExtrema sample;
    if (!numbers.next(sample.order) || !numbers.next(sample.min) || !numbers.next(sample.max) ||
        sample.order <= previous || sample.order >= kMostSamples || !(sample.min <= sample.max)) {
      return damaged("samples");
    }
    previous = sample.order;
    all = {std::min(all.min, double{sample.min}), std::max(all.max, double{sample.max})};
    samples.push_back(sample);
  }
  if (!(all == seen)) {
    return damaged("samples and extrema disagree");
  }
  return samples;
}

}  // namespace

std::string_view to_string(RangeMethod method) noexcept {
  return kMethodNames[static_cast<std::size_t>(method)];
}

Result<RangeMethod> range_method_from_string(std::string_view name) {
  for (const RangeMethod method : kRangeMethods) {
    if (to_string(method) == name) {
      return method;
    }
  }
  return fail(ErrorCode::kInvalidArgument, "unknown calibration method '{}'", name)
      .hint("choose one of {}", fmt::join(kMethodNames, ", "));
}

bool needs_histogram(std::span<const RangeMethod> methods) {
  return std::any_of(methods.begin(), methods.end(), [](RangeMethod method) {
    return method != RangeMethod::kMinMax && method != RangeMethod::kMovingAverage;
  });
}

struct EstimatorScratch::State {
  Histogram::Tables tables = Histogram::make_tables();
};

EstimatorScratch::EstimatorScratch() : state_(std::make_unique<State>()) {}
EstimatorScratch::EstimatorScratch(EstimatorScratch&&) noexcept = default;
EstimatorScratch& EstimatorScratch::operator=(EstimatorScratch&&) noexcept = default;
EstimatorScratch::~EstimatorScratch() = default;

struct RangeEstimator::State {
  EstimatorOptions options;
  Histogram histogram;
  MinMax total{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 0,
               0, 0};
  std::vector<SampleExtrema> samples;  // in order, each once

  /// Keeps the order; samples mostly come in it.
  void put(SampleExtrema sample) {
    const bool in_order = samples.empty() || samples.back().order < sample.order;
    samples.push_back(sample);
    if (!in_order) {
      normalize(samples);
    }
  }
  [[nodiscard]] RealRange seen() const { return {double{total.min}, double{total.max}}; }
  [[nodiscard]] RealRange measure(RangeMethod method, const Distribution& distribution) const;
  [[nodiscard]] static MinMax find_extrema(std::span<const float> values);
};

RealRange RangeEstimator::State::measure(RangeMethod method,
                                         const Distribution& distribution) const {
  switch (method) {
    case RangeMethod::kMinMax:
      return seen();
    case RangeMethod::kMovingAverage:
      return moving_average(samples);
    case RangeMethod::kPercentile:
      return percentile_range(distribution, options.percentile);
    case RangeMethod::kEntropy:
      return least_divergence_range(distribution, options.quantized_levels, options.symmetric);
    case RangeMethod::kMse:
      return least_squares_range(distribution, options.quantized_levels, options.symmetric);
    case RangeMethod::kDistribution:
      break;
  }
  return deviation_range(distribution, options.deviations);
}

/// Infinities are passed over and counted, and so are the numbers that stand for them.
MinMax RangeEstimator::State::find_extrema(std::span<const float> values) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  const MinMax found = simd::find_min_max(values);
  if (found.finite == 0 || (found.min > -kLargest && found.max < kLargest)) {
    return found;
  }
  std::vector<float> numbers(values.begin(), values.end());
  std::erase_if(numbers, [](float x) { return std::abs(x) == kLargest; });
  MinMax without = simd::find_min_max(numbers);
  without.infinite += std::ssize(values) - std::ssize(numbers);
  return without;
}

RangeEstimator::RangeEstimator(const EstimatorOptions& options)
    : state_(std::make_unique<State>()) {
  state_->options = options;
}
RangeEstimator::RangeEstimator(RangeEstimator&&) noexcept = default;
RangeEstimator& RangeEstimator::operator=(RangeEstimator&&) noexcept = default;
RangeEstimator::~RangeEstimator() = default;

void RangeEstimator::add(std::span<const float> values, std::int64_t order,
                         EstimatorScratch& scratch) {
  MinMax sample{std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(), 0,
                0, 0};
  if (state_->options.histogram) {
    state_->histogram.add(values, scratch.state_->tables, sample);
  } else {
    sample = State::find_extrema(values);
  }
  MinMax& total = state_->total;
  total.nan += sample.nan;
  total.infinite += sample.infinite;
  if (sample.finite == 0) {
    return;
  }
  total.finite += sample.finite;
  // Adding 0 turns -0 into 0: equal values must not differ in a file.
  total.min = std::min(total.min, sample.min) + 0.0F;
  total.max = std::max(total.max, sample.max) + 0.0F;
  state_->put({static_cast<std::int32_t>(order), sample.min + 0.0F, sample.max + 0.0F});
}

void RangeEstimator::add(std::span<const float> values) {
  EstimatorScratch scratch;
  add(values, state_->samples.empty() ? 0 : state_->samples.back().order + 1, scratch);
}

void RangeEstimator::merge(const RangeEstimator& other, std::int64_t order_offset) {
  State& mine = *state_;
  const State& theirs = *other.state_;
  mine.histogram.merge(theirs.histogram);
  mine.total.finite += theirs.total.finite;
  mine.total.nan += theirs.total.nan;
  mine.total.infinite += theirs.total.infinite;
  mine.total.min = std::min(mine.total.min, theirs.total.min);
  mine.total.max = std::max(mine.total.max, theirs.total.max);
  for (SampleExtrema sample : theirs.samples) {
    sample.order += static_cast<std::int32_t>(order_offset);
    mine.samples.push_back(sample);
  }
  normalize(mine.samples);
}

Result<RealRange> RangeEstimator::range(RangeMethod method) const {
  TESSERA_TRY(const auto all, ranges({&method, 1}));
  return all.front();
}

Result<std::vector<RealRange>> RangeEstimator::ranges(std::span<const RangeMethod> methods) const {
  const auto& options = state_->options;
  if (state_->total.finite == 0) {
    return fail(ErrorCode::kFailedPrecondition, "no finite value was seen")
        .hint("the tensor was empty, or all of it NaN or infinite, in every sample");
  }
  if (needs_histogram(methods) && !options.histogram) {
    return fail(ErrorCode::kFailedPrecondition, "only extrema were kept")
        .hint("name all methods that are wanted before samples are looked at");
  }
  const bool constant = state_->total.min == state_->total.max;
  Distribution distribution;
  if (!constant && needs_histogram(methods)) {
    distribution = state_->histogram.distribution(state_->seen());
    distribution = options.symmetric ? mirrored(distribution) : std::move(distribution);
  }
  std::vector<RealRange> ranges;
  for (const auto method : methods) {
    const auto range = constant ? state_->seen() : state_->measure(method, distribution);
    ranges.push_back(options.symmetric ? symmetric_around_zero(range) : range);
  }
  return ranges;
}

std::int64_t RangeEstimator::finite_count() const noexcept {
  return state_->total.finite;
}
std::int64_t RangeEstimator::nan_count() const noexcept {
  return state_->total.nan;
}
std::int64_t RangeEstimator::infinite_count() const noexcept {
  return state_->total.infinite;
}

Json RangeEstimator::to_json() const {
  const MinMax& total = state_->total;
  Json json = {{"finite", total.finite}, {"nan", total.nan}, {"infinite", total.infinite}};
  if (total.finite == 0) {
    return json;
  }
  json["min"] = double{total.min};
  json["max"] = double{total.max};
  json["histogram"] = state_->histogram.to_text();
  std::string text;
  for (const SampleExtrema& sample : state_->samples) {
    fmt::format_to(std::back_inserter(text), "{}{} {} {}", text.empty() ? "" : " ", sample.order,
                   sample.min, sample.max);
  }
  json["samples"] = std::move(text);
  return json;
}

Result<RangeEstimator> RangeEstimator::from_json(const Json& json,
                                                 const EstimatorOptions& options) {
  if (!json.is_object()) {
    return damaged("not an object");
  }
  RangeEstimator result(options);
  State& state = *result.state_;
  TESSERA_TRY(state.total.finite, count_member(json, "finite"));
  TESSERA_TRY(state.total.nan, count_member(json, "nan"));
  TESSERA_TRY(state.total.infinite, count_member(json, "infinite"));
  if (state.total.finite == 0) {
    return result;
  }
  for (const char* key : {"min", "max", "histogram", "samples"}) {
    if (!json.contains(key)) {
      return damaged(key);
    }
  }
  TESSERA_TRY(state.total.min, float_element(json["min"]));
  TESSERA_TRY(state.total.max, float_element(json["max"]));
  if (!json["histogram"].is_string() || !json["samples"].is_string()) {
    return damaged("histogram");
  }
  TESSERA_TRY(state.histogram, Histogram::parse(json["histogram"].get_ref<const std::string&>()));
  if (state.histogram.count() != state.total.finite || state.total.min > state.total.max ||
      !state.histogram.fits(state.seen())) {
    return damaged("extrema and histogram disagree");
  }
  TESSERA_TRY(state.samples,
              parse_samples(json["samples"].get_ref<const std::string&>(), state.seen()));
  return result;
}

}  // namespace tessera::numerics
