// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <span>
#include <vector>

#include "tessera/noise/observations.h"

namespace tessera::noise {

/// Observations as matrices: what models are fitted to.
struct Sample {
  Eigen::MatrixXd indicators;  ///< subsets x layers, 0 or 1
  Eigen::VectorXd errors;      ///< by subset
};

[[nodiscard]] Sample make_sample(const Observations& observations,
                                 std::span<const std::size_t> rows);
/// Some of the rows.
[[nodiscard]] Sample pick(const Sample& sample, const std::vector<Eigen::Index>& rows);

/// All sets of 1 to `degree` of `layers` layers: by size, then in lexicographic order.
[[nodiscard]] std::vector<LayerSet> monomials(Eigen::Index layers, int degree);
/// How many there are; exact up to 2^53.
[[nodiscard]] double monomial_count(Eigen::Index layers, int degree);
/// subsets x sets: 1 where the subset contains the whole set.
[[nodiscard]] Eigen::MatrixXd design(const Sample& sample, std::span<const LayerSet> sets);

}  // namespace tessera::noise
