// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/graph/graph.h"

namespace tessera::graph {

/// How conversions between real numbers and integers (Q/DQ) enter operation counts.
enum class QdqCounting : std::uint8_t {
  kInclude,   ///< as the element-wise operators they are
  kExclude,   ///< not at all
  kDiscount,  ///< only where a runtime cannot fold them into a quantized kernel
};

struct OpCost {
  /// Multiply-accumulates. Absent where a shape is unknown.
  std::optional<std::int64_t> macs;
  /// Floating or integer operations: 2 x MACs plus element-wise work.
  std::optional<std::int64_t> flops;
  std::int64_t weight_bytes = 0;  ///< initializers read by this operator
  std::int64_t parameters = 0;    ///< their elements
  std::optional<std::int64_t> output_bytes;
};

/// Cost of every operator, by OpId: by the formula of its kind, 0 MACs for whatever does not
/// multiply, and unknown for OpKind::kOther unless its reader said what an output element takes.
///
/// Control flow: If counts its dearer branch, Scan its body once per step, Loop its body once,
/// because the number of its trips is not a matter of shapes.
/// Padding is not subtracted: a convolution costs the same at the border as inside.
[[nodiscard]] std::vector<OpCost> operator_costs(const Graph& graph, QdqCounting counting);

/// Largest sum of live activation bytes over the topological order, when each tensor lives from
/// its producer to its last consumer. Absent if a size is unknown.
[[nodiscard]] std::optional<std::int64_t> peak_activation_bytes(const Graph& graph);

/// With scales that are given or taken at run time.
[[nodiscard]] bool is_quantize(const Op& op) noexcept;
[[nodiscard]] bool is_dequantize(const Op& op) noexcept;
/// Operators whose arithmetic is integer, however their scales come about.
[[nodiscard]] bool is_integer_op(const Op& op) noexcept;

}  // namespace tessera::graph
