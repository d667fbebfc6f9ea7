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
using ::testing::ElementsAre;
using ::testing::SizeIs;

bool keeps(const Problem& problem, const Value& value, const std::vector<std::size_t>& limits) {
  return std::ranges::all_of(
      limits, [&](std::size_t r) { return value.used[r] <= problem.limits[r].bound; });
}

bool can_be_kept(const Problem& problem, const std::vector<std::size_t>& limits) {
  bool can = false;
  for_each_assignment(problem, [&](const Assignment& assignment) {
    can = can || keeps(problem, evaluate(problem, assignment).value(), limits);
  });
  return can;
}

/// What is used of a limit at least where all others are kept.
std::optional<std::int64_t> least_use(const Problem& problem, std::size_t limit) {
  std::vector<std::size_t> others;
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    if (r != limit) {
      others.push_back(r);
    }
  }
  std::optional<std::int64_t> least;
  for_each_assignment(problem, [&](const Assignment& assignment) {
    const auto value = evaluate(problem, assignment).value();
    if (keeps(problem, value, others)) {
      least = std::min(least.value_or(value.used[limit]), value.used[limit]);
    }
  });
  return least;
}

struct Seen {
  int alone = 0;
  int together = 0;
  int hopeless = 0;
  int pairs = 0;
};

void expect_as_by_brute_force(const Problem& problem, const Solution& solution, Seen& seen) {
  ASSERT_TRUE(solution.joint.has_value());
  const auto& joint = *solution.joint;
  std::vector<std::size_t> limits;
  for (const auto& relief : joint.limits) {
    limits.push_back(relief.limit);
  }
  ASSERT_FALSE(can_be_kept(problem, limits));
  ASSERT_TRUE(joint.minimal);
  for (const auto limit : limits) {
    auto rest = limits;
    std::erase(rest, limit);
    ASSERT_TRUE(can_be_kept(problem, rest));
  }
  for (const auto& relief : joint.limits) {
    const auto least = least_use(problem, relief.limit);
    ASSERT_EQ(relief.helps, least.has_value());
    ASSERT_EQ(relief.found, least);
    if (least) {
      ASSERT_EQ(relief.proven, *least);
      ASSERT_GT(*least, problem.limits[relief.limit].bound);
      seen.pairs += problem.limits[relief.limit].pairs.empty() ? 0 : 1;
    } else {
      ++seen.hopeless;
    }
  }
  seen.alone += limits.size() == 1 ? 1 : 0;
  seen.together += limits.size() > 1 ? 1 : 0;
}

void expect_all_as_by_brute_force(std::uint64_t seeds) {
  Seen seen;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = small_problem(seed);
    const auto solution = solve(problem, {.gap = 0});
    ASSERT_THAT(solution, IsOk());
    ASSERT_EQ(solution->joint.has_value(), solution->outcome == Outcome::kInfeasible);
    if (solution->joint) {
      ASSERT_NO_FATAL_FAILURE(expect_as_by_brute_force(problem, *solution, seen));
    }
  }
  const auto some = static_cast<int>(seeds) / 1000;
  EXPECT_GT(seen.alone, some * 30);
  EXPECT_GT(seen.together, some * 10);
  EXPECT_GT(seen.hopeless, some * 5);
  EXPECT_GT(seen.pairs, some * 20);
}

TEST(Relief, ConflictsOfSmallProblemsAreThoseOfBruteForce) {
  expect_all_as_by_brute_force(1000);
}

TEST(ReliefSlow, ConflictsOfManySmallProblemsAreThoseOfBruteForce) {
  expect_all_as_by_brute_force(10'000);
}

/// What is given up early is still right as far as it goes.
TEST(Relief, WhatIsProvenInterruptedOrToAGapIsTrue) {
  int apart = 0;
  for (std::uint64_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = small_problem(seed);
    Options options{.gap = seed % 2 == 0 ? 0.5 : 0, .most_nodes = seed % 2 == 0 ? 1000 : 1};
    const auto solution = solve(problem, options);
    ASSERT_THAT(solution, IsOk());
    if (!solution->joint) {
      continue;
    }
    for (const auto& relief : solution->joint->limits) {
      const auto least = least_use(problem, relief.limit);
      if (!least) {
        ASSERT_FALSE(relief.found.has_value());
        continue;
      }
      ASSERT_TRUE(relief.helps);
      ASSERT_LE(relief.proven, *least);
      ASSERT_GE(relief.found.value_or(*least), *least);
      apart += relief.found != relief.proven ? 1 : 0;
    }
  }
  EXPECT_GT(apart, 5);
}

/// Where the best is not found at once, so that bounds have to be right by themselves.
TEST(ReliefSlow, WhatIsProvenOfTightPairsIsTrue) {
  int apart = 0;
  int missed = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    auto problem = unconnected(8, 3, 50, random);
    for (int r = 0; r < 3; ++r) {
      problem.limits.push_back(any_limit(problem, 50, 10, 0.15, random));
    }
    const auto solution = solve(problem, {.gap = 0, .most_nodes = 1});
    ASSERT_THAT(solution, IsOk());
    if (!solution->joint) {
      continue;
    }
    for (const auto& relief : solution->joint->limits) {
      const auto least = least_use(problem, relief.limit);
      if (least) {
        ASSERT_LE(relief.proven, *least);
        ASSERT_GE(relief.found.value_or(*least), *least);
        apart += relief.proven < *least ? 1 : 0;
        missed += relief.found > least ? 1 : 0;
      }
    }
  }
  EXPECT_GT(apart, 5);
  EXPECT_GT(missed, 2);
}

