// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/profile/latency_model.h"
#include "tessera/profile/units.h"

/// The fastest mixes by a latency model.
namespace tessera::profile {

/// What a search weighs against time.
struct Penalty {
  /// Of a unit in a scheme: by state - 1, then by unit; empty: none.
  std::vector<std::vector<double>> by_scheme;
  double us_per_unit = 0;  ///< microseconds that one unit of penalty is worth
};
/// The mix that is fastest by the model, its penalties included: the optimum within 0.01 % as a
/// rule, by plan::solve() over the very costs that the model predicts (see plan_costs.h). Ties go
/// to integers. Deterministic. `allowed`: layers that may be integers (empty: all that can be).
/// Cost: milliseconds for 300 layers.
[[nodiscard]] States fastest_states(const LatencyModel& model, const Units& units,
                                    const std::vector<bool>& allowed = {},
                                    const Penalty& penalty = {});
/// The fastest mix whose penalties (of a unit in a scheme: by state - 1, then by unit) sum to at
/// most `limit`, >= 0. As above.
[[nodiscard]] States fastest_within(const LatencyModel& model, const Units& units,
                                    const std::vector<std::vector<double>>& penalties,
                                    double limit);
/// Sum of the penalties of a mix.
[[nodiscard]] double penalty_of(const States& states,
                                const std::vector<std::vector<double>>& penalties);

}  // namespace tessera::profile
