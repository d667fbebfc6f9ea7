// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "support/plan_networks.h"
#include "tessera/plan/problem.h"

/// The instances of the table in docs/planning.md.
namespace tessera::plan {

/// What is not wanted of a variable's states are the last ones.
inline void keep_states(Problem& problem, std::size_t variable, std::size_t count) {
  problem.variables[variable].cost_ns.resize(count);
  for (auto& tensor : problem.tensors) {
    if (tensor.producer == variable) {
      tensor.producer_classes.resize(count);
    }
    for (auto& consumer : tensor.consumers) {
      if (consumer.variable == variable) {
        consumer.classes.resize(count);
      }
    }
  }
  const auto beyond = [&](std::uint8_t state) { return state >= count; };
  for (auto& limit : problem.limits) {
    std::erase_if(limit.states, [&](const StateTerm& term) {
      return term.variable == variable && beyond(term.state);
    });
    for (auto& pair : limit.pairs) {
      if (pair.first == variable) {
        std::erase_if(pair.first_states, beyond);
      }
      if (pair.second == variable) {
        std::erase_if(pair.second_states, beyond);
      }
    }
  }
}

/// What comes in and what goes out is on the client, the first machine.
inline void pin_ends(Problem& problem, const Machines& machines) {
  keep_states(problem, 0, machines.precisions);
  keep_states(problem, problem.variables.size() - 1, machines.precisions);
}

/// Of the client: 2 W while it computes, 1 W while it sends. The bound is a part of what the
/// network takes on the client alone in its slowest precision.
inline Limit energy_limit(const Problem& problem, const Machines& machines, double share) {
  Limit limit{.name = "energy", .unit = "nJ"};
  double all = 0;
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    for (std::size_t s = 0; s < machines.precisions; ++s) {
      limit.states.push_back(
          {i, static_cast<std::uint8_t>(s), 2 * problem.variables[i].cost_ns[s]});
    }
    all += 2.0 * static_cast<double>(problem.variables[i].cost_ns[0]);
  }
  for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
    const auto& tensor = problem.tensors[t];
    for (Class from = 0; from < 2; ++from) {
      for (Class to = 2; to < tensor.to_classes; ++to) {
        limit.sends.push_back({t, from, to, tensor.cost(from, to)});
      }
    }
  }
  limit.bound = static_cast<std::int64_t>(all * share);
  return limit;
}

struct InstanceOptions {
  Machines machines{3, 4};
  int repeats = 1;
  bool error = false;  ///< 20 % of all integers, with 50 pairs
  double energy = 0;   ///< of the client, see energy_limit()
  std::size_t memories =
      0;  ///< of the fastest machines, a tenth of the weights each (the client: 11 %)
  std::uint64_t seed = 1;
};

inline Problem instance(const InstanceOptions& options) {
  const auto& machines = options.machines;
  auto problem = segmentation_network(machines, options.seed, options.repeats);
  if (options.error) {
    problem.limits.push_back(error_limit(problem, machines, 50, 0.2, options.seed + 1));
  }
  if (options.energy > 0) {
    problem.limits.push_back(energy_limit(problem, machines, options.energy));
  }
  for (std::size_t m = 1; m <= options.memories; ++m) {
    problem.limits.push_back(memory_limit(problem, machines, machines.count - m,
                                          m == machines.count ? 0.11 : 0.1, options.seed + 2));
  }
  pin_ends(problem, machines);
  return problem;
}

/// The same network after the links have become faster or slower by a factor: everything that is
/// sent between machines costs so much more.
inline Problem with_links(Problem problem, double factor) {
  for (auto& tensor : problem.tensors) {
    for (std::size_t from = 0; from < tensor.from_classes; ++from) {
      for (std::size_t to = 0; to < tensor.to_classes; ++to) {
        if (from / 2 != to / 2) {
          auto& cost = tensor.cost_ns[from * tensor.to_classes + to];
          cost = static_cast<std::int64_t>(static_cast<double>(cost) * factor);
        }
      }
    }
  }
  return problem;
}

}  // namespace tessera::plan
