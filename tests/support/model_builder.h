// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/onnx/model.h"

namespace tessera::testing {

/// "1x3x8x8" and "Nx3x8x8" without the writing.
inline ValueType type(DType dtype, std::initializer_list<std::int64_t> shape) {
  std::vector<Dim> dims;
  for (const auto extent : shape) {
    dims.push_back({extent, {}});
  }
  return {dtype, std::move(dims)};
}
inline ValueType float_type(std::initializer_list<std::int64_t> shape) {
  return type(DType::kFloat32, shape);
}

/// Normal values, the same for the same seed.
inline Tensor random_tensor(Shape shape, std::uint64_t seed, double scale = 1.0) {
  Tensor tensor(DType::kFloat32, std::move(shape));
  Random random(seed);
  for (auto& value : tensor.as<float>()) {
    value = static_cast<float>(scale * random.normal());
  }
  return tensor;
}

/// Makes small models operator by operator:
///
///   auto model = ModelBuilder(13).input("x", {1, 3, 8, 8})
///                    .weight("w", {4, 3, 3, 3}).weight("b", {4})
///                    .op("Conv", {"x", "w", "b"}, {"y"}, {{"pads", std::vector<std::int64_t>{1, 1,
///                    1, 1}}}) .output("y", {1, 4, 8, 8}).build();
class ModelBuilder {
 public:
  explicit ModelBuilder(std::int64_t opset = 13) : model_(onnx::Model::empty(opset)) {}

  ModelBuilder& input(std::string_view name, std::initializer_list<std::int64_t> shape,
                      DType dtype = DType::kFloat32) {
    model_.add_input(name, type(dtype, shape));
    return *this;
  }
  ModelBuilder& input(std::string_view name, ValueType value_type) {
    model_.add_input(name, value_type);
    return *this;
  }
  /// Random normal values, seeded by the number of weights so far.
  ModelBuilder& weight(std::string_view name, Shape shape, double scale = 1.0) {
    return constant(name, random_tensor(std::move(shape), ++seed_, scale));
  }
  ModelBuilder& constant(std::string_view name, Tensor value) {
    model_.set_initializer(name, std::move(value));
    return *this;
  }
  /// The operator is called after its first output: "y" is made by "y_node".
  ModelBuilder& op(std::string_view op_type, std::vector<std::string> inputs,
                   std::vector<std::string> outputs,
                   std::vector<onnx::NamedAttribute> attributes = {},
                   std::string_view domain = {}) {
    const auto name = outputs.empty() ? std::string() : outputs.front() + "_node";
    return named_op(name, op_type, std::move(inputs), std::move(outputs), std::move(attributes),
                    domain);
  }
  ModelBuilder& named_op(std::string_view name, std::string_view op_type,
                         std::vector<std::string> inputs, std::vector<std::string> outputs,
                         std::vector<onnx::NamedAttribute> attributes = {},
                         std::string_view domain = {}) {
    if (!domain.empty() && !model_.opset(domain)) {
      model_.set_opset(domain, 1);
    }
    model_.add_node({std::string(name), std::string(op_type), std::string(domain),
                     std::move(inputs), std::move(outputs), std::move(attributes)});
    return *this;
  }
  /// Declares the type of a value in between, as exporters do in value_info.
  ModelBuilder& declare(std::string_view name, std::initializer_list<std::int64_t> shape,
                        DType dtype = DType::kFloat32) {
    model_.set_type(name, type(dtype, shape));
    return *this;
  }
  ModelBuilder& output(std::string_view name) {
    model_.add_output(name);
    return *this;
  }
  ModelBuilder& output(std::string_view name, std::initializer_list<std::int64_t> shape,
                       DType dtype = DType::kFloat32) {
    model_.set_type(name, type(dtype, shape));
    model_.add_output(name);
    return *this;
  }
  [[nodiscard]] onnx::Model build() { return std::move(model_); }

 private:
  onnx::Model model_;
  std::uint64_t seed_ = 0;
};

}  // namespace tessera::testing
