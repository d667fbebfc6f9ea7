// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/placement/record.h"
#include "tessera/report/chart.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// What a plan says, for people. `top`: layers that are listed, 0 for all.
[[nodiscard]] std::string plan_text(const placement::Plan& plan, Page page, std::size_t top);
/// Pictures: plan.svg (the graph over machines), schedule.svg, and front.svg of a plan with a
/// front. None without a plan. `model`: its name, for titles.
[[nodiscard]] Result<std::vector<ChartFile>> plan_charts(const placement::Plan& plan,
                                                         const graph::Graph& graph,
                                                         const std::string& model);
/// A row for every operator.
[[nodiscard]] Table plan_sheet(const placement::Plan& plan);

}  // namespace tessera::report
