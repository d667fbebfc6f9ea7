// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tessera/core/byte_cursor.h"

namespace tessera::keras::hdf5 {

/// An address that stands for none.
inline constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

[[nodiscard]] inline bool starts_with(std::span<const std::byte> bytes, std::string_view text) {
  return bytes.size() >= text.size() &&
         std::string_view(reinterpret_cast<const char*>(bytes.data()), text.size()) == text;
}

/// Up to the first zero, or all of it.
[[nodiscard]] inline std::string text_of(std::span<const std::byte> bytes) {
  if (bytes.empty()) {
    return {};
  }
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::string(all.substr(0, all.find('\0')));
}

}  // namespace tessera::keras::hdf5
