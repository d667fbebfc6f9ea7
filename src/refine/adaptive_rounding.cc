// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/adaptive_rounding.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>

namespace tessera::refine {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Integers = Eigen::Matrix<std::int32_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// Of the mean diagonal, added to it: directions that no sample showed cost something, too.
constexpr double kDamping = 0.01;
constexpr int kSweeps = 4;

std::int32_t nearest(double value, const numerics::QParams& scale, numerics::IntegerRange range) {
  const double level = std::nearbyint(value / double{scale.scale}) + scale.zero_point;
  return static_cast<std::int32_t>(
      std::clamp(level, static_cast<double>(range.min), static_cast<double>(range.max)));
}

double real(std::int32_t level, const numerics::QParams& scale) {
  return double{scale.scale} * (level - scale.zero_point);
}

class Rounder {
 public:
  explicit Rounder(const RoundingProblem& problem)
      : problem_(problem), rows_(problem.rows), columns_(problem.columns) {
    gram_ = Eigen::Map<const Eigen::Matrix<float, -1, -1, Eigen::RowMajor>>(problem.gram.data(),
                                                                            columns_, columns_)
                .cast<double>();
    weights_ = Eigen::Map<const Eigen::Matrix<float, -1, -1, Eigen::RowMajor>>(
                   problem.weights.data(), rows_, columns_)
                   .cast<double>();
  }

  [[nodiscard]] Integers near() const {
    Integers result(rows_, columns_);
    for (Eigen::Index r = 0; r < rows_; ++r) {
      for (Eigen::Index c = 0; c < columns_; ++c) {
        result(r, c) = nearest(weights_(r, c), scale(r), problem_.range);
      }
    }
    return result;
  }

  /// e' gram e of every row.
  [[nodiscard]] Eigen::VectorXd errors(const Integers& integers) const {
    const Matrix difference = weights_ - reals(integers);
    return (difference * gram_).cwiseProduct(difference).rowwise().sum();
  }

  /// Row by row that of less error.
  [[nodiscard]] Integers better_rows(Integers one, const Integers& other) const {
    const auto mine = errors(one);
    const auto theirs = errors(other);
    for (Eigen::Index r = 0; r < rows_; ++r) {
      if (!(mine(r) <= theirs(r))) {
        one.row(r) = other.row(r);
      }
    }
    return one;
  }

  /// Column by column in order of falling power. The inverse of the (damped) second moments says
  /// how the columns not yet rounded make up best for the error of one that is.
  [[nodiscard]] Integers with_compensation() const {
    std::vector<Eigen::Index> order(static_cast<std::size_t>(columns_));
    std::iota(order.begin(), order.end(), Eigen::Index{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](Eigen::Index a, Eigen::Index b) { return gram_(a, a) > gram_(b, b); });
    const auto upper = inverse_factor(order);
    if (upper.size() == 0) {
      return near();
    }
    Matrix left(rows_, columns_);  // what is still to be rounded, permuted
    for (Eigen::Index c = 0; c < columns_; ++c) {
      left.col(c) = weights_.col(order[static_cast<std::size_t>(c)]);
    }
    Integers result(rows_, columns_);
    for (Eigen::Index c = 0; c < columns_; ++c) {
      const auto rest = columns_ - c - 1;
      for (Eigen::Index r = 0; r < rows_; ++r) {
        const auto level = nearest(left(r, c), scale(r), problem_.range);
        result(r, order[static_cast<std::size_t>(c)]) = level;
        const double share = (left(r, c) - real(level, scale(r))) / upper(c, c);
        left.row(r).tail(rest) -= share * upper.row(c).tail(rest);
      }
    }
    return result;
  }

  /// One weight at a time to the level that is best given all others; every step lowers the error.
  void descend(Integers& integers) const {
    for (Eigen::Index r = 0; r < rows_; ++r) {
      const Eigen::RowVectorXd difference = weights_.row(r) - reals_of_row(integers, r);
      Eigen::RowVectorXd slope = difference * gram_;
      for (int sweep = 0; sweep < kSweeps; ++sweep) {
        if (!sweep_row(r, integers, slope)) {
          break;
        }
      }
    }
  }

