// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/numerics/qparams.h"

namespace tessera::refine {

/// A row-major matrix of a layer: one row per output channel, one column per input of it.
struct RoundingProblem {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::span<const float> weights;             ///< rows x columns
  std::span<const numerics::QParams> scales;  ///< one per row
  numerics::IntegerRange range;               ///< of the integers
  /// columns x columns, symmetric: sum of x x' over rows x of the layer's input.
  std::span<const float> gram;
};

/// (w - q)' gram (w - q) by row: the squared error of the layer's output on the samples behind
/// `gram`. `integers` as adaptive_rounding() returns them. Double precision.
[[nodiscard]] std::vector<double> row_errors(const RoundingProblem& problem,
                                             std::span<const std::int32_t> integers);

/// Nearest integers, half to even, as the quantizer takes them.
[[nodiscard]] std::vector<std::int32_t> nearest_rounding(const RoundingProblem& problem);

/// Nearest integers, then single weights moved as long as the output error falls. Never worse than
/// nearest_rounding() by row_errors(). Cost: rows x columns^2.
[[nodiscard]] std::vector<std::int32_t> descended_rounding(const RoundingProblem& problem);

/// Integers, zero points added, of least output error that was found: column by column with the
/// error passed on to later columns (Frantar et al. 2023, from optimal brain surgery), then
/// coordinate descent from the better of that and nearest. Never worse than nearest_rounding() by
/// row_errors(). Cost: columns^3 + rows x columns^2.
[[nodiscard]] std::vector<std::int32_t> adaptive_rounding(const RoundingProblem& problem);

}  // namespace tessera::refine
