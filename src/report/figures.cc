// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tessera/report/format.h"

namespace tessera::report {
namespace {

/// The unit in which times of this size are read without counting digits.
struct TimeUnit {
  double us = 1;
  std::string name = "us";
};

TimeUnit time_unit(double longest_us) {
  if (longest_us >= 1e7) {
    return {1e6, "s"};
  }
  return longest_us >= 1e4 ? TimeUnit{1e3, "ms"} : TimeUnit{1, "us"};
}

Bar in_unit(Bar bar, const TimeUnit& unit) {
  bar.value /= unit.us;
  if (bar.spread) {
    bar.spread = Spread{bar.spread->lower / unit.us, bar.spread->upper / unit.us};
  }
  return bar;
}

/// The largest finite value, 0 if there is none.
class Largest {
 public:
  void add(double value) { value_ = std::isfinite(value) ? std::max(value_, value) : value_; }
  void add(const std::optional<double>& value) { add(value.value_or(0)); }
  [[nodiscard]] double value() const { return value_; }

 private:
  double value_ = 0;
};

Heading with_title(Heading heading, std::string_view title) {
  if (heading.title.empty()) {
    heading.title = title;
  }
  return heading;
}

void add_to_subtitle(Heading& heading, const std::string& text) {
  heading.subtitle += heading.subtitle.empty() ? text : "; " + text;
}

/// Finite, or nothing: what is drawn and ordered by.
double value_of(const std::optional<Bar>& bar) {
  return bar && std::isfinite(bar->value) ? bar->value : 0;
}

std::string speedup_text(const LayerTime& layer) {
  const auto fp32 = value_of(layer.fp32_us);
  const auto int8 = value_of(layer.int8_us);
  return fp32 > 0 && int8 > 0 ? fmt::format("{:.2f} x", fp32 / int8) : std::string();
}

}  // namespace

Result<Chart> layer_time_figure(Heading heading, std::span<const LayerTime> layers,
                                std::size_t top) {
  std::vector<const LayerTime*> order;
  double total = 0;
  const auto longest = [](const LayerTime& layer) {
    return std::max(value_of(layer.fp32_us), value_of(layer.int8_us));
  };
  for (const auto& layer : layers) {
    order.push_back(&layer);
    total += longest(layer);
  }
  std::stable_sort(order.begin(), order.end(), [&](const LayerTime* a, const LayerTime* b) {
    return longest(*a) > longest(*b);
  });
  if (top > 0 && top < order.size()) {
    order.resize(top);
    const auto shown =
        std::accumulate(order.begin(), order.end(), 0.0,
                        [&](double sum, const LayerTime* layer) { return sum + longest(*layer); });
    add_to_subtitle(heading, fmt::format("the {} longest of {} layers, {:.0f} % of the time", top,
                                         layers.size(), total > 0 ? 100 * shown / total : 0));
  }
  const bool whiskers = std::any_of(order.begin(), order.end(), [](const LayerTime* layer) {
    return (layer->fp32_us && layer->fp32_us->spread) || (layer->int8_us && layer->int8_us->spread);
  });
  add_to_subtitle(heading, "by the slower of the two");
  if (whiskers) {
    add_to_subtitle(heading, "whiskers: 10th to 90th percentile");
  }
  const auto unit = time_unit(order.empty() ? 0 : longest(*order.front()));
  BarChart chart{.heading = with_title(std::move(heading), "Time per layer"),
                 .value = {.title = "time", .unit = unit.name, .from_zero = true},
                 .series = {{"fp32", kFloat32Color}, {"int8", kInt8Color}},
                 .note_title = "speed-up"};
  for (const auto* layer : order) {
    auto& row = chart.rows.emplace_back();
    row.label = layer->name;
    for (const auto& bar : {layer->fp32_us, layer->int8_us}) {
      row.bars.push_back(bar ? std::optional(in_unit(*bar, unit)) : std::nullopt);
    }
    row.note = speedup_text(*layer);
  }
  return draw(chart);
}

namespace {

Axis k_axis() {
  return {.title = "layers in int8, most MACs first", .whole = true};
}

std::string step_label(const CurveStep& step) {
  return step.layer.empty() ? std::string() : fmt::format("+ {}", step.layer);
}

LineChart time_curve(std::span<const CurveStep> steps) {
  Largest longest;
  for (const auto& step : steps) {
    longest.add(step.measured_us);
    longest.add(step.predicted_us);
  }
  const auto unit = time_unit(longest.value());
  Series measured{.name = "measured", .color = Color::kBlue};
  Series predicted{.name = "predicted", .color = Color::kOrange, .dashed = true};
  for (const auto& step : steps) {
    const auto k = static_cast<double>(step.k);
    if (step.measured_us) {
      const auto bar = in_unit({*step.measured_us, step.measured_spread_us}, unit);
      measured.points.push_back({k, bar.value, bar.spread, step_label(step)});
    }
    if (step.predicted_us) {
      predicted.points.push_back({k, *step.predicted_us / unit.us, {}, step_label(step)});
    }
  }
  LineChart chart{.heading = {.title = "Time"},
                  .x = k_axis(),
                  .y = {.title = "time", .unit = unit.name, .from_zero = true},
                  .height_px = 300};
  for (auto& series : {measured, predicted}) {
    if (!series.points.empty()) {
      chart.series.push_back(series);
    }
  }
  return chart;
}

LineChart error_curve(std::span<const CurveStep> steps) {
  const bool has_error = std::none_of(
      steps.begin(), steps.end(), [](const CurveStep& step) { return step.sqnr_db.has_value(); });
  Series series{.name = "", .color = Color::kVermillion};
  for (const auto& step : steps) {
    // The float model itself has no noise: its SQNR is infinite, not missing.
    const auto& value = has_error ? step.error : step.sqnr_db;
    if (value && (has_error || step.k > 0)) {
      series.points.push_back({static_cast<double>(step.k), *value, {}, step_label(step)});
    }
  }
  return {.heading = {.title = has_error ? "Error" : "Signal to noise"},
          .x = k_axis(),
          .y = {.title = has_error ? "L2 error per element" : "SQNR",
                .unit = has_error ? "" : "dB",
                .from_zero = has_error},
          .series = {std::move(series)},
          .height_px = 280};
}

/// The same values on the axis of k, whichever of them a panel has.
void cover_steps(LineChart& chart, std::span<const CurveStep> steps,
                 std::optional<std::int64_t> k) {
  std::vector<std::int64_t> all;
  std::transform(steps.begin(), steps.end(), std::back_inserter(all),
                 [](const CurveStep& step) { return step.k; });
  if (!all.empty()) {
    const auto [first, last] = std::minmax_element(all.begin(), all.end());
    chart.x_cover = Spread{static_cast<double>(*first), static_cast<double>(*last)};
  }
  if (k) {
    chart.guides.push_back({Guide::At::kX, static_cast<double>(*k), fmt::format("k = {}", *k)});
  }
}

}  // namespace

Result<Chart> curve_figure(Heading heading, std::span<const CurveStep> steps,
                           std::optional<std::int64_t> chosen_k) {
  auto time = time_curve(steps);
  auto error = error_curve(steps);
  cover_steps(time, steps, chosen_k);
  cover_steps(error, steps, chosen_k);
  // Both plots begin where the wider labels end, so that a k is at the same place in both.
  TESSERA_TRY(auto upper, draw(time));
  error.plot_left_px = upper.plot_left_px;
  TESSERA_TRY(auto lower, draw(error));
  if (lower.plot_left_px > upper.plot_left_px) {
    time.plot_left_px = lower.plot_left_px;
    TESSERA_TRY(upper, draw(time));
  }
  const std::vector<Chart> charts{std::move(upper), std::move(lower)};
  return panel(with_title(std::move(heading), "Time and error against layers in int8"), charts, 1);
}

namespace {

constexpr double kOpsPerMac = 2;
constexpr double kInt8ByteShare = 0.25;

/// Nothing where a logarithmic axis has no place for the layer.
std::optional<RooflinePoint> roofline_point(const LayerWork& layer, double bytes,
                                            const std::optional<double>& us) {
  const auto positive = [](double value) { return std::isfinite(value) && value > 0; };
  if (!us || !positive(*us) || !positive(layer.macs) || !positive(bytes)) {
    return std::nullopt;
  }
  const auto ops = kOpsPerMac * layer.macs;
  return RooflinePoint{layer.name, ops / bytes, ops / *us / 1e3, *us};
}

}  // namespace

Result<Chart> roofline_figure(Heading heading, const MachinePeaks& peaks,
                              std::span<const LayerWork> layers, std::size_t labelled) {
  RooflineSeries fp32{"fp32", kFloat32Color, {}};
  RooflineSeries int8{"int8", kInt8Color, {}};
  std::size_t without_place = 0;
  for (const auto& layer : layers) {
    const auto as_float = roofline_point(layer, layer.fp32_bytes, layer.fp32_us);
    const auto as_int8 = roofline_point(layer, layer.fp32_bytes * kInt8ByteShare, layer.int8_us);
    without_place += as_float || as_int8 ? 0U : 1U;
    if (as_float) {
      fp32.points.push_back(*as_float);
    }
    if (as_int8) {
      int8.points.push_back(*as_int8);
    }
  }
  if (without_place > 0) {
    add_to_subtitle(heading, fmt::format("{} of {} layers have no multiplications or no time",
                                         without_place, layers.size()));
  }
  RooflineChart chart{.heading = with_title(std::move(heading), "Roofline"),
                      .bandwidth_gb_per_s = peaks.bandwidth_gb_per_s,
                      .ceilings = {{"fp32 peak", peaks.fp32_gflop_per_s, kFloat32Color}},
                      .series = {std::move(fp32)},
                      .labelled = labelled};
  if (peaks.int8_gop_per_s) {
    chart.ceilings.push_back({"int8 peak", *peaks.int8_gop_per_s, kInt8Color});
  }
  if (!int8.points.empty()) {
    chart.series.push_back(std::move(int8));
  }
  return draw(chart);
}

namespace {

std::vector<std::string> corner_of(const AgreementScores& scores) {
  std::vector<std::string> lines;
  if (!scores.of.empty()) {
    lines.push_back(scores.of + ":");
  }
  const auto add = [&](const std::optional<double>& value, auto format) {
    if (value && !std::isnan(*value)) {
      lines.push_back(format(*value));
    }
  };
  const auto percent = [](double share) { return fmt::format("{} %", number(100 * share, 2)); };
  add(scores.r2, [](double r2) { return fmt::format("R\u00b2 {:.4f}", r2); });
  add(scores.median_abs_relative_error,
      [&](double share) { return fmt::format("median error {}", percent(share)); });
  add(scores.p95_abs_relative_error,
      [&](double share) { return fmt::format("p95 error {}", percent(share)); });
  add(scores.spearman, [](double rank) { return fmt::format("Spearman {:.4f}", rank); });
  if (scores.n) {
    lines.push_back(fmt::format("n = {}", *scores.n));
  }
  return lines;
}

/// Predictions in `scale` units as points; the interval is one of the prediction, which is y.
ScatterChart agreement_chart(Heading heading, const Agreement& agreement, double scale,
                             std::size_t labelled) {
  ScatterChart chart{.heading = with_title(std::move(heading), "Predicted against measured"),
                     .identity = true,
                     .corner = corner_of(agreement.scores),
                     .labelled = labelled};
  for (const auto& set : agreement.sets) {
    auto& series = chart.series.emplace_back();
    series.name = set.name;
    for (const auto& point : set.points) {
      const auto bar = in_unit({point.predicted, point.interval}, {scale, ""});
      series.points.push_back({point.measured / scale, bar.value, bar.spread, point.label});
    }
  }
  return chart;
}

/// Smallest and largest of all finite values.
Spread span_of(std::span<const Agreement> agreements) {
  Spread span{std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
  for (const auto& agreement : agreements) {
    for (const auto& set : agreement.sets) {
      for (const auto& point : set.points) {
        for (const auto value : {point.measured, point.predicted}) {
          if (std::isfinite(value)) {
            span.lower = std::min(span.lower, value);
            span.upper = std::max(span.upper, value);
          }
        }
      }
    }
  }
  return span;
}

}  // namespace

Result<Chart> latency_agreement_figure(Heading heading, const Agreement& agreement,
                                       std::size_t labelled) {
  const auto span = span_of({&agreement, 1});
  const auto unit = time_unit(span.upper);
  auto chart = agreement_chart(std::move(heading), agreement, unit.us, labelled);
  chart.x = {.title = "measured", .unit = unit.name};
  chart.y = {.title = "predicted", .unit = unit.name};
  return draw(chart);
}

Result<Chart> sensitivity_figure(Heading heading, Axis axis, std::span<const Sensitivity> layers,
                                 std::string_view note_title, std::size_t top) {
  constexpr double kWide = 100;
  std::vector<const Sensitivity*> order;
  std::transform(layers.begin(), layers.end(), std::back_inserter(order),
                 [](const Sensitivity& layer) { return &layer; });
  const auto rank = [](const Sensitivity* layer) {
    return std::isfinite(layer->value) ? layer->value : -std::numeric_limits<double>::infinity();
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](const Sensitivity* a, const Sensitivity* b) { return rank(a) > rank(b); });
  if (top > 0 && top < order.size()) {
    order.resize(top);
    add_to_subtitle(heading, fmt::format("the {} largest of {} layers", top, layers.size()));
  }
  auto smallest = std::numeric_limits<double>::infinity();
  Largest largest;
  for (const auto* layer : order) {
    smallest = std::isfinite(layer->value) ? std::min(smallest, layer->value) : smallest;
    largest.add(layer->value);
  }
  const bool wide = smallest > 0 && largest.value() > kWide * smallest;
  axis.scale = wide ? AxisScale::kLog : AxisScale::kLinear;
  axis.from_zero = !wide;
  BarChart chart{.heading = with_title(std::move(heading), "Sensitivity by layer"),
                 .value = std::move(axis),
                 .series = {{"", Color::kBlue}},
                 .note_title = std::string(note_title)};
  for (const auto* layer : order) {
    chart.rows.push_back({layer->name, {Bar{layer->value, layer->spread}}, layer->note});
  }
  return draw(chart);
}

Result<Chart> depth_figure(Heading heading, std::span<const DepthSeries> series) {
  LineChart chart{.heading = with_title(std::move(heading), "Signal to noise along the model"),
                  .x = {.title = "position in the model, input to output", .whole = true},
                  .y = {.title = "SQNR", .unit = "dB"},
                  .width_px = 860};
  for (const auto& plan : series) {
    auto& line = chart.series.emplace_back();
    line.name = plan.name;
    for (const auto& value : plan.values) {
      line.points.push_back({static_cast<double>(value.position), value.sqnr_db, {}, value.name});
    }
  }
  return draw(chart);
}

Result<Chart> pair_figure(Heading heading, std::string_view value_title,
                          std::span<const std::string> layers, std::span<const PairValue> pairs) {
  HeatMap chart{.heading = with_title(std::move(heading), "Pairs of layers"),
                .value_title = std::string(value_title)};
  chart.rows.assign(layers.begin(), layers.end());
  chart.columns = chart.rows;
  const auto n = layers.size();
  chart.values.assign(n * n, std::numeric_limits<double>::quiet_NaN());
  for (const auto& pair : pairs) {
    if (pair.first >= n || pair.second >= n) {
      return fail(ErrorCode::kInvalidArgument, "pair ({}, {}) of {} layers", pair.first,
                  pair.second, n);
    }
    chart.values[pair.first * n + pair.second] = pair.value;
    chart.values[pair.second * n + pair.first] = pair.value;
  }
  return draw(chart);
}

}  // namespace tessera::report
