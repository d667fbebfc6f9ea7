// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/graph/graph.h"

namespace tessera::graph {

/// Finds the operators that a runtime replaces, together with the Q/DQ around them, by integer
/// kernels: the node units of ONNX Runtime's QDQ transformations.
class Folding {
 public:
  explicit Folding(const Graph& graph);

  /// The operator is computed in integers though it is written in floats.
  [[nodiscard]] bool folds(OpId op) const { return folds_[op.value]; }
  /// A Quantize behind, or a Dequantize before, operators that become integer kernels.
  [[nodiscard]] bool absorbed(const Op& op) const;
  /// At least one input comes from DequantizeLinear, and all that do not are constants or shapes.
  [[nodiscard]] bool reads_dequantized(const Op& op) const;
  [[nodiscard]] bool is_constant(TensorId tensor) const { return constant_[tensor.value]; }

 private:
  [[nodiscard]] bool is_requantized(TensorId id, bool through_activation) const;
  [[nodiscard]] bool becomes_integer(const Op& op) const;

  const Graph& graph_;
  std::vector<bool> constant_;
  std::vector<bool> folds_;
};

}  // namespace tessera::graph
