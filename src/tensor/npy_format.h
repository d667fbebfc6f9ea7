// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera {

/// What stands before the elements of an .npy array.
struct NpyHeader {
  DType dtype = DType::kUndefined;
  bool swapped = false;        ///< the other byte order than this machine's
  bool fortran_order = false;  ///< columns one after the other, and that makes a difference
  Shape shape;
  std::size_t bytes = 0;  ///< of the header; the elements follow

  [[nodiscard]] std::size_t element_bytes() const noexcept {
    return static_cast<std::size_t>(bits_of(dtype)) / 8;
  }
};

/// The longest header that is read.
inline constexpr std::size_t kMaxNpyHeaderBytes = (1 << 20) + 12;

/// Reads the header at the beginning of `bytes`; `total_bytes` are those of the whole array, of
/// which `bytes` may be a part. Errors: as parse_npy, also where the elements do not fit.
[[nodiscard]] Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes,
                                                 std::uint64_t total_bytes, std::string_view what);
/// The array with this header whose elements (all of them, or rows of an array that is not in
/// Fortran order) are `data`.
[[nodiscard]] Tensor npy_tensor(const NpyHeader& header, const Shape& shape,
                                std::span<const std::byte> data);

}  // namespace tessera
