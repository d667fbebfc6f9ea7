// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/lagrangian.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "tessera/core/random.h"

namespace tessera::certificate {
namespace {

using States = std::vector<std::uint8_t>;

Classes any_classes(std::size_t states, std::size_t count, Random& random) {
  Classes classes(states);
  for (auto& each : classes) {
    each = static_cast<std::uint16_t>(random.below(count));
  }
  return classes;
}

std::vector<std::int64_t> any_costs(std::size_t count, Random& random) {
  std::vector<std::int64_t> costs(count);
  for (auto& each : costs) {
    each = static_cast<std::int64_t>(random.below(30));
  }
  return costs;
}

States any_states(std::size_t count, Random& random) {
  States states;
  for (std::size_t s = 0; s < count; ++s) {
    if (random.below(2) == 0) {
      states.push_back(static_cast<std::uint8_t>(s));
    }
  }
  return states;
}

std::int64_t any_amount(Random& random) {
  return static_cast<std::int64_t>(random.below(41)) - 20;
}

/// Four variables, a tensor that all others read, one that one reads, a coupling, and two limits on
/// everything there is.
Problem any_problem(Random& random) {
  Problem problem;
  for (int i = 0; i < 4; ++i) {
    const auto states = 1 + random.below(4);
    problem.variables.push_back({std::to_string(i),
                                 {},
                                 std::vector<std::string>(states, "m/p"),
                                 any_costs(states, random)});
  }
  const auto states_of = [&](std::size_t i) { return problem.variables[i].costs.size(); };
  for (const std::size_t producer : {0U, 2U}) {
    Tensor tensor{"t", {producer, any_classes(states_of(producer), 3, random)},
                  {},  3,
                  3,   any_costs(9, random)};
    for (auto i = producer + 1; i < 4; ++i) {
      tensor.consumers.push_back({i, any_classes(states_of(i), 3, random)});
    }
    // A class that costs nothing needs no node.
    for (std::size_t from = 0; from < 3 && random.below(2) == 0; ++from) {
      tensor.costs[from * 3] = 0;
    }
    problem.tensors.push_back(std::move(tensor));
  }
  problem.couplings = {
      {"c",
       {{1, any_classes(states_of(1), 2, random), 2}, {3, any_classes(states_of(3), 2, random), 2}},
       any_costs(4, random)}};
  for (int r = 0; r < 2; ++r) {
    Limit limit{.name = "l", .unit = "B", .bound = any_amount(random)};
    for (std::size_t i = 0; i < 4; ++i) {
      const auto state = static_cast<std::uint8_t>(random.below(states_of(i)));
      limit.states.push_back({i, state, any_amount(random)});
      const auto other = (i + 1) % 4;
      limit.pairs.push_back({i, other, any_states(states_of(i), random),
                             any_states(states_of(other), random), any_amount(random)});
    }
    limit.sends = {{random.below(2), static_cast<std::uint16_t>(random.below(3)),
                    static_cast<std::uint16_t>(random.below(3)),
                    static_cast<std::int64_t>(random.below(20))}};
    if (random.below(2) == 0) {
      limit.cells = {{0, {}}};
      for (int cell = 0; cell < 4; ++cell) {
        limit.cells[0].amounts.push_back(any_amount(random));
      }
    }
    problem.limits.push_back(std::move(limit));
  }
  return problem;
}

Domains any_domains(const Problem& problem, Random& random) {
  Domains domains;
  for (const auto& variable : problem.variables) {
    auto domain = any_states(variable.costs.size(), random);
    domains.push_back(domain.empty() ? States{0} : domain);
  }
  return domains;
}

/// Some pairs relaxed, some tensors by class; nodes in any order.
std::pair<Scheme, Layout> any_layout(const Problem& problem, Random& random) {
  Scheme scheme{std::size_t{1} << 20, {}, {}, {}};
  Layout layout;
  layout.cost_weight = static_cast<std::int64_t>(random.below(4));
  std::size_t nodes = 4;
  for (std::size_t t = 0; t < 2; ++t) {
    if (random.below(2) == 0) {
      scheme.by_class.push_back(t);
      for (std::size_t c = 0; c < 3; ++c) {
        bool counts = false;
        for (std::size_t from = 0; from < 3; ++from) {
          counts = counts || problem.tensors[t].costs[from * 3 + c] != 0;
        }
        for (const auto& limit : problem.limits) {
          counts = counts || (limit.sends[0].tensor == t && limit.sends[0].to == c);
        }
        nodes += counts ? 1 : 0;
      }
    }
  }
  scheme.order.resize(nodes);
  std::iota(scheme.order.begin(), scheme.order.end(), 0U);
  for (auto i = nodes; i > 1; --i) {
    std::swap(scheme.order[i - 1], scheme.order[random.below(i)]);
  }
  for (std::size_t r = 0; r < 2; ++r) {
    layout.multipliers.push_back(static_cast<std::int64_t>(random.below(5)));
    for (std::size_t p = 0; p < 4; ++p) {
      if (random.below(2) == 0) {
        scheme.relaxed.push_back({r, p});
        layout.pair_multipliers.push_back(static_cast<std::int64_t>(random.below(100)));
      }
    }
  }
  return {scheme, layout};
}

/// w cost + m (use - bound), and how much more that is than with relaxed pairs by the formulas of
/// docs/certificate.md.
struct Value {
  Wide exact = 0;
  Wide relaxed = 0;
};

Value value_of(const Problem& problem, const Scheme& scheme, const Layout& layout,
               const States& assignment) {
  Value value;
  value.exact = layout.cost_weight * cost_of(problem, assignment);
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    const auto& limit = problem.limits[r];
    value.exact += layout.multipliers[r] * (use_of(problem, limit, assignment) - limit.bound);
  }
  value.relaxed = value.exact;
  for (std::size_t k = 0; k < scheme.relaxed.size(); ++k) {
    const auto [r, p] = scheme.relaxed[k];
    const auto& term = problem.limits[r].pairs[p];
    const auto weight = layout.multipliers[r] * term.amount;
    const auto u = layout.pair_multipliers[k];
    const int q = has(term.first_states, assignment[term.first]) ? 1 : 0;
    const int other = has(term.second_states, assignment[term.second]) ? 1 : 0;
    const auto counted = term.amount > 0
                             ? u * (q + other - 1) + std::min<std::int64_t>(0, weight - u)
                             : -u * q - std::max<std::int64_t>(0, -weight - u) * other;
    value.relaxed += counted - weight * q * other;
  }
  return value;
}

/// Shows the visitor all assignments of the domains.
template <class Visit>
void for_all(const Domains& domains, const Visit& visit) {
  std::vector<std::size_t> at(domains.size(), 0);
  for (;;) {
    States assignment;
    for (std::size_t i = 0; i < at.size(); ++i) {
      assignment.push_back(domains[i][at[i]]);
    }
    visit(assignment, at);
    std::size_t i = 0;
    while (i < at.size() && ++at[i] == domains[i].size()) {
      at[i++] = 0;
    }
    if (i == at.size()) {
      return;
    }
  }
}

struct Least {
  Wide exact = Wide{1} << 100;
  Wide relaxed = Wide{1} << 100;
  std::vector<std::vector<Wide>> with_state;  ///< of the relaxed
};

Least least_of(const Problem& problem, const Domains& domains, const Scheme& scheme,
               const Layout& layout) {
  Least least;
  for (const auto& domain : domains) {
    least.with_state.emplace_back(domain.size(), Wide{1} << 100);
  }
  for_all(domains, [&](const States& assignment, const std::vector<std::size_t>& at) {
    const auto [exact, relaxed] = value_of(problem, scheme, layout, assignment);
    least.exact = std::min(least.exact, exact);
    least.relaxed = std::min(least.relaxed, relaxed);
    for (std::size_t i = 0; i < at.size(); ++i) {
      auto& of = least.with_state[i][at[i]];
      of = std::min(of, relaxed);
    }
  });
  return least;
}

/// The minimum is what looking at all assignments finds, whatever the order, and whatever is
/// relaxed or by class; relaxed it is no higher than exact.
TEST(Lagrangian, IsTheLeastOfAllAssignments) {
  int apart = 0;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto problem = any_problem(random);
    const auto domains = any_domains(problem, random);
    const auto [scheme, layout] = any_layout(problem, random);
    Lagrangian lagrangian(problem, domains, layout, scheme);
    const auto wrong = lagrangian.prepare(1e6);
    ASSERT_FALSE(wrong.has_value()) << *wrong;
    const auto found = lagrangian.minimize(true);
    const auto least = least_of(problem, domains, scheme, layout);
    ASSERT_TRUE(found.value == least.relaxed);
    ASSERT_TRUE(found.with_state == least.with_state);
    ASSERT_TRUE(least.relaxed <= least.exact);
    apart += least.relaxed < least.exact ? 1 : 0;
  }
  EXPECT_GT(apart, 500);
}

/// Buckets that are split only lower it.
TEST(Lagrangian, SplitBucketsAreALowerBound) {
  int lower = 0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    const auto problem = any_problem(random);
    const auto domains = any_domains(problem, random);
    auto [scheme, layout] = any_layout(problem, random);
    scheme.bucket_cells = random.below(20);
    Lagrangian lagrangian(problem, domains, layout, scheme);
    ASSERT_FALSE(lagrangian.prepare(1e6).has_value());
    const auto found = lagrangian.minimize(true);
    const auto least = least_of(problem, domains, scheme, layout);
    ASSERT_TRUE(found.value <= least.relaxed);
    lower += found.value < least.relaxed ? 1 : 0;
    for (std::size_t i = 0; i < domains.size(); ++i) {
      for (std::size_t k = 0; k < domains[i].size(); ++k) {
        ASSERT_TRUE(found.with_state[i][k] <= least.with_state[i][k]);
        ASSERT_TRUE(found.with_state[i][k] >= found.value);
      }
    }
  }
  EXPECT_GT(lower, 200);
}

}  // namespace
}  // namespace tessera::certificate
