// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

/// The parts between separators, empty ones included: n separators give n + 1 parts. They point
/// into `text`.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// Without spaces, tabs and carriage returns at both ends.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// Names of a model are any bytes at any length. These make text for people of what may hold them:
/// whoever prints (errors, warnings, progress, tables) calls one, no other place has to.
///
/// Names are shown up to this many bytes.
inline constexpr std::size_t kLongestShownName = 200;

/// Valid UTF-8: each byte that belongs to no character becomes U+FFFD.
[[nodiscard]] std::string valid_utf8(std::string_view text);
/// One line of valid UTF-8 that a terminal takes for text: blanks of all kinds become spaces;
/// control characters and those that turn the direction of writing become U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);
/// The same, but line feeds stay.
[[nodiscard]] std::string printable_lines(std::string_view text);
/// At most `limit` bytes, and an ellipsis where something was cut off. No character is torn.
[[nodiscard]] std::string clipped(std::string_view text, std::size_t limit = kLongestShownName);
/// A sentence with names in it: printable, each word and each part 'in quotes' clipped, and the
/// whole clipped to 4000 bytes.
[[nodiscard]] std::string printable_message(std::string_view text);
/// Lines for people, with their layout: printable, and words of more than 1000 bytes clipped.
[[nodiscard]] std::string printable_text(std::string_view text);

}  // namespace tessera
