// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The tables of a relaxation for given multipliers, and what its minimum says.
#include <algorithm>
#include <limits>

#include "plan/relaxation.h"
#include "tessera/plan/evaluate.h"

namespace tessera::plan {
namespace {

/// All costs together, and all multiplied amounts of all limits, stay below it each.
constexpr Wide kLargestPart = Wide{1} << 59;
constexpr std::int64_t kFinest = std::int64_t{1} << 20;

std::int64_t magnitude(std::int64_t value) {
  return value < 0 ? -value : value;
}

}  // namespace

Multipliers no_multipliers(const Problem& problem) {
  Multipliers none;
  const Wide total = std::max<std::int64_t>(*largest_cost(problem), 1);
  while (none.cost < kFinest && total * none.cost * 2 <= kLargestPart) {
    none.cost *= 2;
  }
  for (const auto& limit : problem.limits) {
    none.limits.push_back(0);
    none.pairs.emplace_back(limit.pairs.size(), 0);
  }
  return none;
}

std::int64_t largest_multiplier(const Problem& problem, std::size_t limit) {
  const auto& of = problem.limits[limit];
  Wide total = 1;
  for (const auto& term : of.states) {
    total += magnitude(term.amount);
  }
  for (const auto& term : of.sends) {
    total += Wide{term.amount} *
             static_cast<std::int64_t>(problem.tensors[term.tensor].consumers.size());
  }
  for (const auto& term : of.pairs) {
    total += 2 * Wide{magnitude(term.amount)};
  }
  for (const auto& term : of.cells) {
    const auto [low, high] = std::ranges::minmax(term.amounts);
    total += std::max(magnitude(low), magnitude(high));
  }
  return static_cast<std::int64_t>(kLargestPart / static_cast<int>(problem.limits.size()) / total);
}

void Relaxation::fill_states(const Multipliers& multipliers) {
  states_.resize(domains_.size());
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    // By state first; terms name states.
    states_[i] = problem_.variables[i].cost_ns;
    for (auto& cost : states_[i]) {
      cost *= multipliers.cost;
    }
  }
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    for (const auto& term : problem_.limits[r].states) {
      states_[term.variable][term.state] += multipliers.limits[r] * term.amount;
    }
    fill_pair_states(multipliers, r);
  }
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    auto& table = graph_.factors[i].table;
    std::ranges::fill(table, std::numeric_limits<std::int64_t>::max());
    for (std::size_t k = 0; k < domains_[i].size(); ++k) {
      auto& least = table[value_of_[i][k]];
      least = std::min(least, states_[i][domains_[i][k]]);
    }
  }
}

void Relaxation::fill_pair_states(const Multipliers& multipliers, std::size_t limit) {
  const auto& pairs = problem_.limits[limit].pairs;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    if (!is_relaxed(limit, p)) {
      continue;
    }
    const auto weight = multipliers.limits[limit] * magnitude(pairs[p].amount);
    const auto part = multipliers.pairs[limit][p];
    const auto first = pairs[p].amount > 0 ? part : -part;
    const auto second = pairs[p].amount > 0 ? part : -std::max<std::int64_t>(weight - part, 0);
    for (const auto state : domains_[pairs[p].first]) {
      states_[pairs[p].first][state] += among_first_[limit][p][state] != 0 ? first : 0;
    }
    for (const auto state : domains_[pairs[p].second]) {
      states_[pairs[p].second][state] += among_second_[limit][p][state] != 0 ? second : 0;
    }
  }
}

void Relaxation::fill_tensor(const TensorFactors& factors, const Multipliers& multipliers) {
  if (sends_[factors.tensor].empty() && multipliers.cost == filled_cost_) {
    return;
  }
  const auto& tensor = problem_.tensors[factors.tensor];
  auto costs = tensor.cost_ns;
  for (auto& cost : costs) {
    cost *= multipliers.cost;
  }
  for (const auto& send : sends_[factors.tensor]) {
    costs[send.entry] += multipliers.limits[send.limit] * send.amount;
  }
  if (factors.is_one) {
    fill_shared(tensor, costs, graph_.factors[factors.first_factor]);
  } else {
    fill_by_class(factors, costs);
  }
}

