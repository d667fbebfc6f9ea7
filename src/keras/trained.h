// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/keras/quantizer.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/tensor.h"

/// Ranges that TensorFlow Model Optimization learns in quantization-aware training, and what its
/// fake_quant_with_min_max_vars makes of them.
namespace tessera::keras {

/// What is trained for one tensor: a range, or one per extent of the last axis.
struct TrainedRange {
  std::vector<float> low;
  std::vector<float> high;
  int bits = 8;
  bool narrow = false;  ///< without the lowest code, as weights are
};
/// By what they are of: "kernel", "depthwise_kernel", "pre_activation", "post_activation",
/// "output".
using TrainedRanges = std::map<std::string, TrainedRange, std::less<>>;

/// A range moved so that zero is one of its codes.
struct Nudged {
  float scale = 1;
  int zero_point = 0;
};
/// Errors: kDataLoss for a range that is empty, does not hold zero, or has no step in float32.
[[nodiscard]] Result<Nudged> nudged(float low, float high, int bits, bool narrow);

/// A weight on the grid of its range: half a step rounds up, as TensorFlow rounds. `codes` where
/// zero points are in the middle, as those of symmetric ranges are.
[[nodiscard]] Result<QuantizedWeight> fake_quantized(const TensorView& weight,
                                                     const TrainedRange& range);

/// QuantizeLinear and DequantizeLinear of a value. They round half a step to even, where TensorFlow
/// rounds it up. Errors: those of nudged(); kUnimplemented for more than 8 bits, or one range per
/// channel.
[[nodiscard]] Result<std::string> add_fake_quantizer(onnx::Model& model, const TrainedRange& range,
                                                     std::string_view value, std::string_view name);

}  // namespace tessera::keras
