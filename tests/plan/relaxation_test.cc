// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/relaxation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "plan/lagrange.h"
#include "support/matchers.h"
#include "support/plan_instances.h"
#include "tessera/plan/evaluate.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::IsOk;

Multipliers any_multipliers(const Problem& problem, Random& random) {
  auto multipliers = no_multipliers(problem);
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    multipliers.limits[r] = draw(random, 0, 3 * multipliers.cost);
    for (std::size_t p = 0; p < problem.limits[r].pairs.size(); ++p) {
      const auto amount = std::abs(problem.limits[r].pairs[p].amount);
      // Also more than there is to share out.
      multipliers.pairs[r][p] = draw(random, 0, multipliers.limits[r] * amount * 3 / 2);
    }
  }
  return multipliers;
}

TEST(Relaxation, AnyMultipliersProveABoundForEveryState) {
  int relaxed = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    const auto problem = small_problem(seed);
    Random random(seed + 99);
    const auto multipliers = any_multipliers(problem, random);
    Relaxation relaxation(problem, all_states(problem), 1 << 20);
    const auto point = relaxation.minimize(multipliers);
    const auto values = relaxation.state_values();
    for_each_assignment(problem, [&](const Assignment& assignment) {
      const auto value = evaluate(problem, assignment);
      ASSERT_THAT(value, IsOk());
      if (!value->feasible) {
        return;
      }
      ASSERT_LE(bound_of(point.value, multipliers), value->cost_ns) << seed;
      for (std::size_t i = 0; i < assignment.size(); ++i) {
        ASSERT_LE(bound_of(values[i][assignment[i]], multipliers), value->cost_ns) << seed;
      }
    });
    // At its own assignment the relaxation is what it says, but for relaxed pairs.
    auto own = Wide{evaluate(problem, point.assignment)->cost_ns} * multipliers.cost;
    bool has_relaxed = false;
    for (std::size_t r = 0; r < problem.limits.size(); ++r) {
      own += relaxation.slack(r, point.assignment, multipliers) * multipliers.limits[r];
      for (std::size_t p = 0; p < problem.limits[r].pairs.size(); ++p) {
        if (relaxation.is_relaxed(r, p)) {
          has_relaxed = true;
          own += Wide{relaxation.pair_slack(r, p, point.assignment, multipliers)} *
                 multipliers.pairs[r][p];
        }
      }
    }
    relaxed += has_relaxed ? 1 : 0;
    ASSERT_EQ(static_cast<std::int64_t>(own), static_cast<std::int64_t>(point.value)) << seed;
  }
  EXPECT_GT(relaxed, 200);
}

TEST(Relaxation, WithoutLimitsTheValueOfAStateIsWhatItCostsAtLeast) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    auto problem = small_problem(seed);
    problem.limits.clear();
    auto least = std::vector<std::vector<std::int64_t>>();
    for (const auto& variable : problem.variables) {
      least.emplace_back(variable.cost_ns.size(), kLargestTotal);
    }
    for_each_assignment(problem, [&](const Assignment& assignment) {
      const auto cost = evaluate(problem, assignment)->cost_ns;
      for (std::size_t i = 0; i < assignment.size(); ++i) {
        least[i][assignment[i]] = std::min(least[i][assignment[i]], cost);
      }
    });
    const auto multipliers = no_multipliers(problem);
    Relaxation relaxation(problem, all_states(problem), 1 << 20);
    EXPECT_EQ(bound_of(relaxation.minimize(multipliers).value, multipliers),
              std::ranges::min(least[0]));
    const auto values = relaxation.state_values();
    for (std::size_t i = 0; i < least.size(); ++i) {
      for (std::size_t s = 0; s < least[i].size(); ++s) {
        ASSERT_EQ(bound_of(values[i][s], multipliers), least[i][s]) << seed;
      }
    }
  }
}

TEST(Relaxation, TheLeastUseOfALimitIsABound) {
  int exact = 0;
  int limits = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const auto problem = small_problem(seed);
    Relaxation relaxation(problem, all_states(problem), 1 << 20);
    for (std::size_t r = 0; r < problem.limits.size(); ++r) {
      auto least = kLargestTotal;
      for_each_assignment(problem, [&](const Assignment& assignment) {
        least = std::min(least, evaluate(problem, assignment)->used[r]);
      });
      const auto bound = least_use(problem, relaxation, r);
      ASSERT_LE(bound, least) << seed;
      exact += bound == least ? 1 : 0;
      ++limits;
    }
  }
  EXPECT_GT(exact, limits / 2);
}

TEST(Relaxation, BoundsAreRoundedUp) {
  const auto at = [](std::int64_t value, std::int64_t cost) {
    return bound_of(value, {cost, {}, {}});
  };
  EXPECT_EQ(at(7, 4), 2);
  EXPECT_EQ(at(8, 4), 2);
  EXPECT_EQ(at(-7, 4), -1);
  EXPECT_EQ(at(-8, 4), -2);
}

// As large as validate() lets pass: nothing overflows, which the sanitizers see too.
TEST(Relaxation, TheLargestNumbersAreCountedExactly) {
  Problem problem;
  constexpr auto kPart = kLargestTotal / 8;
  problem.variables = {{"a", {kPart, 0}}, {"b", {0, kPart}}, {"c", {kPart, kPart - 1}}};
  problem.tensors = {{"t", 0, {0, 1}, {{1, {0, 1}}, {2, {0, 1}}}, 2, 2, {0, kPart, kPart, 0}}};
  problem.limits = {{"memory", "B", kPart, {{0, 1, kPart}, {1, 1, kPart}, {2, 0, kPart}}, {}, {}}};
  ASSERT_THAT(validate(problem), IsOk());
  const auto expected = brute_force().solve(problem, {}, Monitor::silent());
  const auto found = solve(problem, {.gap = 0});
  ASSERT_THAT(expected, IsOk());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->value, expected->value);
  EXPECT_EQ(found->bound_ns, expected->bound_ns);
}

}  // namespace
}  // namespace tessera::plan