 private:
  [[nodiscard]] const numerics::QParams& scale(Eigen::Index row) const {
    return problem_.scales[static_cast<std::size_t>(row)];
  }

  [[nodiscard]] Eigen::RowVectorXd reals_of_row(const Integers& integers, Eigen::Index row) const {
    Eigen::RowVectorXd result(columns_);
    for (Eigen::Index c = 0; c < columns_; ++c) {
      result(c) = real(integers(row, c), scale(row));
    }
    return result;
  }

  [[nodiscard]] Matrix reals(const Integers& integers) const {
    Matrix result(rows_, columns_);
    for (Eigen::Index r = 0; r < rows_; ++r) {
      result.row(r) = reals_of_row(integers, r);
    }
    return result;
  }

  /// U with U'U = inverse of the damped, permuted second moments; empty if there is none.
  [[nodiscard]] Matrix inverse_factor(const std::vector<Eigen::Index>& order) const {
    Matrix damped(columns_, columns_);
    for (Eigen::Index a = 0; a < columns_; ++a) {
      for (Eigen::Index b = 0; b < columns_; ++b) {
        damped(a, b) =
            gram_(order[static_cast<std::size_t>(a)], order[static_cast<std::size_t>(b)]);
      }
    }
    const double mean = damped.diagonal().mean();
    if (!(mean > 0) || !std::isfinite(mean)) {
      return {};
    }
    damped.diagonal().array() += kDamping * mean;
    const Eigen::LLT<Matrix> factor(damped);
    if (factor.info() != Eigen::Success) {
      return {};
    }
    const Matrix inverse = factor.solve(Matrix::Identity(columns_, columns_));
    const Eigen::LLT<Matrix> second(inverse);
    return second.info() == Eigen::Success ? Matrix(second.matrixU()) : Matrix();
  }

  bool sweep_row(Eigen::Index r, Integers& integers, Eigen::RowVectorXd& slope) const {
    const double step = double{scale(r).scale};
    bool moved = false;
    for (Eigen::Index c = 0; c < columns_; ++c) {
      const double curvature = gram_(c, c);
      if (!(curvature > 0)) {
        continue;
      }
      const double wanted = std::nearbyint(slope(c) / (curvature * step));
      const auto level = static_cast<std::int32_t>(
          std::clamp(integers(r, c) + wanted, static_cast<double>(problem_.range.min),
                     static_cast<double>(problem_.range.max)));
      const double by = step * (level - integers(r, c));
      // e' G e changes by by^2 G_cc - 2 by slope_c.
      if (level == integers(r, c) || !(by * by * curvature < 2 * by * slope(c))) {
        continue;
      }
      integers(r, c) = level;
      slope -= by * gram_.row(c);
      moved = true;
    }
    return moved;
  }

  const RoundingProblem& problem_;
  Eigen::Index rows_;
  Eigen::Index columns_;
  Matrix gram_;
  Matrix weights_;
};

std::vector<std::int32_t> flat(const Integers& integers) {
  return {integers.data(), integers.data() + integers.size()};
}

}  // namespace

std::vector<double> row_errors(const RoundingProblem& problem,
                               std::span<const std::int32_t> integers) {
  const Eigen::Map<const Integers> map(integers.data(), problem.rows, problem.columns);
  const Eigen::VectorXd errors = Rounder(problem).errors(map);
  return {errors.data(), errors.data() + errors.size()};
}

std::vector<std::int32_t> nearest_rounding(const RoundingProblem& problem) {
  return flat(Rounder(problem).near());
}

std::vector<std::int32_t> descended_rounding(const RoundingProblem& problem) {
  const Rounder rounder(problem);
  const auto near = rounder.near();
  auto lower = near;
  rounder.descend(lower);
  return flat(rounder.better_rows(lower, near));  // rounding errors of the descent's own sums
}

std::vector<std::int32_t> adaptive_rounding(const RoundingProblem& problem) {
  const Rounder rounder(problem);
  const auto start = rounder.better_rows(rounder.with_compensation(), rounder.near());
  auto lower = start;
  rounder.descend(lower);
  return flat(rounder.better_rows(lower, start));
}

}  // namespace tessera::refine
