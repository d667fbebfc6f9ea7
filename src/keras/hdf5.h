// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

/// HDF5 files as far as Keras writes them, read only: old-style groups, attributes that are texts,
/// and arrays of numbers. Source: HDF5 File Format Specification 3.0, whose section numbers stand
/// beside what reads them. Every number of a file is checked before use; work and memory are
/// bounded by a small multiple of its size.
namespace tessera::keras::hdf5 {

using Bytes = std::span<const std::byte>;

[[nodiscard]] bool has_signature(Bytes bytes) noexcept;

/// Extents; none for a null dataspace. (IV.A.2.b)
struct Space {
  bool null = false;
  Shape extents;
  std::int64_t count = 1;
};

/// What elements are. (IV.A.2.d)
struct Type {
  enum class Kind : std::uint8_t { kNumber, kFixedText, kText, kOpaque, kOther };
  Kind kind = Kind::kOther;
  DType dtype = DType::kUndefined;  ///< of numbers
  bool big_endian = false;
  std::uint32_t size = 0;  ///< bytes of an element
  std::string name;        ///< for messages: "compound"
};

struct Attribute {
  std::string name;
  Type type;
  Space space;
  Bytes data;
};

struct Filter {
  std::uint16_t id = 0;
  std::vector<std::uint32_t> values;
};

/// Where the elements of a dataset are. (IV.A.2.i)
struct Layout {
  enum class Kind : std::uint8_t { kCompact, kContiguous, kChunked };
  Kind kind = Kind::kContiguous;
  Bytes data;                        ///< compact
  std::uint64_t address = 0;         ///< of the elements, or of the tree of chunks
  std::uint64_t size = 0;            ///< contiguous
  std::vector<std::uint32_t> chunk;  ///< extents of a chunk
  std::uint32_t element_bytes = 0;   ///< as the chunked layout has it
};

/// A member of a group.
struct Link {
  enum class Kind : std::uint8_t { kHard, kSoft, kExternal };
  Kind kind = Kind::kHard;
  std::uint64_t address = 0;  ///< of the object, of a hard link
};

/// A group or a dataset: what its header says.
struct Object {
  std::string path;  ///< by which it was found first, "/" for the root
  std::map<std::string, Link, std::less<>> links;
  std::map<std::string, Attribute, std::less<>> attributes;  ///< by name
  std::optional<Space> space;
  std::optional<Type> type;
  std::optional<Layout> layout;
  std::vector<Filter> filters;
  bool filled = false;    ///< with something else than 0 where nothing was written
  bool external = false;  ///< its elements are in other files

  [[nodiscard]] bool is_dataset() const { return layout.has_value(); }
};

/// An open file. Not thread-safe: it remembers what it has read.
class File {
 public:
  /// Reads the superblock; `bytes` outlive the object, `what` names them in errors.
  /// Errors: kDataLoss if it is no or a damaged HDF5 file; kUnimplemented for a version or a width
  /// of numbers that Keras does not write.
  [[nodiscard]] static Result<File> open(Bytes bytes, std::string_view what);

  /// Errors of this and the next: kDataLoss for what is damaged, kUnimplemented naming what is not
  /// supported (dense groups, committed types).
  [[nodiscard]] Result<std::shared_ptr<const Object>> root() const;
  /// `path` is relative: names with '/' between. Null where there is no such member.
  /// Errors: kUnimplemented for soft and external links on the way.
  [[nodiscard]] Result<std::shared_ptr<const Object>> find(const Object& from,
                                                           std::string_view path) const;

  /// The texts of an attribute, one or a list; none where there is no such attribute. An empty list
  /// of numbers, which is how NumPy writes an empty list, has no texts.
  /// Errors: kUnimplemented if it holds something else; kDataLoss.
  [[nodiscard]] Result<std::optional<std::vector<std::string>>> texts(const Object& object,
                                                                      std::string_view name) const;
  /// The one text of an attribute; none where there is no such attribute. Errors: as texts().
  [[nodiscard]] Result<std::optional<std::string>> text(const Object& object,
                                                        std::string_view name) const;

  /// All elements of a dataset. An attribute "dtype" = "bfloat16" makes 16-bit elements bfloat16.
  /// Errors: kUnimplemented for other elements than numbers, unknown filters and layouts;
  /// kResourceExhausted where the arrays read so far unpack to more than 16 times the file and 64
  /// MiB; kDataLoss.
  [[nodiscard]] Result<Tensor> tensor(const Object& object) const;

  [[nodiscard]] const std::string& what() const noexcept { return what_; }

 private:
  friend class HeaderReader;
  friend class GroupReader;
  friend class DataReader;

  struct HeapItem {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };
  using HeapItems = std::map<std::uint16_t, HeapItem>;

  File(Bytes bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}

  /// A part of the file; empty optional if it is not in it.
  [[nodiscard]] std::optional<Bytes> part(std::uint64_t offset, std::uint64_t size) const noexcept;
  /// Counts bytes that are looked at. False when that is more than any sound file has: its
  /// structures share parts or go round in circles.
  [[nodiscard]] bool spend(std::uint64_t bytes) const noexcept;
  [[nodiscard]] Failure damaged(std::string_view where, std::string_view reason) const;
  [[nodiscard]] Failure unsupported(std::string_view where, std::string_view what) const;

  [[nodiscard]] Result<std::shared_ptr<const Object>> object_at(std::uint64_t address,
                                                                std::string path) const;
  [[nodiscard]] Result<const HeapItems*> global_heap(std::uint64_t address,
                                                     std::string_view where) const;
  [[nodiscard]] Result<std::string> heap_text(Bytes reference, std::string_view where) const;

  Bytes bytes_;
  std::string what_;
  std::uint64_t root_ = 0;
  mutable std::uint64_t spent_ = 0;
  mutable std::uint64_t unpacked_ = 0;
  mutable std::map<std::uint64_t, std::shared_ptr<const Object>> objects_;
  mutable std::map<std::uint64_t, HeapItems> heaps_;
};

}  // namespace tessera::keras::hdf5
