// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/block_codes.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <optional>

#include "tessera/core/parallel.h"

namespace tessera::numerics {
namespace {

struct BlockParams {
  float scale = 0;
  std::uint8_t zero_point = 0;
};

/// Quantizes single blocks with the arithmetic of ONNX Runtime, operation for operation, so that
/// results are equal bit for bit (onnxruntime/core/mlas/lib/q4_dq.cpp).
class BlockQuantizer {
 public:
  explicit BlockQuantizer(const BlockSpec& spec)
      : spec_(spec),
        largest_(static_cast<float>((1 << spec.bits) - 1)),
        middle_(static_cast<std::uint8_t>(1 << (spec.bits - 1))) {}

  [[nodiscard]] BlockParams choose(std::span<const float> values) const {
    auto best = params(values, 1.0F);
    if (!spec_.search || best.scale == 0) {
      return best;
    }
    // Clipping the outermost values a little makes the steps for all others smaller.
    constexpr std::array kShrink = {0.95F, 0.9F, 0.85F, 0.8F, 0.75F};
    auto least = squared_error(values, best);
    for (const float shrink : kShrink) {
      const auto candidate = params(values, shrink);
      if (const auto error = squared_error(values, candidate); error < least) {
        least = error;
        best = candidate;
      }
    }
    return best;
  }

  [[nodiscard]] std::uint8_t code(float value, const BlockParams& block, float reciprocal) const {
    const auto zero = static_cast<float>(block.zero_point);
    const float raw = spec_.rounding == BlockRounding::kWithZeroPoint
                          ? std::round(value * reciprocal + zero)
                          : std::round(value * reciprocal) + zero;
    return static_cast<std::uint8_t>(std::clamp(raw, 0.0F, largest_));
  }

  static float reciprocal(const BlockParams& block) {
    return block.scale == 0 ? 0.0F : 1.0F / block.scale;
  }

 private:
  [[nodiscard]] BlockParams params(std::span<const float> values, float shrink) const {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const auto block = spec_.symmetric ? symmetric(*low * shrink, *high * shrink)
                                       : asymmetric(*low * shrink, *high * shrink);
    // The reciprocal of a subnormal scale is infinite; such a block is 0 for all purposes.
    const bool usable = std::abs(block.scale) >= std::numeric_limits<float>::min();
    return usable ? block : BlockParams{0.0F, block.zero_point};
  }

  /// The value of largest magnitude becomes code 0, which is one step more than the last code has.
  [[nodiscard]] BlockParams symmetric(float low, float high) const {
    const float extreme = std::abs(high) > std::abs(low) ? high : low;
    return {rounded(extreme / -static_cast<float>(middle_)), middle_};
  }

  [[nodiscard]] BlockParams asymmetric(float low, float high) const {
    low = std::min(low, 0.0F);
    high = std::max(high, 0.0F);
    const float scale = (high - low) / largest_;
    const float zero = scale == 0 ? low : -low / scale;
    return {rounded(scale),
            static_cast<std::uint8_t>(std::round(std::clamp(zero, 0.0F, largest_)))};
  }

  [[nodiscard]] float rounded(float scale) const {
    return spec_.scale_dtype == DType::kFloat16 ? float16_to_float32(float32_to_float16(scale))
                                                : scale;
  }

  [[nodiscard]] double squared_error(std::span<const float> values,
                                     const BlockParams& block) const {
    const float inverse = reciprocal(block);
    double sum = 0;
    for (const float value : values) {
      const auto step =
          static_cast<float>(code(value, block, inverse)) - static_cast<float>(block.zero_point);
      const double error = double{value} - double{block.scale * step};
      sum += error * error;
    }
    return sum;
  }

