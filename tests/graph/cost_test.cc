// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/cost.h"

#include <gtest/gtest.h>

#include "graph/graph_support.h"

namespace tessera::graph {
namespace {

using Ints = std::vector<std::int64_t>;

/// Expected work of a single operator, derived by hand from the definition of its kind.
struct Case {
  const char* name;
  Op op;
  std::vector<Shape> inputs;
  Shape output;
  std::int64_t macs;
  std::int64_t flops;
};

class OperatorCost : public ::testing::TestWithParam<Case> {};

TEST_P(OperatorCost, IsThatOfTheDefinition) {
  const auto& c = GetParam();
  GraphBuilder builder;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    names.push_back("i" + std::to_string(i));
    builder.input(names.back(), c.inputs[i]);
  }
  const auto graph = builder.value("y", c.output).op(c.op, names, {"y"}).output("y").build();
  const auto cost = operator_costs(graph, QdqCounting::kInclude)[0];
  EXPECT_EQ(cost.macs, c.macs);
  EXPECT_EQ(cost.flops, c.flops);
}

Op of(OpKind kind, std::map<std::string, Attribute, std::less<>> attributes = {}) {
  return {.type = "TOY", .kind = kind, .attributes = std::move(attributes)};
}

Op with(OpKind kind, Operands operands) {
  return {.type = "TOY", .kind = kind, .operands = operands};
}

Op of_operations(OpKind kind, std::int64_t operations) {
  return {.type = "TOY", .kind = kind, .operations = operations};
}

INSTANTIATE_TEST_SUITE_P(
    All, OperatorCost,
    ::testing::Values(
        // 64 outputs of 8x8, each a product with 3x3x3 weights, plus a bias.
        Case{"Conv",
             of(OpKind::kConv),
             {{1, 3, 8, 8}, {64, 3, 3, 3}, {64}},
             {1, 64, 8, 8},
             64 * 64 * 27,
             2 * 64 * 64 * 27 + 64 * 64},
        Case{"DepthwiseConv",
             of(OpKind::kConv, {{"group", std::int64_t{8}}}),
             {{1, 8, 4, 4}, {8, 1, 3, 3}},
             {1, 8, 4, 4},
             8 * 16 * 9,
             2 * 8 * 16 * 9},
        Case{"Conv1d",
             of(OpKind::kConv),
             {{2, 4, 10}, {6, 4, 5}},
             {2, 6, 6},
             2 * 6 * 6 * 20,
             2 * 2 * 6 * 6 * 20},
        Case{"ConvWithOperandsElsewhere",
             with(OpKind::kConv, {.weights = 3, .bias = 4}),
             {{1, 3, 4, 4}, {}, {}, {2, 3, 1, 1}, {2}},
             {1, 2, 4, 4},
             32 * 3,
             2 * 32 * 3 + 32},
        Case{"ConvWithoutBias",
             with(OpKind::kConv, {.bias = std::nullopt}),
             {{1, 3, 4, 4}, {2, 3, 1, 1}, {}},
             {1, 2, 4, 4},
             32 * 3,
             2 * 32 * 3},
        Case{"DeformableConv",
             with(OpKind::kDeformableConv, {.bias = 3}),
             {{1, 3, 4, 4}, {2, 3, 1, 1}, {1, 2, 4, 4}, {2}},
             {1, 2, 4, 4},
             32 * 3,
             2 * 32 * 3 + 32},
        Case{"TransposedConv",
             of(OpKind::kTransposedConv),
             {{1, 4, 5, 5}, {4, 2, 2, 2}},
             {1, 2, 10, 10},
             100 * 8,
             2 * 100 * 8},
        Case{"Gemm", of(OpKind::kGemm), {{5, 7}, {7, 3}, {3}}, {5, 3}, 105, 210 + 15},
        Case{"GemmTransposed",
             of(OpKind::kGemm, {{"transA", std::int64_t{1}}}),
             {{7, 5}, {7, 3}},
             {5, 3},
             105,
             210},
        Case{"MatMulBatched",
             of(OpKind::kMatMul),
             {{2, 4, 5, 7}, {7, 3}},
             {2, 4, 5, 3},
             8 * 105,
             16 * 105},
        Case{"MatMulVector", of(OpKind::kMatMul), {{7}, {7, 3}}, {3}, 21, 42},
        Case{"EinsumMatrix",
             of(OpKind::kEinsum, {{"equation", std::string("bij, bjk -> bik")}}),
             {{2, 3, 4}, {2, 4, 5}},
             {2, 3, 5},
             120,
             240},
        Case{"EinsumEllipsis",
             of(OpKind::kEinsum, {{"equation", std::string("...ij,jk->...ik")}}),
             {{6, 2, 3, 4}, {4, 5}},
             {6, 2, 3, 5},
             6 * 2 * 3 * 4 * 5,
             2 * 720},
        Case{"EinsumTranspose",
             of(OpKind::kEinsum, {{"equation", std::string("ij->ji")}}),
             {{3, 4}},
             {4, 3},
             0,
             12},
        // 10 steps of batch 2: 4 gates x 8 hidden from 6 inputs and 8 hidden, one direction.
        Case{"Lstm",
             of(OpKind::kLstm),
             {{10, 2, 6}, {1, 32, 6}, {1, 32, 8}},
             {10, 1, 2, 8},
             20 * (192 + 256),
             2 * 20 * 448 + 3 * 20 * 32},
        Case{"Gru",
             of(OpKind::kRecurrent),
             {{10, 2, 6}, {2, 24, 6}, {2, 24, 8}},
             {10, 2, 2, 8},
             20 * (288 + 384),
             2 * 20 * 672 + 3 * 20 * 48},
        // Projections 1x4x8x24, scores and context 2 x 4x4x8, softmax over 2 heads of 4x4.
        Case{"Attention",
             of(OpKind::kAttention, {{"num_heads", std::int64_t{2}}}),
             {{1, 4, 8}, {8, 24}},
             {1, 4, 8},
             768 + 256,
             2 * 1024 + 5 * 32},
        Case{"DotProductAttention",
             of(OpKind::kDotProductAttention),
             {{1, 2, 4, 4}, {1, 2, 6, 4}, {1, 2, 6, 4}},
             {1, 2, 4, 4},
             2 * 4 * 6 * 8,
             4 * 4 * 6 * 8 + 5 * 2 * 24},
        // 5 earlier keys beside 6.
        Case{"AttentionToThePast",
             with(OpKind::kDotProductAttention, {.past = 3}),
             {{1, 2, 4, 4}, {1, 2, 6, 4}, {1, 2, 6, 4}, {1, 2, 5, 4}},
             {1, 2, 4, 4},
             2 * 4 * 11 * 8,
             4 * 4 * 11 * 8 + 5 * 2 * 4 * 11},
        Case{"Pool",
             of(OpKind::kPool, {{"kernel_shape", Ints{2, 2}}}),
             {{1, 2, 8, 8}},
             {1, 2, 4, 4},
             0,
             32 * 4},
        Case{"Reduce", of(OpKind::kReduce), {{1, 2, 8, 8}}, {1, 2}, 0, 128},
        Case{"ResizeNearest", of(OpKind::kResize), {{1, 1, 2, 2}}, {1, 1, 4, 4}, 0, 0},
        Case{"ResizeLinear",
             of(OpKind::kResize, {{"mode", std::string("linear")}}),
             {{1, 1, 2, 2}},
             {1, 1, 4, 4},
             0,
             16 * 7},
        Case{"Clamp", of(OpKind::kClamp), {{4, 4}}, {4, 4}, 0, 16},
        Case{"Sigmoid", of(OpKind::kSigmoid), {{4, 4}}, {4, 4}, 0, 64},
        Case{"Softmax", of(OpKind::kSoftmax), {{4, 4}}, {4, 4}, 0, 80},
        Case{"Normalize", of(OpKind::kNormalize), {{4, 4}}, {4, 4}, 0, 112},
        Case{"Quantize", of(OpKind::kQuantize), {{4, 4}, {}, {}}, {4, 4}, 0, 48},
        Case{"Dequantize", of(OpKind::kDequantize), {{4, 4}, {}, {}}, {4, 4}, 0, 32},
        Case{"DynamicQuantize", of(OpKind::kDynamicQuantize), {{4, 4}}, {4, 4}, 0, 80},
        Case{"Reshape", of(OpKind::kReshape), {{4, 4}, {1}}, {16}, 0, 0},
        Case{"Join", of(OpKind::kJoin), {{4, 4}}, {4, 4}, 0, 0},
        Case{"WhatTheReaderSays", of_operations(OpKind::kElementwise, 8), {{4}}, {4}, 0, 32},
        Case{"OfAnotherKind", of_operations(OpKind::kOther, 1), {{4}}, {4}, 0, 4}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(OperatorCosts, OfUnknownShapes_AreAbsent) {
  const auto graph = GraphBuilder()
                         .input("x", {1, 3, 8, 8})
                         .weight("w", {4, 3, 3, 3})
                         .op(kConv, {"x", "w"}, {"y"})
                         .op(kReshape, {"y"}, {"z"})
                         .output("z")
                         .build();
  const auto costs = operator_costs(graph, QdqCounting::kInclude);
  EXPECT_FALSE(costs[0].macs);
  EXPECT_FALSE(costs[0].output_bytes);
  EXPECT_EQ(costs[0].weight_bytes, 4 * 27 * 4);
  EXPECT_EQ(costs[0].parameters, 4 * 27);
  EXPECT_EQ(costs[1].macs, 0) << "moving data never multiplies";
}

TEST(OperatorCosts, OfOperatorsThatNobodyKnows_AreAbsent) {
  const auto graph = GraphBuilder()
                         .input("x", {4, 4})
                         .value("y", {4, 4})
                         .op(kCustom, {"x"}, {"y"})
                         .output("y")
                         .build();
  const auto cost = operator_costs(graph, QdqCounting::kInclude)[0];
  EXPECT_FALSE(cost.macs);
  EXPECT_FALSE(cost.flops);
  EXPECT_EQ(cost.output_bytes, 64);
}

TEST(OperatorCosts, ThatOverflow_AreAbsent) {
  constexpr auto kHuge = std::int64_t{1} << 31;
  const auto graph = GraphBuilder()
                         .input("a", {kHuge, kHuge})
                         .input("b", {kHuge, kHuge})
                         .value("y", {kHuge, kHuge})
                         .op(kMatMul, {"a", "b"}, {"y"})
                         .output("y")
                         .build();
  EXPECT_FALSE(operator_costs(graph, QdqCounting::kInclude)[0].macs);
}

/// x -Q-DQ- MatMul -Q-DQ- Custom: the first pair and the second Q fold, the last DQ does not.
Graph quantized_product() {
  return GraphBuilder()
      .input("x", {1, 8})
      .weight("s", {})
      .weight("wq", {8, 8}, DType::kInt8)
      .value("xq", {1, 8}, DType::kUInt8)
      .value("xd", {1, 8})
      .value("w", {8, 8})
      .value("a", {1, 8})
      .value("r", {1, 8})
      .value("rq", {1, 8}, DType::kUInt8)
      .value("rd", {1, 8})
      .value("y", {1, 8})
      .op(kQuantize, {"x", "s"}, {"xq"})
      .op(kDequantize, {"xq", "s"}, {"xd"})
      .op(kDequantize, {"wq", "s"}, {"w"})
      .op(kGemm, {"xd", "w"}, {"a"})
      .op(kRelu, {"a"}, {"r"})
      .op(kQuantize, {"r", "s"}, {"rq"})
      .op(kDequantize, {"rq", "s"}, {"rd"})
      .op(kCustom, {"rd"}, {"y"})
      .output("y")
      .build();
}

TEST(OperatorCosts, QdqCounting_IncludesExcludesOrDiscounts) {
  const auto graph = quantized_product();
  const auto conversions = [&](QdqCounting counting) {
    const auto costs = operator_costs(graph, counting);
    std::vector<std::int64_t> flops;
    for (const auto i : {0U, 1U, 2U, 5U, 6U}) {
      flops.push_back(costs[i].flops.value_or(-1));
    }
    EXPECT_EQ(costs[3].macs, 64) << "the product itself always counts";
    return flops;
  };
  using Flops = std::vector<std::int64_t>;
  EXPECT_EQ(conversions(QdqCounting::kInclude), (Flops{24, 16, 128, 24, 16}));
  EXPECT_EQ(conversions(QdqCounting::kExclude), (Flops{0, 0, 0, 0, 0}));
  EXPECT_EQ(conversions(QdqCounting::kDiscount), (Flops{24, 0, 0, 0, 16}));
}

TEST(OperatorCosts, ControlFlow_CountsItsBodies) {
  const auto body = [](std::int64_t width) {
    return GraphBuilder()
        .input("a", {1, 4})
        .weight("w", {4, width})
        .value("b", {1, width})
        .op(kMatMul, {"a", "w"}, {"b"})
        .output("b")
        .build();
  };
  const auto cost_of = [&](std::vector<Graph> bodies, std::int64_t scanned = 0) {
    Graph graph;
    TensorInfo sequence;
    sequence.name = "x";
    sequence.kind = TensorKind::kInput;
    sequence.dtype = DType::kFloat32;
    sequence.shape = {{{7, {}}, {4, {}}}};
    const auto x = graph.add_tensor(sequence);
    graph.mark_input(x);
    TensorInfo result;
    result.name = "y";
    const auto y = graph.add_tensor(result);
    Op op;
    op.name = "flow";
    op.type = "TOY_FLOW";
    op.kind = OpKind::kControl;
    op.inputs = {x};
    op.outputs = {y};
    if (scanned > 0) {
      op.attributes.emplace("num_scan_inputs", scanned);
    }
    op.bodies = std::move(bodies);
    graph.add_op(std::move(op));
    EXPECT_TRUE(graph.finish().has_value());
    return operator_costs(graph, QdqCounting::kInclude)[0];
  };
  EXPECT_EQ(cost_of({body(2), body(8)}).macs, 32) << "the dearer branch";
  EXPECT_EQ(cost_of({body(2)}).macs, 8);
  EXPECT_EQ(cost_of({body(2)}, 1).macs, 7 * 8) << "once per step";
  EXPECT_EQ(cost_of({body(2), body(8)}).weight_bytes, 4 * (8 + 32));
}

TEST(PeakActivations, CountsWhatLivesTogether) {
  // a (16 bytes) lives until the Add; b (4) and c (4) one after the other.
  const auto graph = GraphBuilder()
                         .input("x", {4})
                         .weight("w", {1000})
                         .value("a", {4})
                         .value("b", {1})
                         .value("c", {1})
                         .value("y", {4})
                         .op(kRelu, {"x"}, {"a"})
                         .op(kReduce, {"a"}, {"b"})
                         .op(kElementwise, {"b"}, {"c"})
                         .op(kAdd, {"a", "c"}, {"y"})
                         .output("y")
                         .build();
  EXPECT_EQ(peak_activation_bytes(graph), 16 + 4 + 16) << "a, c and y; weights do not count";
}

TEST(PeakActivations, OfSequencesAndMaps_AreNone) {
  const auto peak_of = [](OpKind kind) {
    return peak_activation_bytes(GraphBuilder()
                                     .input("x", {4})
                                     .op({.type = "TOY", .kind = kind}, {"x"}, {"y"})
                                     .output("y")
                                     .build());
  };
  EXPECT_EQ(peak_of(OpKind::kContainer), 16);
  EXPECT_EQ(peak_of(OpKind::kOther), std::nullopt);
}

TEST(PeakActivations, OfUnknownSizes_IsAbsent) {
  const auto graph = GraphBuilder().input("x", {4}).op(kRelu, {"x"}, {"y"}).output("y").build();
  EXPECT_FALSE(peak_activation_bytes(graph));
}

}  // namespace
}  // namespace tessera::graph
