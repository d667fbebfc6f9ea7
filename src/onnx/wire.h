// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "tessera/core/result.h"

/// The little of the Protocol Buffers wire format that is needed to read and write a message piece
/// by piece, so that weights need not pass through memory as part of one.
namespace tessera::onnx::wire {

using Bytes = std::span<const std::byte>;

enum class Type : std::uint8_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

struct Field {
  std::uint32_t number = 0;
  Type type = Type::kVarint;
  Bytes whole;    ///< tag and value
  Bytes payload;  ///< the value, without tag and length
};

/// Walks the fields of one message.
class Reader {
 public:
  explicit Reader(Bytes message) : rest_(message) {}
  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  /// Errors: kDataLoss if the message is malformed or ends within a field.
  [[nodiscard]] Result<Field> next();

 private:
  std::optional<std::uint64_t> varint();
  Bytes rest_;
};

/// Tag and length of a length-delimited field; its value follows.
[[nodiscard]] std::string header(std::uint32_t number, std::uint64_t size_bytes);

/// Offset of the first field whose number is at least `number`, in a message whose fields are in
/// order of their numbers (as serializers write them).
[[nodiscard]] std::size_t offset_of_field(std::string_view message, std::uint32_t number);

}  // namespace tessera::onnx::wire