  BlockSpec spec_;
  float largest_;
  std::uint8_t middle_;
};

/// Columns that are gathered at once: reading a row of them touches whole cache lines.
constexpr std::int64_t kTile = 32;

/// Two codes per byte, the first in the low half.
void pack_nibbles(std::span<const std::uint8_t> codes, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto shifted = static_cast<std::uint8_t>((codes[i] & 0xFU) << (i % 2 == 0 ? 0 : 4));
    out[i / 2] = static_cast<std::uint8_t>(out[i / 2] | shifted);
  }
}

Tensor packed_tensor(std::span<const std::uint8_t> codes, DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  const auto out =
      std::span(reinterpret_cast<std::uint8_t*>(tensor.bytes().data()), tensor.bytes().size());
  if (bits_of(dtype) == 4) {
    pack_nibbles(codes, out);
  } else {
    std::copy(codes.begin(), codes.end(), out.begin());
  }
  return tensor;
}

Tensor scale_tensor(const std::vector<float>& scales, Shape shape, DType dtype) {
  if (dtype != DType::kFloat16) {
    return Tensor::of(scales, std::move(shape));
  }
  Tensor tensor(DType::kFloat16, std::move(shape));
  std::transform(scales.begin(), scales.end(), tensor.as<std::uint16_t>().begin(),
                 float32_to_float16);
  return tensor;
}

template <class T>
std::vector<T> transposed(const std::vector<T>& values, std::int64_t rows, std::int64_t columns) {
  std::vector<T> result(values.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      result[static_cast<std::size_t>(c * rows + r)] =
          values[static_cast<std::size_t>(r * columns + c)];
    }
  }
  return result;
}

/// Moves unsigned codes to the range of a signed type: by half of the range, which is a flip of the
/// highest bit.
std::vector<std::uint8_t> in_range_of(std::vector<std::uint8_t> codes, DType dtype) {
  if (dtype == DType::kInt4 || dtype == DType::kInt8) {
    const auto high = static_cast<std::uint8_t>(1 << (bits_of(dtype) - 1));
    for (auto& code : codes) {
      code = static_cast<std::uint8_t>(code ^ high);
    }
  }
  return codes;
}

}  // namespace

namespace {

BlockCodes sized_for(const MatrixView& matrix, const BlockSpec& spec) {
  BlockCodes result;
  result.rows = matrix.rows;
  result.columns = matrix.columns;
  result.blocks = (matrix.rows + spec.block_size - 1) / spec.block_size;
  result.codes.resize(static_cast<std::size_t>(matrix.rows * matrix.columns));
  result.scales.resize(static_cast<std::size_t>(result.blocks * matrix.columns));
  result.zero_points.resize(result.scales.size());
  return result;
}

/// Fills in the codes. `params_of(values, at)`: those of a block, `at` its place in the scales;
/// none ends the work. Returns whether it went to its end.
template <class ParamsOf>
bool fill_codes(const MatrixView& matrix, const BlockSpec& spec, int threads, BlockCodes& result,
                const ParamsOf& params_of) {
  const BlockQuantizer quantizer(spec);
  std::atomic<bool> complete = true;
  const auto quantize_tile = [&](std::int64_t tile) {
    std::vector<float> column(static_cast<std::size_t>(kTile * spec.block_size));
    const auto first = tile * kTile;
    const auto count = std::min(kTile, matrix.columns - first);
    for (std::int64_t block = 0; block < result.blocks; ++block) {
      const auto begin = block * spec.block_size;
      const auto length = std::min(spec.block_size, matrix.rows - begin);
      for (std::int64_t r = 0; r < length; ++r) {
        for (std::int64_t c = 0; c < count; ++c) {
          column[static_cast<std::size_t>(c * spec.block_size + r)] =
              matrix.at(begin + r, first + c);
        }
      }
      for (std::int64_t c = 0; c < count; ++c) {
        const auto values = std::span(column).subspan(static_cast<std::size_t>(c * spec.block_size),
                                                      static_cast<std::size_t>(length));
        const auto at = static_cast<std::size_t>((first + c) * result.blocks + block);
        const std::optional<BlockParams> params = params_of(quantizer, values, at);
        if (!params) {
          complete = false;
          return;
        }
        const float inverse = BlockQuantizer::reciprocal(*params);
        auto* const out =
            &result.codes[static_cast<std::size_t>((first + c) * matrix.rows + begin)];
        std::transform(values.begin(), values.end(), out,
                       [&](float value) { return quantizer.code(value, *params, inverse); });
      }
    }
  };
  parallel_for(threads, (matrix.columns + kTile - 1) / kTile, quantize_tile);
  return complete;
}

}  // namespace

