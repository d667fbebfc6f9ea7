// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "tessera/profile/profile.h"
#include "tessera/profile/search.h"
#include "tessera/search/search.h"

namespace tessera::profile {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

/// The whole model's time and a price for its error. Layout makes a change felt beyond its
/// neighbours, so nothing less than the whole is looked at; that takes microseconds.
class Mixes final : public search::Landscape {
 public:
  Mixes(const LatencyModel& model, const Units& units, const Penalty& penalty, double limit,
        States start)
      : model_(model),
        penalty_(penalty),
        limit_(limit),
        predictor_(units, model.forms),
        states_(std::move(start)) {}

  [[nodiscard]] const States& here() const noexcept override { return states_; }
  [[nodiscard]] double cost_after(std::span<const search::Change> changes) override {
    return cost_us(after(changes));
  }
  [[nodiscard]] double use_after(std::span<const search::Change> changes) override {
    return penalty_of(after(changes), penalty_.by_scheme);
  }
  [[nodiscard]] bool fits_after(std::span<const search::Change> changes) override {
    return limit_ == kNoLimit || use_after(changes) <= limit_;
  }
  void make(std::span<const search::Change> changes) override {
    for (const auto& [unit, state] : changes) {
      states_[unit] = state;
    }
  }

 private:
  [[nodiscard]] const States& after(std::span<const search::Change> changes) {
    trial_ = states_;
    for (const auto& [unit, state] : changes) {
      trial_[unit] = state;
    }
    return trial_;
  }

  [[nodiscard]] double cost_us(const States& states) {
    double us = predictor_.us(model_, states);
    for (std::size_t i = 0; i < states.size() && penalty_.us_per_unit != 0; ++i) {
      us += states[i] != 0 ? penalty_.us_per_unit * penalty_.by_scheme[states[i] - 1U][i] : 0;
    }
    return us;
  }

  const LatencyModel& model_;
  const Penalty& penalty_;
  double limit_;
  Predictor predictor_;
  States states_;
  States trial_;
};

/// Units one behind the other, up to three, become what the first is not.
class Runs {
 public:
  Runs(const Units& units, const std::vector<bool>& allowed, std::size_t forms)
      : units_(units), allowed_(allowed), forms_(forms) {}

  void operator()(const States& here, const search::Visit& visit) const {
    for (std::size_t i = 0; i < units_.size(); ++i) {
      show({i}, here, visit);
      for (const auto consumer : units_.units[i].consumers) {
        show({i, consumer}, here, visit);
        for (const auto next : units_.units[consumer].consumers) {
          show({i, consumer, next}, here, visit);
        }
      }
    }
  }

 private:
  /// In one state after another, until one is taken.
  void show(std::initializer_list<std::size_t> run, const States& here,
            const search::Visit& visit) const {
    const auto before = here[*run.begin()];
    for (std::size_t k = 1; k < forms_; ++k) {
      const auto state = static_cast<std::uint8_t>((before + k) % forms_);
      std::vector<search::Change> changes;
      for (const auto unit : run) {
        if (here[unit] == state || may_become(unit, state)) {
          changes.push_back({unit, state});
        }
      }
      if (changes.size() == run.size() && visit(changes)) {
        return;
      }
    }
  }

  /// What must stay float may not leave it, nor come back to it.
  [[nodiscard]] bool may_become(std::size_t unit, std::uint8_t state) const {
    return allowed_[unit] && (state == 0 || units_.units[unit].takes[state - 1U]);
  }

