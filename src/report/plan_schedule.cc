// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "report/plan_pictures.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using placement::Activity;
using placement::Plan;

/// How much is sent: the plan's own figure, not that of each link on the way.
std::string transfer_text(const Plan& plan, const Activity& activity) {
  const auto cut = std::ranges::find_if(plan.cuts, [&](const auto& one) {
    return one.tensor == activity.what && one.wire_dtype == activity.precision;
  });
  return cut == plan.cuts.end() ? activity.precision : sent_text(*cut);
}

/// How many layers each part of the schedule has of each precision, by machine and the part's name.
using PartLayers = std::map<std::pair<std::string, std::string>, std::map<std::string, int>>;

PartLayers parts_of(const Plan& plan, const graph::Graph& graph) {
  struct Layer {
    const placement::Assigned* assigned = nullptr;
    std::size_t level = 0;  ///< crossings behind it: parts are numbered by them
  };
  std::map<std::string, Layer> layers;
  std::map<std::string, Layer*> layer_of;  // by operator
  for (const auto& one : plan.assignments) {
    auto& layer = layers[one.layer];
    layer.assigned = &one;
    layer_of[one.op] = &layer;
  }
  for (const auto& op : graph.ops()) {
    const auto at = layer_of.find(op.name);
    if (at == layer_of.end()) {
      continue;
    }
    graph::for_each_read(op, [&](graph::TensorId id) {
      const auto maker = graph.tensor(id).producer;
      const auto from = maker ? layer_of.find(graph.op(*maker).name) : layer_of.end();
      if (from != layer_of.end()) {
        const bool crosses = from->second->assigned->machine != at->second->assigned->machine;
        at->second->level = std::max(at->second->level, from->second->level + (crosses ? 1 : 0));
      }
    });
  }
  PartLayers parts;
  for (const auto& [name, layer] : layers) {
    ++parts[{layer.assigned->machine, fmt::format("part {}", layer.level + 1)}]
           [layer.assigned->precision];
  }
  return parts;
}

std::string counts_text(const std::map<std::string, int>& layers) {
  std::string text;
  for (const auto& [precision, count] : layers) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, precision);
  }
  return text;
}

/// "part 2: 30 layers".
std::string part_text(const std::string& name, const std::map<std::string, int>& layers) {
  int count = 0;
  for (const auto& [precision, some] : layers) {
    count += some;
  }
  return fmt::format("{}: {} layer{}", name, count, count == 1 ? "" : "s");
}

std::string schedule_subtitle(const Plan& plan, const std::string& model) {
  const auto& makespan = plan.schedule.makespan_us;
  constexpr double kSame = 1e-3;
  if (makespan >= plan.latency_us * (1 - kSame)) {
    return fmt::format("{}: {}, one thing after another", model, duration(plan.latency_us));
  }
  return fmt::format("{}: {} with machines and links side by side, {} one after another", model,
                     duration(makespan), duration(plan.latency_us));
}

class Timeline {
 public:
  Timeline(const Plan& plan, const graph::Graph& graph)
      : plan_(plan), parts_(parts_of(plan, graph)) {
    for (const auto& share : plan.machines) {
      rows_.number_of(share.machine);
    }
    machines_ = rows_.all().size();
  }

  GanttChart make(const std::string& model) {
    chart_.heading = {"One inference over time", schedule_subtitle(plan_, model), {}};
    std::set<std::string> computed;
    for (const auto& activity : plan_.schedule.activities) {
      if (!is_sent(activity)) {
        computed.insert(activity.precision);
      }
    }
    kinds_.take_known(computed);
    for (const auto& activity : plan_.schedule.activities) {
      add(activity);
    }
    chart_.rows = rows_.all();
    chart_.kinds = kinds_of(kinds_);
    for (auto& kind : chart_.kinds) {
      if (mixed_ && kind.name != kSent) {
        kind.name = fmt::format("mostly {}, by time", kind.name);
      }
    }
    return std::move(chart_);
  }

 private:
  /// Rows of machines come first, all others are links.
  bool is_sent(const Activity& activity) { return rows_.number_of(activity.where) >= machines_; }

  void add(const Activity& activity) {
    GanttSpan span{.row = rows_.number_of(activity.where),
                   .start_us = activity.start_us,
                   .end_us = activity.end_us};
    const auto part = parts_.find({activity.where, activity.what});
    if (is_sent(activity)) {
      span.label = transfer_text(plan_, activity);
      span.tooltip = activity.what;
    } else if (part != parts_.end()) {
      span.label = part_text(activity.what, part->second);
      span.tooltip = counts_text(part->second);
      mixed_ = mixed_ || part->second.size() > 1;
    } else {
      span.label = activity.what;
      span.tooltip = activity.precision;
    }
    span.kind = kinds_.number_of(is_sent(activity) ? kSent : activity.precision);
    chart_.spans.push_back(std::move(span));
  }

  const Plan& plan_;
  PartLayers parts_;
  GanttChart chart_;
  PlanNames rows_;
  PlanNames kinds_;
  std::size_t machines_ = 0;
  bool mixed_ = false;  ///< a part has one colour, though not one precision
};

}  // namespace

GanttChart schedule_picture(const Plan& plan, const graph::Graph& graph, const std::string& model) {
  return Timeline(plan, graph).make(model);
}

}  // namespace tessera::report
