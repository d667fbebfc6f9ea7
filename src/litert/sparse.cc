// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/litert/sparse.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include "tessera/core/checked.h"

namespace tessera::litert {
namespace {

constexpr std::int8_t kDense = 0;
constexpr std::int8_t kCompressed = 1;
/// A tensor has at most as many dimensions, and each at most one block.
constexpr std::size_t kMostLevels = 16;

/// A dimension as it is stored, in the order in which they are.
struct Level {
  std::size_t dim = 0;      ///< of the tensor
  std::int64_t extent = 0;  ///< positions along it
  std::int64_t stride = 0;  ///< bytes between two of them in the dense tensor
  bool compressed = false;
  std::vector<std::int64_t> segments;  ///< compressed: by entry of the level above, where its begin
  std::vector<std::int64_t> indices;   ///< compressed: positions
};

Failure malformed(const Tensor& tensor, std::string_view why) {
  return fail(ErrorCode::kDataLoss, "sparse tensor '{}': {}", tensor.name, why)
      .hint("convert the network again");
}

/// Bytes between neighbours of every dimension; none where they overflow.
std::optional<std::vector<std::int64_t>> strides_of(const std::vector<std::int32_t>& shape,
                                                    std::int64_t width, std::int64_t& total) {
  std::vector<std::int64_t> strides(shape.size());
  total = width;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = total;
    const auto next = checked_mul(total, shape[i]);
    if (shape[i] < 0 || !next) {
      return std::nullopt;
    }
    total = *next;
  }
  return strides;
}

/// Numbers of an index vector: those of 8 and 16 bits have no sign.
std::vector<std::int64_t> positions_of(const Options& vector) {
  constexpr std::uint8_t kUint16 = 2;
  constexpr std::uint8_t kUint8 = 3;
  auto positions = vector.ints(0);
  const std::int64_t mask = vector.type() == kUint8 ? 0xff : vector.type() == kUint16 ? 0xffff : -1;
  for (auto& position : positions) {
    position &= mask;
  }
  return positions;
}

class Expansion {
 public:
  Expansion(const Tensor& tensor, std::span<const std::byte> stored)
      : tensor_(tensor), sparsity_(*tensor.sparsity), stored_(stored) {}

  Result<std::vector<std::byte>> run() {
    const int bits = bits_of(tensor_.type);
    if (bits == 0 || bits % 8 != 0) {
      return fail(ErrorCode::kUnimplemented, "the values of sparse tensor '{}' ({}) fill no bytes",
                  tensor_.name, to_string(tensor_.type))
          .hint("leave the operators that read it as they are, with --exclude");
    }
    width_ = static_cast<std::size_t>(bits) / 8;
    TESSERA_CHECK(find_levels());
    dense_.assign(static_cast<std::size_t>(total_), std::byte{0});
    TESSERA_CHECK(fill(0, 0, 0));
    if (read_ != stored_.size()) {
      return malformed(tensor_, "it has values that stand nowhere");
    }
    return std::move(dense_);
  }

