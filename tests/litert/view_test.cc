// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "litert/kinds.h"
#include "support/litert_builder.h"
#include "support/matchers.h"
#include "support/shared_data.h"
#include "tessera/graph/cost.h"
#include "tessera/graph/inspect.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

using graph::Arithmetic;
using graph::OpKind;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::litert_options;
using testing::LitertBuilder;
using testing::small_litert;

graph::Graph view_of(const Content& content, const AssumedShapes& assumed = {}) {
  const auto model = Model::of(content);
  EXPECT_THAT(model, IsOk());
  const auto graph = view(model->content(), types_of(model->content(), assumed));
  EXPECT_THAT(graph, IsOk());
  return *graph;
}

std::optional<std::int64_t> macs_of(const graph::Graph& graph, std::uint32_t op) {
  return graph::operator_costs(graph, graph::QdqCounting::kInclude)[op].macs;
}

std::vector<Dim> dims(std::initializer_list<std::int64_t> extents) {
  std::vector<Dim> result;
  for (const auto extent : extents) {
    result.push_back({extent, {}});
  }
  return result;
}

std::string shape_of(const graph::Graph& graph, std::string_view name) {
  return graph::shape_text(graph.tensor(*graph.find_tensor(name)));
}

TEST(View, OfASmallNetwork) {
  const auto graph = view_of(small_litert());
  ASSERT_EQ(graph.ops().size(), 4U);
  const auto& conv = graph.ops()[0];
  EXPECT_EQ(conv.name, "c") << "named by what it makes";
  EXPECT_EQ(conv.type, "CONV_2D");
  EXPECT_EQ(conv.domain, "");
  EXPECT_EQ(conv.kind, OpKind::kConv);
  EXPECT_EQ(conv.source, 0U);
  EXPECT_EQ(conv.string_or("activation", ""), "RELU");
  EXPECT_EQ(conv.string_or("padding", ""), "SAME");
  EXPECT_THAT(conv.ints_or("strides", {}), ElementsAre(1, 1));
  const auto& fully_connected = graph.ops()[3];
  EXPECT_EQ(fully_connected.kind, OpKind::kGemm);
  ASSERT_EQ(fully_connected.inputs.size(), 3U);
  EXPECT_EQ(fully_connected.inputs[2], std::nullopt);
  EXPECT_EQ(graph.tensor(graph.inputs().front()).name, "x");
  EXPECT_EQ(graph.tensor(graph.outputs().front()).name, "y");
  EXPECT_EQ(graph.tensor(*graph.find_tensor("w")).kind, graph::TensorKind::kInitializer);
  EXPECT_EQ(shape_of(graph, "c"), "1x8x8x4");
}

// --- cost, by hand -----------------------------------------------------------------------------

TEST(Costs, OfASmallNetwork) {
  const auto graph = view_of(small_litert());
  EXPECT_EQ(macs_of(graph, 0), 8 * 8 * 4 * 3 * 3 * 3);
  EXPECT_EQ(macs_of(graph, 1), 8 * 8 * 4 * 3 * 3) << "each channel has its own filter";
  EXPECT_EQ(macs_of(graph, 2), 0);
  EXPECT_EQ(macs_of(graph, 3), 5 * 256);
  const auto costs = graph::operator_costs(graph, graph::QdqCounting::kInclude);
  EXPECT_EQ(costs[0].flops, 2 * 8 * 8 * 4 * 27 + 8 * 8 * 4) << "the bias";
  EXPECT_EQ(costs[0].weight_bytes, 4 * (4 * 27 + 4));
}

TEST(Costs, OfAFullyConnectedOfMaps_GoByItsWeights) {
  LitertBuilder builder;
  builder.input("x", {1, 2, 2, 64}).weight("w", {10, 256}).value("y", {1, 10});
  builder.op(Builtin::kFullyConnected, {"x", "w"}, {"y"}).output("y");
  EXPECT_EQ(macs_of(view_of(builder.build()), 0), 2560);
}

