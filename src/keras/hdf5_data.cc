// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <set>

#include "keras/hdf5.h"
#include "keras/hdf5_bytes.h"
#include "tessera/tensor/unpack.h"

namespace tessera::keras::hdf5 {
namespace {

constexpr std::uint64_t kFreeUnpacked = std::uint64_t{64} << 20;
constexpr std::uint64_t kMostUnpacked = 16;  // times the file

constexpr std::uint16_t kDeflate = 1;
constexpr std::uint16_t kShuffle = 2;
constexpr std::uint16_t kFletcher32 = 3;

std::string filter_name(std::uint16_t id) {
  switch (id) {
    case 4:
      return "the filter szip";
    case 5:
      return "the filter nbit";
    case 6:
      return "the filter scaleoffset";
    default:
      return fmt::format("the filter number {}", id);
  }
}

/// Byte 0 of all elements, then byte 1 of all elements, ... put together again. What does not make
/// a whole element stands at the end as it is.
std::vector<std::byte> unshuffle(Bytes shuffled, std::size_t width) {
  std::vector<std::byte> bytes(shuffled.begin(), shuffled.end());
  const auto count = shuffled.size() / width;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < width; ++k) {
      bytes[i * width + k] = shuffled[k * count + i];
    }
  }
  return bytes;
}

/// Fletcher's checksum over big-endian 16-bit words.
std::uint32_t fletcher32(Bytes bytes) {
  constexpr std::uint32_t kModulus = 0xffff;
  constexpr std::uint32_t kOnes = 0xffff;
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  const auto add = [&](std::uint32_t word) {
    low = (low + word) % kModulus;
    high = (high + low) % kModulus;
  };
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    add(std::to_integer<std::uint32_t>(bytes[i]) << 8 |
        std::to_integer<std::uint32_t>(bytes[i + 1]));
  }
  if (bytes.size() % 2 == 1) {
    add(std::to_integer<std::uint32_t>(bytes.back()) << 8);
  }
  return static_cast<std::uint32_t>((high & kOnes) << 16 | (low & kOnes));
}

/// 0 and 65535 are the same remainder, and the library writes both.
bool same_sum(std::uint32_t a, std::uint32_t b) {
  const auto reduced = [](std::uint32_t sum) {
    return std::pair((sum >> 16) % 0xffff, (sum & 0xffff) % 0xffff);
  };
  return reduced(a) == reduced(b);
}

void swap_elements(std::span<std::byte> bytes, std::size_t width) {
  for (std::size_t i = 0; i + width <= bytes.size(); i += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
  }
}

}  // namespace

class DataReader {
 public:
  DataReader(const File& file, const Object& object) : file_(file), object_(object) {}

  [[nodiscard]] Result<Tensor> read() {
    TESSERA_TRY(const auto dtype, checked_dtype());
    const auto count = static_cast<std::uint64_t>(object_.space->count);
    const auto width = object_.type->size;
    if (count > (std::uint64_t{1} << 62) / width) {
      return damaged("it is too large to count");
    }
    TESSERA_CHECK(reserve(count * width));
    Tensor tensor(dtype, object_.space->extents);
    switch (object_.layout->kind) {
      case Layout::Kind::kCompact:
        TESSERA_CHECK(copy(object_.layout->data, tensor));
        break;
      case Layout::Kind::kContiguous:
        TESSERA_CHECK(contiguous(tensor));
        break;
      case Layout::Kind::kChunked:
        TESSERA_CHECK(chunked(tensor));
        break;
    }
    if (object_.type->big_endian) {
      swap_elements(tensor.bytes(), width);
    }
    return tensor;
  }

 private:
  struct Node {
    std::uint64_t address = 0;
    int level = 0;
  };
  struct Chunk {
    std::uint64_t address = 0;
    std::uint32_t stored_bytes = 0;
    std::uint32_t skipped_filters = 0;  ///< a bit for each that was not applied
    std::vector<std::uint64_t> offsets;
  };

  [[nodiscard]] Failure damaged(std::string_view reason) const {
    return file_.damaged(object_.path, reason);
  }
  [[nodiscard]] Failure unsupported(std::string_view what) const {
    return file_.unsupported(object_.path, what);
  }

  [[nodiscard]] Result<DType> checked_dtype() const {
    if (!object_.layout || !object_.space || !object_.type) {
      return damaged("a dataset lacks its type, extents or layout");
    }
    if (object_.external) {
      return unsupported("elements in other files");
    }
    if (object_.space->null) {
      return unsupported("an array without extents (a null dataspace)");
    }
    const auto& type = *object_.type;
    TESSERA_TRY(const auto said, said_dtype());
    const bool two_bytes = type.size == 2 && !type.big_endian;
    const bool bits = type.kind == Type::Kind::kOpaque || type.dtype == DType::kUInt16 ||
                      type.dtype == DType::kInt16;
    if (said == "bfloat16" && two_bytes && bits) {
      return DType::kBFloat16;
    }
    if (type.kind != Type::Kind::kNumber) {
      return unsupported(fmt::format("an array of type {}", type.name));
    }
    return type.dtype;
  }

