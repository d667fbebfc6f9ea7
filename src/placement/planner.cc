// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "placement/pool.h"
#include "placement/words.h"
#include "tessera/plan/evaluate.h"

namespace tessera::placement {
namespace {

/// Of the time that is left, what the loose problem may take.
constexpr double kShareOfLoose = 0.5;
constexpr double kShareBesideStart = 0.1;
/// Of a problem's time, where somebody else looks at it afterwards.
constexpr double kShareOfOwn = 0.6;
/// Of tables, first and where they leave out what matters.
constexpr std::array<std::size_t, 3> kTableCells = {1 << 8, 1 << 12, profile::kTableCells};
/// As well as costs are rounded.
constexpr double kAgrees = 1e-5;

}  // namespace

double rounding_of(const Instance& instance) {
  const auto& problem = instance.problem;
  const auto numbers = problem.variables.size() + problem.couplings.size() + problem.tensors.size();
  return static_cast<double>(numbers) / instance.units_per_objective;
}

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
    return fmt::format("energy: {} of {}", in_words(*account.energy_j, "J"),
                       in_words(*goal.max_energy_j, "J"));
  }
  if (goal.max_latency_us && account.latency_us > *goal.max_latency_us * kSlack) {
    return fmt::format("latency: {} of {}", in_words(account.latency_us, "us"),
                       in_words(*goal.max_latency_us, "us"));
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

/// What a goal's problem minimizes, of a plan as it really is.
double Planner::cost_of(const Goal& goal, const Account& account) {
  const bool is_latency = goal.objective == Objective::kThroughput && goal.stages_ns.empty();
  return is_latency ? account.latency_us : account.objective;
}

bool Planner::keeps(const Goal& goal, const Solved& solved) const {
  return solved.account &&
         broken_limit(goal, solved.instance, *solved.account, *solved.solution.assignment).empty();
}

/// The cheapest plan that keeps the limits among what is plain: that of the loose problem as it
/// really is, one to begin with, and one machine alone in one precision. None if none of these
/// does.
std::optional<Solved> Planner::known(const Goal& goal, const Instance& loose,
                                     const plan::Solution& solution, const Start* start) const {
  std::optional<Solved> best;
  const auto offer = [&](const std::vector<Wish>& wishes) {
    auto fixed = fixed_assignment(loose, wishes);
    const auto value = fixed ? plan::evaluate(loose.problem, *fixed) : Result<plan::Value>();
    if (!fixed || !value || value->cost_ns >= loose.never) {
      return;
    }
    auto account = account_of(setting_, goal, loose, *fixed);
    const bool cheaper = !best || cost_of(goal, account) < cost_of(goal, *best->account);
    if (cheaper && broken_limit(goal, loose, account, *fixed).empty()) {
      best.emplace();
      best->solution.assignment = std::move(fixed);
      best->solution.value = *value;
      best->account = std::move(account);
    }
  };
  if (solution.assignment) {
    offer(wishes_of(loose, *solution.assignment));
  }
  if (start != nullptr) {
    offer(start->wishes);
  }
  for (std::size_t k = 0; k < loose.sites.size(); ++k) {
    for (std::uint8_t asked = 0; asked < loose.sites[k].precisions.size(); ++asked) {
      std::vector<Wish> wishes;
      for (const auto& places : loose.places) {
        const bool offered = std::ranges::any_of(places, [&](const Place& place) {
          return place.machine == k && place.local.asked() == asked;
        });
        wishes.push_back({k, offered ? asked : std::uint8_t{0}, false});
      }
      offer(wishes);
    }
  }
  if (best) {
    best->instance = loose;
    best->bound = loose.objective_of(solution.bound_ns);
    best->solution.outcome = plan::Outcome::kInterrupted;
    best->is_own = false;
  }
  return best;
}

plan::Options Planner::solve_options() const {
  auto options = options_.solve;
  options.time_limit_s = std::max(0.0, (end_us_ - clock_()) / 1e6);
  options.explain_limit_s = explains_ ? options.explain_limit_s : 0;
  return options;
}

Planner Planner::keeping(Keeps only) const {
  auto fewer = *this;
  fewer.only_ = std::move(only);
  return fewer;
}

Planner Planner::within(double share) const {
  auto sooner = *this;
  const double now = clock_();
  sooner.end_us_ = now + share * std::max(0.0, end_us_ - now);
  return sooner;
}

Planner Planner::afresh() const {
  auto later = *this;
  later.end_us_ = clock_() + options_.solve.time_limit_s * 1e6;
  return later;
}

Result<Instance> Planner::instance_within(const Goal& goal, const Instance& instance,
                                          const plan::Solution& prices,
                                          std::optional<double> objective, std::size_t table_cells,
                                          double time_limit_s) const {
  auto effort = solve_options();
  effort.start = &prices;
  effort.time_limit_s = std::min(effort.time_limit_s, time_limit_s);
  TESSERA_TRY(const auto bounds, plan::state_bounds(instance.problem, effort, monitor_));
  const auto most = objective ? std::optional(*objective * (1 + kSameValue) + rounding_of(instance))
                              : std::nullopt;
  // A layer without any: what is known is no plan of this problem.
  const bool all = !most || std::ranges::any_of(bounds, [&](const auto& of) {
    return instance.objective_of(std::ranges::min(of)) > *most;
  });
  const auto is_worth = [&](std::size_t unit, std::size_t state) {
    return all || instance.objective_of(bounds[unit][state]) <= *most;
  };
  const auto keeps = [&](std::size_t unit, const Place& place) {
    const auto& places = instance.places[unit];
    const auto at = std::ranges::find(places, place);
    return at != places.end() && is_worth(unit, static_cast<std::size_t>(at - places.begin()));
  };
  return make_instance(setting_, goal, keeps, table_cells);
}

/// What the solver may begin with.
plan::Solution Planner::solution_of(const Start& start, const Instance& instance) {
  plan::Solution solution;
  solution.assignment = fixed_assignment(instance, start.wishes);
  for (const auto& limit : instance.problem.limits) {
    const auto price = start.prices.find(limit.name);
    const double units = limit.unit == "nJ" ? 1e9 : 1e3;  // of J, or us
    solution.price_ns.push_back(
        price == start.prices.end() ? 0 : price->second * instance.units_per_objective / units);
  }
  return solution;
}

Result<Solved> Planner::solve_instance(const Goal& goal, Instance instance,
                                       const Start* start) const {
  Solved solved;
  solved.instance = std::move(instance);
  auto effort = solve_options();
  effort.time_limit_s *= options_.finisher != nullptr ? kShareOfOwn : 1;
  const auto first = start != nullptr ? solution_of(*start, solved.instance) : plan::Solution();
  effort.start = start != nullptr ? &first : nullptr;
  TESSERA_TRY(solved.solution, method().solve(solved.instance.problem, effort, monitor_));
  auto& solution = solved.solution;
  const auto too_much = static_cast<double>(solved.instance.too_much);
  const auto cost = static_cast<double>(solution.value.cost_ns);
  if (solution.outcome == plan::Outcome::kWithinGap && too_much > 0 && cost > 0 &&
      cost - static_cast<double>(solution.bound_ns) > options_.solve.gap * (cost - too_much)) {
    // The gap was one of costs that are too high.
    auto closer = solve_options();
    closer.gap *= std::max(cost - too_much, 0.0) / cost;
    closer.start = &solution;
    TESSERA_TRY(auto again, method().solve(solved.instance.problem, closer, monitor_));
    if (again.assignment && again.value.cost_ns <= solution.value.cost_ns) {
      solution = std::move(again);
    }
  }
  if (options_.finisher != nullptr && solution.outcome == plan::Outcome::kInterrupted) {
    TESSERA_TRY(solution, milp::finish(*options_.finisher, solved.instance.problem,
                                       std::move(solution), solve_options(), monitor_));
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
    take_plan(goal, *solution.assignment, solved);
    if (first.assignment) {
      take_plan(goal, *first.assignment, solved);
    }
  }
  return solved;
}

/// The assignment, at the shortest stage that it fits, if it keeps the problem's limits and is
/// really no worse than what there is: with tables that leave out neighbours another may be.
void Planner::take_plan(const Goal& goal, plan::Assignment assignment, Solved& solved) const {
  const auto& problem = solved.instance.problem;
  auto value = plan::evaluate(problem, assignment);
  for (auto i = solved.instance.units.size() + 2; i < problem.variables.size(); ++i) {
    for (std::uint8_t stage = 0; stage < assignment[i]; ++stage) {
      auto shorter = assignment;
      shorter[i] = stage;
      const auto of_shorter = plan::evaluate(problem, shorter);
      if (of_shorter && of_shorter->feasible) {
        assignment = std::move(shorter);
        value = of_shorter;
        break;
      }
    }
  }
  if (!value || !value->feasible || value->cost_ns >= solved.instance.never) {
    return;
  }
  auto account = account_of(setting_, goal, solved.instance, assignment);
  const auto is_kept = [&](const Account& one, const plan::Assignment& of) {
    return broken_limit(goal, solved.instance, one, of).empty();
  };
  auto& solution = solved.solution;
  if (solved.account && is_kept(*solved.account, *solution.assignment)) {
    const bool is_better = cost_of(goal, account) < cost_of(goal, *solved.account);
    if (!is_better || !is_kept(account, assignment)) {
      return;
    }
  }
  solution.assignment = std::move(assignment);
  solution.value = *std::move(value);
  solved.account = std::move(account);
}

/// With several machines a loose problem comes first, and what it knows is the answer of last
/// resort. Then small tables, which leave out neighbours, so that a plan may really take longer
/// than its problem says: its real figure leaves fewer places worth a look, and larger tables of
/// those are no harder.
Result<Solved> Planner::solve_once(const Goal& goal, const Keeps& also, const Start* start) const {
  const auto both = [&](std::size_t unit, const Place& place) {
    return only_(unit, place) && also(unit, place);
  };
  const auto keeps_place = !only_ ? also : !also ? only_ : Keeps(both);
  if (setting_.cluster->machines.size() < 2) {
    TESSERA_TRY(auto instance, make_instance(setting_, goal, keeps_place));
    return solve_instance(goal, std::move(instance), start);
  }
  TESSERA_TRY(const auto loose, make_loose_instance(setting_, goal, keeps_place));
  const auto effort = within(start == nullptr ? kShareOfLoose : kShareBesideStart).solve_options();
  TESSERA_TRY(const auto first, method().solve(loose.problem, effort, monitor_));
  auto plain = known(goal, loose, first, start);
  if (monitor_.cancelled() && plain) {
    return *std::move(plain);
  }
  TESSERA_CHECK(monitor_.check());
  auto least = start != nullptr ? std::optional(start->objective) : std::nullopt;
  const auto note = [&](const Solved& solved) {
    const double objective = cost_of(goal, *solved.account);
    least = std::min(objective, least.value_or(objective));
  };
  if (plain) {
    note(*plain);
  }
  TESSERA_TRY(auto instance, least
                                 ? make_instance_below(setting_, goal, *least, keeps_place,
                                                       kTableCells.front(), effort, monitor_)
                                 : make_instance(setting_, goal, keeps_place, kTableCells.front()));
  if (monitor_.cancelled() && plain) {
    return *std::move(plain);
  }
  if (start != nullptr && !start->prices.empty()) {  // as they are: one minimum
    const auto prices = solution_of(*start, instance);
    TESSERA_TRY(instance, instance_within(goal, instance, prices, least, kTableCells.front(), 0));
  }
  TESSERA_TRY(auto solved, solve_instance(goal, std::move(instance), start));
  for (std::size_t turn = 1; turn < kTableCells.size() && solved.account && !is_late(); ++turn) {
    const bool is_kept = keeps(goal, solved);
    if (is_kept && agrees(goal, solved)) {
      break;
    }
    if (is_kept) {
      note(solved);
    }
    TESSERA_TRY(auto closer, instance_within(goal, solved.instance, solved.solution, least,
                                             kTableCells[turn], options_.solve.time_limit_s));
    if (is_late()) {
      break;
    }
    TESSERA_TRY(auto again, solve_instance(goal, std::move(closer), start));
    take_closer(goal, std::move(again), solved);
  }
  const bool plain_wins =
      plain && solved.solution.outcome != plan::Outcome::kInfeasible &&
      (!solved.account ||
       (keeps(goal, solved) && cost_of(goal, *plain->account) < cost_of(goal, *solved.account)));
  if (plain_wins) {
    plain->bound = std::max(plain->bound, solved.bound);
    return *std::move(plain);
  }
  return solved;
}

/// A plan costs what its problem says.
bool Planner::agrees(const Goal& goal, const Solved& solved) {
  const double said = solved.instance.objective_of(solved.solution.value.cost_ns);
  const double real = cost_of(goal, *solved.account);
  return real - said <= kAgrees * real;
}

/// Of larger tables: its plan where that is better, and its bound, of what is no worse than what
/// is known.
void Planner::take_closer(const Goal& goal, Solved closer, Solved& solved) const {
  if (closer.solution.outcome == plan::Outcome::kInfeasible) {
    if (!keeps(goal, solved)) {
      solved = std::move(closer);
    }
    return;
  }
  const double bound = std::max(solved.bound, closer.bound);
  const bool is_better =
      keeps(goal, closer) &&
      (!keeps(goal, solved) || cost_of(goal, *closer.account) <= cost_of(goal, *solved.account));
  if (is_better) {
    solved = std::move(closer);
  }
  if (bound > solved.bound * (1 + kAgrees)) {
    solved.bound = bound;
    solved.solution.proof.reset();  // it would be of a lower one
  }
}

/// A plan that breaks a limit by what its amounts were rounded down is made again with amounts
/// rounded up.
Result<Solved> Planner::solve_kept(const Goal& goal, const Start* start) const {
  TESSERA_TRY(auto solved, solve_once(goal, {}, start));
  if (!solved.account || keeps(goal, solved) || is_late()) {
    return solved;
  }
  auto up = goal;
  up.rows = Goal::Rows::kMost;
  TESSERA_TRY(auto again, solve_once(up, {}, start));
  Pool pool(*this, goal);
  pool.raise(solved.bound);
  pool.offer(std::move(again));
  return pool.result(std::move(solved));
}

Result<Solved> Planner::solve(const Goal& goal) const {
  if (goal.objective == Objective::kThroughput) {
    return solve_throughput(goal);
  }
  return goal.max_parts ? solve_parts(goal) : solve_limited(goal);
}

}  // namespace tessera::placement
