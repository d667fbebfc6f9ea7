// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "support/matchers.h"

namespace tessera::report {
namespace {

using graph::TensorKind;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

constexpr auto kLargest = std::numeric_limits<std::int64_t>::max();

/// x (1x3x8x8) -> Conv with w -> c -> custom operator -> y, of which nothing is known.
graph::Graph two_operators(std::int64_t extent = 8) {
  graph::Graph graph;
  const auto add = [&](const char* name, TensorKind kind, std::vector<std::int64_t> shape) {
    graph::TensorInfo tensor;
    tensor.name = name;
    tensor.kind = kind;
    tensor.dtype = DType::kFloat32;
    tensor.shape.emplace();
    for (const auto dim : shape) {
      tensor.shape->push_back({dim, dim < 0 ? "N" : ""});
    }
    return graph.add_tensor(std::move(tensor));
  };
  const auto x = add("x", TensorKind::kInput, {1, 3, extent, extent});
  const auto w = add("w", TensorKind::kInitializer, {4, 3, 1, 1});
  const auto c = add("c", TensorKind::kActivation, {1, 4, extent, extent});
  const auto y = add("y", TensorKind::kActivation, {-1, 4});
  graph.tensor(y).dtype = DType::kInt64;
  graph::Op conv;
  conv.name = "conv";
  conv.type = "Conv";
  conv.kind = graph::OpKind::kConv;
  conv.inputs = {x, w};
  conv.outputs = {c};
  graph.add_op(std::move(conv));
  graph::Op custom;
  custom.name = "decode";
  custom.type = "Decode";
  custom.domain = "my.domain";
  custom.inputs = {c};
  custom.outputs = {y};
  graph.add_op(std::move(custom));
  graph.mark_input(x);
  graph.mark_output(y);
  EXPECT_THAT(graph.finish(), IsOk());
  return graph;
}

TEST(InspectionText, OfASmallModel) {
  const auto graph = two_operators();
  const auto text = inspection_text(graph::inspect(graph, {}), graph, "m.onnx (opset 13)", {}, 0);
  EXPECT_THAT(text, HasSubstr("model       m.onnx (opset 13)\n"
                              "operators   2\n"
                              "parameters  12, 48 B of constants\n"
                              "compute     at least 768 MACs, "));
  EXPECT_THAT(text, HasSubstr("(1 operators of unknown cost left out)\n"
                              "activations - at most at a time\n"
                              "quantized   none\n"));
  EXPECT_THAT(text, HasSubstr("        name  type     shape    bytes\n"
                              "input   x     float32  1x3x8x8  768 B\n"
                              "output  y     int64    Nx4          -\n"));
}

TEST(OperatorTable, MostMacsFirst_UnknownOnesLast) {
  const auto graph = two_operators();
  const auto text = operator_table(graph::inspect(graph, {}), graph).text();
  EXPECT_THAT(text, HasSubstr("conv      Conv              1x4x8x8  float32   768      100.0"));
  EXPECT_THAT(text, HasSubstr("decode    my.domain.Decode  Nx4      int64       -          -"));
  EXPECT_LT(text.find("conv "), text.find("decode "));
}

TEST(TypeTable, WithOneType_HasNoTotal) {
  graph::Inspection inspection;
  inspection.macs = 100;
  inspection.types = {{"Conv", 2, 100, 48}};
  inspection.costs.resize(2);
  inspection.weight_bytes = 48;
  EXPECT_EQ(type_table(inspection).text(),
            "type  count  MACs  % of MACs  weights\n"
            "Conv      2   100      100.0     48 B\n");
  inspection.types.push_back({"Relu", 1, 0, 0});
  inspection.types.push_back({"Odd", 1, std::nullopt, 0});
  inspection.costs.resize(4);
  EXPECT_EQ(type_table(inspection).text(),
            "type  count  MACs  % of MACs  weights\n"
            "Conv      2   100      100.0     48 B\n"
            "Relu      1     0        0.0      0 B\n"
            "Odd       1     -          -      0 B\n"
            "-------------------------------------\n"
            "all       4   100                48 B\n");
}

TEST(TypeTable, WithoutMacs_HasNoShares) {
  graph::Inspection inspection;
  inspection.types = {{"Relu", 2, 0, 0}};
  EXPECT_THAT(type_table(inspection).text(), HasSubstr("Relu      2     0          -      0 B\n"))
      << "not 0 of 0";
}

TEST(InspectionText, SizesBeyondNumbers_AreWords) {
  const auto graph = two_operators(std::int64_t{1} << 31);
  auto inspection = graph::inspect(graph, {});
  inspection.parameters = kLargest;
  inspection.weight_bytes = kLargest;
  inspection.macs.reset();
  const auto text = inspection_text(inspection, graph, "m.onnx", {}, 0);
  EXPECT_THAT(text, HasSubstr("parameters  too large to count, too large to count of constants\n"
                              "compute     too large to count\n"));
  EXPECT_THAT(text, HasSubstr("1x3x2147483648x2147483648  too large to count\n"));
  EXPECT_THAT(text, Not(HasSubstr("-1")));
}

TEST(InspectionText, QuantizedModels_SayHow) {
  const auto graph = two_operators();
  auto inspection = graph::inspect(graph, {});
  inspection.unknown_macs = 0;
  inspection.body_nodes = 3;
  inspection.quantization = {graph::QuantizationState::kQdq, 5, 7, 2, 0.925};
  const auto with = [&](graph::QdqCounting counting) {
    inspection.qdq = counting;
    return inspection_text(inspection, graph, "m.onnx", {}, 0);
  };
  EXPECT_THAT(with(graph::QdqCounting::kInclude), HasSubstr(", Q/DQ included\n"));
  EXPECT_THAT(with(graph::QdqCounting::kExclude), HasSubstr(", Q/DQ left out\n"));
  EXPECT_THAT(with(graph::QdqCounting::kDiscount), HasSubstr(", folded Q/DQ left out\n"));
  EXPECT_THAT(with(graph::QdqCounting::kInclude),
              HasSubstr("quantized   qdq, 5 QuantizeLinear, 7 DequantizeLinear, 2 integer "
                        "operators with 92.5 % of the MACs\n"));
  EXPECT_THAT(with(graph::QdqCounting::kInclude), HasSubstr("operators   2 and 3 in bodies\n"));
}

graph::Inspection with_cuts() {
  graph::Inspection inspection;
  const auto cut = [](std::uint32_t tensor, std::optional<std::int64_t> int8, std::int64_t before) {
    graph::Cut made;
    made.tensors = {{tensor}};
    made.bytes = int8 ? std::optional(4 * *int8) : std::nullopt;
    made.int8_bytes = int8;
    made.macs_before = before;
    made.macs_after = 1000 - before;
    return made;
  };
  inspection.cuts = {cut(0, 300, 0), cut(2, 100, 250), cut(2, {}, 500), cut(2, 200, 1000)};
  return inspection;
}

TEST(CutTable, Top_TakesTheSmallestAndKeepsTheOrder) {
  const auto graph = two_operators();
  EXPECT_EQ(cut_table(with_cuts(), graph, 2).text(),
            "crossing tensors  bytes  as int8  MACs before  MACs after  % before\n"
            "c 1x4x8x8         400 B    100 B          250         750      25.0\n"
            "c 1x4x8x8         800 B    200 B       1.00 k           0     100.0\n");
  const auto three = cut_table(with_cuts(), graph, 3).text();
  EXPECT_LT(three.find("x 1x3x8x8"), three.find("c 1x4x8x8")) << "in order of MACs before";
  EXPECT_EQ(cut_table(with_cuts(), graph, 0).rows(), 4U);
  EXPECT_EQ(cut_table(with_cuts(), graph, 9).rows(), 4U);
  EXPECT_EQ(cut_table({}, graph, 0).rows(), 0U) << "nobody asked for cuts";
}

TEST(InspectionText, Cuts_AreCounted) {
  const auto graph = two_operators();
  auto inspection = graph::inspect(graph, {});
  inspection.cuts = with_cuts().cuts;
  EXPECT_THAT(inspection_text(inspection, graph, "m", {}, 2),
              HasSubstr("\n4 cuts, the 2 with the fewest bytes as int8\n"));
  EXPECT_THAT(inspection_text(inspection, graph, "m", {}, 0), HasSubstr("\n4 cuts\n"));
  inspection.cuts->front().macs_before = kLargest;
  inspection.cuts->front().macs_after = kLargest;
  EXPECT_THAT(cut_table(inspection, graph, 0).text(), HasSubstr("too large to count         -\n"))
      << "their sum is no number";
}

}  // namespace
}  // namespace tessera::report
