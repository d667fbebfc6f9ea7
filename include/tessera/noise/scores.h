// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "tessera/core/json.h"

namespace tessera::noise {

/// How well predictions meet measurements.
struct Scores {
  std::int64_t n = 0;
  /// 1 - sum (y-p)^2 / sum (y - mean y)^2; NaN if all measurements are equal and not met exactly.
  double r2 = 0;
  /// |p - y| / y over measurements that are not zero; NaN if all are.
  double median_abs_relative_error = 0;
  double p95_abs_relative_error = 0;
  /// Rank correlation, ties with their mean rank; NaN if one side is constant.
  double spearman = 0;
  /// Mean of |log(p / y)|, each at most kWorstLogRatio, both sides raised to 1e-6 of the median
  /// measurement: the criterion by which models are chosen. Symmetric in over- and underrating.
  double mean_abs_log_ratio = 0;
};
inline constexpr double kWorstLogRatio = 2;

/// Both spans have the same length. Cost: O(n log n).
[[nodiscard]] Scores score(std::span<const double> predicted, std::span<const double> measured);

[[nodiscard]] Json to_json(const Scores& scores);

}  // namespace tessera::noise
