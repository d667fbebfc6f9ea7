// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/graph/cost.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {
namespace {

using graph::Arithmetic;
using graph::Op;
using graph::OpKind;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;
using Attributes = std::map<std::string, graph::Attribute, std::less<>>;

Op op_of(std::string type, std::string domain = {}) {
  Op op{.type = std::move(type), .domain = std::move(domain)};
  classify(op);
  return op;
}

/// Work of a single operator as ONNX writes it, derived by hand from the operator's definition.
struct Case {
  const char* name;
  const char* type;
  const char* domain;
  std::vector<Shape> inputs;
  Shape output;
  Attributes attributes;
  std::int64_t macs;
  std::int64_t flops;
};

class OnnxOperatorCost : public ::testing::TestWithParam<Case> {};

TEST_P(OnnxOperatorCost, IsThatOfTheDefinition) {
  const auto& c = GetParam();
  graph::Graph graph;
  const auto tensor = [&](std::string name, const Shape& shape) {
    graph::TensorInfo info{.name = std::move(name), .dtype = DType::kFloat32};
    info.shape.emplace();
    for (const auto extent : shape) {
      info.shape->push_back({extent, {}});
    }
    return graph.add_tensor(std::move(info));
  };
  Op op{.name = "op", .type = c.type, .domain = c.domain, .attributes = c.attributes};
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    op.inputs.push_back(tensor("i" + std::to_string(i), c.inputs[i]));
    graph.mark_input(*op.inputs.back());
  }
  op.outputs = {tensor("y", c.output)};
  graph.mark_output(*op.outputs.front());
  classify(op);
  graph.add_op(std::move(op));
  ASSERT_THAT(graph.finish(), IsOk());
  const auto cost = graph::operator_costs(graph, graph::QdqCounting::kInclude)[0];
  EXPECT_EQ(cost.macs, c.macs);
  EXPECT_EQ(cost.flops, c.flops);
}

const char* const kMs = "com.microsoft";

