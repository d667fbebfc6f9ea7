// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/lagrange.h"

#include <algorithm>
#include <cmath>

#include "plan/bundle.h"

namespace tessera::plan {
namespace {

constexpr double kLeastGainNs = 0.01;

/// By how much a variable's numbers differ, of all variables together.
double range_of(const std::vector<Table>& by_state) {
  double range = 0;
  for (const auto& table : by_state) {
    range += static_cast<double>(std::ranges::max(table) - std::ranges::min(table));
  }
  return range;
}

double magnitude(std::int64_t amount) {
  return std::abs(static_cast<double>(amount));
}

/// Multipliers as a point: what is 1 there trades all costs for all of a limit's use.
class Coordinates {
 public:
  Coordinates(const Problem& problem, const Relaxation& relaxation, std::int64_t cost);

  [[nodiscard]] Bundle::Point to_point(const Multipliers& multipliers) const;
  [[nodiscard]] Multipliers to_multipliers(const Bundle::Point& point) const;
  /// In ns.
  [[nodiscard]] Bundle::Point slope(const Multipliers& at, const Assignment& assignment) const;

 private:
  struct Pair {
    std::size_t limit = 0;
    std::size_t pair = 0;
    double unit = 0;
    double most = 0;
  };

  const Relaxation& relaxation_;
  Multipliers none_;
  std::vector<double> units_;  ///< by limit
  std::vector<double> most_;
  std::vector<Pair> pairs_;
};

Coordinates::Coordinates(const Problem& problem, const Relaxation& relaxation, std::int64_t cost)
    : relaxation_(relaxation), none_(no_multipliers(problem)) {
  none_.cost = cost;
  std::vector<Table> costs;
  for (const auto& variable : problem.variables) {
    costs.push_back(variable.cost_ns);
  }
  const auto all_costs = std::max(range_of(costs), 1.0) * static_cast<double>(cost);
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    const auto& limit = problem.limits[r];
    auto uses = costs;
    for (auto& table : uses) {
      std::ranges::fill(table, 0);
    }
    for (const auto& term : limit.states) {
      uses[term.variable][term.state] += term.amount;
    }
    double all_uses = range_of(uses);
    for (const auto& term : limit.sends) {
      all_uses += magnitude(term.amount);
    }
    for (const auto& term : limit.cells) {
      const auto [low, high] = std::ranges::minmax(term.amounts);
      all_uses += static_cast<double>(high) - static_cast<double>(low);
    }
    units_.push_back(all_costs / std::max(all_uses, 1.0));
    most_.push_back(static_cast<double>(largest_multiplier(problem, r)));
    for (std::size_t p = 0; p < limit.pairs.size(); ++p) {
      if (relaxation.is_relaxed(r, p)) {
        const auto amount = magnitude(limit.pairs[p].amount);
        pairs_.push_back({r, p, std::max(units_[r] * amount, 1.0), most_[r] * amount});
      }
    }
  }
}

Bundle::Point Coordinates::to_point(const Multipliers& multipliers) const {
  Bundle::Point point;
  for (std::size_t r = 0; r < units_.size(); ++r) {
    point.push_back(static_cast<double>(multipliers.limits[r]) / units_[r]);
  }
  for (const auto& [limit, pair, unit, most] : pairs_) {
    point.push_back(static_cast<double>(multipliers.pairs[limit][pair]) / unit);
  }
  return point;
}

Multipliers Coordinates::to_multipliers(const Bundle::Point& point) const {
  auto multipliers = none_;
  const auto whole = [](double value, double most) {
    return static_cast<std::int64_t>(std::clamp(std::round(value), 0.0, most));
  };
  for (std::size_t r = 0; r < units_.size(); ++r) {
    multipliers.limits[r] = whole(point[r] * units_[r], most_[r]);
  }
  for (std::size_t k = 0; k < pairs_.size(); ++k) {
    const auto& [limit, pair, unit, most] = pairs_[k];
    multipliers.pairs[limit][pair] = whole(point[units_.size() + k] * unit, most);
  }
  return multipliers;
}

Bundle::Point Coordinates::slope(const Multipliers& at, const Assignment& assignment) const {
  Bundle::Point slope;
  const auto cost = static_cast<double>(at.cost);
  for (std::size_t r = 0; r < units_.size(); ++r) {
    slope.push_back(static_cast<double>(relaxation_.slack(r, assignment, at)) * units_[r] / cost);
  }
  for (const auto& [limit, pair, unit, most] : pairs_) {
    const auto slack = relaxation_.pair_slack(limit, pair, assignment, at);
    slope.push_back(static_cast<double>(slack) * unit / cost);
  }
  return slope;
}

Shares shares_of(const Problem& problem, const std::vector<Bundle::Part>& mix,
                 const std::vector<Assignment>& found) {
  Shares shares;
  for (const auto& variable : problem.variables) {
    shares.emplace_back(variable.cost_ns.size(), 0.0);
  }
  for (const auto& part : mix) {
    for (std::size_t i = 0; i < shares.size(); ++i) {
      shares[i][found[part.found][i]] += part.weight;
    }
  }
  return shares;
}

double in_ns(Wide value, const Multipliers& multipliers) {
  return static_cast<double>(value) / static_cast<double>(multipliers.cost);
}

}  // namespace

