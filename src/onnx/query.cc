// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/query.h"

#include <algorithm>

namespace tessera::onnx {

bool is_float32(const Model& model, std::string_view value) {
  if (value.empty()) {
    return false;
  }
  if (const auto type = model.type_of(value)) {
    return type->dtype == DType::kFloat32;  // of sequences and the like it is undefined
  }
  const auto producer = model.producer(value);
  if (!producer) {
    return false;
  }
  const auto& op_type = model.op_type(*producer);
  const auto inputs = model.inputs(*producer);
  if (op_type == "QuantizeLinear" || op_type == "DynamicQuantizeLinear" || op_type == "Shape") {
    return false;
  }
  if (op_type == "Cast") {
    return model.int_attribute(*producer, "to", 0) == static_cast<std::int64_t>(DType::kFloat32);
  }
  if (op_type == "DequantizeLinear" && inputs.size() > 1) {
    return is_float32(model, inputs[1]);
  }
  return inputs.empty() || std::any_of(inputs.begin(), inputs.end(),
                                       [&](const auto& input) { return is_float32(model, input); });
}

std::optional<MatrixExtents> matrix_extents(const Model& model, std::string_view name) {
  const auto type = model.initializer_type(name);
  if (!type || !type->shape || type->shape->size() < 2) {
    return std::nullopt;
  }
  const auto& shape = *type->shape;
  const auto last = shape.end();
  if (std::any_of(shape.begin(), last - 2, [](const Dim& dim) { return dim.value != 1; })) {
    return std::nullopt;
  }
  return MatrixExtents{(last - 2)->value, (last - 1)->value};
}

std::int64_t constant_bytes(const Model& model) {
  std::int64_t bytes = 0;
  for (const auto& name : model.initializers()) {
    const auto type = model.initializer_type(name);
    if (!type || !type->shape) {
      continue;
    }
    std::int64_t elements = 1;
    for (const auto& dim : *type->shape) {
      elements *= dim.value;
    }
    bytes += bytes_of(type->dtype, elements);
  }
  return bytes;
}

}  // namespace tessera::onnx
