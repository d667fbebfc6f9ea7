// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/quantizer_powers.h"

#include <bit>
#include <cstdint>
#include <limits>
#include <numbers>

#include "keras/quantizer_rule.h"

namespace tessera::keras {
namespace {

/// The least magnitude from `low` on whose exponent is at least so large; exponents never fall.
float least_with(const Quantizer& quantizer, int exponent, float low) {
  // Floats above zero are in the order of their bits.
  auto below = std::bit_cast<std::uint32_t>(low);
  auto above = std::bit_cast<std::uint32_t>(std::numeric_limits<float>::max());
  while (below < above) {
    const auto middle = below + (above - below) / 2;
    if (exponent_of(quantizer, std::bit_cast<float>(middle)) >= exponent) {
      above = middle;
    } else {
      below = middle + 1;
    }
  }
  return std::bit_cast<float>(below);
}

}  // namespace

PowerTable power_table(const Quantizer& quantizer) {
  const int factor = quantizer.quadratic ? 2 : 1;
  const int first = exponent_of(quantizer, kEpsilon);
  const int last = exponent_of(quantizer, std::numeric_limits<float>::max());
  PowerTable table;
  // Below kEpsilon, everything is the lowest power.
  table.begins = {0.0F, kEpsilon};
  table.values = {power_of_two(exponent_of(quantizer, 0.0F)), power_of_two(first)};
  for (int exponent = first + factor; exponent <= last; exponent += factor) {
    table.begins.push_back(least_with(quantizer, exponent, table.begins.back()));
    table.values.push_back(power_of_two(exponent));
  }
  // Place 1 is `first`: log2(a) / factor, rounded, less first / factor, plus 1.
  table.per_log = static_cast<float>(1 / (std::numbers::ln2 * factor));
  table.offset = static_cast<float>(1 - first / factor) + (quantizer.floor_log2 ? 0.0F : 0.5F);
  return table;
}

}  // namespace tessera::keras