  /// What Keras 3 notes beside elements that NumPy has no name for.
  [[nodiscard]] Result<std::string> said_dtype() const {
    const auto noted = object_.attributes.find("dtype");
    const bool is_text =
        noted != object_.attributes.end() && (noted->second.type.kind == Type::Kind::kText ||
                                              noted->second.type.kind == Type::Kind::kFixedText);
    if (!is_text) {
      return std::string();
    }
    TESSERA_TRY(auto said, file_.text(object_, "dtype"));
    return said.value_or("");
  }

  /// Tensors count, and what compressed chunks hold.
  [[nodiscard]] Status reserve(std::uint64_t bytes) const {
    const auto most = kMostUnpacked * file_.bytes_.size() + kFreeUnpacked;
    if (bytes > most || file_.unpacked_ > most - bytes) {
      return fail(ErrorCode::kResourceExhausted,
                  "{}[{}]: its arrays unpack to more than {} MiB, {} times the file", file_.what_,
                  object_.path, most >> 20, kMostUnpacked)
          .hint("no trained network compresses that well; write it without compression");
    }
    file_.unpacked_ += bytes;
    return {};
  }

  [[nodiscard]] Status copy(Bytes source, Tensor& tensor) const {
    const auto target = tensor.bytes();
    if (source.size() < target.size()) {
      return damaged(
          fmt::format("it has {} bytes where its extents take {}", source.size(), target.size()));
    }
    std::copy_n(source.begin(), target.size(), target.begin());
    return {};
  }

  /// Elements that were never written are 0, as the tensor is.
  [[nodiscard]] Status unwritten() const {
    if (object_.filled) {
      return unsupported("a fill value other than 0");
    }
    return {};
  }

  [[nodiscard]] Status contiguous(Tensor& tensor) const {
    if (!object_.filters.empty()) {
      return damaged("it has filters, but no chunks");
    }
    if (object_.layout->address == kNowhere || tensor.bytes().empty()) {
      return unwritten();
    }
    const auto stored = file_.part(object_.layout->address, object_.layout->size);
    if (!stored) {
      return damaged("its elements lie outside the file");
    }
    return copy(*stored, tensor);
  }

  // --- chunks (III.A.1, version 1 trees) --------------------------------------------------------

  [[nodiscard]] Status chunked(Tensor& tensor) {
    const auto& layout = *object_.layout;
    const auto rank = tensor.shape().size();
    if (layout.chunk.size() != rank || rank == 0 || layout.element_bytes != object_.type->size) {
      return damaged("its chunks do not fit its extents");
    }
    std::uint64_t bytes = layout.element_bytes;
    for (const auto extent : layout.chunk) {
      if (extent == 0 || bytes > (std::uint64_t{1} << 32) / extent) {
        return damaged("its chunks are empty or larger than 4 GiB");
      }
      bytes *= extent;
    }
    if (bytes > kMostUnpacked * file_.bytes_.size() + kFreeUnpacked) {
      return reserve(bytes);
    }
    chunk_bytes_ = bytes;
    if (layout.address != kNowhere) {
      TESSERA_CHECK(walk(layout.address, tensor));
    }
    if (written_ < tensor.bytes().size()) {
      return unwritten();
    }
    return {};
  }

  [[nodiscard]] Status walk(std::uint64_t root, Tensor& tensor) {
    const auto head = file_.part(root, 8);
    if (!head || !starts_with(*head, "TREE")) {
      return damaged("the tree of its chunks is missing");
    }
    std::vector<Node> open{{root, std::to_integer<int>((*head)[5])}};
    std::set<std::uint64_t> seen;
    while (!open.empty()) {
      const auto node = open.back();
      open.pop_back();
      if (!seen.insert(node.address).second) {
        return damaged("the tree of its chunks goes round in a circle");
      }
      TESSERA_CHECK(branch(node, open, tensor));
    }
    return {};
  }

