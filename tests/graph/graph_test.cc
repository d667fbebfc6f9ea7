// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/graph_support.h"
#include "support/matchers.h"

namespace tessera::graph {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;

std::vector<std::string> op_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& op : graph.ops()) {
    names.push_back(op.name);
  }
  return names;
}

TEST(Graph, FileOrder_IsKeptWhereItIsTopological) {
  const auto graph = GraphBuilder()
                         .input("x", {1})
                         .op(kRelu, {"x"}, {"b"})
                         .op(kRelu, {"x"}, {"a"})
                         .op(kAdd, {"b", "a"}, {"y"})
                         .output("y")
                         .build();
  EXPECT_THAT(op_names(graph), ElementsAre("b_op", "a_op", "y_op"));
}

TEST(Graph, OtherOrders_AreSortedAndLinksFollow) {
  const auto graph = GraphBuilder()
                         .input("x", {1})
                         .op(kAdd, {"a", "a"}, {"y"})
                         .op(kRelu, {"x"}, {"a"})
                         .output("y")
                         .build();
  EXPECT_THAT(op_names(graph), ElementsAre("a_op", "y_op"));
  const auto a = *graph.find_tensor("a");
  EXPECT_EQ(graph.tensor(a).producer, OpId{0});
  EXPECT_THAT(graph.tensor(a).consumers, ElementsAre(OpId{1}, OpId{1})) << "one entry per use";
  EXPECT_EQ(graph.find_op("y_op"), OpId{1});
}

TEST(Graph, Cycle_IsNamed) {
  EXPECT_THAT(GraphBuilder()
                  .input("x", {1})
                  .op(kRelu, {"x"}, {"ok"})
                  .op(kAdd, {"x", "b"}, {"a"})
                  .op(kRelu, {"a"}, {"b"})
                  .finish(),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'a_op' (TOY_ADD)")));
}

TEST(Graph, TensorThatNobodyMakes_IsNamed) {
  EXPECT_THAT(GraphBuilder().op(kRelu, {"ghost"}, {"y"}).finish(),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'ghost'")));
}

TEST(Graph, ConstantTensors_DependOnInitializersOnly) {
  const auto graph = GraphBuilder()
                         .input("x", {4})
                         .weight("w", {4})
                         .op(kDequantize, {"w", "w"}, {"d"})
                         .op(kPermute, {"d"}, {"t"})
                         .op(kAdd, {"x", "t"}, {"y"})
                         .op(kRandom, {"w"}, {"r"})
                         .output("y")
                         .output("r")
                         .build();
  const auto constant = constant_tensors(graph);
  const auto is_constant = [&](const char* name) {
    return static_cast<bool>(constant[graph.find_tensor(name)->value]);
  };
  EXPECT_TRUE(is_constant("w"));
  EXPECT_TRUE(is_constant("t"));
  EXPECT_FALSE(is_constant("x"));
  EXPECT_FALSE(is_constant("y"));
  EXPECT_FALSE(is_constant("r")) << "differs from run to run";
}

TEST(TensorInfo, Sizes_AreKnownWithTheShape) {
  TensorInfo tensor;
  EXPECT_FALSE(tensor.size_bytes());
  tensor.dtype = DType::kInt4;
  tensor.shape = {{{3, {}}, {5, {}}}};
  EXPECT_EQ(tensor.size_bytes(), 8);
  tensor.shape->push_back({-1, "N"});
  EXPECT_FALSE(tensor.size_bytes());
}

}  // namespace
}  // namespace tessera::graph
