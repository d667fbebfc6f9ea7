// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/profile/profile.h"
#include "tessera/report/chart.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// One row per layer, dearest in float32 first: type, MACs, time in each precision, conversions,
/// speed-up, and why integers do not help where they do not.
[[nodiscard]] Table layer_table(const profile::Profile& profile);
/// All layers and all fields for spreadsheets, in the order of the model.
[[nodiscard]] Table layer_sheet(const profile::Profile& profile);
/// The k-layers curve.
[[nodiscard]] Table curve_table(const profile::Profile& profile);

/// layers.svg, prediction.svg, and where the record has them curve.svg and roofline.svg.
[[nodiscard]] Result<std::vector<ChartFile>> profile_charts(const profile::Profile& profile,
                                                            const std::string& model);
/// One run of every uniform precision as a timeline, see trace_json().
[[nodiscard]] std::string profile_trace(const profile::Profile& profile);

/// Whole models, layers, conversions, and how far predictions are off.
[[nodiscard]] std::string profile_text(const profile::Profile& profile, Page page, std::size_t top);

}  // namespace tessera::report
