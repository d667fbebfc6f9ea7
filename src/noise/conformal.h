// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

#include "noise/sample.h"
#include "tessera/noise/model.h"

/// From errors of predictions that were made without seeing what they predict.
namespace tessera::noise {

/// Bins of predictions of like size, and the quantiles of measured / predicted in each.
[[nodiscard]] Intervals make_intervals(const Eigen::VectorXd& predicted,
                                       const Eigen::VectorXd& measured, double level);

/// Bounds with exponents 1 and 2 and, if it is less loose, 3 or 4; the least loose one is chosen.
struct Bounds {
  std::vector<ErrorBound> bounds;
  std::size_t chosen = 0;
};
[[nodiscard]] Bounds make_bounds(const Sample& sample, std::size_t pairs, double level);

/// The smallest value that at least a share `level` of n + 1 exchangeable values does not exceed,
/// judged by n of them; the largest value if n is too small to say.
[[nodiscard]] double conformal_quantile(std::vector<double> values, double level);

}  // namespace tessera::noise
