// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "placement/pool.h"

namespace tessera::placement {
namespace {

/// Times of a stage that are told apart at once.
constexpr int kStages = 248;
/// Of what is proven.
constexpr std::array kBelow = {0.9, 0.97, 0.997};
/// Of the time that is left, what one round may take.
constexpr double kShareOfRound = 0.5;
constexpr int kMostRounds = 6;
/// Of a plan's objective, what is no difference.
constexpr double kSame = 1e-9;
constexpr double kNsPerUs = 1000;

/// Times from what is proven to that of a plan; 1 ns below it, so that its own is exact, and some
/// below what is proven, which is to be proven again.
std::vector<std::int64_t> stages_between(double bound_us, double plan_us) {
  const auto high = static_cast<std::int64_t>(std::ceil(plan_us * kNsPerUs));
  const auto low =
      std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(bound_us * kNsPerUs)), 0, high);
  std::set<std::int64_t> stages{high, std::max<std::int64_t>(high - 1, 0)};
  for (const auto share : kBelow) {
    stages.insert(static_cast<std::int64_t>(static_cast<double>(low) * share));
  }
  for (int k = 0; k < kStages; ++k) {
    stages.insert(low + (high - low) * k / kStages);
  }
  return {stages.begin(), stages.end()};
}

/// Those of the stages' rows, for the next round.
void note_prices(const Solved& solved, Pool& pool) {
  const auto& limits = solved.instance.problem.limits;
  const auto& prices = solved.solution.price_ns;
  for (std::size_t r = 0; r < std::min(limits.size(), prices.size()); ++r) {
    if (limits[r].name.starts_with("time of ")) {
      pool.price(limits[r].name, prices[r]);
    }
  }
}

}  // namespace

Goal Planner::posed(const Setting& setting, Goal goal, double bound, double objective) {
  if (goal.objective == Objective::kThroughput && setting.cluster->machines.size() > 1) {
    goal.stages_ns = stages_between(bound, objective);
  }
  return goal;
}

/// With one machine a stage is the latency. Else the time of the busiest is a variable: as many
/// times as it has states between what is proven and what is known, and again between the two that
/// this leaves, until no better plan is found.
Result<Solved> Planner::solve_throughput(const Goal& goal) const {
  auto latency = goal;
  latency.objective = Objective::kLatency;
  TESSERA_TRY(auto first, goal.max_parts ? solve_parts(latency) : solve_limited(latency));
  if (!first.account || setting_.cluster->machines.size() < 2) {
    return first;
  }
  Pool pool(*this, goal);
  pool.offer(first);
  for (const auto& machine : setting_.cluster->machines) {  // all alike is a fair beginning
    pool.price("time of " + machine.name,
               1 / static_cast<double>(setting_.cluster->machines.size()));
  }
  for (int round = 0; round < kMostRounds && pool.has_plan() && !is_late(); ++round) {
    const double known = pool.objective();
    const auto stage = posed(setting_, without_parts(goal), pool.bound(), known);
    monitor_.progress("stages", round, kMostRounds);
    const auto start = pool.start();
    auto made = within(kShareOfRound).solve_kept(stage, &*start);
    if (monitor_.cancelled() && !made) {
      break;
    }
    TESSERA_TRY(auto solved, std::move(made));
    pool.raise(solved.bound);
    note_prices(solved, pool);
    const bool is_own = solved.is_own && !goal.max_parts;
    pool.offer(std::move(solved), is_own ? &stage : nullptr);
    if (pool.objective() >= known * (1 - kSame)) {
      break;
    }
  }
  return pool.result(std::move(first));
}

}  // namespace tessera::placement
