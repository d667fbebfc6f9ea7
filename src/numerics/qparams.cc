// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/qparams.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::numerics {
namespace {

/// Rounds to the nearest binary16 value in one step: by way of float32 it would round twice.
double round_to_float16(double value) {
  constexpr double kOverflow = 65520;  // half way between the largest number and the next power
  if (!std::isfinite(value) || value == 0) {
    return value;
  }
  if (std::abs(value) >= kOverflow) {
    return std::copysign(std::numeric_limits<double>::infinity(), value);
  }
  const int exponent = std::max(std::ilogb(value), -14);
  const double quantum = std::ldexp(1.0, exponent - 10);
  return std::nearbyint(value / quantum) * quantum;
}

double round_to(DType dtype, double value) {
  if (dtype == DType::kFloat16) {
    return round_to_float16(value);
  }
  return double{static_cast<float>(value)};
}

double smallest_scale(DType dtype) {
  // Subnormal float16 scales are usable, because values are divided by them in float32.
  return dtype == DType::kFloat16 ? std::ldexp(1.0, -24)
                                  : double{std::numeric_limits<float>::min()};
}

/// The range as the reference sees it: rounded to the type, holding 0, wide enough, symmetric.
RealRange effective_range(RealRange range, const QuantSpec& spec, const QParamsOptions& options) {
  const DType dtype = options.scale_dtype;
  double low = std::min(round_to(dtype, range.min), 0.0);
  double high = std::max(round_to(dtype, range.max), 0.0);
  if (options.min_real_range > 0) {
    high = std::max(high, round_to(dtype, low + round_to(dtype, options.min_real_range)));
  }
  if (spec.symmetric) {
    high = std::max(-low, high);
    low = -high;
  }
  return {low, high};
}

}  // namespace

IntegerRange full_range(DType dtype) noexcept {
  switch (dtype) {
    case DType::kUInt8:
      return {0, 255};
    case DType::kInt8:
      return {-128, 127};
    case DType::kUInt16:
      return {0, 65535};
    case DType::kInt16:
      return {-32768, 32767};
    case DType::kUInt4:
      return {0, 15};
    case DType::kInt4:
      return {-8, 7};
    case DType::kInt32:
      return {std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()};
    default:
      return {0, 0};
  }
}

IntegerRange working_range(const QuantSpec& spec) noexcept {
  const IntegerRange full = full_range(spec.dtype);
  if (spec.reduce_range) {
    switch (spec.dtype) {
      case DType::kInt8:
        return {-64, 64};
      case DType::kInt16:
        return {-16384, 16384};
      default:
        return {full.min / 2, full.max / 2};
    }
  }
  const bool narrow = spec.dtype == DType::kInt8 || spec.dtype == DType::kInt16;
  return {spec.symmetric && narrow ? full.min + 1 : full.min, full.max};
}

Result<QParams> compute_qparams(RealRange range, const QuantSpec& spec,
                                const QParamsOptions& options) {
  const IntegerRange levels = working_range(spec);
  if (levels.min >= levels.max) {
    return fail(ErrorCode::kInvalidArgument, "cannot quantize to {}", to_string(spec.dtype))
        .hint("choose one of uint8, int8, uint16, int16, uint4, int4");
  }
  const RealRange real = effective_range(range, spec, options);
  const auto finite = [](RealRange r) { return std::isfinite(r.min) && std::isfinite(r.max); };
  if (!finite(range) || !finite(real)) {
    return fail(ErrorCode::kInvalidArgument, "the range {} .. {} is not finite in {}", range.min,
                range.max, to_string(options.scale_dtype))
        .hint("calibrate with samples that give no NaN or infinity, or clip the tensor");
  }
  const double scale = (real.max - real.min) / static_cast<double>(levels.max - levels.min);
  const double stored = round_to(options.scale_dtype, scale);
  const double tested = options.scale_dtype == DType::kFloat16 ? stored : scale;
  if (tested < smallest_scale(options.scale_dtype)) {
    return QParams{};
  }
  const double zero_point = spec.symmetric ? static_cast<double>(levels.min + levels.max) / 2
                                           : static_cast<double>(levels.min) - real.min / scale;
  return QParams{static_cast<float>(stored), static_cast<std::int32_t>(std::nearbyint(zero_point))};
}

}  // namespace tessera::numerics
