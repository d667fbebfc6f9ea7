// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/transpose.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tessera::quantize {
namespace {

/// One M x N matrix. Blocked, so that the strided side stays in the cache.
void transpose_matrix(const std::byte* in, std::byte* out, std::size_t rows, std::size_t columns,
                      std::size_t element_bytes) {
  constexpr std::size_t kBlock = 32;
  for (std::size_t row0 = 0; row0 < rows; row0 += kBlock) {
    for (std::size_t column0 = 0; column0 < columns; column0 += kBlock) {
      for (std::size_t row = row0; row < std::min(row0 + kBlock, rows); ++row) {
        for (std::size_t column = column0; column < std::min(column0 + kBlock, columns); ++column) {
          std::memcpy(out + (column * rows + row) * element_bytes,
                      in + (row * columns + column) * element_bytes, element_bytes);
        }
      }
    }
  }
}

}  // namespace

Result<Tensor> transpose_last_two(const TensorView& tensor) {
  const auto rank = tensor.shape.size();
  const int bits = bits_of(tensor.dtype);
  if (rank < 2 || bits < 8) {
    return fail(ErrorCode::kInvalidArgument, "cannot transpose a {} tensor of shape {}",
                to_string(tensor.dtype), to_string(tensor.shape));
  }
  Shape shape(tensor.shape.begin(), tensor.shape.end());
  const auto rows = static_cast<std::size_t>(shape[rank - 2]);
  const auto columns = static_cast<std::size_t>(shape[rank - 1]);
  std::swap(shape[rank - 2], shape[rank - 1]);
  Tensor result(tensor.dtype, std::move(shape));
  const auto element_bytes = static_cast<std::size_t>(bits) / 8;
  const std::size_t matrix_bytes = rows * columns * element_bytes;
  if (matrix_bytes == 0) {
    return result;
  }
  for (std::size_t at = 0; at < tensor.bytes.size(); at += matrix_bytes) {
    transpose_matrix(tensor.bytes.data() + at, result.bytes().data() + at, rows, columns,
                     element_bytes);
  }
  return result;
}

}  // namespace tessera::quantize
