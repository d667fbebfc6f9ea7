// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

#include "tessera/noise/observations.h"

namespace tessera::noise {

/// Observations as matrices: what models are fitted to.
struct Sample {
  Eigen::MatrixXd indicators;  ///< subsets x layers, 0 or 1
  Eigen::VectorXd errors;      ///< by subset
  /// By layer: its operator. Two layers of one operator are never both 1.
  std::vector<std::int32_t> operators;
};

[[nodiscard]] Sample make_sample(const Observations& observations,
                                 std::span<const std::size_t> rows);
/// Some of the rows.
[[nodiscard]] Sample pick(const Sample& sample, const std::vector<Eigen::Index>& rows);

/// All sets of layers of 1 to `degree` operators: by size, then in lexicographic order.
[[nodiscard]] std::vector<LayerSet> monomials(const std::vector<std::int32_t>& operators,
                                              int degree);
/// How many there are; exact up to 2^53.
[[nodiscard]] double monomial_count(const std::vector<std::int32_t>& operators, int degree);
/// How many operators the layers are of.
[[nodiscard]] std::int32_t operator_count(const std::vector<std::int32_t>& operators);
/// subsets x sets: 1 where the subset contains the whole set.
[[nodiscard]] Eigen::MatrixXd design(const Sample& sample, std::span<const LayerSet> sets);

}  // namespace tessera::noise
