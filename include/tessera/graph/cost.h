// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/graph/graph.h"

namespace tessera::graph {

/// How QuantizeLinear, DequantizeLinear and friends enter operation counts.
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

/// Cost of every operator, by OpId. Knows the standard operators, those of com.microsoft that
/// quantized models use (QLinearConv, QGemm, QLinearAdd, MatMulNBits, QAttention, FusedConv, ...)
/// and counts 0 MACs for data movement; unknown domains are element-wise on their outputs.
///
/// Control flow: If counts its dearer branch, Scan its body once per step, Loop its body once,
/// because the number of its trips is not a matter of shapes.
/// Padding is not subtracted: a convolution costs the same at the border as inside.
[[nodiscard]] std::vector<OpCost> operator_costs(const Graph& graph, QdqCounting counting);

/// Largest sum of live activation bytes over the topological order, when each tensor lives from
/// its producer to its last consumer. Absent if a size is unknown.
[[nodiscard]] std::optional<std::int64_t> peak_activation_bytes(const Graph& graph);

/// True for QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear of any domain.
[[nodiscard]] bool is_quantize(const Op& op);
[[nodiscard]] bool is_dequantize(const Op& op);
/// Operators whose arithmetic is integer: ConvInteger, QLinear*, QGemm, MatMulInteger, ...
[[nodiscard]] bool is_integer_op(const Op& op);

}  // namespace tessera::graph
