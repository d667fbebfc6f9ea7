// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/wire.h"

namespace tessera::onnx::wire {
namespace {

void append_varint(std::string& text, std::uint64_t value) {
  while (value >= 0x80) {
    text += static_cast<char>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  text += static_cast<char>(value);
}

}  // namespace

std::optional<std::uint64_t> Reader::varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) {
      return std::nullopt;
    }
    const auto byte = static_cast<std::uint64_t>(rest_.front());
    rest_ = rest_.subspan(1);
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      return value;
    }
  }
  return std::nullopt;
}

Result<Field> Reader::next() {
  const auto malformed = [] {
    return fail(ErrorCode::kDataLoss, "malformed or truncated message");
  };
  const auto start = rest_;
  const auto tag = varint();
  if (!tag || (*tag >> 3) == 0 || (*tag >> 3) > 0x1FFFFFFF) {
    return malformed();
  }
  Field field{static_cast<std::uint32_t>(*tag >> 3), static_cast<Type>(*tag & 7), {}, {}};
  std::uint64_t size = 0;
  switch (field.type) {
    case Type::kVarint: {
      const auto before = rest_;
      if (!varint()) {
        return malformed();
      }
      size = before.size() - rest_.size();
      rest_ = before;
      break;
    }
    case Type::kFixed64:
      size = 8;
      break;
    case Type::kFixed32:
      size = 4;
      break;
    case Type::kLengthDelimited: {
      const auto length = varint();
      if (!length) {
        return malformed();
      }
      size = *length;
      break;
    }
    default:  // groups, which ONNX never used
      return malformed();
  }
  if (size > rest_.size()) {
    return malformed();
  }
  field.payload = rest_.first(size);
  rest_ = rest_.subspan(size);
  field.whole = start.first(start.size() - rest_.size());
  return field;
}

std::string header(std::uint32_t number, std::uint64_t size_bytes) {
  std::string text;
  append_varint(text, (std::uint64_t{number} << 3) | 2);
  append_varint(text, size_bytes);
  return text;
}

std::size_t offset_of_field(std::string_view message, std::uint32_t number) {
  Reader reader(std::as_bytes(std::span(message.data(), message.size())));
  std::size_t offset = 0;
  while (!reader.done()) {
    const auto field = reader.next();
    if (!field || field->number >= number) {
      break;
    }
    offset += field->whole.size();
  }
  return offset;
}

}  // namespace tessera::onnx::wire
