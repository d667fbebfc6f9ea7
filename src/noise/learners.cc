// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/learners.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "noise/linear.h"

namespace tessera::noise {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// Errors below this share of the mean weigh as if they had it: a ratio to zero means nothing.
constexpr double kSmallestShare = 1e-3;
// No layer is believed to add less than this share of the mean one: its prior would be none.
constexpr double kSmallestPrior = 1e-3;
constexpr double kTinyRidge = 1e-9;

/// error^exponent in units of its mean, and how large residuals of it are expected to be.
struct Target {
  VectorXd value;
  VectorXd variance;
  double unit = 1;
};

Target target_of(const Sample& sample, const AdditiveShape& shape) {
  Target target;
  target.value = sample.errors.array().pow(shape.exponent);
  target.unit = target.value.mean();
  if (!(target.unit > 0)) {
    target.unit = 1;
  }
  target.value /= target.unit;
  target.variance = target.value.array().max(kSmallestShare).pow(2 * shape.relative);
  return target;
}

VectorXd additive_part(const Sample& sample, const Target& target) {
  return fit_nonnegative(sample.indicators, target.value, target.variance.cwiseInverse());
}

/// u: the share of each layer in the noise, none of them zero.
VectorXd shares_of(const VectorXd& additive) {
  const double mean = additive.mean();
  if (!(mean > 0)) {
    return VectorXd::Constant(additive.size(), 1 / static_cast<double>(additive.size()));
  }
  const VectorXd raised = additive.cwiseMax(kSmallestPrior * mean);
  return raised / raised.sum();
}

/// Prior covariance of the deviations of subsets from additivity. Power sums of u over the layers
/// that two subsets share give the elementary symmetric polynomials of pairs and triples.
MatrixXd covariance(const MatrixXd& x, const VectorXd& u, double pairs, double triples) {
  const VectorXd u2 = u.cwiseProduct(u);
  MatrixXd p1 = x * u.asDiagonal() * x.transpose();
  if (pairs == 0 && triples == 0) {
    return p1;
  }
  const MatrixXd p2 = x * u2.asDiagonal() * x.transpose();
  MatrixXd sum = p1.array() + pairs / 2 * (p1.array().square() - p2.array());
  if (triples > 0) {
    const MatrixXd p3 = x * u2.cwiseProduct(u).asDiagonal() * x.transpose();
    sum.array() += triples / 6 * (p1.array().cube() - 3 * p1.array() * p2.array() + 2 * p3.array());
  }
  return sum;
}

void add_single_terms(const VectorXd& coefficients, double unit, TermModel& model) {
  for (Index i = 0; i < coefficients.size(); ++i) {
    model.terms.push_back({{static_cast<std::int32_t>(i)}, unit * coefficients[i]});
  }
}

/// sum_n dual_n x_ni x_nj for all i, j.
MatrixXd pair_sums(const MatrixXd& x, const VectorXd& dual) {
  return x.transpose() * dual.asDiagonal() * x;
}

/// Whether a subset can hold both: they are not one operator in two schemes.
bool compatible(const Sample& sample, Index i, Index j) {
  return sample.operators[static_cast<std::size_t>(i)] !=
         sample.operators[static_cast<std::size_t>(j)];
}

void add_pair_terms(const Sample& sample, const VectorXd& dual, const VectorXd& u, double scale,
                    TermModel& model) {
  const MatrixXd sums = pair_sums(sample.indicators, dual);
  for (Index i = 0; i < u.size(); ++i) {
    for (Index j = i + 1; j < u.size(); ++j) {
      if (compatible(sample, i, j)) {
        model.terms.push_back({{static_cast<std::int32_t>(i), static_cast<std::int32_t>(j)},
                               scale * u[i] * u[j] * sums(i, j)});
      }
    }
  }
}

void add_triple_terms(const Sample& sample, const VectorXd& dual, const VectorXd& u, double scale,
                      TermModel& model) {
  const MatrixXd& x = sample.indicators;
  for (Index i = 0; i < u.size(); ++i) {
    const MatrixXd sums = pair_sums(x, dual.cwiseProduct(x.col(i)));
    for (Index j = i + 1; j < u.size(); ++j) {
      for (Index k = j + 1; k < u.size(); ++k) {
        if (compatible(sample, i, j) && compatible(sample, i, k) && compatible(sample, j, k)) {
          model.terms.push_back({{static_cast<std::int32_t>(i), static_cast<std::int32_t>(j),
                                  static_cast<std::int32_t>(k)},
                                 scale * u[i] * u[j] * u[k] * sums(j, k)});
        }
      }
    }
  }
}

/// Degree-2 or -3 least squares with more products than subsets, by way of the number of layers
/// that subsets share; false if the subsets do not determine the solution of least norm.
bool fit_wide_polynomial(const Sample& sample, int degree, TermModel& model) {
  const auto n = sample.errors.size();
  const VectorXd ones = VectorXd::Ones(sample.indicators.cols());
  MatrixXd kernel = covariance(sample.indicators, ones, degree >= 2 ? 1 : 0, degree >= 3 ? 1 : 0);
  const VectorXd means = kernel.rowwise().mean();
  const double mean = means.mean();
  kernel.colwise() -= means;
  kernel.rowwise() -= means.transpose();
  kernel.array() += mean;
  kernel.array() += kernel.trace() / static_cast<double>(n) / static_cast<double>(n);
  const Eigen::LLT<MatrixXd> factor(kernel);
  if (factor.info() != Eigen::Success || !(factor.rcond() > 1e-11)) {
    return false;
  }
  const double level = sample.errors.mean();
  VectorXd dual = factor.solve(VectorXd(sample.errors.array() - level));
  dual.array() -= dual.mean();
  add_single_terms(sample.indicators.transpose() * dual, 1, model);
  if (degree >= 2) {
    add_pair_terms(sample, dual, ones, 1, model);
  }
  if (degree >= 3) {
    add_triple_terms(sample, dual, ones, 1, model);
  }
  // The plane through the means: sum over subsets of what the terms say is n times the mean.
  model.terms.front().coefficient = level - means.dot(dual);
  return true;
}

/// What a bound must at least allow a layer: zero would say that quantizing it alone costs nothing.
/// A small part of the smallest fair share in a subset with it; a layer in no subset may be as bad
/// as the worst.
VectorXd smallest_additions(const Sample& sample, const VectorXd& value,
                            const VectorXd& coefficients) {
  constexpr double kPart = 0.05;
  const MatrixXd& x = sample.indicators;
  const VectorXd share = value.cwiseQuotient(x.rowwise().sum().cwiseMax(1));
  VectorXd floor(x.cols());
  for (Index i = 0; i < x.cols(); ++i) {
    double smallest = std::numeric_limits<double>::infinity();
    for (Index n = 0; n < x.rows(); ++n) {
      smallest = x(n, i) > 0 ? std::min(smallest, share[n]) : smallest;
    }
    floor[i] = std::isfinite(smallest) ? kPart * smallest : coefficients.head(x.cols()).maxCoeff();
  }
  return floor;
}

}  // namespace

