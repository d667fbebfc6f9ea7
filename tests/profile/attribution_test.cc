// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/toy_format.h"

namespace tessera::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;
using Kind = Site::Kind;

/// x -> Conv -> c -> Relu -> r -> Conv -> d -> Add(r) -> y, untagged: units Conv+Relu, Conv, Add.
graph::Graph view() {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4, 8, 8})
                         .weight("w", {4, 4, 1, 1}, 0.2)
                         .op("Conv", {"x", "w"}, {"c"})
                         .op("Relu", {"c"}, {"r"})
                         .op("Conv", {"r", "w"}, {"d"})
                         .op("Add", {"d", "r"}, {"y"})
                         .output("y", {1, 4, 8, 8})
                         .build();
  return *model.view();
}
constexpr std::size_t kInputs = 3;  // Units::size()

Units units_of(const graph::Graph& graph) {
  const auto count = graph.ops().size();
  return make_units(graph, {{std::vector<bool>(count, true)}, std::vector<bool>(count, false)});
}

/// What a runtime might make of it, operator by operator.
class Optimized {
 public:
  Optimized() { graph_.mark_input(value("x")); }
  Optimized& op(const std::string& name, const std::string& type,
                const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    graph::Op op{.name = name, .type = type};
    for (const auto& input : inputs) {
      op.inputs.push_back(value(input));
    }
    for (const auto& output : outputs) {
      op.outputs.push_back(value(output));
    }
    graph_.add_op(std::move(op));
    return *this;
  }
  [[nodiscard]] Attribution attribute() {
    EXPECT_THAT(graph_.finish(), IsOk());
    const auto model = view();
    return Attribution::make(model, units_of(model), graph_);
  }

 private:
  graph::TensorId value(const std::string& name) {
    if (const auto found = graph_.find_tensor(name)) {
      return *found;
    }
    const auto kind = name == "x" ? graph::TensorKind::kInput : graph::TensorKind::kActivation;
    return graph_.add_tensor({.name = name, .kind = kind, .dtype = DType::kFloat32});
  }
  graph::Graph graph_;
};

void expect_site(const Attribution& attribution, std::string_view kernel, Kind kind,
                 std::size_t unit, const std::vector<std::size_t>& fused = {}) {
  const auto* const site = attribution.find(kernel);
  ASSERT_NE(site, nullptr) << kernel;
  EXPECT_EQ(site->kind, kind) << kernel;
  EXPECT_EQ(site->unit, unit) << kernel;
  EXPECT_EQ(site->fused, fused) << kernel;
}

TEST(Attribution, UnitsAreAsTheTestsBelowTakeThemToBe) {
  const auto units = units_of(view());
  ASSERT_EQ(units.size(), kInputs);
  EXPECT_THAT(units.of_op, ElementsAre(0, 0, 1, 2));
}

TEST(Attribution, TaggedKernels_BelongToTheirOperators) {
  const auto attribution = Optimized()
                               .op("tsr0.", "Conv", {"x"}, {"c"})
                               .op("tsr2._nchwc", "Conv", {"c"}, {"d"})
                               .op("tsr3.", "Add", {"d", "c"}, {"y"})
                               .attribute();
  expect_site(attribution, "tsr0.", Kind::kUnit, 0);
  expect_site(attribution, "tsr2._nchwc", Kind::kUnit, 1);
  expect_site(attribution, "tsr3.", Kind::kUnit, 2);
  EXPECT_EQ(attribution.find("tsr9."), nullptr);
  EXPECT_EQ(attribution.find(""), nullptr);
}

TEST(Attribution, AKernelOfSeveralUnits_CountsToTheLast_AndTellsOfAll) {
  const auto attribution = Optimized()
                               .op("tsr0.tsr1.", "Conv", {"x"}, {"r"})
                               .op("tsr2.tsr3.", "FusedConv", {"r"}, {"y"})
                               .attribute();
  expect_site(attribution, "tsr0.tsr1.", Kind::kUnit, 0);  // two operators of one unit
  expect_site(attribution, "tsr2.tsr3.", Kind::kUnit, 2, {1, 2});
}

TEST(Attribution, ATagOfNoOperator_IsNoSite) {
  const auto attribution = Optimized()
                               .op("tsr0.", "Conv", {"x"}, {"r"})
                               .op("tsr77.", "Mystery", {"r"}, {"y2"})
                               .attribute();
  // It is known by what made its input.
  expect_site(attribution, "tsr77.", Kind::kUnit, 0);
}

