// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/litert_builder.h"
#include "support/model_builder.h"
#include "tessera/tensor/affine.h"

/// One network in two formats: x 3 channels of 6 x 8 -> Conv (4, 3 x 3) Relu -> Conv (2, 1 x 1) y.
/// ONNX has channels first, .tflite last.
namespace tessera::testing {

/// Weights [out, in, h, w] as [out, h, w, in].
inline std::vector<float> channels_last(const Tensor& weights) {
  const auto& shape = weights.shape();
  std::vector<float> result;
  for (std::int64_t o = 0; o < shape[0]; ++o) {
    for (std::int64_t y = 0; y < shape[2]; ++y) {
      for (std::int64_t x = 0; x < shape[3]; ++x) {
        for (std::int64_t i = 0; i < shape[1]; ++i) {
          const auto at = ((o * shape[1] + i) * shape[2] + y) * shape[3] + x;
          result.push_back(weights.as<float>()[static_cast<std::size_t>(at)]);
        }
      }
    }
  }
  return result;
}

struct TwoFormatsWeights {
  Tensor w = random_tensor({4, 3, 3, 3}, 1, 0.3);
  Tensor b = random_tensor({4}, 2, 0.3);
  Tensor k = random_tensor({2, 4, 1, 1}, 3, 0.5);
  Tensor z = random_tensor({2}, 4, 0.3);
};

inline onnx::Model two_formats_onnx() {
  const TwoFormatsWeights weights;
  return ModelBuilder()
      .input("x", {1, 3, 6, 8})
      .constant("w", weights.w)
      .constant("b", weights.b)
      .constant("k", weights.k)
      .constant("z", weights.z)
      .op("Conv", {"x", "w", "b"}, {"c"}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})
      .op("Relu", {"c"}, {"r"})
      .op("Conv", {"r", "k", "z"}, {"y"})
      .output("y", {1, 2, 6, 8})
      .build();
}

inline std::vector<float> floats_of(const Tensor& tensor) {
  return {tensor.as<float>().begin(), tensor.as<float>().end()};
}

inline litert::Options unpadded() {
  return litert_options(1, {{1, 1}, {2, 1}});
}
inline litert::Options with_relu() {
  return litert_options(1, {{1, 1}, {2, 1}, {3, 1}});
}

/// Inputs and outputs have names of their own, as converters give.
inline litert::Content two_formats_litert() {
  const TwoFormatsWeights weights;
  return LitertBuilder()
      .input("serving_x", {1, 6, 8, 3})
      .constant("w", {4, 3, 3, 3}, channels_last(weights.w))
      .constant("b", {4}, floats_of(weights.b))
      .value("r", {1, 6, 8, 4})
      .op(litert::Builtin::kConv2d, {"serving_x", "w", "b"}, {"r"}, with_relu())
      .constant("k", {2, 1, 1, 4}, channels_last(weights.k))
      .constant("z", {2}, floats_of(weights.z))
      .value("Identity", {1, 6, 8, 2})
      .op(litert::Builtin::kConv2d, {"r", "k", "z"}, {"Identity"}, unpadded())
      .output("Identity")
      .build();
}

inline constexpr AffineQuantization kTwoFormatsInput{0.03125, -3};
inline constexpr AffineQuantization kTwoFormatsOutput{0.046875, 5};

/// The same on int8, with int8 in and out, one scale per tensor.
inline litert::Content two_formats_int8() {
  const TwoFormatsWeights weights;
  constexpr AffineQuantization kInside{0.03125, -128};
  LitertBuilder builder;
  const auto quantized = [&](const AffineQuantization& quantization) {
    builder.type(litert::ElementType::kInt8)
        .quantized({static_cast<float>(quantization.scale)}, {quantization.zero_point});
  };
  /// Their scale.
  const auto weight = [&](const std::string& name, std::vector<std::int32_t> shape,
                          const std::vector<float>& values) {
    float largest = 0;
    for (const auto value : values) {
      largest = std::max(largest, std::abs(value));
    }
    const AffineQuantization quantization{double{largest} / 127, 0};
    std::vector<std::int8_t> integers;
    for (const auto value : values) {
      integers.push_back(static_cast<std::int8_t>(std::lround(double{value} / quantization.scale)));
    }
    builder.constant(name, std::move(shape), integers);
    quantized(quantization);
    return quantization.scale;
  };
  const auto bias = [&](const std::string& name, const Tensor& values, double scale) {
    std::vector<std::int32_t> integers;
    for (const auto value : values.as<float>()) {
      integers.push_back(static_cast<std::int32_t>(std::lround(double{value} / scale)));
    }
    builder.constant(name, {static_cast<std::int32_t>(integers.size())}, integers)
        .type(litert::ElementType::kInt32)
        .quantized({static_cast<float>(scale)}, {0});
  };
  builder.input("serving_x", {1, 6, 8, 3});
  quantized(kTwoFormatsInput);
  const auto first = weight("w", {4, 3, 3, 3}, channels_last(weights.w));
  bias("b", weights.b, first * kTwoFormatsInput.scale);
  builder.value("r", {1, 6, 8, 4});
  quantized(kInside);
  builder.op(litert::Builtin::kConv2d, {"serving_x", "w", "b"}, {"r"}, with_relu());
  const auto second = weight("k", {2, 1, 1, 4}, channels_last(weights.k));
  bias("z", weights.z, second * kInside.scale);
  builder.value("Identity", {1, 6, 8, 2});
  quantized(kTwoFormatsOutput);
  builder.op(litert::Builtin::kConv2d, {"r", "k", "z"}, {"Identity"}, unpadded());
  for (auto& code : builder.content().codes) {
    code.version = 3;  // the first with int8
  }
  return builder.output("Identity").build();
}

}  // namespace tessera::testing
