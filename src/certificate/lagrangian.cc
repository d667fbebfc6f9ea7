// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/lagrangian.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace tessera::certificate {
namespace {

using Scope = std::vector<std::uint32_t>;

/// What everything may come to: all sums of it stay far below 2^127.
constexpr Wide kLargest = Wide{1} << 100;

/// The next combination of values, the last node fastest.
void advance(std::vector<std::size_t>& at, const Scope& scope,
             const std::vector<std::size_t>& values) {
  for (auto k = at.size(); k-- > 0;) {
    if (++at[k] < values[scope[k]]) {
      return;
    }
    at[k] = 0;
  }
}

}  // namespace

std::optional<std::string> Lagrangian::prepare(double most_cells) {
  most_cells_ = most_cells;
  for (const auto& step : {&Lagrangian::mark_relaxed, &Lagrangian::mark_by_class}) {
    if (auto wrong = (this->*step)()) {
      return wrong;
    }
  }
  if (auto wrong = check_numbers()) {
    return wrong;
  }
  find_values();
  weigh_states();
  if (!add_variables() || !add_tensors() || !add_couplings() || !add_pairs()) {
    return fmt::format("its factors take more than {:.0f} cells", most_cells);
  }
  if (auto wrong = buckets_.lay_out(graph_, scheme_.order, scheme_.bucket_cells)) {
    return wrong;
  }
  if (cells() > most_cells) {
    return fmt::format("its tables take more than {:.0f} cells", most_cells);
  }
  return std::nullopt;
}

std::optional<std::string> Lagrangian::check_numbers() const {
  const auto is_negative = [](std::int64_t multiplier) { return multiplier < 0; };
  if (is_negative(layout_.cost_weight) || std::ranges::any_of(layout_.multipliers, is_negative) ||
      std::ranges::any_of(layout_.pair_multipliers, is_negative)) {
    return "a multiplier is negative";
  }
  // Each product is below 2^126, and what it is added to below 2^100.
  Wide total = layout_.cost_weight * largest_cost(problem_);
  for (std::size_t r = 0; r < problem_.limits.size() && total <= kLargest; ++r) {
    total += layout_.multipliers[r] * largest_use(problem_, problem_.limits[r]);
  }
  for (const auto multiplier : layout_.pair_multipliers) {
    total = std::min(total, kLargest + 1) + 4 * Wide{multiplier};
  }
  if (total > kLargest) {
    return "the multipliers are too large";
  }
  return std::nullopt;
}

std::optional<std::string> Lagrangian::mark_relaxed() {
  for (const auto& limit : problem_.limits) {
    is_relaxed_.emplace_back(limit.pairs.size(), 0);
  }
  for (const auto& [limit, pair] : scheme_.relaxed) {
    if (limit >= is_relaxed_.size() || pair >= is_relaxed_[limit].size() ||
        is_relaxed_[limit][pair] != 0) {
      return fmt::format("pair {} of limit {} is not there or is relaxed twice", pair, limit);
    }
    is_relaxed_[limit][pair] = 1;
  }
  return std::nullopt;
}

std::optional<std::string> Lagrangian::mark_by_class() {
  is_by_class_.assign(problem_.tensors.size(), 0);
  for (const auto tensor : scheme_.by_class) {
    if (tensor >= problem_.tensors.size()) {
      return fmt::format("tensor {} is not there", tensor);
    }
    is_by_class_[tensor] = 1;
  }
  return std::nullopt;
}

/// States of the same classes, and of the same part in all exact pairs, are one value: but for
/// their own costs nothing tells them apart.
void Lagrangian::find_values() {
  const auto n = problem_.variables.size();
  std::vector<std::vector<std::vector<std::uint16_t>>> seen(n);
  for (std::size_t i = 0; i < n; ++i) {
    seen[i].resize(domains_[i].size());
  }
  const auto see = [&](std::size_t variable, const auto& of_state) {
    for (std::size_t k = 0; k < domains_[variable].size(); ++k) {
      seen[variable][k].push_back(of_state(domains_[variable][k]));
    }
  };
  const auto see_classes = [&](std::size_t variable, const Classes& classes) {
    see(variable, [&](std::uint8_t state) { return classes[state]; });
  };
  const auto see_part = [&](std::size_t variable, const std::vector<std::uint8_t>& states) {
    see(variable,
        [&](std::uint8_t state) { return static_cast<std::uint16_t>(has(states, state)); });
  };
  for (const auto& tensor : problem_.tensors) {
    see_classes(tensor.producer.variable, tensor.producer.classes);
    for (const auto& consumer : tensor.consumers) {
      see_classes(consumer.variable, consumer.classes);
    }
  }
  for (const auto& coupling : problem_.couplings) {
    for (const auto& coupled : coupling.variables) {
      see_classes(coupled.variable, coupled.classes);
    }
  }
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    const auto& pairs = problem_.limits[r].pairs;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      if (is_relaxed_[r][p] == 0) {
        see_part(pairs[p].first, pairs[p].first_states);
        see_part(pairs[p].second, pairs[p].second_states);
      }
    }
  }
  value_of_.resize(n);
  first_of_.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::map<std::vector<std::uint16_t>, std::size_t> known;
    for (std::size_t k = 0; k < seen[i].size(); ++k) {
      const auto [at, is_new] = known.try_emplace(std::move(seen[i][k]), known.size());
      value_of_[i].push_back(at->second);
      if (is_new) {
        first_of_[i].push_back(k);
      }
    }
  }
}

