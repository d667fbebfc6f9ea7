// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/tensor/tensor.h"

/// Writes small HDF5 files in code, in the form in which h5py writes them for Keras: superblock 0,
/// headers of version 1, groups with one leaf. Messages can be given as they are, to be wrong.
namespace tessera::testing::hdf5 {

inline std::string le(std::uint64_t value, std::size_t width) {
  std::string bytes;
  for (std::size_t i = 0; i < width; ++i) {
    bytes += static_cast<char>(i < 8 ? value >> (8 * i) & 0xff : 0);
  }
  return bytes;
}

inline std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 7) / 8 * 8);
  return bytes;
}

// --- datatypes ----------------------------------------------------------------------------------

inline std::string datatype(int type_class, std::uint32_t bits, std::uint32_t size,
                            const std::string& properties = "") {
  return le(0x10 | static_cast<unsigned>(type_class), 1) + le(bits, 3) + le(size, 4) + properties;
}
inline std::string integer(std::uint32_t size, bool is_signed = true, bool big = false) {
  return datatype(0, (big ? 1u : 0u) | (is_signed ? 8u : 0u), size, le(0, 2) + le(8 * size, 2));
}
inline std::string floating(std::uint32_t size, bool big = false) {
  const unsigned exponent = size == 2 ? 5 : size == 4 ? 8 : 11;
  const unsigned mantissa = 8 * size - exponent - 1;
  return datatype(1, 0x20u | (big ? 1u : 0u) | (8 * size - 1) << 8, size,
                  le(0, 2) + le(8 * size, 2) + le(mantissa, 1) + le(exponent, 1) + le(0, 1) +
                      le(mantissa, 1) + le((1u << (exponent - 1)) - 1, 4));
}
inline std::string fixed_text(std::uint32_t size) {
  return datatype(3, 0, size);
}
inline std::string free_text() {
  return datatype(9, 1, 16, integer(1, false));
}

inline std::string dataspace(const Shape& shape) {
  auto message = le(1, 1) + le(shape.size(), 1) + le(0, 6);
  for (const auto extent : shape) {
    message += le(static_cast<std::uint64_t>(extent), 8);
  }
  return message;
}

// --- objects ------------------------------------------------------------------------------------

/// A message of a header. `data_at` are the places of addresses in it that are set to where `data`
/// comes to lie.
struct Message {
  std::uint16_t type = 0;
  std::string bytes;
  std::string data;
  std::vector<std::size_t> data_at;
  std::uint8_t flags = 0;
};

struct Object {
  std::map<std::string, Object> members;
  std::vector<Message> messages;
  bool is_group = true;
  bool soft = false;  ///< a soft link instead

  Object& operator[](const std::string& path) {
    const auto slash = path.find('/');
    auto& member = members[path.substr(0, slash)];
    return slash == std::string::npos ? member : member[path.substr(slash + 1)];
  }
};

inline Message attribute(const std::string& name, const std::string& type, const std::string& space,
                         const std::string& data) {
  const auto text = name + '\0';
  return {0x0c,
          le(1, 2) + le(text.size(), 2) + le(type.size(), 2) + le(space.size(), 2) + padded(text) +
              padded(type) + padded(space) + data,
          {},
          {}};
}

/// A list of texts of fixed length; one text if `single`.
inline Message texts(const std::string& name, const std::vector<std::string>& values,
                     bool single = false) {
  std::size_t size = 1;
  for (const auto& value : values) {
    size = std::max(size, value.size());
  }
  std::string data;
  for (auto value : values) {
    value.resize(size);
    data += value;
  }
  const Shape shape = single ? Shape{} : Shape{static_cast<std::int64_t>(values.size())};
  return attribute(name, fixed_text(static_cast<std::uint32_t>(size)), dataspace(shape), data);
}

