// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

/// Arithmetic on extents and counts, which come from files: what does not fit is not known, and
/// nothing that is not known becomes known by adding to it.
namespace tessera {

/// A count, or none where it is unknown or too large to count.
using Count = std::optional<std::int64_t>;

[[nodiscard]] constexpr Count checked_add(Count a, Count b) noexcept {
  std::int64_t sum = 0;
  return a && b && !__builtin_add_overflow(*a, *b, &sum) ? Count(sum) : std::nullopt;
}

[[nodiscard]] constexpr Count checked_mul(Count a, Count b) noexcept {
  std::int64_t product = 0;
  return a && b && !__builtin_mul_overflow(*a, *b, &product) ? Count(product) : std::nullopt;
}

/// For totals that have to stay numbers, where the order matters and not the value: the largest
/// number instead of one that does not fit. Neither may be negative.
[[nodiscard]] constexpr std::int64_t saturating_add(std::int64_t a, std::int64_t b) noexcept {
  return checked_add(a, b).value_or(std::numeric_limits<std::int64_t>::max());
}

}  // namespace tessera
