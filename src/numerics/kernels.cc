// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/kernels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>

#include "numerics/simd.h"

namespace tessera::numerics {
namespace {

constexpr std::size_t kChunk = 4096;  // elements of the scratch buffers, small enough for L1

bool is_packed(DType dtype) {
  return dtype == DType::kInt4 || dtype == DType::kUInt4;
}

template <class T>
std::span<T> view_as(std::span<std::byte> bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}
template <class T>
std::span<const T> view_as(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// Two elements per byte, the first in the low half; an odd tail leaves the high half zero.
void pack_4bit(std::span<const std::int8_t> values, std::span<std::byte> out) {
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const unsigned low = static_cast<unsigned>(values[i]) & 0xFU;
    const unsigned high = i + 1 < values.size() ? static_cast<unsigned>(values[i + 1]) & 0xFU : 0U;
    out[i / 2] = static_cast<std::byte>(low | (high << 4U));
  }
}

void unpack_4bit(std::span<const std::byte> values, bool is_signed, std::span<std::int8_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(values[i / 2]);
    const int nibble = static_cast<int>((i % 2 == 0 ? byte : byte >> 4U) & 0xFU);
    out[i] = static_cast<std::int8_t>(is_signed && nibble >= 8 ? nibble - 16 : nibble);
  }
}

/// Biases: 24 bits of float32 would not do for 32-bit integers.
void quantize_int32(std::span<const float> values, const QParams& qparams,
                    std::span<std::int32_t> out) {
  constexpr double kLow = std::numeric_limits<std::int32_t>::min();
  constexpr double kHigh = std::numeric_limits<std::int32_t>::max();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double steps = double{values[i]} / double{qparams.scale};
    const double q =
        std::isnan(steps) ? qparams.zero_point : std::nearbyint(steps) + qparams.zero_point;
    out[i] = static_cast<std::int32_t>(std::clamp(q, kLow, kHigh));
  }
}

/// float32 elements of a tensor: its own memory where possible, else a converted copy.
class FloatValues {
 public:
  static Result<FloatValues> of(const TensorView& tensor) {
    FloatValues result;
    const bool aligned =
        reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignof(float) == 0;
    if (tensor.dtype == DType::kFloat32 && aligned) {
      result.view_ = tensor.as<float>();
      return result;
    }
    if (!is_floating(tensor.dtype)) {
      return fail(ErrorCode::kInvalidArgument, "cannot quantize a tensor of {}",
                  to_string(tensor.dtype))
          .hint("weights must be float32 or float16");
    }
    TESSERA_TRY(result.copy_, to_float32(tensor));
    result.view_ = result.copy_;
    return result;
  }
  [[nodiscard]] std::span<const float> span() const { return view_; }

 private:
  std::vector<float> copy_;  // a moved vector keeps its elements' address, so view_ stays valid
  std::span<const float> view_;
};

/// How the elements of a channel lie: `outer` repetitions of `channels` runs of `inner` elements.
struct ChannelLayout {
  std::size_t outer = 1;
  std::size_t channels = 1;
  std::size_t inner = 0;

  [[nodiscard]] std::size_t row() const { return channels * inner; }
  /// Runs too short for a vector loop of their own are handled a row at a time.
  [[nodiscard]] bool by_row() const { return inner < 32 && channels > 1; }
};

Result<ChannelLayout> layout_of(const TensorView& tensor, int axis) {
  const auto rank = static_cast<int>(tensor.shape.size());
  if (axis >= rank) {
    return fail(ErrorCode::kInvalidArgument, "axis {} is out of range for a tensor of shape {}",
                axis, to_string(tensor.shape))
        .hint("axis must be below {}, or negative for one scale per tensor", rank);
  }
  ChannelLayout layout;
  if (axis < 0) {
    layout.inner = static_cast<std::size_t>(tensor.size());
    return layout;
  }
  const auto at = static_cast<std::size_t>(axis);
  const auto extent = [](std::span<const std::int64_t> part) {
    return static_cast<std::size_t>(element_count(part));
  };
  layout.outer = extent(tensor.shape.first(at));
  layout.channels = static_cast<std::size_t>(tensor.shape[at]);
  layout.inner = extent(tensor.shape.subspan(at + 1));
  return layout;
}

struct Extrema {
  float min = std::numeric_limits<float>::infinity();
  float max = -std::numeric_limits<float>::infinity();
};

