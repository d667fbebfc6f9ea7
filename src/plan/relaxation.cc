// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/relaxation.h"

#include <algorithm>
#include <array>
#include <map>

#include "plan/order.h"

namespace tessera::plan {
namespace {

/// Sends with more consumers are never one factor.
constexpr std::array<std::size_t, 4> kMostConsumers = {1, 2, 4, 8};

/// Nor are those with more cells: as many as 8 consumers and a producer of 4 values have.
constexpr double kMostSharedCells = 1 << 18;

constexpr std::size_t kSmallestBucket = 1024;

std::vector<char> flags(std::size_t states, const std::vector<std::uint8_t>& set) {
  std::vector<char> of(states, 0);
  for (const auto state : set) {
    of[state] = 1;
  }
  return of;
}

}  // namespace

Domains all_states(const Problem& problem) {
  Domains domains;
  for (const auto& variable : problem.variables) {
    auto& states = domains.emplace_back();
    for (std::size_t s = 0; s < variable.cost_ns.size(); ++s) {
      states.push_back(static_cast<std::uint8_t>(s));
    }
  }
  return domains;
}

Relaxation::Relaxation(const Problem& problem, Domains domains, std::size_t most_cells,
                       std::size_t most_consumers)
    : problem_(problem),
      domains_(std::move(domains)),
      sends_(problem.tensors.size()),
      cells_(problem.couplings.size()),
      most_consumers_(most_consumers) {
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    for (const auto& term : problem.limits[r].sends) {
      const auto to_classes = problem.tensors[term.tensor].to_classes;
      sends_[term.tensor].push_back({r, term.from * to_classes + term.to, term.amount});
    }
    for (const auto& term : problem.limits[r].cells) {
      cells_[term.coupling].push_back({r, &term});
    }
    auto& first = among_first_.emplace_back();
    auto& second = among_second_.emplace_back();
    for (const auto& pair : problem.limits[r].pairs) {
      first.push_back(flags(problem.variables[pair.first].cost_ns.size(), pair.first_states));
      second.push_back(flags(problem.variables[pair.second].cost_ns.size(), pair.second_states));
    }
    relaxed_.emplace_back(first.size(), char{1});
  }
  find_values();
  lay_out(most_cells);
}

void Relaxation::find_values() {
  const auto n = problem_.variables.size();
  // What tensors see of each state.
  std::vector<std::vector<std::vector<Class>>> seen(n);
  for (std::size_t i = 0; i < n; ++i) {
    seen[i].resize(domains_[i].size());
  }
  const auto see = [&](std::size_t variable, const std::vector<Class>& classes) {
    for (std::size_t k = 0; k < domains_[variable].size(); ++k) {
      seen[variable][k].push_back(classes[domains_[variable][k]]);
    }
  };
  for (const auto& tensor : problem_.tensors) {
    see(tensor.producer, tensor.producer_classes);
    for (const auto& consumer : tensor.consumers) {
      see(consumer.variable, consumer.classes);
    }
  }
  for (const auto& coupling : problem_.couplings) {
    for (const auto& coupled : coupling.variables) {
      see(coupled.variable, coupled.classes);
    }
  }
  value_of_.resize(n);
  first_of_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::map<std::vector<Class>, std::size_t> values;
    for (std::size_t k = 0; k < seen[i].size(); ++k) {
      const auto [at, is_new] = values.try_emplace(seen[i][k], values.size());
      value_of_[i].push_back(at->second);
      if (is_new) {
        first_of_[i].push_back(k);
      }
    }
  }
}

FactorGraph Relaxation::graph_with(std::size_t most_consumers,
                                   std::vector<TensorFactors>& tensors) const {
  FactorGraph graph;
  for (const auto& values : first_of_) {
    graph.factors.push_back({{static_cast<Node>(graph.domains.size())}, Table(values.size(), 0)});
    graph.domains.push_back(values.size());
  }
  for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
    const auto& tensor = problem_.tensors[t];
    if (tensor.consumers.empty()) {
      continue;
    }
    const auto producer = static_cast<Node>(tensor.producer);
    auto all_cells = static_cast<double>(graph.domains[producer]);
    for (const auto& consumer : tensor.consumers) {
      all_cells *= static_cast<double>(graph.domains[consumer.variable]);
    }
    const bool is_one = tensor.consumers.size() <= most_consumers &&
                        (tensor.consumers.size() == 1 || all_cells <= kMostSharedCells);
    TensorFactors factors{t, graph.factors.size(), is_one, {}};
    if (factors.is_one) {
      std::vector<Node> scope{producer};
      std::size_t cells = graph.domains[producer];
      for (const auto& consumer : tensor.consumers) {
        scope.push_back(static_cast<Node>(consumer.variable));
        cells *= graph.domains[consumer.variable];
      }
      graph.factors.push_back({std::move(scope), Table(cells, 0)});
      tensors.push_back(std::move(factors));
      continue;
    }
    std::vector<char> is_free(tensor.to_classes, 1);
    for (std::size_t e = 0; e < tensor.cost_ns.size(); ++e) {
      if (tensor.cost_ns[e] != 0) {
        is_free[e % tensor.to_classes] = 0;
      }
    }
    for (const auto& send : sends_[t]) {
      is_free[send.entry % tensor.to_classes] = 0;
    }
    for (std::size_t c = 0; c < tensor.to_classes; ++c) {
      if (is_free[c] != 0) {
        continue;
      }
      const auto node = static_cast<Node>(graph.domains.size());
      factors.classes.push_back(static_cast<Class>(c));
      graph.domains.push_back(2);
      graph.factors.push_back({{producer, node}, Table(graph.domains[producer] * 2, 0)});
      for (const auto& consumer : tensor.consumers) {
        const auto reader = static_cast<Node>(consumer.variable);
        graph.factors.push_back({{reader, node}, Table(graph.domains[reader] * 2, 0)});
      }
    }
    tensors.push_back(std::move(factors));
  }
  for (const auto& coupling : problem_.couplings) {
    std::vector<Node> scope;
    std::size_t cells = 1;
    for (const auto& coupled : coupling.variables) {
      scope.push_back(static_cast<Node>(coupled.variable));
      cells *= graph.domains[coupled.variable];
    }
    graph.factors.push_back({std::move(scope), Table(cells, 0)});
  }
  return graph;
}

