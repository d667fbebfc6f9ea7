// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/calibrate/ranges.h"
#include "tessera/litert/builtin.h"
#include "tessera/litert/model.h"
#include "tessera/network/network.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/quantize.h"
#include "tessera/runtime/litert.h"
#include "tessera/runtime/session.h"

namespace tessera::quantize {
namespace {

using litert::Builtin;
using litert::ElementType;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::litert_options;
using testing::LitertBuilder;
using testing::small_litert;

network::Network network_of(litert::Content content) {
  return network::Network::of(*litert::Model::of(std::move(content)));
}

Scheme scheme_of(Mode mode) {
  const auto dialect = dialect_of(network_of(small_litert()));
  return (*dialect)->usual_scheme(mode, {});
}

/// [-1, 1] for every value but those given.
calibrate::Ranges ranges_of(const network::Network& network,
                            const std::map<std::string, numerics::RealRange>& given = {}) {
  calibrate::Ranges ranges;
  ranges.methods = {numerics::RangeMethod::kMinMax};
  const auto graph = *network.view();
  for (const auto& tensor : graph.tensors()) {
    const auto found = given.find(tensor.name);
    ranges.tensors[tensor.name][numerics::RangeMethod::kMinMax] =
        found == given.end() ? numerics::RealRange{-1, 1} : found->second;
  }
  return ranges;
}

struct Quantized {
  network::Network network;
  QuantizeReport report;

  [[nodiscard]] const litert::Content& content() { return network.litert()->content(); }
  [[nodiscard]] const litert::Subgraph& graph() { return content().subgraphs.front(); }
  /// By name.
  [[nodiscard]] const litert::Tensor& tensor(const std::string& name) {
    const auto& all = graph().tensors;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
    if (found == all.end()) {
      ADD_FAILURE() << "no tensor " << name;
      return all.front();
    }
    return *found;
  }
  [[nodiscard]] const litert::Operator& op(Builtin code, std::size_t which = 0) {
    for (const auto& one : graph().operators) {
      if (content().code(one).code == code && which-- == 0) {
        return one;
      }
    }
    ADD_FAILURE() << "no operator " << litert::name_of(code);
    return graph().operators.front();
  }
  [[nodiscard]] std::vector<std::string> types() {
    std::vector<std::string> names;
    for (const auto& one : graph().operators) {
      names.emplace_back(litert::name_of(content().code(one).code));
    }
    return names;
  }
  [[nodiscard]] const litert::Tensor& input(const litert::Operator& op, std::size_t place) {
    return graph().tensors[static_cast<std::size_t>(op.inputs[place])];
  }
  [[nodiscard]] const litert::Tensor& output(const litert::Operator& op, std::size_t place = 0) {
    return graph().tensors[static_cast<std::size_t>(op.outputs[place])];
  }
  [[nodiscard]] std::string reason(const std::string& op) const {
    for (const auto& one : report.ops) {
      if (one.op == op) {
        return one.reason;
      }
    }
    return "no such operator";
  }
};

/// `wanted`: other schemes than `scheme`, by name of the operator.
Result<Quantized> quantized(litert::Content content, const Scheme& scheme,
                            const std::map<std::string, Scheme>& wanted = {},
                            const std::map<std::string, numerics::RealRange>& given = {},
                            const QuantizeOptions& options = {.everywhere = true}) {
  auto network = network_of(std::move(content));
  const auto ranges = ranges_of(network, given);
  const auto graph = *network.view();
  Assignment assignment(graph.ops().size(), scheme);
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    if (const auto found = wanted.find(graph.ops()[i].name); found != wanted.end()) {
      assignment[i] = found->second;
    }
  }
  TESSERA_TRY(auto report, quantize(network, assignment, &ranges, options, Monitor::silent()));
  const auto bytes = network.serialize();
  EXPECT_THAT(bytes, IsOk());
  EXPECT_THAT(litert::Model::parse(*bytes), IsOk());
  return Quantized{std::move(network), std::move(report)};
}

TEST(LitertQuantize, EverythingStatic_HasFloatInputsAndOutputsAndIntegersBetween) {
  auto made = quantized(small_litert(), scheme_of(Mode::kStatic));
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->types(), ElementsAre("QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D", "RESHAPE",
                                         "FULLY_CONNECTED", "DEQUANTIZE"));
  EXPECT_EQ(made->report.quantized_ops, 4);
  EXPECT_EQ(made->report.quantize_nodes, 1);
  EXPECT_EQ(made->report.dequantize_nodes, 1);
  EXPECT_EQ(made->tensor("x").type, ElementType::kFloat32);
  EXPECT_EQ(made->tensor("y").type, ElementType::kFloat32);
  const auto& c = made->tensor("c");
  EXPECT_EQ(c.type, ElementType::kInt8);
  ASSERT_TRUE(c.quantization);
  EXPECT_THAT(c.quantization->scales, ElementsAre(2.0F / 255));
  EXPECT_THAT(c.quantization->zero_points, ElementsAre(0));
}

