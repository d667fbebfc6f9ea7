// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/plan_instances.h"
#include "support/plan_networks.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::IsOk;

/// The same problem with other costs and other bounds.
Problem changed(Problem problem, std::uint64_t seed) {
  Random random(seed);
  for (auto& variable : problem.variables) {
    for (auto& cost : variable.cost_ns) {
      cost += draw(random, 0, 10);
    }
  }
  for (auto& limit : problem.limits) {
    limit.bound += draw(random, -5, 5);
  }
  return problem;
}

TEST(Start, FromAProblemLikeIt_TheOptimumIsTheSame) {
  int starts = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    SCOPED_TRACE(seed);
    const auto before = small_problem(seed);
    const auto old = solve(before, {.gap = 0, .explain_limit_s = 0});
    ASSERT_THAT(old, IsOk());
    const auto problem = changed(before, seed);
    const auto expected = brute_force().solve(problem, {}, Monitor::silent());
    const auto found =
        solve(problem, {.gap = 0, .proof = true, .explain_limit_s = 0, .start = &*old});
    ASSERT_THAT(expected, IsOk());
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->outcome, expected->outcome);
    ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns);
    ASSERT_EQ(found->bound_ns, expected->bound_ns);
    starts += old->assignment ? 1 : 0;
  }
  EXPECT_GT(starts, 250);
}

TEST(Start, OfAnotherProblem_IsNoHarm) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    const auto other = solve(small_problem(seed + 1), {.explain_limit_s = 0});
    ASSERT_THAT(other, IsOk());
    const auto problem = small_problem(seed);
    const auto alone = solve(problem, {.gap = 0, .explain_limit_s = 0});
    const auto found = solve(problem, {.gap = 0, .explain_limit_s = 0, .start = &*other});
    ASSERT_THAT(found, IsOk());
    EXPECT_EQ(found->value.cost_ns, alone->value.cost_ns);
    EXPECT_EQ(found->outcome, alone->outcome);
  }
}

/// The old plan and its prices show the gap without a step.
TEST(Start, OfTheSameProblem_SettlesItAtOnce) {
  const Machines machines{2, 4};
  auto problem = segmentation_network(machines, 1);
  problem.limits.push_back(error_limit(problem, machines, 20, 0.2, 2));
  const auto old = solve(problem, {.gap = 1e-3});
  ASSERT_THAT(old, IsOk());
  ASSERT_EQ(old->outcome, Outcome::kWithinGap);
  const auto again = solve(problem, {.gap = 2e-3, .time_limit_s = 0, .start = &*old});
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->outcome, Outcome::kWithinGap);
  EXPECT_EQ(again->nodes, 1);
  EXPECT_LE(again->value.cost_ns, old->value.cost_ns);
  const auto alone = solve(problem, {.gap = 2e-3, .time_limit_s = 0});
  ASSERT_THAT(alone, IsOk());
  EXPECT_GT(alone->gap(), 0.01);
}

}  // namespace
}  // namespace tessera::plan
