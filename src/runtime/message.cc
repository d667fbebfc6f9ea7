// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/message.h"

#include <cctype>

#include "tessera/core/text.h"

namespace tessera::runtime {

std::string collapse_spaces(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (!line.empty() && (line.back() == ' ' || line.back() == '.')) {
    line.pop_back();
  }
  return line;
}

std::string without_noise(std::string_view message, std::span<const MessagePattern> noise) {
  auto text = collapse_spaces(message);
  for (const auto& pattern : noise) {
    pattern.remove_from(text);
  }
  constexpr std::size_t kLongest = 400;
  return clipped(printable_message(collapse_spaces(text)), kLongest);
}

}  // namespace tessera::runtime