 private:
  /// The extent of a blocked dimension is that of its blocks times that within one.
  Status find_levels() {
    const auto& shape = tensor_.shape.value_or(std::vector<std::int32_t>());
    const auto& order = sparsity_.traversal_order;
    const auto& blocks = sparsity_.block_map;
    const auto rank = shape.size();
    if (order.size() != rank + blocks.size() || sparsity_.dimensions.size() != order.size() ||
        order.size() > kMostLevels) {
      return malformed(tensor_, "its levels are not those of its shape and blocks");
    }
    const auto strides = strides_of(shape, static_cast<std::int64_t>(width_), total_);
    if (!strides || total_ == 0) {
      return malformed(tensor_, "its shape is none, or has no elements");
    }
    if (total_ > kMostRatio * static_cast<std::int64_t>(stored_.size()) + kFreeBytes) {
      return fail(ErrorCode::kResourceExhausted, "sparse tensor '{}' has {} bytes with its zeros",
                  tensor_.name, total_)
          .hint("leave the operators that read it as they are, with --exclude");
    }
    std::vector<std::int64_t> block(rank, 1);  // by dimension: positions within a block
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      const auto size = sparsity_.dimensions[rank + i].dense_size;
      if (blocks[i] < 0 || static_cast<std::size_t>(blocks[i]) >= rank || size < 1 ||
          block[static_cast<std::size_t>(blocks[i])] != 1) {
        return malformed(tensor_, "its blocks are not those of its shape");
      }
      block[static_cast<std::size_t>(blocks[i])] = size;
    }
    std::vector<bool> seen(order.size(), false);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto which = static_cast<std::size_t>(order[i]);
      // Blocks are traversed after the dimensions that they are of.
      if (order[i] < 0 || which >= order.size() || seen[which] || (which < rank) != (i < rank)) {
        return malformed(tensor_, "its order of traversal is none");
      }
      seen[which] = true;
      Level level;
      level.dim = which < rank ? which : static_cast<std::size_t>(blocks[which - rank]);
      if (shape[level.dim] % block[level.dim] != 0) {
        return malformed(tensor_, "its shape is no multiple of its blocks");
      }
      level.extent = which < rank ? shape[level.dim] / block[level.dim] : block[level.dim];
      level.stride = (*strides)[level.dim] * (which < rank ? block[level.dim] : 1);
      TESSERA_CHECK(take_storage(sparsity_.dimensions[i], level));
      levels_.push_back(std::move(level));
    }
    return {};
  }

  Status take_storage(const SparseDimension& dimension, Level& level) const {
    if (dimension.format == kDense) {
      return dimension.dense_size == level.extent
                 ? Status()
                 : Status(malformed(tensor_, "a dense level is not as long as its shape says"));
    }
    if (dimension.format != kCompressed) {
      return malformed(tensor_, "a level is of a form that is not known");
    }
    level.compressed = true;
    level.segments = positions_of(dimension.segments);
    level.indices = positions_of(dimension.indices);
    const auto count = static_cast<std::int64_t>(level.indices.size());
    const bool ascending = std::is_sorted(level.segments.begin(), level.segments.end());
    if (level.segments.size() < 2 || !ascending || level.segments.front() < 0 ||
        level.segments.back() > count) {
      return malformed(tensor_, "the segments of a level are none");
    }
    const bool inside = std::all_of(level.indices.begin(), level.indices.end(),
                                    [&](auto index) { return index >= 0 && index < level.extent; });
    return inside ? Status() : Status(malformed(tensor_, "an index is outside of the shape"));
  }

  /// Places what stands below one entry of the level above. `offset`: bytes in the dense tensor.
  Status fill(std::size_t depth, std::int64_t entry, std::int64_t offset) {
    if (depth == levels_.size()) {
      return place(offset);
    }
    const auto& level = levels_[depth];
    if (!level.compressed) {
      for (std::int64_t i = 0; i < level.extent; ++i) {
        TESSERA_CHECK(fill(depth + 1, entry * level.extent + i, offset + i * level.stride));
      }
      return {};
    }
    if (entry + 1 >= static_cast<std::int64_t>(level.segments.size())) {
      return malformed(tensor_, "a level has too few segments");
    }
    const auto at = static_cast<std::size_t>(entry);
    for (auto i = level.segments[at]; i < level.segments[at + 1]; ++i) {
      const auto index = level.indices[static_cast<std::size_t>(i)];
      TESSERA_CHECK(fill(depth + 1, i, offset + index * level.stride));
    }
    return {};
  }

  Status place(std::int64_t offset) {
    if (stored_.size() - read_ < width_) {
      return malformed(tensor_, "it has fewer values than places for them");
    }
    std::memcpy(&dense_[static_cast<std::size_t>(offset)], &stored_[read_], width_);
    read_ += width_;
    return {};
  }

  /// No network is trained to hold one value in a thousand; a small file may not fill the memory.
  static constexpr std::int64_t kMostRatio = 1024;
  static constexpr std::int64_t kFreeBytes = std::int64_t{64} << 20;

  const Tensor& tensor_;
  const Sparsity& sparsity_;
  std::span<const std::byte> stored_;
  std::size_t width_ = 0;
  std::int64_t total_ = 0;  ///< bytes of the dense tensor
  std::vector<Level> levels_;
  std::vector<std::byte> dense_;
  std::size_t read_ = 0;
};

}  // namespace

Result<std::vector<std::byte>> dense_bytes(const Tensor& tensor, const Data& stored) {
  if (!tensor.sparsity) {
    return fail(ErrorCode::kInvalidArgument, "tensor '{}' is not sparse", tensor.name);
  }
  return Expansion(tensor, stored.bytes()).run();
}

}  // namespace tessera::litert
