// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/hdf5_messages.h"

#include <algorithm>

#include "keras/hdf5_bytes.h"

namespace tessera::keras::hdf5 {
namespace {

constexpr std::size_t kMostRank = 32;  // H5S_MAX_RANK

enum class Class : std::uint8_t {
  kInteger = 0,
  kFloat = 1,
  kTime = 2,
  kString = 3,
  kBits = 4,
  kOpaque = 5,
  kCompound = 6,
  kReference = 7,
  kEnum = 8,
  kVariableLength = 9,
  kArray = 10,
};

std::string name_of(std::uint8_t type_class) {
  switch (static_cast<Class>(type_class)) {
    case Class::kInteger:
      return "integer";
    case Class::kFloat:
      return "floating point";
    case Class::kTime:
      return "time";
    case Class::kString:
      return "string";
    case Class::kBits:
      return "bit field";
    case Class::kOpaque:
      return "opaque";
    case Class::kCompound:
      return "compound";
    case Class::kReference:
      return "reference";
    case Class::kEnum:
      return "enumeration";
    case Class::kVariableLength:
      return "variable-length";
    case Class::kArray:
      return "array";
  }
  return fmt::format("class {}", type_class);
}

DType integer_type(std::uint32_t size, bool is_signed) {
  switch (size) {
    case 1:
      return is_signed ? DType::kInt8 : DType::kUInt8;
    case 2:
      return is_signed ? DType::kInt16 : DType::kUInt16;
    case 4:
      return is_signed ? DType::kInt32 : DType::kUInt32;
    case 8:
      return is_signed ? DType::kInt64 : DType::kUInt64;
    default:
      return DType::kUndefined;
  }
}

/// By the widths of exponent and mantissa, which tell float16 from bfloat16.
DType float_type(std::uint32_t size, unsigned exponent, unsigned mantissa) {
  struct Known {
    std::uint32_t size;
    unsigned exponent;
    unsigned mantissa;
    DType dtype;
  };
  constexpr Known kKnown[] = {{2, 5, 10, DType::kFloat16},
                              {2, 8, 7, DType::kBFloat16},
                              {4, 8, 23, DType::kFloat32},
                              {8, 11, 52, DType::kFloat64}};
  const auto* const found = std::ranges::find_if(kKnown, [&](const Known& known) {
    return known.size == size && known.exponent == exponent && known.mantissa == mantissa;
  });
  return found == std::end(kKnown) ? DType::kUndefined : found->dtype;
}

struct Extents {
  Shape shape;
  std::int64_t count = 1;
};

std::optional<Extents> read_extents(ByteCursor& cursor, std::size_t rank) {
  Extents extents;
  for (std::size_t i = 0; i < rank; ++i) {
    const auto extent = cursor.u64();
    if (extent > std::uint64_t{1} << 62) {
      return std::nullopt;
    }
    extents.shape.push_back(static_cast<std::int64_t>(extent));
  }
  extents.count = element_count(extents.shape);
  return cursor.failed() || extents.count < 0 ? std::nullopt : std::optional(extents);
}

}  // namespace

Failure damaged_file(std::string_view where, std::string_view reason) {
  return fail(ErrorCode::kDataLoss, "{}: damaged HDF5: {}", where, reason)
      .hint("it may be truncated or half written; write or download it again");
}

Failure unsupported_file(std::string_view where, std::string_view what) {
  return fail(ErrorCode::kUnimplemented, "{}: HDF5 with {} is not supported", where, what)
      .hint("save the model again with model.save(), or write it with h5py and libver='earliest'");
}

Result<Space> parse_space(Bytes message, const std::string& where) {
  ByteCursor cursor(message);
  const auto version = cursor.u8();
  const std::size_t rank = cursor.u8();
  cursor.u8();
  Space space;
  if (version == 1) {
    cursor.skip(5);
  } else if (version == 2) {
    space.null = cursor.u8() == 2;
  } else if (!cursor.failed()) {
    return unsupported_file(where, fmt::format("dataspace version {}", version));
  }
  if (rank > kMostRank) {
    return damaged_file(where, fmt::format("an array of rank {}", rank));
  }
  auto extents = read_extents(cursor, rank);
  if (!extents) {
    return damaged_file(where, "its dataspace is cut short or too large to count");
  }
  space.extents = std::move(extents->shape);
  space.count = space.null ? 0 : extents->count;
  return space;
}

Result<Type> parse_type(Bytes message, const std::string& where) {
  ByteCursor cursor(message);
  const auto head = cursor.u8();
  const auto bits = static_cast<std::uint32_t>(cursor.number(3));
  Type type;
  type.size = cursor.u32();
  type.name = name_of(head & 0xf);
  if (cursor.failed() || type.size == 0) {
    return damaged_file(where, "its datatype is cut short");
  }
  type.big_endian = (bits & 1) != 0;
  switch (static_cast<Class>(head & 0xf)) {
    case Class::kInteger: {
      const auto offset = cursor.u16();
      const auto precision = cursor.u16();
      type.dtype = integer_type(type.size, (bits & 8) != 0);
      const bool whole = offset == 0 && precision == 8 * type.size;
      type.kind = whole && type.dtype != DType::kUndefined ? Type::Kind::kNumber : type.kind;
      break;
    }
    case Class::kFloat: {
      const auto offset = cursor.u16();
      const auto precision = cursor.u16();
      cursor.u8();
      const auto exponent = cursor.u8();
      const auto mantissa_place = cursor.u8();
      const auto mantissa = cursor.u8();
      type.dtype = float_type(type.size, exponent, mantissa);
      const bool whole = offset == 0 && precision == 8 * type.size && mantissa_place == 0 &&
                         (bits & 0x40) == 0;  // not the byte order of the VAX
      type.kind = whole && type.dtype != DType::kUndefined ? Type::Kind::kNumber : type.kind;
      break;
    }
    case Class::kString:
      type.kind = Type::Kind::kFixedText;
      break;
    case Class::kOpaque:
      type.kind = Type::Kind::kOpaque;
      type.big_endian = false;
      break;
    case Class::kEnum:
      // h5py writes bool as an enumeration of int8.
      type.dtype = type.size == 1 ? DType::kBool : DType::kUndefined;
      type.kind = type.size == 1 ? Type::Kind::kNumber : Type::Kind::kOther;
      break;
    case Class::kVariableLength:
      type.kind = (bits & 0xf) == 1 && type.size == 16 ? Type::Kind::kText : Type::Kind::kOther;
      break;
    case Class::kTime:
    case Class::kBits:
    case Class::kCompound:
    case Class::kReference:
    case Class::kArray:
      break;
  }
  if (cursor.failed()) {
    return damaged_file(where, "its datatype is cut short");
  }
  if (type.kind == Type::Kind::kOther) {
    type.name = fmt::format("{} of {} bytes", type.name, type.size);
  }
  return type;
}

Result<Layout> parse_layout(Bytes message, const std::string& where) {
  ByteCursor cursor(message);
  const auto version = cursor.u8();
  const auto kind = cursor.u8();
  if (!cursor.failed() && version != 3 && version != 4) {
    return unsupported_file(where, fmt::format("data layout version {}", version));
  }
  Layout layout;
  if (kind == 0) {
    layout.kind = Layout::Kind::kCompact;
    layout.data = cursor.take(cursor.u16());
  } else if (kind == 1) {
    layout.address = cursor.u64();
    layout.size = cursor.u64();
  } else if (kind == 2 && version == 3) {
    layout.kind = Layout::Kind::kChunked;
    const std::size_t rank = cursor.u8();
    if (rank < 1 || rank > kMostRank + 1) {
      return damaged_file(where, fmt::format("chunks of rank {}", rank));
    }
    layout.address = cursor.u64();
    for (std::size_t i = 0; i + 1 < rank; ++i) {
      layout.chunk.push_back(cursor.u32());
    }
    layout.element_bytes = cursor.u32();
  } else if (!cursor.failed()) {
    return unsupported_file(where, kind == 2 ? std::string("chunks of the newest kind")
                                             : fmt::format("data layout class {}", kind));
  }
  if (cursor.failed()) {
    return damaged_file(where, "its data layout is cut short");
  }
  return layout;
}

Result<std::vector<Filter>> parse_filters(Bytes message, const std::string& where) {
  constexpr std::size_t kMostFilters = 32;  // H5Z_MAX_NFILTERS
  constexpr std::uint16_t kFirstNamed = 256;
  ByteCursor cursor(message);
  const auto version = cursor.u8();
  const std::size_t count = cursor.u8();
  if (!cursor.failed() && version != 1 && version != 2) {
    return unsupported_file(where, fmt::format("filters of version {}", version));
  }
  cursor.skip(version == 1 ? 6 : 0);
  std::vector<Filter> filters;
  for (std::size_t i = 0; i < count && count <= kMostFilters; ++i) {
    Filter filter;
    filter.id = cursor.u16();
    const bool named = version == 1 || filter.id >= kFirstNamed;
    const std::uint64_t name_bytes = named ? cursor.u16() : 0;
    cursor.u16();
    const std::size_t values = cursor.u16();
    cursor.skip(version == 1 ? (name_bytes + 7) / 8 * 8 : name_bytes);
    for (std::size_t k = 0; k < values && !cursor.failed(); ++k) {
      filter.values.push_back(cursor.u32());
    }
    cursor.skip(version == 1 && values % 2 == 1 ? 4 : 0);
    filters.push_back(std::move(filter));
  }
  if (cursor.failed() || count > kMostFilters) {
    return damaged_file(where, "its list of filters is cut short");
  }
  return filters;
}

Result<Attribute> parse_attribute(Bytes message, const std::string& where) {
  ByteCursor cursor(message);
  const auto version = cursor.u8();
  const auto flags = cursor.u8();
  if (!cursor.failed() && (version < 1 || version > 3)) {
    return unsupported_file(where, fmt::format("attributes of version {}", version));
  }
  if (version != 1 && (flags & 3) != 0) {
    return unsupported_file(where, "an attribute of a committed datatype");
  }
  const auto name_bytes = cursor.u16();
  const auto type_bytes = cursor.u16();
  const auto space_bytes = cursor.u16();
  cursor.skip(version == 3 ? 1 : 0);
  // Parts are padded to 8 bytes in version 1 alone; the message's own 8 bytes keep that alignment.
  const auto next = [&](std::uint64_t size) {
    const auto part = cursor.take(size);
    if (version == 1) {
      cursor.align();
    }
    return part;
  };
  Attribute attribute;
  attribute.name = text_of(next(name_bytes));
  const auto type = next(type_bytes);
  const auto space = next(space_bytes);
  if (cursor.failed()) {
    return damaged_file(where, "an attribute is cut short");
  }
  const auto named = fmt::format("{}@{}", where, attribute.name);
  TESSERA_TRY(attribute.type, parse_type(type, named));
  TESSERA_TRY(attribute.space, parse_space(space, named));
  attribute.data = cursor.rest();
  return attribute;
}

Result<std::pair<std::string, Link>> parse_link(Bytes message, const std::string& where) {
  constexpr std::uint8_t kSoft = 1;
  ByteCursor cursor(message);
  const auto version = cursor.u8();
  const auto flags = cursor.u8();
  if (!cursor.failed() && version != 1) {
    return unsupported_file(where, fmt::format("links of version {}", version));
  }
  const std::uint8_t kind = (flags & 8) != 0 ? cursor.u8() : 0;
  cursor.skip((flags & 4) != 0 ? 8 : 0);
  cursor.skip((flags & 16) != 0 ? 1 : 0);
  auto name = text_of(cursor.take(cursor.number(std::size_t{1} << (flags & 3))));
  Link link;
  if (kind == 0) {
    link.address = cursor.u64();
  } else {
    link.kind = kind == kSoft ? Link::Kind::kSoft : Link::Kind::kExternal;
  }
  if (cursor.failed() || name.empty()) {
    return damaged_file(where, "a link is cut short");
  }
  return std::pair(std::move(name), link);
}

Result<bool> parse_fill(Bytes message, const std::string& where) {
  ByteCursor cursor(message);
  const auto version = cursor.u8();
  bool defined = true;
  if (version == 1 || version == 2) {
    cursor.skip(2);
    defined = cursor.u8() != 0 || version == 1;
  } else if (version == 3) {
    defined = (cursor.u8() & 0x20) != 0;
  } else if (!cursor.failed()) {
    return unsupported_file(where, fmt::format("fill values of version {}", version));
  }
  const auto value = defined ? cursor.take(cursor.u32()) : Bytes();
  if (cursor.failed()) {
    return damaged_file(where, "its fill value is cut short");
  }
  return std::ranges::any_of(value, [](std::byte byte) { return byte != std::byte{0}; });
}

}  // namespace tessera::keras::hdf5
