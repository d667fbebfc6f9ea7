// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera::numerics {

/// Closed interval of real values.
struct RealRange {
  double min = 0;
  double max = 0;
  bool operator==(const RealRange&) const = default;
};

struct IntegerRange {
  std::int64_t min = 0;
  std::int64_t max = 0;
  bool operator==(const IntegerRange&) const = default;
};

/// How real values become integers.
struct QuantSpec {
  DType dtype = DType::kUInt8;  ///< u8 s8 u16 s16 u4 s4, or s32 for biases
  bool symmetric = false;
  bool reduce_range = false;  ///< one bit less, against saturation of u8 x s8 without VNNI
  bool operator==(const QuantSpec&) const = default;
};

/// real = scale x (q - zero_point).
struct QParams {
  float scale = 1;
  std::int32_t zero_point = 0;
  bool operator==(const QParams&) const = default;
};

/// Every value of the type: u8 0..255, s4 -8..7.
[[nodiscard]] IntegerRange full_range(DType dtype) noexcept;
/// The part that scales are computed for: reduced before symmetric before full; symmetric s8 and
/// s16 leave out the lowest value (-127..127), symmetric s4 does not. As ONNX Runtime has it.
[[nodiscard]] IntegerRange working_range(const QuantSpec& spec) noexcept;

struct QParamsOptions {
  /// Widens ranges narrower than this (0: off).
  double min_real_range = 0;
  /// Element type of the tensor (float32 or float16): the ends of the range and the scale are
  /// rounded to it. Width and division are double precision in between.
  DType scale_dtype = DType::kFloat32;
};

/// Scale and zero point of a range, bit for bit those of onnxruntime.quantization 1.32.
/// The range is extended to hold 0 (so that an inverted one, min > max, shrinks to what is left);
/// a scale below the smallest normal float32, or below the smallest float16, gives scale 1, zero
/// point 0. The zero point is rounded half to even with the scale in double precision.
/// Errors: kInvalidArgument for a range that is NaN or infinite in the scale's type, or a type
/// that is no integer.
[[nodiscard]] Result<QParams> compute_qparams(RealRange range, const QuantSpec& spec,
                                              const QParamsOptions& options = {});

}  // namespace tessera::numerics
