// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/plan_layout.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include "report/svg.h"

namespace tessera::report {
namespace {

/// Up to so many nodes each has a box of its own.
constexpr std::size_t kMostAlone = 16;
/// Of more boxes in one lane and column those of a kind become one, though no value connects them.
constexpr std::size_t kMostSlots = 4;

Status check(const PlanGraph& chart) {
  for (const auto& node : chart.nodes) {
    if (node.lane >= chart.lanes.size() || (!node.is_end && node.kind >= chart.kinds.size())) {
      return fail(ErrorCode::kInvalidArgument,
                  "node '{}' of a plan's picture is in lane {} of {} and of kind {} of {}",
                  shorten(node.name, kTooltipLength), node.lane, chart.lanes.size(), node.kind,
                  chart.kinds.size())
          .hint("name all lanes and kinds");
    }
  }
  for (const auto& edge : chart.edges) {
    if (edge.from >= chart.nodes.size() || edge.to >= chart.nodes.size()) {
      return fail(ErrorCode::kInvalidArgument,
                  "an edge of a plan's picture leads from node {} to node {}; there are {}",
                  edge.from, edge.to, chart.nodes.size())
          .hint("edges are between nodes of the picture");
    }
  }
  return {};
}

/// By node, the edges that leave it.
std::vector<std::vector<std::size_t>> leaving(const PlanGraph& chart) {
  std::vector<std::vector<std::size_t>> edges(chart.nodes.size());
  for (std::size_t e = 0; e < chart.edges.size(); ++e) {
    edges[chart.edges[e].from].push_back(e);
  }
  return edges;
}

/// Nodes, each behind all that it reads from.
Result<std::vector<std::size_t>> sorted(const PlanGraph& chart,
                                        const std::vector<std::vector<std::size_t>>& edges) {
  std::vector<std::size_t> missing(chart.nodes.size(), 0);
  for (const auto& edge : chart.edges) {
    ++missing[edge.to];
  }
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (missing[i] == 0) {
      order.push_back(i);
    }
  }
  for (std::size_t at = 0; at < order.size(); ++at) {
    for (const auto e : edges[order[at]]) {
      if (--missing[chart.edges[e].to] == 0) {
        order.push_back(chart.edges[e].to);
      }
    }
  }
  if (order.size() < chart.nodes.size()) {
    const auto first = std::find_if(missing.begin(), missing.end(), [](auto n) { return n > 0; });
    const auto& name = chart.nodes[static_cast<std::size_t>(first - missing.begin())].name;
    return fail(ErrorCode::kInvalidArgument, "node '{}' of a plan's picture depends on itself",
                shorten(name, kTooltipLength))
        .hint("a plan has no circles");
  }
  return order;
}

/// Whether both ends may share a box.
bool together(const PlanGraph& chart, const PlanEdge& edge, bool alone) {
  const auto& from = chart.nodes[edge.from];
  const auto& to = chart.nodes[edge.to];
  return !alone && !edge.cut && !from.is_end && !to.is_end && from.lane == to.lane &&
         from.kind == to.kind;
}

/// How often the way to a node changes boxes at most: values lead from lower columns to higher ones
/// or stay within a box, so boxes have no circles.
std::vector<std::size_t> columns_of(const PlanGraph& chart, const std::vector<std::size_t>& order,
                                    const std::vector<std::vector<std::size_t>>& edges,
                                    bool alone) {
  std::vector<std::size_t> columns(chart.nodes.size(), 0);
  for (const auto node : order) {
    for (const auto e : edges[node]) {
      const auto& edge = chart.edges[e];
      const auto step = together(chart, edge, alone) ? 0U : 1U;
      columns[edge.to] = std::max(columns[edge.to], columns[node] + step);
    }
  }
  return columns;
}

class Sets {
 public:
  explicit Sets(std::size_t count) : parents_(count) {
    std::iota(parents_.begin(), parents_.end(), std::size_t{0});
  }
  std::size_t root(std::size_t i) {
    while (parents_[i] != i) {
      i = parents_[i] = parents_[parents_[i]];
    }
    return i;
  }
  void join(std::size_t a, std::size_t b) { parents_[root(a)] = root(b); }

