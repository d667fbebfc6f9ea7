// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/binary.h"
#include "kernels/target.h"

/// Softmax of bytes. What comes out is the same on every target.
namespace tessera::kernels {

/// exp of numbers that lie d steps below the largest is e[d], rounded to 22 bits behind the point,
/// so that sums are exact in any order. Both tables hold e[255 - i] at i, and 0 behind that: entry
/// 255 - largest + x is the one of x.
struct Softmax {
  std::array<std::uint32_t, 512> whole{};
  std::array<float, 512> real{};  ///< the same numbers
  double scale_y = 1;
  std::int32_t zero_y = 0;  ///< of the byte as an unsigned number
  std::uint8_t flip = 0;    ///< 128 for int8
};

[[nodiscard]] Softmax softmax_of(Quantization x, Quantization y, bool is_signed);

/// A tensor [outer][axis][inner] whose sums run over the axis.
struct SoftmaxShape {
  std::size_t outer = 1;
  std::size_t axis = 1;
  std::size_t inner = 1;

  /// Columns that are computed at once.
  static constexpr std::size_t kColumns = 64;
  /// Parts that may be computed apart: rows where the inner extent is 1, else some columns each.
  [[nodiscard]] std::size_t parts() const {
    return inner == 1 ? outer : outer * ((inner + kColumns - 1) / kColumns);
  }
};

/// Parts `begin` to `end`; `y` is `x`, or does not overlap it. No extent is 0. Cost: about 1.5
/// cycles a byte where the inner extent is 1 and the axis long, else 4.
void softmax(Target target, const Softmax& what, const SoftmaxShape& shape, const std::uint8_t* x,
             std::uint8_t* y, std::size_t begin, std::size_t end);

/// to[i] = clamp(round(values[i] * factors[i]) + zero_y), products in float32. `count` is a
/// multiple of 64.
void round_products(Target target, const Softmax& what, const float* values, const float* factors,
                    std::uint8_t* to, std::size_t count);

}  // namespace tessera::kernels
