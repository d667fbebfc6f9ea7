// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/affine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace tessera {
namespace {

template <class T>
void quantize_into(std::span<const float> real, const AffineQuantization& quantization,
                   std::span<T> integers) {
  constexpr double kLow = std::numeric_limits<T>::min();
  constexpr double kHigh = std::numeric_limits<T>::max();
  const auto zero_point = static_cast<double>(quantization.zero_point);
  std::transform(real.begin(), real.end(), integers.begin(), [&](float x) {
    const double steps = std::isnan(x) ? 0 : std::round(double{x} / quantization.scale);
    return static_cast<T>(std::clamp(steps + zero_point, kLow, kHigh));
  });
}

bool is_signed(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kInt16;
}

}  // namespace

RealRange range_of(const AffineQuantization& quantization, DType dtype) noexcept {
  const int bits = bits_of(dtype);
  const double low = is_signed(dtype) ? -std::ldexp(1, bits - 1) : 0;
  const double high = std::ldexp(1, is_signed(dtype) ? bits - 1 : bits) - 1;
  const auto zero_point = static_cast<double>(quantization.zero_point);
  return {(low - zero_point) * quantization.scale, (high - zero_point) * quantization.scale};
}

Result<Tensor> quantized(const TensorView& real, const AffineQuantization& quantization,
                         DType dtype) {
  TESSERA_TRY(const auto values, to_float32(real));
  Tensor integers(dtype, Shape(real.shape.begin(), real.shape.end()));
  switch (dtype) {
    case DType::kInt8:
      quantize_into(std::span(values), quantization, integers.as<std::int8_t>());
      return integers;
    case DType::kUInt8:
      quantize_into(std::span(values), quantization, integers.as<std::uint8_t>());
      return integers;
    case DType::kInt16:
      quantize_into(std::span(values), quantization, integers.as<std::int16_t>());
      return integers;
    case DType::kUInt16:
      quantize_into(std::span(values), quantization, integers.as<std::uint16_t>());
      return integers;
    default:
      return fail(ErrorCode::kUnimplemented, "real numbers are not quantized to {}",
                  to_string(dtype));
  }
}

Result<Tensor> dequantized(const TensorView& integers, const AffineQuantization& quantization) {
  TESSERA_TRY(auto values, to_float32(integers));
  const auto zero_point = static_cast<float>(quantization.zero_point);
  const auto scale = static_cast<float>(quantization.scale);
  for (auto& value : values) {
    value = (value - zero_point) * scale;
  }
  return Tensor::of(values, Shape(integers.shape.begin(), integers.shape.end()));
}

}  // namespace tessera
