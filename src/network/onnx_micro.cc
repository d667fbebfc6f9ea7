// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <array>
#include <utility>

#include "network/micro_parts.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/model.h"

namespace tessera::network {
namespace {

constexpr std::int64_t kConversionOpset = 17;
constexpr std::int64_t kArithmeticOpset = 13;
constexpr const char* kFloats = "float32";
constexpr const char* kIntegers = "u8 x s8";

ValueType type_of(DType dtype, const Shape& shape) {
  ValueType type{dtype, std::vector<Dim>()};
  for (const auto extent : shape) {
    type.shape->push_back({extent, {}});
  }
  return type;
}

}  // namespace

Micro onnx_conversion(Conversion kind, std::int64_t elements) {
  auto model = onnx::Model::empty(kConversionOpset);
  auto type =
      type_of(reads_integers(kind) ? DType::kUInt8 : DType::kFloat32, map_extents(elements));
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
  return {
      .name = fmt::format("{} of {}", node.op_type, elements),
      .types = {},
      .network = Network::of(std::move(model)),
      .input = "x",
      .values = reads_integers(kind) ? integer_map(DType::kUInt8, elements) : float_map(elements)};
}

Micro onnx_matrix_product(bool integer) {
  const std::string type = integer ? "MatMulInteger" : "MatMul";
  auto input = random_operand(integer ? DType::kUInt8 : DType::kFloat32, {kRows, kRows});
  auto model = onnx::Model::empty(kArithmeticOpset);
  model.add_input("x", type_of(input.dtype(), input.shape()));
  model.set_initializer("w",
                        random_operand(integer ? DType::kInt8 : DType::kFloat32, {kRows, kRows}));
  model.add_node({"product", type, "", {"x", "w"}, {"y"}, {}});
  model.set_type("y", type_of(integer ? DType::kInt32 : DType::kFloat32, {kRows, kRows}));
  model.add_output("y");
  return {.name = product_name(type),
          .types = integer ? kIntegers : kFloats,
          .network = Network::of(std::move(model)),
          .input = "x",
          .values = std::move(input),
          .operations = kProductOperations};
}

Micro onnx_convolution(bool integer) {
  const std::string type = integer ? "QLinearConv" : "Conv";
  const auto dtype = integer ? DType::kUInt8 : DType::kFloat32;
  const Shape shape{1, kChannels, kExtent, kExtent};
  auto model = onnx::Model::empty(kArithmeticOpset);
  model.add_input("x", type_of(dtype, shape));
  model.set_initializer(
      "w", random_operand(integer ? DType::kInt8 : DType::kFloat32, {kChannels, kChannels, 3, 3}));
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
  return {.name = convolution_name(type),
          .types = integer ? kIntegers : kFloats,
          .network = Network::of(std::move(model)),
          .input = "x",
          .values = random_operand(dtype, shape),
          .operations = kConvolutionOperations};
}

Micro lookup_of_kernels() {
  constexpr std::int64_t kElements = 4096;
  auto values = integer_map(DType::kUInt8, kElements);
  const auto type = type_of(DType::kUInt8, values.shape());
  auto model = onnx::Model::empty(kArithmeticOpset);
  model.set_opset(onnx::kKernelsDomain, onnx::kKernelsOpset);
  model.add_input("x", type);
  model.set_initializer("table", Tensor(DType::kUInt8, {256}));
  model.add_node(
      {"lookup", "Lookup", std::string(onnx::kKernelsDomain), {"x", "table"}, {"y"}, {}});
  model.set_type("y", type);
  model.add_output("y");
  return {.name = "Lookup by libtessera_kernels",
          .types = {},
          .network = Network::of(std::move(model)),
          .input = "x",
          .values = std::move(values)};
}

Status try_kernels(std::shared_ptr<const runtime::Library> library,
                   const runtime::SessionOptions& session) {
  const auto micro = lookup_of_kernels();
  TESSERA_TRY(auto opened, micro.network.open(std::move(library), session));
  const std::array<runtime::Feed, 1> feeds = {{{micro.input, micro.values.view()}}};
  return opened.run(feeds).map([](const auto&) {});
}

}  // namespace tessera::network
