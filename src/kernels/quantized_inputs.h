// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/binary.h"
#include "kernels/ort.h"

/// Scales and zero points of quantized operators, which have to be constants of the model.
namespace tessera::kernels {

/// Inputs `scale` and `scale` + 1 of a node: a float and an integer of type `element`, of one value
/// each. A zero point that is left out is 0. `name` is what the operator calls them: "A" for
/// A_scale. Error: no constants, more than one value, another type, a scale that is not above 0 and
/// finite.
[[nodiscard]] Outcome<Quantization> quantization_of(const Node& node, std::size_t scale,
                                                    const char* name,
                                                    ONNXTensorElementDataType element);

/// The constant at `index`, called `name` in the error where it is none.
[[nodiscard]] Outcome<TensorIn> constant_of(const Node& node, std::size_t index, const char* name);

/// Error: not above 0 or not finite.
[[nodiscard]] Outcome<void> check_scale(float scale, const char* name);

}  // namespace tessera::kernels
