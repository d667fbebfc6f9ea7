// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "placement/planner.h"

namespace tessera::placement {

/// Rows of a problem count whole numbers of small units, of parts only (memory: weights), and may
/// allow less than was asked for. People read what they asked for, and what the plan really takes.

/// Of every limit that was asked for, what the plan uses of it, by its account.
[[nodiscard]] std::vector<LimitUse> limits_of(const Setting& setting, const Goal& asked,
                                              const Solved& solved);
/// The limits that no plan keeps, as the solver and the planner refuted them.
[[nodiscard]] std::vector<ConflictingLimit> conflicts_of(const Setting& setting, const Goal& asked,
                                                         const Solved& solved);

}  // namespace tessera::placement
