// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/binary.h"
#include "kernels/sessions.h"

/// Random operands of the kernels' tests.
namespace tessera::kernels::testing {

using Bytes = std::vector<std::uint8_t>;

class Cases {
 public:
  explicit Cases(std::uint32_t seed) : random_(seed) {}

  /// From `low` to `high`, both included.
  int integer(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }
  double real(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  Bytes bytes(std::size_t count) {
    Bytes result(count);
    for (auto& byte : result) {
      byte = static_cast<std::uint8_t>(random_());
    }
    return result;
  }
  /// Scales of usual networks, now and then far from each other.
  Quantization quantization(bool is_signed) {
    const double magnitude = integer(0, 7) == 0 ? real(-12, 2) : real(-3, 0);
    return {static_cast<float>(std::exp2(magnitude)),
            is_signed ? integer(-128, 127) : integer(0, 255)};
  }

 private:
  std::mt19937 random_;
};

/// The number that a byte stands for.
inline int number_of(std::uint8_t byte, bool is_signed) {
  return is_signed ? static_cast<std::int8_t>(byte) : byte;
}
inline double real_of(std::uint8_t byte, Quantization q, bool is_signed) {
  return static_cast<double>(q.scale) * (number_of(byte, is_signed) - q.zero);
}

/// A tensor or a zero point of the type.
inline Value value_of(Extents shape, const Bytes& bytes, bool is_signed) {
  return {is_signed ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 : ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
          std::move(shape),
          {bytes.begin(), bytes.end()}};
}
inline Value zero_of(Quantization q, bool is_signed) {
  return value_of({}, {static_cast<std::uint8_t>(q.zero)}, is_signed);
}

/// Largest difference of two tensors of one type and shape, in steps, and how many differ.
struct Difference {
  int largest = 0;
  std::size_t count = 0;
};
inline Difference difference(const Value& a, const Value& b) {
  const bool is_signed = a.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8;
  Difference result;
  if (a.type != b.type || a.shape != b.shape) {
    return {1000, a.bytes.size()};
  }
  for (std::size_t i = 0; i < a.bytes.size(); ++i) {
    const int steps = std::abs(number_of(static_cast<std::uint8_t>(a.bytes[i]), is_signed) -
                               number_of(static_cast<std::uint8_t>(b.bytes[i]), is_signed));
    result.largest = std::max(result.largest, steps);
    result.count += steps != 0 ? 1 : 0;
  }
  return result;
}

/// The same node in the domain of the runtime's own operators.
inline OneNode stock(OneNode node, std::string domain = "com.microsoft") {
  node.domain = std::move(domain);
  return node;
}

}  // namespace tessera::kernels::testing
