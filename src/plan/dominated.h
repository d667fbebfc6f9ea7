// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/relaxation.h"

namespace tessera::plan {

/// All states but those that another of the same variable is no worse than in everything: it is of
/// the same classes for all tensors, costs no more, uses no more of any limit, and takes part in
/// no pair that adds and in every pair that takes away. Of equals the lowest is left. Some plan of
/// least cost, if there is any, is among what is left.
[[nodiscard]] Domains undominated_states(const Problem& problem);

}  // namespace tessera::plan
