// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/keras/quantizer.h"

namespace tessera::keras {

/// A quantizer to powers of two as a table of steps: magnitude a has the power values[i] where
/// begins[i] <= a < begins[i + 1].
struct PowerTable {
  std::vector<float> begins;  ///< rising, the first one 0
  std::vector<float> values;
  /// floor(log(a) * per_log + offset), cut to the table, is i or one beside it.
  float per_log = 0;
  float offset = 0;
};

/// Of quantized_po2 and quantized_relu_po2, whose parse checked what exponents they have.
[[nodiscard]] PowerTable power_table(const Quantizer& quantizer);

}  // namespace tessera::keras
