// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/keep.h"
#include "tessera/quantize/assignment.h"

#include "tessera/graph/inspect.h"

namespace tessera::quantize {

std::int64_t keep_quantized(const graph::Graph& graph, Assignment& assignment) {
  const auto quantized = graph::quantized_operators(graph);
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (quantized[i]) {
      kept += assignment[i].mode != Mode::kFloat32 ? 1 : 0;
      assignment[i] = float32_scheme();
    }
  }
  return kept;
}

}  // namespace tessera::quantize
