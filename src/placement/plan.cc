// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "placement/planner.h"
#include "tessera/core/timing.h"

namespace tessera::placement {
namespace {

/// Plans that take longer are not made again and again for turning points.
constexpr double kQuickUs = 300e3;
constexpr double kRounding = 1e-4;

std::string_view unit_of(Objective objective) {
  return objective == Objective::kEnergy ? "J" : "us";
}

Standing standing_of(const Solved& solved) {
  switch (solved.solution.outcome) {
    case plan::Outcome::kOptimal:
    case plan::Outcome::kWithinGap:
      return Standing::kOptimal;
    case plan::Outcome::kInfeasible:
      return Standing::kInfeasible;
    case plan::Outcome::kInterrupted:
      return Standing::kFeasible;
  }
  return Standing::kFeasible;
}

/// Rows count in whole numbers of small units; people in larger ones.
struct Scale {
  double factor = 1;
  std::string unit;
};
Scale scale_of(const plan::Limit& limit, const Goal& goal) {
  if (limit.name == "error") {
    return {goal.max_error ? 1e-9 : 1, "of the limit"};
  }
  if (limit.unit == "nJ") {
    return {1e-9, "J"};
  }
  if (limit.unit == "ns") {
    return {1e-3, "us"};
  }
  return {1, limit.unit};
}

std::vector<LimitUse> limits_of(const Solved& solved, const Goal& goal) {
  std::vector<LimitUse> limits;
  const auto& problem = solved.instance.problem;
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    const auto& limit = problem.limits[r];
    if (goal.objective == Objective::kThroughput && limit.name.starts_with("time of ")) {
      continue;  // of a halving, nobody asked for it
    }
    const auto scale = scale_of(limit, goal);
    LimitUse use{.name = limit.name,
                 .unit = scale.unit,
                 .used = static_cast<double>(solved.solution.value.used[r]) * scale.factor,
                 .bound = static_cast<double>(limit.bound) * scale.factor};
    if (r < solved.solution.price_ns.size() && goal.objective != Objective::kThroughput) {
      use.price = solved.solution.price_ns[r] / scale.factor / solved.instance.units_per_objective;
    }
    limits.push_back(std::move(use));
  }
  return limits;
}

std::vector<ConflictingLimit> conflicts_of(const Solved& solved, const Goal& goal) {
  std::vector<ConflictingLimit> conflicts;
  const auto& problem = solved.instance.problem;
  const auto add = [&](std::size_t r, std::optional<std::int64_t> enough, std::int64_t least) {
    const auto& limit = problem.limits[r];
    const auto scale = scale_of(limit, goal);
    const auto in_units = [&](std::int64_t amount) {
      return static_cast<double>(amount) * scale.factor;
    };
    conflicts.push_back({limit.name, scale.unit, in_units(limit.bound),
                         enough ? std::optional(in_units(*enough)) : std::nullopt,
                         in_units(least)});
  };
  if (solved.solution.joint) {
    for (const auto& relief : solved.solution.joint->limits) {
      if (relief.helps) {
        add(relief.limit, relief.found, relief.proven);
      }
    }
  }
  for (const auto& conflict : solved.solution.conflicts) {
    const bool known = std::ranges::any_of(conflicts, [&](const auto& one) {
      return one.name == problem.limits[conflict.limit].name;
    });
    if (!known) {
      add(conflict.limit, std::nullopt, conflict.least);
    }
  }
  return conflicts;
}

std::string why_idle(const Planner& planner, const Goal& goal, const Solved& solved,
                     std::size_t k) {
  const auto best =
      planner.solve_once(goal, [&](std::size_t, const Place& place) { return place.machine == k; });
  if (!best || !best->solution.assignment) {
    return "it cannot run the whole model, by pins, memory or for want of a way for some value";
  }
  if (const auto why =
          planner.broken_limit(goal, best->instance, *best->account, *best->solution.assignment);
      !why.empty()) {
    return "the whole model there breaks a limit: " + why;
  }
  const auto more = best->account->objective - solved.account->objective;
  const bool proven = standing_of(solved) == Standing::kOptimal;
  const bool joules = unit_of(goal.objective) == "J";
  return fmt::format("everything there would take {:.3g} {} more{}",
                     joules ? more * 1e3 : more / 1e3, joules ? "mJ" : "ms",
                     proven ? ", and no part of the model there saves what it costs" : "");
}

void take_account(Account account, Plan& plan) {
  plan.assignments = std::move(account.assignments);
  plan.cuts = std::move(account.cuts);
  plan.machines = std::move(account.machines);
  plan.links = std::move(account.links);
  plan.latency_us = account.latency_us;
  plan.latency_low_us = account.latency_low_us;
  plan.latency_high_us = account.latency_high_us;
  plan.energy_j = account.energy_j;
  plan.error = account.error;
  plan.error_predicted = account.error_predicted;
  plan.parts = account.parts;
  plan.schedule = std::move(account.schedule);
  plan.objective = account.objective;
  std::set<std::string> sources;
  for (const auto& share : plan.machines) {
    if (share.layers > 0 && !share.energy_source.empty()) {
      sources.insert(share.machine + ": " + share.energy_source);
    }
  }
  plan.energy_sources.assign(sources.begin(), sources.end());
}

}  // namespace

