// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/plan/problem.h"

#include <algorithm>
#include <set>
#include <span>
#include <string_view>

#include "tessera/core/checked.h"

namespace tessera::plan {
namespace {

constexpr std::size_t kMostStates = 256;
constexpr std::size_t kMostClasses = 65536;

Failure bad(std::string_view what, std::string_view name, std::string_view problem) {
  return fail(ErrorCode::kInvalidArgument, "{} '{}' {}", what, name, problem);
}

/// Adds up sizes of numbers, and notes when they are too many.
class Total {
 public:
  void add(Count amount) {
    if (amount && *amount < 0) {
      amount = checked_mul(*amount, -1);
    }
    sum_ = checked_add(sum_, amount);
  }
  [[nodiscard]] Count sum() const { return sum_; }
  [[nodiscard]] bool fits() const { return sum_ && *sum_ <= kLargestTotal; }

 private:
  Count sum_ = 0;
};

Status check_variable(const Variable& variable) {
  const auto states = variable.cost_ns.size();
  if (states == 0 || states > kMostStates) {
    return fail(ErrorCode::kInvalidArgument, "variable '{}' has {} states; expected 1 to {}",
                variable.name, states, kMostStates)
        .hint("leave an operator that can run nowhere out of the problem, or give it a state");
  }
  if (std::ranges::any_of(variable.cost_ns, [](auto cost) { return cost < 0; })) {
    return bad("variable", variable.name, "has a negative cost")
        .hint("costs are times in ns; subtract the least of them from all states");
  }
  return {};
}

/// Classes of the states of one variable, at one end of a tensor.
Status check_end(const Problem& problem, const Tensor& tensor, std::size_t variable,
                 std::span<const Class> classes, std::size_t most) {
  if (variable >= problem.variables.size()) {
    return fail(ErrorCode::kInvalidArgument, "tensor '{}' names variable {} of {}", tensor.name,
                variable, problem.variables.size())
        .hint("variables are numbered from 0");
  }
  const auto& at = problem.variables[variable];
  if (classes.size() != at.cost_ns.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "tensor '{}' has {} classes for the {} states of variable '{}'", tensor.name,
                classes.size(), at.cost_ns.size(), at.name)
        .hint("give every state of a producer or consumer a class");
  }
  if (std::ranges::any_of(classes, [&](Class c) { return c >= most; })) {
    return fail(ErrorCode::kInvalidArgument, "tensor '{}' has only {} classes at variable '{}'",
                tensor.name, most, at.name)
        .hint("classes are numbered from 0");
  }
  return {};
}

Status check_tensor(const Problem& problem, const Tensor& tensor) {
  const auto from = tensor.from_classes;
  const auto to = tensor.to_classes;
  if (from == 0 || to == 0 || from > kMostClasses || to > kMostClasses ||
      tensor.cost_ns.size() != from * to) {
    return fail(ErrorCode::kInvalidArgument, "tensor '{}' has {} costs for {} x {} classes",
                tensor.name, tensor.cost_ns.size(), from, to)
        .hint("give one cost for every class of the producer and every class of consumers");
  }
  if (std::ranges::any_of(tensor.cost_ns, [](auto cost) { return cost < 0; })) {
    return bad("tensor", tensor.name, "has a negative cost").hint("costs are times in ns");
  }
  TESSERA_CHECK(check_end(problem, tensor, tensor.producer, tensor.producer_classes, from));
  std::set<std::size_t> seen{tensor.producer};
  for (const auto& consumer : tensor.consumers) {
    TESSERA_CHECK(check_end(problem, tensor, consumer.variable, consumer.classes, to));
    if (!seen.insert(consumer.variable).second) {
      return fail(ErrorCode::kInvalidArgument, "tensor '{}' names variable '{}' twice", tensor.name,
                  problem.variables[consumer.variable].name)
          .hint("name every consumer once, and not the producer");
    }
  }
  return {};
}

Status check_coupling(const Problem& problem, const Coupling& coupling) {
  Count cells = 1;
  std::set<std::size_t> seen;
  for (const auto& [variable, classes, count] : coupling.variables) {
    if (variable >= problem.variables.size() || !seen.insert(variable).second ||
        classes.size() != problem.variables[variable].cost_ns.size() ||
        std::ranges::any_of(classes, [most = count](Class c) { return c >= most; })) {
      return bad("coupling", coupling.name,
                 "names a variable that is not there, one twice, or a "
                 "class that is not there")
          .hint("name every variable once, with a class below their number for each state");
    }
    cells = checked_mul(cells, static_cast<std::int64_t>(count));
  }
  if (seen.size() < 2 || !cells || coupling.cost_ns.size() != static_cast<std::size_t>(*cells) ||
      std::ranges::any_of(coupling.cost_ns, [](auto cost) { return cost < 0; })) {
    return bad("coupling", coupling.name,
               "is not a table of costs, 0 or more, of two variables "
               "or more")
        .hint("give one cost for every combination of classes");
  }
  return {};
}

Status check_state(const Problem& problem, const Limit& limit, std::size_t variable,
                   std::size_t state) {
  if (variable < problem.variables.size() && state < problem.variables[variable].cost_ns.size()) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "limit '{}' names state {} of variable {}", limit.name,
              state, variable)
      .hint("there are {} variables, and their states are numbered from 0",
            problem.variables.size());
}