TEST(Costs, OfATransposedConvolution_GoByItsThirdInput) {
  LitertBuilder builder;
  builder.input("x", {1, 4, 4, 6}).weight("w", {3, 2, 2, 6}).value("y", {1, 8, 8, 3});
  builder.constant<std::int32_t>("size", {4}, {1, 8, 8, 3}).type(ElementType::kInt32);
  builder.op(Builtin::kTransposeConv, {"size", "w", "x"}, {"y"}).output("y");
  EXPECT_EQ(macs_of(view_of(builder.build()), 0), 4 * 4 * 6 * 3 * 2 * 2);
}

TEST(Costs, OfProductsOfStacks_KnowTransposedOperands) {
  LitertBuilder builder;
  builder.input("a", {2, 7, 5}).input("b", {2, 7, 3}).value("y", {2, 5, 3});
  builder.op(Builtin::kBatchMatmul, {"a", "b"}, {"y"}, litert_options(101, {{0, 1}})).output("y");
  EXPECT_EQ(macs_of(view_of(builder.build()), 0), 2 * 5 * 3 * 7);
}

TEST(Costs, OfARecurrentLayer_CountEachGatesWeights) {
  LitertBuilder builder;
  builder.input("x", {2, 10, 8});
  std::vector<std::string> inputs{"x"};
  for (int gate = 0; gate < 4; ++gate) {
    inputs.push_back("i" + std::to_string(gate));
    builder.weight(inputs.back(), {16, 8});
  }
  for (int gate = 0; gate < 4; ++gate) {
    inputs.push_back("r" + std::to_string(gate));
    builder.weight(inputs.back(), {16, 16});
  }
  builder.value("state", {2, 16});
  builder.last().is_variable = true;
  inputs.insert(inputs.end(), 9, "");
  inputs.emplace_back("state");
  builder.value("y", {2, 10, 16});
  builder.op(Builtin::kUnidirectionalSequenceLstm, inputs, {"y"}).output("y");
  const auto graph = view_of(builder.build());
  EXPECT_EQ(macs_of(graph, 0), 2 * 10 * 4 * 16 * (8 + 16));
  EXPECT_EQ(graph.ops()[0].inputs.back(), std::nullopt) << "a state is no weight";
}

TEST(Costs, OfPools) {
  LitertBuilder builder;
  builder.input("x", {1, 8, 8, 3}).value("y", {1, 4, 4, 3});
  builder.op(Builtin::kMaxPool2d, {"x"}, {"y"},
             litert_options(5, {{1, 2}, {2, 2}, {3, 3}, {4, 2}}));
  builder.output("y");
  const auto graph = view_of(builder.build());
  EXPECT_THAT(graph.ops()[0].ints_or("kernel_shape", {}), ElementsAre(2, 3));
  EXPECT_EQ(graph::operator_costs(graph, graph::QdqCounting::kInclude)[0].flops, 4 * 4 * 3 * 6);
}

TEST(Costs, OfACustomOperator_AreUnknown) {
  LitertBuilder builder;
  builder.input("x", {4}).value("y", {4}).custom("Own", {"x"}, {"y"}).output("y");
  const auto graph = view_of(builder.build());
  EXPECT_EQ(graph.ops()[0].type, "Own");
  EXPECT_EQ(graph.ops()[0].domain, "custom");
  EXPECT_EQ(macs_of(graph, 0), std::nullopt);
}

TEST(Kinds, EveryOperatorHasAName) {
  std::set<std::string_view> names;
  int count = 0;
  for (int code = 0; code < 210; ++code) {
    const auto name = name_of(static_cast<Builtin>(code));
    if (code == 127) {
      EXPECT_EQ(name, "") << "stands for all that have greater numbers";
      continue;
    }
    EXPECT_NE(name, "") << code;
    EXPECT_TRUE(names.insert(name).second) << name;
    ++count;
  }
  EXPECT_EQ(count, 209);
  EXPECT_EQ(name_of(static_cast<Builtin>(210)), "");
  EXPECT_EQ(name_of(static_cast<Builtin>(-1)), "");
  EXPECT_EQ(name_of(Builtin::kDepthwiseConv2d), "DEPTHWISE_CONV_2D");
}

// --- numbers
// --------------------------------------------------------------------------------------

