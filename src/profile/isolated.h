// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/network/network.h"
#include "tessera/profile/units.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {

/// A layer cut out of its model and timed alone, float and integers. The usual way to cost layers;
/// kept to show how far it is off (see docs/measuring.md).
struct IsolatedCost {
  double fp32_us = 0;
  std::optional<double> int8_us;  ///< absent where the scheme does not take it
};

/// Of products that take `scheme`, and of the units that are `wanted` besides (by unit). Absent for
/// the others and for those that cannot be run alone. Memory: at most one extra copy of the model.
[[nodiscard]] Result<std::vector<std::optional<IsolatedCost>>> time_isolated(
    const network::Network& model, const graph::Graph& view, const Units& units,
    const std::vector<bool>& wanted, const quantize::Scheme& scheme,
    const calibrate::Ranges& ranges, std::shared_ptr<const runtime::Library> library,
    const runtime::SessionOptions& session, double budget_us, Monitor& monitor);

}  // namespace tessera::profile
