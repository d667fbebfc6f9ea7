// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/factor_graph.h"

namespace tessera::plan {

/// An order to eliminate nodes in, each time the one that makes fewest new pairs of neighbours
/// (of those, the one with the smallest table). Ties go to the lower node. Chains, trees and
/// series-parallel parts are thereby taken apart first, from their ends.
[[nodiscard]] std::vector<Node> min_fill_order(const FactorGraph& graph);

}  // namespace tessera::plan
