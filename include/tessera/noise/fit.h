// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/noise/model.h"
#include "tessera/noise/observations.h"
#include "tessera/noise/scores.h"

/// Fits models of the error to the subsets that a sweep measured. docs/error_models.md has the
/// mathematics.
namespace tessera::noise {

struct FitOptions {
  /// Subsets to fit to and to test on: a number, or a share of all if it is below 1. 0: of the test
  /// one in eleven (1000 and 100 of 1100), of the training what the test leaves.
  double train = 0;
  double test = 0;
  std::uint64_t seed = 0;        ///< of the split
  std::string model;             ///< take this alternative; empty: choose by cross-validation
  double interval_level = 0.9;   ///< in (0, 1)
  double bound_level = 0.995;    ///< in (0, 1)
  std::size_t bound_pairs = 50;  ///< at most so many pair terms in a bound
};

/// Measured against predicted errors, subset by subset.
struct FitPoints {
  std::vector<double> measured;
  std::vector<double> predicted;
};

/// One way to model the error, and how well it did.
struct Alternative {
  std::string name;
  std::string description;
  TermModel terms;
  bool underdetermined = false;  ///< fewer subsets than terms, nothing but minimum norm decides
  Scores cross_validation;       ///< of subsets of the training part, each left out of its fit
  Scores train;
  Scores test;
  FitPoints train_points;
  FitPoints test_points;
};

/// A bound on subsets that took no part in making it.
struct BoundTest {
  double exponent = 2;
  double holds = 0;         ///< share of test subsets; NaN without any
  double median_ratio = 0;  ///< of bound / measured error
};

struct FitReport {
  ErrorModel model;
  std::vector<Alternative> alternatives;
  std::size_t chosen = 0;
  std::string why;
  std::int64_t train = 0;
  std::int64_t test = 0;
  double interval_coverage = 0;   ///< share of test subsets within their interval; NaN without any
  std::vector<BoundTest> bounds;  ///< as in the model
};

/// Splits, fits every alternative, chooses by 10-fold cross-validation, makes intervals and bounds.
/// Deterministic. Warnings: "too-many-terms", "underdetermined", "few-subsets",
/// "unobserved-layers", "loose-sqnr".
/// Errors: kInvalidArgument for options that cannot be met; kFailedPrecondition for fewer than ten
/// subsets to fit to; kCancelled.
/// Cost: seconds for 1000 subsets of 15 or 100 layers; grows with the cube of the subsets.
[[nodiscard]] Result<FitReport> fit(const Observations& observations, const FitOptions& options,
                                    Monitor& monitor);

/// The result of `tessera error fit`: to_json(ErrorModel) with `train`, `test`, `alternatives`,
/// `why` and what the test says of intervals and bounds.
[[nodiscard]] Json to_json(const FitReport& report);

}  // namespace tessera::noise