void Lagrangian::weigh_states() {
  for (const auto& variable : problem_.variables) {
    auto& weights = weights_.emplace_back();
    for (const auto cost : variable.costs) {
      weights.push_back(Wide{layout_.cost_weight} * cost);
    }
  }
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    const Wide multiplier = layout_.multipliers[r];
    constant_ -= multiplier * problem_.limits[r].bound;
    for (const auto& term : problem_.limits[r].states) {
      weights_[term.variable][term.state] += multiplier * term.amount;
    }
  }
  for (std::size_t k = 0; k < scheme_.relaxed.size(); ++k) {
    weigh_relaxed(scheme_.relaxed[k], layout_.pair_multipliers[k]);
  }
}

// With W for the weighted amount, u for the pair's multiplier, and q, r for whether its variables
// take part:  W q r >= u (q + r - 1) + min(0, W - u)  and  -W q r >= -u q - max(0, W - u) r.
void Lagrangian::weigh_relaxed(const PairAt& pair, std::int64_t multiplier) {
  const auto& term = problem_.limits[pair.limit].pairs[pair.pair];
  const auto weight = layout_.multipliers[pair.limit] * magnitude(term.amount);
  const Wide u = multiplier;
  const bool adds = term.amount > 0;
  const auto first = adds ? u : -u;
  const auto second = adds ? u : -std::max<Wide>(weight - u, 0);
  for (const auto state : term.first_states) {
    weights_[term.first][state] += first;
  }
  for (const auto state : term.second_states) {
    weights_[term.second][state] += second;
  }
  if (adds) {
    constant_ += std::min<Wide>(0, weight - u) - u;
  }
}

bool Lagrangian::add_factor(Scope scope) {
  double cells = 1;
  for (const auto node : scope) {
    cells *= static_cast<double>(graph_.values[node]);
  }
  factor_cells_ += cells;
  if (factor_cells_ > most_cells_) {
    return false;
  }
  graph_.factors.push_back({std::move(scope), {}});
  graph_.factors.back().table.resize(static_cast<std::size_t>(cells), 0);
  return true;
}

/// A value costs what the least of its states does.
bool Lagrangian::add_variables() {
  for (std::size_t i = 0; i < problem_.variables.size(); ++i) {
    graph_.values.push_back(first_of_[i].size());
    if (!add_factor({static_cast<std::uint32_t>(i)})) {
      return false;
    }
    auto& table = graph_.factors.back().table;
    for (std::size_t v = 0; v < table.size(); ++v) {
      table[v] = weights_[i][domains_[i][first_of_[i][v]]];
    }
    for (std::size_t k = 0; k < domains_[i].size(); ++k) {
      auto& least = table[value_of_[i][k]];
      least = std::min(least, weights_[i][domains_[i][k]]);
    }
  }
  return true;
}

std::vector<Wide> Lagrangian::weighted_costs(std::size_t tensor) const {
  const auto& of = problem_.tensors[tensor];
  std::vector<Wide> costs;
  for (const auto cost : of.costs) {
    costs.push_back(Wide{layout_.cost_weight} * cost);
  }
  return costs;
}

bool Lagrangian::add_tensors() {
  std::vector<std::vector<Wide>> costs;
  for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
    costs.push_back(weighted_costs(t));
  }
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    for (const auto& term : problem_.limits[r].sends) {
      const auto entry = term.from * problem_.tensors[term.tensor].to_classes + term.to;
      costs[term.tensor][entry] += Wide{layout_.multipliers[r]} * term.amount;
    }
  }
  for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
    const auto& tensor = problem_.tensors[t];
    if (!tensor.consumers.empty() &&
        !(is_by_class_[t] != 0 ? add_classes(t, costs[t]) : add_whole(tensor, costs[t]))) {
      return false;
    }
  }
  return true;
}

/// One table over the producer and all consumers.
bool Lagrangian::add_whole(const Tensor& tensor, const std::vector<Wide>& costs) {
  Scope scope{static_cast<std::uint32_t>(tensor.producer.variable)};
  for (const auto& consumer : tensor.consumers) {
    scope.push_back(static_cast<std::uint32_t>(consumer.variable));
  }
  if (!add_factor(scope)) {
    return false;
  }
  std::vector<std::size_t> at(scope.size(), 0);
  std::vector<std::uint16_t> paid;
  for (auto& cell : graph_.factors.back().table) {
    const auto from = class_of(tensor.producer.classes, tensor.producer.variable, at[0]);
    paid.clear();
    for (std::size_t d = 0; d < tensor.consumers.size(); ++d) {
      const auto& [variable, classes] = tensor.consumers[d];
      const auto to = class_of(classes, variable, at[d + 1]);
      if (std::ranges::find(paid, to) == paid.end()) {
        paid.push_back(to);
        cell += costs[from * tensor.to_classes + to];
      }
    }
    advance(at, scope, graph_.values);
  }
  return true;
}

