// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "plan/relaxation.h"
#include "tessera/plan/solve.h"

namespace tessera::plan {

/// The bound that multipliers prove, rounded up: costs are whole.
[[nodiscard]] std::int64_t bound_of(Wide value, const Multipliers& multipliers);

/// By variable and state, what part of 1 has it in a mix of assignments.
using Shares = std::vector<std::vector<double>>;

struct Raised {
  Multipliers multipliers;  ///< the best
  Relaxation::Point point;  ///< of these
  /// Of the assignments that the bound lies between: mixed so they keep the limits, about.
  Shares shares;
};

/// Looks for multipliers with a high bound, from where `start` is.
struct Raise {
  int most_steps = 100;
  /// A bound that is high enough.
  std::int64_t enough = 0;
  /// An expected gain that is too small to go on for, as a part of the bound.
  double worth = 1e-5;
  /// Asked before every step.
  std::function<bool()> stop = [] { return false; };
  /// Is shown the assignment of every step.
  std::function<void(const Assignment&)> found = [](const Assignment&) {};
};
[[nodiscard]] Raised raise_bound(const Problem& problem, Relaxation& relaxation,
                                 const Multipliers& start, const Raise& how);

/// Multipliers that give the costs no weight and have a value above 0, which shows that no
/// assignment of the relaxation's domains keeps the limits; none if they are not found. `start` is
/// left where the search ended, with the weight of costs that it came with.
[[nodiscard]] std::optional<Multipliers> find_contradiction(const Problem& problem,
                                                            Relaxation& relaxation,
                                                            Multipliers& start, const Raise& how);

/// What another solution's prices are as multipliers, as far as they fit.
[[nodiscard]] Multipliers multipliers_of(const Problem& problem, const Solution& start);
/// With which nothing counts but the use of a limit.
[[nodiscard]] Multipliers alone(const Problem& problem, std::size_t limit);

/// A lower bound of what every assignment of the relaxation's domains uses of a limit.
[[nodiscard]] std::int64_t least_use(const Problem& problem, Relaxation& relaxation,
                                     std::size_t limit);

}  // namespace tessera::plan
