// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/litert/builtin.h"
#include "tessera/litert/model.h"
#include "tessera/quantize/dialect.h"

/// What .tflite networks tell of themselves to whoever wins accuracy back.
namespace tessera::quantize {
namespace {

using litert::Builtin;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::litert_options;
using testing::LitertBuilder;

network::Network network_of(litert::Content content) {
  return network::Network::of(*litert::Model::of(std::move(content)));
}

const Dialect& dialect() {
  return *dialect_of(network::FileFormat::kLitert);
}

/// [-1, 1] for every value.
Result<Simulation> simulated(const network::Network& network,
                             const QuantizeOptions& options = {.everywhere = true}) {
  calibrate::Ranges ranges;
  ranges.methods = {numerics::RangeMethod::kMinMax};
  TESSERA_TRY(const auto graph, network.view());
  for (const auto& tensor : graph.tensors()) {
    ranges.tensors[tensor.name][numerics::RangeMethod::kMinMax] = {-1, 1};
  }
  const Assignment assignment(graph.ops().size(), dialect().usual_scheme(Mode::kStatic, {}));
  return dialect().simulate(network, assignment, ranges, options, Monitor::silent());
}

std::vector<std::string> types(const network::Network& network) {
  std::vector<std::string> names;
  const auto graph = *network.view();
  for (const auto& op : graph.ops()) {
    names.push_back(op.type);
  }
  return names;
}

/// x -> CONV_2D with RELU6 -> c -> CONV_2D -> d -> ADD of a constant -> y
litert::Content two_products() {
  constexpr int kRelu6 = 3;
  return LitertBuilder()
      .input("x", {1, 4, 4, 2})
      .constant<float>("w", {2, 1, 1, 2}, {1, 0.3F, -0.7F, 0.2F})
      .weight("b", {2})
      .value("c", {1, 4, 4, 2})
      .op(Builtin::kConv2d, {"x", "w", "b"}, {"c"},
          litert_options(1, {{1, 1}, {2, 1}, {3, kRelu6}}))
      .weight("v", {3, 1, 1, 2})
      .value("d", {1, 4, 4, 3})
      .op(Builtin::kConv2d, {"c", "v"}, {"d"}, litert_options(1, {{1, 1}, {2, 1}}))
      .constant<float>("k", {3}, {0.51F, -0.25F, 1})
      .value("y", {1, 4, 4, 3})
      .op(Builtin::kAdd, {"d", "k"}, {"y"}, litert_options(11, {}))
      .output("y")
      .build();
}

TEST(LitertSimulation, ActivationsOfProductsAreLaidOpen_AndNothingElseChanges) {
  const auto network = network_of(two_products());
  const auto open = dialect().lay_open(network);
  ASSERT_THAT(open, IsOk());
  EXPECT_THAT(types(*open), ElementsAre("CONV_2D", "RELU6", "CONV_2D", "ADD"));
  EXPECT_THAT(types(network), ElementsAre("CONV_2D", "CONV_2D", "ADD"));
  const auto graph = *open->view();
  EXPECT_EQ(graph.op(*graph.tensor(*graph.find_tensor("c")).producer).type, "RELU6");
  const auto before = network.sources();
  const auto after = open->sources();
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST(LitertSimulation, TellsWhatIsRounded_AndWhichBiasesCanChange) {
  const auto network = network_of(two_products());
  const auto told = simulated(network);
  ASSERT_THAT(told, IsOk());
  std::map<std::string, float> scales;
  for (const auto& one : told->rounded) {
    EXPECT_EQ(one.dtype, DType::kInt8);
    ASSERT_EQ(one.names.size(), 1U);
    scales[one.names[0]] = one.qparams.scale;
  }
  std::vector<std::string> names;
  for (const auto& [name, scale] : scales) {
    names.push_back(name);
    EXPECT_THAT(scale, FloatNear(2.0F / 255, 1e-6F));
  }
  EXPECT_THAT(names, ElementsAre("c", "d", "x", "y")) << "constants are no values that pass";
  ASSERT_EQ(told->products.size(), 2U);
  EXPECT_EQ(told->products[0].result, "c_product");
  EXPECT_TRUE(told->products[0].rectified);
  EXPECT_EQ(told->products[0].channels, 2);
  EXPECT_TRUE(told->products[0].channels_last);
  EXPECT_EQ(told->products[1].result, "d");
  EXPECT_FALSE(told->products[1].rectified);
  EXPECT_EQ(told->products[1].channels, 3);
  EXPECT_THAT(told->without_biases, IsEmpty());
}

TEST(LitertSimulation, ItsConstantsAreThoseThatWouldBeWritten) {
  const auto network = network_of(two_products());
  const auto told = simulated(network);
  ASSERT_THAT(told, IsOk());
  const auto graph = *told->network.view();
  const auto& first = graph.op(*graph.find_op("c_product"));
  EXPECT_EQ(graph.tensor(*first.inputs[1]).name, "w_rounded");
  EXPECT_EQ(graph.tensor(*first.inputs[2]).name, "b_rounded");
  const auto weights = told->network.constant("w_rounded");
  ASSERT_THAT(weights, IsOk());
  const auto values = weights->as<float>();
  EXPECT_THAT(values[0], FloatNear(1, 1e-6F));
  EXPECT_THAT(values[1], FloatNear(38.0F / 127, 1e-6F));
  EXPECT_THAT(values[2], FloatNear(-0.7F, 1e-6F));
  EXPECT_THAT(values[3], FloatNear(0.7F * 36 / 127, 1e-6F));
  // Read as an activation: 8 bits for -0.25 to 1.
  const auto added = told->network.constant("k_rounded");
  ASSERT_THAT(added, IsOk());
  EXPECT_THAT(added->as<float>()[0], FloatNear(0.51F, 1.25F / 255));
  EXPECT_NE(added->as<float>()[0], 0.51F);
  const auto biases = told->network.constant("b_rounded");
  const auto given = network.constant("b");
  ASSERT_THAT(biases, IsOk());
  EXPECT_THAT(biases->as<float>()[0], FloatNear(given->as<float>()[0], 1e-4F));
}

TEST(LitertSimulation, WhatStaysFloat_IsNotRounded) {
  const auto network = network_of(two_products());
  const auto told = simulated(network, {});
  ASSERT_THAT(told, IsOk());
  for (const auto& one : told->rounded) {
    EXPECT_NE(one.names[0], "y") << "behind the last product";
  }
}

/// x -> QUANTIZE -> q -> CONV_2D in integers -> c -> DEQUANTIZE -> f -> FULLY_CONNECTED -> y
litert::Content partly_integers() {
  using litert::ElementType;
  return LitertBuilder()
      .input("x", {1, 1, 1, 2})
      .value("q", {1, 1, 1, 2})
      .type(ElementType::kInt8)
      .quantized({0.01F}, {0})
      .op(Builtin::kQuantize, {"x"}, {"q"})
      .constant<std::int8_t>("w", {3, 1, 1, 2}, {1, 2, 3, 4, 5, 6})
      .type(ElementType::kInt8)
      .quantized({0.01F}, {0})
      .constant<std::int32_t>("b", {3}, {1, 2, 3})
      .type(ElementType::kInt32)
      .quantized({0.0001F}, {0})
      .value("c", {1, 1, 1, 3})
      .type(ElementType::kInt8)
      .quantized({0.01F}, {0})
      .op(Builtin::kConv2d, {"q", "w", "b"}, {"c"}, litert_options(1, {{1, 1}, {2, 1}}))
      .value("f", {1, 1, 1, 3})
      .op(Builtin::kDequantize, {"c"}, {"f"})
      .weight("m", {2, 3})
      .value("y", {1, 2})
      .op(Builtin::kFullyConnected, {"f", "m", ""}, {"y"}, litert_options(8, {}))
      .output("y")
      .build();
}

TEST(LitertSimulation, ProductsThatAreIntegersAlready_KeepTheirBiases) {
  const auto told = simulated(network_of(partly_integers()));
  ASSERT_THAT(told, IsOk());
  ASSERT_EQ(told->products.size(), 1U);
  EXPECT_EQ(told->products[0].result, "y");
  EXPECT_THAT(told->without_biases, IsEmpty());
}

/// Half-precision biases stand behind a DEQUANTIZE.
TEST(LitertBiases, AreAddedTo_WhateverTheyAreStoredAs) {
  LitertBuilder builder;
  builder.input("x", {1, 2})
      .weight("w", {2, 2})
      .constant<std::uint16_t>("h", {2}, {0x3C00, 0x4000})  // 1 and 2
      .type(litert::ElementType::kFloat16)
      .value("b", {2})
      .op(Builtin::kDequantize, {"h"}, {"b"})
      .value("y", {1, 2})
      .op(Builtin::kFullyConnected, {"x", "w", "b"}, {"y"}, litert_options(8, {}))
      .output("y");
  auto network = network_of(builder.build());
  const auto told = simulated(network);
  ASSERT_THAT(told, IsOk());
  ASSERT_EQ(told->products.size(), 1U);
  const std::vector<double> by = {0.5, -0.25};
  ASSERT_THAT(dialect().add_to_bias(network, told->products[0], by), IsOk());
  ASSERT_THAT(dialect().add_to_bias(network, told->products[0], by), IsOk());
  const auto bias = network.constant("h_");
  ASSERT_THAT(bias, IsOk());
  EXPECT_THAT(std::vector(bias->as<float>().begin(), bias->as<float>().end()), ElementsAre(2, 1.5));
  EXPECT_EQ(network.constant("h")->dtype, DType::kFloat16);
}

TEST(LitertBiases, OfTransposedConvolutions_AreLeftOutWhereThereIsNone) {
  const auto network = network_of(LitertBuilder()
                                      .input("x", {1, 2, 2, 2})
                                      .constant<std::int32_t>("shape", {4}, {1, 4, 4, 3})
                                      .type(litert::ElementType::kInt32)
                                      .weight("w", {3, 2, 2, 2})
                                      .value("y", {1, 4, 4, 3})
                                      .op(Builtin::kTransposeConv, {"shape", "w", "x"}, {"y"},
                                          litert_options(49, {{1, 2}, {2, 2}}))
                                      .output("y")
                                      .build());
  const auto told = simulated(network);
  ASSERT_THAT(told, IsOk());
  EXPECT_THAT(told->products, IsEmpty());
  EXPECT_THAT(told->without_biases, ElementsAre("y"));
}

}  // namespace
}  // namespace tessera::quantize
