// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/fixed.h"

#include <algorithm>

namespace tessera::placement {
namespace {

using Support = profile::LocalState::Support;

/// States as computed, and why.
struct Computed {
  std::vector<std::uint8_t> states;
  std::vector<Support> supports;
};

/// What only moves values follows its neighbours on the same machine.
Computed computed(const Instance& instance, const std::vector<Wish>& wishes) {
  const auto& units = instance.units.units;
  Computed made{{}, std::vector<Support>(units.size(), Support::kOwn)};
  for (const auto& wish : wishes) {
    made.states.push_back(wish.asked);
  }
  const auto passes_on = [&](std::size_t from, std::size_t to) {
    const auto& forms = instance.sites[wishes[from].machine].profile->model.forms;
    const auto state = made.states[from];
    return wishes[from].machine == wishes[to].machine && state != 0 &&
           is_integer(forms[state].values);
  };
  const auto follow = [&](std::size_t unit, std::size_t other, Support support) {
    if (passes_on(other, unit) && made.states[unit] != made.states[other]) {
      made.states[unit] = made.states[other];
      made.supports[unit] = support;
    }
  };
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (profile::trait_of(units[i]).lets_integers_pass && !units[i].producers.empty()) {
      follow(i, units[i].producers.front(), Support::kProducer);
    }
  }
  for (auto i = units.size(); i-- > 0;) {
    if (profile::trait_of(units[i]).lets_integers_pass && units[i].consumers.size() == 1 &&
        !units[i].makes_output) {
      follow(i, units[i].consumers.front(), Support::kConsumer);
    }
  }
  return made;
}

profile::Layout inputs_of(const Instance& instance, const std::vector<Wish>& wishes,
                          const std::vector<profile::Layout>& results, std::size_t i) {
  const auto& unit = instance.units.units[i];
  if (unit.reads_input || unit.producers.empty()) {
    return profile::Layout::kPlain;
  }
  const auto seen = [&](std::size_t producer) {
    return wishes[producer].machine == wishes[i].machine ? results[producer]
                                                         : profile::Layout::kPlain;
  };
  const auto first = seen(unit.producers.front());
  const bool same =
      std::ranges::all_of(unit.producers, [&](auto producer) { return seen(producer) == first; });
  return same ? first : profile::Layout::kPlain;
}

}  // namespace

std::optional<plan::Assignment> fixed_assignment(const Instance& instance,
                                                 const std::vector<Wish>& wishes) {
  const auto [states, supports] = computed(instance, wishes);
  std::vector<profile::Layout> results(wishes.size(), profile::Layout::kPlain);
  plan::Assignment assignment;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const auto inputs = inputs_of(instance, wishes, results, i);
    const auto& places = instance.places[i];
    const bool keeps = profile::trait_of(instance.units.units[i]).keeps_layout;
    const auto fits = [&](const Place& place, Support support, bool any_wire) {
      return (any_wire || place.int8_wire == wishes[i].int8_wire) &&
             place.machine == wishes[i].machine && place.local.state == states[i] &&
             (!keeps || place.local.inputs == inputs) && place.local.support == support;
    };
    // What may be asked for has no other place.
    auto at = places.end();
    for (const auto support : {supports[i], Support::kOwn}) {
      for (const bool any_wire : {false, true}) {
        if (at == places.end()) {
          at = std::ranges::find_if(
              places, [&](const auto& place) { return fits(place, support, any_wire); });
        }
      }
    }
    if (at == places.end()) {
      return std::nullopt;
    }
    results[i] = at->local.result;
    assignment.push_back(static_cast<std::uint8_t>(at - places.begin()));
  }
  assignment.push_back(0);
  assignment.push_back(0);
  for (auto i = assignment.size(); i < instance.problem.variables.size(); ++i) {
    const auto stages = instance.problem.variables[i].cost_ns.size();
    assignment.push_back(static_cast<std::uint8_t>(stages - 1));  // the longest stage
  }
  return assignment;
}

std::vector<Wish> wishes_of(const Instance& instance, const plan::Assignment& assignment) {
  std::vector<Wish> wishes;
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    const auto& place = instance.places[i][assignment[i]];
    wishes.push_back({place.machine, place.local.asked(), place.int8_wire});
  }
  return wishes;
}

}  // namespace tessera::placement
