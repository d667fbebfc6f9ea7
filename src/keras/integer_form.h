// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::keras {

/// Gives products on grids the form that runtimes make integer kernels of. A convolution or a
/// matrix product of a value on an 8-bit grid and int8 weights gets its bias as int32 with the
/// scale input * weight, where that says the same number: in every element, to 1e-7 of the
/// largest. Where it does not (scales that are no powers of two), the bias is added by an operator
/// of its own, since ONNX Runtime would round one that is part of the product. Values that are
/// moved on their grid (nearest-neighbour resizing, joining of equal grids) say so by a
/// QuantizeLinear and DequantizeLinear behind them, which change nothing.
/// Computes the same as before. With `folding`, batch normalization between a convolution on grids
/// and a quantizer goes into the scales of the weights, and every bias is rounded to the unit of
/// the sums: about one result in a thousand falls one step beside. Cost: O(operators + biases), and
/// the weights of products of floats, which are turned. Errors: those of reading constants.
[[nodiscard]] Status use_integer_form(onnx::Model& model, bool folding);

}  // namespace tessera::keras
