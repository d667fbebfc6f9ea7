// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "plan/lagrange.h"

namespace tessera::plan {

/// By variable and place in its domain, as Relaxation::state_values() has them.
using StateValues = std::vector<std::vector<Wide>>;

/// A question that divides a branch: whether a variable is in one of these states. Neither they
/// nor those left over are none.
struct Split {
  std::size_t variable = 0;
  std::vector<std::uint8_t> states;

  auto operator<=>(const Split&) const = default;
};

/// By how much splits have raised bounds so far.
class SplitGains {
 public:
  void note(const Split& split, bool inside, double gain_ns);
  /// The geometric mean of what either side gained on the average; 0 before both were seen.
  [[nodiscard]] double of(const Split& split) const;

 private:
  struct Side {
    double sum_ns = 0;
    int count = 0;
  };
  std::map<Split, std::pair<Side, Side>> sides_;  ///< inside, outside
};

/// The split that raises the bound of both sides most, as far as that can be told. A variable that
/// the bound's mix of assignments has in several states is one that the limits tear apart: the
/// more so the more evenly, first those whose states others can tell apart, then those whose
/// states differ in what they use; and what has raised bounds before will do so again, as a part
/// of `open_ns`, which is what the bound has still to rise. If the mix agrees in all variables: the
/// one whose use differs most or whose relaxed pairs are off most at the point, less what one
/// side is dearer by already. Some domain has two states. `values`: those of `raised.multipliers`.
[[nodiscard]] Split choose_split(const Problem& problem, const Domains& domains,
                                 const Relaxation& relaxation, const StateValues& values,
                                 const Raised& raised, const SplitGains& gains, double open_ns);

}  // namespace tessera::plan