TermModel fit_polynomial(const Sample& sample, int degree) {
  TermModel model{.exponent = 1, .terms = {{{}, 0}}};
  const double count = monomial_count(sample.operators, degree);
  if (count >= static_cast<double>(sample.errors.size()) &&
      fit_wide_polynomial(sample, degree, model)) {
    return model;
  }
  const auto sets = monomials(sample.operators, degree);
  const auto fit = fit_least_squares(design(sample, sets), sample.errors);
  model.terms = {{{}, fit.intercept}};
  for (std::size_t s = 0; s < sets.size(); ++s) {
    model.terms.push_back({sets[s], fit.coefficients[static_cast<Index>(s)]});
  }
  return model;
}

TermModel fit_additive(const Sample& sample, const AdditiveShape& shape) {
  const auto target = target_of(sample, shape);
  TermModel model{.exponent = shape.exponent, .terms = {}};
  add_single_terms(additive_part(sample, target), target.unit, model);
  return model;
}

ScaledFit fit_scaled(const Sample& sample, const ScaledShape& shape, bool with_left_out) {
  const auto target = target_of(sample, shape.additive);
  const VectorXd additive = additive_part(sample, target);
  const VectorXd u = shares_of(additive);
  const MatrixXd& x = sample.indicators;
  MatrixXd matrix = covariance(x, u, shape.pairs, shape.triples);
  matrix.diagonal() += (shape.noise + kTinyRidge) * target.variance;
  const VectorXd deviation = target.value - x * additive;
  const Eigen::LLT<MatrixXd> factor(matrix);
  const VectorXd dual = factor.solve(deviation);

  ScaledFit fit;
  fit.model.exponent = shape.additive.exponent;
  const VectorXd single = additive + u.cwiseProduct(VectorXd(x.transpose() * dual));
  add_single_terms(single, target.unit, fit.model);
  if (shape.pairs > 0) {
    add_pair_terms(sample, dual, u, target.unit * shape.pairs, fit.model);
  }
  if (shape.triples > 0) {
    add_triple_terms(sample, dual, u, target.unit * shape.triples, fit.model);
  }
  if (with_left_out) {
    // Residual of a subset that is left out: dual_i / (K^-1)_ii (Rasmussen and Williams 2006, 5.4).
    const MatrixXd inverse = factor.solve(MatrixXd::Identity(x.rows(), x.rows()));
    const VectorXd value = target.value - dual.cwiseQuotient(inverse.diagonal());
    fit.left_out = (value * target.unit).cwiseMax(0).array().pow(1 / shape.additive.exponent);
  }
  return fit;
}

