// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Eigen/Core>

/// Least squares as the models of the error need them. Everything is deterministic.
namespace tessera::noise {

/// y ~ intercept + X c.
struct AffineFit {
  double intercept = 0;
  Eigen::VectorXd coefficients;
  /// False if several solutions fit equally well; the coefficients are then those of least norm.
  bool unique = true;
};

/// Ordinary least squares on centred data; of several solutions the one whose coefficients (the
/// intercept not counted) have the least norm, as numpy.linalg.lstsq on centred data gives.
/// Cost: O(n p min(n, p)).
[[nodiscard]] AffineFit fit_least_squares(const Eigen::MatrixXd& design,
                                          const Eigen::VectorXd& target);

/// argmin |X c - y|^2 with c >= 0, from the normal equations G = X'X, r = X'y, by block principal
/// pivoting (Judice and Pires 1994; Kim and Park 2011). A tiny multiple of the diagonal makes the
/// solution unique. Cost: some ten Cholesky factorisations of the positive part.
[[nodiscard]] Eigen::VectorXd fit_nonnegative(const Eigen::MatrixXd& gram,
                                              const Eigen::VectorXd& right);

/// The same with weights: argmin sum w_i (X c - y)_i^2, c >= 0.
[[nodiscard]] Eigen::VectorXd fit_nonnegative(const Eigen::MatrixXd& design,
                                              const Eigen::VectorXd& target,
                                              const Eigen::VectorXd& weights);

}  // namespace tessera::noise
