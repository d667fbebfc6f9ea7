// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::report {

/// Names in tables are shown in at most this many columns: converters join the names of all that
/// they fold into one, and reach hundreds of characters.
inline constexpr std::size_t kWidestName = 64;

/// Cells of names (valid UTF-8) for people, in the order given: each name, of a list joined by ", "
/// each of them, in at most `width` columns (8 or more). One that fits stays. Of a longer one an
/// ellipsis stands for what is left out: of several parts joined by ';' the first is shown, or the
/// first and the last; else the beginning and the end. Taken is what can stand for no other name of
/// all cells, with anything in the place of the ellipsis; where nothing can, "#2" counts. Equal
/// names look equal. Costs a search among the names for each long one.
[[nodiscard]] std::vector<std::string> shorten_names(const std::vector<std::string>& cells,
                                                     std::size_t width);

/// Where each character of the text begins, in bytes, and the end.
[[nodiscard]] std::vector<std::size_t> code_points(std::string_view text);

}  // namespace tessera::report
