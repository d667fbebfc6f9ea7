// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/exact.h"

#include <algorithm>
#include <set>

namespace tessera::certificate {
namespace {

using Assignment = std::vector<std::uint8_t>;

bool is_sent(const Tensor& tensor, const SendTerm& term, const Assignment& assignment) {
  return tensor.producer.classes[assignment[tensor.producer.variable]] == term.from &&
         std::ranges::any_of(tensor.consumers, [&](const End& consumer) {
           return consumer.classes[assignment[consumer.variable]] == term.to;
         });
}

std::size_t cell_of(const Coupling& coupling, const Assignment& assignment) {
  std::size_t cell = 0;
  for (const auto& [variable, classes, count] : coupling.variables) {
    cell = cell * count + classes[assignment[variable]];
  }
  return cell;
}

/// Whether a pair's use cannot rise where a variable goes to another state.
bool pair_allows(std::int64_t amount, bool takes_part, bool would_take_part) {
  if (amount == 0) {
    return true;
  }
  return amount > 0 ? takes_part || !would_take_part : would_take_part || !takes_part;
}

/// What a tensor costs at most: the dearest send to each class, of as many as there are consumers.
Wide dearest_sends(const Tensor& tensor) {
  std::vector<std::int64_t> by_class(tensor.to_classes, 0);
  for (std::size_t e = 0; e < tensor.costs.size(); ++e) {
    auto& most = by_class[e % tensor.to_classes];
    most = std::max(most, tensor.costs[e]);
  }
  std::ranges::sort(by_class, std::greater{});
  by_class.resize(std::min(by_class.size(), tensor.consumers.size()));
  Wide sum = 0;
  for (const auto cost : by_class) {
    sum += cost;
  }
  return sum;
}

}  // namespace

Wide magnitude(Wide value) {
  return value < 0 ? -value : value;
}

bool has(const std::vector<std::uint8_t>& states, std::uint8_t state) {
  return std::ranges::find(states, state) != states.end();
}

Wide largest_cost(const Problem& problem) {
  Wide total = 0;
  for (const auto& variable : problem.variables) {
    total += std::ranges::max(variable.costs);
  }
  for (const auto& tensor : problem.tensors) {
    if (!tensor.costs.empty()) {
      total +=
          Wide{std::ranges::max(tensor.costs)} * static_cast<std::int64_t>(tensor.consumers.size());
    }
  }
  for (const auto& coupling : problem.couplings) {
    total += std::ranges::max(coupling.costs);
  }
  return total;
}

double size_of(const Problem& problem) {
  std::size_t size = 0;
  for (const auto& variable : problem.variables) {
    size += variable.costs.size();
  }
  for (const auto& tensor : problem.tensors) {
    size += tensor.costs.size() + tensor.producer.classes.size();
    for (const auto& consumer : tensor.consumers) {
      size += consumer.classes.size();
    }
  }
  for (const auto& coupling : problem.couplings) {
    size += coupling.costs.size();
    for (const auto& coupled : coupling.variables) {
      size += coupled.classes.size();
    }
  }
  for (const auto& limit : problem.limits) {
    size += limit.states.size() + limit.sends.size();
    for (const auto& pair : limit.pairs) {
      size += pair.first_states.size() + pair.second_states.size();
    }
    for (const auto& cells : limit.cells) {
      size += cells.amounts.size();
    }
  }
  return static_cast<double>(size);
}

Wide dearest_cost(const Problem& problem) {
  Wide total = 0;
  for (const auto& variable : problem.variables) {
    total += std::ranges::max(variable.costs);
  }
  for (const auto& tensor : problem.tensors) {
    total += dearest_sends(tensor);
  }
  for (const auto& coupling : problem.couplings) {
    total += std::ranges::max(coupling.costs);
  }
  return total;
}

Wide largest_use(const Problem& problem, const Limit& limit) {
  auto total = magnitude(limit.bound);
  for (const auto& term : limit.states) {
    total += magnitude(term.amount);
  }
  for (const auto& term : limit.sends) {
    const auto consumers = problem.tensors[term.tensor].consumers.size();
    total += Wide{term.amount} * static_cast<std::int64_t>(consumers);
  }
  for (const auto& term : limit.pairs) {
    total += magnitude(term.amount);
  }
  for (const auto& term : limit.cells) {
    const auto [low, high] = std::ranges::minmax(term.amounts);
    total += std::max(magnitude(low), magnitude(high));
  }
  return total;
}

Wide cost_of(const Problem& problem, const Assignment& assignment) {
  Wide cost = 0;
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    cost += problem.variables[i].costs[assignment[i]];
  }
  for (const auto& tensor : problem.tensors) {
    const auto from = tensor.producer.classes[assignment[tensor.producer.variable]];
    std::set<std::uint16_t> to;
    for (const auto& consumer : tensor.consumers) {
      to.insert(consumer.classes[assignment[consumer.variable]]);
    }
    for (const auto each : to) {
      cost += tensor.costs[from * tensor.to_classes + each];
    }
  }
  for (const auto& coupling : problem.couplings) {
    cost += coupling.costs[cell_of(coupling, assignment)];
  }
  return cost;
}

