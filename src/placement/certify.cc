// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/certify.h"

#include <fmt/format.h>

#include "placement/to_certificate.h"

namespace tessera::placement {
namespace {

std::string_view word(profile::Layout layout) {
  switch (layout) {
    case profile::Layout::kPlain:
      return "plain";
    case profile::Layout::kBlocked:
      return "blocked";
    case profile::Layout::kChannelsLast:
      return "channels-last";
  }
  return "plain";
}

std::string name_of(const Instance& instance, std::size_t unit, const Place& place) {
  const auto& site = instance.sites[place.machine];
  auto name = site.machine->name + "/" + site.precisions[place.local.state];
  if (profile::trait_of(instance.units.units[unit]).keeps_layout) {
    name += fmt::format("/{}", word(place.local.inputs));
  }
  switch (place.local.support) {
    case profile::LocalState::Support::kOwn:
      break;
    case profile::LocalState::Support::kProducer:
      name += "/as-producer";
      break;
    case profile::LocalState::Support::kConsumer:
      name += "/as-reader";
      break;
  }
  return place.int8_wire && !instance.all_int8_wires ? name + "/int8-wire" : name;
}

}  // namespace

Result<certificate::Certificate> certify(const Setting& setting, const Planned& planned,
                                         const std::string& model_sha256,
                                         const std::map<std::string, std::string>& inputs) {
  const auto& instance = planned.instance;
  CertificateNames names;
  for (std::size_t i = 0; i < instance.places.size(); ++i) {
    auto& states = names.states.emplace_back();
    for (const auto& place : instance.places[i]) {
      states.push_back(name_of(instance, i, place));
    }
    auto& operators = names.operators.emplace_back();
    for (const auto op : instance.units.units[i].ops) {
      operators.push_back(setting.graph->op(op).name);
    }
  }
  for (const auto* ends : {&setting.cluster->inputs_from, &setting.cluster->outputs_to}) {
    names.states.push_back({*ends + "/given"});
    names.operators.emplace_back();
  }
  for (auto i = names.states.size(); i < instance.problem.variables.size(); ++i) {
    auto& states = names.states.emplace_back();
    for (std::size_t s = 0; s < instance.problem.variables[i].cost_ns.size(); ++s) {
      states.push_back(fmt::format("any/stage/{}", s + 1));
    }
    names.operators.emplace_back();
  }
  names.model_sha256 = model_sha256;
  names.inputs = inputs;
  names.unit = planned.plan.goal == Objective::kEnergy ? "nJ" : "ns";
  names.objective_scale = static_cast<std::int64_t>(instance.units_per_objective);
  names.objective_offset = instance.too_much;
  if (instance.never > 0) {
    names.impossible = instance.never;
  }
  return to_certificate(instance.problem, planned.solution, names);
}

}  // namespace tessera::placement
