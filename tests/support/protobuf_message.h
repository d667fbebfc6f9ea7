// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera::testing {

/// A serialized protobuf message: a few lines of the wire format.
class Message {
 public:
  Message& varint(std::uint32_t field, std::uint64_t value) {
    append(field << 3);
    append(value);
    return *this;
  }
  Message& text(std::uint32_t field, std::string_view value) {
    append((field << 3) | 2);
    append(value.size());
    bytes_.append(value);
    return *this;
  }
  Message& message(std::uint32_t field, const Message& value) { return text(field, value.bytes_); }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  void append(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      bytes_ += static_cast<char>(value | 0x80);
    }
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

}  // namespace tessera::testing
