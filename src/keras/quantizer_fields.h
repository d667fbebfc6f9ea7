// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "tessera/core/json.h"
#include "tessera/core/result.h"

namespace tessera::keras {

/// Reads members of a quantizer's configuration, each with its bounds; what is missing or null
/// keeps the value that is there. All that it is made of has to outlive it.
class QuantizerFields {
 public:
  QuantizerFields(const Json& config, std::string_view where, std::string_view name)
      : config_(config), where_(where), name_(name) {}

  /// nullptr for null and what is missing.
  [[nodiscard]] const Json* given(const char* key) const;
  [[nodiscard]] Status whole(const char* key, int low, int high, int& value) const;
  /// true, false, 1 or 0.
  [[nodiscard]] Status flag(const char* key, bool& value) const;
  [[nodiscard]] Status real(const char* key, double low, double high, float& value) const;
  [[nodiscard]] Status real(const char* key, double low, double high,
                            std::optional<float>& value) const;
  /// Of a power of two that is neither denormal nor infinite.
  [[nodiscard]] Status exponent(const char* key, std::optional<int>& value) const;

  /// kInvalidArgument: no release has such a value.
  [[nodiscard]] Failure wrong(const char* key, const Json& value, std::string_view expected) const;
  /// kUnimplemented: QKeras has it, and this does not.
  [[nodiscard]] Failure unknown(const char* key, std::string_view expected) const;

 private:
  const Json& config_;
  std::string_view where_;
  std::string_view name_;
};

}  // namespace tessera::keras
