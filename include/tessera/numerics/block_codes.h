// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera::numerics {

/// A matrix [K, N] that is multiplied from the right: y = x W. `transposed`: stored as [N, K].
struct MatrixView {
  std::span<const float> values;
  std::int64_t rows = 0;     ///< K
  std::int64_t columns = 0;  ///< N
  bool transposed = false;

  [[nodiscard]] float at(std::int64_t row, std::int64_t column) const {
    return values[static_cast<std::size_t>(transposed ? column * rows + row
                                                      : row * columns + column)];
  }
};

/// Where a kernel rounds; the two of ONNX Runtime differ by one step in rare ties.
enum class BlockRounding : std::uint8_t {
  kWithZeroPoint,    ///< round(w / s + z), as for MatMulNBits
  kBeforeZeroPoint,  ///< round(w / s) + z, as for DequantizeLinear by block
};

struct BlockSpec {
  int bits = 4;  ///< 4 or 8
  std::int64_t block_size = 128;
  bool symmetric = false;
  BlockRounding rounding = BlockRounding::kWithZeroPoint;
  /// Tries smaller scales, too, and takes the one with the least squared error. Off: that of the
  /// block's extrema, as ONNX Runtime does.
  bool search = false;
  /// float32 or float16: scales are rounded to it before they are used.
  DType scale_dtype = DType::kFloat32;
};

/// Unsigned codes by block: w = scale x (code - zero point). Blocks run along K within a column;
/// the last may be shorter.
struct BlockCodes {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t blocks = 0;                ///< per column
  std::vector<std::uint8_t> codes;        ///< [columns][rows]
  std::vector<float> scales;              ///< [columns][blocks]; may be negative if symmetric
  std::vector<std::uint8_t> zero_points;  ///< [columns][blocks]; the middle if symmetric
};

/// Quantizes every block. Rounding: half away from zero, as std::round.
/// Errors: kDataLoss if a value is NaN or infinite.
/// Cost: one pass over the matrix (six with `search`), in parallel over columns.
[[nodiscard]] Result<BlockCodes> quantize_blocks(const MatrixView& matrix, const BlockSpec& spec,
                                                 int threads);

/// The codes again, of a matrix that was quantized before, by the scales and zero points it got
/// then (its codes are not looked at). Cost: one pass over the matrix.
[[nodiscard]] BlockCodes encode_blocks(const MatrixView& matrix, const BlockSpec& spec,
                                       const BlockCodes& known, int threads);

/// The inputs B [N, blocks, block_size x bits / 8] and zero_points of com.microsoft.MatMulNBits.
/// Codes beyond K are 0; an unused nibble of the zero points is the middle.
[[nodiscard]] Tensor pack_for_matmul_nbits(const BlockCodes& codes, const BlockSpec& spec);
[[nodiscard]] Tensor pack_zero_points(const BlockCodes& codes, const BlockSpec& spec);
/// [N, blocks], in the spec's scale type.
[[nodiscard]] Tensor pack_scales(const BlockCodes& codes, const BlockSpec& spec);

/// Inputs of DequantizeLinear along axis 0: [K, N], [blocks, N], [blocks, N]. For signed `dtype`
/// codes and zero points are shifted down by half of the range.
[[nodiscard]] Tensor transposed_codes(const BlockCodes& codes, DType dtype);
[[nodiscard]] Tensor transposed_zero_points(const BlockCodes& codes, DType dtype);
[[nodiscard]] Tensor transposed_scales(const BlockCodes& codes, const BlockSpec& spec);

}  // namespace tessera::numerics