/// A node for each class says whether the tensor is sent there. A consumer of that class while it
/// is not costs as much as the dearest send: leaving it out never pays. Classes that cost nothing
/// and that no limit names need no node.
bool Lagrangian::add_classes(std::size_t tensor, const std::vector<Wide>& costs) {
  const auto& of = problem_.tensors[tensor];
  std::set<std::size_t> counts;
  for (std::size_t e = 0; e < of.costs.size(); ++e) {
    if (of.costs[e] != 0) {
      counts.insert(e % of.to_classes);
    }
  }
  for (const auto& limit : problem_.limits) {
    for (const auto& term : limit.sends) {
      if (term.tensor == tensor) {
        counts.insert(term.to);
      }
    }
  }
  const auto producer = static_cast<std::uint32_t>(of.producer.variable);
  for (const auto c : counts) {
    const auto node = static_cast<std::uint32_t>(graph_.values.size());
    graph_.values.push_back(2);
    if (!add_factor({producer, node})) {
      return false;
    }
    Wide dearest = 0;
    auto& sent = graph_.factors.back().table;
    for (std::size_t v = 0; v < graph_.values[producer]; ++v) {
      const auto from = class_of(of.producer.classes, producer, v);
      sent[v * 2 + 1] = costs[from * of.to_classes + c];
      dearest = std::max(dearest, sent[v * 2 + 1]);
    }
    for (const auto& [variable, classes] : of.consumers) {
      if (!add_factor({static_cast<std::uint32_t>(variable), node})) {
        return false;
      }
      auto& wanted = graph_.factors.back().table;
      for (std::size_t v = 0; v < graph_.values[variable]; ++v) {
        wanted[v * 2] = class_of(classes, variable, v) == c ? dearest : 0;
      }
    }
  }
  return true;
}

std::vector<std::vector<Wide>> Lagrangian::weighted_couplings() const {
  std::vector<std::vector<Wide>> weighted;
  for (const auto& coupling : problem_.couplings) {
    auto& of = weighted.emplace_back();
    for (const auto cost : coupling.costs) {
      of.push_back(Wide{layout_.cost_weight} * cost);
    }
  }
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    for (const auto& [coupling, amounts] : problem_.limits[r].cells) {
      for (std::size_t e = 0; e < amounts.size(); ++e) {
        weighted[coupling][e] += Wide{layout_.multipliers[r]} * amounts[e];
      }
    }
  }
  return weighted;
}

bool Lagrangian::add_couplings() {
  const auto weighted = weighted_couplings();
  for (std::size_t c = 0; c < problem_.couplings.size(); ++c) {
    const auto& coupling = problem_.couplings[c];
    Scope scope;
    for (const auto& coupled : coupling.variables) {
      scope.push_back(static_cast<std::uint32_t>(coupled.variable));
    }
    if (!add_factor(scope)) {
      return false;
    }
    std::vector<std::size_t> at(scope.size(), 0);
    for (auto& cell : graph_.factors.back().table) {
      std::size_t entry = 0;
      for (std::size_t k = 0; k < scope.size(); ++k) {
        const auto& [variable, classes, count] = coupling.variables[k];
        entry = entry * count + class_of(classes, variable, at[k]);
      }
      cell = weighted[c][entry];
      advance(at, scope, graph_.values);
    }
  }
  return true;
}

bool Lagrangian::add_pairs() {
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    const auto& pairs = problem_.limits[r].pairs;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      if (is_relaxed_[r][p] != 0) {
        continue;
      }
      const auto& term = pairs[p];
      if (!add_factor(
              {static_cast<std::uint32_t>(term.first), static_cast<std::uint32_t>(term.second)})) {
        return false;
      }
      const auto takes_part = [&](std::size_t variable, std::size_t value,
                                  const std::vector<std::uint8_t>& states) {
        return has(states, domains_[variable][first_of_[variable][value]]);
      };
      const auto width = graph_.values[term.second];
      auto& table = graph_.factors.back().table;
      for (std::size_t e = 0; e < table.size(); ++e) {
        if (takes_part(term.first, e / width, term.first_states) &&
            takes_part(term.second, e % width, term.second_states)) {
          table[e] = Wide{layout_.multipliers[r]} * term.amount;
        }
      }
    }
  }
  return true;
}

Lagrangian::Minimum Lagrangian::minimize(bool with_states) const {
  const auto answer = buckets_.run(graph_, with_states);
  Minimum minimum{answer.least + constant_, {}};
  for (std::size_t i = 0; with_states && i < domains_.size(); ++i) {
    auto& of = minimum.with_state.emplace_back();
    for (std::size_t k = 0; k < domains_[i].size(); ++k) {
      const auto value = value_of_[i][k];
      // Beyond the least of its value's states.
      const auto above = weights_[i][domains_[i][k]] - graph_.factors[i].table[value];
      of.push_back(answer.with[i][value] + above + constant_);
    }
  }
  return minimum;
}

}  // namespace tessera::certificate
