// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "plan/relaxation.h"

namespace tessera::plan {

/// By variable and place in its domain, as Relaxation::state_values() has them.
using StateValues = std::vector<std::vector<Wide>>;

/// A variable with more than one state left and some of its states, not all: those on whose side
/// of the question much hangs. Of all variables the one in whose states the limits' use differs
/// most, or whose relaxed pairs are off most at the assignment, less what one side is dearer by
/// already: what is nearly a tie now is what the limits tear apart. Some domain has two states.
[[nodiscard]] std::pair<std::size_t, std::vector<std::uint8_t>> choose_split(
    const Problem& problem, const Domains& domains, const Relaxation& relaxation,
    const StateValues& values, const Multipliers& multipliers, const Assignment& assignment);

}  // namespace tessera::plan