/// References to texts in one heap, by their numbers from 1.
inline Message heap_texts(const std::string& name, const std::vector<std::string>& texts,
                          const std::vector<std::uint32_t>& references) {
  auto message =
      attribute(name, free_text(), dataspace({static_cast<std::int64_t>(references.size())}), "");
  for (const auto number : references) {
    message.bytes += le(texts.at(number - 1).size(), 4);
    message.data_at.push_back(message.bytes.size());
    message.bytes += le(0, 8) + le(number, 4);
  }
  std::string items;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    items += le(i + 1, 2) + le(1, 2) + le(0, 4) + le(texts[i].size(), 8) + padded(texts[i]);
  }
  items += le(0, 16);
  message.data = "GCOL" + le(1, 4) + le(16 + items.size(), 8) + items;
  return message;
}

/// A dataset of bytes as they are.
inline Object array_of(const std::string& type, const Shape& shape, const std::string& data) {
  Object object;
  object.is_group = false;
  object.messages = {{0x01, dataspace(shape), {}, {}},
                     {0x03, type, {}, {}},
                     {0x08, le(3, 1) + le(1, 1) + le(0, 8) + le(data.size(), 8), data, {2}}};
  return object;
}

inline Object array_of(const std::vector<float>& values, const Shape& shape) {
  const auto bytes = std::as_bytes(std::span(values));
  return array_of(floating(4), shape,
                  std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

// --- the file -----------------------------------------------------------------------------------

class Writer {
 public:
  [[nodiscard]] static std::string file(const Object& root) {
    Writer writer;
    writer.bytes_ = "\x89HDF\r\n\x1a\n" + le(0, 5) + le(8, 1) + le(8, 1) + le(0, 1) + le(4, 2) +
                    le(16, 2) + le(0, 4) + le(0, 8) + le(~0ULL, 8);
    const auto ends = writer.bytes_.size();
    writer.bytes_ += le(0, 8) + le(~0ULL, 8) + le(0, 8 + 8 + 24);
    const auto address = writer.write(root);
    writer.set(ends, writer.bytes_.size());
    writer.set(ends + 24, address);
    return std::move(writer.bytes_);
  }

 private:
  void set(std::size_t at, std::uint64_t value) { bytes_.replace(at, 8, le(value, 8)); }

  std::uint64_t append(const std::string& part) {
    bytes_ = padded(std::move(bytes_));
    const auto at = bytes_.size();
    bytes_ += part;
    return at;
  }

  std::uint64_t write(const Object& object) {
    auto messages = object.messages;
    if (object.is_group) {
      messages.push_back(write_members(object));
    }
    std::string body;
    for (auto& message : messages) {
      const auto address = message.data_at.empty() ? 0 : append(message.data);
      for (const auto at : message.data_at) {
        message.bytes.replace(at, 8, le(address, 8));
      }
      const auto text = padded(message.bytes);
      body += le(message.type, 2) + le(text.size(), 2) + le(message.flags, 4) + text;
    }
    return append(le(1, 2) + le(messages.size(), 2) + le(1, 4) + le(body.size(), 4) + le(0, 4) +
                  body);
  }

  Message write_members(const Object& group) {
    std::string names(8, '\0');
    std::string symbols;
    for (const auto& [name, member] : group.members) {
      const auto address = member.soft ? ~0ULL : write(member);
      symbols += le(names.size(), 8) + le(address, 8) + le(member.soft ? 2 : 0, 4) + le(0, 20);
      names += padded(name + '\0');
    }
    const auto name_data = append(names);
    const auto heap = append("HEAP" + le(0, 4) + le(names.size(), 8) + le(1, 8) + le(name_data, 8));
    const auto leaf = append("SNOD" + le(1, 2) + le(group.members.size(), 2) + symbols);
    const auto tree = append("TREE" + le(0, 2) + le(1, 2) + le(~0ULL, 8) + le(~0ULL, 8) + le(0, 8) +
                             le(leaf, 8) + le(0, 8) + le(0, 32));  // room for more
    return {0x11, le(tree, 8) + le(heap, 8), {}, {}};
  }

  std::string bytes_;
};

inline std::span<const std::byte> as_bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// `text` with a number in place of what stands at `at`.
inline std::string patched(std::string text, std::size_t at, std::uint64_t value,
                           std::size_t width) {
  return text.replace(at, width, le(value, width));
}

}  // namespace tessera::testing::hdf5