TEST(LitertQuantize, StaticWeights_HaveOneScalePerChannelAndTheNamesOfTheFloats) {
  auto made = quantized(small_litert(), scheme_of(Mode::kStatic));
  ASSERT_THAT(made, IsOk());
  const auto& w = made->tensor("w");
  EXPECT_EQ(w.type, ElementType::kInt8);
  EXPECT_EQ(w.quantization->scales.size(), 4U);
  EXPECT_EQ(w.quantization->axis, 0);
  const auto& k = made->tensor("k");
  EXPECT_EQ(k.quantization->scales.size(), 4U);
  EXPECT_EQ(k.quantization->axis, 3);
  EXPECT_EQ(made->tensor("m").quantization->scales.size(), 1U) << "fully connected: per tensor";
  const auto& b = made->tensor("b");
  EXPECT_EQ(b.type, ElementType::kInt32);
  const auto input = made->input(made->op(Builtin::kConv2d), 0).quantization->scales.front();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(b.quantization->scales[i], input * w.quantization->scales[i]);
  }
  const auto version = [&](Builtin code) { return made->content().code(made->op(code)).version; };
  EXPECT_EQ(version(Builtin::kConv2d), 3);
  EXPECT_EQ(version(Builtin::kDepthwiseConv2d), 3);
  EXPECT_EQ(version(Builtin::kFullyConnected), 4);
  EXPECT_EQ(version(Builtin::kDequantize), 2);
}

TEST(LitertQuantize, MovedValues_ShareTheScaleOfWhatTheyCameFrom) {
  auto made =
      quantized(small_litert(), scheme_of(Mode::kStatic), {}, {{"d", {-1, 3}}, {"r", {-2, 1}}});
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->tensor("d").quantization->scales, made->tensor("r").quantization->scales);
  EXPECT_THAT(made->tensor("d").quantization->scales, ElementsAre(5.0F / 255)) << "of both ranges";
}

TEST(LitertQuantize, OperatorInFloat_IsBetweenConversionsAndKeepsItsOwn) {
  auto made = quantized(small_litert(), scheme_of(Mode::kStatic), {{"d", float32_scheme()}});
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->types(), ElementsAre("QUANTIZE", "CONV_2D", "DEQUANTIZE", "DEPTHWISE_CONV_2D",
                                         "QUANTIZE", "RESHAPE", "FULLY_CONNECTED", "DEQUANTIZE"));
  EXPECT_EQ(made->tensor("k").type, ElementType::kFloat32);
  EXPECT_EQ(made->tensor("d").type, ElementType::kFloat32);
  EXPECT_EQ(made->tensor("d_int8").type, ElementType::kInt8);
}

TEST(LitertQuantize, Int16Activations_HaveNoZeroPointAndWideBiases) {
  auto scheme = scheme_of(Mode::kStatic);
  scheme.activation = DType::kInt16;
  auto made = quantized(small_litert(), scheme, {}, {{"c", {0, 6}}});
  ASSERT_THAT(made, IsOk());
  const auto& c = made->tensor("c");
  EXPECT_EQ(c.type, ElementType::kInt16);
  EXPECT_THAT(c.quantization->zero_points, ElementsAre(0));
  EXPECT_THAT(c.quantization->scales, ElementsAre(6.0F / 32767));
  EXPECT_EQ(made->tensor("b").type, ElementType::kInt64);
  EXPECT_EQ(made->content().code(made->op(Builtin::kFullyConnected)).version, 7);
  EXPECT_EQ(made->content().code(made->op(Builtin::kDequantize)).version, 3);
}

