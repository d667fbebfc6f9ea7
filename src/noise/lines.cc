// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/lines.h"

#include <fmt/format.h>

#include "tessera/core/text.h"

namespace tessera::noise {

std::vector<Line> lines_of(std::string_view text, std::string_view what) {
  std::vector<Line> lines;
  const auto parts = split(text, '\n');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto line = trim(parts[i]);
    if (!line.empty()) {
      lines.push_back({line, i + 1, fmt::format("{}:{}", what, i + 1), i + 1 == parts.size()});
    }
  }
  return lines;
}

}  // namespace tessera::noise
