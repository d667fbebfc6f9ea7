// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "tessera/graph/graph.h"

namespace tessera::graph {

/// Arithmetic of one operator. Absent where a shape is unknown.
struct Work {
  std::optional<std::int64_t> macs;
  std::optional<std::int64_t> flops;
};

/// Work of an operator, its bodies left out.
[[nodiscard]] Work work_of(const Graph& graph, const Op& op);

}  // namespace tessera::graph
