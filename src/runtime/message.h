// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <re2/re2.h>

#include <span>
#include <string>
#include <string_view>

/// Reading what inference libraries say.
namespace tessera::runtime {

/// What a runtime says holds names from the file: any bytes at any length. RE2 takes time in
/// proportion to the text, and here it takes bytes for characters.
class MessagePattern {
 public:
  explicit MessagePattern(const char* text) : regex_(text, RE2::Latin1) {}

  /// The parts in brackets at the first place that matches.
  template <class... Parts>
  [[nodiscard]] bool finds(std::string_view text, Parts*... parts) const {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex_, parts...);
  }
  void remove_from(std::string& text) const { RE2::GlobalReplace(&text, regex_, ""); }

 private:
  RE2 regex_;
};

/// One line: blanks of all kinds as one space, none at the ends, and no full stop there.
[[nodiscard]] std::string collapse_spaces(std::string_view text);

/// The message as one printable line of bearable length, without what matches: places in the source
/// of the library, names of levels.
[[nodiscard]] std::string without_noise(std::string_view message,
                                        std::span<const MessagePattern> noise);

}  // namespace tessera::runtime
