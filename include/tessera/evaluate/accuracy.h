// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/tensor/metrics.h"

namespace tessera::evaluate {

/// Error of one model output over all samples.
struct OutputError {
  std::string name;
  ErrorMetrics error;
};

/// Classification by the largest element of the classifier output, in percent of the samples.
struct Top1 {
  std::optional<double> reference_percent;  ///< against labels, if there are any
  std::optional<double> candidate_percent;
  double agreement_percent = 0;  ///< reference and candidate choose the same class
  std::int64_t samples = 0;      ///< that were classified
  std::int64_t labelled = 0;     ///< of which had a label
  /// Points that the candidate loses, if there are labels.
  [[nodiscard]] std::optional<double> drop() const;
};

/// Between which values a figure lies with 95 % confidence.
struct Interval {
  double low = 0;
  double high = 0;

  bool operator==(const Interval&) const = default;
};

/// How far a candidate model is from its reference over a sample set.
struct Accuracy {
  std::int64_t samples = 0;
  std::vector<OutputError> outputs;  ///< floating outputs, in the reference's order
  ErrorMetrics overall;              ///< all of them pooled into one signal and one noise
  /// Of overall.sqnr_db, by bootstrap over samples: what other samples of the same kind might have
  /// given. Absent with fewer than three samples, or where nothing differs.
  std::optional<Interval> sqnr_interval_db;
  /// If classifier_output() has one, and the samples have labels or there is no other output.
  std::optional<Top1> top1;
};

/// {samples, outputs[{name, sqnr_db, ...}], overall{...}, sqnr_db_low, sqnr_db_high,
/// top1{reference, candidate, agreement}}.
[[nodiscard]] Json to_json(const Accuracy& accuracy);

}  // namespace tessera::evaluate
