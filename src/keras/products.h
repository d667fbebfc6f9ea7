// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keras/layers.h"
#include "keras/lowering.h"
#include "tessera/keras/quantizer.h"

/// What layers that multiply with weights have in common.
namespace tessera::keras {

/// A weight as the layer uses it: behind its quantizer, where it has one.
struct Factor {
  std::shared_ptr<const QuantizedWeight> quantized;  ///< null without a quantizer
  TensorView plain;                                  ///< in front of it
  [[nodiscard]] TensorView view() const { return quantized ? quantized->values.view() : plain; }
  /// The same on the integer grid; null where there is none.
  [[nodiscard]] const Codes* codes() const {
    return quantized && quantized->codes ? &*quantized->codes : nullptr;
  }
};

/// `key` names the quantizer in the configuration: "kernel_quantizer". `weight` is float32. Reports
/// on it. Errors: those of the quantizer, with the layer's name.
[[nodiscard]] Result<Factor> factor(Lowering& lowering, const Site& site, const TensorView& weight,
                                    const char* key, WeightUse use);

/// Where a weight's axes go in the model, and what becomes of its scales.
struct Arrangement {
  std::function<Tensor(const TensorView&)> move;
  /// Axis of the result that a channel axis of the weight ends up as; none: the scales cannot be
  /// told there.
  std::function<std::optional<std::int64_t>(std::int64_t)> axis;
  /// Scales along `axis` of the weight, as they are along the axis of the result.
  std::function<std::vector<float>(std::vector<float>, std::int64_t)> scales = nullptr;
};

/// Stores a weight, as integers with DequantizeLinear where it has codes that the opset knows.
[[nodiscard]] std::string store(Lowering& lowering, const Site& site, std::string_view what,
                                const Factor& factor, const Arrangement& arrangement);

/// A convolution as its configuration has it.
struct Convolution {
  std::vector<Window> windows;
  Padding padding = Padding::kValid;
  std::int64_t groups = 1;
  std::int64_t filters = 1;
};

/// Spatial axes of the class: 1 for "...1D". Errors: kUnimplemented for 3.
[[nodiscard]] Result<std::size_t> spatial_axes(const Site& site);
/// Window, padding and groups. Errors: kUnimplemented for an input without so many axes, with open
/// channels, or channels first in Keras.
[[nodiscard]] Result<Convolution> read_convolution(const Site& site);
[[nodiscard]] Result<Padding> read_padding(const Site& site);
/// Attributes of a Conv or a pool over `value`, and the shape of the result without its channels.
struct Windowed {
  std::vector<onnx::NamedAttribute> attributes;
  Dims shape;
};
[[nodiscard]] Result<Windowed> windowed(const Site& site, const Value& value,
                                        const std::vector<Window>& windows, Padding padding);
/// Conv of a value, whose channels come first by then. `bias` may be empty.
[[nodiscard]] Result<Value> convolve(Lowering& lowering, const Site& site, const Value& value,
                                     const Convolution& how, const std::string& weight,
                                     const std::string& bias);

/// [k..., in, out] to [out, in, k...], and [k..., out, in] to [in, out, k...].
[[nodiscard]] Arrangement kernel_arrangement(std::size_t spatial);
/// [k..., C, M] to [C * M, 1, k...].
[[nodiscard]] Arrangement depthwise_arrangement(std::size_t spatial, std::int64_t channels,
                                                std::int64_t multiplier);

}  // namespace tessera::keras
