// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include "tessera/core/random.h"
#include "tessera/network/micro.h"
#include "tessera/onnx/model.h"

namespace tessera::network {
namespace {

constexpr std::int64_t kConversionOpset = 17;
constexpr std::int64_t kArithmeticOpset = 13;

/// Operands of matrix products that stay in the cache of a core (1 MiB each in float32).
constexpr std::int64_t kRows = 512;
constexpr std::int64_t kChannels = 128;
constexpr std::int64_t kExtent = 28;
constexpr std::int64_t kTaps = 9;

Failure no_such_operators() {
  return fail(ErrorCode::kUnimplemented, "this format has no networks to measure a machine by")
      .hint("measure the machine with an ONNX model");
}

ValueType type_of(DType dtype, const Shape& shape) {
  ValueType type{dtype, std::vector<Dim>()};
  for (const auto extent : shape) {
    type.shape->push_back({extent, {}});
  }
  return type;
}

bool reads_integers(Conversion kind) {
  return kind == Conversion::kDequantize || kind == Conversion::kTransposeInt8;
}

/// Extents of a feature map of so many elements: channels last in transposes.
Shape extents(std::int64_t elements) {
  constexpr std::int64_t kMapChannels = 32;
  return {1, kMapChannels, elements / kMapChannels, 1};
}

Tensor feature_map(Conversion kind, std::int64_t elements) {
  if (reads_integers(kind)) {
    Tensor tensor(DType::kUInt8, extents(elements));
    auto values = tensor.as<std::uint8_t>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<std::uint8_t>(i * 37);
    }
    return tensor;
  }
  Tensor tensor(DType::kFloat32, extents(elements));
  auto values = tensor.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i % 251) * 0.02F - 2.3F;
  }
  return tensor;
}

/// Values of the whole range of the type, or normal ones: products of zeros may be cheaper.
Tensor noise(DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  Random random(1);
  if (dtype == DType::kFloat32) {
    for (auto& value : tensor.as<float>()) {
      value = static_cast<float>(random.normal());
    }
    return tensor;
  }
  for (auto& byte : tensor.bytes()) {
    byte = static_cast<std::byte>(random() & 0xFF);
  }
  return tensor;
}

}  // namespace

Result<Micro> conversion(FileFormat format, Conversion kind, std::int64_t elements) {
  if (format != FileFormat::kOnnx) {
    return no_such_operators();
  }
  auto model = onnx::Model::empty(kConversionOpset);
  auto type = type_of(reads_integers(kind) ? DType::kUInt8 : DType::kFloat32, extents(elements));
  model.add_input("x", type);
  onnx::NodeSpec node{.name = "convert", .inputs = {"x"}, .outputs = {"y"}};
  if (kind == Conversion::kQuantize || kind == Conversion::kDequantize) {
    model.set_initializer("scale", Tensor::scalar(0.02F));
    model.set_initializer("zero_point", Tensor::scalar(std::uint8_t{117}));
    node.op_type = kind == Conversion::kQuantize ? "QuantizeLinear" : "DequantizeLinear";
    node.inputs = {"x", "scale", "zero_point"};
    type.dtype = kind == Conversion::kQuantize ? DType::kUInt8 : DType::kFloat32;
  } else if (kind == Conversion::kCast) {
    constexpr std::int64_t kFloat16 = 10;  // TensorProto.DataType
    node.op_type = "Cast";
    node.attributes = {{"to", kFloat16}};
    type.dtype = DType::kFloat16;
  } else {
    node.op_type = "Transpose";
    node.attributes = {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}};
    std::swap((*type.shape)[1], (*type.shape)[2]);
    std::swap((*type.shape)[2], (*type.shape)[3]);
  }
  model.add_node(node);
  model.set_type("y", type);
  model.add_output("y");
  return Micro{fmt::format("{} of {}", node.op_type, elements), Network::of(std::move(model)), "x",
               feature_map(kind, elements), 0};
}

Result<Micro> matrix_product(FileFormat format, bool integer) {
  if (format != FileFormat::kOnnx) {
    return no_such_operators();
  }
  const std::string type = integer ? "MatMulInteger" : "MatMul";
  auto input = noise(integer ? DType::kUInt8 : DType::kFloat32, {kRows, kRows});
  auto model = onnx::Model::empty(kArithmeticOpset);
  model.add_input("x", type_of(input.dtype(), input.shape()));
  model.set_initializer("w", noise(integer ? DType::kInt8 : DType::kFloat32, {kRows, kRows}));
  model.add_node({"product", type, "", {"x", "w"}, {"y"}, {}});
  model.set_type("y", type_of(integer ? DType::kInt32 : DType::kFloat32, {kRows, kRows}));
  model.add_output("y");
  return Micro{fmt::format("{} {}x{}x{}", type, kRows, kRows, kRows), Network::of(std::move(model)),
               "x", std::move(input), 2.0 * kRows * kRows * kRows};
}

Result<Micro> convolution(FileFormat format, bool integer) {
  if (format != FileFormat::kOnnx) {
    return no_such_operators();
  }
  const std::string type = integer ? "QLinearConv" : "Conv";
  const auto dtype = integer ? DType::kUInt8 : DType::kFloat32;
  const Shape shape{1, kChannels, kExtent, kExtent};
  auto model = onnx::Model::empty(kArithmeticOpset);
  model.add_input("x", type_of(dtype, shape));
  model.set_initializer(
      "w", noise(integer ? DType::kInt8 : DType::kFloat32, {kChannels, kChannels, 3, 3}));
  onnx::NodeSpec node{.name = "conv", .op_type = type, .inputs = {"x", "w"}, .outputs = {"y"}};
  node.attributes = {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}},
                     {"kernel_shape", std::vector<std::int64_t>{3, 3}}};
  if (integer) {
    model.set_initializer("scale", Tensor::scalar(0.01F));
    model.set_initializer("zero_u", Tensor::scalar(std::uint8_t{128}));
    model.set_initializer("zero_s", Tensor::scalar(std::int8_t{0}));
    node.inputs = {"x", "scale", "zero_u", "w", "scale", "zero_s", "scale", "zero_u"};
  }
  model.add_node(node);
  model.set_type("y", type_of(dtype, shape));
  model.add_output("y");
  return Micro{fmt::format("{} 3x3, {} channels of {}x{}", type, kChannels, kExtent, kExtent),
               Network::of(std::move(model)), "x", noise(dtype, shape),
               2.0 * kChannels * kChannels * kExtent * kExtent * kTaps};
}

}  // namespace tessera::network