  const Units& units_;
  const std::vector<bool>& allowed_;
  std::size_t forms_;
};

std::vector<bool> may_change(const Units& units, const std::vector<bool>& allowed) {
  std::vector<bool> may(units.size(), false);
  for (std::size_t i = 0; i < units.size(); ++i) {
    may[i] = units.units[i].quantizable() && (allowed.empty() || allowed[i]);
  }
  return may;
}

/// The mix that a descent ends at, and its cost.
std::pair<double, States> descend(Mixes mixes, const Units& units, const std::vector<bool>& may,
                                  std::size_t forms) {
  constexpr double kWorthItUs = 1e-6;
  constexpr int kMostSweeps = 50;
  const search::Neighbourhood runs{search::Neighbourhood::Take::kEach, Runs(units, may, forms)};
  search::climb(mixes, {&runs, 1}, kWorthItUs, kMostSweeps);
  return {mixes.cost_after({}), mixes.here()};
}

/// Of all mixes that change once along the order of units, from float32 to a scheme (or back), the
/// cheapest of either way. Where noise is loudest early or late, and every border costs, descents
/// that change three units at a time do not get there.
std::vector<States> cheapest_cuts(Mixes mixes, const States& scheme) {
  std::vector<States> found;
  const States none(scheme.size(), 0);
  for (const bool float_first : {true, false}) {
    auto states = float_first ? scheme : none;
    const auto& become = float_first ? none : scheme;
    std::vector<search::Change> changes;
    auto cost = [&] {
      changes.clear();
      for (std::size_t i = 0; i < states.size(); ++i) {
        changes.push_back({i, states[i]});
      }
      return mixes.cost_after(changes);
    };
    double least = cost();
    auto best = states;
    for (std::size_t i = 0; i < states.size(); ++i) {
      if (states[i] == become[i]) {
        continue;
      }
      states[i] = become[i];
      if (const double us = cost(); us < least) {
        least = us;
        best = states;
      }
    }
    found.push_back(std::move(best));
  }
  return found;
}

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
  const auto may = may_change(units, allowed);
  const auto from = [&](States start) {
    return descend({model, units, penalty, kNoLimit, std::move(start)}, units, may,
                   model.forms.size());
  };
  auto best = from(States(units.size(), 0));
  for (std::size_t scheme = 1; scheme < model.forms.size(); ++scheme) {
    auto start = uniform_states(units, scheme);
    for (std::size_t i = 0; i < units.size(); ++i) {
      start[i] = may[i] ? start[i] : 0;
    }
    auto starts = cheapest_cuts({model, units, penalty, kNoLimit, start}, start);
    starts.push_back(std::move(start));
    for (auto& one : starts) {
      auto other = from(std::move(one));
      if (other.first <= best.first) {
        best = std::move(other);
      }
    }
  }
  return std::move(best.second);
}

States fastest_within(const LatencyModel& model, const Units& units,
                      const std::vector<std::vector<double>>& penalties, double limit) {
  Penalty price{penalties, 0};
  auto fastest = fastest_states(model, units, {}, price);
  if (penalty_of(fastest, penalties) <= limit) {
    return fastest;
  }
  States best(units.size(), 0);  // nothing is added: keeps every limit
  double best_us = model.predict(units, best).us;
  // Of a price so high, whatever goes beyond the limit costs more than float32 takes.
  constexpr double kLeastShare = 1e-9;
  double high = best_us / std::max(limit, kLeastShare * penalty_of(fastest, penalties));
  double low = 0;
  constexpr int kSteps = 16;
  constexpr double kUsed = 0.9;
  constexpr double kNear = 1.05;
  for (int step = 0; step < kSteps && (low == 0 || high > kNear * low); ++step) {
    price.us_per_unit = step == 0 ? high : low == 0 ? high / 16 : std::sqrt(low * high);
    auto states = fastest_states(model, units, {}, price);
    if (penalty_of(states, penalties) > limit) {
      low = price.us_per_unit;
      continue;
    }
    high = price.us_per_unit;
    const bool enough = penalty_of(states, penalties) >= kUsed * limit;
    if (const double us = model.predict(units, states).us; us < best_us) {
      best_us = us;
      best = std::move(states);
    }
    if (enough) {
      break;
    }
  }
  price.us_per_unit = 0;
  return descend({model, units, price, limit, std::move(best)}, units, may_change(units, {}),
                 model.forms.size())
      .second;
}

}  // namespace tessera::profile
