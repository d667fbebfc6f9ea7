// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/plan/problem.h"

namespace tessera::plan {

/// What an assignment comes to. Knows nothing of how it was found.
struct Value {
  std::int64_t cost_ns = 0;
  std::vector<std::int64_t> used;  ///< by limit
  bool feasible = true;            ///< keeps every limit

  bool operator==(const Value&) const = default;
};

/// Exact. kInvalidArgument if the assignment has another number of variables or a state that is
/// not there. Cost: linear in the problem.
[[nodiscard]] Result<Value> evaluate(const Problem& problem, const Assignment& assignment);

/// The class of its producer and the classes of its consumers, in ascending order and each once,
/// that a tensor is sent between.
[[nodiscard]] std::pair<Class, std::vector<Class>> sends_of(const Tensor& tensor,
                                                            const Assignment& assignment);

/// The cell of a coupling's table that an assignment is in.
[[nodiscard]] std::size_t cell_of(const Coupling& coupling, const Assignment& assignment);

}  // namespace tessera::plan