void Relaxation::fill_shared(const Tensor& tensor, const Table& costs, Factor& factor) const {
  const auto consumers = tensor.consumers.size();
  std::vector<std::size_t> at(consumers + 1, 0);
  std::vector<Class> to(consumers);
  for (auto& cell : factor.table) {
    const auto from = class_at(tensor.producer_classes, tensor.producer, at[0]);
    cell = 0;
    for (std::size_t d = 0; d < consumers; ++d) {
      to[d] = class_at(tensor.consumers[d].classes, tensor.consumers[d].variable, at[d + 1]);
      const auto before = to.begin() + static_cast<std::ptrdiff_t>(d);
      const bool is_paid = std::find(to.begin(), before, to[d]) != before;
      cell += is_paid ? 0 : costs[from * tensor.to_classes + to[d]];
    }
    for (auto d = at.size(); d-- > 0;) {
      if (++at[d] < graph_.domains[factor.scope[d]]) {
        break;
      }
      at[d] = 0;
    }
  }
}

// What is sent costs by the producer's class. A consumer of a class that is not sent costs as much
// as the dearest send, so that leaving it out never pays.
void Relaxation::fill_by_class(const TensorFactors& factors, const Table& costs) {
  const auto& tensor = problem_.tensors[factors.tensor];
  auto f = factors.first_factor;
  for (const auto c : factors.classes) {
    auto& sent = graph_.factors[f++].table;
    std::int64_t dearest = 0;
    for (std::size_t v = 0; v * 2 < sent.size(); ++v) {
      const auto from = class_at(tensor.producer_classes, tensor.producer, v);
      sent[v * 2 + 1] = costs[from * tensor.to_classes + c];
      dearest = std::max(dearest, sent[v * 2 + 1]);
    }
    for (const auto& consumer : tensor.consumers) {
      auto& wanted = graph_.factors[f++].table;
      for (std::size_t v = 0; v * 2 < wanted.size(); ++v) {
        wanted[v * 2] = class_at(consumer.classes, consumer.variable, v) == c ? dearest : 0;
      }
    }
  }
}

void Relaxation::fill_coupling(std::size_t c, const Multipliers& multipliers) {
  if (cells_[c].empty() && multipliers.cost == filled_cost_) {
    return;
  }
  const auto& coupling = problem_.couplings[c];
  auto costs = coupling.cost_ns;
  for (auto& cost : costs) {
    cost *= multipliers.cost;
  }
  for (const auto& [limit, term] : cells_[c]) {
    const auto multiplier = multipliers.limits[limit];
    for (std::size_t e = 0; e < costs.size() && multiplier != 0; ++e) {
      costs[e] += multiplier * term->amounts[e];
    }
  }
  auto& [scope, table] = graph_.factors[first_coupling_ + c];
  std::vector<std::size_t> at(scope.size(), 0);
  for (auto& cell : table) {
    std::size_t entry = 0;
    for (std::size_t k = 0; k < scope.size(); ++k) {
      const auto& [variable, classes, count] = coupling.variables[k];
      entry = entry * count + class_at(classes, variable, at[k]);
    }
    cell = costs[entry];
    for (auto k = at.size(); k-- > 0;) {
      if (++at[k] < graph_.domains[scope[k]]) {
        break;
      }
      at[k] = 0;
    }
  }
}

