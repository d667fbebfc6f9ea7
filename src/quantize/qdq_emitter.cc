// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/qdq_emitter.h"

#include <fmt/format.h>

#include "tessera/onnx/domains.h"
#include "tessera/tensor/make.h"

namespace tessera::quantize {
ScaleNames QdqEmitter::add_qparams(std::string_view name, const numerics::QParams& qparams,
                                   DType dtype) {
  ScaleNames names{model_.unique_name(fmt::format("{}_scale", name)),
                   model_.unique_name(fmt::format("{}_zero_point", name))};
  model_.set_initializer(names.scale, Tensor::scalar(qparams.scale));
  model_.set_initializer(names.zero_point, integer_tensor(dtype, {&qparams.zero_point, 1}, {}));
  return names;
}

ScaleNames QdqEmitter::add_qparams(std::string_view name,
                                   std::span<const numerics::QParams> qparams, DType dtype) {
  ScaleNames names{model_.unique_name(fmt::format("{}_scale", name)),
                   model_.unique_name(fmt::format("{}_zero_point", name))};
  std::vector<float> scales;
  std::vector<std::int32_t> zero_points;
  for (const auto& channel : qparams) {
    scales.push_back(channel.scale);
    zero_points.push_back(channel.zero_point);
  }
  const Shape shape = {static_cast<std::int64_t>(qparams.size())};
  model_.set_initializer(names.scale, Tensor::of(scales, shape));
  model_.set_initializer(names.zero_point, integer_tensor(dtype, zero_points, shape));
  return names;
}

std::string QdqEmitter::add_quantize(const std::string& source, const std::string& base,
                                     const ScaleNames& names, DType dtype) {
  const auto integers = model_.unique_name(base + "_QuantizeLinear_Output");
  onnx::NodeSpec spec;
  spec.name = model_.unique_name(base + "_QuantizeLinear");
  spec.op_type = "QuantizeLinear";
  spec.domain = domain_for(dtype, false);
  spec.inputs = {source, names.scale, names.zero_point};
  spec.outputs = {integers};
  model_.add_node(spec);
  return integers;
}

std::string QdqEmitter::add_pair(const std::string& source, const std::string& base,
                                 const ScaleNames& names, DType dtype, const std::string& result) {
  const auto integers = add_quantize(source, base, names, dtype);
  return add_dequantize(integers, base, names, dtype, -1, result);
}

std::string QdqEmitter::add_dequantize(const std::string& integers, const std::string& base,
                                       const ScaleNames& names, DType dtype, int axis,
                                       const std::string& result) {
  onnx::NodeSpec spec;
  spec.name = model_.unique_name(base + "_DequantizeLinear");
  spec.op_type = "DequantizeLinear";
  spec.domain = domain_for(dtype, axis >= 0);
  spec.inputs = {integers, names.scale, names.zero_point};
  spec.outputs = {result.empty() ? model_.unique_name(base + "_DequantizeLinear_Output") : result};
  if (axis >= 0) {
    spec.attributes.push_back({"axis", std::int64_t{axis}});
  }
  model_.add_node(spec);
  return spec.outputs.front();
}

std::string QdqEmitter::rename_result(const std::string& value) {
  auto renamed = model_.unique_name(value + "_QuantizeLinear_Input");
  const auto producer = model_.producer(value);
  if (!producer) {
    return value;
  }
  const auto type = model_.type_of(value);
  const auto outputs = model_.outputs(*producer);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == value) {
      model_.set_output(*producer, i, renamed);
    }
  }
  if (type) {
    auto types = onnx::Model::empty(model_.opset().value_or(1));
    types.set_type(renamed, *type);
    model_.adopt_types(types);  // known, but not written
  }
  return renamed;
}

std::string QdqEmitter::domain_for(DType dtype, bool per_channel) {
  const bool wide = dtype == DType::kUInt8 || dtype == DType::kInt8 || dtype == DType::kInt32;
  const std::int64_t needed = !wide ? 21 : per_channel ? 13 : 10;
  if (model_.opset().value_or(0) >= needed) {
    return {};
  }
  if (!model_.opset(onnx::kMicrosoftDomain)) {
    model_.set_opset(onnx::kMicrosoftDomain, 1);
  }
  return std::string(onnx::kMicrosoftDomain);
}

}  // namespace tessera::quantize