void Relaxation::lay_out(std::size_t most_cells) {
  const auto given = most_consumers_;
  for (const auto most_consumers : kMostConsumers) {
    if (given != 0 && most_consumers != given) {
      continue;
    }
    std::vector<TensorFactors> tensors;
    auto graph = graph_with(most_consumers, tensors);
    auto candidate = min_fill_order(graph);
    Elimination elimination(graph, candidate, most_cells);
    const bool better = !elimination_ || elimination.exact() > elimination_->exact() ||
                        (elimination.exact() == elimination_->exact() &&
                         elimination.cells() < elimination_->cells());
    if (better) {
      elimination_ = std::move(elimination);
      graph_ = std::move(graph);
      tensors_ = std::move(tensors);
      first_coupling_ = graph_.factors.size() - problem_.couplings.size();
      order_ = std::move(candidate);
      most_consumers_ = most_consumers;
    }
  }
  lay_out_pairs(most_cells);
}

void Relaxation::lay_out_pairs(std::size_t most_cells) {
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    const auto& pairs = problem_.limits[r].pairs;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      const auto a = static_cast<Node>(pairs[p].first);
      const auto b = static_cast<Node>(pairs[p].second);
      const bool is_factor =
          follows_from_value(among_first_[r][p], a) && follows_from_value(among_second_[r][p], b) &&
          (graph_.domains[a] == 1 || graph_.domains[b] == 1 || elimination_->has_together(a, b));
      if (is_factor) {
        relaxed_[r][p] = 0;
        pairs_.push_back({r, p, graph_.factors.size()});
        graph_.factors.push_back({{a, b}, Table(graph_.domains[a] * graph_.domains[b], 0)});
      }
    }
  }
  bucket_cells_ = most_cells;
  elimination_.emplace(graph_, order_, bucket_cells_);
  // Smaller buckets until all of them together fit.
  while (elimination_->cells() > static_cast<double>(most_cells) &&
         bucket_cells_ > kSmallestBucket) {
    bucket_cells_ /= 4;
    elimination_.emplace(graph_, order_, bucket_cells_);
  }
}

std::size_t Relaxation::value_of(std::size_t variable, std::uint8_t state) const {
  const auto& domain = domains_[variable];
  const auto at = std::ranges::lower_bound(domain, state);
  return value_of_[variable][static_cast<std::size_t>(at - domain.begin())];
}

ProofLayout Relaxation::layout(const Multipliers& multipliers) const {
  ProofLayout layout;
  layout.cost_weight = multipliers.cost;
  layout.multipliers = multipliers.limits;
  for (std::size_t r = 0; r < relaxed_.size(); ++r) {
    for (std::size_t p = 0; p < relaxed_[r].size(); ++p) {
      if (is_relaxed(r, p)) {
        layout.relaxed.push_back({r, p, multipliers.pairs[r][p]});
      }
    }
  }
  for (const auto& factors : tensors_) {
    if (!factors.is_one) {
      layout.by_class.push_back(factors.tensor);
    }
  }
  std::ranges::copy_if(order_, std::back_inserter(layout.order),
                       [&](Node node) { return graph_.domains[node] > 1; });
  layout.bucket_cells = bucket_cells_;
  return layout;
}

/// All states of a value of the variable are among these, or none.
bool Relaxation::follows_from_value(const std::vector<char>& among, std::size_t variable) const {
  const auto& domain = domains_[variable];
  for (std::size_t k = 0; k < domain.size(); ++k) {
    const auto first = first_of_[variable][value_of_[variable][k]];
    if (among[domain[k]] != among[domain[first]]) {
      return false;
    }
  }
  return true;
}

std::pair<bool, bool> Relaxation::takes_part(std::size_t limit, std::size_t pair,
                                             const Assignment& assignment) const {
  const auto& term = problem_.limits[limit].pairs[pair];
  return {among_first_[limit][pair][assignment[term.first]] != 0,
          among_second_[limit][pair][assignment[term.second]] != 0};
}

}  // namespace tessera::plan
