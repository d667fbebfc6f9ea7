// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/keras/quantizer.h"

/// What QKeras calls its quantizers and their arguments.
namespace tessera::keras {

/// A quantizer's arguments in the order in which it takes them by place.
struct Signature {
  std::string_view name;
  QuantizerKind kind;
  std::vector<std::string_view> arguments;
};

[[nodiscard]] std::span<const Signature> signatures();
/// nullptr where there is none of that name.
[[nodiscard]] const Signature* signature_of(std::string_view name);
[[nodiscard]] std::optional<ActivationFunction> function_of(std::string_view name);
/// "Custom>quantized_bits" without its package.
[[nodiscard]] std::string_view bare_name(std::string_view name);

}  // namespace tessera::keras
