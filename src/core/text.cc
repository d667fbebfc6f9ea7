// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/text.h"

#include <algorithm>
#include <cstdint>

namespace tessera {
namespace {

constexpr std::string_view kReplacement = "\uFFFD";
constexpr std::string_view kEllipsis = "\u2026";

/// A character and its bytes. A byte that belongs to none is a character of length 0.
struct Character {
  std::uint32_t code = 0;
  std::size_t length = 0;
};

/// The character that `text` begins with, by table 3-7 of the Unicode standard: nothing overlong,
/// no surrogates.
Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto lead = byte(0);
  if (lead < 0x80) {
    return {lead, 1};
  }
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  const auto lowest = lead == 0xE0 ? 0xA0U : lead == 0xF0 ? 0x90U : 0x80U;
  const auto highest = lead == 0xED ? 0x9FU : lead == 0xF4 ? 0x8FU : 0xBFU;
  if (length == 0 || byte(1) < lowest || byte(1) > highest) {
    return {};
  }
  std::uint32_t code = lead & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) {
      return {};
    }
    code = code << 6 | (byte(i) & 0x3FU);
  }
  return {code, length};
}

bool is_blank(std::uint32_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x2028 || code == 0x2029;
}

bool is_harmful(std::uint32_t code) {
  const bool control = code < 0x20 || (code >= 0x7F && code <= 0x9F);
  const bool turns_direction =
      (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return control || turns_direction;
}

/// `shown` says what stands for a character: its own bytes, or something else.
template <class Shown>
std::string translate(std::string_view text, const Shown& shown) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto character = first_character(text);
    const auto bytes = text.substr(0, character.length == 0 ? 1 : character.length);
    out += character.length == 0 ? kReplacement : shown(character.code, bytes);
    text.remove_prefix(bytes.size());
  }
  return out;
}

/// Where the quotation that begins at `open` ends: a quote that a blank, the end or a mark follows.
std::size_t closing_quote(std::string_view text, std::size_t open) {
  constexpr std::string_view kAfter = " ,;:.!?)";
  for (auto at = text.find('\'', open + 1); at != std::string_view::npos;
       at = text.find('\'', at + 1)) {
    if (at + 1 == text.size() || kAfter.find(text[at + 1]) != std::string_view::npos) {
      return at;
    }
  }
  return std::string_view::npos;
}

/// Words that are longer than `limit`, clipped; blanks and line feeds stay as they are.
std::string clip_words(std::string_view text, std::size_t limit, bool quotes) {
  std::string out;
  bool may_quote = quotes;
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == ' ' || text[at] == '\n') {
      out += text[at++];
      continue;
    }
    if (may_quote && text[at] == '\'') {
      const auto close = closing_quote(text, at);
      may_quote = close != std::string_view::npos;
      if (may_quote) {
        out += '\'' + clipped(text.substr(at + 1, close - at - 1), limit) + '\'';
        at = close + 1;
        continue;
      }
    }
    const auto end = std::min(text.find_first_of(" \n", at), text.size());
    out += clipped(text.substr(at, end - at), limit);
    at = end;
  }
  return out;
}

}  // namespace

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (auto end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view kBlanks = " \t\r";
  const auto begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string valid_utf8(std::string_view text) {
  return translate(text, [](std::uint32_t, std::string_view bytes) { return bytes; });
}

std::string printable(std::string_view text) {
  return translate(text, [](std::uint32_t code, std::string_view bytes) {
    return is_blank(code) ? std::string_view(" ") : is_harmful(code) ? kReplacement : bytes;
  });
}

std::string printable_lines(std::string_view text) {
  return translate(text, [](std::uint32_t code, std::string_view bytes) {
    return code == '\n'       ? bytes
           : is_blank(code)   ? std::string_view(" ")
           : is_harmful(code) ? kReplacement
                              : bytes;
  });
}

std::string clipped(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) {
    return std::string(text);
  }
  auto end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
    --end;  // within a character
  }
  return std::string(text.substr(0, end)).append(kEllipsis);
}

std::string printable_message(std::string_view text) {
  constexpr std::size_t kLongestMessage = 4000;
  return clipped(clip_words(printable(text), kLongestShownName, true), kLongestMessage);
}

std::string printable_text(std::string_view text) {
  constexpr std::size_t kLongestWord = 1000;
  return clip_words(printable_lines(text), kLongestWord, false);
}

}  // namespace tessera
