// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "tessera/report/chart.h"
#include "tessera/report/format.h"
#include "tessera/report/plan.h"

namespace tessera::report {
namespace {

using placement::Plan;

Color color_of(const std::string& kind) {
  if (kind == "fp32" || kind == "float32") {
    return kFloat32Color;
  }
  if (kind == "int8") {
    return kInt8Color;
  }
  return kind == "float16" ? kFloat16Color : Color::kAuto;
}

/// Names by number, in the order in which they come.
class Names {
 public:
  std::size_t number_of(const std::string& name) {
    const auto at = std::ranges::find(names_, name);
    if (at == names_.end()) {
      names_.push_back(name);
      return names_.size() - 1;
    }
    return static_cast<std::size_t>(at - names_.begin());
  }
  [[nodiscard]] const std::vector<std::string>& all() const { return names_; }
  [[nodiscard]] std::vector<BarSeries> kinds() const {
    std::vector<BarSeries> kinds;
    for (const auto& name : names_) {
      kinds.push_back({name, color_of(name)});
    }
    return kinds;
  }

 private:
  std::vector<std::string> names_;
};

std::string subtitle(const Plan& plan, const std::string& model) {
  return fmt::format("{}: {} of one inference, {} part{}", model, duration(plan.latency_us),
                     plan.parts, plan.parts == 1 ? "" : "s");
}

/// Layers, where they run and what crosses; constants and the ends of the model are left out.
Result<Chart> graph_chart(const Plan& plan, const graph::Graph& graph, const std::string& model) {
  PlanGraph chart{.heading = {"Which machine, which precision", subtitle(plan, model), {}}};
  Names lanes;
  for (const auto& share : plan.machines) {
    lanes.number_of(share.machine);
  }
  Names kinds;
  std::map<std::string, std::size_t> node_of_layer;
  std::map<std::string, std::size_t> node_of_op;
  for (const auto& one : plan.assignments) {
    const auto [at, is_new] = node_of_layer.try_emplace(one.layer, chart.nodes.size());
    if (is_new) {
      chart.nodes.push_back(
          {one.layer, lanes.number_of(one.machine), kinds.number_of(one.precision), {}});
    }
    node_of_op[one.op] = at->second;
  }
  std::map<std::pair<std::string, std::string>, const placement::CutEdge*> cuts;
  for (const auto& cut : plan.cuts) {
    cuts[{cut.tensor, cut.to}] = &cut;
  }
  std::set<std::pair<std::size_t, std::size_t>> drawn;
  for (const auto& tensor : graph.tensors()) {
    if (!tensor.producer) {
      continue;
    }
    const auto from = node_of_op.at(graph.op(*tensor.producer).name);
    for (const auto reader : tensor.consumers) {
      const auto to = node_of_op.at(graph.op(reader).name);
      if (from == to || !drawn.insert({from, to}).second) {
        continue;
      }
      PlanEdge edge{.from = from, .to = to};
      const auto cut = cuts.find({tensor.name, lanes.all()[chart.nodes[to].lane]});
      if (cut != cuts.end() && chart.nodes[from].lane != chart.nodes[to].lane) {
        edge.cut = true;
        edge.label =
            fmt::format("{} {}, {}", cut->second->wire_dtype,
                        bytes(static_cast<double>(cut->second->bytes)), duration(cut->second->us));
      }
      chart.edges.push_back(std::move(edge));
    }
  }
  chart.lanes = lanes.all();
  chart.kinds = kinds.kinds();
  return draw(chart);
}

Result<Chart> schedule_chart(const Plan& plan, const std::string& model) {
  GanttChart chart{
      .heading = {
          "One inference",
          fmt::format("{}: {} with machines and links side by side, {} one after another", model,
                      duration(plan.schedule.makespan_us), duration(plan.latency_us)),
          {}}};
  Names rows;
  Names kinds;
  for (const auto& share : plan.machines) {
    rows.number_of(share.machine);
  }
  for (const auto& activity : plan.schedule.activities) {
    chart.spans.push_back({rows.number_of(activity.where), activity.start_us, activity.end_us,
                           activity.what, kinds.number_of(activity.precision)});
  }
  chart.rows = rows.all();
  chart.kinds = kinds.kinds();
  return draw(chart);
}

Result<Chart> front_chart(const Plan& plan, const std::string& model) {
  const bool by_error = std::ranges::all_of(
      plan.pareto, [](const auto& point) { return point.error && *point.error >= 0; });
  constexpr double kMillis = 1e3;
  LineChart chart{
      .heading = {by_error ? "Latency against error" : "Latency against energy", model, {}},
      .x = {.title = by_error ? "error" : "energy", .unit = by_error ? "l2" : "mJ"},
      .y = {.title = "latency", .unit = "ms", .from_zero = true}};
  Series plans{.name = "plans", .points = {}, .color = kInt8Color};
  Series bounds{
      .name = "proven: none is faster", .points = {}, .color = Color::kGray, .dashed = true};
  for (const auto& point : plan.pareto) {
    const double x = by_error ? *point.error : point.energy_j.value_or(0) * kMillis;
    plans.points.push_back({x, point.latency_us / kMillis, std::nullopt, {}});
    bounds.points.push_back({x, point.bound_us / kMillis, std::nullopt, {}});
  }
  chart.series = {std::move(plans), std::move(bounds)};
  return draw(chart);
}

}  // namespace

Result<std::vector<NamedChart>> plan_charts(const Plan& plan, const graph::Graph& graph,
                                            const std::string& model) {
  std::vector<NamedChart> files;
  if (plan.assignments.empty()) {
    return files;
  }
  TESSERA_TRY(const auto picture, graph_chart(plan, graph, model));
  files.push_back({"plan.svg", svg(picture)});
  TESSERA_TRY(const auto schedule, schedule_chart(plan, model));
  files.push_back({"schedule.svg", svg(schedule)});
  if (!plan.pareto.empty()) {
    TESSERA_TRY(const auto front, front_chart(plan, model));
    files.push_back({"front.svg", svg(front)});
  }
  return files;
}

}  // namespace tessera::report
