// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "kernels/binary.h"
#include "kernels/lookup.h"

namespace tessera::kernels {

/// Table of y by the byte of x: clamp(round((x - zero_x) * scale_x / scale_y) + zero_y), product
/// and quotient in float32 one after the other, rounded half to even.
void requantization_table(Quantization x, Quantization y, bool is_signed,
                          std::array<std::uint8_t, kTableSize>& table);

}  // namespace tessera::kernels
