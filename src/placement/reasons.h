// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "placement/planner.h"

/// Why a plan is as it is, or something of it is not known, in words.
namespace tessera::placement {

[[nodiscard]] std::string_view unit_of(Objective objective) noexcept;
[[nodiscard]] Standing standing_of(const Solved& solved) noexcept;
/// Why a problem that was solved has no plan: none keeps the limits, there is no way, or nobody
/// knows. `asked`: what its limits are of.
[[nodiscard]] std::string why_no_plan(const Setting& setting, const Goal& asked,
                                      const Solved& solved);
/// Why machine `k` got nothing. Cost: a plan of that machine alone.
[[nodiscard]] std::string why_idle(const Planner& planner, const Goal& goal, const Solved& solved,
                                   std::size_t k);
/// Why the error of a plan is not known; empty if it is.
[[nodiscard]] std::string why_no_error(const Setting& setting, const Solved& solved);
/// Precisions that some machine computes in and others do not, by want of a factor or of a
/// measurement. What a cluster file leaves out of `precisions` is its own word, and not told.
[[nodiscard]] std::vector<std::string> missing_precisions(const std::vector<Site>& sites);

}  // namespace tessera::placement
