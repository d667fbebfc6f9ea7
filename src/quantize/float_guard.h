// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::quantize {

/// Keeps float operators float where the runtime would not. Its optimizer (WeightBiasQuantization)
/// finds Conv, ConvTranspose and Gemm with float weights between a Dequantize and a Quantize,
/// rounds their weights to s8 per tensor and runs them on integers, whatever was asked for. It asks
/// for one scale at the input; so these operators get a Dequantize of their own that says the same
/// scale once per channel.
///
/// It moves the two past MaxPool, Reshape, Slice, Squeeze, Transpose and Unsqueeze, too. Where such
/// operators lie between the Dequantize and the operator, their result is quantized by the same
/// scale first, which changes no value: they only pick and move what lies on its grid.
///
/// To be called when all Q/DQ are in place. Returns how many operators were guarded.
/// Errors: those of reading the scales. Cost: linear in the number of operators.
[[nodiscard]] Result<std::int64_t> guard_float_operators(onnx::Model& model);

}  // namespace tessera::quantize
