// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"

/// How well the numbers of a network use the grids that they are on.
namespace tessera::keras {

/// The part of a grid that a tensor uses.
struct GridUse {
  std::vector<float> scales;  ///< one, or one per index of an axis
  std::int64_t low = 0;       ///< codes of the grid
  std::int64_t high = 0;
  std::int64_t used_low = 0;  ///< codes that are there
  std::int64_t used_high = 0;
  /// Bits that the codes in use would need on a grid of the same kind: less than `bits` where a
  /// part of the range is idle.
  int needed_bits = 0;
  double clipped = 0;  ///< share of elements beyond the ends, 0 to 1
};

/// What a quantizer makes of a weight; of a convolution with batch normalization folded in, of that
/// one. Or the grid that it puts an activation on, without what depends on data.
struct TensorReport {
  std::string layer;      ///< "outer/inner" in nested networks
  std::string what;       ///< "kernel", "bias", "activation"
  std::string quantizer;  ///< as it is used: quantized_bits(4,0,1,alpha='auto_po2')
  int bits = 0;
  std::int64_t elements = 0;
  std::optional<GridUse> grid;  ///< absent for powers of two and other grids that are not even
  double least = 0;             ///< of the values on the grid
  double most = 0;
  std::optional<double> sqnr_db;  ///< absent where nothing is lost, or nothing is there
};
[[nodiscard]] Json to_json(const TensorReport& report);

}  // namespace tessera::keras