Problem torn() {
  Problem problem;
  problem.variables = {{"a", {5, 5}}};
  problem.limits = {{"memory", "B", 0, {{0, 0, 1}}, {}, {}},
                    {"energy", "nJ", 2, {{0, 1, 9}}, {}, {}},
                    {"error", "1e-9", 5, {{0, 0, 4}, {0, 1, 4}}, {}, {}}};
  return problem;
}

TEST(Relief, LimitsThatConflictOnlyTogetherAreNamed) {
  const auto problem = torn();
  const auto found = solve(problem);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->outcome, Outcome::kInfeasible);
  EXPECT_THAT(found->conflicts, SizeIs(0));
  EXPECT_THAT(explain(problem, *found),
              ElementsAre("2 limits cannot be kept together:",
                          "limit 'memory' allows 0 B: 1 B would do, less would not",
                          "limit 'energy' allows 2 nJ: 9 nJ would do, less would not"));
  EXPECT_FALSE(solve(problem, {.explain_limit_s = 0})->joint.has_value());
}

TEST(Relief, OneLimitThatCannotBeKeptIsExplainedAlone) {
  auto problem = torn();
  problem.limits[2].bound = 3;
  const auto found = solve(problem);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(explain(problem, *found),
              ElementsAre("limit 'error' allows 3 1e-9, and every plan uses 4 1e-9 or more",
                          "limit 'error' allows 3 1e-9: whatever it allows, the others cannot be "
                          "kept together"));
  problem.limits[0].bound = 1;
  const auto other = solve(problem);
  ASSERT_THAT(other, IsOk());
  EXPECT_THAT(explain(problem, *other),
              ElementsAre("limit 'error' allows 3 1e-9, and every plan uses 4 1e-9 or more",
                          "limit 'error' allows 3 1e-9: 4 1e-9 would do, less would not"));
  problem.limits[2].bound = 4;
  EXPECT_THAT(explain(problem, solve(problem).value()), SizeIs(0));
}

/// Little error keeps operators out of integers, and little memory out of the machine that is
/// precise enough: what would do is found and bounded in time.
TEST(ReliefSlow, ANetworkThatCannotKeepItsLimitsSaysWhatWouldDo) {
  const Machines machines{2, 4};
  auto problem = segmentation_network(machines, 1);
  problem.limits.push_back(error_limit(problem, machines, 50, 0.05, 2));
  problem.limits.push_back(memory_limit(problem, machines, 0, 0.15, 3));
  problem.limits.push_back(memory_limit(problem, machines, 1, 0.05, 3));
  const auto found = solve(problem, {.time_limit_s = 60});
  ASSERT_THAT(found, IsOk());
  for (const auto& line : explain(problem, *found)) {
    fmt::print("{}\n", line);
  }
  ASSERT_EQ(found->outcome, Outcome::kInfeasible);
  ASSERT_TRUE(found->joint.has_value());
  for (const auto& relief : found->joint->limits) {
    ASSERT_TRUE(relief.helps);
    ASSERT_TRUE(relief.found.has_value());
    EXPECT_GT(relief.proven, problem.limits[relief.limit].bound);
    // With the bound that would do there is a plan.
    auto relieved = problem;
    relieved.limits[relief.limit].bound = *relief.found;
    const auto plan = solve(relieved, {.gap = 1, .time_limit_s = 20});
    ASSERT_THAT(plan, IsOk());
    EXPECT_NE(plan->outcome, Outcome::kInfeasible);
  }
}

}  // namespace
}  // namespace tessera::plan
