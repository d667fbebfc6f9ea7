// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/make.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace tessera {
namespace {

template <class T>
Tensor narrowed(std::span<const std::int32_t> values, Shape shape) {
  std::vector<T> narrow;
  narrow.reserve(values.size());
  for (const auto value : values) {
    narrow.push_back(static_cast<T>(value));
  }
  return Tensor::of(narrow, std::move(shape));
}

Tensor packed(DType dtype, std::span<const std::int32_t> values, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  auto bytes = tensor.bytes();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto nibble = static_cast<unsigned>(values[i]) & 0xFU;
    bytes[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? nibble : nibble << 4U);
  }
  return tensor;
}

/// One M x N matrix. Blocked, so that the strided side stays in the cache; for elements of one
/// size, so that each is moved by one instruction and not by a call.
template <std::size_t kElementBytes>
void transpose_matrix(const std::byte* in, std::byte* out, std::size_t rows, std::size_t columns) {
  constexpr std::size_t kBlock = 32;
  for (std::size_t row0 = 0; row0 < rows; row0 += kBlock) {
    for (std::size_t column0 = 0; column0 < columns; column0 += kBlock) {
      for (std::size_t row = row0; row < std::min(row0 + kBlock, rows); ++row) {
        for (std::size_t column = column0; column < std::min(column0 + kBlock, columns); ++column) {
          std::memcpy(out + (column * rows + row) * kElementBytes,
                      in + (row * columns + column) * kElementBytes, kElementBytes);
        }
      }
    }
  }
}

using Transpose = void (*)(const std::byte*, std::byte*, std::size_t, std::size_t);

Transpose transpose_of(std::size_t element_bytes) {
  switch (element_bytes) {
    case 1:
      return transpose_matrix<1>;
    case 2:
      return transpose_matrix<2>;
    case 4:
      return transpose_matrix<4>;
    case 8:
      return transpose_matrix<8>;
    default:
      return transpose_matrix<16>;
  }
}

}  // namespace

Tensor integer_tensor(DType dtype, std::span<const std::int32_t> values, Shape shape) {
  switch (dtype) {
    case DType::kUInt8:
      return narrowed<std::uint8_t>(values, std::move(shape));
    case DType::kInt8:
      return narrowed<std::int8_t>(values, std::move(shape));
    case DType::kUInt16:
      return narrowed<std::uint16_t>(values, std::move(shape));
    case DType::kInt16:
      return narrowed<std::int16_t>(values, std::move(shape));
    case DType::kUInt4:
    case DType::kInt4:
      return packed(dtype, values, std::move(shape));
    default:
      return narrowed<std::int32_t>(values, std::move(shape));
  }
}

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
  const auto transpose = transpose_of(element_bytes);
  for (std::size_t at = 0; at < tensor.bytes.size(); at += matrix_bytes) {
    transpose(tensor.bytes.data() + at, result.bytes().data() + at, rows, columns);
  }
  return result;
}

}  // namespace tessera