INSTANTIATE_TEST_SUITE_P(
    All, OnnxOperatorCost,
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
        Case{"ResizeNearest", "Resize", "", {{1, 1, 2, 2}}, {1, 1, 4, 4}, {}, 0, 0},
        Case{"ResizeCubic",
             "Resize",
             "",
             {{1, 1, 2, 2}},
             {1, 1, 4, 4},
             {{"mode", std::string("cubic")}},
             0,
             16 * 31},
        Case{"Lrn", "LRN", "", {{4, 4}}, {4, 4}, {{"size", std::int64_t{5}}}, 0, 16 * 13},
        Case{"Clip", "Clip", "", {{4, 4}}, {4, 4}, {}, 0, 32},
        Case{"Sin", "Sin", "ai.onnx", {{4, 4}}, {4, 4}, {}, 0, 16},
        Case{"Unlisted", "Tokenizer", kMs, {{4, 4}}, {4, 4}, {}, 0, 16},
        Case{"QLinearReduceMean", "QLinearReduceMean", kMs, {{8, 4}}, {8}, {}, 0, 32},
        Case{"BlockedConv",
             "Conv",
             "com.microsoft.nchwc",
             {{1, 3, 4, 4}, {2, 3, 1, 1}},
             {1, 2, 4, 4},
             {},
             96,
             192},
        Case{"MultiHeadAttention",
             "MultiHeadAttention",
             kMs,
             {{1, 4, 8}, {1, 6, 8}, {1, 6, 8}, {}, {}, {}, {1, 2, 5, 4}},
             {1, 4, 8},
             {{"num_heads", std::int64_t{2}}},
             2 * 4 * 11 * 8,
             4 * 4 * 11 * 8 + 5 * 2 * 4 * 11}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(Kinds, OfOnnx_AreWhatTheOperatorsAre) {
  const std::map<std::string, OpKind> kinds = {{"Conv", OpKind::kConv},
                                               {"ConvTranspose", OpKind::kTransposedConv},
                                               {"Gemm", OpKind::kGemm},
                                               {"MatMul", OpKind::kMatMul},
                                               {"LSTM", OpKind::kLstm},
                                               {"GRU", OpKind::kRecurrent},
                                               {"Add", OpKind::kAdd},
                                               {"Mul", OpKind::kMul},
                                               {"Sub", OpKind::kElementwise},
                                               {"Relu", OpKind::kClamp},
                                               {"Clip", OpKind::kClamp},
                                               {"LeakyRelu", OpKind::kElementwise},
                                               {"Sigmoid", OpKind::kSigmoid},
                                               {"MaxPool", OpKind::kPool},
                                               {"GlobalAveragePool", OpKind::kReduce},
                                               {"Identity", OpKind::kReshape},
                                               {"Flatten", OpKind::kReshape},
                                               {"Transpose", OpKind::kPermute},
                                               {"DepthToSpace", OpKind::kPermute},
                                               {"NhwcDepthToSpace", OpKind::kPermute},
                                               {"Gather", OpKind::kGather},
                                               {"GatherND", OpKind::kSelect},
                                               {"Slice", OpKind::kSelect},
                                               {"Concat", OpKind::kJoin},
                                               {"Pad", OpKind::kPad},
                                               {"Resize", OpKind::kResize},
                                               {"Cast", OpKind::kCast},
                                               {"QuantizeLinear", OpKind::kQuantize},
                                               {"DynamicQuantizeLinear", OpKind::kDynamicQuantize},
                                               {"DequantizeLinear", OpKind::kDequantize},
                                               {"If", OpKind::kControl},
                                               {"SequenceAt", OpKind::kContainer},
                                               {"RandomNormalLike", OpKind::kRandom},
                                               {"Tile", OpKind::kOther},
                                               {"NoSuchOperator", OpKind::kOther}};
  for (const auto& [type, kind] : kinds) {
    EXPECT_EQ(op_of(type).kind, kind) << type;
  }
}

TEST(Kinds, OfIntegerOperators_AreThoseOfWhatTheyCompute) {
  const auto conv = op_of("QLinearConv");
  EXPECT_EQ(conv.kind, OpKind::kConv);
  EXPECT_EQ(conv.arithmetic, Arithmetic::kInteger);
  EXPECT_EQ(conv.operands.weights, 3U);
  EXPECT_EQ(conv.operands.bias, 8U);
  const auto sum = op_of("QLinearAdd", "com.microsoft");
  EXPECT_EQ(sum.kind, OpKind::kAdd);
  EXPECT_EQ(sum.arithmetic, Arithmetic::kInteger);
  const auto product = op_of("MatMulIntegerToFloat", "com.microsoft");
  EXPECT_EQ(product.kind, OpKind::kMatMul);
  EXPECT_EQ(product.arithmetic, Arithmetic::kDynamic);
  EXPECT_EQ(op_of("MatMulNBits", "com.microsoft").arithmetic, Arithmetic::kWeightOnly);
  EXPECT_EQ(op_of("DynamicQuantizeLinear").arithmetic, Arithmetic::kFloat);
  EXPECT_EQ(op_of("MatMul").arithmetic, Arithmetic::kFloat);
}

TEST(Kinds, OfOneNameInTwoDomains_AreToldApart) {
  EXPECT_EQ(op_of("Attention").kind, OpKind::kDotProductAttention);
  EXPECT_EQ(op_of("Attention", "com.microsoft").kind, OpKind::kAttention);
}

TEST(Kinds, OfForeignDomains_AreUnknownButForConversionsAndRandomNumbers) {
  const auto foreign = op_of("Conv", "my.domain");
  EXPECT_EQ(foreign.kind, OpKind::kOther);
  EXPECT_FALSE(foreign.operations);
  EXPECT_FALSE(foreign.integer_kernel);
  EXPECT_EQ(op_of("NoSuchOperator").operations, 1) << "of the standard domain, but not listed";
  EXPECT_EQ(op_of("QuantizeLinear", "my.domain").kind, OpKind::kQuantize);
  EXPECT_EQ(op_of("RandomNormal", "my.domain").kind, OpKind::kRandom);
}

TEST(Kinds, IntegerKernels_AreOfStandardFloatOperators) {
  EXPECT_TRUE(op_of("Conv").integer_kernel);
  EXPECT_TRUE(op_of("Where").integer_kernel);
  EXPECT_FALSE(op_of("Relu").integer_kernel);
  EXPECT_FALSE(op_of("QLinearConv").integer_kernel);
  EXPECT_FALSE(op_of("Conv", "com.microsoft.nchwc").integer_kernel);
}

TEST(View, SaysKindsInBodiesToo) {
  const auto model =
      Model::load(std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/bodies/looping.onnx");
  ASSERT_THAT(model, IsOk());
  const auto view = model->view();
  ASSERT_THAT(view, IsOk());
  const auto& loop = view->op(*view->find_op("loop"));
  EXPECT_EQ(loop.kind, OpKind::kControl);
  const auto& inside = loop.bodies.at(0).ops();
  EXPECT_TRUE(std::any_of(inside.begin(), inside.end(),
                          [](const Op& op) { return op.kind == OpKind::kMatMul; }));
}

TEST(View, IntegersThatAnOperatorMakes_HaveTheirScale) {
  const auto scalar = [](float value) { return Tensor::of(std::vector<float>{value}, {}); };
  Tensor zero(DType::kUInt8, {});
  zero.bytes()[0] = std::byte{128};
  const auto model =
      ModelBuilder(13)
          .input("x", {2, 4})
          .input("given", {})
          .constant("s", scalar(0.5))
          .constant("z", zero)
          .constant("rows", Tensor::of(std::vector<float>{1, 2}, {2}))
          .op("QuantizeLinear", {"x", "s", "z"}, {"q"})
          .op("QuantizeLinear", {"x", "s"}, {"no_zero"})
          .op("QuantizeLinear", {"x", "rows"}, {"by_rows"}, {{"axis", std::int64_t{0}}})
          .op("QuantizeLinear", {"x", "given"}, {"at_run_time"})
          .op("DequantizeLinear", {"q", "s", "z"}, {"r"})
          .op("Transpose", {"q"}, {"t"})
          .output("r", {2, 4})
          .build();
  const auto view = model.view();
  ASSERT_THAT(view, IsOk());
  const auto of = [&](const char* name) {
    return view->tensor(*view->find_tensor(name)).quantization;
  };
  ASSERT_TRUE(of("q"));
  EXPECT_EQ(of("q")->scale, 0.5);
  EXPECT_EQ(of("q")->zero_point, 128);
  ASSERT_TRUE(of("no_zero"));
  EXPECT_EQ(of("no_zero")->zero_point, 0);
  for (const auto* const name : {"x", "by_rows", "at_run_time", "r", "t"}) {
    EXPECT_FALSE(of(name)) << name;
  }
}

}  // namespace
}  // namespace tessera::onnx
