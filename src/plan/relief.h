// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/tree.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {

/// Limits of an infeasible problem that cannot be kept together, and what would have to give.
/// `conflicts` are those that cannot be kept alone. Ends about when steady_clock_us() is `end_us`.
[[nodiscard]] JointConflict joint_conflict(const Problem& problem,
                                           const std::vector<Conflict>& conflicts,
                                           const TreeOptions& how, double end_us);

}  // namespace tessera::plan
