// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

namespace tessera::plan {

/// Lowers w'Qw/2 + c'w over weights that are not negative and add up to 1, from the weights given,
/// which are. `q` is [n, n], symmetric and positive semidefinite. An active-set method: weights
/// above 0 are where their equations want them. Cost: support^3 a round.
void minimize_over_simplex(const std::vector<double>& q, const std::vector<double>& c,
                           std::vector<double>& weights);

}  // namespace tessera::plan
