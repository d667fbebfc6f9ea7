// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/plan/evaluate.h"

namespace tessera::placement {
namespace {

/// Halvings of what a stage may take.
constexpr int kHalvings = 14;
/// A try that is no tighter than the one before would be the same.
constexpr double kAtLeastTighter = 0.97;
/// As well as costs are rounded.
constexpr double kAgrees = 1e-5;
/// Rounding of rows, against figures of floating point.
constexpr double kSlack = 1 + 1e-9;

}  // namespace

const plan::Method& Planner::method() const {
  return options_.method != nullptr ? *options_.method : plan::branch_and_bound();
}

std::string Planner::broken_limit(const Goal& goal, const Instance& instance,
                                  const Account& account,
                                  const plan::Assignment& assignment) const {
  const auto value = plan::evaluate(instance.problem, assignment);
  for (std::size_t r = 0; value && r < instance.problem.limits.size(); ++r) {
    if (value->used[r] > instance.problem.limits[r].bound) {
      return instance.problem.limits[r].name;
    }
  }
  if (goal.max_energy_j && account.energy_j.value_or(0) > *goal.max_energy_j * kSlack) {
    return fmt::format("energy: {:.4g} J of {:.4g}", *account.energy_j, *goal.max_energy_j);
  }
  if (goal.max_latency_us && account.latency_us > *goal.max_latency_us * kSlack) {
    return fmt::format("latency: {:.4g} us of {:.4g}", account.latency_us, *goal.max_latency_us);
  }
  if (goal.max_error && !(account.error && *account.error <= *goal.max_error * kSlack)) {
    return account.error ? fmt::format("error: {:.4g} of {:.4g}", *account.error, *goal.max_error)
                         : "error: not known";
  }
  if (goal.max_parts && account.parts > *goal.max_parts) {
    return fmt::format("parts: {} of {}", account.parts, *goal.max_parts);
  }
  return {};
}

/// What some plan costs that keeps the limits: that of the loose problem as it really is, or one
/// machine alone. None if these do not.
std::optional<double> Planner::possible(const Goal& goal, const Instance& loose,
                                        const std::optional<plan::Assignment>& assignment) const {
  std::optional<double> least;
  const auto offer = [&](const std::vector<Wish>& wishes) {
    const auto fixed = fixed_assignment(loose, wishes);
    const auto value = fixed ? plan::evaluate(loose.problem, *fixed) : Result<plan::Value>();
    if (!fixed || !value || value->cost_ns >= loose.never) {
      return;
    }
    const auto account = account_of(setting_, goal, loose, *fixed);
    if (broken_limit(goal, loose, account, *fixed).empty()) {
      const double cost =
          goal.objective == Objective::kThroughput ? account.latency_us : account.objective;
      least = std::min(least.value_or(cost), cost);
    }
  };
  if (assignment) {
    std::vector<Wish> wishes;
    for (std::size_t i = 0; i < loose.places.size(); ++i) {
      const auto& place = loose.places[i][(*assignment)[i]];
      wishes.push_back({place.machine, place.local.asked()});
    }
    offer(wishes);
  }
  for (std::size_t k = 0; k < loose.sites.size(); ++k) {
    for (std::uint8_t asked = 0; asked < loose.sites[k].precisions.size(); ++asked) {
      std::vector<Wish> wishes;
      for (const auto& places : loose.places) {
        const bool offered = std::ranges::any_of(places, [&](const Place& place) {
          return place.machine == k && place.local.asked() == asked;
        });
        wishes.push_back({k, offered ? asked : std::uint8_t{0}});
      }
      offer(wishes);
    }
  }
  return least;
}

Result<Instance> Planner::instance_for(const Goal& goal, const Keeps& keeps) const {
  if (setting_.cluster->machines.size() < 2) {
    return make_instance(setting_, goal, keeps);
  }
  TESSERA_TRY(const auto loose, make_loose_instance(setting_, goal, keeps));
  TESSERA_TRY(const auto solution, method().solve(loose.problem, options_.solve, monitor_));
  TESSERA_CHECK(monitor_.check());
  const auto known = possible(goal, loose, solution.assignment);
  return known ? make_instance_below(setting_, goal, *known, keeps)
               : make_instance(setting_, goal, keeps);
}

Result<Instance> Planner::instance_within(const Goal& goal, const Instance& instance,
                                          double objective) const {
  TESSERA_TRY(const auto bounds, plan::state_bounds(instance.problem, options_.solve));
  const auto keeps = [&](std::size_t unit, const Place& place) {
    const auto& places = instance.places[unit];
    const auto at = std::ranges::find(places, place);
    const auto state = static_cast<std::size_t>(at - places.begin());
    return at != places.end() && instance.objective_of(bounds[unit][state]) <= objective * kSlack;
  };
  return make_instance(setting_, goal, keeps);
}

Result<Solved> Planner::solve_instance(const Goal& goal, Instance instance) const {
  Solved solved;
  solved.instance = std::move(instance);
  TESSERA_TRY(solved.solution, method().solve(solved.instance.problem, options_.solve, monitor_));
  auto& solution = solved.solution;
  const auto too_much = static_cast<double>(solved.instance.too_much);
  const auto cost = static_cast<double>(solution.value.cost_ns);
  if (solution.outcome == plan::Outcome::kWithinGap && too_much > 0 &&
      cost - static_cast<double>(solution.bound_ns) > options_.solve.gap * (cost - too_much)) {
    // The gap was one of costs that are too high.
    auto closer = options_.solve;
    closer.gap *= std::max(cost - too_much, 0.0) / cost;
    TESSERA_TRY(solution, method().solve(solved.instance.problem, closer, monitor_));
  }
  if (options_.finisher != nullptr && solution.outcome == plan::Outcome::kInterrupted) {
    TESSERA_TRY(solution, milp::finish(*options_.finisher, solved.instance.problem,
                                       std::move(solution), options_.solve, monitor_));
  }
  if (solution.assignment && solution.value.cost_ns >= solved.instance.never) {
    // Only ways that are not there were left.
    solution.assignment.reset();
    solution.outcome = solution.bound_ns >= solved.instance.never ? plan::Outcome::kInfeasible
                                                                  : plan::Outcome::kInterrupted;
  }
  solved.bound = solution.outcome == plan::Outcome::kInfeasible
                     ? 0
                     : solved.instance.objective_of(solution.bound_ns);
  if (solution.assignment) {
    solved.account = account_of(setting_, goal, solved.instance, *solution.assignment);
  }
  return solved;
}

/// Tables that were too large leave out neighbours, so that a plan may really take longer than its
/// problem says. Its real figure leaves fewer places worth a look, and their tables have room.
Result<Solved> Planner::solve_once(const Goal& goal, const Keeps& keeps) const {
  TESSERA_TRY(auto instance, instance_for(goal, keeps));
  TESSERA_TRY(auto solved, solve_instance(goal, std::move(instance)));
  constexpr int kMostTurns = 3;
  const bool can = goal.objective != Objective::kThroughput;
  for (int turn = 0; turn < kMostTurns && can && solved.account; ++turn) {
    const double said = solved.instance.objective_of(solved.solution.value.cost_ns);
    const double real = solved.account->objective;
    const bool agrees = real - said <= kAgrees * real;
    if (agrees || monitor_.cancelled() ||
        !broken_limit(goal, solved.instance, *solved.account, *solved.solution.assignment)
             .empty()) {
      break;
    }
    TESSERA_TRY(auto closer, instance_within(goal, solved.instance, real));
    TESSERA_TRY(auto again, solve_instance(goal, std::move(closer)));
    if (!again.account) {
      break;
    }
    solved = std::move(again);
  }
  return solved;
}

/// First as cheap as rows can count, for the bound. A plan that breaks a limit so is made again
/// with less allowed, as its own figures say, and at last with rows as dear as they can be.
Result<Solved> Planner::solve_rows(const Goal& goal) const {
  auto cheapest = goal;
  cheapest.rows = Goal::Rows::kCheapest;
  TESSERA_TRY(auto solved, solve_once(cheapest));
  const double bound = solved.bound;
  const auto breaks = [&](const Solved& one) {
    if (!one.account) {
      return true;
    }
    const auto why = broken_limit(goal, one.instance, *one.account, *one.solution.assignment);
    return !why.empty() && !why.starts_with("parts");
  };
  if (!solved.account || !breaks(solved)) {
    return solved;
  }
  constexpr int kMostTries = 5;
  const bool has_rows =
      goal.max_energy_j || (goal.max_latency_us && goal.objective != Objective::kLatency);
  auto tighter = cheapest;
  for (int attempt = 0; attempt < kMostTries && has_rows && solved.account && breaks(solved) &&
                        !monitor_.cancelled();
       ++attempt) {
    tighter.row_share *= std::min(share_of_limits(goal, *solved.account), kAtLeastTighter);
    TESSERA_TRY(solved, solve_once(tighter));
  }
  if (breaks(solved) && has_rows && !monitor_.cancelled()) {
    auto dearest = goal;
    dearest.rows = Goal::Rows::kDearest;
    TESSERA_TRY(solved, solve_once(dearest));
  }
  solved.bound = bound;
  solved.solution.proof.reset();  // it would be of other rows
  solved.solution.conflicts.clear();
  solved.solution.joint.reset();
  const bool near = solved.account && solved.account->objective <= bound * (1 + options_.solve.gap);
  solved.solution.outcome = near ? plan::Outcome::kWithinGap : plan::Outcome::kInterrupted;
  if (breaks(solved)) {  // stopped before there was one that keeps them
    solved.account.reset();
    solved.solution.assignment.reset();
  }
  if (!solved.account) {
    TESSERA_CHECK(monitor_.check());
    TESSERA_CHECK(refute(goal, solved));
  }
  return solved;
}

/// What the limit on energy or latency allows of what a plan takes.
double Planner::share_of_limits(const Goal& goal, const Account& account) {
  double share = 1;
  if (goal.max_energy_j && account.energy_j.value_or(0) > 0) {
    share = std::min(share, *goal.max_energy_j / *account.energy_j);
  }
  if (goal.max_latency_us && account.latency_us > 0) {
    share = std::min(share, *goal.max_latency_us / account.latency_us);
  }
  return share;
}

/// Whether the least energy, or the least latency, there is breaks its limit.
Status Planner::refute(const Goal& goal, Solved& solved) const {
  const auto check = [&](Objective objective, std::optional<double> most) -> Status {
    if (!most) {
      return {};
    }
    const bool energy = objective == Objective::kEnergy;
    auto alone = goal;
    alone.objective = objective;
    (energy ? alone.max_energy_j : alone.max_latency_us).reset();
    TESSERA_TRY(auto least, solve_once(alone));
    if (least.account &&
        !broken_limit(alone, least.instance, *least.account, *least.solution.assignment).empty()) {
      least.account.reset();
    }
    if (least.bound > *most) {
      solved.solution.outcome = plan::Outcome::kInfeasible;
      solved.refuted.push_back(
          {energy ? "energy" : "latency", energy ? "J" : "us", *most,
           least.account ? std::optional(least.account->objective) : std::nullopt, least.bound});
    }
    return {};
  };
  TESSERA_CHECK(check(Objective::kEnergy, goal.max_energy_j));
  return check(Objective::kLatency, goal.max_latency_us);
}

/// Every layer at its cheapest, shared out evenly among all machines.
Result<double> Planner::least_stage(const Goal& goal) const {
  TESSERA_TRY(const auto loose, make_loose_instance(setting_, goal));
  std::int64_t sum = 0;
  for (const auto& variable : loose.problem.variables) {
    sum += std::ranges::min(variable.cost_ns);
  }
  return std::max(loose.objective_of(sum), 0.0) / static_cast<double>(loose.sites.size());
}

Result<Solved> Planner::solve_throughput(const Goal& goal) const {
  auto latency = goal;
  TESSERA_TRY(auto best, solve_rows(latency));
  if (!best.account) {
    return best;
  }
  double high = best.account->objective;
  TESSERA_TRY(double low, least_stage(goal));  // proven
  double looked = low;                         // or not decided
  for (int step = 0; step < kHalvings && high - looked > options_.solve.gap * high; ++step) {
    auto within = latency;
    within.max_stage_us = (looked + high) / 2;
    monitor_.progress("halving the busiest stage", step, kHalvings);
    auto made = solve_once(within);
    if (monitor_.cancelled()) {
      break;
    }
    TESSERA_TRY(auto solved, std::move(made));
    const bool keeps =
        solved.account &&
        broken_limit(goal, solved.instance, *solved.account, *solved.solution.assignment).empty();
    if (keeps && solved.account->objective < high) {
      high = solved.account->objective;
      best = std::move(solved);
      continue;
    }
    if (solved.solution.outcome == plan::Outcome::kInfeasible && low == looked) {
      low = *within.max_stage_us;
    }
    looked = *within.max_stage_us;
  }
  best.bound = low;
  best.solution.proof.reset();  // the proof is one of every halving
  best.solution.outcome = high - low <= options_.solve.gap * high ? plan::Outcome::kWithinGap
                                                                  : plan::Outcome::kInterrupted;
  return best;
}

/// By fewer and fewer crossings until there are few enough parts; the bound is that of any number.
Result<Solved> Planner::solve_parts(const Goal& goal) const {
  TESSERA_TRY(auto solved, solve_rows(goal));
  const auto keeps = [&](const Solved& one) {
    return one.account && one.account->parts <= *goal.max_parts;
  };
  if (!solved.account || keeps(solved)) {
    return solved;
  }
  const double bound = solved.bound;
  std::optional<Solved> best;
  auto fewer = goal;
  for (auto most = static_cast<std::int64_t>(solved.account->cuts.size()) - 1; most >= 0; --most) {
    fewer.max_crossings = most;
    monitor_.progress("fewer parts", 0, 0);
    auto made = solve_rows(fewer);
    if (monitor_.cancelled()) {
      break;
    }
    TESSERA_TRY(auto next, std::move(made));
    if (!next.account) {
      break;
    }
    most = std::min(most, static_cast<std::int64_t>(next.account->cuts.size()));
    if (keeps(next) && (!best || next.account->objective < best->account->objective)) {
      best = std::move(next);
    }
  }
  if (!best) {
    solved.account.reset();
    solved.solution.assignment.reset();
    solved.solution.outcome = plan::Outcome::kInterrupted;
    return solved;
  }
  best->bound = bound;
  best->solution.proof.reset();  // it would be of so few crossings
  best->solution.outcome = best->account->objective <= bound * (1 + options_.solve.gap)
                               ? plan::Outcome::kWithinGap
                               : plan::Outcome::kInterrupted;
  return std::move(*best);
}

Result<Solved> Planner::solve(const Goal& goal) const {
  if (goal.objective == Objective::kThroughput) {
    if (goal.max_parts) {
      return fail(ErrorCode::kInvalidArgument,
                  "a limit on parts is not kept where throughput is "
                  "what counts")
          .hint("leave out --max-parts, or minimize latency");
    }
    return solve_throughput(goal);
  }
  TESSERA_TRY(auto solved, goal.max_parts ? solve_parts(goal) : solve_rows(goal));
  const bool too_slow = goal.objective == Objective::kLatency && goal.max_latency_us &&
                        solved.account && solved.account->latency_us > *goal.max_latency_us;
  if (too_slow) {  // the least latency there is breaks the limit
    const bool proven = solved.bound > *goal.max_latency_us;
    solved.refuted.push_back(
        {"latency", "us", *goal.max_latency_us, solved.account->latency_us, solved.bound});
    solved.solution.assignment.reset();
    solved.solution.outcome = proven ? plan::Outcome::kInfeasible : plan::Outcome::kInterrupted;
  }
  return solved;
}

}  // namespace tessera::placement
