// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "tessera/milp/highs.h"

namespace tessera::milp {
namespace {

using plan::Outcome;

/// What the proof drops before it splits: no plan that has one of them beats the bound by more
/// than the gap.
std::vector<plan::StateSet> excluded_by(const plan::Proof& proof) {
  auto excluded = proof.dominated;
  if (!proof.nodes.empty()) {
    for (const auto& layout : proof.nodes.front().layouts) {
      excluded.insert(excluded.end(), layout.dropped.begin(), layout.dropped.end());
    }
  }
  return excluded;
}

bool has_none(const std::vector<plan::StateSet>& sets, const plan::Assignment& assignment) {
  for (const auto& [variable, states] : sets) {
    for (const auto state : states) {
      if (assignment[variable] == state) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

Result<plan::Solution> finish(const Highs& solver, const plan::Problem& problem,
                              plan::Solution solution, const plan::Options& options,
                              Monitor& monitor) {
  if (solution.outcome != Outcome::kInterrupted || (solution.assignment && solution.gap() == 0)) {
    return solution;
  }
  Start start{solution.assignment, {}};
  if (solution.proof) {
    start.excluded = excluded_by(*solution.proof);
  }
  // A plan whose states are left out would be no start.
  if (start.assignment && !has_none(start.excluded, *start.assignment)) {
    start.excluded.clear();
  }
  TESSERA_TRY(auto found, solver.solve_from(problem, start, options, monitor));
  if (!found.assignment || (solution.assignment && found.value.cost_ns >= solution.value.cost_ns)) {
    return solution;
  }
  solution.assignment = std::move(found.assignment);
  solution.value = std::move(found.value);
  if (solution.value.cost_ns == solution.bound_ns) {
    solution.outcome = Outcome::kOptimal;
  } else if (solution.gap() <= options.gap) {
    solution.outcome = Outcome::kWithinGap;
  }
  return solution;
}

}  // namespace tessera::milp
