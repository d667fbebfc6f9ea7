// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/numerics/qparams.h"
#include "tessera/tensor/tensor.h"

/// Vectorised loops over float data; run-time dispatch to the best instruction set.
namespace tessera::numerics {

/// Smallest and largest finite value, and what was passed over.
struct MinMax {
  float min = 0;  ///< meaningless if `finite` is 0
  float max = 0;
  std::int64_t finite = 0;
  std::int64_t nan = 0;
  std::int64_t infinite = 0;
};
[[nodiscard]] MinMax find_min_max(std::span<const float> values) noexcept;

/// q = clip(half_even(x / scale) + zero_point) to the full range of `dtype`; arithmetic float32,
/// double precision for int32.
/// NaN becomes the zero point. 4-bit types are packed, low nibble first; `out.size()` is
/// bytes_of(dtype, values.size()).
/// Source: ONNX QuantizeLinear-21; rounding and clipping as ONNX Runtime.
void quantize(std::span<const float> values, const QParams& qparams, DType dtype,
              std::span<std::byte> out) noexcept;

/// The inverse: scale x (q - zero_point) in float32.
void dequantize(std::span<const std::byte> values, const QParams& qparams, DType dtype,
                std::span<float> out) noexcept;

/// A weight in integers, one QParams or one per index of `axis`.
struct QuantizedTensor {
  Tensor values;
  std::vector<QParams> qparams;
  int axis = -1;  ///< -1: per tensor
};

/// Quantizes a whole float32 or float16 tensor per tensor (axis < 0) or per channel from the
/// range of its own values. Scales of float16 weights are float16 numbers. Zero-size data gives
/// scale 1, zero point 0.
/// Errors: kInvalidArgument for an axis out of range; kDataLoss if a value is NaN or infinite.
[[nodiscard]] Result<QuantizedTensor> quantize_weights(const TensorView& weights,
                                                       const QuantSpec& spec, int axis,
                                                       const QParamsOptions& options = {});

/// The same with given qparams (1, or one per channel of `axis`).
[[nodiscard]] Result<QuantizedTensor> quantize_weights_with(const TensorView& weights, DType dtype,
                                                            std::span<const QParams> qparams,
                                                            int axis);

/// The qparams that quantize_weights would use, without quantizing.
[[nodiscard]] Result<std::vector<QParams>> weight_qparams(const TensorView& weights,
                                                          const QuantSpec& spec, int axis,
                                                          const QParamsOptions& options = {});

}  // namespace tessera::numerics
