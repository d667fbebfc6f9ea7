// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tessera/core/result.h"
#include "tessera/plan/problem.h"

/// Problems in the formats of other solvers, for a second opinion. Numbers are exact: costs in ns,
/// limits in their own units. Names are those of the problem, with `_` for what a format does not
/// allow and a number where two would be the same.
namespace tessera::milp {

/// What the costs of a problem mean: files say it, since their readers see costs alone.
struct CostNote {
  std::string unit = "ns";
  std::int64_t offset =
      0;  ///< all costs of a plan together are so much higher than what it takes; may be < 0
};

/// The model of transport() in CPLEX's LP format. `x_<variable>_<state>` are the states.
/// Errors: kInvalidArgument as transport(), and for a problem without variables. Cost: linear in
/// the model.
[[nodiscard]] Result<std::string> to_lp(const plan::Problem& problem, const CostNote& note = {});

/// The same model in free MPS; the note is a comment, as in LP.
[[nodiscard]] Result<std::string> to_mps(const plan::Problem& problem, const CostNote& note = {});

/// A cost function network in the JSON format of toulbar2 (.cfn). Shared sends, sends and pairs
/// that a limit counts, and states that it counts, have variables of two values of their own, so
/// that limits are its knapsack constraints; couplings are its tables. The note is the problem's
/// name, for want of comments.
/// Errors: as above, and kUnimplemented for a coupling whose variables have more than 2^22
/// combinations of states.
[[nodiscard]] Result<std::string> to_cfn(const plan::Problem& problem, const CostNote& note = {});

}  // namespace tessera::milp