Relaxation::Point Relaxation::minimize(const Multipliers& multipliers) {
  fill_states(multipliers);
  for (const auto& factors : tensors_) {
    fill_tensor(factors, multipliers);
  }
  for (std::size_t c = 0; c < problem_.couplings.size(); ++c) {
    fill_coupling(c, multipliers);
  }
  filled_cost_ = multipliers.cost;
  for (const auto& [limit, pair, factor] : pairs_) {
    const auto& term = problem_.limits[limit].pairs[pair];
    auto& table = graph_.factors[factor].table;
    const auto width = graph_.domains[term.second];
    for (std::size_t e = 0; e < table.size(); ++e) {
      const auto first = domains_[term.first][first_of_[term.first][e / width]];
      const auto second = domains_[term.second][first_of_[term.second][e % width]];
      const bool both =
          among_first_[limit][pair][first] != 0 && among_second_[limit][pair][second] != 0;
      table[e] = both ? multipliers.limits[limit] * term.amount : 0;
    }
  }
  Point point;
  point.value = elimination_->minimum(graph_);
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    point.value -= Wide{multipliers.limits[r]} * problem_.limits[r].bound;
    const auto& pairs = problem_.limits[r].pairs;
    for (std::size_t p = 0; p < pairs.size(); ++p) {
      if (is_relaxed(r, p) && pairs[p].amount > 0) {
        const auto part = multipliers.pairs[r][p];
        point.value += std::min<Wide>(multipliers.limits[r] * pairs[p].amount - part, 0) - part;
      }
    }
  }
  const auto values = elimination_->best();
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    const auto& domain = domains_[i];
    std::optional<std::uint8_t> best;
    for (std::size_t k = 0; k < domain.size(); ++k) {
      if (value_of_[i][k] == values[i] && (!best || states_[i][domain[k]] < states_[i][*best])) {
        best = domain[k];
      }
    }
    point.assignment.push_back(*best);
  }
  last_value_ = point.value;
  return point;
}

std::vector<std::vector<Wide>> Relaxation::state_values() const {
  const auto marginals = elimination_->min_marginals();
  const auto least = elimination_->least();
  std::vector<std::vector<Wide>> values(domains_.size());
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    for (std::size_t k = 0; k < domains_[i].size(); ++k) {
      const auto value = value_of_[i][k];
      const auto above = states_[i][domains_[i][k]] - graph_.factors[i].table[value];
      values[i].push_back(last_value_ + (marginals[i][value] - least) + above);
    }
  }
  return values;
}

Wide Relaxation::slack(std::size_t limit, const Assignment& assignment,
                       const Multipliers& multipliers) const {
  const auto& of = problem_.limits[limit];
  Wide use = -of.bound;
  for (const auto& term : of.states) {
    use += assignment[term.variable] == term.state ? term.amount : 0;
  }
  for (const auto& term : of.sends) {
    const auto& tensor = problem_.tensors[term.tensor];
    const bool is_sent = tensor.producer_classes[assignment[tensor.producer]] == term.from &&
                         std::ranges::any_of(tensor.consumers, [&](const Consumer& consumer) {
                           return consumer.classes[assignment[consumer.variable]] == term.to;
                         });
    use += is_sent ? term.amount : 0;
  }
  for (const auto& term : of.cells) {
    use += term.amounts[cell_of(problem_.couplings[term.coupling], assignment)];
  }
  for (std::size_t p = 0; p < of.pairs.size(); ++p) {
    const auto [first, second] = takes_part(limit, p, assignment);
    if (!is_relaxed(limit, p)) {
      use += first && second ? of.pairs[p].amount : 0;
      continue;
    }
    if (is_used_up(limit, p, multipliers)) {
      use += of.pairs[p].amount > 0 ? of.pairs[p].amount : 0;
    } else {
      use += of.pairs[p].amount < 0 && second ? of.pairs[p].amount : 0;
    }
  }
  return use;
}

std::int64_t Relaxation::pair_slack(std::size_t limit, std::size_t pair,
                                    const Assignment& assignment,
                                    const Multipliers& multipliers) const {
  const auto [first, second] = takes_part(limit, pair, assignment);
  const int one = first ? 1 : 0;
  const int other = second ? 1 : 0;
  const bool used_up = is_used_up(limit, pair, multipliers);
  if (problem_.limits[limit].pairs[pair].amount > 0) {
    return one + other - 1 - (used_up ? 1 : 0);
  }
  return (used_up ? 0 : other) - one;
}

bool Relaxation::is_used_up(std::size_t limit, std::size_t pair,
                            const Multipliers& multipliers) const {
  const auto amount = magnitude(problem_.limits[limit].pairs[pair].amount);
  return multipliers.pairs[limit][pair] > multipliers.limits[limit] * amount;
}

}  // namespace tessera::plan
