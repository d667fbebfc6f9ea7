// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tessera/numerics/qparams.h"
#include "tessera/onnx/model.h"

namespace tessera::quantize {

/// Initializers that hold a scale and a zero point.
struct ScaleNames {
  std::string scale;
  std::string zero_point;
};

/// Adds QuantizeLinear and DequantizeLinear under the names that onnxruntime.quantization uses, so
/// that tools which pair them by name keep working; names that are taken get a number.
class QdqEmitter {
 public:
  explicit QdqEmitter(onnx::Model& model) : model_(model) {}

  /// NAME_scale and NAME_zero_point, both scalars.
  [[nodiscard]] ScaleNames add_qparams(std::string_view name, const numerics::QParams& qparams,
                                       DType dtype);
  /// One scale per channel.
  [[nodiscard]] ScaleNames add_qparams(std::string_view name,
                                       std::span<const numerics::QParams> qparams, DType dtype);

  /// source -> Quantize; returns the integers.
  std::string add_quantize(const std::string& source, const std::string& base,
                           const ScaleNames& names, DType dtype);
  /// source -> Quantize -> Dequantize; returns the dequantized value: `result`, or a new one.
  std::string add_pair(const std::string& source, const std::string& base, const ScaleNames& names,
                       DType dtype, const std::string& result = {});
  /// integers -> Dequantize. `axis` < 0: per tensor.
  std::string add_dequantize(const std::string& integers, const std::string& base,
                             const ScaleNames& names, DType dtype, int axis,
                             const std::string& result = {});

  /// The producer of `value` makes a new value instead, which is returned.
  [[nodiscard]] std::string rename_result(const std::string& value);

 private:
  /// The standard operators where the model's opset knows the type, else those of com.microsoft,
  /// which take every type and an axis at any opset.
  [[nodiscard]] std::string domain_for(DType dtype, bool per_channel);

  onnx::Model& model_;
};

}  // namespace tessera::quantize
