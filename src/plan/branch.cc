// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "plan/dominated.h"
#include "plan/relief.h"
#include "plan/tree.h"
#include "tessera/core/timing.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

/// Limits that cannot be kept alone; the first of them is proof enough.
std::vector<Conflict> find_conflicts(const Problem& problem, std::size_t most_cells, Proof* proof) {
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
  if (proof != nullptr && !conflicts.empty()) {
    proof->nodes.push_back({{relaxation.layout(alone(problem, conflicts[0].limit))}, {}});
  }
  return conflicts;
}

/// What is not in the domains.
std::vector<StateSet> left_out(const Problem& problem, const Domains& domains) {
  std::vector<StateSet> sets;
  const auto all = all_states(problem);
  for (std::size_t i = 0; i < all.size(); ++i) {
    StateSet set{i, {}};
    std::ranges::set_difference(all[i], domains[i], std::back_inserter(set.states));
    if (!set.states.empty()) {
      sets.push_back(std::move(set));
    }
  }
  return sets;
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
  for (const auto& pairs : multipliers.pairs) {
    auto& prices = solution.pair_price_ns.emplace_back();
    for (const auto multiplier : pairs) {
      prices.push_back(static_cast<double>(multiplier) / static_cast<double>(multipliers.cost));
    }
  }
  solution.most_consumers = tree.most_consumers();
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

void offer_start(const Problem& problem, const Solution& start, Incumbent& incumbent) {
  if (start.assignment && evaluate(problem, *start.assignment)) {
    incumbent.offer(*start.assignment);
  }
}

Status check(const Options& options) {
  if (!(options.gap >= 0 && options.gap <= 1)) {
    return fail(ErrorCode::kInvalidArgument, "a gap of {} is not from 0 to 1", options.gap)
        .hint("a gap of 0 asks for the optimum, one of 0.001 for a plan within 0.1 % of it");
  }
  if (!(options.time_limit_s >= 0) || !(options.explain_limit_s >= 0)) {
    return fail(ErrorCode::kInvalidArgument, "a time limit of {} s, {} s of it to explain",
                options.time_limit_s, options.explain_limit_s)
        .hint("give 0 or more");
  }
  if (options.most_nodes < 1 || options.most_cells < 1) {
    return fail(ErrorCode::kInvalidArgument, "{} nodes and {} cells are not enough for any plan",
                options.most_nodes, options.most_cells)
        .hint("give 1 or more of each");
  }
  return {};
}

class BranchAndBound final : public Method {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "branch and bound"; }
  [[nodiscard]] Result<Solution> solve(const Problem& problem, const Options& options,
                                       Monitor& monitor) const override {
    TESSERA_CHECK(validate(problem));
    TESSERA_CHECK(check(options));
    const auto clock = steady_clock_us();
    const auto end = clock() + options.time_limit_s * 1e6;
    TreeOptions how{options.gap, options.most_nodes, options.most_cells, false, {}, nullptr};
    how.stop = [&] { return monitor.cancelled() || clock() > end; };
    Proof proof;
    how.proof = options.proof ? &proof : nullptr;
    Incumbent incumbent(problem);
    Tree tree(problem, beyond(problem), how, incumbent);
    auto multipliers = no_multipliers(problem);
    if (options.start != nullptr) {
      offer_start(problem, *options.start, incumbent);
      multipliers = multipliers_of(problem, *options.start);
      tree.lay_out_for(options.start->most_consumers);
    }
    std::vector<Conflict> conflicts;
    if (!incumbent.best()) {
      conflicts = find_conflicts(problem, options.most_cells, how.proof);
    }
    if (conflicts.empty()) {
      const auto domains = undominated_states(problem);
      proof.dominated = left_out(problem, domains);
      tree.grow(domains, std::move(multipliers));
    }
    TESSERA_TRY(auto solution, to_solution(problem, options, tree, incumbent));
    solution.conflicts = std::move(conflicts);
    if (solution.outcome == Outcome::kInfeasible && options.explain_limit_s > 0) {
      const auto explained = std::min(end, clock() + options.explain_limit_s * 1e6);
      solution.joint = joint_conflict(problem, solution.conflicts, how, explained);
    }
    if (options.proof) {
      solution.proof = std::move(proof);
    }
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