TEST(LitertQuantize, Int8NextToInt16_IsConvertedWithoutFloats) {
  auto wide = scheme_of(Mode::kStatic);
  wide.activation = DType::kInt16;
  auto made = quantized(small_litert(), scheme_of(Mode::kStatic), {{"d", wide}});
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->types(), ElementsAre("QUANTIZE", "CONV_2D", "QUANTIZE", "DEPTHWISE_CONV_2D",
                                         "QUANTIZE", "RESHAPE", "FULLY_CONNECTED", "DEQUANTIZE"));
}

TEST(LitertQuantize, DynamicWeights_LeaveValuesInFloat) {
  auto made = quantized(small_litert(), scheme_of(Mode::kDynamic));
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->report.quantized_ops, 1);
  EXPECT_EQ(made->tensor("m").type, ElementType::kInt8);
  EXPECT_EQ(made->tensor("w").type, ElementType::kFloat32);
  EXPECT_THAT(made->reason("c"), HasSubstr("108 weights"));
  EXPECT_EQ(made->content().code(made->op(Builtin::kFullyConnected)).version, 9);
  constexpr std::uint16_t kAsymmetric = 3;
  EXPECT_EQ(made->op(Builtin::kFullyConnected).options.int_or(kAsymmetric, 0), 1);
}

/// FULLY_CONNECTED (32 to 64) with weights and a bias in float16 behind DEQUANTIZE.
litert::Content stored_in_halves() {
  return LitertBuilder()
      .input("x", {1, 32})
      .constant("m16", {64, 32}, std::vector<std::uint16_t>(2048, 0x3C00))
      .type(ElementType::kFloat16)
      .value("m", {64, 32})
      .op(Builtin::kDequantize, {"m16"}, {"m"})
      .constant("b16", {64}, std::vector<std::uint16_t>(64, 0x3800))
      .type(ElementType::kFloat16)
      .value("b", {64})
      .op(Builtin::kDequantize, {"b16"}, {"b"})
      .value("y", {1, 64})
      .op(Builtin::kFullyConnected, {"x", "m", "b"}, {"y"}, litert_options(8, {}))
      .output("y")
      .build();
}

TEST(LitertQuantize, ConstantsInHalves_AreReadThroughTheirConversion) {
  auto dynamic = quantized(stored_in_halves(), scheme_of(Mode::kDynamic));
  ASSERT_THAT(dynamic, IsOk());
  EXPECT_THAT(dynamic->types(), ElementsAre("FULLY_CONNECTED"));
  const auto& product = dynamic->op(Builtin::kFullyConnected);
  EXPECT_EQ(dynamic->input(product, 1).type, ElementType::kInt8);
  EXPECT_FLOAT_EQ(dynamic->input(product, 1).quantization->scales[0], 1.0F / 127);
  EXPECT_EQ(dynamic->input(product, 2).type, ElementType::kFloat32) << "known beforehand";
  auto fixed = quantized(stored_in_halves(), scheme_of(Mode::kStatic));
  ASSERT_THAT(fixed, IsOk());
  EXPECT_THAT(fixed->types(), ElementsAre("QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"));
  const auto halves = quantized(stored_in_halves(), scheme_of(Mode::kFloat16));
  ASSERT_THAT(halves, IsOk());
  EXPECT_EQ(halves->report.quantized_ops, 0);
  EXPECT_THAT(halves->reason("y"), HasSubstr("no float32 constants"));
}

