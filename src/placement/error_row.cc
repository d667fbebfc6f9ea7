// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/error_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/graph/kind.h"

namespace tessera::placement {
namespace {

/// Parts that the limit is counted in.
constexpr double kParts = 1e9;
/// Pairs that are kept as pairs, the largest. Rows that are to let no plan in that is beyond the
/// limit count half of each of the others for either layer, rows that are to leave none out count
/// none.
constexpr std::size_t kMostPairs = 300;

/// What is beyond the limit alone is so by any number.
std::int64_t parts_of(double term, double most, Goal::Rows rows) {
  constexpr double kBeyond = 4;
  if (!(term > 0)) {
    return 0;
  }
  const double parts = std::clamp(term / most, 0.0, kBeyond) * kParts;
  return static_cast<std::int64_t>(rows == Goal::Rows::kMost ? std::ceil(parts)
                                                             : std::floor(parts));
}

}  // namespace

ErrorRow::ErrorRow(const Setting& setting, const Instance& instance)
    : model_(*setting.error_model),
      setting_(setting),
      units_(instance.units),
      sites_(instance.sites),
      terms_(model_.bounds[model_.chosen_bound].model),
      all_terms_(model_.layers.size(), 0) {
  for (std::size_t k = 0; k < model_.layers.size(); ++k) {
    const auto& layer = model_.layers[k];
    entry_.try_emplace({layer.operator_name(), layer.scheme}, static_cast<std::int32_t>(k));
  }
  for (const auto& term : terms_.terms) {
    for (const auto layer : term.layers) {
      all_terms_[static_cast<std::size_t>(layer)] += term.coefficient;
    }
  }
}

std::optional<noise::LayerSet> ErrorRow::entries_of(std::size_t unit, const Place& place) const {
  noise::LayerSet entries;
  const auto asked = place.local.asked();
  if (asked == 0) {
    return entries;
  }
  const auto& of = units_.units[unit];
  const auto& scheme = sites_[place.machine].profile->model.schemes[asked - 1U];
  for (const auto op : of.ops) {
    const auto& name = setting_.graph->op(op).name;
    auto at = entry_.find({name, scheme});
    at = at == entry_.end() && asked == 1 ? entry_.find({name, ""}) : at;
    if (at != entry_.end()) {
      entries.push_back(at->second);
    }
  }
  std::ranges::sort(entries);
  const bool multiplies = std::ranges::any_of(of.ops, [&](graph::OpId op) {
    return graph::is_sum_of_products(setting_.graph->op(op).kind);
  });
  const bool unknown = entries.empty() && (multiplies || !is_integers(place));
  return unknown ? std::nullopt : std::optional(entries);
}

bool ErrorRow::wants_integer_neighbours(std::size_t unit, const Place& place) const {
  const auto entries = entries_of(unit, place);
  return place.local.asked() != 0 && is_integers(place) && entries && entries->empty() &&
         !profile::trait_of(units_.units[unit]).lets_integers_pass;
}

void ErrorRow::forbid_lonely(Instance& instance) const {
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    const auto& unit = units_.units[i];
    std::vector<plan::Class> wants;
    for (std::size_t s = 0; s < instance.places[i].size(); ++s) {
      const bool lonely = wants_integer_neighbours(i, instance.places[i][s]);
      wants.push_back(lonely ? 1 : 0);
      if (lonely && (unit.makes_output || unit.reads_input)) {
        instance.problem.variables[i].cost_ns[s] += instance.never;
      }
    }
    if (std::ranges::find(wants, 1) == wants.end()) {
      continue;
    }
    for (const auto& neighbours : {unit.producers, unit.consumers}) {
      for (const auto other : neighbours) {
        plan::Coupled reader{other, {}, 2};
        for (const auto& place : instance.places[other]) {
          reader.classes.push_back(is_integers(place) ? 1 : 0);
        }
        instance.problem.couplings.push_back(
            {unit.name, {{i, wants, 2}, std::move(reader)}, {0, 0, instance.never, 0}});
      }
    }
  }
}

std::optional<double> ErrorRow::wire_term(std::size_t unit, const Site& site) const {
  std::optional<double> term;
  for (std::size_t asked = 1; asked < site.precisions.size(); ++asked) {
    Place place{.machine = static_cast<std::size_t>(&site - sites_.data())};
    place.local.state = static_cast<std::uint8_t>(asked);
    const auto entries = entries_of(unit, place);
    if (!entries || entries->empty() || !is_integer(site.profile->model.forms[asked].values)) {
      continue;
    }
    double sum = 0;
    for (const auto entry : *entries) {
      sum += all_terms_[static_cast<std::size_t>(entry)];
    }
    term = std::min(term.value_or(sum), sum);
  }
  return term;
}

