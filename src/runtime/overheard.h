// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace tessera::runtime {

/// Keeps what the calling thread prints to C's `stderr` while it lives: some libraries say only
/// there why they refuse a model. What other threads print meanwhile is printed.
class Overheard {
 public:
  Overheard();
  ~Overheard();
  Overheard(const Overheard&) = delete;
  Overheard& operator=(const Overheard&) = delete;

  /// So far; at most 64 KiB.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::string* before_ = nullptr;
};

}  // namespace tessera::runtime
