// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "placement/front.h"
#include "placement/limit_figures.h"
#include "placement/planner.h"
#include "placement/reasons.h"
#include "placement/words.h"
#include "tessera/core/timing.h"

namespace tessera::placement {
namespace {

/// Plans that take longer are not made again and again for turning points.
constexpr double kQuickUs = 300e3;
constexpr double kRounding = 1e-4;
constexpr double kSameGap = 1e-9;

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

/// What surrounds a plan is left out where the user stops it; other errors are errors.
Status unless_stopped(Status status) {
  return !status && status.error().code == ErrorCode::kCancelled ? Status() : status;
}

void say_why_idle(const Planner& planner, const Goal& goal, const Solved& solved, Plan& plan) {
  for (std::size_t k = 0; k < plan.machines.size(); ++k) {
    if (plan.machines[k].layers == 0) {
      plan.machines[k].why_idle = why_idle(planner, goal, solved, k);
    }
  }
}

Status find_turning_points(const Planner& planner, const Goal& goal, const PlanOptions& options,
                           const Solved& solved, bool quick, Monitor& monitor, Plan& plan) {
  if (solved.instance.sites.size() < 2) {
    plan.turning_points_why = "not looked for: there is one machine";
  } else if (!options.turning_points) {
    plan.turning_points_why = "not looked for: --no-turning-points";
  } else if (!quick) {
    plan.turning_points_why =
        fmt::format("not looked for: they take hundreds of plans, and this one took more than {}",
                    in_words(kQuickUs, "us"));
  } else {
    monitor.progress("turning points", 0, 0);
    TESSERA_TRY(plan.turning_points, turning_points(planner, goal, solved));
  }
  if (plan.turning_points_why.empty() && planner.is_late()) {
    plan.turning_points_why = monitor.cancelled() ? "stopped before all were looked for"
                                                  : "time ended before all were looked for";
  }
  return {};
}

Status surround(const Planner& planner, const Goal& goal, const PlanOptions& options,
                const Solved& solved, bool quick, Monitor& monitor, Plan& plan) {
  const auto explained = explain(planner, goal, options.explain, solved);
  TESSERA_CHECK(unless_stopped(explained.map([](const auto&) {})));
  plan.explanations = explained.value_or(std::vector<Explanation>());
  TESSERA_CHECK(
      unless_stopped(find_turning_points(planner, goal, options, solved, quick, monitor, plan)));
  if (options.front_points > 0) {
    monitor.progress("front", 0, options.front_points);
    TESSERA_TRY(auto found, front(planner, goal, options, solved, monitor));
    plan.pareto = std::move(found.points);
    plan.pareto_why = std::move(found.why);
  }
  return {};
}

/// The figure of the problem that was solved, where it is that of the account but for rounding. A
/// problem whose tables leave out neighbours may count too little of a plan, and proves its bound
/// all the same.
void settle_objective(Solved& solved, Plan& plan) {
  const double said = solved.instance.objective_of(solved.solution.value.cost_ns);
  if (solved.solution.proof && std::abs(said - plan.objective) <= kRounding * plan.objective) {
    plan.objective = said;  // the same figure, as whole numbers add up to it
  } else if (said > plan.objective) {
    solved.solution.proof.reset();  // it is not of this plan
  }
  plan.bound = std::min(plan.bound, plan.objective);
  plan.gap = plan.objective > 0 ? (plan.objective - plan.bound) / plan.objective : 0;
  plan.status = plan.gap <= plan.asked_gap * (1 + kSameGap) + kSameGap ? Standing::kOptimal
                                                                       : Standing::kFeasible;
}

}  // namespace

Result<Planned> make_plan(const Setting& setting, const Goal& asked, const PlanOptions& options,
                          Monitor& monitor) {
  TESSERA_CHECK(check_surroundings(setting, asked, options));
  const auto goal = goal_of_front(setting, asked, options);
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
  plan.left_out = missing_precisions(solved.instance.sites);
  plan.left_out.insert(plan.left_out.end(), solved.instance.left_out.begin(),
                       solved.instance.left_out.end());
  plan.bound = solved.bound;
  plan.wall_us = clock() - start;
  const auto sides = planner.afresh();  // for what surrounds it
  const bool quick = plan.wall_us < kQuickUs;
  plan.conflicts = conflicts_of(setting, asked, solved);
  if (solved.solution.assignment) {
    take_account(*solved.account, plan);
    settle_objective(solved, plan);
    plan.error_why = why_no_error(setting, solved);
    plan.limits = limits_of(setting, asked, solved);
    say_why_idle(sides, goal, solved, plan);
    TESSERA_CHECK(surround(sides, goal, options, solved, quick, monitor, plan));
  }
  if (options.baselines && !monitor.cancelled()) {
    TESSERA_TRY(const auto loose, make_loose_instance(setting, asked));
    TESSERA_TRY(plan.baselines, baselines(sides, asked, loose));
  }
  plan.interrupted = monitor.cancelled();
  planned.instance = std::move(solved.instance);
  if (options.own_problem && !solved.is_own) {
    TESSERA_TRY(planned.instance,
                make_instance(setting, Planner::posed(setting, asked, plan.bound, plan.objective)));
  }
  planned.solution = std::move(solved.solution);
  return planned;
}

}  // namespace tessera::placement
