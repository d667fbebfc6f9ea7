// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tessera::plan {

/// Some states of a variable.
struct StateSet {
  std::size_t variable = 0;
  std::vector<std::uint8_t> states;  ///< ascending

  bool operator==(const StateSet&) const = default;
};

/// A pair of a limit that counts by terms of single states, see docs/planning.md.
struct RelaxedPair {
  std::size_t limit = 0;
  std::size_t pair = 0;
  std::int64_t multiplier = 0;

  bool operator==(const RelaxedPair&) const = default;
};

/// How a bound of what assignments cost is computed again: multipliers around elimination.
struct ProofLayout {
  std::int64_t cost_weight = 1;  ///< 0: a value above 0 shows that nothing keeps the limits
  std::vector<std::int64_t> multipliers;  ///< by limit
  std::vector<RelaxedPair> relaxed;       ///< all other pairs are exact
  std::vector<std::size_t> by_class;      ///< tensors with a node for each class that is sent
  /// Nodes of more than one value as they are minimized out: variables, then those of by_class.
  std::vector<std::uint32_t> order;
  std::size_t bucket_cells = 0;   ///< buckets are split that would have more
  std::vector<StateSet> dropped;  ///< states whose own bound is enough, of the domains so far
};

/// The assignments of some domains: bounded by layouts one after another, each of the states that
/// those before have left; then split, or done. A node that is done has one assignment left, a
/// variable without a state, or the highest of the bounds on the way to it.
struct ProofNode {
  struct Split {
    StateSet part;
    std::size_t inside = 0;   ///< the node where the variable has one of the states
    std::size_t outside = 0;  ///< where it has another
  };
  std::vector<ProofLayout> layouts;
  std::optional<Split> split;
};

/// Why no plan costs less than a solution's bound, or why there is none. The first node is the
/// root; parents come before their children.
struct Proof {
  std::vector<StateSet> dominated;  ///< left out of the root: others are no worse
  std::vector<ProofNode> nodes;
};

}  // namespace tessera::plan
