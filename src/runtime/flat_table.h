// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Small FlatBuffers written from values, for models that are made here to try what a library can
/// do. No schema: fields go by their number. Little-endian machines only, as the format.
namespace tessera::runtime {

class FlatTable;

/// What a field of a table holds.
class FlatValue {
 public:
  /// A number of sizeof(T) bytes.
  template <class T>
  static FlatValue number(T value) {
    std::string bytes(sizeof value, '\0');
    std::memcpy(bytes.data(), &value, sizeof value);
    return FlatValue(Kind::kInline, std::move(bytes), sizeof value);
  }
  static FlatValue text(std::string_view text) {
    return FlatValue(Kind::kText, std::string(text) + '\0', 1);
  }
  /// A vector of `size` bytes an element.
  static FlatValue vector(std::string bytes, std::uint32_t size, std::uint32_t alignment = 4) {
    FlatValue value(Kind::kVector, std::move(bytes), size);
    value.alignment_ = alignment;
    return value;
  }
  template <class T>
  static FlatValue vector(const std::vector<T>& elements) {
    std::string bytes(elements.size() * sizeof(T), '\0');
    if (!elements.empty()) {
      std::memcpy(bytes.data(), elements.data(), bytes.size());
    }
    return vector(std::move(bytes), sizeof(T), sizeof(T));
  }
  static FlatValue table(FlatTable table);
  static FlatValue tables(std::vector<FlatTable> tables);

 private:
  friend class FlatWriter;
  enum class Kind : std::uint8_t { kInline, kText, kVector, kTable, kTables };
  FlatValue(Kind kind, std::string bytes, std::uint32_t size)
      : kind_(kind), bytes_(std::move(bytes)), size_(size) {}

  Kind kind_;
  std::string bytes_;
  std::uint32_t size_;  ///< of an element
  std::uint32_t alignment_ = 4;
  /// Behind a pointer: a table is not complete here.
  std::shared_ptr<const std::vector<FlatTable>> tables_;
};

/// A table: fields by their numbers; those that are left out have the schema's defaults.
class FlatTable {
 public:
  FlatTable& set(std::size_t field, FlatValue value) {
    fields_.emplace_back(field, std::move(value));
    return *this;
  }

 private:
  friend class FlatWriter;
  std::vector<std::pair<std::size_t, FlatValue>> fields_;
};

inline FlatValue FlatValue::table(FlatTable table) {
  FlatValue value(Kind::kTable, {}, 4);
  value.tables_ = std::make_shared<const std::vector<FlatTable>>(1, std::move(table));
  return value;
}
inline FlatValue FlatValue::tables(std::vector<FlatTable> tables) {
  FlatValue value(Kind::kTables, {}, 4);
  value.tables_ = std::make_shared<const std::vector<FlatTable>>(std::move(tables));
  return value;
}

/// Writes front to back: offsets point forward, so what holds something comes before it.
class FlatWriter {
 public:
  /// `identifier`: four letters.
  static std::string write(const FlatTable& root, std::string_view identifier) {
    FlatWriter writer;
    writer.bytes_.resize(4);
    writer.bytes_ += identifier;
    writer.point(0, writer.add(root));
    return std::move(writer.bytes_);
  }

 private:
  static_assert(std::endian::native == std::endian::little);
  using Kind = FlatValue::Kind;

  void align(std::size_t to, std::size_t behind = 0) {
    while ((bytes_.size() + behind) % to != 0) {
      bytes_ += '\0';
    }
  }
  template <class T>
  void put(std::size_t at, T value) {
    std::memcpy(&bytes_[at], &value, sizeof value);
  }
  void point(std::size_t from, std::size_t to) { put(from, static_cast<std::uint32_t>(to - from)); }

  /// Where it stands.
  std::size_t add(const FlatTable& table) {
    std::size_t count = 0;
    for (const auto& [field, value] : table.fields_) {
      count = std::max(count, field + 1);
    }
    align(8);
    const auto index = bytes_.size();
    bytes_.resize(index + 4 + 2 * count);
    align(8);
    const auto start = bytes_.size();
    bytes_.resize(start + 8);
    put(start, static_cast<std::int32_t>(start - index));
    std::vector<std::pair<std::size_t, const FlatValue*>> pointers;
    for (const auto& [field, value] : table.fields_) {
      const std::size_t size = value.kind_ == Kind::kInline ? value.size_ : 4;
      align(size);
      const auto at = bytes_.size();
      bytes_.resize(at + size);
      put(index + 4 + 2 * field, static_cast<std::uint16_t>(at - start));
      if (value.kind_ == Kind::kInline) {
        std::memcpy(&bytes_[at], value.bytes_.data(), size);
      } else {
        pointers.emplace_back(at, &value);
      }
    }
    put(index, static_cast<std::uint16_t>(4 + 2 * count));
    put(index + 2, static_cast<std::uint16_t>(bytes_.size() - start));
    for (const auto& [at, value] : pointers) {
      point(at, add(*value));
    }
    return start;
  }

  std::size_t add(const FlatValue& value) {
    if (value.kind_ == Kind::kTable) {
      return add(value.tables_->front());
    }
    const auto count = value.kind_ == Kind::kTables ? value.tables_->size()
                       : value.kind_ == Kind::kText ? value.bytes_.size() - 1
                                                    : value.bytes_.size() / value.size_;
    align(std::max<std::size_t>(value.alignment_, 4), 4);
    const auto start = bytes_.size();
    bytes_.resize(start + 4);
    put(start, static_cast<std::uint32_t>(count));
    if (value.kind_ != Kind::kTables) {
      bytes_ += value.bytes_;
      return start;
    }
    bytes_.resize(start + 4 + 4 * count);
    for (std::size_t i = 0; i < count; ++i) {
      point(start + 4 + 4 * i, add((*value.tables_)[i]));
    }
    return start;
  }

  std::string bytes_;
};

}  // namespace tessera::runtime
