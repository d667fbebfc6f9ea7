// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/split.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace tessera::plan {
namespace {

constexpr Wide kDearest = Wide{1} << 100;
/// A smaller share of a mix is none.
constexpr double kLeastShare = 0.02;
/// What gains of the past weigh: one that closed what is open counts as much as three variables
/// that are torn in halves could.
constexpr double kOfThePast = 3;

/// By variable and place in its domain, what its states use of all limits, times the multipliers.
std::vector<std::vector<double>> weighted_uses(const Problem& problem, const Domains& domains,
                                               const Multipliers& multipliers) {
  std::vector<std::vector<double>> by_state(domains.size());
  for (std::size_t i = 0; i < domains.size(); ++i) {
    by_state[i].resize(problem.variables[i].cost_ns.size());
  }
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    for (const auto& term : problem.limits[r].states) {
      by_state[term.variable][term.state] +=
          static_cast<double>(multipliers.limits[r]) * static_cast<double>(term.amount);
    }
  }
  std::vector<std::vector<double>> uses(domains.size());
  for (std::size_t i = 0; i < domains.size(); ++i) {
    for (const auto state : domains[i]) {
      uses[i].push_back(by_state[i][state]);
    }
  }
  return uses;
}

/// By variable, how much its relaxed pairs count too little at the assignment.
std::vector<double> pair_errors(const Problem& problem, const Relaxation& relaxation,
                                const Multipliers& multipliers, const Assignment& assignment) {
  std::vector<double> errors(assignment.size(), 0);
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    const auto& pairs = problem.limits[r].pairs;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      if (!relaxation.is_relaxed(r, p)) {
        continue;
      }
      const auto weight =
          static_cast<double>(multipliers.limits[r]) * static_cast<double>(pairs[p].amount);
      const auto part = static_cast<double>(multipliers.pairs[r][p]);
      const auto [first, second] = relaxation.takes_part(r, p, assignment);
      const double one = first ? 1 : 0;
      const double other = second ? 1 : 0;
      const double counted = weight > 0 ? part * (one + other - 1) + std::min(weight - part, 0.0)
                                        : -part * one - std::max(-weight - part, 0.0) * other;
      const double error = weight * one * other - counted;
      errors[pairs[p].first] += error;
      errors[pairs[p].second] += error;
    }
  }
  return errors;
}

/// Where the uses of a variable are far apart, the places of those above the middle; else the place
/// of the state given.
std::vector<char> upper_part(const std::vector<double>& uses, std::size_t otherwise) {
  const auto [low, high] = std::ranges::minmax(uses);
  std::vector<char> part(uses.size(), 0);
  for (std::size_t k = 0; k < uses.size(); ++k) {
    part[k] = high > low && uses[k] - low > (high - low) / 2 ? 1 : 0;
  }
  if (high <= low) {
    part[otherwise] = 1;
  }
  return part;
}

/// States of a variable that go together, and the share that a mix gives them.
struct Torn {
  Split split;
  double share = 0;
  bool by_value = false;  ///< others can tell it
};

/// The ways in which a mix tears a variable: by values, or else by states of a value.
std::vector<Torn> torn_of(std::size_t variable, const std::vector<std::uint8_t>& domain,
                          const std::vector<double>& shares, const Relaxation& relaxation) {
  std::map<std::size_t, Torn> by_value;
  std::vector<Torn> by_state;
  for (const auto state : domain) {
    auto& torn = by_value[relaxation.value_of(variable, state)];
    torn.split.variable = variable;
    torn.split.states.push_back(state);
    torn.share += shares[state];
    torn.by_value = true;
    by_state.push_back({{variable, {state}}, shares[state], false});
  }
  const auto shared =
      std::ranges::count_if(by_value, [](const auto& of) { return of.second.share > 0; });
  if (shared < 2) {
    return by_state;
  }
  std::vector<Torn> all;
  for (auto& [value, torn] : by_value) {
    all.push_back(std::move(torn));
  }
  return all;
}

double spread(const std::vector<double>& numbers) {
  const auto [low, high] = std::ranges::minmax(numbers);
  return high - low;
}

std::optional<Split> split_by_mix(const Domains& domains, const Relaxation& relaxation,
                                  const Shares& shares,
                                  const std::vector<std::vector<double>>& uses,
                                  const SplitGains& gains, double open_ns) {
  double most_use = 0;
  for (const auto& of : uses) {
    most_use = std::max(most_use, spread(of));
  }
  double best = 0;
  std::optional<Split> chosen;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (domains[i].size() < 2) {
      continue;
    }
    const double use = most_use > 0 ? spread(uses[i]) / most_use : 0;
    for (auto& [split, share, by_value] : torn_of(i, domains[i], shares[i], relaxation)) {
      const double evenly = std::min(share, 1 - share);
      if (evenly < kLeastShare) {
        continue;
      }
      const double past = gains.of(split) / std::max(open_ns, 1.0);
      const double score = evenly + use + (by_value ? 1 : 0) + kOfThePast * past;
      if (score > best) {
        best = score;
        chosen = std::move(split);
      }
    }
  }
  return chosen;
}

Split split_by_use(const Problem& problem, const Domains& domains, const Relaxation& relaxation,
                   const StateValues& values, const Raised& raised,
                   const std::vector<std::vector<double>>& uses) {
  const auto& assignment = raised.point.assignment;
  const auto errors = pair_errors(problem, relaxation, raised.multipliers, assignment);
  std::optional<double> most;
  Split chosen;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (domains[i].size() < 2) {
      continue;
    }
    const auto here = std::ranges::find(domains[i], assignment[i]);
    const auto place = here == domains[i].end() ? 0 : here - domains[i].begin();
    const auto part = upper_part(uses[i], static_cast<std::size_t>(place));
    std::array<Wide, 2> least = {kDearest, kDearest};
    for (std::size_t k = 0; k < part.size(); ++k) {
      auto& of = least[part[k] != 0 ? 1 : 0];
      of = std::min(of, values[i][k]);
    }
    const auto [low, high] = std::ranges::minmax(uses[i]);
    const auto apart =
        static_cast<double>(std::max(least[0], least[1]) - std::min(least[0], least[1]));
    const auto score = high - low + errors[i] - apart;
    if (!most || score > *most) {
      most = score;
      chosen = {i, {}};
      for (std::size_t k = 0; k < part.size(); ++k) {
        if (part[k] != 0) {
          chosen.states.push_back(domains[i][k]);
        }
      }
    }
  }
  return chosen;
}

}  // namespace

void SplitGains::note(const Split& split, bool inside, double gain_ns) {
  auto& [in, out] = sides_[split];
  auto& side = inside ? in : out;
  side.sum_ns += gain_ns;
  ++side.count;
}

double SplitGains::of(const Split& split) const {
  const auto at = sides_.find(split);
  if (at == sides_.end() || at->second.first.count == 0 || at->second.second.count == 0) {
    return 0;
  }
  const auto& [in, out] = at->second;
  return std::sqrt(in.sum_ns / in.count * (out.sum_ns / out.count));
}

Split choose_split(const Problem& problem, const Domains& domains, const Relaxation& relaxation,
                   const StateValues& values, const Raised& raised, const SplitGains& gains,
                   double open_ns) {
  const auto uses = weighted_uses(problem, domains, raised.multipliers);
  auto chosen = split_by_mix(domains, relaxation, raised.shares, uses, gains, open_ns);
  return chosen ? *std::move(chosen)
                : split_by_use(problem, domains, relaxation, values, raised, uses);
}

}  // namespace tessera::plan
