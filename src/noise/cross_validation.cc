// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/cross_validation.h"

namespace tessera::noise {

using Eigen::Index;
using Eigen::VectorXd;

Fold fold_of(Index rows, int fold) {
  Fold result;
  for (Index i = 0; i < rows; ++i) {
    (i % kFolds == fold ? result.inside : result.outside).push_back(i);
  }
  return result;
}

VectorXd errors_of(const TermModel& model, const Sample& sample) {
  VectorXd sums = VectorXd::Zero(sample.indicators.rows());
  VectorXd product;
  for (const auto& term : model.terms) {
    switch (term.layers.size()) {
      case 0:
        sums.array() += term.coefficient;
        break;
      case 1:
        sums += term.coefficient * sample.indicators.col(term.layers[0]);
        break;
      default:
        product = sample.indicators.col(term.layers[0]);
        for (std::size_t k = 1; k < term.layers.size(); ++k) {
          product.array() *= sample.indicators.col(term.layers[k]).array();
        }
        sums += term.coefficient * product;
    }
  }
  for (double& value : sums) {
    value = model.error_of(value);
  }
  return sums;
}

VectorXd predict_left_out(const Sample& sample,
                          const std::function<TermModel(const Sample&)>& fit) {
  VectorXd predicted(sample.errors.size());
  for (int f = 0; f < kFolds; ++f) {
    const auto fold = fold_of(sample.errors.size(), f);
    if (!fold.inside.empty()) {
      predicted(fold.inside) =
          errors_of(fit(pick(sample, fold.outside)), pick(sample, fold.inside));
    }
  }
  return predicted;
}

}  // namespace tessera::noise
