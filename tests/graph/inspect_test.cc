// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graph/graph_support.h"

namespace tessera::graph {
namespace {

using ::testing::ElementsAre;

GraphBuilder matmul_weights(DType weight) {
  GraphBuilder builder;
  builder.input("x", {1, 8})
      .weight("s", {})
      .weight("w", {8, 8}, weight)
      .value("xq", {1, 8}, DType::kUInt8)
      .value("xd", {1, 8})
      .value("wd", {8, 8})
      .value("y", {1, 8})
      .value("z", {1, 8});
  return builder;
}

QuantizationState state_of(const Graph& graph) {
  return quantization_of(graph).state;
}

TEST(Quantization, OperatorsThatAreQuantized_AreTold) {
  // DynamicQuantizeLinear, MatMulInteger and what rescales its product; then a float MatMul.
  const auto graph = matmul_weights(DType::kInt8)
                         .weight("f", {8, 8})
                         .value("i", {1, 8}, DType::kInt32)
                         .value("c", {1, 8})
                         .op(kDynamicQuantize, {"x"}, {"xq", "xs"})
                         .op(kDynamicProduct, {"xq", "w"}, {"i"})
                         .op(kCast, {"i"}, {"c"})
                         .op(kMul, {"c", "xs"}, {"y"})
                         .op(kMatMul, {"y", "f"}, {"z"})
                         .output("z")
                         .build();
  EXPECT_THAT(quantized_operators(graph), ElementsAre(true, true, true, true, false));
}

TEST(Quantization, State_IsRecognized) {
  EXPECT_EQ(
      state_of(matmul_weights(DType::kFloat32).op(kMatMul, {"x", "w"}, {"y"}).output("y").build()),
      QuantizationState::kNone);
  EXPECT_EQ(
      state_of(matmul_weights(DType::kFloat16).op(kMatMul, {"x", "w"}, {"y"}).output("y").build()),
      QuantizationState::kFloat16);
  EXPECT_EQ(state_of(matmul_weights(DType::kInt8)
                         .op(kDequantize, {"w", "s"}, {"wd"})
                         .op(kMatMul, {"x", "wd"}, {"y"})
                         .output("y")
                         .build()),
            QuantizationState::kWeightOnly);
  EXPECT_EQ(state_of(matmul_weights(DType::kUInt8)
                         .op(kPackedProduct, {"x", "w", "s"}, {"y"})
                         .output("y")
                         .build()),
            QuantizationState::kWeightOnly);
  EXPECT_EQ(state_of(matmul_weights(DType::kInt8)
                         .op(kDynamicQuantize, {"x"}, {"xq"})
                         .op(kDynamicProduct, {"xq", "w"}, {"y"})
                         .output("y")
                         .build()),
            QuantizationState::kDynamic);
  EXPECT_EQ(state_of(matmul_weights(DType::kInt8)
                         .op(kQuantize, {"x", "s"}, {"xq"})
                         .op(kIntegerProduct, {"xq", "s", "s", "w", "s", "s", "s", "s"}, {"y"})
                         .op(kDequantize, {"y", "s"}, {"z"})
                         .output("z")
                         .build()),
            QuantizationState::kQOperator);
}

Graph qdq_model(bool mixed) {
  auto builder = matmul_weights(DType::kInt8);
  builder.op(kQuantize, {"x", "s"}, {"xq"})
      .op(kDequantize, {"xq", "s"}, {"xd"})
      .op(kDequantize, {"w", "s"}, {"wd"})
      .op(kMatMul, {"xd", "wd"}, {"y"});
  if (mixed) {
    builder.op(kPackedProduct, {"y", "w", "s"}, {"z"}).output("z");
  } else {
    builder.output("y");
  }
  return builder.build();
}

TEST(Quantization, OfQdqModels_CountsNodesAndIntegerWork) {
  const auto quantization = quantization_of(qdq_model(false));
  EXPECT_EQ(quantization.state, QuantizationState::kQdq);
  EXPECT_EQ(quantization.quantize_nodes, 1);
  EXPECT_EQ(quantization.dequantize_nodes, 2);
  EXPECT_EQ(quantization.int8_ops, 1);
  EXPECT_EQ(quantization.int8_mac_share, 1.0);
  const auto mixed = quantization_of(qdq_model(true));
  EXPECT_EQ(mixed.state, QuantizationState::kMixed);
  EXPECT_EQ(mixed.int8_mac_share, 0.5);
}

TEST(Inspect, ExtentsBeyondCounting_AreUnknownAndNeverNegative) {
  constexpr auto kHuge = (std::int64_t{1} << 61) + 5;
  const auto graph = GraphBuilder()
                         .input("x", {kHuge})
                         .value("y", {kHuge})
                         .op(kRelu, {"x"}, {"y"})
                         .output("y")
                         .build();
  EXPECT_EQ(graph.tensor(*graph.find_tensor("x")).size_bytes(), std::nullopt);
  const auto inspection = inspect(graph, {.max_cut_tensors = 1});
  EXPECT_EQ(inspection.peak_activation_bytes, std::nullopt);
  EXPECT_EQ(inspection.costs[0].output_bytes, std::nullopt);
}

TEST(Inspect, SumsBeyondCounting_AreUnknownAndNeverNegative) {
  constexpr auto kSide = std::int64_t{1} << 31;
  GraphBuilder builder;
  builder.input("a0", {kSide, 1}).input("b", {1, kSide});
  for (int i = 0; i < 3; ++i) {  // 2^62 multiply-accumulates and 2^61 bytes each
    const auto y = "y" + std::to_string(i);
    builder.value(y, {kSide, kSide}, DType::kInt8).op(kMatMul, {"a0", "b"}, {y}).output(y);
  }
  const auto graph = builder.build();
  const auto inspection = inspect(graph, {.max_cut_tensors = 2});
  EXPECT_EQ(inspection.costs[0].macs, std::int64_t{1} << 62);
  EXPECT_EQ(inspection.macs, std::nullopt);
  EXPECT_EQ(inspection.peak_activation_bytes, std::nullopt);
  EXPECT_TRUE(to_json(inspection, graph)["macs"].is_null());
  for (const auto& total : inspection.types) {
    EXPECT_EQ(total.macs, std::nullopt);
  }
  for (const auto& cut : *inspection.cuts) {
    EXPECT_GE(cut.macs_before, 0);
    EXPECT_GE(cut.macs_after, 0);
  }
}

TEST(Inspect, Totals_CountSharedWeightsOnce) {
  const auto graph = GraphBuilder()
                         .input("x", {1, 8})
                         .weight("w", {8, 8})
                         .weight("shape", {2}, DType::kInt64)
                         .weight("unused", {100})
                         .value("a", {1, 8})
                         .value("b", {1, 8})
                         .value("y", {8, 1})
                         .op(kMatMul, {"x", "w"}, {"a"})
                         .op(kMatMul, {"a", "w"}, {"b"})
                         .op(kReshape, {"b", "shape"}, {"y"})
                         .output("y")
                         .build();
  const auto inspection = inspect(graph, {.max_cut_tensors = 1});
  EXPECT_EQ(inspection.nodes, 3);
  EXPECT_EQ(inspection.parameters, 64);
  EXPECT_EQ(inspection.weight_bytes, 64 * 4 + 16);
  EXPECT_EQ(inspection.macs, 128);
  EXPECT_EQ(inspection.unknown_macs, 0);
  ASSERT_TRUE(inspection.cuts);
  EXPECT_EQ(inspection.cuts->size(), 2U);
  EXPECT_EQ(inspection.types.front().type, "TOY_MATMUL");
  EXPECT_EQ(inspection.types.front().count, 2);
}

TEST(Inspect, Json_HasTheKeysThatOthersRelyOn) {
  Graph graph = qdq_model(false);
  graph.tensor(*graph.find_tensor("x")).shape->front() = {-1, "N"};
  const auto inspection = inspect(graph, {});
  const auto json = to_json(inspection, graph);
  for (const auto* key :
       {"nodes", "parameters", "weight_bytes", "macs", "inputs", "outputs", "ops"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const auto* key : {"state", "quantize_nodes", "dequantize_nodes", "int8_ops"}) {
    EXPECT_TRUE(json["quantization"].contains(key)) << key;
  }
  EXPECT_EQ(json["quantization"]["state"], "qdq");
  EXPECT_EQ(json["inputs"][0]["shape"], Json::array({"N", 8}));
  EXPECT_TRUE(json["inputs"][0]["bytes"].is_null());
  const auto& product = json["ops"][3];
  EXPECT_EQ(product["type"], "TOY_MATMUL");
  EXPECT_EQ(product["outputs"][0]["dtype"], "float32");
  EXPECT_EQ(product["outputs"][0]["bytes"], 32);
  EXPECT_FALSE(json.contains("cuts"));
  EXPECT_THAT(inspection.symbols, ElementsAre("N"));
}

TEST(ShapeText, ShowsWhatIsKnown) {
  TensorInfo tensor;
  EXPECT_EQ(shape_text(tensor), "?");
  tensor.shape.emplace();
  EXPECT_EQ(shape_text(tensor), "scalar");
  tensor.shape = {{{-1, "N"}, {3, {}}, {-1, {}}}};
  EXPECT_EQ(shape_text(tensor), "Nx3x?");
  tensor.shape = std::vector<Dim>{{-1, "None"}, {3, {}}};
  EXPECT_EQ(shape_text(tensor), "'None'x3");
}

}  // namespace
}  // namespace tessera::graph