TEST(Numbers, OfAnInt8Network) {
  LitertBuilder builder;
  builder.input("x", {1, 8}).value("q", {1, 8}).type(ElementType::kInt8).quantized({0.5F}, {-7});
  builder.op(Builtin::kQuantize, {"x"}, {"q"});
  builder.int8_weight("w", {4, 8}).quantized({1, 2, 3, 4}, {0, 0, 0, 0});
  builder.value("p", {1, 4}).type(ElementType::kInt8).quantized({0.25F}, {3});
  builder.op(Builtin::kFullyConnected, {"q", "w"}, {"p"});
  builder.value("s", {1, 4}).type(ElementType::kInt8).quantized({0.125F}, {0});
  builder.op(Builtin::kQuantize, {"p"}, {"s"});
  builder.value("t", {4, 1}).type(ElementType::kInt8).quantized({0.125F}, {0});
  builder.op(Builtin::kReshape, {"s"}, {"t"});
  builder.value("y", {4, 1}).op(Builtin::kDequantize, {"t"}, {"y"}).output("y");
  const auto graph = view_of(builder.build());
  EXPECT_EQ(graph.ops()[0].kind, OpKind::kQuantize);
  EXPECT_EQ(graph.ops()[1].arithmetic, Arithmetic::kInteger);
  EXPECT_EQ(graph.ops()[2].kind, OpKind::kElementwise) << "from one scale to another";
  EXPECT_EQ(graph.ops()[2].arithmetic, Arithmetic::kInteger);
  EXPECT_EQ(graph.ops()[3].arithmetic, Arithmetic::kFloat) << "moves them only";
  EXPECT_EQ(graph.ops()[4].kind, OpKind::kDequantize);
  const auto& q = graph.tensor(*graph.find_tensor("q"));
  ASSERT_TRUE(q.quantization.has_value());
  EXPECT_EQ(q.quantization->scale, 0.5);
  EXPECT_EQ(q.quantization->zero_point, -7);
  EXPECT_FALSE(graph.tensor(*graph.find_tensor("w")).quantization.has_value()) << "per channel";
  EXPECT_FALSE(graph.tensor(*graph.find_tensor("x")).quantization.has_value());
  const auto state = graph::quantization_of(graph);
  EXPECT_EQ(state.state, graph::QuantizationState::kQOperator);
  EXPECT_EQ(state.int8_ops, 2);
  EXPECT_EQ(state.int8_mac_share, 1.0);
}

TEST(Numbers, OfHybridAndWeightOnlyAndHalfNetworks) {
  LitertBuilder hybrid;
  hybrid.input("x", {1, 8}).int8_weight("w", {4, 8}).quantized({0.5F}, {0}).value("y", {1, 4});
  hybrid.op(Builtin::kFullyConnected, {"x", "w"}, {"y"}).output("y");
  EXPECT_EQ(view_of(hybrid.build()).ops()[0].arithmetic, Arithmetic::kDynamic);

  LitertBuilder weights;
  weights.input("x", {1, 8}).int8_weight("w", {4, 8}).quantized({0.5F}, {0}).value("f", {4, 8});
  weights.op(Builtin::kDequantize, {"w"}, {"f"}).value("y", {1, 4});
  weights.op(Builtin::kFullyConnected, {"x", "f"}, {"y"}).output("y");
  EXPECT_EQ(graph::quantization_of(view_of(weights.build())).state,
            graph::QuantizationState::kWeightOnly);

  LitertBuilder half;
  half.input("x", {1, 8}).constant<std::uint16_t>("w", {4, 8}, std::vector<std::uint16_t>(32));
  half.type(ElementType::kFloat16).value("f", {4, 8}).op(Builtin::kDequantize, {"w"}, {"f"});
  half.value("y", {1, 4}).op(Builtin::kFullyConnected, {"x", "f"}, {"y"}).output("y");
  const auto graph = view_of(half.build());
  EXPECT_EQ(graph.ops()[0].kind, OpKind::kCast);
  EXPECT_EQ(graph::quantization_of(graph).state, graph::QuantizationState::kFloat16);
}

// --- shapes
// ---------------------------------------------------------------------------------------

