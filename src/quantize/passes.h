// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/onnx.h"

/// The passes that quantize() runs, one per mode. Each gets the operators of its mode with their
/// schemes and rewrites only those, leaving float32 tensors at its borders, so that the passes
/// compose in any mix.
namespace tessera::quantize {

/// An operator of the model, its scheme, and where to note what became of it.
struct Work {
  onnx::NodeId node;
  const Scheme* scheme = nullptr;
  OpOutcome* outcome = nullptr;
};

/// Static QDQ for Format::kQdq and, before lower_to_qoperator, for Format::kQOperator. `details`
/// learns every scale.
[[nodiscard]] Status apply_static_qdq(onnx::Model& model, const std::vector<Work>& work,
                                      const calibrate::Ranges& ranges,
                                      const QuantizeOptions& options, Monitor& monitor,
                                      StaticDetails* details = nullptr);

/// Folds DequantizeLinear -> operator -> QuantizeLinear around the given operators into
/// QLinearConv, QGemm, QLinearAdd, ... Operators that have no integer form stay QDQ.
[[nodiscard]] Status lower_to_qoperator(onnx::Model& model, const std::vector<Work>& work,
                                        const QuantizeOptions& options, Monitor& monitor);

/// Has the integer operators that libtessera_kernels is faster at computed by it. Comes after
/// lower_to_qoperator(), and after the layout is written; `channels_last` are the operators that
/// have it.
void use_kernels(onnx::Model& model, const std::vector<onnx::NodeId>& channels_last);

/// ConvInteger, MatMulInteger, DynamicQuantizeLSTM with float borders.
[[nodiscard]] Status apply_dynamic(onnx::Model& model, const std::vector<Work>& work,
                                   Monitor& monitor);

/// float16 islands: casts at their borders, weights converted.
[[nodiscard]] Status apply_float16(onnx::Model& model, const std::vector<Work>& work,
                                   const calibrate::Ranges* ranges, const QuantizeOptions& options,
                                   Monitor& monitor);

/// MatMulNBits (kQOperator) or blocked DequantizeLinear (kQdq) weights.
[[nodiscard]] Status apply_weight_only(onnx::Model& model, const std::vector<Work>& work,
                                       const QuantizeOptions& options, Monitor& monitor);

}  // namespace tessera::quantize
