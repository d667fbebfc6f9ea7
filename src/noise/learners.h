// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "noise/sample.h"
#include "tessera/noise/model.h"

/// Ways to make a TermModel of measured errors.
namespace tessera::noise {

/// One way, with whatever it has settled beforehand. `fit` is a pure function of its sample.
struct Learner {
  std::string name;         ///< "polynomial-2"
  std::string description;  ///< one line, for people
  std::function<TermModel(const Sample&)> fit;
  /// Fitted coefficients would not be determined by so few subsets.
  bool underdetermined = false;
};

/// The reference of the layer-wise studies: ordinary least squares of the error on all products of
/// up to `degree` indicators and a constant.
[[nodiscard]] TermModel fit_polynomial(const Sample& sample, int degree);

/// How noise powers that add up are fitted: error^exponent, residuals relative to the value to the
/// power of `relative` (0: absolute, 1: ratios).
struct AdditiveShape {
  double exponent = 2;
  double relative = 1;
};

/// error^exponent = sum a_i x_i, a >= 0.
[[nodiscard]] TermModel fit_additive(const Sample& sample, const AdditiveShape& shape);

/// The additive model and, on top of it, deviations shrunk towards zero by a prior that follows
/// from it: the deviation of a pair is of the size sqrt(a_i a_j), as inner products of errors are,
/// and of a triple likewise. A ridge regression, that is the mean of a Gaussian process with
/// kernel sum u_i x_i x'_i + pairs sum_{i<j} u_i u_j x_i x_j x'_i x'_j + ..., u = a / sum a.
struct ScaledShape {
  AdditiveShape additive;
  double pairs = 1;     ///< prior variance of pairs
  double triples = 0;   ///< of triples; 0: none
  double noise = 1e-2;  ///< variance of what no term explains
};

struct ScaledFit {
  TermModel model;
  /// Error of each subset as the model without it would say it (closed form; the additive part
  /// stays).
  Eigen::VectorXd left_out;
};
[[nodiscard]] ScaledFit fit_scaled(const Sample& sample, const ScaledShape& shape,
                                   bool with_left_out);

/// As fit_scaled with pairs, but only with the `count` pairs that matter most in it.
[[nodiscard]] TermModel fit_selected(const Sample& sample, const ScaledShape& shape,
                                     std::size_t count);

/// log(error) = constant + terms of one and two layers, shrunk.
[[nodiscard]] TermModel fit_logarithmic(const Sample& sample, double pairs, double noise);

/// All of them for these data; shapes are searched with leave-one-out residuals on the sample.
[[nodiscard]] std::vector<Learner> make_learners(const Sample& sample, Monitor& monitor);

/// error^exponent <= sum of single terms and `pairs` pairs, before inflation: an asymmetric
/// non-negative least squares of ratios (expectile) in which falling short weighs
/// `asymmetry` / (1 - asymmetry) times as much.
[[nodiscard]] TermModel fit_envelope(const Sample& sample, double exponent, double asymmetry,
                                     std::span<const LayerSet> pairs);

/// Pairs of layers whose deviation from additivity is largest, best first.
[[nodiscard]] std::vector<LayerSet> important_pairs(const Sample& sample, const ScaledShape& shape,
                                                    std::size_t count, bool positive_only);

}  // namespace tessera::noise
