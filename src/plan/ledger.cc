// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/ledger.h"

#include <algorithm>

#include "tessera/plan/evaluate.h"

namespace tessera::plan {

Ledger::Ledger(const Problem& problem)
    : problem_(problem),
      tensors_of_(problem.variables.size()),
      couplings_of_(problem.variables.size()),
      neighbours_(problem.variables.size()),
      uses_(problem.variables.size()),
      sends_(problem.tensors.size()),
      pairs_of_(problem.variables.size()),
      cells_(problem.couplings.size()),
      range_(problem.limits.size(), 1) {
  for (std::size_t i = 0; i < problem.variables.size(); ++i) {
    uses_[i].resize(problem.variables[i].cost_ns.size());
  }
  for (std::size_t t = 0; t < problem.tensors.size(); ++t) {
    const auto& tensor = problem.tensors[t];
    tensors_of_[tensor.producer].push_back(t);
    for (const auto& consumer : tensor.consumers) {
      tensors_of_[consumer.variable].push_back(t);
      neighbours_[consumer.variable].push_back(tensor.producer);
      neighbours_[tensor.producer].push_back(consumer.variable);
    }
  }
  for (std::size_t c = 0; c < problem.couplings.size(); ++c) {
    const auto& coupling = problem.couplings[c];
    for (const auto& one : coupling.variables) {
      couplings_of_[one.variable].push_back(c);
      for (const auto& other : coupling.variables) {
        if (other.variable != one.variable) {
          neighbours_[one.variable].push_back(other.variable);
        }
      }
    }
  }
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    for (const auto& term : problem.limits[r].states) {
      uses_[term.variable][term.state].push_back({r, term.amount});
      range_[r] += std::abs(static_cast<double>(term.amount));
    }
    for (const auto& term : problem.limits[r].sends) {
      const auto entry = term.from * problem.tensors[term.tensor].to_classes + term.to;
      sends_[term.tensor].resize(problem.tensors[term.tensor].cost_ns.size());
      sends_[term.tensor][entry].push_back({r, term.amount});
      range_[r] += static_cast<double>(term.amount);
    }
    for (const auto& term : problem.limits[r].pairs) {
      pairs_of_[term.first].push_back({r, &term});
      pairs_of_[term.second].push_back({r, &term});
      range_[r] += std::abs(static_cast<double>(term.amount));
    }
    for (const auto& term : problem.limits[r].cells) {
      cells_[term.coupling].push_back({r, &term});
      const auto [low, high] = std::ranges::minmax(term.amounts);
      range_[r] += static_cast<double>(high) - static_cast<double>(low);
    }
  }
  stand_at(Assignment(problem.variables.size(), 0));
}

void Ledger::stand_at(const Assignment& assignment) {
  here_ = assignment;
  cost_ = 0;
  used_.assign(problem_.limits.size(), 0);
  for (std::size_t i = 0; i < here_.size(); ++i) {
    cost_ += problem_.variables[i].cost_ns[here_[i]];
    for (const auto& use : uses_[i][here_[i]]) {
      used_[use.limit] += use.amount;
    }
  }
  for (std::size_t t = 0; t < problem_.tensors.size(); ++t) {
    count_tensor(t, 1);
  }
  for (std::size_t c = 0; c < problem_.couplings.size(); ++c) {
    count_coupling(c, 1);
  }
  for (std::size_t r = 0; r < problem_.limits.size(); ++r) {
    for (const auto& term : problem_.limits[r].pairs) {
      count_pair({r, &term}, 1);
    }
  }
}

void Ledger::change(std::size_t variable, std::uint8_t state) {
  count(variable, -1);
  here_[variable] = state;
  count(variable, 1);
}

void Ledger::count(std::size_t variable, int sign) {
  const auto state = here_[variable];
  cost_ += sign * problem_.variables[variable].cost_ns[state];
  for (const auto& use : uses_[variable][state]) {
    used_[use.limit] += sign * use.amount;
  }
  for (const auto tensor : tensors_of_[variable]) {
    count_tensor(tensor, sign);
  }
  for (const auto coupling : couplings_of_[variable]) {
    count_coupling(coupling, sign);
  }
  for (const auto& pair : pairs_of_[variable]) {
    count_pair(pair, sign);
  }
}

void Ledger::count_coupling(std::size_t coupling, int sign) {
  const auto cell = cell_of(problem_.couplings[coupling], here_);
  cost_ += sign * problem_.couplings[coupling].cost_ns[cell];
  for (const auto& [limit, term] : cells_[coupling]) {
    used_[limit] += sign * term->amounts[cell];
  }
}

void Ledger::count_pair(const PairAt& pair, int sign) {
  const auto& term = *pair.term;
  const bool both =
      std::ranges::find(term.first_states, here_[term.first]) != term.first_states.end() &&
      std::ranges::find(term.second_states, here_[term.second]) != term.second_states.end();
  used_[pair.limit] += both ? sign * term.amount : 0;
}

void Ledger::count_tensor(std::size_t tensor, int sign) {
  const auto& of = problem_.tensors[tensor];
  const auto& sends = sends_[tensor];
  const auto from = of.producer_classes[here_[of.producer]];
  to_.clear();
  for (const auto& consumer : of.consumers) {
    const auto to = consumer.classes[here_[consumer.variable]];
    if (std::ranges::find(to_, to) != to_.end()) {
      continue;
    }
    to_.push_back(to);
    cost_ += sign * of.cost(from, to);
    if (sends.empty()) {
      continue;
    }
    for (const auto& use : sends[from * of.to_classes + to]) {
      used_[use.limit] += sign * use.amount;
    }
  }
}

double Ledger::excess() const {
  double excess = 0;
  for (std::size_t r = 0; r < used_.size(); ++r) {
    const auto above = used_[r] - problem_.limits[r].bound;
    excess += above > 0 ? static_cast<double>(above) / range_[r] : 0;
  }
  return excess;
}

}  // namespace tessera::plan
