// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/target.h"

/// Sums and products of two quantized tensors, element by element. All bytes are unsigned in here:
/// int8 is uint8 with its highest bit flipped and a zero point that is 128 more.
namespace tessera::kernels {

/// What a byte q means: scale * (q - zero).
struct Quantization {
  float scale = 1;
  std::int32_t zero = 0;  ///< as the type has it: -128 to 255
};

/// y = clamp((a * by_a + b * by_b + offset) >> shift): weights of 15 bits in integers of 32, which
/// never overflow. Rounds half up.
struct Sum {
  std::int32_t by_a = 0;
  std::int32_t by_b = 0;
  std::int32_t offset = 0;
  int shift = 1;
  std::uint8_t flip = 0;  ///< 128 for int8
};
/// Error: one of the inputs has steps of more than 16000 steps of the output.
[[nodiscard]] Outcome<Sum> sum_of(Quantization a, Quantization b, Quantization y, bool is_signed);

/// y = clamp(round((a - zero_a) * (b - zero_b) * scale) + zero_y), the product of the integers
/// exact, that with the scale in float32, rounded half to even.
struct Product {
  std::int32_t zero_a = 0;
  std::int32_t zero_b = 0;
  std::int32_t zero_y = 0;
  float scale = 1;
  std::uint8_t flip = 0;
};
/// Error: one step of both inputs is more than 16000 steps of the output.
[[nodiscard]] Outcome<Product> product_of(Quantization a, Quantization b, Quantization y,
                                          bool is_signed);

/// `y` may be `a` or `b`. Cost: about 10 (sum) and 17 (product) cycles for 64 elements with
/// AVX-512, so that memory is what limits beyond the caches.
void add(Target target, const Sum& sum, const std::uint8_t* a, const std::uint8_t* b,
         std::uint8_t* y, std::size_t count);
void multiply(Target target, const Product& product, const std::uint8_t* a, const std::uint8_t* b,
              std::uint8_t* y, std::size_t count);

}  // namespace tessera::kernels
