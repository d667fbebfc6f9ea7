// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/linear.h"

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <algorithm>
#include <vector>

namespace tessera::noise {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Below this reciprocal condition number of the normal equations their solution is not trusted and
// the slower orthogonal factorisation of the data themselves decides about the rank.
constexpr double kSmallestRcond = 1e-11;

/// Fills in the lower triangle only; that is all a Cholesky factorisation reads.
MatrixXd lower_gram(const MatrixXd& columns) {
  MatrixXd gram = MatrixXd::Zero(columns.cols(), columns.cols());
  gram.selfadjointView<Eigen::Lower>().rankUpdate(columns.transpose());
  return gram;
}

bool solve_if_regular(const MatrixXd& lower, const VectorXd& right, VectorXd& solution) {
  const Eigen::LLT<MatrixXd> factor(lower);
  if (factor.info() != Eigen::Success || !(factor.rcond() > kSmallestRcond)) {
    return false;
  }
  solution = factor.solve(right);
  return solution.allFinite();
}

/// More columns than rows: c = X' (X X')^-1 y. Centring makes the vector of ones a null vector of
/// X X'; adding its projector makes the matrix regular and changes nothing, as y is centred too.
bool solve_wide(const MatrixXd& centred, const VectorXd& target, VectorXd& coefficients) {
  MatrixXd kernel = lower_gram(centred.transpose());
  const double scale = kernel.trace() / static_cast<double>(kernel.rows());
  kernel.array() += scale / static_cast<double>(kernel.rows());
  VectorXd dual;
  if (!(scale > 0) || !solve_if_regular(kernel, target, dual)) {
    return false;
  }
  coefficients = centred.transpose() * dual;
  return true;
}

/// State of block principal pivoting: which coefficients are free to be positive.
class Pivoting {
 public:
  Pivoting(const MatrixXd& gram, const VectorXd& right)
      : gram_(gram), right_(right), free_(static_cast<std::size_t>(right.size()), false) {}

  VectorXd solve();

 private:
  void update();
  [[nodiscard]] std::vector<Index> infeasible() const;
  void exchange(const std::vector<Index>& wrong);

  const MatrixXd& gram_;
  const VectorXd& right_;
  std::vector<bool> free_;
  VectorXd solution_;
  VectorXd gradient_;
};

void Pivoting::update() {
  std::vector<Index> chosen;
  for (Index i = 0; i < right_.size(); ++i) {
    if (free_[static_cast<std::size_t>(i)]) {
      chosen.push_back(i);
    }
  }
  solution_ = VectorXd::Zero(right_.size());
  if (!chosen.empty()) {
    const MatrixXd block = gram_(chosen, chosen);
    const VectorXd part = right_(chosen);
    const VectorXd solved = Eigen::LDLT<MatrixXd>(block).solve(part);
    solution_(chosen) = solved;
  }
  gradient_ = gram_ * solution_ - right_;
}

std::vector<Index> Pivoting::infeasible() const {
  const double tolerance = 1e-10 * std::max(right_.cwiseAbs().maxCoeff(), 1e-300);
  const double smallest = 1e-12 * std::max(solution_.cwiseAbs().maxCoeff(), 1e-300);
  std::vector<Index> wrong;
  for (Index i = 0; i < right_.size(); ++i) {
    const bool is_free = free_[static_cast<std::size_t>(i)];
    if (is_free ? solution_[i] < -smallest : gradient_[i] < -tolerance) {
      wrong.push_back(i);
    }
  }
  return wrong;
}

void Pivoting::exchange(const std::vector<Index>& wrong) {
  for (const Index i : wrong) {
    free_[static_cast<std::size_t>(i)] = !free_[static_cast<std::size_t>(i)];
  }
}

VectorXd Pivoting::solve() {
  constexpr int kFullExchanges = 3;
  int left = kFullExchanges;
  auto fewest = static_cast<std::size_t>(right_.size()) + 1;
  update();
  const Index limit = 20 * right_.size() + 100;
  for (Index step = 0; step < limit; ++step) {
    auto wrong = infeasible();
    if (wrong.empty()) {
      break;
    }
    if (wrong.size() < fewest) {
      fewest = wrong.size();
      left = kFullExchanges;
    } else if (left > 0) {
      --left;
    } else {
      // Exchanging the last one only cannot cycle (Murty 1974).
      wrong = {wrong.back()};
    }
    exchange(wrong);
    update();
  }
  return solution_.cwiseMax(0.0);
}

}  // namespace

AffineFit fit_least_squares(const MatrixXd& design, const VectorXd& target) {
  const Eigen::RowVectorXd means = design.colwise().mean();
  const double mean = target.mean();
  const MatrixXd centred = design.rowwise() - means;
  const VectorXd rest = target.array() - mean;
  AffineFit fit;
  fit.unique = false;
  // n centred rows have n - 1 dimensions.
  if (design.cols() < design.rows()) {
    fit.unique =
        solve_if_regular(lower_gram(centred), centred.transpose() * rest, fit.coefficients);
  }
  if (!fit.unique &&
      !(design.cols() >= design.rows() && solve_wide(centred, rest, fit.coefficients))) {
    fit.coefficients = centred.completeOrthogonalDecomposition().solve(rest);
  }
  fit.intercept = mean - means.dot(fit.coefficients);
  return fit;
}

VectorXd fit_nonnegative(const MatrixXd& gram, const VectorXd& right) {
  if (right.size() == 0) {
    return right;
  }
  // Columns of like scale, and no zero on the diagonal.
  VectorXd scale = gram.diagonal().cwiseMax(0.0).cwiseSqrt();
  const double largest = scale.maxCoeff();
  for (double& value : scale) {
    value = value > 1e-12 * largest ? 1 / value : 0;
  }
  MatrixXd scaled = scale.asDiagonal() * gram * scale.asDiagonal();
  scaled.diagonal().array() += 1e-10;
  const VectorXd scaled_right = scale.cwiseProduct(right);
  return scale.cwiseProduct(Pivoting(scaled, scaled_right).solve());
}

VectorXd fit_nonnegative(const MatrixXd& design, const VectorXd& target, const VectorXd& weights) {
  const MatrixXd weighted = weights.cwiseSqrt().asDiagonal() * design;
  MatrixXd gram = lower_gram(weighted);
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  return fit_nonnegative(gram, design.transpose() * weights.cwiseProduct(target));
}

}  // namespace tessera::noise
