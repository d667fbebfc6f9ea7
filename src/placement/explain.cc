// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// What surrounds a plan: alternatives of one layer, and turning points.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "placement/front.h"
#include "placement/planner.h"
#include "placement/reasons.h"
#include "tessera/core/names.h"

namespace tessera::placement {
namespace {

/// Halvings of the logarithm of a factor, from 1 to kMostFactor.
constexpr int kTurnSteps = 9;
constexpr double kMostFactor = 1000;

std::set<std::string> machines_used(const Account& account) {
  std::set<std::string> used;
  for (const auto& share : account.machines) {
    if (share.layers > 0) {
      used.insert(share.machine);
    }
  }
  return used;
}

std::string joined(const std::set<std::string>& names) {
  return fmt::format("{}", fmt::join(names, " + "));
}

}  // namespace

Result<std::size_t> find_layer(const Setting& setting, const Instance& instance,
                               const std::string& name) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < instance.units.size(); ++i) {
    if (instance.units.units[i].name == name) {
      return i;
    }
    known.push_back(instance.units.units[i].name);
  }
  if (const auto op = setting.graph->find_op(name)) {
    return instance.units.of_op[op->value];
  }
  return fail(ErrorCode::kInvalidArgument, "there is no operator '{}' to explain", name)
      .hint("near it: {}; tessera inspect lists all", fmt::join(nearest_names(name, known), ", "));
}

Result<std::vector<Explanation>> explain(const Planner& planner, const Goal& goal,
                                         const std::vector<std::string>& names,
                                         const Solved& solved) {
  const auto& instance = solved.instance;
  std::vector<Explanation> explanations;
  for (const auto& name : names) {
    TESSERA_TRY(const auto unit, find_layer(planner.setting(), instance, name));
    const auto& chosen = instance.places[unit][(*solved.solution.assignment)[unit]];
    Explanation explanation{
        .layer = instance.units.units[unit].name,
        .machine = instance.sites[chosen.machine].machine->name,
        .precision = instance.sites[chosen.machine].precisions[chosen.local.state]};
    for (std::size_t k = 0; k < instance.sites.size(); ++k) {
      for (std::size_t s = 0; s < instance.sites[k].precisions.size(); ++s) {
        const auto is_it = [&](const Place& place) {
          return place.machine == k && place.local.state == s;
        };
        if (is_it(chosen)) {
          continue;
        }
        Explanation::Alternative other{.machine = instance.sites[k].machine->name,
                                       .precision = instance.sites[k].precisions[s]};
        const auto found = planner
                               .keeping([&](std::size_t i, const Place& place) {
                                 return i != unit || is_it(place);
                               })
                               .solve(goal);
        if (!found && found.error().code == ErrorCode::kFailedPrecondition) {
          other.why = "is not offered there";
        } else if (!found) {
          return tl::unexpected(found.error());
        } else if (found->account && planner
                                         .broken_limit(goal, found->instance, *found->account,
                                                       *found->solution.assignment)
                                         .empty()) {
          other.regret = found->account->objective - solved.account->objective;
          other.least_regret = std::max(0.0, found->bound - solved.account->objective);
        } else if (!found->account) {
          other.why = why_no_plan(planner.setting(), goal, *found);
        } else {
          other.why = "no plan that keeps the limits was found with it";
        }
        explanation.alternatives.push_back(std::move(other));
      }
    }
    std::ranges::stable_sort(explanation.alternatives, [](const auto& a, const auto& b) {
      constexpr double kNever = 1e300;
      return a.regret.value_or(kNever) < b.regret.value_or(kNever);
    });
    explanations.push_back(std::move(explanation));
  }
  return explanations;
}

Result<std::vector<TurningPoint>> turning_points(const Planner& planner, const Goal& goal,
                                                 const Solved& solved) {
  const auto now = machines_used(*solved.account);
  std::vector<TurningPoint> turns;
  struct Knob {
    std::string what;
    std::string change;
    double value = 0;
    std::string unit;
    bool faster = true;
  };
  std::vector<Knob> knobs;
  const auto& cluster = *planner.setting().cluster;
  for (const auto& link : cluster.links) {
    if (link.bandwidth_bytes_per_s) {
      const bool joins = now.contains(link.from) && now.contains(link.to);
      knobs.push_back({"bandwidth of link " + link.name(), "link." + link.name() + ".bandwidth",
                       *link.bandwidth_bytes_per_s, "bytes/s", !joins});
    }
  }
  for (const auto& machine : cluster.machines) {
    knobs.push_back({"speed of machine " + machine.name, "machine." + machine.name + ".speed",
                     machine.speed, "x", !now.contains(machine.name)});
  }
  for (const auto& knob : knobs) {
    const auto used_at = [&](double factor) -> Result<std::set<std::string>> {
      if (planner.is_late()) {
        return fail(ErrorCode::kCancelled, "the time for turning points has ended");
      }
      auto changed = cluster;
      TESSERA_CHECK(cluster::change(changed, fmt::format("{}=*{:.12g}", knob.change, factor)));
      auto setting = planner.setting();
      setting.cluster = &changed;
      TESSERA_TRY(const auto other, planner.of(setting).solve(goal));
      return other.account ? machines_used(*other.account) : now;
    };
    double low = 0;  // logarithms of factors, by which it is as now, and other
    double high = std::log(kMostFactor);
    const double sign = knob.faster ? 1 : -1;
    auto then = used_at(std::exp(sign * high));
    if (!then || *then == now) {
      continue;
    }
    for (int step = 0; step < kTurnSteps; ++step) {
      const double middle = (low + high) / 2;
      auto used = used_at(std::exp(sign * middle));
      if (!used) {  // stopped, or out of what can be computed: no turning point
        return turns;
      }
      if (*used == now) {
        low = middle;
      } else {
        high = middle;
        then = std::move(used);
      }
    }
    const double factor = std::exp(sign * high);
    turns.push_back({knob.what, factor, factor * knob.value, knob.unit,
                     fmt::format("{} instead of {}", joined(*then), joined(now))});
  }
  return turns;
}

}  // namespace tessera::placement
