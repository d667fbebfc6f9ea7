// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "placement/to_certificate.h"

#include <algorithm>

namespace tessera::placement {
namespace {

namespace to = certificate;

Status check_names(const plan::Problem& problem, const CertificateNames& names) {
  const auto n = problem.variables.size();
  bool fits = names.states.size() == n && names.operators.size() == n;
  for (std::size_t i = 0; fits && i < n; ++i) {
    fits = names.states[i].size() == problem.variables[i].cost_ns.size();
  }
  if (!fits) {
    return fail(ErrorCode::kInvalidArgument,
                "the names of a certificate are not those of its {} "
                "variables and their states",
                n)
        .hint("name every state of every variable, and the operators of each");
  }
  return {};
}

to::Tensor convert(const plan::Tensor& tensor) {
  to::Tensor made{tensor.name,
                  {tensor.producer, tensor.producer_classes},
                  {},
                  tensor.from_classes,
                  tensor.to_classes,
                  tensor.cost_ns};
  for (const auto& consumer : tensor.consumers) {
    made.consumers.push_back({consumer.variable, consumer.classes});
  }
  return made;
}

to::Coupling convert(const plan::Coupling& coupling) {
  to::Coupling made{coupling.name, {}, coupling.cost_ns};
  for (const auto& coupled : coupling.variables) {
    made.variables.push_back({coupled.variable, coupled.classes, coupled.count});
  }
  return made;
}

std::vector<std::uint8_t> ascending(std::vector<std::uint8_t> states) {
  std::ranges::sort(states);
  states.erase(std::ranges::unique(states).begin(), states.end());
  return states;
}

to::Limit convert(const plan::Limit& limit) {
  to::Limit made{.name = limit.name, .unit = limit.unit, .bound = limit.bound};
  for (const auto& term : limit.states) {
    made.states.push_back({term.variable, term.state, term.amount});
  }
  for (const auto& term : limit.sends) {
    made.sends.push_back({term.tensor, term.from, term.to, term.amount});
  }
  for (const auto& term : limit.pairs) {
    made.pairs.push_back({term.first, term.second, ascending(term.first_states),
                          ascending(term.second_states), term.amount});
  }
  for (const auto& term : limit.cells) {
    made.cells.push_back({term.coupling, term.amounts});
  }
  return made;
}

to::Problem convert(const plan::Problem& problem, const CertificateNames& names) {
  to::Problem made;
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    const auto& variable = problem.variables[i];
    made.variables.push_back(
        {variable.name, names.operators[i], names.states[i], variable.cost_ns});
  }
  for (const auto& tensor : problem.tensors) {
    made.tensors.push_back(convert(tensor));
  }
  for (const auto& coupling : problem.couplings) {
    made.couplings.push_back(convert(coupling));
  }
  for (const auto& limit : problem.limits) {
    made.limits.push_back(convert(limit));
  }
  return made;
}

to::Claim convert(const plan::Solution& solution) {
  to::Claim claim;
  // Costs are not negative.
  claim.bound = std::max<std::int64_t>(solution.bound_ns, 0);
  if (!solution.assignment) {
    claim.status = solution.outcome == plan::Outcome::kInfeasible ? to::Status::kInfeasible
                                                                  : to::Status::kUnknown;
    return claim;
  }
  claim.status =
      solution.bound_ns == solution.value.cost_ns ? to::Status::kOptimal : to::Status::kFeasible;
  claim.assignment = *solution.assignment;
  claim.cost = solution.value.cost_ns;
  claim.used = solution.value.used;
  return claim;
}

to::StateSet convert(const plan::StateSet& set) {
  return {set.variable, ascending(set.states)};
}

to::Scheme scheme_of(const plan::ProofLayout& layout) {
  to::Scheme scheme{layout.bucket_cells, layout.by_class, {}, layout.order};
  for (const auto& relaxed : layout.relaxed) {
    scheme.relaxed.push_back({relaxed.limit, relaxed.pair});
  }
  return scheme;
}

to::Layout convert(const plan::ProofLayout& layout, std::size_t scheme) {
  to::Layout made{scheme, layout.cost_weight, layout.multipliers, {}, {}};
  for (const auto& relaxed : layout.relaxed) {
    made.pair_multipliers.push_back(relaxed.multiplier);
  }
  for (const auto& set : layout.dropped) {
    made.dropped.push_back(convert(set));
  }
  return made;
}

to::Proof convert(const plan::Proof& proof) {
  to::Proof made;
  for (const auto& set : proof.dominated) {
    made.dominated.push_back(convert(set));
  }
  std::map<to::Scheme, std::size_t> schemes;
  for (const auto& node : proof.nodes) {
    auto& of = made.nodes.emplace_back();
    for (const auto& layout : node.layouts) {
      const auto [at, is_new] = schemes.try_emplace(scheme_of(layout), schemes.size());
      if (is_new) {
        made.schemes.push_back(at->first);
      }
      of.layouts.push_back(convert(layout, at->second));
    }
    if (node.split) {
      of.split = {convert(node.split->part), node.split->inside, node.split->outside};
    }
  }
  return made;
}

}  // namespace

Result<certificate::Certificate> to_certificate(const plan::Problem& problem,
                                                const plan::Solution& solution,
                                                const CertificateNames& names) {
  TESSERA_CHECK(check_names(problem, names));
  if (!solution.proof) {
    return fail(ErrorCode::kInvalidArgument, "a certificate of a solution without a proof")
        .hint("ask for the proof with plan::Options::proof");
  }
  to::Certificate made;
  made.model_sha256 = names.model_sha256;
  made.inputs = names.inputs;
  made.unit = names.unit;
  made.objective_scale = names.objective_scale;
  made.objective_offset = names.objective_offset;
  made.impossible = names.impossible;
  made.problem = convert(problem, names);
  made.claim = convert(solution);
  made.proof = convert(*solution.proof);
  return made;
}

}  // namespace tessera::placement
