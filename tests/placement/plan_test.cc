// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <limits>

#include "placement/fixed.h"
#include "placement/made_up.h"
#include "tessera/plan/evaluate.h"

namespace tessera::placement {
namespace {

using made_up::random_world;
using made_up::World;

constexpr double kEndless = std::numeric_limits<double>::infinity();

/// Every way to place a network that an instance offers.
void for_each_plan(const Instance& instance,
                   const std::function<void(const plan::Assignment&)>& visit) {
  std::vector<Wish> wishes(instance.units.size());
  const std::function<void(std::size_t)> choose = [&](std::size_t unit) {
    if (unit == wishes.size()) {
      if (const auto assignment = fixed_assignment(instance, wishes)) {
        visit(*assignment);
      }
      return;
    }
    for (std::size_t k = 0; k < instance.sites.size(); ++k) {
      for (std::uint8_t asked = 0; asked < instance.sites[k].precisions.size(); ++asked) {
        const bool offered = std::ranges::any_of(instance.places[unit], [&](const Place& place) {
          return place.machine == k && place.local.asked() == asked &&
                 place.local.support == profile::LocalState::Support::kOwn;
        });
        if (offered) {
          wishes[unit] = {k, asked};
          choose(unit + 1);
        }
      }
    }
  };
  choose(0);
}

/// The least objective of all plans that a judge accepts.
double brute_force(const World& world, const Goal& goal, bool errors,
                   const std::function<bool(const Account&)>& accepts) {
  double least = kEndless;
  const auto setting = world.setting(errors);
  // Of all places, not only those that are left of a plan.
  const auto instance = make_instance(setting, goal);
  EXPECT_TRUE(instance);
  for_each_plan(*instance, [&](const plan::Assignment& assignment) {
    const auto account = account_of(setting, goal, *instance, assignment);
    if (accepts(account)) {
      least = std::min(least, account.objective);
    }
  });
  return least;
}

PlanOptions exact() {
  PlanOptions options;
  options.solve.gap = 0;
  options.baselines = false;
  options.turning_points = false;
  return options;
}

RC_GTEST_PROP(Plan, CostsOfTheProblem_AreThoseOfTheAccount, (std::uint64_t seed)) {
  Random random(seed);
  const auto world = random_world(2 + random.below(7), 2 + random.below(2), random);
  Goal goal;
  goal.objective = static_cast<Objective>(random.below(3));
  goal.ms_per_joule = random.uniform();
  const auto instance = make_instance(world.setting(), goal);
  RC_ASSERT(instance.has_value());
  std::vector<Wish> wishes;
  for (std::size_t i = 0; i < instance->units.size(); ++i) {
    const auto& place = instance->places[i][random.below(instance->places[i].size())];
    wishes.push_back({place.machine, place.local.asked()});
  }
  const auto assignment = fixed_assignment(*instance, wishes);
  RC_PRE(assignment.has_value());
  const auto value = plan::evaluate(instance->problem, *assignment);
  RC_ASSERT(value->cost_ns < instance->never);
  const auto account = account_of(world.setting(), goal, *instance, *assignment);
  const double rounding = static_cast<double>(instance->problem.couplings.size() +
                                              instance->problem.tensors.size() + 4) *
                          2 / instance->units_per_objective;
  const double said = instance->objective_of(value->cost_ns);
  RC_ASSERT(said <= account.objective + rounding);
  // Of more readers than that a table may leave some out, and count too little.
  constexpr std::size_t kAlwaysFit = 2;
  const bool fits = std::ranges::all_of(instance->units.units, [](const profile::Unit& unit) {
    return unit.consumers.size() <= kAlwaysFit;
  });
  RC_ASSERT(!fits || said >= account.objective - rounding);
}

RC_GTEST_PROP(Plan, OfFewOperators_IsTheBestOfAll, (std::uint64_t seed)) {
  Random random(seed);
  const auto world = random_world(1 + random.below(4), 2 + random.below(2), random);
  Goal goal;
  goal.objective = static_cast<Objective>(random.below(3));
  goal.ms_per_joule = random.uniform();
  const auto planned = make_plan(world.setting(), goal, exact(), Monitor::silent());
  RC_ASSERT(planned.has_value());
  const double least = brute_force(world, goal, false, [](const Account&) { return true; });
  RC_ASSERT(planned->plan.objective <=
            least * 1.001 + 0.1 / planned->instance.units_per_objective * 1000);
  RC_ASSERT(planned->plan.bound <=
            least * 1.001 + 0.1 / planned->instance.units_per_objective * 1000);
}

RC_GTEST_PROP(Plan, WithALimit_KeepsItAndItsBoundHolds, (std::uint64_t seed)) {
  Random random(seed);
  const auto world = random_world(1 + random.below(4), 2, random);
  Goal goal;
  const bool errors = random.below(2) == 0;
  if (errors) {
    goal.max_error = 2 * random.uniform();
  } else {
    goal.objective = random.below(2) == 0 ? Objective::kLatency : Objective::kWeighted;
    goal.ms_per_joule = random.uniform();
    goal.max_energy_j = 5e-3 * random.uniform();
  }
  const auto planned = make_plan(world.setting(errors), goal, exact(), Monitor::silent());
  RC_ASSERT(planned.has_value());
  const auto keeps = [&](const Account& account) {
    return errors ? account.error && *account.error <= *goal.max_error
                  : *account.energy_j <= *goal.max_energy_j;
  };
  const double least = brute_force(world, goal, errors, keeps);
  const auto& plan = planned->plan;
  if (plan.status == Standing::kInfeasible) {
    RC_ASSERT(least == kEndless);
    return;
  }
  RC_ASSERT(plan.bound <= least + 0.1);
  RC_ASSERT(least == kEndless || !plan.assignments.empty());
  if (!plan.assignments.empty()) {
    const double share =
        errors ? *plan.error / *goal.max_error : *plan.energy_j / *goal.max_energy_j;
    RC_ASSERT(share <= 1 + 1e-6);
    RC_ASSERT(plan.objective >= plan.bound - 0.1);
  }
  if (plan.status == Standing::kOptimal) {
    RC_ASSERT(plan.objective <= least + 0.1);
  }
}

RC_GTEST_PROP(Plan, OfLeastEnergyWithALimitOfLatency_IsThereWheneverSomePlanKeepsIt,
              (std::uint64_t seed)) {
  Random random(seed);
  const auto world = random_world(1 + random.below(4), 2, random);
  Goal free;
  const auto quickest = make_plan(world.setting(), free, exact(), Monitor::silent());
  RC_ASSERT(quickest.has_value());
  Goal goal;
  goal.objective = Objective::kEnergy;
  goal.max_latency_us = quickest->plan.latency_us * (0.9 + random.uniform());
  const auto planned = make_plan(world.setting(), goal, exact(), Monitor::silent());
  RC_ASSERT(planned.has_value());
  const auto& plan = planned->plan;
  const bool possible = *goal.max_latency_us >= quickest->plan.latency_us;
  RC_ASSERT(possible == !plan.assignments.empty());
  RC_ASSERT(possible || plan.status == Standing::kInfeasible);
  if (possible) {
    RC_ASSERT(plan.latency_us <= *goal.max_latency_us * (1 + 1e-9));
    RC_ASSERT(plan.bound <= plan.objective * (1 + 1e-9));
  }
}

/// Planned again with what a plan takes as the limit.
void expect_no_worse_at_its_own_limit(std::uint64_t seed) {
  Random random(seed);
  const auto world = random_world(2 + random.below(6), 2 + random.below(2), random);
  const bool errors = random.below(2) == 0;
  Goal goal;
  (errors ? goal.max_error : goal.max_energy_j) = (errors ? 2 : 5e-3) * random.uniform();
  const auto before = make_plan(world.setting(errors), goal, exact(), Monitor::silent());
  RC_ASSERT(before.has_value());
  if (before->plan.assignments.empty()) {
    return;
  }
  (errors ? goal.max_error : goal.max_energy_j) =
      errors ? before->plan.error : before->plan.energy_j;
  const auto after = make_plan(world.setting(errors), goal, exact(), Monitor::silent());
  RC_ASSERT(after.has_value());
  RC_ASSERT(!after->plan.assignments.empty());
  RC_ASSERT(after->plan.objective <= before->plan.objective * (1 + 1e-6));
  RC_ASSERT(after->plan.bound <= before->plan.objective * (1 + 1e-6));
}

RC_GTEST_PROP(Plan, OfALimitThatAPlanUsesUp_IsNoWorseThanThatPlan, (std::uint64_t seed)) {
  expect_no_worse_at_its_own_limit(seed);
}

TEST(Plan, OfALimitOfEnergyBetweenTwoNanojoules_IsThere) {
  EXPECT_TRUE(rc::check([] { expect_no_worse_at_its_own_limit(558538152495779); }));
}

TEST(Plan, BelowTheLeastOfWhatIsMinimized_IsInfeasibleAndSaysWhatWouldDo) {
  Random random(12);
  const auto world = random_world(6, 2, random);
  for (const auto objective : {Objective::kLatency, Objective::kEnergy, Objective::kThroughput}) {
    Goal goal;
    goal.objective = objective;
    const bool joules = objective == Objective::kEnergy;
    (joules ? goal.max_energy_j : goal.max_latency_us) = 1e-6;
    const auto planned = make_plan(world.setting(), goal, exact(), Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    EXPECT_EQ(planned->plan.status, Standing::kInfeasible);
    ASSERT_EQ(planned->plan.conflicts.size(), 1U);
    const auto& conflict = planned->plan.conflicts[0];
    EXPECT_EQ(conflict.name, joules ? "energy" : "latency");
    ASSERT_TRUE(conflict.enough);
    (joules ? goal.max_energy_j : goal.max_latency_us) = conflict.enough;
    const auto enough = make_plan(world.setting(), goal, exact(), Monitor::silent());
    ASSERT_TRUE(enough) << enough.error().message;
    EXPECT_FALSE(enough->plan.assignments.empty());
  }
}

RC_GTEST_PROP(Plan, OfOnePart_IsThatOfTheBestMachineAlone, (std::uint64_t seed)) {
  Random random(seed);
  const auto world = random_world(2 + random.below(4), 2, random);
  Goal goal;
  goal.max_parts = 1;
  const auto planned = make_plan(world.setting(), goal, exact(), Monitor::silent());
  RC_ASSERT(planned.has_value());
  const double least =
      brute_force(world, goal, false, [](const Account& account) { return account.parts <= 1; });
  RC_ASSERT(planned->plan.parts == 1);
  RC_ASSERT(planned->plan.objective <= least * 1.001 + 0.1);
}

TEST(Plan, WithoutTime_IsOneThatIsPlain_AndItsBoundHolds) {
  Random random(11);
  const auto world = random_world(7, 3, random);
  auto options = exact();
  const auto best = make_plan(world.setting(), {}, options, Monitor::silent());
  ASSERT_TRUE(best) << best.error().message;
  options.solve.time_limit_s = 0;
  for (const auto objective : {Objective::kLatency, Objective::kThroughput}) {
    Goal goal;
    goal.objective = objective;
    const auto planned = make_plan(world.setting(), goal, options, Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    EXPECT_FALSE(planned->plan.assignments.empty());
    EXPECT_LE(planned->plan.bound, best->plan.objective * (1 + 1e-6));
  }
}

RC_GTEST_PROP(Plan, OfMostThroughput_HasTheLeastBusiestStage, (std::uint64_t seed)) {
  Random random(seed);
  const auto world = random_world(1 + random.below(3), 2, random);
  Goal goal;
  goal.objective = Objective::kThroughput;
  auto options = exact();
  options.solve.gap = 0.01;
  const auto planned = make_plan(world.setting(), goal, options, Monitor::silent());
  RC_ASSERT(planned.has_value());
  const double least = brute_force(world, goal, false, [](const Account&) { return true; });
  RC_ASSERT(planned->plan.bound <= least + 0.1);
  RC_ASSERT(planned->plan.objective >= least - 0.1);
  if (planned->plan.status == Standing::kOptimal) {
    RC_ASSERT(planned->plan.objective <= least * 1.02 + 0.1);
  }
}

TEST(Plan, RawInputStays_NothingReadsItElsewhere) {
  Random random(3);
  auto world = random_world(6, 3, random);
  world.cluster.raw_input_stays = true;
  world.cluster.machines[2].name = "fast";
  world.cluster.links.clear();
  for (const auto* from : {"a", "b", "fast"}) {
    for (const auto* to : {"a", "b", "fast"}) {
      cluster::Link link{.from = from, .to = to};
      link.bandwidth_bytes_per_s = 1e12;
      if (std::string_view(from) != to) {
        world.cluster.links.push_back(link);
      }
    }
  }
  world.cluster.outputs_to = "a";
  const auto planned = make_plan(world.setting(), {}, exact(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  for (const auto& cut : planned->plan.cuts) {
    EXPECT_NE(cut.tensor, "x");
  }
}

TEST(Plan, AMachineWithoutALink_GetsNothing_AndItIsSaid) {
  Random random(4);
  auto world = random_world(5, 3, random);
  std::erase_if(world.cluster.links,
                [](const cluster::Link& link) { return link.from == "c" || link.to == "c"; });
  world.cluster.outputs_to = "a";
  const auto planned = make_plan(world.setting(), {}, exact(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.machines[2].layers, 0);
  EXPECT_NE(planned->plan.machines[2].why_idle, "");
}

TEST(Plan, ALimitThatNothingKeeps_IsNamedWithTheLeastThatWouldDo) {
  Random random(6);
  auto world = random_world(4, 2, random);
  Goal goal;
  goal.max_memory_bytes = {{"a", 1}, {"b", 1}};
  const auto planned = make_plan(world.setting(), goal, exact(), Monitor::silent());
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->plan.status, Standing::kInfeasible);
  EXPECT_FALSE(planned->plan.conflicts.empty());
}

TEST(Plan, WhatIsNotKnown_IsNoLimit) {
  Random random(7);
  auto world = random_world(4, 2, random);
  world.cluster.machines[1].busy_watts.reset();
  Goal goal;
  goal.max_energy_j = 1;
  const auto no_watts = make_instance(world.setting(), goal);
  ASSERT_FALSE(no_watts);
  EXPECT_NE(no_watts.error().message.find("power of machine 'b'"), std::string::npos);
  Goal error;
  error.max_error = 1;
  EXPECT_FALSE(make_instance(world.setting(), error));
  const auto planned = make_plan(world.setting(), {}, exact(), Monitor::silent());
  ASSERT_TRUE(planned);
  const bool uses_b = planned->plan.machines[1].layers > 0;
  EXPECT_EQ(planned->plan.energy_j.has_value(), !uses_b);
}

TEST(Plan, ProductsThatTheErrorModelDoesNotKnow_StayFloatUnderALimit) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    auto world = random_world(6, 1, random);
    for (auto& layer : world.errors.layers) {
      layer.name = "other " + layer.name;
    }
    Goal goal;
    goal.max_error = 1e6;
    const auto planned = make_plan(world.setting(true), goal, exact(), Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    for (const auto& one : planned->plan.assignments) {
      const auto& op = world.graph.op(*world.graph.find_op(one.op));
      EXPECT_TRUE(one.precision == "fp32" || !graph::is_sum_of_products(op.kind)) << one.op;
    }
    EXPECT_TRUE(planned->plan.error.has_value());
  }
}

/// What sweeps do not switch is in integers between integers only.
TEST(Plan, OtherLayersThatItDoesNotKnow_AreInIntegersBetweenIntegers) {
  int met = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    auto world = random_world(7, 1, random);
    for (std::size_t i = 0; i < world.errors.layers.size(); ++i) {
      const auto& op = world.graph.ops()[i];
      if (!graph::is_sum_of_products(op.kind)) {
        world.errors.layers[i].name = "other " + op.name;
      }
    }
    Goal goal;
    goal.max_error = 1e6;
    const auto planned = make_plan(world.setting(true), goal, exact(), Monitor::silent());
    ASSERT_TRUE(planned) << planned.error().message;
    const auto& plan = planned->plan;
    EXPECT_TRUE(plan.error.has_value());
    const auto& units = planned->instance.units.units;
    for (std::size_t i = 0; i < units.size(); ++i) {
      const auto& op = world.graph.ops()[units[i].worker.value];
      if (plan.assignments[i].precision == "fp32" || op.type == "MaxPool" ||
          graph::is_sum_of_products(op.kind)) {
        continue;
      }
      ++met;
      for (const auto& neighbours : {units[i].producers, units[i].consumers}) {
        for (const auto other : neighbours) {
          EXPECT_EQ(plan.assignments[other].precision, "int8") << seed << " " << op.name;
        }
      }
    }
  }
  EXPECT_GT(met, 0);
}

TEST(Plan, AnotherModelsProfile_IsRefused) {
  Random random(9);
  auto world = random_world(4, 1, random);
  world.profiles[0].layers[1].ops = {"nobody"};
  const auto instance = make_instance(world.setting(), {});
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().code, ErrorCode::kInvalidArgument);
}

TEST(Plan, AMachineThatNobodyMeasured_IsNamed) {
  Random random(10);
  auto world = random_world(4, 2, random);
  world.cluster.machines[1].scaling.reset();
  const auto instance = make_instance(world.setting(), {});
  ASSERT_FALSE(instance);
  EXPECT_NE(instance.error().hint.find("--profile b="), std::string::npos);
}

}  // namespace
}  // namespace tessera::placement
