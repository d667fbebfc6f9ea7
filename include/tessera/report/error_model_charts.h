// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tessera/noise/fit.h"
#include "tessera/noise/rank.h"
#include "tessera/report/chart.h"

namespace tessera::report {

/// Predicted against measured errors: one drawing per alternative, named after it, and
/// "panel.svg" with all of them.
[[nodiscard]] Result<std::vector<ChartFile>> fit_charts(const noise::FitReport& report);

/// "sensitivity.svg": the error of every layer alone, and "pairs.svg": what the model says of two
/// together, of the layers with most error.
[[nodiscard]] Result<std::vector<ChartFile>> rank_charts(const std::vector<noise::LayerRank>& ranks,
                                                         const noise::ErrorModel& model,
                                                         const noise::Gains& gains);

}  // namespace tessera::report
