// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "placement/words.h"
#include "tessera/plan/evaluate.h"

namespace tessera::placement {
namespace {

/// Halvings of what a stage may take.
constexpr int kHalvings = 14;
/// Prices of a limit, and weights of stages, that are tried.
constexpr int kMostPrices = 12;
constexpr int kMostTries = 6;
/// Of the time that is left: what the least use of a limit may take, one try, all weights.
constexpr double kShareOfLeast = 0.5;
constexpr double kShareOfTry = 0.4;
constexpr double kShareOfWeights = 0.5;
constexpr double kShareOfLoose = 0.5;
/// Of a problem's time, where somebody else looks at it afterwards.
constexpr double kShareOfOwn = 0.6;
/// Links are seldom what is busiest.
constexpr double kFirstOfMedia = 0.1;
/// Of a plan's price, what is no difference.
constexpr double kSameValue = 1e-6;
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
  if (goal.objective != Objective::kThroughput) {
    return account.objective;
  }
  if (!goal.weights) {
    return account.latency_us;
  }
  double us = 0;
  for (std::size_t k = 0; k < account.machine_busy_us.size(); ++k) {
    us += goal.weights->machines[k] * account.machine_busy_us[k];
  }
  for (const auto& [medium, busy] : account.medium_busy_us) {
    us += goal.weights->media.at(medium) * busy;
  }
  return us;
}

bool Planner::keeps(const Goal& goal, const Solved& solved) const {
  return solved.account &&
         broken_limit(goal, solved.instance, *solved.account, *solved.solution.assignment).empty();
}

/// The cheapest plan that keeps the limits among what is plain: that of the loose problem as it
/// really is, and one machine alone in one precision. None if none of these does.
std::optional<Solved> Planner::known(const Goal& goal, const Instance& loose,
                                     const plan::Solution& solution) const {
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
    std::vector<Wish> wishes;
    for (std::size_t i = 0; i < loose.places.size(); ++i) {
      const auto& place = loose.places[i][(*solution.assignment)[i]];
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
                                          double objective) const {
  TESSERA_TRY(const auto bounds, plan::state_bounds(instance.problem, solve_options(), monitor_));
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
  auto effort = solve_options();
  effort.time_limit_s *= options_.finisher != nullptr ? kShareOfOwn : 1;
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
    solved.account = account_of(setting_, goal, solved.instance, *solution.assignment);
  }
  return solved;
}

/// With several machines a loose problem comes first, and what it knows is the answer of last
/// resort. Tables that were too large leave out neighbours, so that a plan may really take longer
/// than its problem says. Its real figure leaves fewer places worth a look, and their tables have
/// room.
Result<Solved> Planner::solve_once(const Goal& goal, const Keeps& also) const {
  const auto both = [&](std::size_t unit, const Place& place) {
    return only_(unit, place) && also(unit, place);
  };
  const auto keeps_place = !only_ ? also : !also ? only_ : Keeps(both);
  if (setting_.cluster->machines.size() < 2) {
    TESSERA_TRY(auto instance, make_instance(setting_, goal, keeps_place));
    return solve_instance(goal, std::move(instance));
  }
  TESSERA_TRY(const auto loose, make_loose_instance(setting_, goal, keeps_place));
  const auto effort = within(kShareOfLoose).solve_options();
  TESSERA_TRY(const auto first, method().solve(loose.problem, effort, monitor_));
  auto plain = known(goal, loose, first);
  if (monitor_.cancelled() && plain) {
    return *std::move(plain);
  }
  TESSERA_CHECK(monitor_.check());
  TESSERA_TRY(auto instance,
              plain ? make_instance_below(setting_, goal, cost_of(goal, *plain->account),
                                          keeps_place, effort, monitor_)
                    : make_instance(setting_, goal, keeps_place));
  if (monitor_.cancelled() && plain) {
    return *std::move(plain);
  }
  TESSERA_TRY(auto solved, solve_instance(goal, std::move(instance)));
  constexpr int kMostTurns = 3;
  for (int turn = 0; turn < kMostTurns && solved.account; ++turn) {
    const double said = solved.instance.objective_of(solved.solution.value.cost_ns);
    const double real = cost_of(goal, *solved.account);
    const bool agrees = real - said <= kAgrees * real;
    if (agrees || is_late() || !keeps(goal, solved)) {
      break;
    }
    TESSERA_TRY(auto closer, instance_within(goal, solved.instance, real));
    TESSERA_TRY(auto again, solve_instance(goal, std::move(closer)));
    if (!keeps(goal, again) || cost_of(goal, *again.account) > real) {
      break;
    }
    solved = std::move(again);
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

/// The best plan of several problems, and the best of their bounds.
class Planner::Pool {
 public:
  Pool(const Planner& planner, const Goal& goal) : planner_(planner), goal_(goal) {}

  /// `is_own`: the goal's problem was solved, whose bound is the goal's.
  void offer(Solved solved, bool is_own = false) {
    if (!solved.account) {
      return;
    }
    solved.account =
        account_of(planner_.setting_, goal_, solved.instance, *solved.solution.assignment);
    const bool better = !best_ || solved.account->objective < best_->account->objective ||
                        (is_own && solved.account->objective <= best_->account->objective);
    if (better && planner_.keeps(goal_, solved)) {
      best_ = std::move(solved);
      best_->is_own = is_own;
    }
  }
  /// Shown to have no plan.
  void refute(Solved solved) { refuted_ = std::move(solved); }
  /// The last one counts.
  void price(const std::string& limit, double price) { prices_[limit] = price; }
  void raise(double bound) { bound_ = std::max(bound_.value_or(bound), bound); }
  [[nodiscard]] bool has_plan() const { return best_.has_value(); }
  [[nodiscard]] double objective() const { return best_->account->objective; }
  [[nodiscard]] double bound() const { return bound_.value_or(0); }
  [[nodiscard]] bool is_done() const {
    return best_ ? is_near(*best_, bound()) : refuted_.has_value();
  }
  /// Otherwise what is given, without a plan.
  [[nodiscard]] Solved result(Solved otherwise) {
    if (refuted_ && !best_) {
      return *std::move(refuted_);
    }
    auto result = best_ ? *std::move(best_) : std::move(otherwise);
    if (!best_) {
      result.account.reset();
      result.solution.assignment.reset();
      result.solution.proof.reset();
      result.solution.conflicts.clear();
      result.solution.joint.reset();
    }
    const bool is_proven = best_ && result.is_own && is_near(result, result.bound);
    if (!is_proven) {  // they would be of another problem, or of a lower bound
      result.solution.proof.reset();
      result.solution.price_ns.clear();
      result.bound = bound();
    }
    result.prices = prices_;
    result.solution.outcome = best_ && is_near(result, result.bound) ? plan::Outcome::kWithinGap
                                                                     : plan::Outcome::kInterrupted;
    return result;
  }

 private:
  [[nodiscard]] bool is_near(const Solved& solved, double bound) const {
    const double objective = solved.account->objective;
    return objective - bound <= planner_.options_.solve.gap * objective;
  }

  const Planner& planner_;
  const Goal& goal_;
  std::optional<Solved> best_;
  std::optional<Solved> refuted_;
  std::optional<double> bound_;
  std::map<std::string, double> prices_;
};

/// So much of a latency in us and of an energy in J.
struct Mix {
  double latency = 0;
  double energy = 0;
  [[nodiscard]] double of(const Account& account) const {
    return latency * account.latency_us + energy * account.energy_j.value_or(0);
  }
};

/// A limit that latency models decide, and no row of a problem can count exactly.
struct TimeLimit {
  std::string name;
  std::string unit;
  Objective objective = Objective::kEnergy;
  Mix mix;
  double most = 0;
};

namespace {

/// By how much rounding to whole numbers may have raised a bound.
double rounding_of(const Instance& instance) {
  const auto& problem = instance.problem;
  const auto numbers = problem.variables.size() + problem.couplings.size() + problem.tensors.size();
  return static_cast<double>(numbers) / instance.units_per_objective;
}

std::vector<TimeLimit> time_limits(const Goal& goal) {
  std::vector<TimeLimit> limits;
  if (goal.max_energy_j) {
    limits.push_back({"energy", "J", Objective::kEnergy, {0, 1}, *goal.max_energy_j});
  }
  if (goal.max_latency_us) {
    limits.push_back({"latency", "us", Objective::kLatency, {1, 0}, *goal.max_latency_us});
  }
  return limits;
}

Mix mix_of(const Goal& goal) {
  switch (goal.objective) {
    case Objective::kEnergy:
      return {0, 1};
    case Objective::kWeighted:
      return {1, goal.ms_per_joule * 1000};
    case Objective::kLatency:
    case Objective::kThroughput:
      break;
  }
  return {1, 0};
}

Goal without_time_limits(Goal goal) {
  goal.max_energy_j.reset();
  goal.max_latency_us.reset();
  return goal;
}

}  // namespace

/// Without limits on energy and latency first: its bound holds, and if its plan keeps them by the
/// way nothing is left to do. Then the least there is of each, which shows whether any plan keeps
/// it. Between the two, prices: the objective and a price on what is limited are a problem that
/// counts exactly. What is left of the gap is looked for with rows that count it about.
Result<Solved> Planner::solve_rows(const Goal& goal) const {
  auto limits = time_limits(goal);
  const auto own = std::ranges::find(limits, goal.objective, &TimeLimit::objective);
  const auto own_limit = own != limits.end() ? std::optional(*own) : std::nullopt;
  if (own_limit) {
    limits.erase(own);
  }
  const auto limited = without_parts(goal);  // parts are the caller's affair
  const auto free = without_time_limits(limited);
  Pool pool(*this, limited);
  if (!limits.empty()) {  // what they need is known, or that is said at once
    TESSERA_TRY(const auto loose, make_loose_instance(setting_, limited));
    if (auto plain = known(limited, loose, {})) {
      pool.offer(*std::move(plain));
    }
  }
  TESSERA_TRY(auto solved, solve_exact_error(free));
  if (own_limit && solved.account &&
      own_limit->mix.of(*solved.account) > own_limit->most * kSlack) {
    return beyond(*own_limit, std::move(solved));
  }
  for (const auto& limit : limits) {
    solved.prices[limit.name] = 0;
  }
  if (!solved.account || keeps(limited, solved)) {
    return solved;
  }
  pool.raise(solved.bound);
  std::vector<std::pair<TimeLimit, Solved>> keeping;
  for (const auto& limit : limits) {
    if (limit.mix.of(*solved.account) <= limit.most * kSlack) {
      continue;
    }
    auto alone = free;
    alone.objective = limit.objective;
    auto made = within(kShareOfLeast).solve_exact_error(alone);
    if (monitor_.cancelled()) {
      break;
    }
    TESSERA_TRY(auto least, std::move(made));
    if (least.bound - rounding_of(least.instance) > limit.most * kSlack) {
      const auto enough =
          least.account ? std::optional(limit.mix.of(*least.account)) : std::nullopt;
      solved.refuted.push_back({limit.name, limit.unit, limit.most, enough,
                                std::min(least.bound, enough.value_or(least.bound))});
      continue;
    }
    pool.offer(least);
    if (least.account && limit.mix.of(*least.account) <= limit.most * kSlack) {
      keeping.emplace_back(limit, std::move(least));
    }
  }
  if (!solved.refuted.empty()) {
    auto refuted = Pool(*this, limited).result(std::move(solved));
    refuted.solution.outcome = plan::Outcome::kInfeasible;
    return refuted;
  }
  TESSERA_TRY(const double share, try_rows(limited, pool));
  for (auto& [limit, least] : keeping) {
    TESSERA_CHECK(look_between(free, limit, solved, std::move(least), pool));
  }
  if (!pool.is_done() && !is_late()) {
    TESSERA_CHECK(squeeze(limited, share, pool));
  }
  return pool.result(std::move(solved));
}

/// Even the least there is of what is minimized is more than is allowed, unless the gap hides less.
Solved Planner::beyond(const TimeLimit& limit, Solved solved) {
  const double least = limit.mix.of(*solved.account);
  const bool proven = solved.bound - rounding_of(solved.instance) > limit.most * kSlack;
  solved.refuted.push_back(
      {limit.name, limit.unit, limit.most, least, std::min(solved.bound, least)});
  solved.account.reset();
  solved.solution.assignment.reset();
  solved.solution.proof.reset();
  solved.solution.outcome = proven ? plan::Outcome::kInfeasible : plan::Outcome::kInterrupted;
  return solved;
}

/// A plan whose error is beyond the limit by what its terms were rounded down is made again with
/// terms rounded up.
Result<Solved> Planner::solve_exact_error(const Goal& goal) const {
  TESSERA_TRY(auto solved, solve_once(goal));
  if (!goal.max_error || !solved.account || keeps(goal, solved)) {
    return solved;
  }
  auto up = goal;
  up.rows = Goal::Rows::kDearest;
  TESSERA_TRY(auto again, solve_once(up));
  Pool pool(*this, goal);
  pool.raise(solved.bound);
  pool.offer(std::move(again));
  return pool.result(std::move(solved));
}

/// Between a plan that breaks a limit and one that keeps it, the price with which both would be
/// equally good: its best plan takes the place of one of them, until that is they themselves. They
/// are then neighbours on the convex hull of all plans, and a plan of the price costs at least what
/// the hull says at the limit.
Status Planner::look_between(const Goal& free, const TimeLimit& limit, const Solved& over_limit,
                             Solved keeping, Pool& pool) const {
  const auto objective = mix_of(free);
  auto over = *over_limit.account;
  auto under = *keeping.account;
  for (int step = 0; step < kMostPrices && !pool.is_done() && !is_late(); ++step) {
    const double saved = limit.mix.of(over) - limit.mix.of(under);
    const double price = saved > 0 ? (objective.of(under) - objective.of(over)) / saved : 0;
    const Mix priced{objective.latency + price * limit.mix.latency,
                     objective.energy + price * limit.mix.energy};
    if (!(price > 0) || !(priced.latency > 0)) {
      break;
    }
    pool.price(limit.name, price);
    auto goal = free;
    goal.objective = Objective::kWeighted;
    goal.ms_per_joule = priced.energy / priced.latency / 1000;
    monitor_.progress("prices of limits", step, kMostPrices);
    auto made = solve_exact_error(goal);
    if (monitor_.cancelled()) {
      break;
    }
    TESSERA_TRY(auto solved, std::move(made));
    pool.raise(solved.bound * priced.latency - price * limit.most);
    if (!solved.account) {
      break;
    }
    const auto account = *solved.account;
    pool.offer(std::move(solved));
    if (priced.of(account) >= priced.of(over) * (1 - kSameValue)) {
      break;
    }
    (limit.mix.of(account) <= limit.most ? under : over) = account;
  }
  return {};
}

/// Rows count every layer at its cheapest: what they leave out is no plan, and their bound holds,
/// with its certificate if their plan really keeps the limits. What they allow next, else.
Result<double> Planner::try_rows(const Goal& goal, Pool& pool) const {
  if (pool.is_done() || is_late()) {
    return 1;
  }
  auto made = within(kShareOfTry).solve_once(goal);
  if (monitor_.cancelled()) {
    return 1;
  }
  TESSERA_TRY(auto solved, std::move(made));
  if (solved.solution.outcome == plan::Outcome::kInfeasible) {
    pool.refute(std::move(solved));
    return 1;
  }
  pool.raise(solved.bound);
  const double share = solved.account ? share_of_limits(goal, *solved.account) : 1;
  const bool is_own = solved.is_own;
  pool.offer(std::move(solved), is_own);
  return share;
}

/// A plan of rows that breaks a limit is made again with less allowed: by as much as it took too
/// much, then halfway between what was enough and what was not.
Status Planner::squeeze(const Goal& goal, double first_share, Pool& pool) const {
  double breaks = 1;
  double kept = 0;
  double share = std::min(first_share, kAtLeastTighter);
  for (int attempt = 1; attempt < kMostTries && !pool.is_done() && !is_late(); ++attempt) {
    auto tighter = goal;
    tighter.row_share = share;
    monitor_.progress("less of a limit", attempt, kMostTries);
    auto made = within(kShareOfTry).solve_once(tighter);
    if (monitor_.cancelled()) {
      break;
    }
    TESSERA_TRY(auto solved, std::move(made));
    const bool ends = solved.account && keeps(goal, solved);
    const double of_it = solved.account ? share_of_limits(goal, *solved.account) : 1;
    (ends || !solved.account ? kept : breaks) = share;
    share = kept == 0 ? share * std::min(of_it, kAtLeastTighter) : (kept + breaks) / 2;
    pool.offer(std::move(solved));
  }
  if (!pool.has_plan() && !is_late()) {
    auto dearest = goal;
    dearest.rows = Goal::Rows::kDearest;
    TESSERA_TRY(auto solved, solve_once(dearest));
    pool.offer(std::move(solved));
  }
  return {};
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

/// What all are busy, each with a weight, is at most what the busiest is if the weights add up to
/// 1: a bound, and a plan. Whoever is busy gets more weight.
Status Planner::weigh_stages(const Goal& goal, Pool& pool) const {
  Goal::Weights weights;
  weights.machines.assign(setting_.cluster->machines.size(), 1);
  for (const auto& link : setting_.cluster->links) {
    weights.media[link.medium_name()] = kFirstOfMedia;
  }
  const auto all = [&](const auto& visit) {
    for (auto& weight : weights.machines) {
      visit(weight);
    }
    for (auto& [medium, weight] : weights.media) {
      visit(weight);
    }
  };
  for (int step = 0; step < kMostPrices && !pool.is_done() && !is_late(); ++step) {
    double sum = 0;
    all([&](double& weight) { sum += weight; });
    all([&](double& weight) { weight /= sum; });
    auto weighted = goal;
    weighted.weights = weights;
    monitor_.progress("weights of stages", step, kMostPrices);
    auto made = within(kShareOfTry).solve_exact_error(weighted);
    if (monitor_.cancelled()) {
      break;
    }
    TESSERA_TRY(auto solved, std::move(made));
    if (!solved.account) {
      break;
    }
    pool.raise(solved.bound);
    const auto account = *solved.account;
    pool.offer(std::move(solved));
    const double grows = 2.0 / (1 + step / 3.0) / std::max(account.objective, 1e-9);
    for (std::size_t k = 0; k < weights.machines.size(); ++k) {
      weights.machines[k] *= std::exp(grows * account.machine_busy_us[k]);
    }
    for (auto& [medium, weight] : weights.media) {
      const auto busy = account.medium_busy_us.find(medium);
      weight *= std::exp(busy == account.medium_busy_us.end() ? 0 : grows * busy->second);
    }
  }
  return {};
}

/// With one machine a stage is the latency. Else the time of the busiest is halved between what is
/// proven and what is known, by rows that no machine and no medium is busy longer.
Result<Solved> Planner::solve_throughput(const Goal& goal) const {
  auto latency = goal;
  latency.objective = Objective::kLatency;
  TESSERA_TRY(auto first, goal.max_parts ? solve_parts(latency) : solve_rows(latency));
  if (!first.account || setting_.cluster->machines.size() < 2) {
    return first;
  }
  Pool pool(*this, goal);
  pool.offer(first);
  TESSERA_CHECK(within(kShareOfWeights).weigh_stages(without_parts(goal), pool));
  double looked = pool.bound();  // or not decided
  for (int step = 0; step < kHalvings && pool.has_plan() && !is_late(); ++step) {
    const double high = pool.objective();
    if (high - looked <= options_.solve.gap * high) {
      break;
    }
    auto stage = without_parts(goal);
    stage.max_stage_us = (looked + high) / 2;
    monitor_.progress("halving the busiest stage", step, kHalvings);
    TESSERA_CHECK(try_stage(stage, pool, looked));
  }
  return pool.result(std::move(first));
}

/// `looked` rises to the stage's time unless a plan is found within it, the pool's bound if that
/// is proven.
Status Planner::try_stage(const Goal& stage, Pool& pool, double& looked) const {
  constexpr int kTighter = 2;
  auto tighter = stage;
  for (int attempt = 0; attempt <= kTighter; ++attempt) {
    auto made = within(kShareOfTry).solve_once(tighter);
    if (monitor_.cancelled()) {
      return {};
    }
    TESSERA_TRY(auto solved, std::move(made));
    if (!solved.account) {
      if (attempt == 0 && solved.solution.outcome == plan::Outcome::kInfeasible) {
        pool.raise(*stage.max_stage_us);
      }
      break;
    }
    const double real = solved.account->objective;
    pool.offer(std::move(solved));
    if (real <= *stage.max_stage_us) {
      break;
    }
    tighter.row_share *= std::min(*stage.max_stage_us / real, kAtLeastTighter);
  }
  if (pool.objective() > *stage.max_stage_us) {
    looked = *stage.max_stage_us;
  }
  return {};
}

Goal Planner::without_parts(Goal goal) {
  goal.max_parts.reset();
  return goal;
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
  for (auto most = static_cast<std::int64_t>(solved.account->cuts.size()); most >= 0; --most) {
    if (is_late()) {  // one machine alone is one part
      most = best ? -1 : 0;
    }
    if (most < 0) {
      break;
    }
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
    return solve_throughput(goal);
  }
  return goal.max_parts ? solve_parts(goal) : solve_rows(goal);
}

}  // namespace tessera::placement
