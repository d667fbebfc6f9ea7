// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/range_estimator.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "numerics/cells.h"
#include "numerics/histogram.h"
#include "numerics/simd.h"
#include "support/matchers.h"
#include "tessera/core/random.h"
#include "tessera/numerics/kernels.h"

namespace tessera::numerics {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

enum class Kind : std::uint8_t { kNormal, kRelu, kSwish, kLaplace, kOutliers, kUniform };
constexpr Kind kKinds[] = {Kind::kNormal,  Kind::kRelu,     Kind::kSwish,
                           Kind::kLaplace, Kind::kOutliers, Kind::kUniform};

std::vector<float> values_of(Kind kind, std::size_t count, std::uint64_t seed, double scale = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    double x = random.normal();
    switch (kind) {
      case Kind::kNormal:
        break;
      case Kind::kRelu:
        x = std::max(x, 0.0);
        break;
      case Kind::kSwish:
        x = 3 * x / (1 + std::exp(-3 * x));
        break;
      case Kind::kLaplace:
        x = std::log(1 - random.uniform()) * (x < 0 ? 1 : -1);
        break;
      case Kind::kOutliers:
        x = random.uniform() < 1e-5 ? 300 * x : x;
        break;
      case Kind::kUniform:
        x = random.uniform() - 0.25;
        break;
    }
    value = static_cast<float>(x * scale);
  }
  return values;
}

RangeEstimator estimator_of(std::span<const float> values, const EstimatorOptions& options = {}) {
  RangeEstimator estimator(options);
  estimator.add(values);
  return estimator;
}

RealRange range_of(const RangeEstimator& estimator, RangeMethod method) {
  const auto range = estimator.range(method);
  EXPECT_THAT(range, IsOk());
  return range.value_or(RealRange{});
}

/// Mean squared error of quantizing the very values to 8 bits, by the kernels of the product.
double true_error(std::span<const float> values, RealRange range) {
  const QParams qparams = *compute_qparams(range, {.dtype = DType::kUInt8});
  std::vector<std::byte> integers(values.size());
  std::vector<float> back(values.size());
  quantize(values, qparams, DType::kUInt8, integers);
  dequantize(integers, qparams, DType::kUInt8, back);
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double error = double{values[i]} - double{back[i]};
    sum += error * error;
  }
  return sum / static_cast<double>(values.size());
}

