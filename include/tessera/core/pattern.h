// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "tessera/core/result.h"

namespace tessera {

/// A regular expression that a name matches as a whole: the part behind "re:" of every option and
/// file. The syntax is that of RE2; time and memory grow with the length of the name alone, whoever
/// wrote pattern and name.
///
/// Names are matched as they are shown: with U+FFFD for bytes that are no UTF-8.
class NamePattern {
 public:
  /// Errors: kInvalidArgument for what is no regular expression, or one that needs too much memory.
  [[nodiscard]] static Result<NamePattern> compile(std::string_view text);
  NamePattern(NamePattern&&) noexcept;
  NamePattern& operator=(NamePattern&&) noexcept;
  ~NamePattern();

  [[nodiscard]] bool matches(std::string_view name) const;

 private:
  struct State;
  explicit NamePattern(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera
