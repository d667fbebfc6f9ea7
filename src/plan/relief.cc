// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/relief.h"

#include <algorithm>

#include "plan/dominated.h"
#include "tessera/core/timing.h"
#include "tessera/plan/evaluate.h"

namespace tessera::plan {
namespace {

struct Found {
  std::optional<Assignment> plan;
  std::int64_t bound_ns = 0;
  bool finished = true;
};

/// What is done within a part of the time that is left, one of `parts`.
TreeOptions with_share(const TreeOptions& how, double end_us, std::size_t parts) {
  const auto clock = steady_clock_us();
  const auto share_us = clock() + (end_us - clock()) / static_cast<double>(parts);
  auto options = how;
  options.proof = nullptr;
  options.stop = [stop = how.stop, clock, share_us] { return stop() || clock() > share_us; };
  return options;
}

Found search(const Problem& problem, const TreeOptions& options) {
  Incumbent incumbent(problem);
  Tree tree(problem, beyond(problem), options, incumbent);
  tree.grow(undominated_states(problem), no_multipliers(problem));
  return {incumbent.best(), tree.bound_ns(), !tree.interrupted()};
}

Problem with_limits(const Problem& problem, const std::vector<std::size_t>& limits) {
  auto some = problem;
  some.limits.clear();
  for (const auto r : limits) {
    some.limits.push_back(problem.limits[r]);
  }
  return some;
}

/// A pair as the coupling that costs as much, `offset` less where it takes away.
Coupling coupling_of(const Problem& problem, const PairTerm& term, std::int64_t& offset) {
  const auto coupled = [&](std::size_t variable, const std::vector<std::uint8_t>& states) {
    Coupled of{variable, std::vector<Class>(problem.variables[variable].cost_ns.size(), 0), 2};
    for (const auto state : states) {
      of.classes[state] = 1;
    }
    return of;
  };
  const auto least = std::min<std::int64_t>(term.amount, 0);
  offset += least;
  return {"pair",
          {coupled(term.first, term.first_states), coupled(term.second, term.second_states)},
          {-least, -least, -least, term.amount - least}};
}

/// The problem whose cost, `offset` more, is the use of a limit, under all other limits.
struct LeastUse {
  Problem problem;
  std::int64_t offset = 0;
};

LeastUse least_use_of(const Problem& problem, std::size_t limit) {
  std::vector<std::size_t> others;
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    if (r != limit) {
      others.push_back(r);
    }
  }
  LeastUse made{with_limits(problem, others), 0};
  auto& [of, offset] = made;
  for (auto& coupling : of.couplings) {
    std::ranges::fill(coupling.cost_ns, 0);
  }
  for (auto& variable : of.variables) {
    std::ranges::fill(variable.cost_ns, 0);
  }
  for (auto& tensor : of.tensors) {
    std::ranges::fill(tensor.cost_ns, 0);
  }
  for (const auto& term : problem.limits[limit].states) {
    of.variables[term.variable].cost_ns[term.state] += term.amount;
  }
  for (auto& variable : of.variables) {
    const auto least = std::ranges::min(variable.cost_ns);
    offset += least;
    for (auto& cost : variable.cost_ns) {
      cost -= least;
    }
  }
  for (const auto& term : problem.limits[limit].sends) {
    auto& tensor = of.tensors[term.tensor];
    tensor.cost_ns[term.from * tensor.to_classes + term.to] += term.amount;
  }
  for (const auto& term : problem.limits[limit].cells) {
    auto& costs = of.couplings[term.coupling].cost_ns;
    const auto least = std::ranges::min(term.amounts);
    offset += least;
    for (std::size_t e = 0; e < costs.size(); ++e) {
      costs[e] += term.amounts[e] - least;
    }
  }
  for (const auto& term : problem.limits[limit].pairs) {
    of.couplings.push_back(coupling_of(problem, term, offset));
  }
  return made;
}

/// The problem has no plan within the limit's bound.
Relief relief_of(const Problem& problem, std::size_t limit, const TreeOptions& how) {
  const auto [least_use, offset] = least_use_of(problem, limit);
  const auto found = search(least_use, how);
  Relief relief;
  relief.limit = limit;
  relief.helps = found.plan || !found.finished;
  relief.proven = std::max(found.bound_ns + offset, problem.limits[limit].bound + 1);
  if (found.plan) {
    relief.found = evaluate(problem, *found.plan)->used[limit];
    relief.proven = std::min(relief.proven, *relief.found);
  }
  return relief;
}

/// Leaves limits out one after another while the rest still cannot be kept together.
std::vector<std::size_t> minimal_conflict(const Problem& problem, const TreeOptions& how,
                                          double end_us, bool& minimal) {
  std::vector<std::size_t> among;
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    among.push_back(r);
  }
  minimal = true;
  for (std::size_t r = 0; r < problem.limits.size() && among.size() > 1; ++r) {
    auto rest = among;
    std::erase(rest, r);
    auto options = with_share(how, end_us, problem.limits.size() - r);
    options.gap = 1;  // any plan is good enough
    const auto found = search(with_limits(problem, rest), options);
    if (!found.plan && found.finished) {
      among = std::move(rest);
    }
    minimal = minimal && (found.plan || found.finished);
  }
  return among;
}

}  // namespace

JointConflict joint_conflict(const Problem& problem, const std::vector<Conflict>& conflicts,
                             const TreeOptions& how, double end_us) {
  JointConflict joint;
  std::vector<std::size_t> limits;
  if (!conflicts.empty()) {
    limits = {conflicts.front().limit};
    joint.minimal = true;
  } else {
    // The rest of the time is for what would do.
    const auto now_us = steady_clock_us()();
    limits = minimal_conflict(problem, how, now_us + (end_us - now_us) / 2, joint.minimal);
  }
  for (std::size_t k = 0; k < limits.size(); ++k) {
    const auto options = with_share(how, end_us, limits.size() - k);
    joint.limits.push_back(relief_of(problem, limits[k], options));
  }
  return joint;
}

}  // namespace tessera::plan
