// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <nlohmann/json.hpp>

#include "certificate/seal.h"
#include "tessera/certificate/certificate.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/record.h"

namespace tessera::certificate {
namespace {

/// Lists that many have: written once, and named by their number.
template <class List>
class Shared {
 public:
  std::size_t number_of(const List& list) {
    const auto [at, is_new] = numbers_.try_emplace(list, numbers_.size());
    if (is_new) {
      lists_.push_back(list);
    }
    return at->second;
  }
  [[nodiscard]] Json json() const { return lists_; }

 private:
  std::map<List, std::size_t> numbers_;
  Json lists_ = Json::array();
};

Json problem_json(const Problem& problem) {
  Shared<std::vector<std::string>> names;
  Shared<Classes> classes;
  auto variables = Json::array();
  for (const auto& variable : problem.variables) {
    variables.push_back({{"name", variable.name},
                         {"operators", variable.operators},
                         {"states", names.number_of(variable.states)},
                         {"costs", variable.costs}});
  }
  auto tensors = Json::array();
  for (const auto& tensor : problem.tensors) {
    auto consumers = Json::array();
    for (const auto& consumer : tensor.consumers) {
      consumers.push_back({consumer.variable, classes.number_of(consumer.classes)});
    }
    tensors.push_back(
        {{"name", tensor.name},
         {"producer", {tensor.producer.variable, classes.number_of(tensor.producer.classes)}},
         {"consumers", std::move(consumers)},
         {"from_classes", tensor.from_classes},
         {"to_classes", tensor.to_classes},
         {"costs", tensor.costs}});
  }
  auto couplings = Json::array();
  for (const auto& coupling : problem.couplings) {
    auto coupled = Json::array();
    for (const auto& each : coupling.variables) {
      coupled.push_back({each.variable, classes.number_of(each.classes), each.count});
    }
    couplings.push_back(
        {{"name", coupling.name}, {"variables", std::move(coupled)}, {"costs", coupling.costs}});
  }
  auto limits = Json::array();
  for (const auto& limit : problem.limits) {
    auto states = Json::array();
    for (const auto& term : limit.states) {
      states.insert(states.end(), {term.variable, term.state, term.amount});
    }
    auto sends = Json::array();
    for (const auto& term : limit.sends) {
      sends.insert(sends.end(), {term.tensor, term.from, term.to, term.amount});
    }
    auto pairs = Json::array();
    for (const auto& term : limit.pairs) {
      pairs.push_back(
          {term.first, term.second, term.first_states, term.second_states, term.amount});
    }
    auto cells = Json::array();
    for (const auto& term : limit.cells) {
      cells.push_back({term.coupling, term.amounts});
    }
    limits.push_back({{"name", limit.name},
                      {"unit", limit.unit},
                      {"bound", limit.bound},
                      {"states", std::move(states)},
                      {"sends", std::move(sends)},
                      {"pairs", std::move(pairs)},
                      {"cells", std::move(cells)}});
  }
  return {{"state_names", names.json()},       {"classes", classes.json()},
          {"variables", std::move(variables)}, {"tensors", std::move(tensors)},
          {"couplings", std::move(couplings)}, {"limits", std::move(limits)}};
}

Json claim_json(const Claim& claim) {
  const bool has_plan = claim.status == Status::kOptimal || claim.status == Status::kFeasible;
  Json json = {{"status", to_string(claim.status)}};
  json["cost"] = has_plan ? Json(claim.cost) : Json();
  json["bound"] = claim.status == Status::kInfeasible ? Json() : Json(claim.bound);
  json["used"] = has_plan ? Json(claim.used) : Json();
  json["assignment"] = has_plan ? Json(claim.assignment) : Json();
  return json;
}

Json sets_json(const std::vector<StateSet>& sets) {
  auto json = Json::array();
  for (const auto& set : sets) {
    json.push_back({set.variable, set.states});
  }
  return json;
}

Json scheme_json(const Scheme& scheme) {
  auto relaxed = Json::array();
  for (const auto& pair : scheme.relaxed) {
    relaxed.insert(relaxed.end(), {pair.limit, pair.pair});
  }
  return {{"bucket_cells", scheme.bucket_cells},
          {"by_class", scheme.by_class},
          {"relaxed", std::move(relaxed)},
          {"order", scheme.order}};
}

Json proof_json(const Proof& proof) {
  auto schemes = Json::array();
  for (const auto& scheme : proof.schemes) {
    schemes.push_back(scheme_json(scheme));
  }
  auto nodes = Json::array();
  for (const auto& node : proof.nodes) {
    auto layouts = Json::array();
    for (const auto& layout : node.layouts) {
      layouts.push_back({{"scheme", layout.scheme},
                         {"cost_weight", layout.cost_weight},
                         {"multipliers", layout.multipliers},
                         {"pair_multipliers", layout.pair_multipliers},
                         {"dropped", sets_json(layout.dropped)}});
    }
    Json json = {{"layouts", std::move(layouts)}};
    if (node.split) {
      const auto& [part, inside, outside] = *node.split;
      json["split"] = {part.variable, part.states, inside, outside};
    }
    nodes.push_back(std::move(json));
  }
  return {{"dominated", sets_json(proof.dominated)},
          {"schemes", std::move(schemes)},
          {"nodes", std::move(nodes)}};
}

}  // namespace

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::kOptimal:
      return "optimal";
    case Status::kFeasible:
      return "feasible";
    case Status::kInfeasible:
      return "infeasible";
    case Status::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Json to_json(const Certificate& certificate) {
  auto inputs = Json::object();
  for (const auto& [name, sum] : certificate.inputs) {
    inputs[name] = sum;
  }
  Json document = {{"schema", kSchema},
                   {"tool", {{"version", version()}, {"commit", commit()}}},
                   {"model", {{"sha256", certificate.model_sha256}}},
                   {"inputs", std::move(inputs)},
                   {"unit", certificate.unit},
                   {"objective_scale", certificate.objective_scale},
                   {"problem", problem_json(certificate.problem)},
                   {"claim", claim_json(certificate.claim)},
                   {"proof", proof_json(certificate.proof)}};
  if (certificate.impossible) {
    document["impossible"] = *certificate.impossible;
  }
  if (certificate.objective_offset != 0) {
    document["objective_offset"] = certificate.objective_offset;
  }
  document["seal"] = seal_of(document);
  return document;
}

std::string file_text(const Certificate& certificate) {
  return compact_text(to_json(certificate)) + "\n";
}

}  // namespace tessera::certificate
