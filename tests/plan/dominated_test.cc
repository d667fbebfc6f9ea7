// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/dominated.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/plan_instances.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::IsOk;
using ::testing::ElementsAre;

TEST(Dominated, EqualsAndWorseStatesLeave) {
  Problem problem;
  problem.variables = {{"a", {5, 5, 7, 4}}, {"b", {1}}};
  EXPECT_THAT(undominated_states(problem), ElementsAre(ElementsAre(3), ElementsAre(0)));
  problem.limits = {{"memory", "B", 10, {{0, 3, 2}}, {}, {}}};
  EXPECT_THAT(undominated_states(problem)[0], ElementsAre(0, 3));
  // The dear one is the only one that a tensor sees elsewhere.
  problem.tensors = {{"t", 0, {0, 0, 1, 0}, {{1, {0}}}, 2, 1, {0, 9}}};
  EXPECT_THAT(undominated_states(problem)[0], ElementsAre(0, 2, 3));
}

TEST(Dominated, APairThatAddsIsWorseAndOneThatTakesAwayIsBetter) {
  Problem problem;
  problem.variables = {{"a", {5, 5}}, {"b", {1, 1}}};
  problem.limits = {{"error", "1e-9", 10, {}, {}, {{0, 1, {0}, {1}, 3}}}};
  EXPECT_THAT(undominated_states(problem), ElementsAre(ElementsAre(1), ElementsAre(0)));
  problem.limits[0].pairs[0].amount = -3;
  EXPECT_THAT(undominated_states(problem), ElementsAre(ElementsAre(0), ElementsAre(1)));
}

TEST(Dominated, WhatIsLeftHasAnOptimum) {
  int left = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const auto problem = small_problem(seed);
    const auto expected = brute_force().solve(problem, {}, Monitor::silent());
    ASSERT_THAT(expected, IsOk());
    // The same with each state that leaves at a cost that no optimum has.
    auto rest = problem;
    const auto domains = undominated_states(problem);
    for (std::size_t i = 0; i < domains.size(); ++i) {
      for (std::size_t s = 0; s < rest.variables[i].cost_ns.size(); ++s) {
        if (!std::ranges::binary_search(domains[i], s)) {
          rest.variables[i].cost_ns[s] = 1'000'000;
          ++left;
        }
      }
    }
    const auto found = brute_force().solve(rest, {}, Monitor::silent());
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->outcome, expected->outcome);
    ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns) << seed;
  }
  EXPECT_GT(left, 500);
}

}  // namespace
}  // namespace tessera::plan
