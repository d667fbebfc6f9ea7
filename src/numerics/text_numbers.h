// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <string_view>
#include <system_error>

namespace tessera::numerics {

/// Reads numbers separated by single spaces.
class TextNumbers {
 public:
  explicit TextNumbers(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const noexcept { return text_.empty(); }

  /// False if what comes next is no T.
  template <class T>
  [[nodiscard]] bool next(T& value) noexcept {
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{}) {
      return false;
    }
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    if (text_.empty()) {
      return true;
    }
    const bool separated = text_.front() == ' ' && text_.size() > 1;
    text_.remove_prefix(1);
    return separated;
  }

 private:
  std::string_view text_;
};

}  // namespace tessera::numerics
