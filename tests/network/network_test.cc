// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/network.h"

#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/renamed_network.h"
#include "tessera/network/load.h"
#include "tessera/network/micro.h"

namespace tessera::network {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using ::testing::UnorderedElementsAre;

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  return loaded ? *loaded : nullptr;
}

std::vector<std::string> names(const graph::Graph& graph, std::span<const graph::TensorId> values) {
  std::vector<std::string> all;
  for (const auto value : values) {
    all.push_back(graph.tensor(value).name);
  }
  return all;
}

/// A product whose weight is computed from constants.
Network computed_weight() {
  return Network::of(ModelBuilder(13)
                         .input("x", {1, 4})
                         .weight("w", {4, 4})
                         .constant("two", Tensor::scalar(2.0F))
                         .op("Mul", {"w", "two"}, {"twice"})
                         .op("Relu", {"x"}, {"r"})
                         .op("MatMul", {"r", "twice"}, {"m"})
                         .op("Tanh", {"m"}, {"y"})
                         .output("y", {1, 4})
                         .build());
}

/// Counts what passes, by tag.
class Seen final : public runtime::TensorTap {
 public:
  void visit(std::int64_t tag, DType, std::span<const std::int64_t>,
             std::span<std::byte> data) noexcept override {
    bytes[tag] += std::ssize(data);
  }
  std::map<std::int64_t, std::int64_t> bytes;
};

TEST(Network, Part_BringsOperatorsOnConstantsAlong) {
  auto network = computed_weight();
  ASSERT_THAT(network.infer_types(library()), IsOk());
  const auto view = network.view();
  ASSERT_THAT(view, IsOk());
  const std::vector<graph::OpId> ops{*view->find_op("m_node")};
  const auto border = border_of(*view, ops);
  EXPECT_THAT(names(*view, border.inputs), ElementsAre("r"));
  EXPECT_THAT(names(*view, border.outputs), ElementsAre("m"));
  const auto part = network.part({*view, ops, border.inputs, border.outputs});
  ASSERT_THAT(part, IsOk());
  const auto inside = part->view();
  ASSERT_THAT(inside, IsOk());
  EXPECT_EQ(inside->ops().size(), 2U) << "the product and what computes its weight";
  EXPECT_THAT(part->open(library(), {}), IsOk());
}

