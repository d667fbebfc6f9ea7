// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/pattern.h"

#include <re2/re2.h>

#include "tessera/core/text.h"

namespace tessera {
namespace {

/// RE2's states while it matches; ten times what patterns over names need.
constexpr std::int64_t kMemoryBytes = 1 << 20;
constexpr std::size_t kLongestPattern = 4000;

}  // namespace

struct NamePattern::State {
  State(std::string_view text, const RE2::Options& options)
      : regex(re2::StringPiece(text.data(), text.size()), options) {}
  RE2 regex;
};

NamePattern::NamePattern(std::unique_ptr<State> state) : state_(std::move(state)) {}
NamePattern::NamePattern(NamePattern&&) noexcept = default;
NamePattern& NamePattern::operator=(NamePattern&&) noexcept = default;
NamePattern::~NamePattern() = default;

Result<NamePattern> NamePattern::compile(std::string_view text) {
  if (text.size() > kLongestPattern) {
    return fail(ErrorCode::kInvalidArgument, "a regular expression of {} bytes is too long",
                text.size())
        .hint("use at most {} bytes, or several patterns", kLongestPattern);
  }
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMemoryBytes);
  options.set_dot_nl(true);
  options.set_never_capture(true);
  auto state = std::make_unique<State>(text, options);
  if (!state->regex.ok()) {
    return fail(ErrorCode::kInvalidArgument, "'{}' is not a regular expression: {}", text,
                state->regex.error())
        .hint(
            "patterns are those of RE2 (no look-ahead, no back-references) and must match the "
            "whole name");
  }
  return NamePattern(std::move(state));
}

bool NamePattern::matches(std::string_view name) const {
  const auto text = valid_utf8(name);
  return RE2::FullMatch(text, state_->regex);
}

}  // namespace tessera
