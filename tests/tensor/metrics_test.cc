// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/metrics.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/random.h"

namespace tessera {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

ErrorMetrics measure(const std::vector<float>& reference, const std::vector<float>& candidate) {
  ErrorAccumulator accumulator;
  accumulator.add(reference, candidate);
  return accumulator.metrics();
}

/// The definitions, one element after the other, in extended precision.
ErrorMetrics measure_slowly(const std::vector<float>& reference,
                            const std::vector<float>& candidate) {
  long double signal = 0;
  long double noise = 0;
  long double dot = 0;
  long double power = 0;
  ErrorMetrics result;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const long double x = reference[i];
    const long double y = candidate[i];
    signal += x * x;
    noise += (x - y) * (x - y);
    dot += x * y;
    power += y * y;
    result.max_abs = std::max(result.max_abs, static_cast<double>(std::fabs(x - y)));
  }
  result.elements = static_cast<std::int64_t>(reference.size());
  result.sqnr_db = static_cast<double>(10 * std::log10(signal / noise));
  result.cosine = static_cast<double>(dot / std::sqrt(signal * power));
  result.l2_per_element =
      static_cast<double>(std::sqrt(noise)) / static_cast<double>(result.elements);
  result.relative_l2 = static_cast<double>(std::sqrt(noise / signal));
  return result;
}

std::vector<float> normal_values(Random& random, std::size_t count, double scale) {
  std::vector<float> values(count);
  for (auto& value : values) {
    value = static_cast<float>(scale * random.normal());
  }
  return values;
}

RC_GTEST_PROP(ErrorMetrics, AnyTensors_MatchTheDefinition, (std::uint64_t seed)) {
  Random random(seed);
  const auto count = 1 + random.below(5000);
  const auto reference = normal_values(random, count, std::pow(10.0, random.uniform() * 12 - 6));
  auto candidate = reference;
  for (auto& value : candidate) {
    value *= static_cast<float>(1 + 0.01 * random.normal());
  }
  const auto fast = measure(reference, candidate);
  const auto slow = measure_slowly(reference, candidate);
  RC_PRE(std::isfinite(slow.sqnr_db));
  RC_ASSERT(std::fabs(fast.sqnr_db - slow.sqnr_db) < 1e-9);
  RC_ASSERT(std::fabs(fast.cosine - slow.cosine) < 1e-12);
  RC_ASSERT(fast.max_abs == slow.max_abs);
  RC_ASSERT(std::fabs(fast.l2_per_element / slow.l2_per_element - 1) < 1e-12);
  RC_ASSERT(std::fabs(fast.relative_l2 / slow.relative_l2 - 1) < 1e-12);
  RC_ASSERT(fast.elements == slow.elements && fast.non_finite == 0);
}

TEST(ErrorMetrics, Equal_IsInfinitelyGood) {
  const auto metrics = measure({1, -2, 3}, {1, -2, 3});
  EXPECT_EQ(metrics.sqnr_db, kInfinity);
  EXPECT_DOUBLE_EQ(metrics.cosine, 1);
  EXPECT_EQ(metrics.max_abs, 0);
}

TEST(ErrorMetrics, ZeroReference_IsInfinitelyBad) {
  EXPECT_EQ(measure({0, 0}, {0, 1}).sqnr_db, -kInfinity);
  EXPECT_EQ(measure({0, 0}, {0, 1}).cosine, 0);
  EXPECT_EQ(measure({0, 0}, {0, 0}).sqnr_db, kInfinity);
  EXPECT_EQ(measure({0, 0}, {0, 0}).cosine, 1);
}

TEST(ErrorMetrics, Nothing_HasNoError) {
  const auto metrics = measure({}, {});
  EXPECT_EQ(metrics.elements, 0);
  EXPECT_EQ(metrics.l2_per_element, 0);
  EXPECT_EQ(metrics.cosine, 1);
}

TEST(ErrorMetrics, NonFinite_AreCountedAndLeftOut) {
  const auto metrics = measure({1, kNan, kInf, kInf, -kInf, 2, 3, 4, 5, kNan},
                               {1, kNan, kInf, -kInf, 1, kNan, 3, 4, 6, 0});
  EXPECT_EQ(metrics.non_finite, 4);
  EXPECT_EQ(metrics.elements, 10);
  EXPECT_EQ(metrics.max_abs, 1);
  EXPECT_NEAR(metrics.sqnr_db, 10 * std::log10(1 + 9 + 16 + 25), 1e-12);
}

TEST(ErrorMetrics, ExtremeFloats_DoNotOverflow) {
  const float huge = std::numeric_limits<float>::max() / 2;
  const auto metrics = measure({huge, huge}, {-huge, huge});
  EXPECT_NEAR(metrics.sqnr_db, 10 * std::log10(0.5), 1e-9);
  EXPECT_EQ(metrics.max_abs, 2.0 * static_cast<double>(huge));
}

TEST(ErrorMetrics, NothingButNonFinite_IsInfinitelyBad) {
  const float nan = std::nanf("");
  EXPECT_EQ(measure({1, 2}, {nan, kInf}).sqnr_db, -kInfinity);
  EXPECT_EQ(measure({1, 0}, {nan, 0}).sqnr_db, -kInfinity);
  EXPECT_EQ(measure({1, 2}, {nan, nan}).cosine, 0);
  // Equal ones differ in nothing, and one that differs does not make the others worse.
  EXPECT_EQ(measure({nan, kInf}, {nan, kInf}).sqnr_db, kInfinity);
  EXPECT_EQ(measure({nan, kInf}, {nan, kInf}).cosine, 1);
  EXPECT_EQ(measure({1, 2}, {nan, 2}).sqnr_db, kInfinity);
}

TEST(ErrorMetrics, LargestFloat_StandsForInfinity) {
  const float most = std::numeric_limits<float>::max();
  const auto metrics = measure({-most, 1, -most}, {-most, 1.5f, -8});
  EXPECT_EQ(metrics.non_finite, 1);
  EXPECT_EQ(metrics.max_abs, 0.5);
}

TEST(ErrorAccumulator, Merge_EqualsAddingInTurn) {
  Random random(7);
  const auto a = normal_values(random, 1003, 1);
  const auto b = normal_values(random, 1003, 1);
  const auto c = normal_values(random, 77, 2);
  const auto d = normal_values(random, 77, 2);
  ErrorAccumulator together;
  together.add(a, b);
  together.add(c, d);
  ErrorAccumulator first;
  first.add(a, b);
  ErrorAccumulator second;
  second.add(c, d);
  first.merge(second);
  EXPECT_EQ(to_json(together.metrics()), to_json(first.metrics()));
}

TEST(Argmax, Ties_GoToTheFirst) {
  EXPECT_EQ(argmax(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(argmax(std::vector<float>{}), -1);
}

TEST(Argmax, Nan_IsNeverTheLargest) {
  EXPECT_EQ(argmax(std::vector<float>{kNan, -1, kNan, -2}), 1);
  EXPECT_EQ(argmax(std::vector<float>{kNan, -kInf}), 1);
  EXPECT_EQ(argmax(std::vector<float>{kNan, kNan}), -1);
}

}  // namespace
}  // namespace tessera
