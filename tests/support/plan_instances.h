// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/plan/problem.h"

/// Problems made at random, the same for the same seed everywhere.
namespace tessera::plan {

inline std::int64_t draw(Random& random, std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

/// Variables with `states` states each, and none between them.
inline Problem unconnected(std::size_t variables, std::size_t states, std::int64_t most,
                           Random& random) {
  Problem problem;
  for (std::size_t i = 0; i < variables; ++i) {
    Variable variable{std::to_string(i), {}};
    for (std::size_t s = 0; s < states; ++s) {
      variable.cost_ns.push_back(draw(random, 0, most));
    }
    problem.variables.push_back(std::move(variable));
  }
  return problem;
}

/// A tensor whose classes are drawn too; `classes` at each end.
inline Tensor any_tensor(const Problem& problem, std::size_t producer,
                         const std::vector<std::size_t>& consumers, std::size_t classes,
                         std::int64_t most, Random& random) {
  Tensor tensor;
  tensor.name = std::to_string(producer);
  tensor.producer = producer;
  tensor.from_classes = classes;
  tensor.to_classes = classes;
  const auto drawn = [&](std::size_t variable) {
    std::vector<Class> of(problem.variables[variable].cost_ns.size());
    for (auto& each : of) {
      each = static_cast<Class>(random.below(classes));
    }
    return of;
  };
  tensor.producer_classes = drawn(producer);
  for (const auto consumer : consumers) {
    tensor.consumers.push_back({consumer, drawn(consumer)});
  }
  for (std::size_t from = 0; from < classes; ++from) {
    for (std::size_t to = 0; to < classes; ++to) {
      tensor.cost_ns.push_back(from == to ? 0 : draw(random, 0, most));
    }
  }
  return tensor;
}

/// A coupling of variables whose classes are drawn too; `classes` of each.
inline Coupling any_coupling(const Problem& problem, const std::vector<std::size_t>& variables,
                             std::size_t classes, std::int64_t most, Random& random) {
  Coupling coupling{"any", {}, {}};
  std::size_t cells = 1;
  for (const auto variable : variables) {
    Coupled coupled{variable, {}, classes};
    for (std::size_t s = 0; s < problem.variables[variable].cost_ns.size(); ++s) {
      coupled.classes.push_back(static_cast<Class>(random.below(classes)));
    }
    coupling.variables.push_back(std::move(coupled));
    cells *= classes;
  }
  for (std::size_t c = 0; c < cells; ++c) {
    coupling.cost_ns.push_back(draw(random, 0, most));
  }
  return coupling;
}

/// A limit on states, sends, pairs and most couplings whose bound lies between what is used at
/// least and at most by states.
inline Limit any_limit(const Problem& problem, std::int64_t most, std::size_t pairs, double share,
                       Random& random) {
  Limit limit{.name = "any", .unit = "B"};
  double low = 0;
  double high = 0;
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    std::int64_t least = most;
    std::int64_t largest = 0;
    for (std::size_t s = 0; s < problem.variables[i].cost_ns.size(); ++s) {
      const auto amount = draw(random, 0, most);
      limit.states.push_back({i, static_cast<std::uint8_t>(s), amount});
      least = std::min(least, amount);
      largest = std::max(largest, amount);
    }
    low += static_cast<double>(least);
    high += static_cast<double>(largest);
  }
  for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
    const auto& tensor = problem.tensors[t];
    limit.sends.push_back({t, static_cast<Class>(random.below(tensor.from_classes)),
                           static_cast<Class>(random.below(tensor.to_classes)),
                           draw(random, 0, most)});
  }
  const auto some_states = [&](std::size_t variable) {
    std::vector<std::uint8_t> states;
    for (std::size_t s = 0; s < problem.variables[variable].cost_ns.size(); ++s) {
      if (s == 0 || random.below(2) == 0) {
        states.push_back(static_cast<std::uint8_t>(s));
      }
    }
    return states;
  };
  for (std::size_t k = 0; k < pairs && problem.variables.size() > 1; ++k) {
    const auto first = random.below(problem.variables.size());
    const auto second =
        (first + 1 + random.below(problem.variables.size() - 1)) % problem.variables.size();
    limit.pairs.push_back(
        {first, second, some_states(first), some_states(second), draw(random, -most, most)});
  }
  for (std::size_t c = 0; c < problem.couplings.size(); ++c) {
    if (random.below(3) == 0) {
      continue;
    }
    CellTerm term{c, {}};
    for (std::size_t e = 0; e < problem.couplings[c].cost_ns.size(); ++e) {
      term.amounts.push_back(draw(random, random.below(2) == 0 ? -most : 0, most));
    }
    limit.cells.push_back(std::move(term));
  }
  limit.bound = static_cast<std::int64_t>(low + share * (high - low));
  return limit;
}

/// At most 6 variables of at most 4 states: chains and DAGs, shared sends, ties, zeros, limits
/// with pairs that bind, are slack or cannot be kept.
inline Problem small_problem(std::uint64_t seed) {
  Random random(seed);
  const std::int64_t most = random.below(4) == 0 ? 2 : 50;  // ties, or hardly any
  auto problem = unconnected(1 + random.below(6), 1 + random.below(4), most, random);
  const auto n = problem.variables.size();
  const bool chain = random.below(4) == 0;
  for (std::size_t i = 0; i + 1 < n; ++i) {
    std::vector<std::size_t> consumers;
    for (std::size_t j = i + 1; j < n; ++j) {
      if (chain ? j == i + 1 : random.below(2) == 0) {
        consumers.push_back(j);
      }
    }
    problem.tensors.push_back(any_tensor(problem, i, consumers, 1 + random.below(4), most, random));
  }
  for (auto couplings = n > 1 ? random.below(3) : 0; couplings > 0; --couplings) {
    std::vector<std::size_t> among{random.below(n - 1)};
    for (auto j = among.front() + 1; j < n; ++j) {
      if (among.size() == 1 ? j + 1 == n || random.below(2) == 0 : random.below(3) == 0) {
        among.push_back(j);
      }
    }
    problem.couplings.push_back(any_coupling(problem, among, 1 + random.below(3), most, random));
  }
  for (auto limits = random.below(4); limits > 0; --limits) {
    problem.limits.push_back(
        any_limit(problem, most, random.below(4), random.uniform() * 0.8 - 0.1, random));
  }
  return problem;
}

/// Shows all assignments in turn.
template <class Visit>
void for_each_assignment(const Problem& problem, const Visit& visit) {
  Assignment at(problem.variables.size(), 0);
  for (;;) {
    visit(at);
    std::size_t i = 0;
    while (i < at.size() && ++at[i] == problem.variables[i].cost_ns.size()) {
      at[i++] = 0;
    }
    if (i == at.size()) {
      return;
    }
  }
}

}  // namespace tessera::plan