Result<BlockCodes> quantize_blocks(const MatrixView& matrix, const BlockSpec& spec, int threads) {
  auto result = sized_for(matrix, spec);
  const auto choose = [&](const BlockQuantizer& quantizer, std::span<const float> values,
                          std::size_t at) -> std::optional<BlockParams> {
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); })) {
      return std::nullopt;
    }
    const auto params = quantizer.choose(values);
    result.scales[at] = params.scale;
    result.zero_points[at] = params.zero_point;
    return params;
  };
  if (!fill_codes(matrix, spec, threads, result, choose)) {
    return fail(ErrorCode::kDataLoss, "the weight holds NaN or infinite values");
  }
  return result;
}

BlockCodes encode_blocks(const MatrixView& matrix, const BlockSpec& spec, const BlockCodes& known,
                         int threads) {
  auto result = sized_for(matrix, spec);
  result.scales = known.scales;
  result.zero_points = known.zero_points;
  fill_codes(matrix, spec, threads, result,
             [&](const BlockQuantizer&, std::span<const float>, std::size_t at) {
               return std::optional(BlockParams{known.scales[at], known.zero_points[at]});
             });
  return result;
}

Tensor pack_for_matmul_nbits(const BlockCodes& codes, const BlockSpec& spec) {
  const auto blob = spec.block_size * spec.bits / 8;
  Tensor tensor(DType::kUInt8, {codes.columns, codes.blocks, blob});
  const auto out = tensor.as<std::uint8_t>();
  for (std::int64_t column = 0; column < codes.columns; ++column) {
    const auto source = std::span(codes.codes)
                            .subspan(static_cast<std::size_t>(column * codes.rows),
                                     static_cast<std::size_t>(codes.rows));
    const auto target = out.subspan(static_cast<std::size_t>(column * codes.blocks * blob),
                                    static_cast<std::size_t>(codes.blocks * blob));
    if (spec.bits == 4) {
      pack_nibbles(source, target);  // block sizes are even: blocks begin with a byte
    } else {
      std::copy(source.begin(), source.end(), target.begin());
    }
  }
  return tensor;
}

Tensor pack_zero_points(const BlockCodes& codes, const BlockSpec& spec) {
  if (spec.bits == 8) {
    return packed_tensor(codes.zero_points, DType::kUInt8, {codes.columns, codes.blocks});
  }
  constexpr std::uint8_t kMiddles = 0x88;
  const auto width = (codes.blocks + 1) / 2;
  Tensor tensor(DType::kUInt8, {codes.columns, width});
  const auto out = tensor.as<std::uint8_t>();
  for (std::int64_t column = 0; column < codes.columns; ++column) {
    const auto row =
        out.subspan(static_cast<std::size_t>(column * width), static_cast<std::size_t>(width));
    if (codes.blocks % 2 != 0) {
      row.back() = kMiddles & 0xF0U;
    }
    pack_nibbles(std::span(codes.zero_points)
                     .subspan(static_cast<std::size_t>(column * codes.blocks),
                              static_cast<std::size_t>(codes.blocks)),
                 row);
  }
  return tensor;
}

Tensor pack_scales(const BlockCodes& codes, const BlockSpec& spec) {
  return scale_tensor(codes.scales, {codes.columns, codes.blocks}, spec.scale_dtype);
}

Tensor transposed_codes(const BlockCodes& codes, DType dtype) {
  return packed_tensor(in_range_of(transposed(codes.codes, codes.columns, codes.rows), dtype),
                       dtype, {codes.rows, codes.columns});
}

Tensor transposed_zero_points(const BlockCodes& codes, DType dtype) {
  return packed_tensor(
      in_range_of(transposed(codes.zero_points, codes.columns, codes.blocks), dtype), dtype,
      {codes.blocks, codes.columns});
}

Tensor transposed_scales(const BlockCodes& codes, const BlockSpec& spec) {
  return scale_tensor(transposed(codes.scales, codes.columns, codes.blocks),
                      {codes.blocks, codes.columns}, spec.scale_dtype);
}

}  // namespace tessera::numerics
