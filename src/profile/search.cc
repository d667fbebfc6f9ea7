// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "tessera/profile/profile.h"

namespace tessera::profile {
namespace {

/// Local search: a change stays if the whole model gets faster. Layout makes a flip felt beyond
/// its neighbours, so nothing less than the whole is looked at; that takes microseconds.
class Descent {
 public:
  Descent(const LatencyModel& model, const Units& units, const States& allowed,
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
        better = try_flip({i}) || better;
        for (const auto consumer : units_.units[i].consumers) {
          better = try_flip({i, consumer}) || better;
          for (const auto next : units_.units[consumer].consumers) {
            better = try_flip({i, consumer, next}) || better;
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
  /// All of the group become what the first is not.
  bool try_flip(const std::vector<std::size_t>& group) {
    const bool target = !states_[group.front()];
    std::vector<std::size_t> changed;
    for (const auto unit : group) {
      if (states_[unit] != target) {
        if (!allowed_[unit]) {
          return false;
        }
        changed.push_back(unit);
      }
    }
    flip(changed);
    constexpr double kWorthItUs = 1e-6;
    const double after_us = cost_us();
    if (!changed.empty() && after_us < cost_us_ - kWorthItUs) {
      cost_us_ = after_us;
      return true;
    }
    flip(changed);
    return false;
  }

  [[nodiscard]] double cost_us() const {
    double us = model_.predict(units_, states_).us;
    for (std::size_t i = 0; i < penalty_.by_unit.size(); ++i) {
      us += states_[i] ? penalty_.us_per_unit * penalty_.by_unit[i] : 0;
    }
    return us;
  }

  void flip(const std::vector<std::size_t>& units) {
    for (const auto unit : units) {
      states_[unit] = !states_[unit];
    }
  }

  const LatencyModel& model_;
  const Units& units_;
  const States& allowed_;
  const Penalty& penalty_;
  States states_;
  double cost_us_;
};

}  // namespace

States fastest_states(const LatencyModel& model, const Units& units, const States& allowed,
                      const Penalty& penalty) {
  States may(units.size(), false);
  for (std::size_t i = 0; i < units.size(); ++i) {
    may[i] = units.units[i].quantizable && (allowed.empty() || allowed[i]);
  }
  auto best = Descent(model, units, may, penalty, States(units.size(), false)).run();
  auto other = Descent(model, units, may, penalty, may).run();
  return other.first <= best.first ? other.second : best.second;
}

}  // namespace tessera::profile
