// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

constexpr std::int64_t kMostAssignments = std::int64_t{1} << 24;

Status check_size(const Problem& problem) {
  std::int64_t assignments = 1;
  for (const auto& variable : problem.variables) {
    assignments *= static_cast<std::int64_t>(variable.cost_ns.size());
    if (assignments > kMostAssignments) {
      return fail(ErrorCode::kResourceExhausted, "more than {} assignments", kMostAssignments)
          .hint("use branch and bound, which does not look at each of them");
    }
  }
  return {};
}

/// The next assignment, the last variable first; false after the last.
bool advance(const Problem& problem, Assignment& assignment) {
  for (auto i = assignment.size(); i-- > 0;) {
    if (assignment[i] + std::size_t{1} < problem.variables[i].cost_ns.size()) {
      ++assignment[i];
      return true;
    }
    assignment[i] = 0;
  }
  return false;
}

class BruteForce final : public Method {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "brute force"; }
  [[nodiscard]] Result<Solution> solve(const Problem& problem, const Options& options,
                                       Monitor& monitor) const override;
};

Result<Solution> BruteForce::solve(const Problem& problem, const Options& /*options*/,
                                   Monitor& monitor) const {
  TESSERA_CHECK(validate(problem));
  TESSERA_CHECK(check_size(problem));
  Solution best;
  best.outcome = Outcome::kInfeasible;
  std::vector<std::int64_t> least(problem.limits.size(), kLargestTotal);
  Assignment assignment(problem.variables.size(), 0);
  do {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(auto value, evaluate(problem, assignment));
    for (std::size_t r = 0; r < least.size(); ++r) {
      least[r] = std::min(least[r], value.used[r]);
    }
    if (value.feasible && (!best.assignment || value.cost_ns < best.value.cost_ns)) {
      best.outcome = Outcome::kOptimal;
      best.assignment = assignment;
      best.bound_ns = value.cost_ns;
      best.value = std::move(value);
    }
    ++best.nodes;
  } while (advance(problem, assignment));
  for (std::size_t r = 0; r < least.size(); ++r) {
    if (least[r] > problem.limits[r].bound) {
      best.conflicts.push_back({r, least[r]});
    }
  }
  return best;
}

}  // namespace

const Method& brute_force() {
  static const BruteForce method;
  return method;
}

double Solution::gap() const {
  if (!assignment) {
    return 1;
  }
  const auto above = static_cast<double>(value.cost_ns - bound_ns);
  return above == 0 ? 0 : above / static_cast<double>(value.cost_ns);
}

}  // namespace tessera::plan
