// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/dominated.h"

#include <algorithm>

namespace tessera::plan {
namespace {

/// What a state is to the rest of the problem: what has to be equal, and what had better be low.
struct Traits {
  std::vector<Class> classes;
  std::vector<std::int64_t> amounts;
};

/// By variable and state.
std::vector<std::vector<Traits>> traits_of(const Problem& problem) {
  std::vector<std::vector<Traits>> traits;
  for (const auto& variable : problem.variables) {
    auto& of = traits.emplace_back(variable.cost_ns.size());
    for (std::size_t s = 0; s < of.size(); ++s) {
      of[s].amounts = {variable.cost_ns[s]};
    }
  }
  const auto see = [&](std::size_t variable, const std::vector<Class>& classes) {
    for (std::size_t s = 0; s < classes.size(); ++s) {
      traits[variable][s].classes.push_back(classes[s]);
    }
  };
  for (const auto& tensor : problem.tensors) {
    see(tensor.producer, tensor.producer_classes);
    for (const auto& consumer : tensor.consumers) {
      see(consumer.variable, consumer.classes);
    }
  }
  for (const auto& coupling : problem.couplings) {
    for (const auto& coupled : coupling.variables) {
      see(coupled.variable, coupled.classes);
    }
  }
  const auto add_amount = [&](std::size_t variable) {
    for (auto& state : traits[variable]) {
      state.amounts.push_back(0);
    }
  };
  for (const auto& limit : problem.limits) {
    for (std::size_t i = 0; i < traits.size(); ++i) {
      add_amount(i);
    }
    for (const auto& term : limit.states) {
      traits[term.variable][term.state].amounts.back() += term.amount;
    }
  }
  // Pairs behind all limits: what takes part counts by the sign of what it brings.
  for (const auto& limit : problem.limits) {
    for (const auto& term : limit.pairs) {
      const std::int64_t sign = term.amount > 0 ? 1 : -1;
      add_amount(term.first);
      for (const auto state : term.first_states) {
        traits[term.first][state].amounts.back() = sign;
      }
      add_amount(term.second);
      for (const auto state : term.second_states) {
        traits[term.second][state].amounts.back() = sign;
      }
    }
  }
  return traits;
}

bool is_no_worse(const Traits& a, const Traits& b) {
  return a.classes == b.classes &&
         std::ranges::equal(a.amounts, b.amounts, [](auto x, auto y) { return x <= y; });
}

}  // namespace

Domains undominated_states(const Problem& problem) {
  const auto traits = traits_of(problem);
  Domains domains;
  for (const auto& states : traits) {
    auto& domain = domains.emplace_back();
    for (std::size_t s = 0; s < states.size(); ++s) {
      bool dominated = false;
      for (std::size_t t = 0; t < states.size(); ++t) {
        const bool counts = t < s || (t > s && !is_no_worse(states[s], states[t]));
        dominated = dominated || (counts && is_no_worse(states[t], states[s]));
      }
      if (!dominated) {
        domain.push_back(static_cast<std::uint8_t>(s));
      }
    }
  }
  return domains;
}

}  // namespace tessera::plan