/// x 1x2 times w 3x2, of which the file has the values that are not 0, in halves.
litert::Content stored_sparse() {
  LitertBuilder builder;
  builder.input("x", {1, 2})
      .constant<std::uint16_t>("s", {3, 2}, {0x3c00, 0xb800, 0x3400})  // 1, -0.5, 0.25
      .type(ElementType::kFloat16);
  litert::SparseDimension columns{.format = 1};
  columns.segments = litert::Options(litert::TableUnion::kIndices, 1);
  columns.indices = columns.segments;
  const std::vector<std::int64_t> segments{0, 1, 1, 3};
  const std::vector<std::int64_t> indices{1, 0, 1};
  EXPECT_TRUE(columns.segments.set_ints(0, segments));
  EXPECT_TRUE(columns.indices.set_ints(0, indices));
  builder.last().sparsity = litert::Sparsity{{0, 1}, {}, {{.format = 0, .dense_size = 3}, columns}};
  return builder.value("h", {3, 2})
      .type(ElementType::kFloat16)
      .op(Builtin::kDensify, {"s"}, {"h"})
      .value("w", {3, 2})
      .op(Builtin::kDequantize, {"h"}, {"w"})
      .value("y", {1, 3})
      .op(Builtin::kFullyConnected, {"x", "w", ""}, {"y"}, litert_options(8, {}))
      .output("y")
      .build();
}

TEST(LitertQuantize, SparseConstants_AreReadWithTheirZeros) {
  auto fixed = quantized(stored_sparse(), scheme_of(Mode::kStatic));
  ASSERT_THAT(fixed, IsOk());
  EXPECT_THAT(fixed->types(), ElementsAre("QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"));
  const auto& weights = fixed->input(fixed->op(Builtin::kFullyConnected), 1);
  EXPECT_EQ(weights.type, ElementType::kInt8);
  EXPECT_FALSE(weights.sparsity);
  const auto bytes = fixed->content().buffers[weights.buffer].bytes();
  std::vector<int> values;
  for (const auto byte : bytes) {
    values.push_back(static_cast<std::int8_t>(byte));
  }
  EXPECT_THAT(values, ElementsAre(0, 127, 0, 0, -64, 32));
  // In halves they would be larger; what is left in float stays as it is.
  auto halves = quantized(stored_sparse(), scheme_of(Mode::kFloat16));
  ASSERT_THAT(halves, IsOk());
  EXPECT_THAT(halves->types(), ElementsAre("DENSIFY", "DEQUANTIZE", "FULLY_CONNECTED"));
}

TEST(LitertQuantize, StoredWeights_AreBroughtBack) {
  for (const auto mode : {Mode::kFloat16, Mode::kWeightOnly}) {
    auto made = quantized(small_litert(), scheme_of(mode));
    ASSERT_THAT(made, IsOk());
    const auto& conv = made->op(Builtin::kConv2d);
    EXPECT_EQ(made->input(conv, 1).type, ElementType::kFloat32);
    EXPECT_EQ(made->tensor("w").type,
              mode == Mode::kFloat16 ? ElementType::kFloat16 : ElementType::kInt8);
    EXPECT_EQ(made->content().code(made->op(Builtin::kDequantize)).version,
              mode == Mode::kFloat16 ? 3 : 5);
    EXPECT_EQ(made->report.quantized_ops, 3);
  }
}

TEST(LitertQuantize, IntegerBorders_AreThoseOfTheNetwork) {
  for (const auto io : {IoType::kInt8, IoType::kUInt8}) {
    auto made =
        quantized(small_litert(), scheme_of(Mode::kStatic), {}, {{"x", {0, 255}}}, {.io = io});
    ASSERT_THAT(made, IsOk());
    const bool same = io == IoType::kInt8;
    EXPECT_EQ(made->tensor("x").type, same ? ElementType::kInt8 : ElementType::kUInt8);
    EXPECT_EQ(made->tensor("y").type, same ? ElementType::kInt8 : ElementType::kUInt8);
    EXPECT_THAT(made->tensor("x").quantization->zero_points, ElementsAre(same ? -128 : 0));
    EXPECT_EQ(made->graph().operators.size(), same ? 4U : 6U);
    EXPECT_EQ(made->report.dequantize_nodes, 0);
  }
}

