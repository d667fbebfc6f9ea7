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

}  // namespace

std::pair<std::size_t, std::vector<std::uint8_t>> choose_split(
    const Problem& problem, const Domains& domains, const Relaxation& relaxation,
    const StateValues& values, const Multipliers& multipliers, const Assignment& assignment) {
  const auto uses = weighted_uses(problem, domains, multipliers);
  const auto errors = pair_errors(problem, relaxation, multipliers, assignment);
  std::optional<double> most;
  std::pair<std::size_t, std::vector<std::uint8_t>> chosen;
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
          chosen.second.push_back(domains[i][k]);
        }
      }
    }
  }
  return chosen;
}

}  // namespace tessera::plan
