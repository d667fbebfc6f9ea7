// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "certificate/exact.h"

namespace tessera::certificate {

/// What a proof shows.
struct Shown {
  std::string wrong;          ///< the first thing that does not hold; empty: all does
  std::optional<Wide> bound;  ///< no assignment that keeps the limits costs less; none: none does
  std::size_t at = 0;         ///< the node that has the bound
  std::int64_t nodes = 0;
  std::int64_t layouts = 0;
};

/// Goes through the tree from its root and computes everything in it again.
[[nodiscard]] Shown replay(const Problem& problem, const Proof& proof, const CheckOptions& options);

}  // namespace tessera::certificate
