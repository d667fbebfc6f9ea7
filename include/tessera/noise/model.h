// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/noise/observations.h"

/// Models that say the error of any subset of quantized layers, without building it.
namespace tessera::noise {

/// coefficient x product of the indicators of these layers (1: quantized, 0: float32).
/// No layer: a constant.
struct Term {
  LayerSet layers;
  double coefficient = 0;

  bool operator==(const Term&) const = default;
};

/// A polynomial of the indicators that says a power of the error: error^exponent = sum of terms.
/// Exponent 0 stands for the logarithm: log(error) = sum of terms.
struct TermModel {
  double exponent = 1;
  std::vector<Term> terms;

  /// Sum of the terms that lie within the subset.
  [[nodiscard]] double sum(const LayerSet& subset) const;
  /// The error, >= 0: what the sum says, a negative one counting as 0.
  [[nodiscard]] double error(const LayerSet& subset) const;
  /// Error of a sum.
  [[nodiscard]] double error_of(double sum) const;
  /// Largest number of layers of a term.
  [[nodiscard]] int degree() const;

  bool operator==(const TermModel&) const = default;
};

/// Follows a subset as layers enter and leave it. Cost of a step: the terms with that layer.
class TermSum {
 public:
  TermSum(const TermModel& model, std::size_t layers);

  [[nodiscard]] bool has(std::int32_t layer) const;
  /// Puts the layer in or takes it out.
  void toggle(std::int32_t layer);
  /// What the sum would be after toggling.
  [[nodiscard]] double sum_after(std::int32_t layer) const;
  /// What the sum would be after toggling both.
  [[nodiscard]] double sum_after(std::int32_t first, std::int32_t second) const;
  /// What the sum would be after toggling all of these.
  [[nodiscard]] double sum_after(std::span<const std::int32_t> layers);
  [[nodiscard]] double sum() const noexcept { return sum_; }

 private:
  [[nodiscard]] double change(std::int32_t layer, std::int32_t also) const;

  const TermModel* model_;
  std::vector<std::vector<std::int32_t>> terms_of_;  ///< by layer
  std::vector<std::int32_t> absent_;                 ///< by term: layers not in the subset
  std::vector<char> present_;
  double sum_ = 0;
};

/// How measured errors lie around predicted ones, for predictions up to a size:
/// measured / predicted is within [low, high] as often as the level says.
struct IntervalBin {
  /// Predictions up to this error (the bin before ends where this begins); +inf in the last one.
  double up_to = std::numeric_limits<double>::infinity();
  double low = 1;
  double high = 1;
  std::int64_t n = 0;  ///< held-out subsets that it rests on

  bool operator==(const IntervalBin&) const = default;
};

/// Prediction intervals by cross-conformal residuals on the ratio scale (Vovk 2015; Barber et al.
/// 2021), binned by the size of the prediction (Mondrian).
struct Intervals {
  double level = 0.9;
  std::vector<IntervalBin> bins;  ///< ascending; never empty in a fitted model

  bool operator==(const Intervals&) const = default;
};

/// A conservative upper bound that a linear program can use in one row:
/// error^exponent <= sum of terms, all of one or two layers, every coefficient >= 0, so that a
/// limit E on the error is the row `sum of terms <= E^exponent`. With exponent 2 the row adds noise
/// powers, which other sources of noise may join.
struct ErrorBound {
  TermModel model;
  double inflation = 1;  ///< the factor that is in the coefficients already
  double level = 0.99;   ///< share of unseen subsets that it was made for
  /// Geometric mean of bound / measured error over held-out subsets: 1 would be perfect.
  double looseness = 1;

  bool operator==(const ErrorBound&) const = default;
};

/// What `tessera error fit` learned about one network.
struct ErrorModel {
  ModelInfo network;
  std::vector<ObservedLayer> layers;
  std::string kind;  ///< "polynomial-2", "scaled-pairs", ...
  TermModel terms;
  Intervals intervals;
  /// Bounds with different exponents; never empty in a fitted model.
  std::vector<ErrorBound> bounds;
  /// Which of them is used: the least loose one.
  std::size_t chosen_bound = 0;
  /// SQNR in decibels of a subset of error e is this - 20 log10(e); NaN if the sweep did not say.
  double sqnr_offset_db = std::numeric_limits<double>::quiet_NaN();
};

struct Prediction {
  double error = 0;
  double lower = 0;  ///< of the interval
  double upper = 0;
  double bound = 0;  ///< what the chosen bound's row says, as an error
  /// Of `error`; NaN if unknown, +inf for the empty subset.
  double sqnr_db = std::numeric_limits<double>::quiet_NaN();
  double sqnr_bound_db = std::numeric_limits<double>::quiet_NaN();  ///< of `bound`
};

/// The empty subset has error 0 whatever the model's constant.
[[nodiscard]] Prediction predict(const ErrorModel& model, const LayerSet& subset);

/// {model{kind, degree, exponent, terms}, intervals, bound, bounds, layers, sqnr_offset_db}; terms
/// are {layers: [names], coefficient}.
[[nodiscard]] Json to_json(const ErrorModel& model);
[[nodiscard]] Json to_json(const Prediction& prediction, double level);
/// Errors: kDataLoss naming what is missing; kInvalidArgument for unknown layers.
[[nodiscard]] Result<ErrorModel> error_model_from_json(const Json& document, std::string_view what);
[[nodiscard]] Result<ErrorModel> read_error_model(const std::filesystem::path& path);

}  // namespace tessera::noise
