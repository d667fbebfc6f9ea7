// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/cost.h"

#include <gtest/gtest.h>

#include "graph/graph_support.h"

namespace tessera::graph {
namespace {

using Ints = std::vector<std::int64_t>;

/// Expected work of a single operator, derived by hand from the operator's definition.
struct Case {
  const char* name;
  const char* type;
  const char* domain;
  std::vector<Shape> inputs;
  Shape output;
  std::map<std::string, Attribute, std::less<>> attributes;
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
  const auto graph = builder.value("y", c.output)
                         .op(c.type, names, {"y"}, c.attributes, c.domain)
                         .output("y")
                         .build();
  const auto cost = operator_costs(graph, QdqCounting::kInclude)[0];
  EXPECT_EQ(cost.macs, c.macs);
  EXPECT_EQ(cost.flops, c.flops);
}

const char* const kMs = "com.microsoft";

INSTANTIATE_TEST_SUITE_P(
    All, OperatorCost,
    ::testing::Values(
        // 64 outputs of 8x8, each a product with 3x3x3 weights, plus a bias.
        Case{"Conv",
             "Conv",
             "",
             {{1, 3, 8, 8}, {64, 3, 3, 3}, {64}},
             {1, 64, 8, 8},
             {},
             64 * 64 * 27,
             2 * 64 * 64 * 27 + 64 * 64},
        Case{"DepthwiseConv",
             "Conv",
             "",
             {{1, 8, 4, 4}, {8, 1, 3, 3}},
             {1, 8, 4, 4},
             {{"group", std::int64_t{8}}},
             8 * 16 * 9,
             2 * 8 * 16 * 9},
        Case{"Conv1d",
             "Conv",
             "",
             {{2, 4, 10}, {6, 4, 5}},
             {2, 6, 6},
             {},
             2 * 6 * 6 * 20,
             2 * 2 * 6 * 6 * 20},
        Case{"ConvTranspose",
             "ConvTranspose",
             "",
             {{1, 4, 5, 5}, {4, 2, 2, 2}},
             {1, 2, 10, 10},
             {},
             100 * 8,
             2 * 100 * 8},
        Case{"ConvInteger",
             "ConvInteger",
             "",
             {{1, 3, 4, 4}, {2, 3, 1, 1}},
             {1, 2, 4, 4},
             {},
             32 * 3,
             2 * 32 * 3},
        Case{"QLinearConv",
             "QLinearConv",
             "",
             {{1, 3, 4, 4}, {}, {}, {2, 3, 1, 1}, {}, {}, {}, {}, {2}},
             {1, 2, 4, 4},
             {},
             32 * 3,
             2 * 32 * 3 + 32},
        Case{
            "FusedConv", "FusedConv", kMs, {{1, 3, 4, 4}, {2, 3, 1, 1}}, {1, 2, 4, 4}, {}, 96, 192},
        Case{"Gemm", "Gemm", "", {{5, 7}, {7, 3}, {3}}, {5, 3}, {}, 105, 210 + 15},
        Case{"GemmTransposed",
             "Gemm",
             "",
             {{7, 5}, {7, 3}},
             {5, 3},
             {{"transA", std::int64_t{1}}},
             105,
             210},
        Case{"QGemm",
             "QGemm",
             kMs,
             {{5, 7}, {}, {}, {7, 3}, {}, {}, {3}, {}, {}},
             {5, 3},
             {},
             105,
             225},
        Case{"MatMulBatched",
             "MatMul",
             "",
             {{2, 4, 5, 7}, {7, 3}},
             {2, 4, 5, 3},
             {},
             8 * 105,
             16 * 105},
        Case{"MatMulVector", "MatMul", "", {{7}, {7, 3}}, {3}, {}, 21, 42},
        Case{"MatMulInteger", "MatMulInteger", "", {{5, 7}, {7, 3}}, {5, 3}, {}, 105, 210},
        Case{"QLinearMatMul",
             "QLinearMatMul",
             "",
             {{5, 7}, {}, {}, {7, 3}, {}, {}, {}, {}},
             {5, 3},
             {},
             105,
             210},
        Case{"FusedMatMul",
             "FusedMatMul",
             kMs,
             {{7, 5}, {7, 3}},
             {5, 3},
             {{"transA", std::int64_t{1}}},
             105,
             210},
        Case{"MatMulNBits",
             "MatMulNBits",
             kMs,
             {{5, 64}, {3, 2, 16}, {6}},
             {5, 3},
             {{"K", std::int64_t{64}}, {"N", std::int64_t{3}}},
             5 * 64 * 3,
             2 * 5 * 64 * 3},
        Case{"EinsumMatrix",
             "Einsum",
             "",
             {{2, 3, 4}, {2, 4, 5}},
             {2, 3, 5},
             {{"equation", std::string("bij, bjk -> bik")}},
             120,
             240},
        Case{"EinsumEllipsis",
             "Einsum",
             "",
             {{6, 2, 3, 4}, {4, 5}},
             {6, 2, 3, 5},
             {{"equation", std::string("...ij,jk->...ik")}},
             6 * 2 * 3 * 4 * 5,
             2 * 720},
        Case{"EinsumTranspose",
             "Einsum",
             "",
             {{3, 4}},
             {4, 3},
             {{"equation", std::string("ij->ji")}},
             0,
             12},
        // 10 steps of batch 2: 4 gates x 8 hidden from 6 inputs and 8 hidden, one direction.
        Case{"Lstm",
             "LSTM",
             "",
             {{10, 2, 6}, {1, 32, 6}, {1, 32, 8}},
             {10, 1, 2, 8},
             {},
             20 * (192 + 256),
             2 * 20 * 448 + 3 * 20 * 32},
        Case{"Gru",
             "GRU",
             "",
             {{10, 2, 6}, {2, 24, 6}, {2, 24, 8}},
             {10, 2, 2, 8},
             {},
             20 * (288 + 384),
             2 * 20 * 672 + 3 * 20 * 48},
        // Projections 1x4x8x24, scores and context 2 x 4x4x8, softmax over 2 heads of 4x4.
        Case{"QAttention",
             "QAttention",
             kMs,
             {{1, 4, 8}, {8, 24}},
             {1, 4, 8},
             {{"num_heads", std::int64_t{2}}},
             768 + 256,
             2 * 1024 + 5 * 32},
        Case{"Attention23",
             "Attention",
             "",
             {{1, 2, 4, 4}, {1, 2, 6, 4}, {1, 2, 6, 4}},
             {1, 2, 4, 4},
             {},
             2 * 4 * 6 * 8,
             4 * 4 * 6 * 8 + 5 * 2 * 24},
        Case{"MaxPool",
             "MaxPool",
             "",
             {{1, 2, 8, 8}},
             {1, 2, 4, 4},
             {{"kernel_shape", Ints{2, 2}}},
             0,
             32 * 4},
        Case{
            "GlobalAveragePool", "GlobalAveragePool", "", {{1, 2, 8, 8}}, {1, 2, 1, 1}, {}, 0, 128},
        Case{"QLinearGlobalAveragePool",
             "QLinearGlobalAveragePool",
             kMs,
             {{1, 2, 8, 8}},
             {1, 2, 1, 1},
             {},
             0,
             128},
        Case{"ReduceMean", "ReduceMean", "", {{1, 2, 8, 8}}, {1, 2}, {}, 0, 128},
        Case{"Relu", "Relu", "", {{4, 4}}, {4, 4}, {}, 0, 16},
        Case{"QLinearAdd", "QLinearAdd", kMs, {{4, 4}}, {4, 4}, {}, 0, 16},
        Case{"QLinearSigmoid", "QLinearSigmoid", kMs, {{4, 4}}, {4, 4}, {}, 0, 64},
        Case{"Sum3", "Sum", "", {{4}, {4}, {4}}, {4}, {}, 0, 8},
        Case{"Reshape", "Reshape", "", {{4, 4}, {1}}, {16}, {}, 0, 0},
        Case{"QLinearConcat", "QLinearConcat", kMs, {{4, 4}}, {4, 4}, {}, 0, 0},
        Case{"Quantize", "QuantizeLinear", "", {{4, 4}, {}, {}}, {4, 4}, {}, 0, 48},
        Case{"Dequantize", "DequantizeLinear", "", {{4, 4}, {}, {}}, {4, 4}, {}, 0, 32},
        Case{"ResizeNearest", "Resize", "", {{1, 1, 2, 2}}, {1, 1, 4, 4}, {}, 0, 0}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(OperatorCosts, OfUnknownShapes_AreAbsent) {
  const auto graph = GraphBuilder()
                         .input("x", {1, 3, 8, 8})
                         .weight("w", {4, 3, 3, 3})
                         .op("Conv", {"x", "w"}, {"y"})
                         .op("Reshape", {"y"}, {"z"})
                         .output("z")
                         .build();
  const auto costs = operator_costs(graph, QdqCounting::kInclude);
  EXPECT_FALSE(costs[0].macs);
  EXPECT_FALSE(costs[0].output_bytes);
  EXPECT_EQ(costs[0].weight_bytes, 4 * 27 * 4);
  EXPECT_EQ(costs[0].parameters, 4 * 27);
  EXPECT_EQ(costs[1].macs, 0) << "moving data never multiplies";
}

TEST(OperatorCosts, OfCustomDomains_AreAbsent) {
  const auto graph = GraphBuilder()
                         .input("x", {4, 4})
                         .value("y", {4, 4})
                         .op("Mystery", {"x"}, {"y"}, {}, "my.domain")
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
                         .op("MatMul", {"a", "b"}, {"y"})
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
      .op("QuantizeLinear", {"x", "s"}, {"xq"})
      .op("DequantizeLinear", {"xq", "s"}, {"xd"})
      .op("DequantizeLinear", {"wq", "s"}, {"w"})
      .op("Gemm", {"xd", "w"}, {"a"})
      .op("Relu", {"a"}, {"r"})
      .op("QuantizeLinear", {"r", "s"}, {"rq"})
      .op("DequantizeLinear", {"rq", "s"}, {"rd"})
      .op("Custom", {"rd"}, {"y"})
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
        .op("MatMul", {"a", "w"}, {"b"})
        .output("b")
        .build();
  };
  const auto cost_of = [&](const char* type, std::vector<Graph> bodies) {
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
    op.type = type;
    op.inputs = {x};
    op.outputs = {y};
    op.attributes.emplace("num_scan_inputs", std::int64_t{1});
    op.bodies = std::move(bodies);
    graph.add_op(std::move(op));
    EXPECT_TRUE(graph.finish().has_value());
    return operator_costs(graph, QdqCounting::kInclude)[0];
  };
  EXPECT_EQ(cost_of("If", {body(2), body(8)}).macs, 32) << "the dearer branch";
  EXPECT_EQ(cost_of("Loop", {body(2)}).macs, 8);
  EXPECT_EQ(cost_of("Scan", {body(2)}).macs, 7 * 8) << "once per step";
  EXPECT_EQ(cost_of("If", {body(2), body(8)}).weight_bytes, 4 * (8 + 32));
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
                         .op("Relu", {"x"}, {"a"})
                         .op("ReduceSum", {"a"}, {"b"})
                         .op("Neg", {"b"}, {"c"})
                         .op("Add", {"a", "c"}, {"y"})
                         .output("y")
                         .build();
  EXPECT_EQ(peak_activation_bytes(graph), 16 + 4 + 16) << "a, c and y; weights do not count";
}

TEST(PeakActivations, OfUnknownSizes_IsAbsent) {
  const auto graph = GraphBuilder().input("x", {4}).op("Relu", {"x"}, {"y"}).output("y").build();
  EXPECT_FALSE(peak_activation_bytes(graph));
}

}  // namespace
}  // namespace tessera::graph
