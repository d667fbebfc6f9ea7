// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/plan/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "support/matchers.h"
#include "tessera/plan/evaluate.h"

namespace tessera::plan {
namespace {

using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// One that is made and two that read it; class 0 is here and class 1 is there.
Problem fork() {
  Problem problem;
  problem.variables = {{"a", {5, 7}}, {"b", {10, 1}}, {"c", {20, 2}}};
  problem.tensors = {{"t", 0, {0, 1}, {{1, {0, 1}}, {2, {0, 1}}}, 2, 2, {0, 100, 30, 0}}};
  problem.limits = {{"memory", "B", 50, {{0, 1, 8}, {1, 1, 9}}, {{0, 0, 1, 40}}, {}},
                    {"error", "1e-9", 9, {{1, 1, 6}, {2, 1, 6}}, {}, {{1, 2, {1}, {1}, -3}}}};
  return problem;
}

TEST(Problem, ASendIsPaidOnceForAllWhoShareIt) {
  const auto problem = fork();
  ASSERT_THAT(validate(problem), IsOk());
  const auto both = evaluate(problem, {0, 1, 1});
  ASSERT_THAT(both, IsOk());
  EXPECT_EQ(both->cost_ns, 5 + 1 + 2 + 100);
  EXPECT_THAT(both->used, ElementsAre(9 + 40, 6 + 6 - 3));
  EXPECT_TRUE(both->feasible);
  const auto one = evaluate(problem, {1, 0, 1});
  ASSERT_THAT(one, IsOk());
  EXPECT_EQ(one->cost_ns, 7 + 10 + 2 + 30);
  EXPECT_THAT(one->used, ElementsAre(8, 6));
}

TEST(Problem, ALimitIsBrokenByOneUnit) {
  auto problem = fork();
  problem.limits[0].bound = 48;
  const auto value = evaluate(problem, {0, 1, 1});
  ASSERT_THAT(value, IsOk());
  EXPECT_FALSE(value->feasible);
}

TEST(Problem, AnAssignmentThatDoesNotFitIsRefused) {
  EXPECT_THAT(evaluate(fork(), {0, 1}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("of 2")));
  EXPECT_THAT(evaluate(fork(), {0, 1, 2}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("state 2 of variable 'c'")));
}

/// Of whether `b` and `c` are there.
Coupling couple() {
  return {"both", {{1, {0, 1}, 2}, {2, {0, 1}, 2}}, {0, 1, 2, 3}};
}

TEST(Problem, ALimitCountsTheCellThatAnAssignmentIsIn) {
  auto problem = fork();
  problem.couplings = {couple()};
  problem.limits[1].cells = {{0, {100, 200, -400, 800}}};
  ASSERT_THAT(validate(problem), IsOk());
  EXPECT_EQ(evaluate(problem, {0, 0, 0})->used[1], 100);
  EXPECT_EQ(evaluate(problem, {0, 1, 0})->used[1], 6 - 400);
  EXPECT_EQ(evaluate(problem, {0, 1, 1})->used[1], 6 + 6 - 3 + 800);
  EXPECT_EQ(evaluate(problem, {0, 1, 1})->cost_ns, 5 + 1 + 2 + 100 + 3);
}

struct Defect {
  const char* message;
  std::function<void(Problem&)> make;
};

TEST(Problem, DefectsAreNamed) {
  constexpr auto kHuge = std::numeric_limits<std::int64_t>::max();
  const std::vector<Defect> defects = {
      {"'a' has 0 states", [](auto& p) { p.variables[0].cost_ns.clear(); }},
      {"'a' has 257 states", [](auto& p) { p.variables[0].cost_ns.resize(257); }},
      {"'b' has a negative cost", [](auto& p) { p.variables[1].cost_ns[0] = -1; }},
      {"costs add up", [](auto& p) { p.variables[1].cost_ns[0] = kHuge; }},
      {"costs add up", [](auto& p) { p.tensors[0].cost_ns[1] = kHuge / 2; }},
      {"has 3 costs for 2 x 2", [](auto& p) { p.tensors[0].cost_ns.pop_back(); }},
      {"'t' has a negative cost", [](auto& p) { p.tensors[0].cost_ns[1] = -1; }},
      {"names variable 9 of 3", [](auto& p) { p.tensors[0].producer = 9; }},
      {"names variable 9 of 3", [](auto& p) { p.tensors[0].consumers[0].variable = 9; }},
      {"has 1 classes for the 2 states", [](auto& p) { p.tensors[0].producer_classes.pop_back(); }},
      {"only 2 classes", [](auto& p) { p.tensors[0].consumers[1].classes[0] = 2; }},
      {"names variable 'b' twice", [](auto& p) { p.tensors[0].consumers[1].variable = 1; }},
      {"names variable 'a' twice", [](auto& p) { p.tensors[0].consumers[1].variable = 0; }},
      {"names state 2 of variable 0", [](auto& p) { p.limits[0].states[0].state = 2; }},
      {"names state 0 of variable 7",
       [](auto& p) { p.limits[1].pairs[0].first = 7, p.limits[1].pairs[0].first_states = {0}; }},
      {"a send of tensor 1", [](auto& p) { p.limits[0].sends[0].tensor = 1; }},
      {"from class 2", [](auto& p) { p.limits[0].sends[0].from = 2; }},
      {"to class 2", [](auto& p) { p.limits[0].sends[0].to = 2; }},
      {"negative amount", [](auto& p) { p.limits[0].sends[0].amount = -1; }},
      {"with itself", [](auto& p) { p.limits[1].pairs[0].second = 1; }},
      {"without states", [](auto& p) { p.limits[1].pairs[0].second_states.clear(); }},
      {"'memory' adds up", [](auto& p) { p.limits[0].bound = kHuge; }},
      {"'memory' adds up", [](auto& p) { p.limits[0].sends[0].amount = kHuge / 2 + 1; }},
      {"has 1 amounts for coupling 0 of 0",
       [](auto& p) {
         p.limits[0].cells = {{0, {1}}};
       }},
      {"has 3 amounts for coupling 0 of 1",
       [](auto& p) {
         p.couplings = {couple()}, p.limits[0].cells = {{0, {1, 2, 3}}};
       }},
      {"'memory' adds up",
       [](auto& p) {
         p.couplings = {couple()}, p.limits[0].cells = {{0, {1, 2, 3, kHuge / 2}}};
       }},
      {"'error' adds up",
       [](auto& p) { p.limits[1].pairs[0].amount = std::numeric_limits<std::int64_t>::min(); }},
  };
  for (const auto& [message, make] : defects) {
    auto problem = fork();
    make(problem);
    const auto status = validate(problem);
    EXPECT_THAT(status, FailsWith(ErrorCode::kInvalidArgument, HasSubstr(message)));
    EXPECT_TRUE(status.has_value() || !status.error().hint.empty()) << message;
  }
}

}  // namespace
}  // namespace tessera::plan
