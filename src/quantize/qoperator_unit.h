// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/numerics/qparams.h"
#include "tessera/onnx/model.h"

/// Looking at and building on Dequantize - operator - Quantize units.
namespace tessera::quantize {

/// Integers with the scale and zero point under which they mean a float value.
struct IntegerValue {
  std::string values;
  std::string scale;
  std::string zero_point;
  DType dtype = DType::kUndefined;
  std::int64_t axis = 1;            ///< of per-channel scales
  std::vector<float> scales;        ///< one, or one per channel
  std::vector<std::int32_t> zeros;  ///< one, or one per channel

  [[nodiscard]] bool per_channel() const noexcept { return scales.size() > 1; }
  /// The same real values mean the same integers.
  [[nodiscard]] bool same_params(const IntegerValue& other) const noexcept {
    return dtype == other.dtype && scales == other.scales && zeros == other.zeros;
  }
};

/// What `value` was dequantized from; nothing if it is no DequantizeLinear's output or its
/// parameters are not constant.
[[nodiscard]] std::optional<IntegerValue> dequantized_from(onnx::Model& model,
                                                           std::string_view value);
/// The QuantizeLinear that reads `value`, if there is exactly one.
[[nodiscard]] std::optional<onnx::NodeId> quantizer_of(const onnx::Model& model,
                                                       std::string_view value);
/// What QuantizeLinear `node` makes.
[[nodiscard]] std::optional<IntegerValue> quantized_by(onnx::Model& model, onnx::NodeId node);

/// Bounds that Relu and Clip operators put on integers.
struct IntegerBounds {
  std::int32_t low = 0;
  std::int32_t high = 0;
};

/// The bounds that a Relu or Clip (constant bounds) puts on values; nothing if `node` is neither.
[[nodiscard]] std::optional<numerics::RealRange> activation_bounds(const onnx::Model& model,
                                                                   onnx::NodeId node);
/// Because rounding is monotonic, clipping before quantizing equals clipping the integers.
[[nodiscard]] IntegerBounds to_integers(numerics::RealRange bounds, const IntegerValue& value);

/// A one-element tensor of an 8-bit type.
[[nodiscard]] Tensor scalar_of(DType dtype, std::int32_t value);

/// A constant bias as real numbers, whether it is stored in float32 or in integers. Errors:
/// kUnimplemented if it is not constant.
[[nodiscard]] Result<std::vector<double>> real_bias(const onnx::Model& model,
                                                    const std::string& bias);

/// An int32 bias under scale `scales`[c] x factor: the initializer that the bias was dequantized
/// from if it already is that, else a new one. "" for an absent bias. Errors: kUnimplemented if it
/// is not constant, does not fit 32 bits or has another length.
[[nodiscard]] Result<std::string> integer_bias(onnx::Model& model, const std::string& bias,
                                               const std::vector<float>& scales, float factor);

}  // namespace tessera::quantize
