// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace tessera {

/// Element types. The values are those of onnx.TensorProto.DataType, so that reading and writing
/// a model needs no table; other formats map to them at their door.
enum class DType : std::uint8_t {
  kUndefined = 0,
  kFloat32 = 1,
  kUInt8 = 2,
  kInt8 = 3,
  kUInt16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kUInt32 = 12,
  kUInt64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8E4M3FN = 17,
  kFloat8E4M3FNUZ = 18,
  kFloat8E5M2 = 19,
  kFloat8E5M2FNUZ = 20,
  kUInt4 = 21,
  kInt4 = 22,
};

/// Bits of one element: 4 for the packed types, 0 for strings and undefined.
[[nodiscard]] int bits_of(DType dtype) noexcept;
/// Bytes that `count` elements occupy; 4-bit types pack two per byte, rounded up. -1 where `count`
/// is negative or the bytes do not fit 63 bits, as element_count() has it.
[[nodiscard]] std::int64_t bytes_of(DType dtype, std::int64_t count) noexcept;
[[nodiscard]] bool is_floating(DType dtype) noexcept;
/// s4, u4, s8, u8, ... , s64, u64 (bool is not one).
[[nodiscard]] bool is_integer(DType dtype) noexcept;
/// "float32", "uint8", "int4", ... as NumPy and ONNX spell them.
[[nodiscard]] std::string_view to_string(DType dtype) noexcept;

}  // namespace tessera
