// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>

#include "report/plan_pictures.h"
#include "tessera/report/format.h"
#include "tessera/report/plan.h"

namespace tessera::report {
namespace {

using placement::Plan;

Color color_of(const std::string& precision) {
  if (precision == "fp32") {
    return kFloat32Color;
  }
  if (precision == "int8") {
    return kInt8Color;
  }
  if (precision == kSent) {
    return Color::kGray;
  }
  return precision == "float16" ? kFloat16Color : Color::kAuto;
}

/// What the points of a front get less of while they get slower: energy, or else the error.
bool is_of_energy(const std::vector<placement::ParetoPoint>& front) {
  const auto falls = [&](auto value) {
    return std::ranges::adjacent_find(front, [&](const auto& faster, const auto& slower) {
             const std::optional<double> before = std::invoke(value, faster);
             const std::optional<double> after = std::invoke(value, slower);
             return !before || !after || *after >= *before;
           }) == front.end();
  };
  const bool has_errors =
      std::ranges::all_of(front, [](const auto& one) { return one.error.has_value(); });
  return !has_errors ||
         (!falls(&placement::ParetoPoint::error) && falls(&placement::ParetoPoint::energy_j));
}

std::string layers_of(const placement::ParetoPoint& point) {
  std::string text;
  for (const auto& [what, count] : point.layers_by_precision) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, what);
  }
  return text;
}

/// Whether small values are as much to be seen as large ones.
AxisScale scale_of(const std::vector<double>& values) {
  constexpr double kWide = 30;
  if (values.empty()) {
    return AxisScale::kLinear;
  }
  const auto [least, most] = std::ranges::minmax(values);
  return least > 0 && most > kWide * least ? AxisScale::kLog : AxisScale::kLinear;
}

}  // namespace

std::size_t PlanNames::number_of(const std::string& name) {
  const auto at = std::ranges::find(names_, name);
  if (at == names_.end()) {
    names_.push_back(name);
    return names_.size() - 1;
  }
  return static_cast<std::size_t>(at - names_.begin());
}

void PlanNames::take_known(const std::set<std::string>& used) {
  for (const auto* known : {"fp32", "float16", "int8"}) {
    if (used.contains(known)) {
      number_of(known);
    }
  }
}

std::vector<BarSeries> kinds_of(const PlanNames& precisions) {
  constexpr std::array kFree{Color::kOrange, Color::kPurple, Color::kSky};
  std::vector<BarSeries> kinds;
  std::size_t further = 0;
  for (const auto& name : precisions.all()) {
    const auto known = color_of(name);
    kinds.push_back({name, known == Color::kAuto ? kFree[further++ % kFree.size()] : known});
  }
  return kinds;
}

std::string sent_text(const placement::CutEdge& cut) {
  return fmt::format("{} {}", cut.wire_dtype, bytes(static_cast<double>(cut.bytes)));
}

/// Plans and bounds as stairs: between two plans only the one that keeps more is known to be
/// possible, and only the bound of the one that keeps less to hold.
LineChart front_picture(const Plan& plan, const std::string& model) {
  constexpr double kMillis = 1e3;
  const bool of_energy = is_of_energy(plan.pareto);
  const auto value = [&](const placement::ParetoPoint& point) {
    return of_energy ? point.energy_j.value_or(0) * kMillis : point.error.value_or(0);
  };
  std::vector<double> positive;
  for (const auto& point : plan.pareto) {
    if (value(point) > 0) {
      positive.push_back(value(point));
    }
  }
  LineChart chart{
      .heading = {of_energy ? "Latency against energy" : "Latency against error", model, {}},
      .x = {.title = of_energy ? "energy of one inference" : "error of the outputs",
            .unit = of_energy ? "mJ" : "l2 per element",
            .scale = scale_of(positive)},
      .y = {.title = "latency of one inference", .unit = "ms"}};
  Series plans{.name = "plans found", .color = Color::kBlue, .steps = Steps::kAfter};
  Series bounds{.name = "proven: no plan is below",
                .color = Color::kGray,
                .dashed = true,
                .steps = Steps::kBefore};
  auto points = plan.pareto;
  std::ranges::sort(points, {}, value);
  for (const auto& point : points) {
    const double x = value(point);
    const double ms = point.latency_us / kMillis;
    if (x <= 0 && chart.x.scale == AxisScale::kLog) {
      // A logarithmic axis has no place for it.
      chart.guides.push_back(
          {Guide::At::kY, ms, fmt::format("without error: {}", duration(point.latency_us))});
      continue;
    }
    plans.points.push_back({x, ms, std::nullopt, layers_of(point)});
    bounds.points.push_back({x, point.bound_us / kMillis, std::nullopt, {}});
  }
  chart.series = {std::move(plans), std::move(bounds)};
  return chart;
}

Result<std::vector<ChartFile>> plan_charts(const Plan& plan, const graph::Graph& graph,
                                           const std::string& model) {
  std::vector<ChartFile> files;
  if (plan.assignments.empty()) {
    return files;
  }
  TESSERA_TRY(const auto picture, draw(graph_picture(plan, graph, model)));
  files.push_back({"plan.svg", svg(picture)});
  TESSERA_TRY(const auto schedule, draw(schedule_picture(plan, graph, model)));
  files.push_back({"schedule.svg", svg(schedule)});
  if (!plan.pareto.empty()) {
    TESSERA_TRY(const auto front, draw(front_picture(plan, model)));
    files.push_back({"front.svg", svg(front)});
  }
  return files;
}

}  // namespace tessera::report