std::vector<LayerSet> important_pairs(const Sample& sample, const ScaledShape& shape,
                                      std::size_t count, bool positive_only) {
  const auto full = fit_scaled(sample, shape, false).model;
  const MatrixXd& x = sample.indicators;
  const MatrixXd together = x.transpose() * x / static_cast<double>(x.rows());
  struct Ranked {
    double weight;
    const Term* term;
  };
  std::vector<Ranked> ranked;
  for (const auto& term : full.terms) {
    if (term.layers.size() == 2 && (!positive_only || term.coefficient > 0)) {
      // Standard deviation of what the term adds over the subsets.
      const double share = together(term.layers[0], term.layers[1]);
      ranked.push_back({std::abs(term.coefficient) * std::sqrt(share * (1 - share)), &term});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Ranked& a, const Ranked& b) { return a.weight > b.weight; });
  std::vector<LayerSet> pairs;
  for (const auto& entry : ranked) {
    if (pairs.size() == count || !(entry.weight > 0)) {
      break;
    }
    pairs.push_back(entry.term->layers);
  }
  return pairs;
}

TermModel fit_selected(const Sample& sample, const ScaledShape& shape, std::size_t count) {
  const auto target = target_of(sample, shape.additive);
  const VectorXd additive = additive_part(sample, target);
  const VectorXd u = shares_of(additive);
  auto sets = monomials(sample.operators, 1);
  const auto pairs = important_pairs(sample, shape, count, false);
  sets.insert(sets.end(), pairs.begin(), pairs.end());
  VectorXd scale(static_cast<Index>(sets.size()));
  for (std::size_t s = 0; s < sets.size(); ++s) {
    double variance = sets[s].size() > 1 ? shape.pairs : 1;
    for (const auto layer : sets[s]) {
      variance *= u[layer];
    }
    scale[static_cast<Index>(s)] = std::sqrt(variance);
  }
  const VectorXd weights = target.variance.cwiseInverse();
  const MatrixXd columns = design(sample, sets) * scale.asDiagonal();
  const MatrixXd weighted = weights.asDiagonal() * columns;
  MatrixXd gram = columns.transpose() * weighted;
  gram.diagonal().array() += shape.noise + kTinyRidge;
  const VectorXd deviation = target.value - sample.indicators * additive;
  const VectorXd solution =
      Eigen::LLT<MatrixXd>(gram).solve(VectorXd(weighted.transpose() * deviation));
  TermModel model{.exponent = shape.additive.exponent, .terms = {}};
  for (std::size_t s = 0; s < sets.size(); ++s) {
    const auto i = static_cast<Index>(s);
    const double own = sets[s].size() == 1 ? additive[sets[s].front()] : 0;
    model.terms.push_back({sets[s], target.unit * (own + scale[i] * solution[i])});
  }
  return model;
}

TermModel fit_logarithmic(const Sample& sample, double pairs, double noise) {
  const double smallest = kSmallestShare * std::max(sample.errors.mean(), 1e-300);
  const VectorXd value = sample.errors.array().max(smallest).log();
  const double level = value.mean();
  const MatrixXd& x = sample.indicators;
  const VectorXd u = VectorXd::Constant(x.cols(), 1 / static_cast<double>(x.cols()));
  MatrixXd matrix = covariance(x, u, pairs, 0);
  // The constant term: a prior so wide that it is free.
  constexpr double kFree = 1e3;
  matrix.array() += kFree;
  matrix.diagonal().array() += noise + kTinyRidge;
  const VectorXd dual = Eigen::LLT<MatrixXd>(matrix).solve(VectorXd(value.array() - level));
  TermModel model{.exponent = 0, .terms = {{{}, level + kFree * dual.sum()}}};
  add_single_terms(u.cwiseProduct(VectorXd(x.transpose() * dual)), 1, model);
  add_pair_terms(sample, dual, u, pairs, model);
  return model;
}

TermModel fit_envelope(const Sample& sample, double exponent, double asymmetry,
                       std::span<const LayerSet> pairs) {
  const auto target = target_of(sample, {.exponent = exponent, .relative = 1});
  auto sets = monomials(sample.operators, 1);
  sets.insert(sets.end(), pairs.begin(), pairs.end());
  const MatrixXd columns = design(sample, sets);
  VectorXd coefficients;
  VectorXd side = VectorXd::Ones(columns.rows());
  constexpr int kRounds = 12;
  for (int round = 0; round < kRounds; ++round) {
    coefficients = fit_nonnegative(columns, target.value, side.cwiseQuotient(target.variance));
    const VectorXd fitted = columns * coefficients;
    const VectorXd next = (fitted.array() < target.value.array())
                              .select(VectorXd::Constant(side.size(), asymmetry),
                                      VectorXd::Constant(side.size(), 1 - asymmetry));
    if (next == side) {
      break;
    }
    side = next;
  }
  const VectorXd floor = smallest_additions(sample, target.value, coefficients);
  TermModel model{.exponent = exponent, .terms = {}};
  for (std::size_t s = 0; s < sets.size(); ++s) {
    const auto i = static_cast<Index>(s);
    const double coefficient =
        i < floor.size() ? std::max(coefficients[i], floor[i]) : coefficients[i];
    if (sets[s].size() == 1 || coefficient > 0) {
      model.terms.push_back({sets[s], target.unit * coefficient});
    }
  }
  return model;
}

}  // namespace tessera::noise
