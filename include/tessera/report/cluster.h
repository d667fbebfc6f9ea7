// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/cluster/cluster.h"
#include "tessera/core/json.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// Sizes that transfers are shown for.
inline constexpr std::array<std::int64_t, 4> kShownBytes{1'000, 100'000, 1'000'000, 10'000'000};

/// Machines, what each link takes for the shown sizes, and forms of inputs.
[[nodiscard]] std::string cluster_text(const cluster::Cluster& cluster, Page page);
/// The same figures for programs: {machines[], links[], codecs[], inputs_from, outputs_to,
/// unreachable[]}; see schema/cluster-show.schema.json. Of a valid cluster.
[[nodiscard]] Json cluster_figures(const cluster::Cluster& cluster);

}  // namespace tessera::report
