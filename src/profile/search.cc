// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "tessera/profile/profile.h"

namespace tessera::profile {
namespace {

/// Local search: a change stays if the whole model gets faster. Layout makes a flip felt beyond
/// its neighbours, so nothing less than the whole is looked at; that takes microseconds.
class Descent {
 public:
  Descent(const LatencyModel& model, const Units& units, const std::vector<bool>& allowed,
          const Penalty& penalty, States start)
      : model_(model),
        units_(units),
        allowed_(allowed),
        penalty_(penalty),
        states_(std::move(start)),
        cost_us_(cost_us()) {}

  std::pair<double, States> run() {
    constexpr int kMostSweeps = 50;
    for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
      bool better = false;
      for (std::size_t i = 0; i < units_.size(); ++i) {
        better = try_change({i}) || better;
        for (const auto consumer : units_.units[i].consumers) {
          better = try_change({i, consumer}) || better;
          for (const auto next : units_.units[consumer].consumers) {
            better = try_change({i, consumer, next}) || better;
          }
        }
      }
      if (!better) {
        break;
      }
    }
    return {cost_us_, std::move(states_)};
  }

 private:
  /// All of the group become what the first is not, the first state that pays.
  bool try_change(std::initializer_list<std::size_t> group) {
    const auto first = *group.begin();
    const auto before = states_[first];
    for (std::size_t k = 1; k < model_.forms.size(); ++k) {
      const auto target = static_cast<std::uint8_t>((before + k) % model_.forms.size());
      if (try_state(group, target)) {
        return true;
      }
    }
    return false;
  }

  bool try_state(std::initializer_list<std::size_t> group, std::uint8_t target) {
    const bool possible = std::all_of(group.begin(), group.end(), [&](std::size_t unit) {
      return states_[unit] == target || may_become(unit, target);
    });
    if (!possible) {
      return false;
    }
    const std::vector<std::size_t> units(group);
    std::vector<std::uint8_t> before;
    for (const auto unit : units) {
      before.push_back(std::exchange(states_[unit], target));
    }
    constexpr double kWorthItUs = 1e-6;
    const double after_us = cost_us();
    if (after_us < cost_us_ - kWorthItUs) {
      cost_us_ = after_us;
      return true;
    }
    for (std::size_t i = units.size(); i-- > 0;) {
      states_[units[i]] = before[i];
    }
    return false;
  }

  /// What must stay float may not leave it, nor come back to it.
  [[nodiscard]] bool may_become(std::size_t unit, std::uint8_t state) const {
    return allowed_[unit] && (state == 0 || units_.units[unit].takes[state - 1U]);
  }

  [[nodiscard]] double cost_us() const {
    double us = model_.predict(units_, states_).us;
    for (std::size_t i = 0; i < states_.size() && !penalty_.by_scheme.empty(); ++i) {
      us += states_[i] != 0 ? penalty_.us_per_unit * penalty_.by_scheme[states_[i] - 1U][i] : 0;
    }
    return us;
  }

  const LatencyModel& model_;
  const Units& units_;
  const std::vector<bool>& allowed_;
  const Penalty& penalty_;
  States states_;
  double cost_us_;
};

}  // namespace

States fastest_states(const LatencyModel& model, const Units& units,
                      const std::vector<bool>& allowed, const Penalty& penalty) {
  std::vector<bool> may(units.size(), false);
  for (std::size_t i = 0; i < units.size(); ++i) {
    may[i] = units.units[i].quantizable() && (allowed.empty() || allowed[i]);
  }
  auto best = Descent(model, units, may, penalty, States(units.size(), 0)).run();
  for (std::size_t scheme = 1; scheme < model.forms.size(); ++scheme) {
    auto start = uniform_states(units, scheme);
    for (std::size_t i = 0; i < units.size(); ++i) {
      start[i] = may[i] ? start[i] : 0;
    }
    auto other = Descent(model, units, may, penalty, std::move(start)).run();
    if (other.first <= best.first) {
      best = std::move(other);
    }
  }
  return std::move(best.second);
}

}  // namespace tessera::profile
