// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "tessera/core/json.h"

namespace tessera {

/// The input of a fuzz target for a reader of JSON; none if it is no JSON.
inline std::optional<Json> json_input(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto json = parse_json(text, "input");
  return json ? std::optional(std::move(*json)) : std::nullopt;
}

}  // namespace tessera
