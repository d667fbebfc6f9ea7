// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "report/plan_layout.h"

/// How wide the columns of a plan's picture are, in pixels.
namespace tessera::report {

struct PlanColumn {
  double left = 0;
  double right = 0;
};

struct PlanColumns {
  std::vector<PlanColumn> columns;
  /// Of one layer, where columns are so many that their widths only say how many layers they have;
  /// 0 where they have room for text.
  double layer_width = 0;
  double right = 0;  ///< of the last column
};

/// From `left` on within `room` pixels if that is enough. `labels`: by box, what it needs to show
/// its label; those of inputs and outputs of the model always get it.
/// Cost: linear in boxes and arrows.
[[nodiscard]] PlanColumns place_columns(const PlanLayout& layout, const std::vector<double>& labels,
                                        double left, double room);

}  // namespace tessera::report