/// x ?x4 -> RELU -> a -> SHAPE -> n -> RESHAPE(a, n) -> r; WHERE(r) -> i
LitertBuilder open_network() {
  LitertBuilder builder;
  builder.input("x", {1, 4}).signature({-1, 4}).value("a", {1, 4}).signature({-1, 4});
  builder.op(Builtin::kRelu, {"x"}, {"a"});
  builder.value("n", {2}).type(ElementType::kInt32).op(Builtin::kShape, {"a"}, {"n"});
  builder.value("r", {1, 4}).signature({-1, -1}).op(Builtin::kReshape, {"a", "n"}, {"r"});
  builder.value("i", {1, 2}).type(ElementType::kInt64).signature({-1, 2});
  builder.op(Builtin::kWhere, {"r"}, {"i"});
  builder.output("r").output("i");
  return builder;
}

TEST(Shapes, OpenExtents_AreNotKnown) {
  const auto graph = view_of(open_network().build());
  EXPECT_EQ(shape_of(graph, "x"), "?x4");
  EXPECT_EQ(shape_of(graph, "a"), "?x4");
  EXPECT_EQ(shape_of(graph, "r"), "?x?");
}

TEST(Shapes, ThoseOfTheFile_CountWhereInputsHaveThem) {
  const auto graph = view_of(open_network().build(), {{"x", dims({1, 4})}});
  EXPECT_EQ(shape_of(graph, "x"), "1x4");
  EXPECT_EQ(shape_of(graph, "a"), "1x4");
  EXPECT_EQ(shape_of(graph, "r"), "1x4") << "its shape is computed from shapes";
  EXPECT_EQ(shape_of(graph, "i"), "?x2") << "how many there are depends on values";
}

TEST(Shapes, OfOtherExtents_AreUnknownAndNotThoseOfTheFile) {
  const auto graph = view_of(open_network().build(), {{"x", dims({16, 4})}});
  EXPECT_EQ(shape_of(graph, "x"), "16x4");
  EXPECT_EQ(shape_of(graph, "a"), "?");
  EXPECT_EQ(macs_of(graph, 0), 0);
  EXPECT_EQ(graph::operator_costs(graph, graph::QdqCounting::kInclude)[0].flops, std::nullopt);
}

TEST(Shapes, WithoutExtents_AreScalarsOrUnknown) {
  LitertBuilder builder;
  builder.input("x", {}).value("y", {}).op(Builtin::kRelu, {"x"}, {"y"});
  builder.value("z", {}).custom("Own", {"y"}, {"z"});
  builder.last().has_rank = false;
  builder.output("z");
  const auto graph = view_of(builder.build());
  EXPECT_EQ(shape_of(graph, "y"), "scalar");
  EXPECT_EQ(shape_of(graph, "z"), "?");
}

// --- names
// ----------------------------------------------------------------------------------------

TEST(Names, AreUniqueAndNeverEmpty) {
  Subgraph subgraph;
  for (const auto* name : {"a", "", "a", "a#2", "", "a"}) {
    subgraph.tensors.push_back({.name = name});
  }
  EXPECT_THAT(value_names(subgraph), ElementsAre("a", "tensor#1", "a#3", "a#2", "tensor#4", "a#4"));
}

// --- bodies
// ---------------------------------------------------------------------------------------

TEST(Bodies, OfAWhile_AreViewsWithCosts) {
  LitertBuilder builder;
  builder.input("x", {1, 8}).value("y", {1, 8});
  builder.op(Builtin::kWhile, {"x"}, {"y"}, litert_options(93, {{0, 1}, {1, 2}})).output("y");
  builder.subgraph("cond").input("a", {1, 8}).value("c", {1}).type(ElementType::kBool);
  builder.custom("Own", {"a"}, {"c"}).output("c");
  builder.subgraph("body").input("a", {1, 8}).weight("w", {8, 8}).value("b", {1, 8});
  builder.op(Builtin::kFullyConnected, {"a", "w"}, {"b"}).output("b");
  const auto graph = view_of(builder.build());
  const auto& loop = graph.ops()[0];
  EXPECT_EQ(loop.kind, OpKind::kControl);
  ASSERT_EQ(loop.bodies.size(), 2U);
  EXPECT_EQ(loop.body_ops, 2);
  EXPECT_EQ(macs_of(loop.bodies[1], 0), 64);
  EXPECT_EQ(macs_of(graph, 0), std::nullopt) << "the condition's cost is not known";
}

