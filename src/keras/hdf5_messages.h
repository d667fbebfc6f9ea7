// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keras/hdf5.h"

/// The messages of an object's header. Each function takes the bytes of one, and `where` of the
/// object for errors: kDataLoss where it is cut short or contradicts itself, kUnimplemented naming
/// what is not supported.
namespace tessera::keras::hdf5 {

enum class Message : std::uint16_t {
  kSpace = 0x01,
  kLinkInfo = 0x02,
  kType = 0x03,
  kOldFill = 0x04,
  kFill = 0x05,
  kLink = 0x06,
  kExternalFiles = 0x07,
  kLayout = 0x08,
  kFilters = 0x0b,
  kAttribute = 0x0c,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
};

[[nodiscard]] Result<Space> parse_space(Bytes message, const std::string& where);
[[nodiscard]] Result<Type> parse_type(Bytes message, const std::string& where);
[[nodiscard]] Result<Layout> parse_layout(Bytes message, const std::string& where);
[[nodiscard]] Result<std::vector<Filter>> parse_filters(Bytes message, const std::string& where);
[[nodiscard]] Result<Attribute> parse_attribute(Bytes message, const std::string& where);
[[nodiscard]] Result<std::pair<std::string, Link>> parse_link(Bytes message,
                                                              const std::string& where);
/// True if what was not written is something else than 0.
[[nodiscard]] Result<bool> parse_fill(Bytes message, const std::string& where);

/// Errors of the reader: the file, the object, and what is wrong.
[[nodiscard]] Failure damaged_file(std::string_view where, std::string_view reason);
[[nodiscard]] Failure unsupported_file(std::string_view where, std::string_view what);

}  // namespace tessera::keras::hdf5
