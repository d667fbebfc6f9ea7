// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

namespace tessera {

/// Spearman's rank correlation, ties with their mean rank; NaN for fewer than two values or a
/// constant side. Both spans have the same length. Cost: O(n log n).
[[nodiscard]] double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace tessera
