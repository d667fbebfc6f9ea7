// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "noise/learners.h"

namespace tessera::noise {

inline constexpr int kFolds = 10;

/// Which rows are in the fold, and which are not. Row i is in fold i % kFolds: samples are shuffled
/// beforehand.
struct Fold {
  std::vector<Eigen::Index> inside;
  std::vector<Eigen::Index> outside;
};
[[nodiscard]] Fold fold_of(Eigen::Index rows, int fold);

/// What the model says of each row of the sample.
[[nodiscard]] Eigen::VectorXd errors_of(const TermModel& model, const Sample& sample);

/// What models that were fitted without a row's fold say of the row. Needs at least kFolds rows.
[[nodiscard]] Eigen::VectorXd predict_left_out(const Sample& sample,
                                               const std::function<TermModel(const Sample&)>& fit);

}  // namespace tessera::noise
