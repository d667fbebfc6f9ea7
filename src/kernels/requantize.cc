// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/requantize.h"

#include <algorithm>
#include <cmath>

namespace tessera::kernels {

void requantization_table(Quantization x, Quantization y, bool is_signed,
                          std::array<std::uint8_t, kTableSize>& table) {
  const int lowest = is_signed ? -128 : 0;
  for (std::size_t byte = 0; byte < kTableSize; ++byte) {
    const int number = is_signed ? static_cast<std::int8_t>(byte) : static_cast<int>(byte);
    const float value = static_cast<float>(number - x.zero) * x.scale;
    // Far beyond what can be an integer is clamped before it is made one.
    const float steps = std::clamp(std::nearbyint(value / y.scale), -512.0F, 512.0F);
    const int quantized = std::clamp(static_cast<int>(steps) + y.zero, lowest, lowest + 255);
    table[byte] = static_cast<std::uint8_t>(quantized);
  }
}

}  // namespace tessera::kernels