/// Extrema per channel; absent if a value is NaN or infinite.
std::optional<std::vector<Extrema>> channel_extrema(std::span<const float> values,
                                                    const ChannelLayout& layout) {
  std::vector<Extrema> extrema(layout.channels);
  if (!layout.by_row()) {
    for (std::size_t run = 0; run < layout.outer * layout.channels; ++run) {
      const MinMax found = simd::find_min_max(values.subspan(run * layout.inner, layout.inner));
      if (found.nan != 0 || found.infinite != 0) {
        return std::nullopt;
      }
      Extrema& channel = extrema[run % layout.channels];
      channel.min = std::min(channel.min, found.min);
      channel.max = std::max(channel.max, found.max);
    }
    return extrema;
  }
  const std::size_t row = layout.row();
  std::vector<float> low(row, Extrema{}.min);
  std::vector<float> high(row, Extrema{}.max);
  for (std::size_t r = 0; r < layout.outer; ++r) {
    if (!simd::accumulate_min_max(values.subspan(r * row, row), low, high)) {
      return std::nullopt;
    }
  }
  for (std::size_t i = 0; i < row; ++i) {
    Extrema& channel = extrema[i / layout.inner];
    channel.min = std::min(channel.min, low[i]);
    channel.max = std::max(channel.max, high[i]);
  }
  return extrema;
}

Result<std::vector<QParams>> qparams_of(std::span<const float> values, const ChannelLayout& layout,
                                        DType weight_dtype, const QuantSpec& spec,
                                        const QParamsOptions& options) {
  if (values.empty()) {
    return std::vector<QParams>(layout.channels);
  }
  const auto extrema = channel_extrema(values, layout);
  if (!extrema) {
    return fail(ErrorCode::kDataLoss, "a weight is NaN or infinite")
        .hint("the model was damaged in training or conversion; exclude the tensor to keep it");
  }
  QParamsOptions used = options;
  if (weight_dtype == DType::kFloat16) {
    used.scale_dtype = DType::kFloat16;
  }
  std::vector<QParams> all;
  all.reserve(extrema->size());
  for (const Extrema& channel : *extrema) {
    TESSERA_TRY(const QParams qparams, compute_qparams({channel.min, channel.max}, spec, used));
    all.push_back(qparams);
  }
  return all;
}

template <class T>
void quantize_channels(std::span<const float> values, const ChannelLayout& layout,
                       std::span<const QParams> qparams, IntegerRange levels, std::span<T> out) {
  const auto of_channel = [&](std::size_t c) { return qparams[qparams.size() == 1 ? 0 : c]; };
  if (!layout.by_row()) {
    for (std::size_t run = 0; run < layout.outer * layout.channels; ++run) {
      const std::size_t at = run * layout.inner;
      simd::quantize<T>(values.subspan(at, layout.inner), of_channel(run % layout.channels), levels,
                        out.subspan(at, layout.inner));
    }
    return;
  }
  const std::size_t row = layout.row();
  std::vector<float> scales(row);
  std::vector<std::int32_t> zero_points(row);
  for (std::size_t i = 0; i < row; ++i) {
    const QParams channel = of_channel(i / layout.inner);
    scales[i] = channel.scale;
    zero_points[i] = channel.zero_point;
  }
  for (std::size_t r = 0; r < layout.outer; ++r) {
    simd::quantize_each<T>(values.subspan(r * row, row), scales, zero_points, levels,
                           out.subspan(r * row, row));
  }
}

Result<Tensor> quantize_values(std::span<const float> values, const TensorView& weights,
                               const ChannelLayout& layout, DType dtype,
                               std::span<const QParams> qparams) {
  Tensor out(dtype, Shape(weights.shape.begin(), weights.shape.end()));
  const IntegerRange levels = full_range(dtype);
  if (values.empty()) {
    return out;
  }
  switch (dtype) {
    case DType::kUInt8:
      quantize_channels(values, layout, qparams, levels, out.as<std::uint8_t>());
      return out;
    case DType::kInt8:
      quantize_channels(values, layout, qparams, levels, out.as<std::int8_t>());
      return out;
    case DType::kUInt16:
      quantize_channels(values, layout, qparams, levels, out.as<std::uint16_t>());
      return out;
    case DType::kInt16:
      quantize_channels(values, layout, qparams, levels, out.as<std::int16_t>());
      return out;
    case DType::kInt4:
    case DType::kUInt4: {
      std::vector<std::int8_t> wide(values.size());
      quantize_channels<std::int8_t>(values, layout, qparams, levels, wide);
      pack_4bit(wide, out.bytes());
      return out;
    }
    default:
      return fail(ErrorCode::kInvalidArgument, "cannot quantize weights to {}", to_string(dtype))
          .hint("choose one of int8, uint8, int16, uint16, int4, uint4");
  }
}

}  // namespace

MinMax find_min_max(std::span<const float> values) noexcept {
  MinMax found = simd::find_min_max(values);
  if (found.finite == 0) {
    found.min = found.max = 0;
  }
  return found;
}