TEST(RangeMethods, NamesRoundTrip) {
  for (const RangeMethod method : kRangeMethods) {
    EXPECT_EQ(*range_method_from_string(to_string(method)), method);
  }
  EXPECT_THAT(range_method_from_string("mimmax"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'mimmax'")));
}

// --- the state -----------------------------------------------------------------------------

/// Any batch of numbers: many magnitudes, signs, zeros and non-numbers.
std::vector<float> any_values() {
  const auto count = static_cast<std::size_t>(*rc::gen::inRange(0, 3000));
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  const double octaves = *rc::gen::inRange(1, 60);
  const int shift = *rc::gen::inRange(-100, 60);
  const bool negatives = *rc::gen::arbitrary<bool>();
  std::vector<float> values(count);
  for (float& value : values) {
    const double magnitude = std::exp2(shift + octaves * random.uniform());
    const std::uint64_t kind = random.below(50);
    value = static_cast<float>(negatives && random.below(2) == 0 ? -magnitude : magnitude);
    value = kind == 0 ? 0.0F : value;
    value = kind == 1 ? -0.0F : value;
    value = kind == 2 ? kNan : value;
    value = kind == 3 ? kInfinity : value;
  }
  return values;
}

RC_GTEST_PROP(RangeEstimator, StateDoesNotDependOnOrderShardsOrTarget, ()) {
  std::vector<std::vector<float>> samples;
  const int count = *rc::gen::inRange(1, 6);
  for (int i = 0; i < count; ++i) {
    samples.push_back(any_values());
  }
  EstimatorScratch scratch;
  RangeEstimator whole;
  for (int i = 0; i < count; ++i) {
    whole.add(samples[static_cast<std::size_t>(i)], i, scratch);
  }
  const std::string expected = to_text(whole.to_json());
  for (const simd::Target& target : simd::targets()) {
    simd::force_target(target.id);
    RangeEstimator even;
    RangeEstimator odd;
    for (int i = count - 1; i >= 0; --i) {
      (i % 2 == 0 ? even : odd).add(samples[static_cast<std::size_t>(i)], i, scratch);
    }
    even.merge(odd);
    RC_ASSERT(to_text(even.to_json()) == expected);
  }
  simd::force_target(0);
}

RC_GTEST_PROP(RangeEstimator, JsonRoundTrips, ()) {
  RangeEstimator estimator;
  estimator.add(any_values());
  estimator.add(any_values());
  const Json json = estimator.to_json();
  const auto parsed = parse_json(to_text(json), "state");
  RC_ASSERT(parsed.has_value());
  const auto back = RangeEstimator::from_json(*parsed);
  if (!back) {
    RC_FAIL(back.error().message);
  }
  RC_ASSERT(to_text(back->to_json()) == to_text(json));
  if (estimator.finite_count() > 0) {
    for (const RangeMethod method : kRangeMethods) {
      RC_ASSERT(*back->range(method) == *estimator.range(method));
    }
  }
}

RC_GTEST_PROP(Histogram, CountsEqualASlowOne, ()) {
  const std::vector<float> values = any_values();
  Histogram histogram;
  auto tables = Histogram::make_tables();
  MinMax extrema{kInfinity, -kInfinity, 0, 0, 0};
  histogram.add(values, tables, extrema);
  float largest = 0;
  std::int64_t finite = 0;
  for (const float value : values) {
    if (std::isfinite(value)) {
      largest = std::max(largest, std::abs(value));
      ++finite;
    }
  }
  RC_ASSERT(histogram.count() == finite);
  RC_ASSERT(extrema.finite == finite);
  // Cells are the values sorted: every cell holds as many values as lie between its ends.
  const Distribution distribution =
      histogram.distribution({double{extrema.min}, double{extrema.max}});
  double total = 0;
  double previous = -std::numeric_limits<double>::infinity();
  for (const Cell& cell : distribution.cells) {
    RC_ASSERT(cell.low >= previous);
    RC_ASSERT(cell.high >= cell.low);
    previous = cell.high;
    total += cell.count;
  }
  RC_ASSERT(total == static_cast<double>(finite));
  for (const Cell& cell : distribution.cells) {
    if (cell.width() == 0 || cell.low == 0 || cell.high == 0) {
      continue;
    }
    const auto inside = std::count_if(values.begin(), values.end(), [&](float value) {
      const double x{value};
      return cell.low > 0 ? x >= cell.low && (x < cell.high || x == double{extrema.max})
                          : x <= cell.high && (x > cell.low || x == double{extrema.min});
    });
    RC_ASSERT(cell.count >= static_cast<double>(inside) * 0.999 - 2);
  }
}

TEST(RangeEstimator, NonFiniteValues_AreCountedAndPassedOver) {
  std::vector<float> values = values_of(Kind::kNormal, 50'000, 1);
  values[100] = kNan;
  values[40'000] = kInfinity;
  values[40'001] = -kInfinity;
  const RangeEstimator estimator = estimator_of(values);
  EXPECT_EQ(estimator.nan_count(), 1);
  EXPECT_EQ(estimator.infinite_count(), 2);
  EXPECT_EQ(estimator.finite_count(), 49'997);
  const MinMax extrema = find_min_max(values);
  EXPECT_EQ(range_of(estimator, RangeMethod::kMinMax),
            (RealRange{double{extrema.min}, double{extrema.max}}));
}

TEST(RangeEstimator, NothingSeen_HasNoRange) {
  const RangeEstimator empty;
  EXPECT_THAT(empty.range(RangeMethod::kMinMax),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no finite value")));
  const RangeEstimator nothing = estimator_of(std::vector<float>{kNan, kInfinity});
  EXPECT_THAT(nothing.range(RangeMethod::kMse),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no finite value")));
}

TEST(RangeEstimator, Constants_GiveThemselvesByEveryMethod) {
  for (const float constant : {0.0F, 3.5F, -2.0F, 1e-30F}) {
    const RangeEstimator estimator = estimator_of(std::vector<float>(1000, constant));
    for (const RangeMethod method : kRangeMethods) {
      EXPECT_EQ(range_of(estimator, method), (RealRange{double{constant}, double{constant}}));
    }
  }
}

TEST(RangeEstimator, EveryMethodStaysWithinWhatWasSeen) {
  for (const Kind kind : kKinds) {
    for (const double scale : {1.0, -1.0, 1e-20, 1e20}) {
      const RangeEstimator estimator = estimator_of(values_of(kind, 20'000, 2, scale));
      const RealRange seen = range_of(estimator, RangeMethod::kMinMax);
      for (const RangeMethod method : kRangeMethods) {
        const RealRange range = range_of(estimator, method);
        EXPECT_GE(range.min, seen.min) << to_string(method);
        EXPECT_LE(range.max, seen.max) << to_string(method);
        EXPECT_LE(range.min, range.max) << to_string(method);
      }
    }
  }
}

TEST(RangeEstimator, OneSidedValuesAwayFromZero_AreHandled) {
  std::vector<float> values = values_of(Kind::kUniform, 5000, 3);
  for (float& value : values) {
    value += 5;
  }
  const RangeEstimator estimator = estimator_of(values);
  for (const RangeMethod method : kRangeMethods) {
    const RealRange range = range_of(estimator, method);
    EXPECT_GE(range.min, 4.7) << to_string(method);
    EXPECT_LE(range.max, 5.8) << to_string(method);
    EXPECT_LE(range.min, range.max) << to_string(method);
  }
}

TEST(RangeEstimator, MoreThanThirtyTwoBitsOfCounts_DoNotWrap) {
  RangeEstimator estimator = estimator_of(std::vector<float>{0.0F, 1.0F, 2.0F, 2.0F});
  constexpr int kDoublings = 34;
  std::int64_t expected = 4;
  for (int i = 0; i < kDoublings; ++i) {
    const auto copy = RangeEstimator::from_json(estimator.to_json());
    ASSERT_THAT(copy, IsOk());
    estimator.merge(*copy);
    expected *= 2;
  }
  EXPECT_EQ(estimator.finite_count(), expected);
  estimator.add(std::vector<float>(40'000, 2.0F));
  estimator.add(std::vector<float>(10, 2.0F));
  EXPECT_EQ(estimator.finite_count(), expected + 40'010);
  // Were a counter wrong, counts and their sum would disagree.
  EXPECT_THAT(RangeEstimator::from_json(estimator.to_json()), IsOk());
}

TEST(RangeEstimator, LowestFloat_StandsForInfinity) {
  constexpr float kLowest = std::numeric_limits<float>::lowest();
  const RangeEstimator estimator = estimator_of(std::vector<float>{kLowest, -1, 0, 2, kLowest});
  EXPECT_EQ(estimator.infinite_count(), 2);
  EXPECT_EQ(estimator.finite_count(), 3);
  EXPECT_EQ(range_of(estimator, RangeMethod::kMinMax), (RealRange{-1, 2}));
  const float next = std::nextafter(kLowest, 0.0F);
  EXPECT_EQ(range_of(estimator_of(std::vector<float>{next, 2}), RangeMethod::kMinMax),
            (RealRange{double{next}, 2}));
}

RC_GTEST_PROP(RangeEstimator, ExtremaAlone_AreThoseBesideAHistogram, ()) {
  EstimatorScratch scratch;
  RangeEstimator full;
  RangeEstimator extrema(EstimatorOptions{.histogram = false});
  for (int order = 0; order < 3; ++order) {
    auto values = any_values();
    for (float& value : values) {
      const bool at_the_end = *rc::gen::inRange(0, 2000) == 0;
      value = at_the_end ? std::numeric_limits<float>::lowest() : value;
    }
    full.add(values, order, scratch);
    extrema.add(values, order, scratch);
  }
  RC_ASSERT(extrema.finite_count() == full.finite_count());
  RC_ASSERT(extrema.nan_count() == full.nan_count());
  RC_ASSERT(extrema.infinite_count() == full.infinite_count());
  for (const auto method : {RangeMethod::kMinMax, RangeMethod::kMovingAverage}) {
    RC_ASSERT(extrema.range(method).has_value() == full.range(method).has_value());
    RC_ASSERT(!full.range(method) || *extrema.range(method) == *full.range(method));
  }
}

TEST(RangeEstimator, ExtremaAlone_KnowNothingOfADistribution) {
  RangeEstimator estimator(EstimatorOptions{.histogram = false});
  estimator.add(std::vector<float>{-1, 0, 2});
  EXPECT_EQ(range_of(estimator, RangeMethod::kMinMax), (RealRange{-1, 2}));
  for (const auto method : {RangeMethod::kPercentile, RangeMethod::kEntropy, RangeMethod::kMse,
                            RangeMethod::kDistribution}) {
    EXPECT_THAT(estimator.range(method),
                FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("only extrema")));
  }
}

TEST(RangeEstimator, SeveralMethodsAtOnce_AreEachByItself) {
  for (const bool symmetric : {false, true}) {
    RangeEstimator estimator(EstimatorOptions{.symmetric = symmetric});
    estimator.add(values_of(Kind::kNormal, 20'000, 5));
    const auto all = estimator.ranges(kRangeMethods);
    ASSERT_THAT(all, IsOk());
    ASSERT_EQ(all->size(), kRangeMethods.size());
    for (std::size_t i = 0; i < kRangeMethods.size(); ++i) {
      EXPECT_EQ((*all)[i], range_of(estimator, kRangeMethods[i])) << to_string(kRangeMethods[i]);
    }
  }
}

/// Behind a ReLU most is 0, and its counter must not be forgotten.
TEST(RangeEstimator, Zeros_AreCounted) {
  for (const std::size_t count : {7U, 1000U, 40'000U}) {
    std::vector<float> values(count, 0.0F);
    values[count / 2] = 3;
    values[count / 3] = -0.0F;
    const RangeEstimator estimator = estimator_of(values);
    // Were one missing, counts and their sum would disagree.
    EXPECT_THAT(RangeEstimator::from_json(estimator.to_json()), IsOk());
    EXPECT_EQ(estimator.finite_count(), static_cast<std::int64_t>(count));
    EXPECT_EQ(range_of(estimator, RangeMethod::kMinMax), (RealRange{0, 3}));
  }
}

TEST(Mse, IsTheSameWithEveryInstructionSet) {
  const RangeEstimator estimator = estimator_of(values_of(Kind::kNormal, 30'000, 9));
  const auto expected = range_of(estimator, RangeMethod::kMse);
  for (const simd::Target& target : simd::targets()) {
    simd::force_target(target.id);
    EXPECT_EQ(range_of(estimator, RangeMethod::kMse), expected) << target.name;
  }
  simd::force_target(0);
}

RC_GTEST_PROP(RangeEstimator, MergedParts_AreTheConcatenation, ()) {
  EstimatorScratch scratch;
  RangeEstimator whole;
  RangeEstimator left;
  RangeEstimator right;
  for (int order = 0; order < 3; ++order) {
    std::vector<float> a = any_values();
    const std::vector<float> b = any_values();
    left.add(a, order, scratch);
    right.add(b, order, scratch);
    a.insert(a.end(), b.begin(), b.end());
    whole.add(a, order, scratch);
  }
  left.merge(right);
  RC_ASSERT(to_text(left.to_json()) == to_text(whole.to_json()));
}

// --- the methods ---------------------------------------------------------------------------

TEST(Percentile, IsTheQuantileOfTheValuesUpToABin) {
  for (const Kind kind : kKinds) {
    std::vector<float> values = values_of(kind, 400'000, 4);
    for (const double percentile : {99.999, 99.9, 99.0, 90.0}) {
      const RangeEstimator estimator = estimator_of(values, {.percentile = percentile});
      const RealRange range = range_of(estimator, RangeMethod::kPercentile);
      std::sort(values.begin(), values.end());
      const double cut = (100 - percentile) / 200 * static_cast<double>(values.size());
      const auto at = [&](double rank) {
        const auto last = static_cast<double>(values.size() - 1);
        return double{values[static_cast<std::size_t>(std::clamp(rank, 0.0, last))]};
      };
      // Within a bin (2^-8) of the order statistics around the wanted rank.
      const auto count = static_cast<double>(values.size());
      const auto expect_near_rank = [&](double value, double rank) {
        const double low = at(rank - 2);
        const double high = at(rank + 1);
        EXPECT_GE(value, low - std::abs(low) / 200 - 1e-3) << percentile;
        EXPECT_LE(value, high + std::abs(high) / 200 + 1e-3) << percentile;
      };
      expect_near_rank(range.min, cut);
      expect_near_rank(range.max, count - cut);
    }
  }
}

TEST(Percentile, HundredIsMinMax) {
  const RangeEstimator estimator =
      estimator_of(values_of(Kind::kOutliers, 10'000, 5), {.percentile = 100});
  const RealRange seen = range_of(estimator, RangeMethod::kMinMax);
  const RealRange range = range_of(estimator, RangeMethod::kPercentile);
  EXPECT_NEAR(range.min, seen.min, std::abs(seen.min) / 128);
  EXPECT_NEAR(range.max, seen.max, std::abs(seen.max) / 128);
}

TEST(Mse, ModelOfTheErrorIsTheErrorOfTheKernels) {
  for (const Kind kind : kKinds) {
    const std::vector<float> values = values_of(kind, 300'000, 6);
    Histogram histogram;
    auto tables = Histogram::make_tables();
    MinMax extrema{kInfinity, -kInfinity, 0, 0, 0};
    histogram.add(values, tables, extrema);
    const RealRange seen{double{extrema.min}, double{extrema.max}};
    const Distribution distribution = histogram.distribution(seen);
    for (const double part : {1.0, 0.7, 0.4, 0.1}) {
      const RealRange range{seen.min * part, seen.max * part};
      const double modelled = mean_squared_error(distribution, range, 256, false);
      EXPECT_NEAR(modelled / true_error(values, range), 1, 0.02)
          << static_cast<int>(kind) << " " << part;
    }
  }
}

TEST(Mse, IsNoWorseThanAnyRangeOfAFineGrid) {
  for (const Kind kind : kKinds) {
    const std::vector<float> values = values_of(kind, 100'000, 7);
    const RangeEstimator estimator = estimator_of(values);
    const RealRange seen = range_of(estimator, RangeMethod::kMinMax);
    double least = std::numeric_limits<double>::infinity();
    for (int low = 1; low <= 24; ++low) {
      for (int high = 1; high <= 24; ++high) {
        least = std::min(least, true_error(values, {seen.min * low / 24, seen.max * high / 24}));
      }
    }
    for (int shrink = 1; shrink < 40; ++shrink) {
      const double part = std::exp2(-0.25 * shrink);
      least = std::min(least, true_error(values, {seen.min * part, seen.max * part}));
    }
    const double found = true_error(values, range_of(estimator, RangeMethod::kMse));
    EXPECT_LE(found, least * 1.02) << static_cast<int>(kind);
  }
}

TEST(Entropy, FewOutliers_DoNotStretchTheRange) {
  const RangeEstimator estimator = estimator_of(values_of(Kind::kOutliers, 2'000'000, 8));
  const RealRange seen = range_of(estimator, RangeMethod::kMinMax);
  const RealRange range = range_of(estimator, RangeMethod::kEntropy);
  ASSERT_GT(seen.max, 100);
  EXPECT_LT(range.max, 20);
  EXPECT_GT(range.max, 2);
}

TEST(Entropy, DivergenceIsThatOfTheDefinition) {
  // Cells of width 1 and 4 levels of two cells each; the two outermost values on either side lie
  // outside of [0, 7].
  Distribution distribution;
  distribution.seen = {0, 10};
  const double counts[] = {5, 3, 4, 4, 2, 6, 1, 1, 3, 2};
  for (int i = 0; i < 10; ++i) {
    distribution.cells.push_back({static_cast<double>(i), i + 1.0, counts[i]});
    distribution.count += counts[i];
  }
  // Scale 2: levels 0, 2, 4, 6 take the centres up to 1, 3, 5 and 7.

  double expected = 0;
  const double groups[][2] = {{0, 1}, {1, 3}, {3, 5}, {5, 7}};
  double inside = 0;
  for (int i = 0; i < 7; ++i) {
    inside += counts[i];
  }
  for (const auto& group : groups) {
    double mass = 0;
    for (int i = static_cast<int>(group[0]); i < static_cast<int>(group[1]); ++i) {
      mass += counts[i];
    }
    for (int i = static_cast<int>(group[0]); i < static_cast<int>(group[1]); ++i) {
      const double outliers = i == 6 ? counts[7] + counts[8] + counts[9] : 0;
      const double p = (counts[i] + outliers) / distribution.count;
      const double level = mass / (group[1] - group[0]) / inside;
      expected += p * std::log(p / level);
    }
  }
  EXPECT_NEAR(divergence(distribution, {0, 6}, 4, false), expected, 1e-12);
}

TEST(Entropy, ReallySearches) {
  // The reference implementation has one candidate and returns min-max for all of these.
  for (const Kind kind : {Kind::kNormal, Kind::kLaplace, Kind::kOutliers, Kind::kSwish}) {
    const RangeEstimator estimator = estimator_of(values_of(kind, 1'000'000, 9));
    const RealRange seen = range_of(estimator, RangeMethod::kMinMax);
    const RealRange range = range_of(estimator, RangeMethod::kEntropy);
    EXPECT_LT(range.max, 0.99 * seen.max) << static_cast<int>(kind);
    EXPECT_GT(range.max, 0.005 * seen.max) << static_cast<int>(kind);
  }
}

TEST(Entropy, UniformValues_AreNotCut) {
  const RangeEstimator estimator = estimator_of(values_of(Kind::kUniform, 1'000'000, 10));
  const RealRange range = range_of(estimator, RangeMethod::kEntropy);
  EXPECT_LT(range.min, -0.24);
  EXPECT_GT(range.max, 0.74);
}

TEST(Distribution, IsMeanAndDeviation) {
  const std::vector<float> values = values_of(Kind::kLaplace, 1'000'000, 11);
  double mean = 0;
  for (const float value : values) {
    mean += double{value};
  }
  mean /= static_cast<double>(values.size());
  double variance = 0;
  for (const float value : values) {
    variance += (double{value} - mean) * (double{value} - mean);
  }
  const double sigma = std::sqrt(variance / static_cast<double>(values.size()));
  const RealRange range =
      range_of(estimator_of(values, {.deviations = 4}), RangeMethod::kDistribution);
  EXPECT_NEAR(range.min, mean - 4 * sigma, 0.01 * sigma);
  EXPECT_NEAR(range.max, mean + 4 * sigma, 0.01 * sigma);
}

TEST(MovingAverage, FollowsTheOrderOfTheSamples) {
  EstimatorScratch scratch;
  RangeEstimator estimator;
  estimator.add(std::vector<float>{-1, 2}, 1, scratch);
  estimator.add(std::vector<float>{-3, 8}, 0, scratch);
  const RealRange range = range_of(estimator, RangeMethod::kMovingAverage);
  EXPECT_DOUBLE_EQ(range.min, -3 + 0.01 * 2);
  EXPECT_DOUBLE_EQ(range.max, 8 - 0.01 * 6);
}

TEST(Symmetric, EveryMethodGivesMinusAToA) {
  for (const Kind kind : kKinds) {
    const RangeEstimator estimator = estimator_of(values_of(kind, 50'000, 12), {.symmetric = true});
    for (const RangeMethod method : kRangeMethods) {
      const RealRange range = range_of(estimator, method);
      EXPECT_EQ(range.min, -range.max) << to_string(method);
      EXPECT_GT(range.max, 0) << to_string(method);
    }
  }
}

// --- damaged files -------------------------------------------------------------------------

TEST(RangeEstimatorFromJson, DamagedStates_AreRefused) {
  const Json good = estimator_of(std::vector<float>{-1, 0, 0.5F, 2}).to_json();
  ASSERT_THAT(RangeEstimator::from_json(good), IsOk());
  const auto with = [&](const char* key, Json value) {
    Json json = good;
    json[key] = std::move(value);
    return RangeEstimator::from_json(json);
  };
  const auto is_refused = FailsWith(ErrorCode::kDataLoss, HasSubstr("damaged"));
  EXPECT_THAT(with("finite", 5), is_refused);
  EXPECT_THAT(with("finite", -4), is_refused);
  EXPECT_THAT(with("finite", "4"), is_refused);
  EXPECT_THAT(with("nan", 1.5), is_refused);
  EXPECT_THAT(with("min", 3), is_refused);
  EXPECT_THAT(with("min", -1.5), is_refused);
  EXPECT_THAT(with("max", 0.1), is_refused);
  EXPECT_THAT(with("max", nullptr), is_refused);
  EXPECT_THAT(with("max", 4), is_refused);
  EXPECT_THAT(with("samples", "0 -1 1"), is_refused);
  EXPECT_THAT(with("samples", "0 -1 2 0 0 0"), is_refused);
  EXPECT_THAT(with("samples", "0 -1"), is_refused);
  EXPECT_THAT(with("samples", "0 nan 2"), is_refused);
  EXPECT_THAT(with("histogram", ""), is_refused);
  EXPECT_THAT(with("histogram", "x"), is_refused);
  EXPECT_THAT(with("histogram", "28416 1 4"), is_refused);
  EXPECT_THAT(with("histogram", "28672 1 -4"), is_refused);
  EXPECT_THAT(with("histogram", "28672 9000 4"), is_refused);
  EXPECT_THAT(with("histogram", "28672 1 99999999999999999999"), is_refused);
  EXPECT_THAT(with("histogram", 3), is_refused);
  EXPECT_THAT(RangeEstimator::from_json(Json::array()), is_refused);
  for (const char* key : {"finite", "nan", "infinite", "min", "max", "histogram", "samples"}) {
    Json json = good;
    json.erase(key);
    EXPECT_THAT(RangeEstimator::from_json(json), is_refused) << key;
  }
}

}  // namespace
}  // namespace tessera::numerics
