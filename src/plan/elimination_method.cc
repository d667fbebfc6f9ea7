// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "plan/relaxation.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {
namespace {

class EliminationMethod final : public Method {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "elimination"; }
  [[nodiscard]] Result<Solution> solve(const Problem& problem, const Options& options,
                                       Monitor& monitor) const override;
};

Result<Solution> EliminationMethod::solve(const Problem& problem, const Options& options,
                                          Monitor& monitor) const {
  TESSERA_CHECK(validate(problem));
  if (!problem.limits.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "elimination takes no limits, and there are {}",
                problem.limits.size())
        .hint("use branch and bound, or leave the limits out");
  }
  Relaxation relaxation(problem, all_states(problem), options.most_cells);
  if (!relaxation.exact() || relaxation.cells() > static_cast<double>(options.most_cells)) {
    return fail(ErrorCode::kResourceExhausted,
                "the graph is too entangled for elimination: it takes more than {} cells",
                options.most_cells)
        .hint("use branch and bound, or allow more cells, of 8 bytes each");
  }
  TESSERA_CHECK(monitor.check());
  auto point = relaxation.minimize(no_multipliers(problem));
  Solution solution;
  TESSERA_TRY(solution.value, evaluate(problem, point.assignment));
  solution.outcome = Outcome::kOptimal;
  solution.bound_ns = solution.value.cost_ns;
  solution.assignment = std::move(point.assignment);
  if (options.proof) {
    solution.proof = Proof{{}, {{{relaxation.layout(no_multipliers(problem))}, {}}}};
  }
  return solution;
}

}  // namespace

const Method& elimination() {
  static const EliminationMethod method;
  return method;
}

}  // namespace tessera::plan
