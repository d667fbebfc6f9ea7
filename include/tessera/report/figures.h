// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/report/chart.h"

/// The charts that commands write, from the figures of records. Nothing is measured or fitted
/// here; times are microseconds and get the unit that suits them. Where `heading` has no title the
/// figure has one of its own. Values that are not finite are left out and counted as in chart.h; a
/// logarithmic axis is taken only where every value can stand on it.
namespace tessera::report {

/// A layer's time in each precision; nullopt: it was not measured, or has no such form.
struct LayerTime {
  std::string name;
  std::optional<Bar> fp32_us;
  std::optional<Bar> int8_us;
};
/// Bars of float32 against int8 with the speed-up beside them, longest first; the `top` longest
/// (0: all), the subtitle tells what share of the time they are.
[[nodiscard]] Result<Chart> layer_time_figure(Heading heading, std::span<const LayerTime> layers,
                                              std::size_t top = 0);

/// The k layers with most MACs are in int8.
struct CurveStep {
  std::int64_t k = 0;
  std::string layer;  ///< the k-th, for the tooltip
  std::optional<double> measured_us;
  std::optional<Spread> measured_spread_us;
  std::optional<double> predicted_us;
  std::optional<double> error;  ///< |x - y| / elements: drawn where no step has an SQNR
  std::optional<double> sqnr_db;
};
/// Two panels above each other with the same k: time and error. `chosen_k` is marked.
[[nodiscard]] Result<Chart> curve_figure(Heading heading, std::span<const CurveStep> steps,
                                         std::optional<std::int64_t> chosen_k = {});

/// What one core of the machine reaches.
struct MachinePeaks {
  double bandwidth_gb_per_s = 0;
  double fp32_gflop_per_s = 0;
  std::optional<double> int8_gop_per_s;
};
struct LayerWork {
  std::string name;
  double macs = 0;
  double fp32_bytes = 0;  ///< weights and activations, each tensor once; int8 moves a quarter
  std::optional<double> fp32_us;
  std::optional<double> int8_us;
};
/// Layers without MACs, bytes or time have no place on the axes: the subtitle counts them.
[[nodiscard]] Result<Chart> roofline_figure(Heading heading, const MachinePeaks& peaks,
                                            std::span<const LayerWork> layers,
                                            std::size_t labelled = 10);

/// Predictions beside what was measured then.
struct Prediction {
  std::string label;  ///< of the plan or subset
  double measured = 0;
  double predicted = 0;
  std::optional<Spread> interval;  ///< of the prediction
};
struct PredictionSet {
  std::string name;  ///< "held out", "sum of isolated layers"
  std::vector<Prediction> points;
};
/// Figures of the record, printed in a corner; those that are there.
struct AgreementScores {
  std::string of;  ///< the set that they describe, where there are several
  std::optional<double> r2;
  std::optional<double> median_abs_relative_error;
  std::optional<double> p95_abs_relative_error;
  std::optional<double> spearman;
  std::optional<std::int64_t> n;
};
struct Agreement {
  std::string name;  ///< of the model: "quadratic"
  std::vector<PredictionSet> sets;
  AgreementScores scores;
};
/// Values are microseconds.
[[nodiscard]] Result<Chart> latency_agreement_figure(Heading heading, const Agreement& agreement,
                                                     std::size_t labelled = 0);

/// What one layer adds.
struct Sensitivity {
  std::string name;
  double value = 0;
  std::optional<Spread> spread;
  std::string note;  ///< "12.3 dB / ms"
};
/// Largest first, the `top` largest (0: all). Logarithmic where values span more than a factor of
/// 100. `axis` gives title and unit.
[[nodiscard]] Result<Chart> sensitivity_figure(Heading heading, Axis axis,
                                               std::span<const Sensitivity> layers,
                                               std::string_view note_title = {},
                                               std::size_t top = 0);

/// The error of the values inside a model, in topological order.
struct DepthSeries {
  std::string name;  ///< of the plan: "all int8"
  struct Value {
    std::int64_t position = 0;  ///< in topological order
    std::string name;
    double sqnr_db = 0;
  };
  std::vector<Value> values;
};
/// SQNR against depth; infinite values (equal tensors) are left out and counted.
[[nodiscard]] Result<Chart> depth_figure(Heading heading, std::span<const DepthSeries> series);

/// What two layers do together.
struct PairValue {
  std::size_t first = 0;  ///< index into the layers
  std::size_t second = 0;
  double value = 0;
};
/// A symmetric heat map; the last of several values of one pair counts.
/// Errors: kInvalidArgument for an index beyond the layers.
[[nodiscard]] Result<Chart> pair_figure(Heading heading, std::string_view value_title,
                                        std::span<const std::string> layers,
                                        std::span<const PairValue> pairs);

}  // namespace tessera::report