void ErrorRow::add(Instance& instance, double most, Goal::Rows rows) const {
  const double limit = terms_.error_of(1) > 0 ? std::pow(most, terms_.exponent) : most;
  plan::Limit row{.name = "error", .unit = "1e-9 of the limit"};
  // By entry, the states that switch it on.
  std::vector<std::vector<std::pair<std::size_t, std::uint8_t>>> on(model_.layers.size());
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    for (std::size_t s = 0; s < instance.places[i].size(); ++s) {
      const auto entries = entries_of(i, instance.places[i][s]);
      for (const auto entry : entries.value_or(noise::LayerSet())) {
        on[static_cast<std::size_t>(entry)].emplace_back(i, static_cast<std::uint8_t>(s));
      }
    }
  }
  std::map<std::pair<std::size_t, std::uint8_t>, double> alone;
  struct Pair {
    double coefficient = 0;
    std::size_t first = 0;
    std::size_t second = 0;
  };
  std::vector<Pair> pairs;
  double constant = 0;
  for (const auto& [layers, coefficient] : terms_.terms) {
    if (layers.empty()) {
      constant += coefficient;
      continue;
    }
    const auto first = static_cast<std::size_t>(layers[0]);
    if (layers.size() == 1) {
      for (const auto& state : on[first]) {
        alone[state] += coefficient;
      }
    } else if (coefficient > 0) {
      pairs.push_back({coefficient, first, static_cast<std::size_t>(layers[1])});
    }
  }
  std::ranges::stable_sort(pairs, std::greater(), &Pair::coefficient);
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    const auto& [coefficient, first, second] = pairs[k];
    if (on[first].empty() || on[second].empty()) {
      continue;
    }
    const auto a = on[first].front().first;
    const auto b = on[second].front().first;
    if (a == b) {  // one layer: both at once, in the states that have both
      for (const auto& state : on[first]) {
        const bool both = std::ranges::find(on[second], state) != on[second].end();
        alone[state] += both ? coefficient : 0;
      }
      continue;
    }
    if (k >= kMostPairs && rows == Goal::Rows::kLeast) {
      continue;
    }
    if (k >= kMostPairs) {
      for (const auto entry : {first, second}) {
        for (const auto& state : on[entry]) {
          alone[state] += coefficient / 2;
        }
      }
      continue;
    }
    plan::PairTerm pair{.first = a, .second = b, .amount = parts_of(coefficient, limit, rows)};
    for (const auto& [unit, state] : on[first]) {
      pair.first_states.push_back(state);
    }
    for (const auto& [unit, state] : on[second]) {
      pair.second_states.push_back(state);
    }
    row.pairs.push_back(std::move(pair));
  }
  for (const auto& [state, term] : alone) {
    row.states.push_back({state.first, state.second, parts_of(term, limit, rows)});
  }
  for (std::size_t t = 0; t < instance.sends.size(); ++t) {
    const auto& sends = instance.sends[t];
    const auto to_classes = instance.problem.tensors[t].to_classes;
    for (std::size_t e = 0; e < sends.crossings.size(); ++e) {
      if (sends.crossings[e].error.value_or(0) > 0) {
        row.sends.push_back({t, static_cast<plan::Class>(e / to_classes),
                             static_cast<plan::Class>(e % to_classes),
                             parts_of(*sends.crossings[e].error, limit, rows)});
      }
    }
  }
  // float32 adds nothing at all, whatever the constant.
  row.bound = std::max<std::int64_t>(
      static_cast<std::int64_t>(kParts) - parts_of(constant, limit, rows), 0);
  instance.error_limit = limit;
  instance.problem.limits.push_back(std::move(row));
}

std::optional<ErrorRow::Errors> ErrorRow::errors(const Instance& instance,
                                                 const plan::Assignment& assignment,
                                                 double wires) const {
  noise::LayerSet subset;
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    const auto& place = instance.places[i][assignment[i]];
    const auto entries = entries_of(i, place);
    const auto is_float = [&](std::size_t other) {
      return !is_integers(instance.places[other][assignment[other]]);
    };
    const auto& unit = units_.units[i];
    const bool lonely =
        wants_integer_neighbours(i, place) &&
        (unit.makes_output || unit.reads_input || std::ranges::any_of(unit.producers, is_float) ||
         std::ranges::any_of(unit.consumers, is_float));
    if (!entries || lonely) {
      return std::nullopt;
    }
    subset.insert(subset.end(), entries->begin(), entries->end());
  }
  std::ranges::sort(subset);
  if (subset.empty() && wires == 0) {
    return Errors{};
  }
  return Errors{terms_.error_of(terms_.sum(subset) + wires), noise::predict(model_, subset).error};
}

}  // namespace tessera::placement