Wide use_of(const Problem& problem, const Limit& limit, const Assignment& assignment) {
  Wide use = 0;
  for (const auto& term : limit.states) {
    use += assignment[term.variable] == term.state ? term.amount : 0;
  }
  for (const auto& term : limit.sends) {
    use += is_sent(problem.tensors[term.tensor], term, assignment) ? term.amount : 0;
  }
  for (const auto& term : limit.pairs) {
    const bool both = has(term.first_states, assignment[term.first]) &&
                      has(term.second_states, assignment[term.second]);
    use += both ? term.amount : 0;
  }
  for (const auto& term : limit.cells) {
    use += term.amounts[cell_of(problem.couplings[term.coupling], assignment)];
  }
  return use;
}

bool keeps_limits(const Problem& problem, const Assignment& assignment) {
  return std::ranges::all_of(problem.limits, [&](const Limit& limit) {
    return use_of(problem, limit, assignment) <= limit.bound;
  });
}

Replacements::Replacements(const Problem& problem)
    : problem_(problem),
      classes_(problem.variables.size()),
      uses_(problem.variables.size()),
      parts_(problem.variables.size()) {
  for (const auto& tensor : problem.tensors) {
    classes_[tensor.producer.variable].push_back(&tensor.producer.classes);
    for (const auto& consumer : tensor.consumers) {
      classes_[consumer.variable].push_back(&consumer.classes);
    }
  }
  for (const auto& coupling : problem.couplings) {
    for (const auto& coupled : coupling.variables) {
      classes_[coupled.variable].push_back(&coupled.classes);
    }
  }
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    uses_[i].assign(problem.limits.size(), std::vector<Wide>(problem.variables[i].costs.size(), 0));
  }
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    for (const auto& term : problem.limits[r].states) {
      uses_[term.variable][r][term.state] += term.amount;
    }
    for (const auto& term : problem.limits[r].pairs) {
      parts_[term.first].push_back({term.amount, &term.first_states});
      parts_[term.second].push_back({term.amount, &term.second_states});
    }
  }
}

bool Replacements::can_replace(std::size_t variable, std::uint8_t one, std::uint8_t other) const {
  const auto& costs = problem_.variables[variable].costs;
  return costs[one] <= costs[other] &&
         std::ranges::all_of(classes_[variable],
                             [&](const Classes* of) { return (*of)[one] == (*of)[other]; }) &&
         std::ranges::all_of(uses_[variable],
                             [&](const auto& use) { return use[one] <= use[other]; }) &&
         std::ranges::all_of(parts_[variable], [&](const Part& part) {
           return pair_allows(part.amount, has(*part.states, other), has(*part.states, one));
         });
}

}  // namespace tessera::certificate
