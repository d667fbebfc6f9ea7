// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// What single operations take in hardware that is made for their widths: by the physical rules and
/// the constants of docs/energy.md (45 nm, ISSCC 2014), for whoever plans widths layer by layer.
namespace tessera::keras {

/// A multiply-accumulate of integers.
struct ProductWidths {
  int weight_bits = 8;  ///< with a sign
  int input_bits = 8;
  bool signed_input = true;
  double terms = 1;  ///< products that enter one sum: they make the accumulator wide
};
/// pJ of one multiplication and the addition to the sum.
[[nodiscard]] double product_energy(const ProductWidths& widths);

enum class BitStore : std::uint8_t { kSram, kDram };
/// pJ of reading a tensor of so many bits once, or of writing it. SRAM is as large as the tensor,
/// 8 KB at least.
[[nodiscard]] double moving_energy(double bits, BitStore store);

}  // namespace tessera::keras
