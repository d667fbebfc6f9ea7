// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace tessera {

/// The parts between separators, empty ones included: n separators give n + 1 parts. They point
/// into `text`.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// Without spaces, tabs and carriage returns at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

}  // namespace tessera
