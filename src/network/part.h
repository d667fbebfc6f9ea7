// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <span>

#include "tessera/graph/graph.h"

namespace tessera::network {

/// Op::source of the operators and of those on constants alone that they read, directly or not.
[[nodiscard]] std::set<std::uint32_t> with_constants(const graph::Graph& graph,
                                                     std::span<const graph::OpId> ops);

}  // namespace tessera::network
