// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/linear.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "noise/learners.h"
#include "tessera/core/random.h"

namespace tessera::noise {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

struct Golden {
  int degree;
  std::vector<int> subsets;          ///< bits: layers
  std::vector<double> coefficients;  ///< the constant first
};
#include "noise/least_squares_golden.inc"

constexpr Index kLayers = 4;

Sample sample_of(const std::vector<int>& subsets) {
  const auto rows = static_cast<Index>(subsets.size());
  Sample sample{MatrixXd(rows, kLayers), VectorXd(rows), {}};
  for (std::int32_t i = 0; i < kLayers; ++i) {
    sample.operators.push_back(i);
  }
  for (Index r = 0; r < rows; ++r) {
    const int bits = subsets[static_cast<std::size_t>(r)];
    for (Index i = 0; i < kLayers; ++i) {
      sample.indicators(r, i) = (bits >> i) & 1;
    }
    sample.errors[r] = 0.25 + 0.1 * bits + 0.003 * bits * bits * (bits % 3);
  }
  return sample;
}

void expect_coefficients(const TermModel& model, const Golden& golden) {
  ASSERT_EQ(model.terms.size(), golden.coefficients.size());
  for (std::size_t t = 0; t < model.terms.size(); ++t) {
    EXPECT_NEAR(model.terms[t].coefficient, golden.coefficients[t], 1e-9) << t;
  }
}

TEST(LeastSquares, MoreSubsetsThanTerms_AgreesWithNumpy) {
  expect_coefficients(fit_polynomial(sample_of(kDetermined.subsets), kDetermined.degree),
                      kDetermined);
}

TEST(LeastSquares, FewerSubsetsThanTerms_HasTheMinimumNormOfNumpy) {
  expect_coefficients(fit_polynomial(sample_of(kWide.subsets), kWide.degree), kWide);
}

TEST(LeastSquares, DependentColumns_HasTheMinimumNormOfNumpy) {
  expect_coefficients(fit_polynomial(sample_of(kDependent.subsets), kDependent.degree), kDependent);
}

TEST(LeastSquares, WideMatrix_SaysThatTheSolutionIsNotUnique) {
  const MatrixXd wide = MatrixXd::Identity(3, 5);
  const VectorXd target = VectorXd::LinSpaced(3, 1, 3);
  const auto fit = fit_least_squares(wide, target);
  EXPECT_FALSE(fit.unique);
  EXPECT_LT((wide * fit.coefficients + VectorXd::Constant(3, fit.intercept) - target).norm(), 1e-9);
}

MatrixXd random_matrix(Index rows, Index columns, Random& random) {
  MatrixXd matrix(rows, columns);
  for (double& value : matrix.reshaped()) {
    value = random.normal();
  }
  return matrix;
}

// The conditions of Karush, Kuhn and Tucker hold at the optimum of a convex problem and nowhere
// else.
RC_GTEST_PROP(NonNegative, AnyProblem_MeetsTheOptimalityConditions, ()) {
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  const auto rows = static_cast<Index>(*rc::gen::inRange(1, 40));
  const auto columns = static_cast<Index>(*rc::gen::inRange(1, 25));
  const MatrixXd design = random_matrix(rows, columns, random);
  const VectorXd target = random_matrix(rows, 1, random);
  const VectorXd solution = fit_nonnegative(design, target, VectorXd::Ones(rows));
  const VectorXd gradient = design.transpose() * (design * solution - target);
  for (Index i = 0; i < columns; ++i) {
    RC_ASSERT(solution[i] >= 0);
    RC_ASSERT(gradient[i] > -1e-5);
    // The tiny ridge that keeps the equations regular shows where the solution is large.
    RC_ASSERT(solution[i] * std::abs(gradient[i]) < 1e-5 + 1e-8 * solution[i] * solution[i]);
  }
}

TEST(NonNegative, ColumnOfZeros_GetsNothing) {
  MatrixXd design = MatrixXd::Ones(4, 2);
  design.col(1).setZero();
  const VectorXd solution = fit_nonnegative(design, VectorXd::Constant(4, 3), VectorXd::Ones(4));
  EXPECT_NEAR(solution[0], 3, 1e-8);
  EXPECT_EQ(solution[1], 0);
}

}  // namespace
}  // namespace tessera::noise