Status check_send(const Problem& problem, const Limit& limit, const SendTerm& term) {
  if (term.tensor >= problem.tensors.size() ||
      term.from >= problem.tensors[term.tensor].from_classes ||
      term.to >= problem.tensors[term.tensor].to_classes) {
    return fail(ErrorCode::kInvalidArgument,
                "limit '{}' names a send of tensor {} from class {} to class {}", limit.name,
                term.tensor, term.from, term.to)
        .hint("there are {} tensors, and their classes are numbered from 0",
              problem.tensors.size());
  }
  if (term.amount < 0) {
    return bad("limit", limit.name, "has a send of a negative amount")
        .hint("a send can only use something up");
  }
  return {};
}

Status check_pair(const Problem& problem, const Limit& limit, const PairTerm& term) {
  if (term.first == term.second) {
    return bad("limit", limit.name, "pairs a variable with itself").hint("use a term of a state");
  }
  for (const auto state : term.first_states) {
    TESSERA_CHECK(check_state(problem, limit, term.first, state));
  }
  for (const auto state : term.second_states) {
    TESSERA_CHECK(check_state(problem, limit, term.second, state));
  }
  if (term.first_states.empty() || term.second_states.empty()) {
    return bad("limit", limit.name, "has a pair without states").hint("leave the pair out");
  }
  return {};
}

Status check_cells(const Problem& problem, const Limit& limit, const CellTerm& term, Total& total) {
  if (term.coupling >= problem.couplings.size() ||
      term.amounts.size() != problem.couplings[term.coupling].cost_ns.size()) {
    return fail(ErrorCode::kInvalidArgument, "limit '{}' has {} amounts for coupling {} of {}",
                limit.name, term.amounts.size(), term.coupling, problem.couplings.size())
        .hint("give one amount for every cost of a coupling; couplings are numbered from 0");
  }
  Total largest;
  const auto [low, high] = std::ranges::minmax(term.amounts);
  largest.add(low);
  largest.add(high);
  total.add(largest.sum());
  return {};
}

Status check_limit(const Problem& problem, const Limit& limit) {
  Total total;
  total.add(limit.bound);
  for (const auto& term : limit.states) {
    TESSERA_CHECK(check_state(problem, limit, term.variable, term.state));
    total.add(term.amount);
  }
  for (const auto& term : limit.sends) {
    TESSERA_CHECK(check_send(problem, limit, term));
    const auto consumers = problem.tensors[term.tensor].consumers.size();
    total.add(checked_mul(term.amount, static_cast<std::int64_t>(consumers)));
  }
  for (const auto& term : limit.pairs) {
    TESSERA_CHECK(check_pair(problem, limit, term));
    total.add(term.amount);
  }
  for (const auto& term : limit.cells) {
    TESSERA_CHECK(check_cells(problem, limit, term, total));
  }
  if (!total.fits()) {
    return bad("limit", limit.name, "adds up to more than 2^58")
        .hint("count in a larger unit, KiB instead of bytes");
  }
  return {};
}

}  // namespace

Count largest_cost(const Problem& problem) {
  Total total;
  for (const auto& variable : problem.variables) {
    total.add(std::ranges::max(variable.cost_ns));
  }
  for (const auto& tensor : problem.tensors) {
    for (std::size_t to = 0; to < tensor.to_classes; ++to) {
      std::int64_t most = 0;
      for (std::size_t from = 0; from < tensor.from_classes; ++from) {
        most = std::max(most, tensor.cost_ns[from * tensor.to_classes + to]);
      }
      total.add(checked_mul(most, static_cast<std::int64_t>(tensor.consumers.size())));
    }
  }
  for (const auto& coupling : problem.couplings) {
    total.add(std::ranges::max(coupling.cost_ns));
  }
  return total.sum();
}

namespace {

Status check_costs(const Problem& problem) {
  const auto largest = largest_cost(problem);
  if (!largest || *largest > kLargestTotal) {
    return fail(ErrorCode::kInvalidArgument, "the costs add up to more than 2^58 ns")
        .hint("leave a state that must not be taken out instead of giving it a huge cost");
  }
  return {};
}

}  // namespace

Status validate(const Problem& problem) {
  for (const auto& variable : problem.variables) {
    TESSERA_CHECK(check_variable(variable));
  }
  for (const auto& tensor : problem.tensors) {
    TESSERA_CHECK(check_tensor(problem, tensor));
  }
  for (const auto& coupling : problem.couplings) {
    TESSERA_CHECK(check_coupling(problem, coupling));
  }
  for (const auto& limit : problem.limits) {
    TESSERA_CHECK(check_limit(problem, limit));
  }
  return check_costs(problem);
}

}  // namespace tessera::plan
