// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quantize/passes.h"
#include "quantize/static_rules.h"
#include "tessera/graph/graph.h"
#include "tessera/numerics/qparams.h"

/// Which operators become integer kernels, in which form every value is held and which form every
/// operator reads. No weight is touched; the model is only looked at.
namespace tessera::quantize {

/// A scale and zero point, possibly shared by several values.
struct SharedQParams {
  DType dtype = DType::kUInt8;
  numerics::QParams qparams;
  /// Value that lends its name to the initializers.
  graph::TensorId owner;
  /// Initializers that are in the model already; empty if they are still to be made.
  std::string scale;
  std::string zero_point;
  numerics::QuantSpec spec;
  /// Value whose measured range by `method` decides; none for constants and fixed ranges.
  std::optional<graph::TensorId> range_of;
  numerics::RangeMethod method = numerics::RangeMethod::kMinMax;
};

/// An integer twin of a float value.
struct IntegerForm {
  graph::TensorId tensor;
  std::size_t qparams = 0;  ///< index of StaticPlan::qparams
  /// The form that the value's own producer makes; every reader is rewired to it.
  bool native = false;
  /// Form that this one is converted from (Dequantize, then Quantize); none: the float value.
  std::optional<std::size_t> converted_from;
};

/// One operator that is computed in integers.
struct UnitPlan {
  graph::OpId op;
  const Work* work = nullptr;
  OpRule rule;
  bool quantized = true;
  /// The Relu or Clip behind it that the rounding of its result computes.
  std::optional<graph::OpId> absorbed;
  bool drop_absorbed = false;
  /// By input: the form read; none where the input is read as it is.
  std::vector<std::optional<std::size_t>> reads;
  /// By input, for constants that are read as activations: their scale.
  std::vector<std::optional<std::size_t>> constants;
};

struct StaticPlan {
  std::vector<UnitPlan> units;  ///< in topological order
  std::vector<SharedQParams> qparams;
  std::vector<IntegerForm> forms;
  /// By tensor: its native form.
  std::vector<std::optional<std::size_t>> native;
  /// By operator: reads float results only (Scheme::exact_inputs).
  std::vector<bool> exact;
};

/// Notes in every Work::outcome what became of its operator.
/// Errors: kInvalidArgument naming a tensor whose range is needed and missing.
[[nodiscard]] Result<StaticPlan> plan_static(const onnx::Model& model, const graph::Graph& graph,
                                             const std::vector<Work>& work,
                                             const calibrate::Ranges& ranges,
                                             const QuantizeOptions& options);

}  // namespace tessera::quantize