void quantize(std::span<const float> values, const QParams& qparams, DType dtype,
              std::span<std::byte> out) noexcept {
  const IntegerRange levels = full_range(dtype);
  switch (dtype) {
    case DType::kUInt8:
      return simd::quantize(values, qparams, levels, view_as<std::uint8_t>(out));
    case DType::kInt8:
      return simd::quantize(values, qparams, levels, view_as<std::int8_t>(out));
    case DType::kUInt16:
      return simd::quantize(values, qparams, levels, view_as<std::uint16_t>(out));
    case DType::kInt16:
      return simd::quantize(values, qparams, levels, view_as<std::int16_t>(out));
    case DType::kInt32:
      return quantize_int32(values, qparams, view_as<std::int32_t>(out));
    default:
      break;
  }
  if (!is_packed(dtype)) {
    return;
  }
  std::array<std::int8_t, kChunk> wide;
  for (std::size_t at = 0; at < values.size(); at += kChunk) {
    const std::size_t count = std::min(kChunk, values.size() - at);
    const auto part = std::span(wide).first(count);
    simd::quantize<std::int8_t>(values.subspan(at, count), qparams, levels, part);
    pack_4bit(part, out.subspan(at / 2, (count + 1) / 2));
  }
}

void dequantize(std::span<const std::byte> values, const QParams& qparams, DType dtype,
                std::span<float> out) noexcept {
  switch (dtype) {
    case DType::kUInt8:
      return simd::dequantize(view_as<std::uint8_t>(values).first(out.size()), qparams, out);
    case DType::kInt8:
      return simd::dequantize(view_as<std::int8_t>(values).first(out.size()), qparams, out);
    case DType::kUInt16:
      return simd::dequantize(view_as<std::uint16_t>(values).first(out.size()), qparams, out);
    case DType::kInt16:
      return simd::dequantize(view_as<std::int16_t>(values).first(out.size()), qparams, out);
    case DType::kInt32: {
      const auto integers = view_as<std::int32_t>(values);
      for (std::size_t i = 0; i < out.size(); ++i) {
        const std::int64_t steps = std::int64_t{integers[i]} - qparams.zero_point;
        out[i] = static_cast<float>(steps) * qparams.scale;
      }
      return;
    }
    default:
      break;
  }
  if (!is_packed(dtype)) {
    return;
  }
  std::array<std::int8_t, kChunk> wide;
  for (std::size_t at = 0; at < out.size(); at += kChunk) {
    const auto part = std::span(wide).first(std::min(kChunk, out.size() - at));
    unpack_4bit(values.subspan(at / 2), dtype == DType::kInt4, part);
    simd::dequantize<std::int8_t>(part, qparams, out.subspan(at, part.size()));
  }
}

Result<QuantizedTensor> quantize_weights(const TensorView& weights, const QuantSpec& spec, int axis,
                                         const QParamsOptions& options) {
  TESSERA_TRY(const ChannelLayout layout, layout_of(weights, axis));
  TESSERA_TRY(const FloatValues values, FloatValues::of(weights));
  QuantizedTensor result;
  result.axis = axis < 0 ? -1 : axis;
  TESSERA_TRY(result.qparams, qparams_of(values.span(), layout, weights.dtype, spec, options));
  TESSERA_TRY(result.values,
              quantize_values(values.span(), weights, layout, spec.dtype, result.qparams));
  return result;
}

Result<QuantizedTensor> quantize_weights_with(const TensorView& weights, DType dtype,
                                              std::span<const QParams> qparams, int axis) {
  TESSERA_TRY(const ChannelLayout layout, layout_of(weights, axis));
  if (qparams.size() != 1 && qparams.size() != layout.channels) {
    return fail(ErrorCode::kInvalidArgument, "{} scales for {} channels", qparams.size(),
                layout.channels)
        .hint("give one scale, or one per channel of axis {}", axis);
  }
  TESSERA_TRY(const FloatValues values, FloatValues::of(weights));
  QuantizedTensor result;
  result.axis = axis < 0 ? -1 : axis;
  result.qparams.assign(qparams.begin(), qparams.end());
  TESSERA_TRY(result.values, quantize_values(values.span(), weights, layout, dtype, qparams));
  return result;
}

Result<std::vector<QParams>> weight_qparams(const TensorView& weights, const QuantSpec& spec,
                                            int axis, const QParamsOptions& options) {
  TESSERA_TRY(const ChannelLayout layout, layout_of(weights, axis));
  TESSERA_TRY(const FloatValues values, FloatValues::of(weights));
  return qparams_of(values.span(), layout, weights.dtype, spec, options);
}

}  // namespace tessera::numerics