  [[nodiscard]] Status branch(const Node& node, std::vector<Node>& open, Tensor& tensor) {
    constexpr std::uint64_t kHead = 24;
    const auto head = file_.part(node.address, kHead);
    if (!head || !starts_with(*head, "TREE")) {
      return damaged("the tree of its chunks is missing");
    }
    ByteCursor cursor(head->subspan(4));
    const auto kind = cursor.u8();
    const int level = cursor.u8();
    const std::uint64_t entries = cursor.u16();
    const auto rank = tensor.shape().size();
    const auto key = 8 + 8 * (rank + 1);
    const auto body = file_.part(node.address + kHead, (key + 8) * entries);
    if (kind != 1 || level != node.level || !body || !file_.spend(kHead + body->size())) {
      return damaged("the tree of its chunks contradicts itself");
    }
    ByteCursor children(*body);
    for (std::uint64_t i = 0; i < entries; ++i) {
      Chunk chunk;
      chunk.stored_bytes = children.u32();
      chunk.skipped_filters = children.u32();
      for (std::size_t axis = 0; axis < rank; ++axis) {
        chunk.offsets.push_back(children.u64());
      }
      children.skip(8);
      chunk.address = children.u64();
      if (level > 0) {
        open.push_back({chunk.address, level - 1});
        continue;
      }
      TESSERA_CHECK(place(chunk, tensor));
    }
    return {};
  }

  /// The elements of a chunk, filters taken off in reverse order. (IV.A.2.l)
  [[nodiscard]] Result<std::vector<std::byte>> unfiltered(const Chunk& chunk) const {
    const auto stored = file_.part(chunk.address, chunk.stored_bytes);
    if (!stored || !file_.spend(chunk.stored_bytes)) {
      return damaged("a chunk lies outside the file");
    }
    std::vector<std::byte> bytes(stored->begin(), stored->end());
    for (auto i = object_.filters.size(); i-- > 0;) {
      if ((chunk.skipped_filters >> i & 1u) != 0) {
        continue;
      }
      TESSERA_TRY(bytes, without(object_.filters[i], std::move(bytes)));
    }
    if (bytes.size() < chunk_bytes_) {
      return damaged("a chunk is shorter than its extents say");
    }
    return bytes;
  }

  [[nodiscard]] Result<std::vector<std::byte>> without(const Filter& filter,
                                                       std::vector<std::byte> bytes) const {
    constexpr std::size_t kSum = 4;
    switch (filter.id) {
      case kDeflate: {
        // A checksum may stand behind the elements.
        TESSERA_TRY(auto unpacked, inflate_zlib(bytes, chunk_bytes_ + kSum,
                                                fmt::format("{}[{}]", file_.what_, object_.path)));
        TESSERA_CHECK(reserve(unpacked.size()));
        return unpacked;
      }
      case kShuffle:
        return unshuffle(bytes, filter.values.empty() || filter.values.front() == 0
                                    ? object_.type->size
                                    : filter.values.front());
      case kFletcher32: {
        if (bytes.size() < kSum) {
          return damaged("a chunk is shorter than its checksum");
        }
        const auto all = Bytes(bytes);
        ByteCursor sum(all.last(kSum));
        if (!same_sum(sum.u32(), fletcher32(all.first(all.size() - kSum)))) {
          return damaged("a chunk's checksum is wrong");
        }
        bytes.resize(bytes.size() - kSum);
        return bytes;
      }
      default:
        return unsupported(filter_name(filter.id));
    }
  }

  /// Copies the rows of a chunk that lie within the array.
  [[nodiscard]] Status place(const Chunk& chunk, Tensor& tensor) {
    const auto& shape = tensor.shape();
    const auto& extents = object_.layout->chunk;
    const auto rank = shape.size();
    for (std::size_t axis = 0; axis < rank; ++axis) {
      if (chunk.offsets[axis] >= static_cast<std::uint64_t>(shape[axis]) ||
          chunk.offsets[axis] % extents[axis] != 0) {
        return damaged("a chunk lies outside the array");
      }
    }
    if (!placed_.insert(chunk.offsets).second) {
      return damaged("a chunk stands twice");
    }
    TESSERA_TRY(const auto bytes, unfiltered(chunk));
    const auto width = object_.type->size;
    const auto visible = [&](std::size_t axis) {
      return std::min<std::uint64_t>(extents[axis],
                                     static_cast<std::uint64_t>(shape[axis]) - chunk.offsets[axis]);
    };
    const auto row = visible(rank - 1) * width;
    std::vector<std::uint64_t> at(rank, 0);
    for (bool more = true; more;) {
      std::uint64_t from = 0;
      std::uint64_t to = 0;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        from = from * extents[axis] + at[axis];
        to = to * static_cast<std::uint64_t>(shape[axis]) + chunk.offsets[axis] + at[axis];
      }
      std::memcpy(tensor.bytes().data() + to * width, bytes.data() + from * width, row);
      written_ += row;
      more = false;
      for (auto axis = rank - 1; axis-- > 0 && !more;) {
        more = ++at[axis] < visible(axis);
        at[axis] = more ? at[axis] : 0;
      }
    }
    return {};
  }

  const File& file_;
  const Object& object_;
  std::uint64_t chunk_bytes_ = 0;
  std::uint64_t written_ = 0;
  std::set<std::vector<std::uint64_t>> placed_;
};

Result<Tensor> File::tensor(const Object& object) const {
  return DataReader(*this, object).read();
}

}  // namespace tessera::keras::hdf5
