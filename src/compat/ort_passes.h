// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/onnx/model.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"

/// The reference's quantizers, one per mode. Each gets the operators of its mode.
namespace tessera::compat {

/// An operator of the model, its scheme, and where to note what became of it.
struct Work {
  onnx::NodeId node;
  const quantize::Scheme* scheme = nullptr;
  quantize::OpOutcome* outcome = nullptr;
};

/// One scheme for all operators, as the reference has it.
/// Errors: kUnimplemented naming two operators whose schemes differ.
[[nodiscard]] Result<quantize::Scheme> only_scheme(const onnx::Model& model,
                                                   const std::vector<Work>& work);

/// QDQQuantizer.
[[nodiscard]] Status apply_ort_qdq(onnx::Model& model, const std::vector<Work>& work,
                                   const calibrate::Ranges& ranges, Monitor& monitor);

/// ONNXQuantizer with ranges.
[[nodiscard]] Status apply_ort_qoperator(onnx::Model& model, const std::vector<Work>& work,
                                         const calibrate::Ranges& ranges, Monitor& monitor);

/// ONNXQuantizer without.
[[nodiscard]] Status apply_ort_dynamic(onnx::Model& model, const std::vector<Work>& work,
                                       Monitor& monitor);

/// convert_float_to_float16 of onnxruntime.transformers.float16; operators without work are its
/// blocked nodes.
[[nodiscard]] Status apply_ort_float16(onnx::Model& model, const std::vector<Work>& work,
                                       bool keep_io);

/// MatMulNBitsQuantizer with its default algorithm.
[[nodiscard]] Status apply_ort_weight_only(onnx::Model& model, const std::vector<Work>& work,
                                           int threads, Monitor& monitor);

/// See the door.
[[nodiscard]] Result<quantize::QuantizeReport> ort_quantize(
    onnx::Model& model, const quantize::Assignment& assignment, const calibrate::Ranges* ranges,
    const quantize::QuantizeOptions& options, Monitor& monitor);

}  // namespace tessera::compat