 private:
  std::vector<std::size_t> parents_;
};

/// Sets of nodes with a box each.
Sets grouped(const PlanGraph& chart, const std::vector<std::size_t>& columns, bool alone) {
  Sets sets(chart.nodes.size());
  for (const auto& edge : chart.edges) {
    if (together(chart, edge, alone) && columns[edge.from] == columns[edge.to]) {
      sets.join(edge.from, edge.to);
    }
  }
  if (alone) {
    return sets;
  }
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> boxes;  // by lane and column
  for (std::size_t i = 0; i < chart.nodes.size(); ++i) {
    boxes[{chart.nodes[i].lane, columns[i]}] += sets.root(i) == i ? 1U : 0U;
  }
  std::map<std::tuple<std::size_t, std::size_t, std::size_t, bool>, std::size_t> first;
  for (std::size_t i = 0; i < chart.nodes.size(); ++i) {
    const auto& node = chart.nodes[i];
    if (boxes[{node.lane, columns[i]}] > kMostSlots) {
      const auto like = std::tuple(node.lane, columns[i], node.kind, node.is_end);
      sets.join(i, first.try_emplace(like, i).first->second);
    }
  }
  return sets;
}

/// Boxes in the order of their first nodes; returns the box of each node.
std::vector<std::size_t> make_boxes(const PlanGraph& chart, const std::vector<std::size_t>& order,
                                    const std::vector<std::size_t>& columns, Sets& sets,
                                    PlanLayout& layout) {
  std::map<std::size_t, std::size_t> known;  // by root
  std::vector<std::size_t> box_of(chart.nodes.size());
  layout.slots.assign(chart.lanes.size(), 1);
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> used;  // by lane and column
  for (const auto node : order) {
    const auto [found, added] = known.try_emplace(sets.root(node), layout.boxes.size());
    box_of[node] = found->second;
    if (added) {
      const auto lane = chart.nodes[node].lane;
      const auto slot = used[{lane, columns[node]}]++;
      const auto& first = chart.nodes[node];
      layout.boxes.push_back({{}, lane, first.kind, first.is_end, columns[node], slot});
      layout.slots[lane] = std::max(layout.slots[lane], slot + 1);
      layout.columns = std::max(layout.columns, columns[node] + 1);
    }
    layout.boxes[found->second].nodes.push_back(node);
  }
  return box_of;
}

}  // namespace

Result<PlanLayout> lay_out(const PlanGraph& chart) {
  TESSERA_CHECK(check(chart));
  const auto edges = leaving(chart);
  TESSERA_TRY(const auto order, sorted(chart, edges));
  const auto layers = std::count_if(chart.nodes.begin(), chart.nodes.end(),
                                    [](const PlanNode& node) { return !node.is_end; });
  const bool alone = static_cast<std::size_t>(layers) <= kMostAlone;
  const auto columns = columns_of(chart, order, edges, alone);
  auto sets = grouped(chart, columns, alone);
  PlanLayout layout;
  const auto box_of = make_boxes(chart, order, columns, sets, layout);
  std::map<std::pair<std::size_t, std::size_t>, PlanArrow> arrows;
  for (std::size_t e = 0; e < chart.edges.size(); ++e) {
    const auto& edge = chart.edges[e];
    const auto from = box_of[edge.from];
    const auto to = box_of[edge.to];
    if (from != to) {
      auto& arrow = arrows.try_emplace({from, to}, PlanArrow{from, to, false, {}}).first->second;
      arrow.cut = arrow.cut || edge.cut;
      arrow.edges.push_back(e);
    }
  }
  for (auto& [ends, arrow] : arrows) {
    layout.arrows.push_back(std::move(arrow));
  }
  return layout;
}

}  // namespace tessera::report
