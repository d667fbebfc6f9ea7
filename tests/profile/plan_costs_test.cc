// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/plan_costs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

#include "support/made_up_profiles.h"
#include "tessera/plan/evaluate.h"
#include "tessera/plan/solve.h"

namespace tessera::profile {
namespace {

using made_up::chain_of;
using made_up::random_units;

/// Some units on one machine, the rest elsewhere: by unit its states here, and one for elsewhere.
std::vector<std::vector<LocalState>> states_with_elsewhere(const Units& units, const Forms& forms) {
  std::vector<std::vector<LocalState>> states;
  for (std::size_t i = 0; i < units.size(); ++i) {
    states.push_back(local_states(units, i, forms, std::vector<bool>(forms.size(), true)));
    states.back().push_back({.here = false});
  }
  return states;
}

plan::Problem empty_problem(const Units& units,
                            const std::vector<std::vector<LocalState>>& states) {
  plan::Problem problem;
  for (std::size_t i = 0; i < units.size(); ++i) {
    problem.variables.push_back(
        {units.units[i].name, std::vector<std::int64_t>(states[i].size(), 0)});
  }
  return problem;
}

struct Drawn {
  plan::Assignment assignment;
  std::vector<LocalState> chosen;
};

/// Any state of each unit.
Drawn drawn_plan(const std::vector<std::vector<LocalState>>& states, Random& random) {
  Drawn drawn;
  for (const auto& of : states) {
    drawn.assignment.push_back(static_cast<std::uint8_t>(random.below(of.size())));
    drawn.chosen.push_back(of[drawn.assignment.back()]);
  }
  return drawn;
}

/// The units of one machine as a model of their own: what they read from elsewhere is an input.
Units part_of(const Units& units, const std::vector<LocalState>& plan) {
  auto part = units;
  for (std::size_t i = 0; i < units.size(); ++i) {
    auto& unit = part.units[i];
    const auto elsewhere = [&](std::size_t other) { return !plan[i].here || !plan[other].here; };
    std::erase_if(unit.producers, elsewhere);
    std::erase_if(unit.consumers, elsewhere);
    const auto& whole = units.units[i];
    unit.reads_input = plan[i].here && (whole.reads_input || unit.producers.empty());
    // Values of another machine are plain, whatever the others are.
    if (unit.producers.size() < whole.producers.size()) {
      unit.reads_input = true;
    }
  }
  return part;
}

RC_GTEST_PROP(PlanCosts, APlanOfOneMachineAmongOthers_CostsWhatTheModelSays, (std::uint64_t seed)) {
  Random random(seed);
  const auto units = random_units(1 + random.below(9), random);
  auto model = made_up::random_model(units, random, made_up::forms_of(2));
  model.schemes = {"a", "b"};
  model.scale = 0.5 + random.uniform();
  model.overhead_us_per_kernel = random.uniform() - 2;  // costs below 0 occur
  const auto states = states_with_elsewhere(units, model.forms);
  auto problem = empty_problem(units, states);
  Local local{.model = &model, .units = &units, .states = &states};
  local.takes_outputs = random.below(2) == 0;
  local.never = 1'000'000'000;
  const auto added = add_local_costs(local, problem);
  ASSERT_TRUE(plan::validate(problem));

  const auto [assignment, chosen] = drawn_plan(states, random);
  const auto value = plan::evaluate(problem, assignment);
  RC_PRE(value->cost_ns < local.never);
  const auto us = local_us(local, chosen);
  const auto sum = std::accumulate(us.begin(), us.end(), 0.0);
  RC_ASSERT(std::abs(static_cast<double>(value->cost_ns - added) - 1000 * sum) <=
            2.0 * static_cast<double>(units.size() + 1));

  // The same by the neighbourhoods of a model of these units alone. It cannot tell a value that
  // leaves from one that nobody reads: where that decides what an operator follows, it is no judge.
  auto part = part_of(units, chosen);
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool is_torn = part.units[i].producers != units.units[i].producers ||
                         part.units[i].consumers != units.units[i].consumers;
    RC_PRE(!chosen[i].here || units.units[i].type != "MaxPool" || !is_torn);
  }
  States asked;
  for (std::size_t i = 0; i < units.size(); ++i) {
    asked.push_back(chosen[i].asked());
    part.units[i].makes_output = units.units[i].makes_output && local.takes_outputs;
  }
  const auto around = neighbourhood_of(part, asked, model.forms);
  for (std::size_t i = 0; i < units.size(); ++i) {
    const bool leaves = std::ranges::any_of(units.units[i].consumers,
                                            [&](std::size_t c) { return !chosen[c].here; });
    if (chosen[i].here && !leaves) {
      RC_ASSERT(around.layout[i] == chosen[i].result);
      RC_ASSERT(std::abs(us[i] - model.share_us(i, around)) < 1e-6);
    }
  }
}

RC_GTEST_PROP(PlanCosts, LimitsThatAreCharged_CountWhatThePlanTakes, (std::uint64_t seed)) {
  Random random(seed);
  const auto units = random_units(1 + random.below(7), random);
  auto model = made_up::random_model(units, random, made_up::forms_of(2));
  model.schemes = {"a", "b"};
  model.overhead_us_per_kernel = random.uniform() - 2;
  const auto states = states_with_elsewhere(units, model.forms);
  auto problem = empty_problem(units, states);
  problem.limits = {{.name = "down", .unit = "nJ", .bound = 7}, {.name = "up", .unit = "nJ"}};
  Local local{.model = &model, .units = &units, .states = &states};
  local.units_per_us = random.below(2) == 0 ? 0 : 1000;  // a limit of what costs nothing
  local.never = 1'000'000'000;
  const double each = 1e4 * random.uniform();
  local.charges = {{0, each, false, 1'000'000'000}, {1, each, true, 0}};
  [[maybe_unused]] const auto added = add_local_costs(local, problem);
  ASSERT_TRUE(plan::validate(problem));

  const auto [assignment, chosen] = drawn_plan(states, random);
  const auto value = plan::evaluate(problem, assignment);
  const auto us = local_us(local, chosen);
  const double used = each * std::accumulate(us.begin(), us.end(), 0.0);
  // What is cut off of a bound is used by every plan.
  const auto down = static_cast<double>(value->used[0] + 7 - problem.limits[0].bound);
  if (value->cost_ns >= local.never) {
    RC_ASSERT(down >= 1e8);
    return;
  }
  const auto up = static_cast<double>(value->used[1] - problem.limits[1].bound);
  const auto roundings = static_cast<double>(2 * units.size() + 2);
  RC_ASSERT(down <= used + 1e-3 && down >= used - roundings);
  RC_ASSERT(up >= used - 1e-3 && up <= used + roundings);
}

/// Allows of every unit only what it comes to be where that is asked.
void allow_only(const Neighbourhood& around, const std::vector<std::vector<LocalState>>& states,
                std::int64_t never, plan::Problem& problem) {
  for (std::size_t i = 0; i < states.size(); ++i) {
    for (std::size_t s = 0; s < states[i].size(); ++s) {
      const auto& state = states[i][s];
      const bool comes_to_be = state.here && around.own[i] / kUnitContexts == state.state &&
                               around.layout[i] == state.result;
      problem.variables[i].cost_ns[s] += comes_to_be ? 0 : never;
    }
  }
}

RC_GTEST_PROP(PlanCosts, WhateverIsAsked_IsAPlanAndCostsWhatTheModelSays, (std::uint64_t seed)) {
  Random random(seed);
  auto units = random_units(1 + random.below(9), random);
  for (auto& unit : units.units) {  // pools read two values, too: each may have another type
    unit.type = random.below(3) == 0 ? "MaxPool" : unit.type;
  }
  const auto model = made_up::random_model(units, random, made_up::forms_of(2));
  const bool always_follows = random.below(2) == 0;
  std::vector<std::vector<LocalState>> states;
  States asked;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const std::vector<bool> may{true, random.below(2) == 0, random.below(2) == 0};
    states.push_back(local_states(units, i, model.forms, may, always_follows));
    const auto state = static_cast<std::uint8_t>(random.below(3));
    asked.push_back(may[state] ? state : std::uint8_t{0});
  }
  auto problem = empty_problem(units, states);
  Local local{.model = &model, .units = &units, .states = &states};
  local.never = 1'000'000'000;
  const auto added = add_local_costs(local, problem);
  const auto around = neighbourhood_of(units, asked, model.forms);
  allow_only(around, states, local.never, problem);
  const auto solution = plan::solve(problem, {.gap = 0});
  RC_ASSERT(solution && solution->assignment);
  double us = 0;
  for (std::size_t row = 0; row <= units.size(); ++row) {
    us += model.share_us(row, around);
  }
  RC_ASSERT(std::abs(static_cast<double>(solution->value.cost_ns - added) - 1000 * us) <=
            2.0 * static_cast<double>(units.size() + 1));
}

TEST(PlanCosts, AnOperator_FollowsAReaderThatFollowsAnother) {
  // The second pool reads the convolution first: it is in integers for its sake, and the first pool
  // for the second's.
  const auto units =
      made_up::units_of({{"Conv", {}}, {"Conv", {0}}, {"MaxPool", {0}}, {"MaxPool", {1, 2}}});
  const auto model = made_up::context_free(units, {10, 10, 10, 10}, {50, 1, 1, 1});
  std::vector<std::vector<LocalState>> states;
  for (std::size_t i = 0; i < units.size(); ++i) {
    states.push_back(local_states(units, i, model.forms, {true, i == 1}));
  }
  auto problem = empty_problem(units, states);
  Local local{.model = &model, .units = &units, .states = &states};
  local.never = 1'000'000'000;
  const auto added = add_local_costs(local, problem);
  const auto solution = plan::solve(problem, {.gap = 0});
  ASSERT_TRUE(solution && solution->assignment);
  EXPECT_EQ(solution->value.cost_ns - added, 13'000);
}

TEST(PlanCosts, ManyStatesThatATableDoesNotTellApart_TakeNoRoom) {
  // As where many other machines could run each: with every state counted no reader would fit.
  constexpr std::size_t kElsewhere = 150;
  const auto units = made_up::units_of({{"Conv", {}}, {"Conv", {0}}, {"Gemm", {0}}, {"Gemm", {0}}});
  Random random(7);
  const auto model = made_up::random_model(units, random);
  auto states = states_with_elsewhere(units, model.forms);
  for (auto& of : states) {
    of.resize(of.size() + kElsewhere, {.here = false});
  }
  auto problem = empty_problem(units, states);
  Local local{.model = &model, .units = &units, .states = &states};
  local.never = 1'000'000'000;
  const auto added = add_local_costs(local, problem);
  const plan::Assignment all_float(units.size(), 0);
  std::vector<LocalState> chosen;
  for (const auto& of : states) {
    chosen.push_back(of[0]);
  }
  const auto us = local_us(local, chosen);
  EXPECT_NEAR(static_cast<double>(plan::evaluate(problem, all_float)->cost_ns - added),
              1000 * std::accumulate(us.begin(), us.end(), 0.0), 10);
}

TEST(PlanCosts, MovingAnOperatorWithItsReader_CannotHoldItselfUp) {
  // Two pools between float convolutions take no scheme by themselves.
  auto units = chain_of({"Conv", "MaxPool", "MaxPool", "Conv"});
  units.units[1].takes = {false};
  units.units[2].takes = {false};
  auto model = made_up::context_free(units, {10, 10, 10, 10}, {50, 1, 1, 50});
  const std::vector<bool> both{true, true};
  const std::vector<bool> floats{true, false};
  std::vector<std::vector<LocalState>> states;
  for (std::size_t i = 0; i < 4; ++i) {
    states.push_back(local_states(units, i, model.forms, i == 0 || i == 3 ? both : floats));
  }
  auto problem = empty_problem(units, states);
  Local local{.model = &model, .units = &units, .states = &states};
  local.never = 1'000'000'000;
  const auto added = add_local_costs(local, problem);
  const auto solution = plan::solve(problem, {.gap = 0});
  ASSERT_TRUE(solution && solution->assignment);
  EXPECT_EQ(solution->value.cost_ns - added, 40'000);  // 62 us with one convolution in integers
}

TEST(PlanCosts, MoreReadersThanATableHolds_CountNoMoreThanTheyCost) {
  constexpr std::size_t kReaders = 20;
  std::vector<made_up::Part> parts{{"Conv", {}}};
  for (std::size_t i = 0; i < kReaders; ++i) {
    parts.push_back({"Conv", {0}});
  }
  const auto units = made_up::units_of(parts);
  Random random(5);
  const auto model = made_up::random_model(units, random);
  const auto states = states_with_elsewhere(units, model.forms);
  auto problem = empty_problem(units, states);
  Local local{.model = &model, .units = &units, .states = &states};
  local.never = 1'000'000'000;
  const auto added = add_local_costs(local, problem);
  for (int trial = 0; trial < 200; ++trial) {
    plan::Assignment assignment;
    std::vector<LocalState> chosen;
    for (const auto& of : states) {
      assignment.push_back(static_cast<std::uint8_t>(random.below(of.size())));
      chosen.push_back(of[assignment.back()]);
    }
    const auto us = local_us(local, chosen);
    const auto value = plan::evaluate(problem, assignment);
    EXPECT_LE(static_cast<double>(value->cost_ns - added),
              1000 * std::accumulate(us.begin(), us.end(), 0.0) + 2.0 * kReaders);
  }
}

}  // namespace
}  // namespace tessera::profile
