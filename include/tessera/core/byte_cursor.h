// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace tessera {

/// Little-endian numbers of a file one after the other. Reading past the end gives zeros, is
/// remembered, and moves nothing: a reader asks failed() once behind everything it took.
class ByteCursor {
 public:
  /// An offset beyond the end reads nothing.
  explicit ByteCursor(std::span<const std::byte> bytes, std::uint64_t offset = 0)
      : bytes_(bytes), offset_(offset) {}

  /// Of at most 8 bytes.
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
    if (length > left()) {
      failed_ = true;
      return {};
    }
    const auto part = bytes_.subspan(offset_, length);
    offset_ += length;
    return part;
  }
  void skip(std::uint64_t length) { take(length); }
  /// To the next multiple of 8 from the beginning, or to the end.
  void align() { offset_ = std::min<std::uint64_t>((offset_ + 7) / 8 * 8, bytes_.size()); }
  std::span<const std::byte> rest() { return take(left()); }

  [[nodiscard]] std::uint64_t left() const noexcept {
    return offset_ > bytes_.size() ? 0 : bytes_.size() - offset_;
  }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t offset_;
  bool failed_ = false;
};

}  // namespace tessera