TEST(Attribution, NamesAreFoundBehindWhatTheRuntimeHangsOnThem) {
  const auto attribution = Optimized()
                               .op("c_nchwc", "Conv", {"x"}, {"t0"})
                               .op("d_token_12", "Conv", {"t0"}, {"t1"})
                               .op("y_nchwc_token_3", "Add", {"t1"}, {"t2"})
                               .op("d_token_x", "Mystery", {"x"}, {"t3"})
                               .attribute();
  expect_site(attribution, "c_nchwc", Kind::kUnit, 0);
  expect_site(attribution, "d_token_12", Kind::kUnit, 1);
  expect_site(attribution, "y_nchwc_token_3", Kind::kUnit, 2);
  expect_site(attribution, "d_token_x", Kind::kConversion, kInputs);  // no number: another name
}

TEST(Attribution, WithoutAName_TheResultTells) {
  const auto attribution = Optimized()
                               .op("fused 1", "Conv", {"x"}, {"r"})
                               .op("fused 2", "Conv", {"r"}, {"d"})
                               .attribute();
  expect_site(attribution, "fused 1", Kind::kUnit, 0);
  expect_site(attribution, "fused 2", Kind::kUnit, 1);
}

TEST(Attribution, Conversions_BelongToWhatTheyConvert) {
  const auto attribution = Optimized()
                               .op("q_in", "QuantizeLinear", {"x"}, {"x_q"})
                               .op("tsr0.", "QLinearConv", {"x_q"}, {"r_q"})
                               .op("dq", "DequantizeLinear", {"r_q"}, {"r"})
                               .op("reorder", "ReorderInput", {"r"}, {"r_b"})
                               .op("tsr2.", "Conv", {"r_b"}, {"d_b"})
                               .op("d", "ReorderOutput", {"d_b"}, {"d"})
                               .attribute();
  expect_site(attribution, "q_in", Kind::kConversion, kInputs);
  expect_site(attribution, "dq", Kind::kConversion, 0);
  expect_site(attribution, "reorder", Kind::kConversion, 0);
  // Its name is that of a value, but what it does is to convert what unit 1 made.
  expect_site(attribution, "d", Kind::kConversion, 1);
}

TEST(Attribution, ATaggedTranspose_IsTheModelsOwn) {
  const auto attribution = Optimized().op("tsr3.", "Transpose", {"x"}, {"y"}).attribute();
  expect_site(attribution, "tsr3.", Kind::kUnit, 2);
}

TEST(Attribution, UnknownKernelsOfTheInputsAlone_CountAsConversionsOfThem) {
  const auto attribution = Optimized()
                               .op("q", "QuantizeLinear", {"x"}, {"x_q"})
                               .op("helper", "Mystery", {"x_q"}, {"h"})
                               .op("second", "Mystery", {"h"}, {"h2"})
                               .attribute();
  expect_site(attribution, "helper", Kind::kConversion, kInputs);
  expect_site(attribution, "second", Kind::kConversion, kInputs);
}

TEST(Attribution, FromKernelsAlone_WhatHasNoName_CountsToTheInputs) {
  const auto model = view();
  const std::vector<runtime::KernelTime> kernels = {{"tsr2.", "Conv"},
                                                    {"r_token_4", "Relu"},
                                                    {"DequantizeLinear_9", "DequantizeLinear"},
                                                    {"subgraph_1", "Compiled"}};
  const auto attribution = Attribution::of_kernels(model, units_of(model), kernels);
  expect_site(attribution, "tsr2.", Kind::kUnit, 1);
  expect_site(attribution, "r_token_4", Kind::kUnit, 0);
  expect_site(attribution, "DequantizeLinear_9", Kind::kConversion, kInputs);
  expect_site(attribution, "subgraph_1", Kind::kConversion, kInputs);
}

TEST(ConversionKernels, AreThoseThatChangeTypeOrLayout) {
  for (const auto* const type :
       {"QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput", "Transpose", "Cast",
        "MemcpyToHost", "MemcpyFromHost"}) {
    EXPECT_TRUE(is_conversion_kernel(type)) << type;
  }
  for (const auto* const type : {"Conv", "QLinearConv", "Reshape", "", "Casts", "transpose"}) {
    EXPECT_FALSE(is_conversion_kernel(type)) << type;
  }
}

TEST(Tags, NumberTooLarge_OrUnfinished_IsNoTag) {
  EXPECT_THAT(tagged_operators("tsr99999999999."), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr-1."), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr7"), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr."), IsEmpty());
  EXPECT_THAT(tagged_operators(""), IsEmpty());
  EXPECT_THAT(tagged_operators("tsrtsr5."), ElementsAre(graph::OpId{5}));
}

TEST(Tags, AreNumbersInTheViewsOrder_InAnyFormat) {
  auto network = testing::toy_network();
  ASSERT_THAT(tag_operators(network), IsOk());
  const auto graph = network.view();
  ASSERT_THAT(graph, IsOk());
  for (std::uint32_t i = 0; i < graph->ops().size(); ++i) {
    EXPECT_THAT(tagged_operators(graph->ops()[i].name), ElementsAre(graph::OpId{i}));
  }
}

}  // namespace
}  // namespace tessera::profile
