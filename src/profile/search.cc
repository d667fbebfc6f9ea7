// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/search.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tessera/plan/solve.h"
#include "tessera/profile/plan_costs.h"

namespace tessera::profile {
namespace {

/// Costs are counted in picoseconds, so that one of them can settle ties and matters to nobody.
constexpr double kUnitsPerUs = 1e6;
/// Good enough, and how long to look: by nodes, not by time, so that the answer is always the same.
constexpr double kGap = 1e-4;
constexpr std::int64_t kMostNodes = 400;
constexpr double kNoTimeLimit = 1e9;
/// Parts that a limit is counted in.
constexpr double kParts = 1e12;

std::int64_t whole(double value) {
  return static_cast<std::int64_t>(std::llround(value));
}

/// All mixes of a model's units, by what they cost.
class Mixes {
 public:
  Mixes(const LatencyModel& model, const Units& units, const std::vector<bool>& allowed,
        const Penalty& penalty)
      : units_(units), none_(units.size(), 0) {
    for (std::size_t i = 0; i < units.size(); ++i) {
      states_.push_back(local_states(units, i, model.forms, may_be(i, model.forms, allowed)));
      add_variable(i, penalty);
    }
    Local local{.model = &model, .units = &units, .states = &states_};
    local.units_per_us = kUnitsPerUs;
    // More than float32 takes, which keeps every limit.
    local.never = 2 * whole(std::abs(model.predict(units, none_).us) * kUnitsPerUs) +
                  static_cast<std::int64_t>(units.size()) + shifted_ + 1;
    (void)add_local_costs(local, problem_);  // mixes are compared, whatever all of them have
  }

  /// The penalties of a mix sum to at most `most`.
  void limit(const std::vector<std::vector<double>>& penalties, double most) {
    plan::Limit limit{.name = "penalty", .unit = "parts", .bound = most > 0 ? whole(kParts) : 0};
    for (std::size_t i = 0; i < states_.size(); ++i) {
      for (std::size_t s = 0; s < states_[i].size(); ++s) {
        const auto asked = states_[i][s].asked();
        const double penalty = asked == 0 ? 0 : penalties[asked - 1U][i];
        if (penalty == 0) {
          continue;
        }
        // What is beyond the limit alone is beyond it by any number; rounding is upwards.
        const double parts = most > 0 ? std::clamp(penalty / most, -2.0, 2.0) * kParts : penalty;
        limit.states.push_back({i, static_cast<std::uint8_t>(s),
                                most > 0 ? whole(std::ceil(parts)) : (parts > 0 ? 1 : -1)});
      }
    }
    problem_.limits.push_back(std::move(limit));
  }

  /// The best, within kGap; float32 if none was found.
  [[nodiscard]] States best() const {
    if (states_.empty()) {
      return none_;
    }
    const plan::Options options{
        .gap = kGap, .time_limit_s = kNoTimeLimit, .most_nodes = kMostNodes};
    const auto solution = plan::solve(problem_, options);
    if (!solution || !solution->assignment) {
      return none_;
    }
    States found;
    for (std::size_t i = 0; i < states_.size(); ++i) {
      found.push_back(states_[i][(*solution->assignment)[i]].asked());
    }
    return found;
  }

 private:
  [[nodiscard]] std::vector<bool> may_be(std::size_t unit, const Forms& forms,
                                         const std::vector<bool>& allowed) const {
    std::vector<bool> may(forms.size(), false);
    may[0] = true;
    for (std::size_t k = 1; k < forms.size(); ++k) {
      may[k] = units_.units[unit].takes[k - 1] && (allowed.empty() || allowed[unit]);
    }
    return may;
  }

  void add_variable(std::size_t unit, const Penalty& penalty) {
    plan::Variable variable{units_.units[unit].name, {}};
    for (const auto& state : states_[unit]) {
      const auto asked = state.asked();
      const double priced = asked != 0 && penalty.us_per_unit != 0
                                ? penalty.us_per_unit * penalty.by_scheme[asked - 1U][unit]
                                : 0;
      // A tie goes to integers.
      variable.cost_ns.push_back(whole(priced * kUnitsPerUs) + (state.state == 0 ? 1 : 0));
    }
    const auto least = std::min<std::int64_t>(std::ranges::min(variable.cost_ns), 0);
    for (auto& cost : variable.cost_ns) {
      cost -= least;
    }
    shifted_ -= least;
    problem_.variables.push_back(std::move(variable));
  }

  const Units& units_;
  States none_;
  std::vector<std::vector<LocalState>> states_;
  plan::Problem problem_;
  std::int64_t shifted_ = 0;
};

}  // namespace

double penalty_of(const States& states, const std::vector<std::vector<double>>& penalties) {
  double sum = 0;
  for (std::size_t i = 0; i < states.size(); ++i) {
    sum += states[i] != 0 ? penalties[states[i] - 1U][i] : 0;
  }
  return sum;
}

States fastest_states(const LatencyModel& model, const Units& units,
                      const std::vector<bool>& allowed, const Penalty& penalty) {
  return Mixes(model, units, allowed, penalty).best();
}

States fastest_within(const LatencyModel& model, const Units& units,
                      const std::vector<std::vector<double>>& penalties, double limit) {
  Mixes mixes(model, units, {}, {});
  mixes.limit(penalties, limit);
  auto best = mixes.best();
  return penalty_of(best, penalties) <= limit ? best : States(units.size(), 0);
}

}  // namespace tessera::profile
