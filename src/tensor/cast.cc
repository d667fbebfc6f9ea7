// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "tessera/tensor/tensor.h"

namespace tessera {
namespace {

/// Values of any numeric type without loss.
using Wide =
    std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint64_t>>;

template <class To, class From>
std::vector<To> copy_as(const TensorView& tensor) {
  const auto source = tensor.as<From>();
  return std::vector<To>(source.begin(), source.end());
}

Result<Wide> widen(const TensorView& tensor) {
  switch (tensor.dtype) {
    case DType::kFloat64:
      return copy_as<double, double>(tensor);
    case DType::kInt64:
      return copy_as<std::int64_t, std::int64_t>(tensor);
    case DType::kInt32:
      return copy_as<std::int64_t, std::int32_t>(tensor);
    case DType::kUInt32:
      return copy_as<std::int64_t, std::uint32_t>(tensor);
    case DType::kUInt64:
      return copy_as<std::uint64_t, std::uint64_t>(tensor);
    default: {
      TESSERA_TRY(const auto values, to_float32(tensor));  // exact for all the others
      return Wide(std::vector<double>(values.begin(), values.end()));
    }
  }
}

template <class To>
bool fits(double value) {
  // The upper bound is one past the largest value, a power of two and so exact.
  const double past = std::ldexp(1.0, std::numeric_limits<To>::digits);
  return value == std::trunc(value) && value < past &&
         value >= static_cast<double>(std::numeric_limits<To>::min());
}

template <class To>
bool fits(std::int64_t value) {
  return std::in_range<To>(value);
}

template <class To>
bool fits(std::uint64_t value) {
  return std::in_range<To>(value);
}

template <class To, class From>
Status to_integers(const std::vector<From>& values, To largest, DType dtype, Tensor& target) {
  const auto result = target.as<To>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!fits<To>(values[i]) || static_cast<To>(values[i]) > largest) {
      return fail(ErrorCode::kInvalidArgument, "element {} is {}, which is no {}", i, values[i],
                  to_string(dtype))
          .hint("save the array as {}", to_string(dtype));
    }
    result[i] = static_cast<To>(values[i]);
  }
  return {};
}

template <class To>
Status store_integers(const Wide& wide, Tensor& target,
                      To largest = std::numeric_limits<To>::max()) {
  return std::visit(
      [&](const auto& values) { return to_integers<To>(values, largest, target.dtype(), target); },
      wide);
}

template <class To, class Convert>
void store_floating(const Wide& wide, Tensor& target, const Convert& convert) {
  std::visit(
      [&](const auto& values) {
        std::transform(values.begin(), values.end(), target.as<To>().begin(), convert);
      },
      wide);
}

/// A double rounded to a float such that a second rounding to a narrower type cannot go wrong:
/// an inexact result takes the neighbour with an odd last bit ("round to odd").
float to_odd_float(double value) {
  const auto nearest = static_cast<float>(value);
  const double back = static_cast<double>(nearest);
  if (back == value || !std::isfinite(nearest)) {
    return nearest;
  }
  const float other = std::nextafter(nearest, back < value ? INFINITY : -INFINITY);
  const bool odd = (std::bit_cast<std::uint32_t>(nearest) & 1u) != 0;
  return odd ? nearest : other;
}

Status store(const Wide& wide, Tensor& target) {
  switch (target.dtype()) {
    case DType::kFloat32:
      store_floating<float>(wide, target, [](auto value) { return static_cast<float>(value); });
      return {};
    case DType::kFloat64:
      store_floating<double>(wide, target, [](auto value) { return static_cast<double>(value); });
      return {};
    case DType::kFloat16:
      store_floating<std::uint16_t>(wide, target, [](auto value) {
        return float32_to_float16(to_odd_float(static_cast<double>(value)));
      });
      return {};
    case DType::kBFloat16:
      store_floating<std::uint16_t>(wide, target, [](auto value) {
        return float32_to_bfloat16(to_odd_float(static_cast<double>(value)));
      });
      return {};
    case DType::kBool:
      return store_integers<std::uint8_t>(wide, target, 1);
    case DType::kUInt8:
      return store_integers<std::uint8_t>(wide, target);
    case DType::kInt8:
      return store_integers<std::int8_t>(wide, target);
    case DType::kUInt16:
      return store_integers<std::uint16_t>(wide, target);
    case DType::kInt16:
      return store_integers<std::int16_t>(wide, target);
    case DType::kUInt32:
      return store_integers<std::uint32_t>(wide, target);
    case DType::kInt32:
      return store_integers<std::int32_t>(wide, target);
    case DType::kUInt64:
      return store_integers<std::uint64_t>(wide, target);
    case DType::kInt64:
      return store_integers<std::int64_t>(wide, target);
    default:
      return fail(ErrorCode::kUnimplemented, "a tensor cannot be cast to {}",
                  to_string(target.dtype()));
  }
}

}  // namespace

Result<Tensor> cast(const TensorView& tensor, DType dtype) {
  if (tensor.dtype == dtype) {
    return Tensor(tensor);
  }
  TESSERA_TRY(const auto wide, widen(tensor));
  Tensor result(dtype, Shape(tensor.shape.begin(), tensor.shape.end()));
  TESSERA_CHECK(store(wide, result));
  return result;
}

}  // namespace tessera
