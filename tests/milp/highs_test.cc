// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/milp/highs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "milp/library.h"
#include "support/matchers.h"
#include "support/plan_instances.h"
#include "support/plan_networks.h"
#include "tessera/milp/model.h"

namespace tessera::milp {
namespace {

using plan::Outcome;
using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HighsTest : public WithHighs {};
class HighsSlow : public WithHighs {};

struct Seen {
  int infeasible = 0;
  int binding = 0;
  int couplings = 0;
};

void expect_as_by_brute_force(const Highs& solver, const plan::Problem& problem, Seen& seen) {
  const auto expected = plan::brute_force().solve(problem, {}, Monitor::silent());
  const auto found = solver.solve(problem, {.gap = 0}, Monitor::silent());
  ASSERT_THAT(expected, IsOk());
  ASSERT_THAT(found, IsOk());
  ASSERT_EQ(found->outcome, expected->outcome);
  ASSERT_EQ(found->assignment.has_value(), expected->assignment.has_value());
  ASSERT_EQ(found->value.cost_ns, expected->value.cost_ns);
  ASSERT_EQ(found->bound_ns, expected->bound_ns);
  if (found->assignment) {
    ASSERT_EQ(plan::evaluate(problem, *found->assignment).value(), found->value);
    auto free = problem;
    free.limits.clear();
    const auto without = plan::brute_force().solve(free, {}, Monitor::silent());
    seen.binding += without->value.cost_ns < found->value.cost_ns ? 1 : 0;
  }
  seen.infeasible += found->outcome == Outcome::kInfeasible ? 1 : 0;
  seen.couplings += problem.couplings.empty() ? 0 : 1;
}

void expect_all_as_by_brute_force(const Highs& solver, std::uint64_t from, std::uint64_t to) {
  Seen seen;
  for (auto seed = from; seed < to; ++seed) {
    SCOPED_TRACE(seed);
    ASSERT_NO_FATAL_FAILURE(expect_as_by_brute_force(solver, plan::small_problem(seed), seen));
  }
  const auto seeds = static_cast<int>(to - from);
  EXPECT_GT(seen.infeasible, seeds / 20);
  EXPECT_GT(seen.binding, seeds / 20);
  EXPECT_GT(seen.couplings, seeds / 5);
}

TEST_F(HighsTest, SmallProblems_AsByBruteForce) {
  expect_all_as_by_brute_force(highs(), 0, 300);
}

TEST_F(HighsSlow, SmallProblems_AsByBruteForce) {
  expect_all_as_by_brute_force(highs(), 300, 4000);
}

TEST_F(HighsTest, Name_SaysTheVersionAndThatBoundsAreNotExact) {
  EXPECT_THAT(std::string(highs().name()), StartsWith("HiGHS " + highs().version()));
  EXPECT_THAT(std::string(highs().name()), HasSubstr("not exact"));
}

TEST_F(HighsTest, NoVariables_IsOptimalOrInfeasible) {
  plan::Problem problem;
  problem.limits = {{"memory", "B", 0, {}, {}, {}}};
  EXPECT_EQ(highs().solve(problem, {}, Monitor::silent())->outcome, Outcome::kOptimal);
  problem.limits[0].bound = -1;
  EXPECT_EQ(highs().solve(problem, {}, Monitor::silent())->outcome, Outcome::kInfeasible);
}

/// 2^50 B do not fit in one less. To the solver's tolerances they do.
TEST_F(HighsTest, LimitMissedByOneOfVeryMany_IsKept) {
  constexpr auto kMuch = std::int64_t{1} << 50;
  plan::Problem problem;
  problem.variables = {{"a", {0, 9}}, {"b", {0, 5}}};
  problem.limits = {{"memory", "B", kMuch - 1, {{0, 0, kMuch / 2}, {1, 0, kMuch / 2}}, {}, {}}};
  const auto found = highs().solve(problem, {.gap = 0}, Monitor::silent());
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->assignment);
  EXPECT_EQ(*found->assignment, (plan::Assignment{0, 1}));
  problem.variables = {{"a", {0}}, {"b", {0}}};
  EXPECT_EQ(highs().solve(problem, {.gap = 0}, Monitor::silent())->outcome, Outcome::kInfeasible);
}

TEST_F(HighsTest, ExcludedStates_AreNotTaken) {
  plan::Problem problem;
  problem.variables = {{"a", {0, 9, 4}}};
  const auto found =
      highs().solve_from(problem, {{}, {{0, {0, 2}}}}, {.gap = 0}, Monitor::silent());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(*found->assignment, plan::Assignment{1});
}

TEST_F(HighsTest, StartThatIsNotOfTheProblem_IsRefused) {
  plan::Problem problem;
  problem.variables = {{"a", {0, 9, 4}}};
  const auto from = [&](const Start& start) {
    return highs().solve_from(problem, start, {}, Monitor::silent());
  };
  EXPECT_THAT(from({plan::Assignment{3}, {}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("state 3")));
  EXPECT_THAT(from({{}, {{0, {3}}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("excluded")));
  EXPECT_THAT(from({{}, {{1, {0}}}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("excluded")));
}

TEST_F(HighsTest, OptionsThatCannotWork_AreRefused) {
  const auto problem = plan::small_problem(1);
  const auto refused = [&](const plan::Options& options, const char* words) {
    EXPECT_THAT(highs().solve(problem, options, Monitor::silent()),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(words)));
  };
  refused({.gap = -1}, "a gap of -1");
  refused({.gap = std::nan("")}, "a gap of nan");
  refused({.time_limit_s = -1}, "a time limit of -1 s");
  refused({.most_nodes = 0}, "0 nodes");
}

class Impatient final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return true; }
};

plan::Problem hard_network() {
  const plan::Machines machines{3, 4};
  auto problem = plan::segmentation_network(machines, 1);
  problem.limits.push_back(plan::error_limit(problem, machines, 50, 0.2, 2));
  problem.limits.push_back(plan::memory_limit(problem, machines, 2, 0.1, 3));
  return problem;
}

TEST_F(HighsTest, WhoLosesPatience_GetsWhatItStartedWith) {
  const auto problem = hard_network();
  const auto ours = plan::solve(problem, {.gap = 0.05, .time_limit_s = 20});
  ASSERT_THAT(ours, IsOk());
  Impatient monitor;
  const auto found =
      highs().solve_from(problem, {ours->assignment, {}}, {.gap = 0, .time_limit_s = 60}, monitor);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->outcome, Outcome::kInterrupted);
  ASSERT_TRUE(found->assignment);
  EXPECT_EQ(found->value.cost_ns, ours->value.cost_ns);
}

TEST_F(HighsTest, TimeThatRanOut_IsInterrupted) {
  const auto found = highs().solve(hard_network(), {.time_limit_s = 0}, Monitor::silent());
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->outcome, Outcome::kInterrupted);
  EXPECT_FALSE(found->assignment);
}

