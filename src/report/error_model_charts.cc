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

ScatterChart scatter_of(const noise::Alternative& alternative, const std::string& network) {
  const auto& test = alternative.test;
  return {.heading = {.title = alternative.name, .subtitle = network},
          .x = {.title = "measured error"},
          .y = {.title = "predicted error"},
          .series = {series_of("train", alternative.train_points, Color::kGray),
                     series_of("test", alternative.test_points, Color::kVermillion)},
          .identity = true,
          .corner = {fmt::format("test R2 {}", figure(test.r2, 5)),
                     "median error " + percent(test.median_abs_relative_error),
                     "Spearman " + figure(test.spearman, 4)}};
}

}  // namespace

Result<std::vector<NamedChart>> fit_charts(const noise::FitReport& report) {
  std::vector<NamedChart> files;
  std::vector<Chart> charts;
  for (const auto& alternative : report.alternatives) {
    TESSERA_TRY(auto chart, draw(scatter_of(alternative, report.model.network.path)));
    files.push_back({alternative.name + ".svg", svg(chart)});
    charts.push_back(std::move(chart));
  }
  TESSERA_TRY(const auto all, panel({.title = "Predicted against measured error",
                                     .subtitle = report.model.network.path},
                                    charts, 3));
  files.push_back({"panel.svg", svg(all)});
  return files;
}

Result<std::vector<NamedChart>> rank_charts(const std::vector<noise::LayerRank>& ranks,
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
  TESSERA_TRY(const auto sensitivity, sensitivity_figure({}, {.title = "error of the layer alone"},
                                                         layers, "error / " + gains.unit));
  constexpr std::size_t kMostPairs = 30;
  order.resize(std::min(order.size(), kMostPairs));
  std::vector<std::string> names;
  std::vector<PairValue> pairs;
  for (std::size_t i = 0; i < order.size(); ++i) {
    names.push_back(name_of(order[i]));
    for (std::size_t j = i + 1; j < order.size(); ++j) {
      noise::LayerSet both = {order[i].layer, order[j].layer};
      std::sort(both.begin(), both.end());
      pairs.push_back({i, j, noise::predict(model, both).error});
    }
  }
  TESSERA_TRY(const auto heat_map, pair_figure({}, "error of both", names, pairs));
  return std::vector<NamedChart>{{"sensitivity.svg", svg(sensitivity)},
                                 {"pairs.svg", svg(heat_map)}};
}

}  // namespace tessera::report
