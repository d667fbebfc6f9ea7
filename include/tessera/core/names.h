// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

/// Helpers for messages about names that do not exist.
namespace tessera {

/// Levenshtein distance. Cost: O(length^2).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The `count` candidates with the smallest edit distance to `name`, nearest first.
/// Cost: O(candidates x length^2); names are cut at 200 bytes.
[[nodiscard]] std::vector<std::string> nearest_names(std::string_view name,
                                                     std::span<const std::string> candidates,
                                                     std::size_t count = 3);

/// kInvalidArgument naming `key`, the nearest known one and all of them, unless it is known.
[[nodiscard]] Status check_key(std::string_view key, std::span<const std::string_view> known,
                               std::string_view what);

}  // namespace tessera