TEST_F(HighsSlow, Network_AsByBranchAndBound) {
  const plan::Machines machines{3, 4};
  auto problem = plan::segmentation_network(machines, 4);
  problem.limits.push_back(plan::error_limit(problem, machines, 50, 0.2, 2));
  const auto ours = plan::solve(problem, {.gap = 1e-3, .time_limit_s = 30});
  const auto theirs = highs().solve(problem, {.gap = 1e-3, .time_limit_s = 100}, Monitor::silent());
  ASSERT_THAT(ours, IsOk());
  ASSERT_THAT(theirs, IsOk());
  ASSERT_TRUE(ours->assignment && theirs->assignment);
  EXPECT_LE(ours->bound_ns, theirs->value.cost_ns);
  EXPECT_LE(theirs->bound_ns, ours->value.cost_ns);
}

TEST_F(HighsTest, WhatIsThere_IsFinished) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const auto problem = plan::small_problem(seed);
    const auto best = plan::solve(problem, {.gap = 0, .proof = true});
    ASSERT_THAT(best, IsOk());
    auto open = *best;
    open.outcome = Outcome::kInterrupted;
    if (best->assignment) {
      // As if the tree had been left before it found a plan.
      open.assignment.reset();
      open.value = {};
    }
    const auto finished = finish(highs(), problem, open, {.gap = 0});
    ASSERT_THAT(finished, IsOk());
    ASSERT_EQ(finished->assignment.has_value(), best->assignment.has_value());
    if (best->assignment) {
      EXPECT_EQ(finished->value.cost_ns, best->value.cost_ns);
      EXPECT_EQ(finished->bound_ns, best->bound_ns);
      EXPECT_EQ(finished->outcome, Outcome::kOptimal);
    }
  }
}

TEST_F(HighsTest, WhatIsWithinTheGap_StaysAsItIs) {
  plan::Problem problem;
  problem.variables = {{"a", {5, 4}}};
  plan::Solution solution;
  solution.outcome = Outcome::kWithinGap;
  solution.assignment = plan::Assignment{0};
  solution.value.cost_ns = 5;
  solution.bound_ns = 4;
  EXPECT_EQ(finish(highs(), problem, solution, {})->assignment, plan::Assignment{0});
  solution.outcome = Outcome::kInterrupted;
  EXPECT_EQ(finish(highs(), problem, solution, {})->assignment, plan::Assignment{1});
}

TEST(HighsLibrary, ThatIsNotThere_IsUnavailable) {
  const auto none = milp::highs("/nowhere/libhighs.so");
  EXPECT_THAT(none, FailsWith(ErrorCode::kUnavailable, HasSubstr("/nowhere/libhighs.so")));
  EXPECT_THAT(none.error().message, HasSubstr("--solver-library"));
}

TEST(HighsLibrary, ThatIsAnother_IsUnavailable) {
  const auto other = milp::highs("/proc/self/exe");
  EXPECT_THAT(other, FailsWith(ErrorCode::kUnavailable, HasSubstr("cannot use")));
}

}  // namespace
}  // namespace tessera::milp
