// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "placement/pool.h"

namespace tessera::placement {
namespace {

/// Prices of a limit that are tried.
constexpr int kMostPrices = 6;
/// Of the time that is left: what the least use of a limit may take, and prices of it.
constexpr double kShareOfLeast = 0.5;
constexpr double kShareOfPrices = 0.4;

}  // namespace

/// So much of a latency in us and of an energy in J.
struct Mix {
  double latency = 0;
  double energy = 0;
  [[nodiscard]] double of(const Account& account) const {
    return latency * account.latency_us + energy * account.energy_j.value_or(0);
  }
};

/// A limit on what latency models say.
struct TimeLimit {
  std::string name;
  std::string unit;
  Objective objective = Objective::kEnergy;
  Mix mix;
  double most = 0;
};

namespace {

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
/// it. Between the two, prices: the objective and a price on what is limited are a problem without
/// the limit, whose plans are good ones and soon found. Last the goal's own problem, which begins
/// with the best of them.
Result<Solved> Planner::solve_limited(const Goal& goal) const {
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
    if (auto plain = known(limited, loose, {}, nullptr)) {
      pool.offer(*std::move(plain));
    }
  }
  TESSERA_TRY(auto solved, solve_kept(free));
  if (own_limit && solved.account &&
      own_limit->mix.of(*solved.account) > own_limit->most * kSlack) {
    return beyond(*own_limit, limited, std::move(solved));
  }
  for (const auto& limit : limits) {
    solved.prices[limit.name] = 0;
  }
  if (!solved.account || keeps(limited, solved)) {
    return solved;
  }
  pool.raise(solved.bound);
  for (const auto& limit : limits) {
    if (limit.mix.of(*solved.account) > limit.most * kSlack) {
      TESSERA_CHECK(try_prices(free, limit, solved, pool));
    }
  }
  if (!solved.refuted.empty()) {
    return refuted(limited, Pool(*this, limited).result(std::move(solved)));
  }
  const bool wants_own = !pool.is_done() || options_.solve.proof;
  if (wants_own && !is_late()) {
    TESSERA_CHECK(solve_own(limited, pool));
  }
  return pool.result(std::move(solved));
}

/// The least there is of what is limited, and prices between that and the plan without the limit.
/// Is noted in `solved` where even the least is too much.
Status Planner::try_prices(const Goal& free, const TimeLimit& limit, Solved& solved,
                           Pool& pool) const {
  auto alone = free;
  alone.objective = limit.objective;
  auto made = within(kShareOfLeast).solve_kept(alone);
  if (monitor_.cancelled()) {
    return {};
  }
  TESSERA_TRY(auto least, std::move(made));
  if (least.bound - rounding_of(least.instance) > limit.most * kSlack) {
    const auto enough = least.account ? std::optional(limit.mix.of(*least.account)) : std::nullopt;
    solved.refuted.push_back({limit.name, limit.unit, limit.most, enough,
                              std::min(least.bound, enough.value_or(least.bound))});
    return {};
  }
  pool.offer(least);
  if (!least.account || limit.mix.of(*least.account) > limit.most * kSlack) {
    return {};
  }
  return within(kShareOfPrices).look_between(free, limit, solved, std::move(least), pool);
}

/// The goal's own problem, and the plan that is known to begin with.
Status Planner::solve_own(const Goal& goal, Pool& pool) const {
  const auto start = pool.start();
  monitor_.progress("all limits at once", 0, 0);
  auto made = solve_kept(goal, start ? &*start : nullptr);
  if (monitor_.cancelled() && !made) {
    return {};
  }
  TESSERA_TRY(auto solved, std::move(made));
  if (solved.solution.outcome == plan::Outcome::kInfeasible) {
    pool.refute(std::move(solved));
    return {};
  }
  pool.raise(solved.bound);
  const bool is_own = solved.is_own;
  pool.offer(std::move(solved), is_own ? &goal : nullptr);
  return {};
}

/// With the proof of the goal's own problem, if one is wanted and there is time for it.
Result<Solved> Planner::refuted(const Goal& goal, Solved solved) const {
  solved.account.reset();
  solved.solution.assignment.reset();
  solved.solution.proof.reset();
  solved.solution.outcome = plan::Outcome::kInfeasible;
  if (!options_.solve.proof || is_late()) {
    return solved;
  }
  auto brief = *this;
  brief.explains_ = false;
  auto made = brief.solve_once(goal);
  if (made && made->solution.outcome == plan::Outcome::kInfeasible && made->solution.proof) {
    solved.instance = std::move(made->instance);
    solved.solution = std::move(made->solution);
    solved.solution.conflicts.clear();  // `refuted` says it of the figures people know
    solved.is_own = true;
  }
  return solved;
}

/// Even the least there is of what is minimized is more than is allowed, unless the gap hides less.
Result<Solved> Planner::beyond(const TimeLimit& limit, const Goal& goal, Solved solved) const {
  const double least = limit.mix.of(*solved.account);
  const bool proven = solved.bound - rounding_of(solved.instance) > limit.most * kSlack;
  solved.refuted.push_back(
      {limit.name, limit.unit, limit.most, least, std::min(solved.bound, least)});
  if (proven) {
    return refuted(goal, std::move(solved));
  }
  solved.account.reset();
  solved.solution.assignment.reset();
  solved.solution.proof.reset();
  solved.solution.outcome = plan::Outcome::kInterrupted;
  return solved;
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
    auto made = solve_kept(goal);
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

Goal Planner::without_parts(Goal goal) {
  goal.max_parts.reset();
  return goal;
}

/// By fewer and fewer crossings until there are few enough parts; the bound is that of any number.
Result<Solved> Planner::solve_parts(const Goal& goal) const {
  TESSERA_TRY(auto solved, solve_limited(goal));
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
    auto made = solve_limited(fewer);
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

}  // namespace tessera::placement