std::int64_t bound_of(Wide value, const Multipliers& multipliers) {
  const auto rounded = value / multipliers.cost;  // towards 0
  return static_cast<std::int64_t>(value > rounded * multipliers.cost ? rounded + 1 : rounded);
}

Raised raise_bound(const Problem& problem, Relaxation& relaxation, const Multipliers& start,
                   const Raise& how) {
  Raised best{start, relaxation.minimize(start), {}};
  how.found(best.point.assignment);
  std::vector<Assignment> found{best.point.assignment};
  if (problem.limits.empty()) {
    best.shares = shares_of(problem, {{0, 1}}, found);
    return best;
  }
  const Coordinates coordinates(problem, relaxation, start.cost);
  Bundle bundle(coordinates.to_point(start), in_ns(best.point.value, start),
                coordinates.slope(start, best.point.assignment));
  for (int step = 0; step < how.most_steps; ++step) {
    if (bound_of(best.point.value, best.multipliers) >= how.enough || how.stop()) {
      break;
    }
    const auto worth =
        std::max(how.worth * std::abs(in_ns(best.point.value, best.multipliers)), kLeastGainNs);
    const auto multipliers = coordinates.to_multipliers(bundle.propose(worth));
    if (bundle.expected_gain() < worth) {
      break;
    }
    auto point = relaxation.minimize(multipliers);
    how.found(point.assignment);
    found.push_back(point.assignment);
    bundle.show(in_ns(point.value, multipliers), coordinates.slope(multipliers, point.assignment));
    if (point.value > best.point.value) {
      best = {multipliers, std::move(point), {}};
    }
  }
  best.shares = shares_of(problem, bundle.mix(), found);
  return best;
}

std::optional<Multipliers> find_contradiction(const Problem& problem, Relaxation& relaxation,
                                              Multipliers& start, const Raise& how) {
  const auto value_of = [&](Multipliers multipliers) {
    multipliers.cost = 0;
    auto point = relaxation.minimize(multipliers);
    how.found(point.assignment);
    return point;
  };
  const Coordinates coordinates(problem, relaxation, start.cost);
  auto point = value_of(start);
  auto best = point.value;
  Bundle bundle(coordinates.to_point(start), in_ns(best, start),
                coordinates.slope(start, point.assignment));
  for (int step = 0; best <= 0 && step < how.most_steps && !how.stop(); ++step) {
    const auto multipliers = coordinates.to_multipliers(bundle.propose(kLeastGainNs));
    if (bundle.expected_gain() < kLeastGainNs) {
      break;
    }
    point = value_of(multipliers);
    bundle.show(in_ns(point.value, multipliers), coordinates.slope(multipliers, point.assignment));
    if (point.value > best) {
      best = point.value;
      start = multipliers;
    }
  }
  if (best <= 0) {
    return std::nullopt;
  }
  auto found = start;
  found.cost = 0;
  return found;
}

Multipliers multipliers_of(const Problem& problem, const Solution& start) {
  auto multipliers = no_multipliers(problem);
  const auto whole = [&](double price_ns, double most) {
    const auto weighed = std::round(price_ns * static_cast<double>(multipliers.cost));
    return static_cast<std::int64_t>(std::clamp(weighed, 0.0, most));
  };
  for (std::size_t r = 0; r < std::min(problem.limits.size(), start.price_ns.size()); ++r) {
    const auto& pairs = problem.limits[r].pairs;
    const auto most = static_cast<double>(largest_multiplier(problem, r));
    multipliers.limits[r] = whole(start.price_ns[r], most);
    if (r < start.pair_price_ns.size() && start.pair_price_ns[r].size() == pairs.size()) {
      for (std::size_t p = 0; p < pairs.size(); ++p) {
        const auto amount = std::abs(static_cast<double>(pairs[p].amount));
        multipliers.pairs[r][p] = whole(start.pair_price_ns[r][p], most * amount);
      }
    }
  }
  return multipliers;
}

Multipliers alone(const Problem& problem, std::size_t limit) {
  auto alone = no_multipliers(problem);
  alone.cost = 0;
  alone.limits[limit] = 1;
  for (std::size_t p = 0; p < alone.pairs[limit].size(); ++p) {
    const auto amount = problem.limits[limit].pairs[p].amount;
    alone.pairs[limit][p] = amount < 0 ? -amount / 2 : 0;
  }
  return alone;
}

std::int64_t least_use(const Problem& problem, Relaxation& relaxation, std::size_t limit) {
  const auto value = relaxation.minimize(alone(problem, limit)).value + problem.limits[limit].bound;
  return static_cast<std::int64_t>(value);
}

}  // namespace tessera::plan
