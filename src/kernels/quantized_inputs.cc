// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/quantized_inputs.h"

#include <cmath>

namespace tessera::kernels {

Outcome<TensorIn> constant_of(const Node& node, std::size_t index, const char* name) {
  TESSERA_KERNELS_TRY(const bool is_there, node.has_input(index));
  if (!is_there) {
    return problem("input ", name, " is missing");
  }
  TESSERA_KERNELS_TRY(auto value, node.constant(index));
  if (!value) {
    return problem("input ", name,
                   " is computed at run time; a constant of the model was expected");
  }
  return *std::move(value);
}

Outcome<void> check_scale(float scale, const char* name) {
  if (!std::isfinite(scale) || scale <= 0) {
    return problem(name, " is ", scale, "; a finite number above 0 was expected");
  }
  return {};
}

Outcome<Quantization> quantization_of(const Node& node, std::size_t scale, const char* name,
                                      ONNXTensorElementDataType element) {
  const auto scale_name = std::string(name) + "_scale";
  const auto zero_name = std::string(name) + "_zero_point";
  Quantization result;
  TESSERA_KERNELS_TRY(const auto scales, constant_of(node, scale, scale_name.c_str()));
  if (scales.count() != 1 || scales.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
    return problem(scale_name, " has the shape ", text_of(scales.shape),
                   "; one float32 was expected");
  }
  result.scale = *scales.as<float>();
  TESSERA_KERNELS_CHECK(check_scale(result.scale, scale_name.c_str()));
  TESSERA_KERNELS_TRY(const bool has_zero, node.has_input(scale + 1));
  if (!has_zero) {
    return result;
  }
  TESSERA_KERNELS_TRY(const auto zeros, constant_of(node, scale + 1, zero_name.c_str()));
  if (zeros.count() != 1 || zeros.type != element) {
    return problem(zero_name, " has the shape ", text_of(zeros.shape),
                   "; one value of the type of the tensors was expected");
  }
  result.zero = element == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8
                    ? std::int32_t{*zeros.as<std::int8_t>()}
                    : std::int32_t{*zeros.as<std::uint8_t>()};
  return result;
}

}  // namespace tessera::kernels
