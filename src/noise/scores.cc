// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

#include "tessera/core/statistics.h"
#include "tessera/core/timing.h"
#include "tessera/noise/fields.h"

namespace tessera::noise {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Of the median measurement: below it every error is as good as none.
constexpr double kNegligible = 1e-6;

double coefficient_of_determination(std::span<const double> predicted,
                                    std::span<const double> measured) {
  const double mean =
      std::accumulate(measured.begin(), measured.end(), 0.0) / static_cast<double>(measured.size());
  double residual = 0;
  double total = 0;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    residual += (measured[i] - predicted[i]) * (measured[i] - predicted[i]);
    total += (measured[i] - mean) * (measured[i] - mean);
  }
  // Equal measurements leave rounding of their mean.
  const double rounding = 1e-28 * mean * mean * static_cast<double>(measured.size());
  if (total <= rounding) {
    return residual <= 1e-18 * mean * mean * static_cast<double>(measured.size()) ? 1 : kNan;
  }
  return 1 - residual / total;
}

}  // namespace

Scores score(std::span<const double> predicted, std::span<const double> measured) {
  Scores scores{.n = static_cast<std::int64_t>(measured.size())};
  if (measured.empty()) {
    return {.n = 0,
            .r2 = kNan,
            .median_abs_relative_error = kNan,
            .p95_abs_relative_error = kNan,
            .spearman = kNan,
            .mean_abs_log_ratio = kNan};
  }
  std::vector<double> sorted(measured.begin(), measured.end());
  std::sort(sorted.begin(), sorted.end());
  const double floor = std::max(kNegligible * quantile(sorted, 0.5), 1e-300);
  std::vector<double> relative;
  double ratios = 0;
  for (std::size_t i = 0; i < measured.size(); ++i) {
    if (measured[i] > 0) {
      relative.push_back(std::abs(predicted[i] - measured[i]) / measured[i]);
    }
    const double ratio = std::log(std::max(predicted[i], floor) / std::max(measured[i], floor));
    ratios += std::min(std::abs(ratio), kWorstLogRatio);
  }
  std::sort(relative.begin(), relative.end());
  scores.r2 = coefficient_of_determination(predicted, measured);
  scores.median_abs_relative_error = quantile(relative, 0.5);
  scores.p95_abs_relative_error = quantile(relative, 0.95);
  scores.spearman = spearman(predicted, measured);
  scores.mean_abs_log_ratio = ratios / static_cast<double>(measured.size());
  return scores;
}

Fields<Scores> fields_of(const Scores*) {
  static constexpr std::array kFields = {
      written<&Scores::n>("n", "predictions"),
      written_figure<&Scores::r2>("r2", "coefficient of determination"),
      written_figure<&Scores::median_abs_relative_error>(
          "median_abs_relative_error", "|predicted / measured - 1|, where that is not 0"),
      written_figure<&Scores::p95_abs_relative_error>("p95_abs_relative_error",
                                                      "95th percentile of it"),
      written_figure<&Scores::spearman>("spearman", "rank correlation"),
      written_figure<&Scores::mean_abs_log_ratio>(
          "mean_abs_log_ratio", "mean of |log(predicted / measured)|, each at most 2")};
  return kFields;
}

Json to_json(const Scores& scores) {
  return as_json(scores);
}

}  // namespace tessera::noise