Result<Planned> make_plan(const Setting& setting, const Goal& goal, const PlanOptions& options,
                          Monitor& monitor) {
  const auto clock = steady_clock_us();
  const double start = clock();
  const Planner planner(setting, options, monitor);
  TESSERA_TRY(auto solved, planner.solve(goal));
  Planned planned;
  auto& plan = planned.plan;
  plan.goal = goal.objective;
  plan.objective_unit = unit_of(goal.objective);
  plan.method = planner.method().name();
  plan.asked_gap = options.solve.gap;
  plan.status = standing_of(solved);
  plan.left_out = solved.instance.left_out;
  plan.bound = solved.bound;
  plan.wall_us = clock() - start;
  const bool quick = plan.wall_us < kQuickUs;
  plan.conflicts = conflicts_of(solved, goal);
  plan.conflicts.insert(plan.conflicts.end(), solved.refuted.begin(), solved.refuted.end());
  if (solved.solution.assignment) {
    take_account(*solved.account, plan);
    const double said = solved.instance.objective_of(solved.solution.value.cost_ns);
    if (solved.solution.proof && std::abs(said - plan.objective) <= kRounding * plan.objective) {
      plan.objective = said;  // the same figure, as whole numbers add up to it
    } else {
      solved.solution.proof.reset();  // of a problem that leaves out some of what the plan takes
    }
    plan.bound = std::min(plan.bound, plan.objective);
    plan.gap = plan.objective > 0 ? (plan.objective - plan.bound) / plan.objective : 0;
    plan.limits = limits_of(solved, goal);
    plan.interrupted = monitor.cancelled();
    for (std::size_t k = 0; k < plan.machines.size() && !plan.interrupted; ++k) {
      if (plan.machines[k].layers == 0) {
        plan.machines[k].why_idle = why_idle(planner, goal, solved, k);
      }
    }
  }
  if (solved.solution.assignment && !plan.interrupted) {
    TESSERA_TRY(plan.explanations, explain(planner, goal, options.explain, solved));
    if (options.turning_points && quick && solved.instance.sites.size() > 1) {
      monitor.progress("turning points", 0, 0);
      TESSERA_TRY(plan.turning_points, turning_points(planner, goal, solved));
    }
    if (options.front_points > 0) {
      monitor.progress("front", 0, 0);
      TESSERA_TRY(plan.pareto, front(planner, goal, options, solved));
    }
  }
  if (options.baselines && !plan.interrupted) {
    TESSERA_TRY(const auto loose, make_loose_instance(setting, goal));
    TESSERA_TRY(plan.baselines, baselines(planner, goal, loose));
  }
  planned.instance = std::move(solved.instance);
  planned.solution = std::move(solved.solution);
  return planned;
}

}  // namespace tessera::placement
