// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/report/chart.h"

/// Where the boxes of a plan's picture stand, before pixels come in.
namespace tessera::report {

/// Nodes that are drawn as one box.
struct PlanBox {
  std::vector<std::size_t> nodes;  ///< ascending in the order of computation
  std::size_t lane = 0;
  std::size_t kind = 0;
  bool is_end = false;     ///< of inputs or outputs of the model
  std::size_t column = 0;  ///< larger than those of all boxes it reads from
  std::size_t slot = 0;    ///< among the boxes of its lane and column, from the top
};

/// Values between the same two boxes.
struct PlanArrow {
  std::size_t from = 0;
  std::size_t to = 0;
  bool cut = false;
  std::vector<std::size_t> edges;  ///< of the chart
};

struct PlanLayout {
  std::vector<PlanBox> boxes;
  std::vector<PlanArrow> arrows;  ///< by their ends
  std::size_t columns = 0;
  std::vector<std::size_t> slots;  ///< by lane, at least 1
};

/// Errors: kInvalidArgument for a lane, kind or node that is not there, and for a circle.
/// Cost: linear in nodes and edges, but for sorting.
[[nodiscard]] Result<PlanLayout> lay_out(const PlanGraph& chart);

}  // namespace tessera::report
