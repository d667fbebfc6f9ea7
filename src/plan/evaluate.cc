// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/plan/evaluate.h"

#include <algorithm>
#include <ranges>

namespace tessera::plan {
namespace {

Status check(const Problem& problem, const Assignment& assignment) {
  if (assignment.size() != problem.variables.size()) {
    return fail(ErrorCode::kInvalidArgument, "an assignment of {} variables to a problem of {}",
                assignment.size(), problem.variables.size())
        .hint("give every variable a state");
  }
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    const auto& variable = problem.variables[i];
    if (assignment[i] >= variable.cost_ns.size()) {
      return fail(ErrorCode::kInvalidArgument, "state {} of variable '{}', which has {}",
                  assignment[i], variable.name, variable.cost_ns.size())
          .hint("states are numbered from 0");
    }
  }
  return {};
}

bool is_sent(const Tensor& tensor, const SendTerm& term, const Assignment& assignment) {
  return tensor.producer_classes[assignment[tensor.producer]] == term.from &&
         std::ranges::any_of(tensor.consumers, [&](const Consumer& consumer) {
           return consumer.classes[assignment[consumer.variable]] == term.to;
         });
}

std::int64_t use_of(const Problem& problem, const Limit& limit, const Assignment& assignment) {
  std::int64_t used = 0;
  for (const auto& term : limit.states) {
    used += assignment[term.variable] == term.state ? term.amount : 0;
  }
  for (const auto& term : limit.sends) {
    used += is_sent(problem.tensors[term.tensor], term, assignment) ? term.amount : 0;
  }
  const auto among = [&](const std::vector<std::uint8_t>& states, std::size_t variable) {
    return std::ranges::find(states, assignment[variable]) != states.end();
  };
  for (const auto& term : limit.pairs) {
    const bool both =
        among(term.first_states, term.first) && among(term.second_states, term.second);
    used += both ? term.amount : 0;
  }
  for (const auto& term : limit.cells) {
    used += term.amounts[cell_of(problem.couplings[term.coupling], assignment)];
  }
  return used;
}

}  // namespace

std::pair<Class, std::vector<Class>> sends_of(const Tensor& tensor, const Assignment& assignment) {
  std::vector<Class> to;
  for (const auto& consumer : tensor.consumers) {
    to.push_back(consumer.classes[assignment[consumer.variable]]);
  }
  std::ranges::sort(to);
  to.erase(std::ranges::unique(to).begin(), to.end());
  return {tensor.producer_classes[assignment[tensor.producer]], std::move(to)};
}

std::size_t cell_of(const Coupling& coupling, const Assignment& assignment) {
  std::size_t cell = 0;
  for (const auto& [variable, classes, count] : coupling.variables) {
    cell = cell * count + classes[assignment[variable]];
  }
  return cell;
}

Result<Value> evaluate(const Problem& problem, const Assignment& assignment) {
  TESSERA_CHECK(check(problem, assignment));
  Value value;
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    value.cost_ns += problem.variables[i].cost_ns[assignment[i]];
  }
  for (const auto& tensor : problem.tensors) {
    const auto [from, to] = sends_of(tensor, assignment);
    for (const auto each : to) {
      value.cost_ns += tensor.cost(from, each);
    }
  }
  for (const auto& coupling : problem.couplings) {
    value.cost_ns += coupling.cost_ns[cell_of(coupling, assignment)];
  }
  for (const auto& limit : problem.limits) {
    value.used.push_back(use_of(problem, limit, assignment));
    value.feasible = value.feasible && value.used.back() <= limit.bound;
  }
  return value;
}

}  // namespace tessera::plan
