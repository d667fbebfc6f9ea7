// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::plan {

using Node = std::uint32_t;
using Table = std::vector<std::int64_t>;

/// A table over some nodes, the last of its scope fastest.
struct Factor {
  std::vector<Node> scope;
  Table table;
};

/// Nodes with domains, and a function of them that is a sum of factors.
struct FactorGraph {
  std::vector<std::size_t> domains;
  std::vector<Factor> factors;
};

}  // namespace tessera::plan
