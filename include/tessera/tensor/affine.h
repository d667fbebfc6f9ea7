// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera {

/// How integers stand for real numbers: real = (integer - zero_point) * scale.
struct AffineQuantization {
  double scale = 1;
  std::int64_t zero_point = 0;

  bool operator==(const AffineQuantization&) const = default;
};

/// What the integers of a type of 8 or 16 bits can stand for.
struct RealRange {
  double low = 0;
  double high = 0;
};
[[nodiscard]] RealRange range_of(const AffineQuantization& quantization, DType dtype) noexcept;

/// Real numbers as integers of 8 or 16 bits: rounded half away from zero, as LiteRT's QUANTIZE
/// rounds, and clipped. NaN becomes the zero point.
/// Errors: kUnimplemented for other types; those of to_float32().
[[nodiscard]] Result<Tensor> quantized(const TensorView& real,
                                       const AffineQuantization& quantization, DType dtype);
/// The real numbers that integers stand for, as float32. Errors: those of to_float32().
[[nodiscard]] Result<Tensor> dequantized(const TensorView& integers,
                                         const AffineQuantization& quantization);

}  // namespace tessera