TEST(Network, BorderOfOperatorsWithBodies_HasWhatTheyCapture) {
  auto loaded =
      read(std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/bodies/branching.onnx");
  ASSERT_THAT(loaded, IsOk());
  ASSERT_THAT(loaded->infer_types(library()), IsOk());
  const auto view = loaded->view();
  ASSERT_THAT(view, IsOk());
  bool captured = false;
  for (std::uint32_t i = 0; i < view->ops().size(); ++i) {
    const auto& op = view->ops()[i];
    const std::vector<graph::OpId> ops{{i}};
    const auto border = border_of(*view, ops);
    for (const auto value : op.captures) {
      const bool fed = view->tensor(value).kind != graph::TensorKind::kInitializer &&
                       !graph::constant_tensors(*view)[value.value];
      captured = captured || fed;
      EXPECT_EQ(
          fed, std::find(border.inputs.begin(), border.inputs.end(), value) != border.inputs.end());
    }
    if (op.body_ops > 0) {
      const auto part = loaded->part({*view, ops, border.inputs, border.outputs});
      ASSERT_THAT(part, IsOk());
      EXPECT_THAT(part->open(library(), {}), IsOk());
    }
  }
  EXPECT_TRUE(captured) << "the model has no body that reads an outer value: nothing was tested";
}

TEST(Network, Taps_SeeValuesOnTheirWayToEveryReader) {
  const auto network = Network::of(ModelBuilder(13)
                                       .input("x", {1, 4})
                                       .op("Relu", {"x"}, {"r"})
                                       .op("Neg", {"r"}, {"y"})
                                       .op("Abs", {"r"}, {"z"})
                                       .output("y", {1, 4})
                                       .output("z", {1, 4})
                                       .output("r", {1, 4})
                                       .build());
  Seen seen;
  const std::vector<std::string> taps{"r", "z", "x"};
  auto session = network.open(library(), {.tap = &seen}, taps);
  ASSERT_THAT(session, IsOk());
  const auto x = testing::random_tensor({1, 4}, 1);
  const std::vector<runtime::Feed> feeds{{"x", x.view()}};
  ASSERT_THAT(session->run(feeds), IsOk());
  EXPECT_THAT(seen.bytes, UnorderedElementsAre(::testing::Pair(0, 16), ::testing::Pair(1, 16),
                                               ::testing::Pair(2, 16)));
}

/// Writes zeros over everything that passes.
class Silence final : public runtime::TensorTap {
 public:
  void visit(std::int64_t, DType, std::span<const std::int64_t>,
             std::span<std::byte> data) noexcept override {
    std::fill(data.begin(), data.end(), std::byte{0});
  }
};

TEST(Network, WhatATapWrites_IsWhatReadersRead) {
  const auto network = Network::of(ModelBuilder(13)
                                       .input("x", {1, 4})
                                       .op("Cos", {"x"}, {"c"})
                                       .op("Exp", {"c"}, {"y"})
                                       .output("y", {1, 4})
                                       .build());
  for (const auto& [tapped, expected] :
       std::map<std::string, float>{{"x", std::exp(1.0F)}, {"c", 1.0F}}) {
    Silence silence;
    const std::vector<std::string> taps{tapped};
    auto session = network.open(library(), {.tap = &silence}, taps);
    ASSERT_THAT(session, IsOk());
    const auto x = testing::random_tensor({1, 4}, 1);
    const std::vector<runtime::Feed> feeds{{"x", x.view()}};
    const auto outputs = session->run(feeds);
    ASSERT_THAT(outputs, IsOk());
    for (const auto value : (*outputs)[0].as<float>()) {
      EXPECT_NEAR(value, expected, 1e-5) << tapped;
    }
  }
}

TEST(Network, Border_HasOutputsAndWhatBodiesReadThoughReadersAreInside) {
  const auto network = Network::of(ModelBuilder(13)
                                       .input("x", {1, 4})
                                       .op("Relu", {"x"}, {"r"})
                                       .op("Neg", {"r"}, {"y"})
                                       .output("r", {1, 4})
                                       .output("y", {1, 4})
                                       .build());
  const auto view = network.view();
  ASSERT_THAT(view, IsOk());
  const std::vector<graph::OpId> ops{{0}, {1}};
  EXPECT_THAT(names(*view, border_of(*view, ops).outputs), ElementsAre("r", "y"));

  const auto branching =
      read(std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/bodies/branching.onnx");
  ASSERT_THAT(branching, IsOk());
  const auto whole = branching->view();
  ASSERT_THAT(whole, IsOk());
  std::vector<graph::OpId> outside;
  for (std::uint32_t i = 0; i < whole->ops().size(); ++i) {
    if (whole->ops()[i].body_ops == 0) {
      outside.push_back({i});
    }
  }
  EXPECT_THAT(names(*whole, border_of(*whole, outside).outputs), ::testing::Contains("h"));
}

TEST(Network, TapAtNoValue_IsRefused) {
  const auto network = computed_weight();
  for (const auto* value : {"none", "w"}) {
    const std::vector<std::string> taps{value};
    EXPECT_THAT(network.source(taps).map([](const auto&) {}),
                FailsWith(ErrorCode::kInternal, HasSubstr(value)));
  }
}

TEST(Network, JudgedValues_AreFloatingAncestorsOfOtherOutputs) {
  auto builder = ModelBuilder(13);
  builder.input("x", {1, 4}).op("Tanh", {"x"}, {"s"});
  builder.op("ArgMax", {"s"}, {"best"}, {{"axis", std::int64_t{1}}});
  builder.op("Relu", {"x"}, {"r"}).output("best", {1, 1}, DType::kInt64).output("r", {1, 4});
  auto network = Network::of(builder.build());
  ASSERT_THAT(network.infer_types(library()), IsOk());
  const auto view = network.view();
  const auto values = judged_values(*view, "m");
  ASSERT_THAT(values, IsOk());
  EXPECT_THAT(names(*view, *values), ElementsAre("s", "r"));
  const auto added = expose_judged_values(network);
  ASSERT_THAT(added, IsOk());
  EXPECT_TRUE(*added);
  EXPECT_THAT(network.outputs(), ElementsAre("best", "r", "s"));
}

TEST(Network, JudgedValues_NoneIsAnError) {
  auto network = Network::of(ModelBuilder(13)
                                 .input("x", {1, 4}, DType::kInt64)
                                 .op("Neg", {"x"}, {"y"})
                                 .output("y", {1, 4}, DType::kInt64)
                                 .build());
  EXPECT_THAT(expose_judged_values(network),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("no output of")));
}

TEST(Network, JudgedValues_AreNoneBeyondOperatorsOnIntegers) {
  auto network = Network::of(ModelBuilder(13)
                                 .input("q", {1, 4}, DType::kUInt8)
                                 .constant("w", Tensor::of(std::vector<std::uint8_t>(8, 1), {4, 2}))
                                 .op("MatMulInteger", {"q", "w"}, {"y"})
                                 .output("y", {1, 2}, DType::kInt32)
                                 .build());
  ASSERT_THAT(network.infer_types(library()), IsOk());
  const auto refused = FailsWith(ErrorCode::kUnimplemented, HasSubstr("no output of"));
  EXPECT_THAT(expose_judged_values(network), refused);
  auto renamed = testing::under_other_names(network);
  EXPECT_THAT(expose_judged_values(renamed), refused) << "whatever the format calls them";
}

TEST(Network, JudgedValues_IntegersWithAScaleAreRealNumbers) {
  auto network = Network::of(
      ModelBuilder(13)
          .input("x", {1, 4})
          .constant("s", Tensor::scalar(0.1F))
          .constant("z", Tensor::scalar(std::uint8_t{0}))
          .op("Relu", {"x"}, {"r"})
          .op("QuantizeLinear", {"r", "s", "z"}, {"q"})
          .op("QLinearAdd", {"q", "s", "z", "q", "s", "z", "s", "z"}, {"y"}, {}, "com.microsoft")
          .output("y", {1, 4}, DType::kUInt8)
          .build());
  ASSERT_THAT(network.infer_types(library()), IsOk());
  const auto added = expose_judged_values(network);
  ASSERT_THAT(added, IsOk());
  EXPECT_FALSE(*added) << "the output itself is judged";
}

TEST(Network, JudgedValues_WhatIsDequantizedIsFloatingWhateverIsKnown) {
  const auto network = Network::of(ModelBuilder(13)
                                       .input("x", {1, 4}, DType::kUInt8)
                                       .constant("s", Tensor::scalar(0.1F))
                                       .op("DequantizeLinear", {"x", "s"}, {"y"})
                                       .output("y")
                                       .build());
  const auto view = network.view();
  ASSERT_THAT(view, IsOk());
  ASSERT_EQ(view->tensor(*view->find_tensor("y")).dtype, DType::kUndefined);
  for (const auto& graph : {*view, testing::under_other_names(*view)}) {
    const auto values = judged_values(graph, "m");
    ASSERT_THAT(values, IsOk());
    EXPECT_THAT(names(graph, *values), ElementsAre("y"));
  }
}

/// Inputs a and b of these shapes.
Network with_inputs(std::vector<Dim> a, std::vector<Dim> b) {
  return Network::of(ModelBuilder(13)
                         .input("a", ValueType{DType::kFloat32, std::move(a)})
                         .input("b", ValueType{DType::kFloat32, std::move(b)})
                         .op("Relu", {"a"}, {"y"})
                         .output("y")
                         .build());
}

TEST(Extents, ASymbolOfTwoNumbers_IsNoneAnyMore) {
  auto network = with_inputs({{-1, "s"}, {3, {}}}, {{-1, "s"}, {3, {}}});
  ExtentsByInput common;
  keep_common(common, {{"a", {{5, 3}}}, {"b", {{7, 3}}}});
  assume_extents(network, common);
  EXPECT_EQ(network.declared_type("a")->shape->front(), Dim{});
  EXPECT_EQ(assumptions_text(network), "a 5x3, b 7x3");
}

TEST(Extents, NamelessOnes_AreNoBatchOfEachOther) {
  auto network = with_inputs({{-1, {}}, {3, {}}}, {{3, {}}, {-1, {}}});
  assume_extents(network, {});
  EXPECT_EQ(assumptions_text(network), "a 1x3");
}

TEST(Extents, SamplesAgreeOn_AreAssumed) {
  auto network = with_inputs({{-1, "s"}, {3, {}}}, {{-1, "s"}, {3, {}}});
  ExtentsByInput common;
  keep_common(common, {{"a", {{5, 3}}}, {"b", {{7, 3}}}});
  keep_common(common, {{"a", {{5, 3}}}, {"b", {{9, 3}}}});
  assume_extents(network, common);
  EXPECT_THAT(network.assumed_shapes(),
              UnorderedElementsAre(::testing::Pair("a", ElementsAre(5, 3))));
  EXPECT_EQ(assumptions_text(network), "a 5x3");
}

TEST(Extents, WithoutSamples_ABatchIsOne) {
  const Dim open{-1, "N"};
  auto network = Network::of(ModelBuilder(13)
                                 .input("x", ValueType{DType::kFloat32, {{open, {-1, "L"}}}})
                                 .op("Relu", {"x"}, {"y"})
                                 .output("y")
                                 .build());
  assume_extents(network, {});
  EXPECT_EQ(assumptions_text(network), "x 1x?");
}

TEST(Micro, EveryOneRuns) {
  for (const auto kind : {Conversion::kQuantize, Conversion::kDequantize, Conversion::kCast,
                          Conversion::kTransposeFloat, Conversion::kTransposeInt8}) {
    const auto micro = conversion(FileFormat::kOnnx, kind, 1024);
    ASSERT_THAT(micro, IsOk());
    auto session = micro->network.open(library(), {});
    ASSERT_THAT(session, IsOk()) << micro->name;
    const std::vector<runtime::Feed> feeds{{micro->input, micro->values.view()}};
    EXPECT_THAT(session->run(feeds), IsOk()) << micro->name;
  }
  EXPECT_THAT(conversion(FileFormat::kOther, Conversion::kCast, 1024),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("to measure a machine by")));
}

}  // namespace
}  // namespace tessera::network
