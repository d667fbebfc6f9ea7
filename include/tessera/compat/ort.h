// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/scheme.h"

/// Models as other tools write them: with their nodes, names and bits, not with ours.
namespace tessera::compat {

/// The types of operators that onnxruntime.quantization quantizes when it is given no list, sorted;
/// none for float16, which it gives to all. For recipes: a quantize::TypesOf.
[[nodiscard]] std::vector<std::string> ort_types(const quantize::Scheme& scheme);

/// quantize::uniform_recipe() with those types. A list that names MatMul takes Gemm, too, in
/// dynamic mode: the reference makes MatMul and Add of it before it looks at the list.
[[nodiscard]] quantize::Recipe ort_recipe(const quantize::Scheme& scheme,
                                          const quantize::Selection& selection = {});

/// Rewrites `model` as onnxruntime.quantization 1.32 would (float16: onnxruntime.transformers,
/// weight-only: its MatMulNBitsQuantizer): the same operators under the same names, and the same
/// bits in every scale, zero point, weight and bias. docs/ort_differences.md lists where they part.
/// Takes and gives what quantize::quantize() does; of the options only keep_io, opset and threads.
/// Bodies of control flow stay as they are.
///
/// Errors: those of quantize::quantize(); kUnimplemented for a network that is no ONNX model and
/// for what the reference cannot do: schemes that differ within one mode, QOperator beside QDQ, the
/// format qdq-inputs, float16 with bodies.
/// Cost: one pass over the weights. In static, dynamic and float16 mode all made weights are held
/// in memory. Deterministic.
[[nodiscard]] Result<quantize::QuantizeReport> ort_quantize(
    network::Network& model, const quantize::Assignment& assignment,
    const calibrate::Ranges* ranges, const quantize::QuantizeOptions& options, Monitor& monitor);

}  // namespace tessera::compat