/// Two branches, one of them squeezed by LOGISTIC, behind one another.
litert::Content joined_branches() {
  return LitertBuilder()
      .input("x", {1, 4, 4, 2})
      .weight("w", {2, 1, 1, 2})
      .weight("b", {2})
      .value("c", {1, 4, 4, 2})
      .op(Builtin::kConv2d, {"x", "w", "b"}, {"c"}, litert_options(1, {{1, 1}, {2, 1}}))
      .value("s", {1, 4, 4, 2})
      .op(Builtin::kLogistic, {"c"}, {"s"})
      .value("j", {1, 4, 4, 4})
      .op(Builtin::kConcatenation, {"c", "s"}, {"j"}, litert_options(10, {{0, 3}}))
      .weight("v", {2, 1, 1, 4})
      .weight("a", {2})
      .value("y", {1, 4, 4, 2})
      .op(Builtin::kConv2d, {"j", "v", "a"}, {"y"}, litert_options(1, {{1, 1}, {2, 1}}))
      .output("y")
      .build();
}

TEST(LitertQuantize, FixedRangeInAConcatenation_IsRescaledInFrontOfIt) {
  auto made = quantized(joined_branches(), scheme_of(Mode::kStatic), {}, {{"c", {-4, 4}}});
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->tensor("s").quantization->scales, ElementsAre(1.0F / 256));
  EXPECT_THAT(made->tensor("s").quantization->zero_points, ElementsAre(-128));
  const auto& join = made->op(Builtin::kConcatenation);
  EXPECT_EQ(made->input(join, 0).quantization->scales, made->output(join).quantization->scales);
  EXPECT_EQ(made->input(join, 1).quantization->scales, made->output(join).quantization->scales);
  EXPECT_NE(made->input(join, 1).name, "s");
  EXPECT_EQ(made->report.quantize_nodes, 2);
}

TEST(LitertQuantize, WhatIsBehindTheLastProduct_StaysFloatUnlessAsked) {
  auto content = LitertBuilder()
                     .input("x", {1, 8})
                     .weight("m", {4, 8})
                     .value("p", {1, 4})
                     .op(Builtin::kFullyConnected, {"x", "m", ""}, {"p"}, litert_options(8, {}))
                     .value("y", {1, 4})
                     .op(Builtin::kSoftmax, {"p"}, {"y"}, litert_options(9, {}))
                     .output("y")
                     .build();
  auto usual = quantized(content, scheme_of(Mode::kStatic), {}, {}, {});
  ASSERT_THAT(usual, IsOk());
  EXPECT_THAT(usual->types(), ElementsAre("QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE", "SOFTMAX"));
  EXPECT_THAT(usual->reason("y"), HasSubstr("no product"));
  auto asked = quantized(content, scheme_of(Mode::kStatic));
  ASSERT_THAT(asked, IsOk());
  EXPECT_THAT(asked->types(), ElementsAre("QUANTIZE", "FULLY_CONNECTED", "SOFTMAX", "DEQUANTIZE"));
}

TEST(LitertQuantize, BiasBeyond31Bits_WidensTheScaleOfItsChannel) {
  auto content =
      LitertBuilder()
          .input("x", {1, 4, 4, 1})
          .constant<float>("w", {2, 1, 1, 1}, {1e-30F, 1.0F})
          .constant<float>("b", {2}, {0.5F, 0.5F})
          .value("y", {1, 4, 4, 2})
          .op(Builtin::kConv2d, {"x", "w", "b"}, {"y"}, litert_options(1, {{1, 1}, {2, 1}}))
          .output("y")
          .build();
  auto made = quantized(std::move(content), scheme_of(Mode::kStatic));
  ASSERT_THAT(made, IsOk());
  const auto& bias = made->tensor("b");
  const auto& bytes = made->content().buffers[bias.buffer].bytes();
  std::vector<std::int32_t> integers(2);
  std::memcpy(integers.data(), bytes.data(), bytes.size());
  EXPECT_NEAR(integers[0], (1 << 30) - 1, 256);
  EXPECT_NEAR(integers[0] * double{bias.quantization->scales[0]}, 0.5, 1e-6);
  EXPECT_NEAR(integers[1] * double{bias.quantization->scales[1]}, 0.5, 1e-4);
  EXPECT_THAT(made->reason("y"), HasSubstr("1 of its channels"));
}

