// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/graph/cost.h"
#include "tessera/graph/graph.h"

namespace tessera::graph {

/// A place where the graph falls into a part before and a part after, with few tensors crossing.
struct Cut {
  std::vector<TensorId> tensors;           ///< what crosses, constants left out
  std::int64_t nodes_before = 0;           ///< operators of the first part, as operators_before()
  std::optional<std::int64_t> bytes;       ///< as the tensors are
  std::optional<std::int64_t> int8_bytes;  ///< with one byte per element of floating tensors
  /// The largest number where they are too large to count.
  std::int64_t macs_before = 0;
  std::int64_t macs_after = 0;
};

/// Every cut with at most `max_tensors` crossing tensors and operators on either side, in order of
/// MACs before.
///
/// The first part is closed under producers. What crosses is what the second part needs: inputs
/// of the model that it reads, values that the first part made for it, and outputs of the model
/// that the first part made, because whoever runs the second part hands over the results. A
/// crossing set has one first part. Operators that no output depends on are left out.
///
/// Q/DQ pairs are not torn: a float tensor that is only quantized does not cross, and a Dequantize
/// with constant parameters is done again on either side, so that integers cross. Operators on
/// constants alone belong to whoever reads them.
///
/// Method: single tensors that all data pass through take the graph apart into stretches, in which
/// the other cuts lie; there, branching over the tensors of a path that any cut must interrupt.
/// Complete. Cost: O(operators) for one tensor; for more, about the sum of the squares of the
/// stretches' lengths for two, and growing steeply with their number.
[[nodiscard]] std::vector<Cut> find_cuts(const Graph& graph, int max_tensors);

/// The operators of a cut's first part, closed under producers. Cost: O(operators).
[[nodiscard]] std::vector<OpId> operators_before(const Graph& graph, const Cut& cut);

}  // namespace tessera::graph