TEST(Bodies, OfAComposite_IsItsDecomposition) {
  LitertBuilder builder;
  builder.input("x", {1, 8}).value("y", {1, 8});
  builder.op(Builtin::kStablehloComposite, {"x"}, {"y"}).output("y");
  builder.last_op().options2 = Options(TableUnion::kOptions2, 21);
  builder.last_op().options2.set_int(1, 1);
  builder.subgraph("body").input("a", {1, 8}).weight("w", {8, 8}).value("b", {1, 8});
  builder.op(Builtin::kFullyConnected, {"a", "w"}, {"b"}).output("b");
  EXPECT_EQ(macs_of(view_of(builder.build()), 0), 64);
}

TEST(View, OfAStateThatIsAnOutput_ShowsItThere) {
  LitertBuilder builder;
  builder.input("x", {4}).value("state", {4});
  builder.last().is_variable = true;
  builder.value("y", {4}).custom("Own", {"x", "state"}, {"y"}).output("y").output("state");
  const auto graph = view_of(builder.build());
  EXPECT_EQ(graph.outputs().size(), 2U);
  EXPECT_EQ(graph.ops()[0].inputs[1], std::nullopt);
}

TEST(View, OfWhatNobodyMakes_IsAnError) {
  LitertBuilder builder;
  builder.input("x", {4}).value("gap", {4}).value("y", {4});
  builder.op(Builtin::kAdd, {"x", "gap"}, {"y"}).output("y");
  const auto model = Model::of(builder.build());
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(view(model->content(), types_of(model->content(), {})),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'gap', which nothing makes")));
  // An empty shape has no values that could be missing.
  builder.content().subgraphs.front().tensors[1].shape = {{0}};
  EXPECT_EQ(view_of(builder.build()).tensor(graph::TensorId{1}).kind,
            graph::TensorKind::kInitializer);
}

// --- files
// ----------------------------------------------------------------------------------------

struct File {
  const char* name;
  std::size_t operators;
  std::int64_t macs;
  std::int64_t parameters;
  graph::QuantizationState state;
};

TEST(Files, AreReadLookedAtAndRewritten) {
  const auto shared = testing::shared_path("");
  TESSERA_NEEDS_SHARED(shared / "data/models/mlperf_tiny_resnet8_fp32.tflite");
  using enum graph::QuantizationState;
  for (const auto& [name, operators, macs, parameters, state] :
       {File{"mlperf_tiny_resnet8_fp32", 16, 12501632, 77708, kNone},
        File{"mlperf_tiny_resnet8_int8", 16, 12501632, 77708, kQOperator},
        File{"mlperf_tiny_vww_fp32", 31, 7489664, 210852, kNone},
        File{"mlperf_tiny_vww_int8", 31, 7489664, 210852, kQOperator}}) {
    SCOPED_TRACE(name);
    const auto model = Model::load(shared / "data/models" / (std::string(name) + ".tflite"));
    ASSERT_THAT(model, IsOk());
    const auto& subgraph = model->content().subgraphs.front();
    AssumedShapes assumed;
    const auto names = value_names(subgraph);
    for (const auto input : subgraph.inputs) {
      const auto place = static_cast<std::size_t>(input);
      for (const auto extent : *subgraph.tensors[place].shape) {
        assumed[names[place]].push_back({extent, {}});
      }
    }
    const auto graph = view(model->content(), types_of(model->content(), assumed));
    ASSERT_THAT(graph, IsOk());
    const auto inspection = graph::inspect(*graph, {});
    EXPECT_EQ(inspection.nodes, static_cast<std::int64_t>(operators));
    EXPECT_EQ(inspection.macs, macs);
    EXPECT_EQ(inspection.unknown_macs, 0);
    EXPECT_EQ(inspection.parameters, parameters);
    EXPECT_EQ(inspection.quantization.state, state);
    const auto bytes = model->serialize();
    ASSERT_THAT(bytes, IsOk());
    const auto again = Model::parse(*bytes);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->serialize().value(), *bytes);
  }
}

}  // namespace
}  // namespace tessera::litert
