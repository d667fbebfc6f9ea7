// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/numerics/qparams.h"

namespace tessera::numerics {

/// A piece of the distribution: `count` values, spread evenly over [low, high].
struct Cell {
  double low = 0;
  double high = 0;
  double count = 0;

  [[nodiscard]] double centre() const { return 0.5 * (low + high); }
  [[nodiscard]] double width() const { return high - low; }
};

/// A distribution as the range searches see it: non-empty cells in ascending order. Values that
/// are zero, or too small to tell from it, are one cell of width 0.
struct Distribution {
  std::vector<Cell> cells;
  RealRange seen;
  double count = 0;
};

/// The distribution of magnitudes, mirrored: for symmetric ranges.
[[nodiscard]] Distribution mirrored(const Distribution& distribution);

/// Value below which the share `p` of all values lies; linear within a cell.
[[nodiscard]] double quantile(const Distribution& distribution, double p);
[[nodiscard]] RealRange percentile_range(const Distribution& distribution, double percentile);
/// mean +- deviations x sigma, within what was seen.
[[nodiscard]] RealRange deviation_range(const Distribution& distribution, double deviations);
/// Range that quantizes the values to `levels` levels (zero among them) with the least mean
/// squared error, rounding and clipping together.
[[nodiscard]] RealRange least_squares_range(const Distribution& distribution, int levels,
                                            bool symmetric);
/// Range whose quantized distribution is closest to the true one by Kullback-Leibler divergence.
/// Source: Migacz, 8-bit Inference with TensorRT, 2017; both ends are searched.
[[nodiscard]] RealRange least_divergence_range(const Distribution& distribution, int levels,
                                               bool symmetric);

/// What the two searches minimize, for tests: mean squared error, and divergence in nats.
[[nodiscard]] double mean_squared_error(const Distribution& distribution, RealRange range,
                                        int levels, bool symmetric);
[[nodiscard]] double divergence(const Distribution& distribution, RealRange range, int levels,
                                bool symmetric);

}  // namespace tessera::numerics
