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
/// The predicted fastest mix: a local search over the model (single layers, then runs of up to
/// three) from every uniform plan, the best of these. Deterministic. `allowed`: layers that may be
/// integers (empty: all that can be). Cost: about 0.1 s for 300 layers and one scheme; it grows
/// with the square of the schemes.
[[nodiscard]] States fastest_states(const LatencyModel& model, const Units& units,
                                    const std::vector<bool>& allowed = {},
                                    const Penalty& penalty = {});
/// The predicted fastest mix whose penalties (of a unit in a scheme: by state - 1, then by unit)
/// sum to at most `limit`, >= 0: the price of a unit of penalty is bisected until the fastest mix
/// just keeps the limit (uses nine tenths of it, or the price is known to a twentieth), and what is
/// left of that is spent by local search. Deterministic. Cost: about 7 times that of
/// fastest_states().
[[nodiscard]] States fastest_within(const LatencyModel& model, const Units& units,
                                    const std::vector<std::vector<double>>& penalties,
                                    double limit);
/// Sum of the penalties of a mix.
[[nodiscard]] double penalty_of(const States& states,
                                const std::vector<std::vector<double>>& penalties);

}  // namespace tessera::profile
