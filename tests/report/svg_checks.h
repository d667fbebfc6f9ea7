// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

/// What tests ask of an SVG document.
namespace tessera::report {

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

/// Whether tags nest, attributes are quoted and entities are known: the part of XML that a writer
/// can get wrong. (xmllint, where it is installed, checks the golden files besides.)
inline ::testing::AssertionResult is_well_formed(std::string_view text) {
  const auto failure = [&](std::string_view why, std::size_t at) {
    return ::testing::AssertionFailure() << why << " at " << at << ": " << text.substr(at, 60);
  };
  std::vector<std::string_view> open;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (static_cast<unsigned char>(text[at]) < 0x20 && text[at] != '\n') {
      return failure("control character", at);
    }
    if (text[at] == '&') {
      const auto end = text.find(';', at);
      const auto name = text.substr(at, end == std::string_view::npos ? 0 : end + 1 - at);
      if (name != "&amp;" && name != "&lt;" && name != "&gt;" && name != "&quot;" &&
          name != "&#39;") {
        return failure("unknown entity", at);
      }
    }
    if (text[at] != '<') {
      continue;
    }
    const auto start = at + 1;
    bool quoted = false;
    for (; at < text.size() && (quoted || text[at] != '>'); ++at) {
      quoted ^= text[at] == '"';
      if (text[at] == '<' && at >= start) {
        return failure("'<' inside a tag", at);
      }
    }
    if (at >= text.size()) {
      return failure("unclosed tag", start);
    }
    const auto tag = text.substr(start, at - start);
    const auto name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag.front() == '/') {
      if (open.empty() || open.back() != tag.substr(1)) {
        return failure("end without start", start);
      }
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
    }
  }
  return open.empty() ? ::testing::AssertionSuccess()
                      : ::testing::AssertionFailure() << "unclosed " << open.back();
}

}  // namespace tessera::report
