// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "plan/dominated.h"
#include "plan/tree.h"
#include "tessera/core/checked.h"
#include "tessera/core/timing.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

/// More than any plan costs.
std::int64_t beyond(const Problem& problem) {
  std::int64_t beyond = 1;
  for (const auto& variable : problem.variables) {
    beyond += std::ranges::max(variable.cost_ns);
  }
  for (const auto& tensor : problem.tensors) {
    for (const auto cost : tensor.cost_ns) {
      beyond = saturating_add(beyond, cost);
    }
  }
  return beyond;
}

std::vector<Conflict> find_conflicts(const Problem& problem, std::size_t most_cells) {
  std::vector<Conflict> conflicts;
  if (problem.limits.empty()) {
    return conflicts;
  }
  Relaxation relaxation(problem, all_states(problem), most_cells);
  for (std::size_t r = 0; r < problem.limits.size(); ++r) {
    const auto least = least_use(problem, relaxation, r);
    if (least > problem.limits[r].bound) {
      conflicts.push_back({r, least});
    }
  }
  return conflicts;
}

Result<Solution> to_solution(const Problem& problem, const Options& options, const Tree& tree,
                             const Incumbent& incumbent) {
  Solution solution;
  solution.nodes = tree.nodes();
  const auto& multipliers = tree.first_multipliers();
  for (const auto multiplier : multipliers.limits) {
    solution.price_ns.push_back(static_cast<double>(multiplier) /
                                static_cast<double>(multipliers.cost));
  }
  if (!incumbent.best()) {
    solution.outcome = tree.interrupted() ? Outcome::kInterrupted : Outcome::kInfeasible;
    solution.bound_ns = tree.interrupted() ? tree.bound_ns() : 0;
    return solution;
  }
  solution.assignment = incumbent.best();
  TESSERA_TRY(solution.value, evaluate(problem, *solution.assignment));
  if (!solution.value.feasible || solution.value.cost_ns != incumbent.cost()) {
    return fail(ErrorCode::kInternal, "a plan costs {} ns and was counted as {} ns",
                solution.value.cost_ns, incumbent.cost())
        .hint("this is a defect of the planner; please report it");
  }
  solution.bound_ns = std::min(tree.bound_ns(), solution.value.cost_ns);
  if (solution.bound_ns == solution.value.cost_ns) {
    solution.outcome = Outcome::kOptimal;
  } else if (!tree.interrupted() || solution.gap() <= options.gap) {
    solution.outcome = Outcome::kWithinGap;
  }
  return solution;
}

class BranchAndBound final : public Method {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "branch and bound"; }
  [[nodiscard]] Result<Solution> solve(const Problem& problem, const Options& options,
                                       Monitor& monitor) const override {
    TESSERA_CHECK(validate(problem));
    if (!(options.gap >= 0 && options.gap <= 1) || !(options.time_limit_s >= 0) ||
        options.most_nodes < 1 || options.most_cells < 1) {
      return fail(
                 ErrorCode::kInvalidArgument,
                 "a gap that is not from 0 to 1, a time limit below 0, or no nodes or cells at all")
          .hint("a gap of 0 asks for the optimum, one of 0.001 for a plan within 0.1 % of it");
    }
    const auto clock = steady_clock_us();
    const auto end = clock() + options.time_limit_s * 1e6;
    TreeOptions how{options.gap, options.most_nodes, options.most_cells, false, {}};
    how.stop = [&] { return monitor.cancelled() || clock() > end; };
    Incumbent incumbent(problem);
    Tree tree(problem, beyond(problem), how, incumbent);
    auto conflicts = find_conflicts(problem, options.most_cells);
    if (conflicts.empty()) {
      tree.grow(undominated_states(problem), no_multipliers(problem));
    }
    TESSERA_TRY(auto solution, to_solution(problem, options, tree, incumbent));
    solution.conflicts = std::move(conflicts);
    return solution;
  }
};

}  // namespace

const Method& branch_and_bound() {
  static const BranchAndBound method;
  return method;
}

Result<Solution> solve(const Problem& problem, const Options& options, Monitor& monitor) {
  return branch_and_bound().solve(problem, options, monitor);
}

}  // namespace tessera::plan
