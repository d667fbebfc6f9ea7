// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/adaptive_rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/core/random.h"

namespace tessera::refine {
namespace {

using ::testing::ElementsAre;

struct Case {
  std::vector<float> weights;
  std::vector<float> gram;
  std::vector<numerics::QParams> scales;
  RoundingProblem problem;
};

/// Weights and the moments of `samples` correlated rows, rank-deficient if there are few.
Case random_case(std::uint64_t seed, std::int64_t rows, std::int64_t columns,
                 std::int64_t samples) {
  Random random(seed);
  Case made;
  const auto size = static_cast<std::size_t>(columns * columns);
  made.gram.assign(size, 0);
  for (std::int64_t i = 0; i < samples; ++i) {
    std::vector<float> x;
    const double shared = random.normal();
    for (std::int64_t c = 0; c < columns; ++c) {
      x.push_back(static_cast<float>(shared + 0.3 * random.normal()));
    }
    for (std::size_t a = 0; a < x.size(); ++a) {
      for (std::size_t b = 0; b < x.size(); ++b) {
        made.gram[a * x.size() + b] += x[a] * x[b];
      }
    }
  }
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    made.weights.push_back(static_cast<float>(random.normal()));
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    made.scales.push_back({static_cast<float>(0.05 + 0.3 * random.uniform()), 0});
  }
  made.problem = {rows, columns, made.weights, made.scales, {-8, 7}, made.gram};
  return made;
}

RC_GTEST_PROP(DescendedRounding, IsNeverWorseThanNearest, (std::uint64_t seed)) {
  const auto rows = *rc::gen::inRange<std::int64_t>(1, 4);
  const auto columns = *rc::gen::inRange<std::int64_t>(1, 12);
  const auto made = random_case(seed, rows, columns, *rc::gen::inRange<std::int64_t>(1, 40));
  const auto integers = descended_rounding(made.problem);
  const auto before = row_errors(made.problem, nearest_rounding(made.problem));
  const auto after = row_errors(made.problem, integers);
  for (std::size_t r = 0; r < before.size(); ++r) {
    RC_ASSERT(after[r] <= before[r]);
  }
  RC_ASSERT(std::all_of(integers.begin(), integers.end(),
                        [](auto level) { return level >= -8 && level <= 7; }));
}

double output_error(const RoundingProblem& problem, const std::vector<std::int32_t>& integers) {
  const auto errors = row_errors(problem, integers);
  return std::accumulate(errors.begin(), errors.end(), 0.0);
}

TEST(DescendedRounding, CorrelatedInputs_LoseLessThanNearest_AdaptiveLosesLeast) {
  const auto made = random_case(7, 8, 32, 200);
  const double near = output_error(made.problem, nearest_rounding(made.problem));
  const double descended = output_error(made.problem, descended_rounding(made.problem));
  EXPECT_LT(descended, 0.5 * near);
  EXPECT_LT(output_error(made.problem, adaptive_rounding(made.problem)), descended);
}

RC_GTEST_PROP(AdaptiveRounding, IsNeverWorseThanNearest, (std::uint64_t seed)) {
  const auto rows = *rc::gen::inRange<std::int64_t>(1, 6);
  const auto columns = *rc::gen::inRange<std::int64_t>(1, 24);
  const auto samples = *rc::gen::inRange<std::int64_t>(0, 40);
  const auto made = random_case(seed, rows, columns, samples);
  const auto near = nearest_rounding(made.problem);
  const auto adapted = adaptive_rounding(made.problem);
  RC_ASSERT(adapted.size() == near.size());
  const auto before = row_errors(made.problem, near);
  const auto after = row_errors(made.problem, adapted);
  for (std::size_t r = 0; r < before.size(); ++r) {
    RC_ASSERT(after[r] <= before[r]);
  }
  for (const auto level : adapted) {
    RC_ASSERT(level >= -8 && level <= 7);
  }
}

TEST(AdaptiveRounding, CorrelatedInputs_LoseMuchLess) {
  const auto made = random_case(7, 8, 32, 200);
  const double before = output_error(made.problem, nearest_rounding(made.problem));
  const double after = output_error(made.problem, adaptive_rounding(made.problem));
  EXPECT_LT(after, 0.3 * before);
}

TEST(AdaptiveRounding, TwoEqualInputs_ShareTheirError) {
  // Both weights are .4: nearest loses .8 of their sum, one up and one down only .2.
  const std::vector<float> weights{0.4F, 0.4F};
  const std::vector<numerics::QParams> scales{{1, 0}};
  const std::vector<float> gram{1, 1, 1, 1};
  const RoundingProblem problem{1, 2, weights, scales, {-127, 127}, gram};
  EXPECT_THAT(nearest_rounding(problem), ElementsAre(0, 0));
  const auto adapted = adaptive_rounding(problem);
  EXPECT_EQ(adapted[0] + adapted[1], 1);
  EXPECT_NEAR(output_error(problem, adapted), 0.04, 1e-6);
}

TEST(AdaptiveRounding, UnseenInputs_AreRoundedToNearest) {
  const std::vector<float> weights{0.4F, 1.6F, -0.6F};
  const std::vector<numerics::QParams> scales{{1, 3}};
  const std::vector<float> gram(9, 0.0F);
  const RoundingProblem problem{1, 3, weights, scales, {-128, 127}, gram};
  EXPECT_THAT(adaptive_rounding(problem), ElementsAre(3, 5, 2));
}

TEST(AdaptiveRounding, MomentsThatAreNotFinite_DoNoHarm) {
  const std::vector<float> weights{0.4F, 1.6F};
  const std::vector<numerics::QParams> scales{{1, 0}};
  const std::vector<float> gram(4, std::nanf(""));
  const RoundingProblem problem{1, 2, weights, scales, {-128, 127}, gram};
  EXPECT_THAT(adaptive_rounding(problem), ElementsAre(0, 2));
}

/// The least error of all integers there are.
double least_error(const RoundingProblem& problem) {
  const auto lowest = static_cast<std::int32_t>(problem.range.min);
  std::vector<std::int32_t> integers(static_cast<std::size_t>(problem.columns), lowest);
  double least = output_error(problem, integers);
  for (std::size_t at = 0; at < integers.size();) {
    if (integers[at] == problem.range.max) {
      integers[at++] = lowest;
      continue;
    }
    ++integers[at];
    at = 0;
    least = std::min(least, output_error(problem, integers));
  }
  return least;
}

/// Against enumeration: never below what there is, no single weight left to be moved, and mostly
/// the optimum.
TEST(AdaptiveRounding, AgainstEverythingThereIs_IsMostlyTheBest) {
  constexpr int kCases = 60;
  int optimal = 0;
  int optimal_near = 0;
  for (int i = 0; i < kCases; ++i) {
    auto made = random_case(static_cast<std::uint64_t>(i), 1, 4, 12);
    made.problem.range = {-4, 3};
    const double least = least_error(made.problem);
    const double found = output_error(made.problem, adaptive_rounding(made.problem));
    ASSERT_GE(found, least - 1e-9);
    optimal += found <= least * (1 + 1e-9) ? 1 : 0;
    optimal_near +=
        output_error(made.problem, nearest_rounding(made.problem)) <= least * (1 + 1e-9) ? 1 : 0;
  }
  EXPECT_GT(optimal, kCases / 2);
  EXPECT_LT(optimal_near, optimal / 2);
}

/// Inputs that know nothing of each other leave nothing to make up for: nearest is the best.
RC_GTEST_PROP(DescendedRounding, OfUncorrelatedInputs_IsNearest, (std::uint64_t seed)) {
  const auto columns = *rc::gen::inRange<std::int64_t>(1, 10);
  auto made = random_case(seed, 3, columns, 20);
  for (std::size_t i = 0; i < made.gram.size(); ++i) {
    const auto side = static_cast<std::size_t>(columns);
    made.gram[i] = i / side == i % side ? made.gram[i] : 0;
  }
  made.problem.gram = made.gram;
  const auto near = row_errors(made.problem, nearest_rounding(made.problem));
  const auto descended = row_errors(made.problem, descended_rounding(made.problem));
  const auto adapted = row_errors(made.problem, adaptive_rounding(made.problem));
  for (std::size_t r = 0; r < near.size(); ++r) {
    RC_ASSERT(std::abs(descended[r] - near[r]) <= 1e-6 * near[r]);
    RC_ASSERT(std::abs(adapted[r] - near[r]) <= 1e-6 * near[r]);
  }
}

TEST(NearestRounding, StaysWithinTheRange_AndKnowsItsZeroPoint) {
  const std::vector<float> weights{-1000, 0, 0.74F, 0.76F, 1000, INFINITY, -INFINITY};
  const std::vector<numerics::QParams> scales{{0.5F, 10}};
  const std::vector<float> gram(49, 0);
  const RoundingProblem problem{1, 7, weights, scales, {0, 255}, gram};
  EXPECT_THAT(nearest_rounding(problem), ElementsAre(0, 10, 11, 12, 255, 255, 0));
}

TEST(NearestRounding, EveryRowHasItsScale) {
  const std::vector<float> weights{1, 1};
  const std::vector<numerics::QParams> scales{{0.5F, 0}, {0.1F, 0}};
  const std::vector<float> gram{1};
  const RoundingProblem problem{2, 1, weights, scales, {-127, 127}, gram};
  EXPECT_THAT(nearest_rounding(problem), ElementsAre(2, 10));
}

TEST(RowErrors, AreThoseOfTheOutputs) {
  const std::vector<float> weights{1.25F, -0.5F, 2, 0};
  const std::vector<numerics::QParams> scales{{1, 0}, {1, 0}};
  const std::vector<float> gram{2, 1, 1, 3};
  const RoundingProblem problem{2, 2, weights, scales, {-8, 7}, gram};
  const std::vector<std::int32_t> integers{1, 0, 2, 1};
  // (.25, -.5): .25^2 2 + 2 (.25)(-.5) 1 + .5^2 3; (0, -1): 3.
  EXPECT_THAT(row_errors(problem, integers),
              ElementsAre(::testing::DoubleNear(0.625, 1e-12), ::testing::DoubleNear(3, 1e-12)));
  EXPECT_NEAR(output_error(problem, integers), 3.625, 1e-12);
}

}  // namespace
}  // namespace tessera::refine
