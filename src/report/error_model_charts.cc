// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/error_model_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tessera/report/chart.h"
#include "tessera/report/figures.h"

namespace tessera::report {
namespace {

Series series_of(std::string name, const noise::FitPoints& points, Color color) {
  Series series{.name = std::move(name), .color = color};
  for (std::size_t i = 0; i < points.measured.size(); ++i) {
    series.points.push_back({.x = points.measured[i], .y = points.predicted[i]});
  }
  return series;
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.2f} %", 100 * share) : "-";
}

std::string figure(double value, int digits) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}

/// Small errors are as much to be seen as large ones, where no prediction is below zero.
AxisScale scale_of(const noise::Alternative& alternative) {
  constexpr double kWide = 30;
  double least = HUGE_VAL;
  double most = 0;
  for (const auto* points : {&alternative.train_points, &alternative.test_points}) {
    for (const auto* values : {&points->measured, &points->predicted}) {
      for (const double value : *values) {
        least = std::isfinite(value) ? std::min(least, value) : least;
        most = std::isfinite(value) ? std::max(most, value) : most;
      }
    }
  }
  return least > 0 && most > kWide * least ? AxisScale::kLog : AxisScale::kLinear;
}

ScatterChart scatter_of(const noise::Alternative& alternative, bool chosen,
                        const std::string& network) {
  const auto& test = alternative.test;
  const auto* mark = chosen                        ? " (chosen)"
                     : alternative.underdetermined ? " (more terms than subsets)"
                                                   : "";
  const auto scale = scale_of(alternative);
  return {.heading = {.title = alternative.name + mark, .subtitle = network},
          .x = {.title = "measured error", .scale = scale},
          .y = {.title = "predicted error", .scale = scale},
          .series = {series_of("train", alternative.train_points, Color::kGray),
                     series_of("test", alternative.test_points, Color::kVermillion)},
          .identity = true,
          .corner = {fmt::format("test R2 {}", figure(test.r2, 5)),
                     "median error " + percent(test.median_abs_relative_error),
                     "Spearman " + figure(test.spearman, 4)}};
}

}  // namespace

Result<std::vector<ChartFile>> fit_charts(const noise::FitReport& report) {
  std::vector<ChartFile> files;
  std::vector<Chart> charts;
  for (std::size_t i = 0; i < report.alternatives.size(); ++i) {
    const auto& alternative = report.alternatives[i];
    const bool chosen = i == report.chosen;
    TESSERA_TRY(const auto alone, draw(scatter_of(alternative, chosen, report.model.network.path)));
    files.push_back({alternative.name + ".svg", svg(alone)});
    // The panel names the network once.
    TESSERA_TRY(auto part, draw(scatter_of(alternative, chosen, "")));
    charts.push_back(std::move(part));
  }
  TESSERA_TRY(const auto all, panel({.title = "Predicted against measured error",
                                     .subtitle = report.model.network.path},
                                    charts, 3));
  files.push_back({"panel.svg", svg(all)});
  return files;
}

Result<std::vector<ChartFile>> rank_charts(const std::vector<noise::LayerRank>& ranks,
                                           const noise::ErrorModel& model,
                                           const noise::Gains& gains) {
  const auto name_of = [&](const noise::LayerRank& rank) {
    return model.layers[static_cast<std::size_t>(rank.layer)].name;
  };
  std::vector<noise::LayerRank> order = ranks;
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.alone > b.alone; });
  std::vector<Sensitivity> layers;
  layers.reserve(order.size());
  for (const auto& rank : order) {
    layers.push_back({name_of(rank), rank.alone, std::nullopt,
                      std::isfinite(rank.error_per_gain)
                          ? fmt::format("{:.2e}", rank.error_per_gain)
                          : "no gain"});
  }
  TESSERA_TRY(const auto sensitivity, sensitivity_figure({.subtitle = model.network.path},
                                                         {.title = "error of the layer alone"},
                                                         layers, "error / " + gains.unit));
  constexpr std::size_t kMostPairs = 30;
  order.resize(std::min(order.size(), kMostPairs));
  std::vector<std::string> names;
  std::vector<PairValue> pairs;
  const auto operators = noise::operators_of(model.layers);
  for (std::size_t i = 0; i < order.size(); ++i) {
    names.push_back(name_of(order[i]));
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      if (operators[static_cast<std::size_t>(order[i].layer)] ==
          operators[static_cast<std::size_t>(order[j].layer)]) {
        continue;
      }
      noise::LayerSet both = {order[i].layer, order[j].layer};
      std::sort(both.begin(), both.end());
      // What the two do together beyond what each does alone.
      pairs.push_back({i, j, noise::predict(model, both).error - order[i].alone - order[j].alone});
    }
  }
  TESSERA_TRY(const auto heat_map,
              pair_figure({.subtitle = model.network.path},
                          "error of both, less those of each alone", names, pairs));
  return std::vector<ChartFile>{{"sensitivity.svg", svg(sensitivity)},
                                {"pairs.svg", svg(heat_map)}};
}

}  // namespace tessera::report
