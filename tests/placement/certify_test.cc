// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/certify.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "placement/made_up.h"
#include "support/matchers.h"

namespace tessera::placement {
namespace {

using made_up::random_world;
using made_up::World;
using tessera::testing::IsOk;

PlanOptions with_proof() {
  PlanOptions options;
  options.solve.proof = true;
  options.baselines = false;
  options.turning_points = false;
  return options;
}

/// Of anything, within none or one of the limits: a bit more or less than what it takes without.
Goal any_goal(const World& world, Random& random, bool& errors) {
  Goal goal;
  goal.objective = static_cast<Objective>(random.below(4));
  goal.ms_per_joule = random.uniform();
  errors = random.below(3) == 0;
  if (errors) {
    goal.max_error = 2 * random.uniform();
    return goal;
  }
  const auto free = make_plan(world.setting(), goal, with_proof(), Monitor::silent());
  EXPECT_THAT(free, IsOk());
  const double share = 0.6 + 0.45 * random.uniform();
  switch (random.below(3)) {
    case 0:
      goal.max_energy_j = share * *free->plan.energy_j;
      break;
    case 1:
      goal.max_latency_us = share * free->plan.latency_us;
      break;
    default:
      break;
  }
  return goal;
}

struct Seen {
  int plans = 0;
  int infeasible = 0;
  int limited = 0;  ///< plans whose limit on energy or latency decides
  int without = 0;  ///< a certificate
};

void expect_certificate(const World& world, const Goal& goal, bool errors, std::uint64_t seed,
                        Seen& seen) {
  const auto setting = world.setting(errors);
  const auto planned = make_plan(setting, goal, with_proof(), Monitor::silent());
  ASSERT_THAT(planned, IsOk());
  const auto& plan = planned->plan;
  const bool has_plan = !plan.assignments.empty();
  seen.plans += has_plan ? 1 : 0;
  seen.infeasible += plan.status == Standing::kInfeasible ? 1 : 0;
  const auto decides = [&](const LimitUse& use) {
    return (use.name == "energy" || use.name == "latency") && use.used > 0.9 * use.bound &&
           use.name != to_string(goal.objective);
  };
  seen.limited += std::ranges::any_of(plan.limits, decides) ? 1 : 0;
  if (!planned->solution.proof) {
    ++seen.without;
    return;
  }
  const auto certificate = certify(setting, *planned, std::string(64, '1'), {});
  ASSERT_THAT(certificate, IsOk());
  const auto verdict = certificate::check(*certificate, {});
  EXPECT_TRUE(verdict.accepted) << verdict.reason << ", seed " << seed;
  if (!has_plan) {
    EXPECT_EQ(verdict.status, certificate::Status::kInfeasible) << seed;
    return;
  }
  const auto scale = static_cast<double>(certificate->objective_scale);
  const auto in_plan = [&](std::int64_t whole) {
    return static_cast<double>(whole - certificate->objective_offset) / scale;
  };
  EXPECT_NEAR(in_plan(certificate->claim.bound), plan.bound, 1 / scale) << seed;
  EXPECT_LE(in_plan(certificate->claim.cost), plan.objective * (1 + 1e-9) + 1 / scale) << seed;
}

void expect_certificates(std::uint64_t worlds, Seen& seen) {
  for (std::uint64_t seed = 0; seed < worlds; ++seed) {
    Random random(seed);
    const auto world = random_world(1 + random.below(5), 1 + random.below(3), random);
    bool errors = false;
    const auto goal = any_goal(world, random, errors);
    expect_certificate(world, goal, errors, seed, seen);
  }
}

TEST(Certify, PlansOfAnyGoal_AndThatThereIsNone) {
  Seen seen;
  expect_certificates(120, seen);
  EXPECT_GT(seen.plans, 60);
  EXPECT_GT(seen.infeasible, 10);
  EXPECT_GT(seen.limited, 4);
  EXPECT_LT(seen.without, 7);
}

TEST(CertifySlow, ManyPlansOfAnyGoal_AndThatThereIsNone) {
  Seen seen;
  expect_certificates(1500, seen);
  EXPECT_GT(seen.limited, 100);
  EXPECT_LT(seen.without, 75);
}

}  // namespace
}  // namespace tessera::placement