TEST(LitertQuantize, BiasOfMoreThanHalfItsBits_WidensTheScaleToo) {
  // 1.5e9 steps of 2 / 255 x 1 / 127: they would fit 32 bits, and leave the sum no room.
  auto content =
      LitertBuilder()
          .input("x", {1, 4, 4, 1})
          .constant<float>("w", {2, 1, 1, 1}, {1.0F, 1.0F})
          .constant<float>("b", {2}, {92632.0F, 30000.0F})
          .value("y", {1, 4, 4, 2})
          .op(Builtin::kConv2d, {"x", "w", "b"}, {"y"}, litert_options(1, {{1, 1}, {2, 1}}))
          .output("y")
          .build();
  auto made = quantized(std::move(content), scheme_of(Mode::kStatic));
  ASSERT_THAT(made, IsOk());
  EXPECT_GT(made->tensor("w").quantization->scales[0], 1.0F / 127);
  EXPECT_EQ(made->tensor("w").quantization->scales[1], 1.0F / 127);
}

litert::Content scaled_by_three(Builtin code) {
  return LitertBuilder()
      .input("x", {1, 4})
      .constant<float>("k", {1}, {3.0F})
      .value("y", {1, 4})
      .op(code, {"x", "k"}, {"y"}, litert_options(code == Builtin::kAdd ? 11 : 21, {}))
      .output("y")
      .build();
}

TEST(LitertQuantize, ConstantOperand_HasTheScaleOfItsOwnValues) {
  auto made = quantized(scaled_by_three(Builtin::kAdd), scheme_of(Mode::kStatic));
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->tensor("k").type, ElementType::kInt8);
  EXPECT_THAT(made->tensor("k").quantization->scales, ElementsAre(3.0F / 255));
}

TEST(LitertQuantize, ProductThatScalesUp_IsOfTheVersionThatCan) {
  for (const bool up : {false, true}) {
    const double end = up ? 1e-3 : 3;
    auto made = quantized(scaled_by_three(Builtin::kMul), scheme_of(Mode::kStatic), {},
                          {{"y", {-end, end}}});
    ASSERT_THAT(made, IsOk());
    EXPECT_EQ(made->content().code(made->op(Builtin::kMul)).version, up ? 3 : 2);
  }
}

TEST(LitertQuantize, IntegerOutput_KeepsWhatIsBehindTheLastProductInIntegers) {
  auto content = LitertBuilder()
                     .input("x", {1, 8})
                     .weight("m", {4, 8})
                     .value("p", {1, 4})
                     .op(Builtin::kFullyConnected, {"x", "m", ""}, {"p"}, litert_options(8, {}))
                     .value("y", {1, 4})
                     .op(Builtin::kSoftmax, {"p"}, {"y"}, litert_options(9, {}))
                     .output("y")
                     .build();
  auto made =
      quantized(std::move(content), scheme_of(Mode::kStatic), {}, {}, {.io = IoType::kInt8});
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->types(), ElementsAre("FULLY_CONNECTED", "SOFTMAX"));
}

TEST(LitertQuantize, WhatIsAskedWrongly_IsRefusedBeforeAnythingChanges) {
  auto scheme = scheme_of(Mode::kStatic);
  scheme.activation = DType::kUInt8;
  EXPECT_THAT(quantized(small_litert(), scheme),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("s8 or s16 activations, not u8")));
  auto network = network_of(small_litert());
  const Assignment assignment(network.view()->ops().size(), scheme_of(Mode::kStatic));
  EXPECT_THAT(quantize(network, assignment, nullptr, {}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("needs the ranges")));
  auto ranges = ranges_of(network);
  ranges.tensors.erase("c");
  const auto before = *network.serialize();
  EXPECT_THAT(quantize(network, assignment, &ranges, {}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no minmax range of tensor 'c'")));
  EXPECT_EQ(*network.serialize(), before);
}

}  // namespace
}  // namespace tessera::quantize
