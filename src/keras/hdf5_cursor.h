// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tessera::keras::hdf5 {

/// An address that stands for none.
inline constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

/// Little-endian numbers one after the other; reading past the end is remembered, not done.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t width) {
    const auto field = take(width);
    std::uint64_t value = 0;
    for (std::size_t i = field.size(); i-- > 0;) {
      value = value << 8 | std::to_integer<std::uint64_t>(field[i]);
    }
    return value;
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }

  std::span<const std::byte> take(std::uint64_t length) {
    if (length > bytes_.size() - offset_) {
      failed_ = true;
      return {};
    }
    const auto part = bytes_.subspan(offset_, length);
    offset_ += length;
    return part;
  }
  void skip(std::uint64_t length) { take(length); }
  /// To the next multiple of 8 from the beginning, or to the end.
  void align() {
    const auto up = (offset_ + 7) / 8 * 8;
    offset_ = up < bytes_.size() ? up : bytes_.size();
  }
  std::span<const std::byte> rest() { return take(left()); }

  [[nodiscard]] std::size_t left() const noexcept { return bytes_.size() - offset_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

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
