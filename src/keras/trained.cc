// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/trained.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tessera::keras {
namespace {

constexpr int kByteBits = 8;
constexpr int kMiddle = 128;

}  // namespace

Result<Nudged> nudged(float low, float high, int bits, bool narrow) {
  if (!std::isfinite(low) || !std::isfinite(high) || low > 0 || high < 0 || low >= high) {
    return fail(ErrorCode::kDataLoss, "a trained range from {} to {}; expected one around zero",
                low, high)
        .hint("train on, so that the ranges are seen, before the network is saved");
  }
  const float first = narrow ? 1 : 0;
  const float last = static_cast<float>((1 << bits) - 1);
  Nudged result;
  result.scale = (high - low) / (last - first);
  if (!std::isnormal(result.scale)) {
    return fail(ErrorCode::kDataLoss, "a trained range from {} to {} has no step in float32", low,
                high)
        .hint("train on, so that the ranges are seen, before the network is saved");
  }
  const float exact = first - low / result.scale;
  result.zero_point = static_cast<int>(std::round(std::clamp(exact, first, last)));
  return result;
}

Result<QuantizedWeight> fake_quantized(const TensorView& weight, const TrainedRange& range) {
  const auto count = range.low.size();
  const bool per_channel = count > 1;
  if (range.bits > kByteBits || range.high.size() != count || count == 0 ||
      (per_channel && (weight.shape.empty() || weight.shape.back() != std::ssize(range.low)))) {
    return fail(ErrorCode::kDataLoss, "{} trained ranges of {} bits for a weight of {}", count,
                range.bits, tessera::to_string(weight.shape));
  }
  std::vector<Nudged> grids;
  for (std::size_t i = 0; i < count; ++i) {
    TESSERA_TRY(const auto grid, nudged(range.low[i], range.high[i], range.bits, range.narrow));
    grids.push_back(grid);
  }
  const int first = range.narrow ? 1 : 0;
  const int last = (1 << range.bits) - 1;
  const int middle = 1 << (range.bits - 1);
  QuantizedWeight result;
  result.values = Tensor(weight);
  Codes codes;
  codes.integers = Tensor(DType::kInt8, result.values.shape());
  codes.bits = range.bits;
  codes.low = first - middle;
  codes.high = last - middle;
  const auto values = result.values.as<float>();
  const auto integers = codes.integers.as<std::int8_t>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& grid = grids[per_channel ? i % count : 0];
    const float low = static_cast<float>(first - grid.zero_point) * grid.scale;
    const float high = static_cast<float>(last - grid.zero_point) * grid.scale;
    const float steps = std::floor((std::clamp(values[i], low, high) - low) / grid.scale + 0.5F);
    const int code = first + static_cast<int>(steps) - grid.zero_point;
    values[i] = static_cast<float>(code) * grid.scale;
    integers[i] = static_cast<std::int8_t>(std::clamp(code, -kMiddle, kMiddle - 1));
  }
  const bool centred = std::all_of(grids.begin(), grids.end(),
                                   [&](const auto& grid) { return grid.zero_point == middle; });
  if (centred) {
    for (const auto& grid : grids) {
      codes.scales.push_back(grid.scale);
    }
    if (per_channel) {
      codes.axis = std::ssize(result.values.shape()) - 1;
    }
    result.codes = std::move(codes);
  }
  return result;
}

Result<std::string> add_fake_quantizer(onnx::Model& model, const TrainedRange& range,
                                       std::string_view value, std::string_view name) {
  if (range.bits != kByteBits || range.low.size() != 1 || range.high.size() != 1 || range.narrow) {
    return fail(ErrorCode::kUnimplemented,
                "{} trained ranges of {} bits for an activation; "
                "expected one of 8 bits",
                range.low.size(), range.bits);
  }
  TESSERA_TRY(const auto grid, nudged(range.low[0], range.high[0], range.bits, range.narrow));
  const auto named = [&](const char* what) {
    return model.unique_name(fmt::format("{}/{}", name, what));
  };
  const auto scale = named("scale");
  model.set_initializer(scale, Tensor::scalar(grid.scale));
  const auto zero = named("zero_point");
  model.set_initializer(zero, Tensor::scalar(static_cast<std::uint8_t>(grid.zero_point)));
  const auto integers = named("QuantizeLinear");
  model.add_node(
      {integers, "QuantizeLinear", {}, {std::string(value), scale, zero}, {integers}, {}});
  const auto reals = named("DequantizeLinear");
  model.add_node({reals, "DequantizeLinear", {}, {integers, scale, zero}, {reals}, {}});
  return reals;
}

}  // namespace tessera::keras
