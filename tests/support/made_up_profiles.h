// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/profile/latency_model.h"
#include "tessera/profile/profile.h"
#include "tessera/profile/units.h"

/// Models and machines that are made up, so that what is measured of them is known.
namespace tessera::profile::made_up {

struct Part {
  std::string type;
  std::vector<std::size_t> producers;  ///< none: it reads the model's input
};

/// Units "u0", "u1", ... of one operator each. What nobody reads is an output of the model.
inline Units units_of(const std::vector<Part>& parts) {
  Units units;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Unit unit;
    unit.name = "u" + std::to_string(i);
    unit.type = parts[i].type;
    unit.ops = {graph::OpId{static_cast<std::uint32_t>(i)}};
    unit.worker = unit.ops.front();
    unit.output_bytes = 1000;
    unit.takes = {true};
    unit.producers = parts[i].producers;
    unit.reads_input = parts[i].producers.empty();
    for (const auto producer : parts[i].producers) {
      units.units[producer].consumers.push_back(i);
    }
    units.units.push_back(std::move(unit));
    units.of_op.push_back(i);
  }
  for (auto& unit : units.units) {
    unit.makes_output = unit.consumers.empty();
  }
  return units;
}

/// One after another.
inline Units chain_of(const std::vector<std::string>& types) {
  std::vector<Part> parts;
  for (std::size_t i = 0; i < types.size(); ++i) {
    parts.push_back(
        {types[i], i > 0 ? std::vector<std::size_t>{i - 1} : std::vector<std::size_t>{}});
  }
  return units_of(parts);
}

/// Every unit reads one or two of the last three before it.
inline Units random_units(std::size_t count, Random& random) {
  const std::vector<std::string> types = {"Conv", "MaxPool", "Add", "Gemm", "Relu", "Conv"};
  std::vector<Part> parts;
  for (std::size_t i = 0; i < count; ++i) {
    Part part{types[random.below(types.size())], {}};
    const auto reach = std::min<std::size_t>(i, 3);
    const auto reads = i == 0 ? 0 : 1 + random.below(2);
    for (std::uint64_t k = 0; k < reads; ++k) {
      const auto producer = i - 1 - random.below(reach);
      if (std::find(part.producers.begin(), part.producers.end(), producer) ==
          part.producers.end()) {
        part.producers.push_back(producer);
      }
    }
    parts.push_back(std::move(part));
  }
  return units_of(parts);
}

/// The same, and every unit takes so many schemes.
inline Units with_schemes(Units units, std::size_t schemes) {
  for (auto& unit : units.units) {
    unit.takes.assign(schemes, true);
  }
  return units;
}

/// float32 and schemes whose results differ in type, convolutions' in layout besides.
inline Forms forms_of(std::size_t schemes) {
  const Forms all = {{DType::kFloat32, Layout::kBlocked},
                     {DType::kUInt8, Layout::kChannelsLast},
                     {DType::kFloat32, Layout::kPlain},
                     {DType::kFloat16, Layout::kPlain}};
  return {all.begin(), all.begin() + 1 + static_cast<std::ptrdiff_t>(schemes)};
}

/// A latency model in which a unit takes one time in float32 and one in every scheme, whatever
/// stands around it.
inline LatencyModel context_free_mix(const Units& units, const std::vector<double>& float_us,
                                     const std::vector<std::vector<double>>& scheme_us) {
  LatencyModel model;
  model.forms = forms_of(scheme_us.size());
  model.schemes.clear();
  for (std::size_t k = 0; k < scheme_us.size(); ++k) {
    model.schemes.push_back("scheme" + std::to_string(k + 1));
  }
  model.rows.resize(units.size() + 1);
  for (auto& row : model.rows) {
    row.own.resize(model.forms.size() * kUnitContexts);
    row.conversion.resize(model.forms.size() * kConversionContexts);
  }
  for (std::size_t i = 0; i < units.size(); ++i) {
    auto& row = model.rows[i];
    row.unit = units.units[i].name;
    for (std::size_t context = 0; context < row.own.size(); ++context) {
      const auto state = context / kUnitContexts;
      row.own[context] = {state == 0 ? float_us[i] : scheme_us[state - 1][i], 1, 1};
    }
  }
  return model;
}
inline LatencyModel context_free(const Units& units, const std::vector<double>& float_us,
                                 const std::vector<double>& integer_us) {
  return context_free_mix(units, float_us, {integer_us});
}

/// A latency model in which everything depends on everything.
inline LatencyModel random_model(const Units& units, Random& random,
                                 const Forms& forms = float_and_integers()) {
  LatencyModel model;
  model.forms = forms;
  model.rows.resize(units.size() + 1);
  for (auto& row : model.rows) {
    row.own.resize(forms.size() * kUnitContexts);
    row.conversion.resize(forms.size() * kConversionContexts);
  }
  for (std::size_t i = 0; i <= units.size(); ++i) {
    auto& row = model.rows[i];
    row.unit = i < units.size() ? units.units[i].name : "";
    if (i < units.size()) {
      for (auto& cell : row.own) {
        cell = {100 * random.uniform(), 1, 1};
      }
    }
    for (auto& cell : row.conversion) {
      cell = {50 * random.uniform(), 1, 1};
    }
  }
  return model;
}

/// By unit, the states that it may be in.
using Choices = std::vector<std::vector<std::uint8_t>>;
inline Choices choices_of(const Units& units, const std::vector<bool>& may) {
  Choices choices(units.size(), {0});
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& takes = units.units[i].takes;
    for (std::size_t k = 0; k < takes.size(); ++k) {
      if (may[i] && takes[k]) {
        choices[i].push_back(static_cast<std::uint8_t>(k + 1));
      }
    }
  }
  return choices;
}

/// Calls `visit` for every way to choose, the last unit changing fastest.
inline void for_each_states(const Choices& choices,
                            const std::function<void(const States&)>& visit) {
  States states(choices.size(), 0);
  const std::function<void(std::size_t)> choose = [&](std::size_t unit) {
    if (unit == choices.size()) {
      visit(states);
      return;
    }
    for (const auto state : choices[unit]) {
      states[unit] = state;
      choose(unit + 1);
    }
  };
  choose(0);
}
/// Every mix of so many units and one scheme.
inline void for_each_states(std::size_t units, const std::function<void(const States&)>& visit) {
  for_each_states(Choices(units, {0, 1}), visit);
}

}  // namespace tessera::profile::made_up
