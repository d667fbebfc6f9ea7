// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <set>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/timing.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::float_type;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

TEST(View, Constants_AreInitializersAndNamesAreUnique) {
  const auto model = ModelBuilder()
                         .input("x", {2})
                         .named_op("", "Constant", {}, {"k"},
                                   {{"value", Tensor::of(std::vector<float>{3, 4}, {2})}})
                         .named_op("same", "Add", {"x", "k"}, {"a"})
                         .named_op("same", "Relu", {"a"}, {"b"})
                         .named_op("", "Neg", {"b"}, {"y"}, {{"note", std::string("kept")}})
                         .output("y", {2})
                         .build();
  const auto view = model.view();
  ASSERT_THAT(view, IsOk());
  ASSERT_EQ(view->ops().size(), 3U) << "the Constant is no operator";
  std::set<std::string> names;
  for (const auto& op : view->ops()) {
    EXPECT_TRUE(names.insert(op.name).second);
    EXPECT_FALSE(op.name.empty());
    EXPECT_EQ(model.op_type(Model::node_of(op)), op.type);
  }
  EXPECT_TRUE(names.contains("same"));
  const auto constant = view->tensor(*view->find_tensor("k"));
  EXPECT_EQ(constant.kind, graph::TensorKind::kInitializer);
  EXPECT_EQ(constant.static_shape(), Shape{2});
  EXPECT_EQ(view->ops().back().string_or("note", ""), "kept");
  EXPECT_EQ(view->tensor(view->inputs()[0]).name, "x");
  EXPECT_TRUE(view->tensor(view->outputs()[0]).is_output);
}

TEST(View, OfThousandsOfEqualNames_NumbersThemInOrderAndInLinearTime) {
  constexpr int kCount = 20000;
  testing::ModelBuilder builder(13);
  builder.input("t0", {1, 4});
  for (int i = 0; i < kCount; ++i) {
    builder.named_op("n", "Identity", {"t" + std::to_string(i)}, {"t" + std::to_string(i + 1)});
  }
  const auto model = builder.output("t" + std::to_string(kCount), {1, 4}).build();
  const auto start = std::chrono::steady_clock::now();
  const auto view = model.view();
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_THAT(view, testing::IsOk());
  EXPECT_EQ(view->ops()[0].name, "n");
  EXPECT_EQ(view->ops()[1].name, "n#2");
  EXPECT_EQ(view->ops()[kCount - 1].name, "n#" + std::to_string(kCount));
  if (testing::kTimesMeanSomething) {
    EXPECT_LT(seconds, 5.0);
  }
}

TEST(View, AbsentOptionalInputs_HaveNoValue) {
  const auto model =
      ModelBuilder().input("x", {2}).op("Clip", {"x", "", "x"}, {"y"}).output("y").build();
  const auto view = model.view();
  ASSERT_THAT(view, IsOk());
  EXPECT_TRUE(view->ops()[0].inputs[0].has_value());
  EXPECT_FALSE(view->ops()[0].inputs[1].has_value());
}

// --- dimensions and types -------------------------------------------------------------------

Model symbolic() {
  return ModelBuilder()
      .input("x", ValueType{DType::kFloat32, {{{-1, "N"}, {3, {}}}}})
      .weight("w", {300, 3})
      .op("Gemm", {"x", "w"}, {"a"}, {{"transB", std::int64_t{1}}})
      .op("Relu", {"a"}, {"y"})
      .output("y")
      .build();
}

TEST(SetDims, GivesSymbolsValues) {
  auto model = symbolic();
  ASSERT_THAT(model.set_dims({{"N", 4}}), IsOk());
  EXPECT_EQ(model.type_of("x"), float_type({4, 3}));
}

TEST(SetDims, OfUnknownSymbols_NamesThoseThereAre) {
  auto model = symbolic();
  const auto status = model.set_dims({{"M", 4}});
  ASSERT_THAT(status, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'M'")));
  EXPECT_THAT(status.error().hint, HasSubstr("N"));
  EXPECT_THAT(model.set_dims({{"N", 0}}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'N'")));
}

TEST(InferTypes, HandsOverTypesInsteadOfWeights) {
  auto model = symbolic();
  ASSERT_THAT(model.set_dims({{"N", 1}}), IsOk());
  const TypeOracle oracle = [](std::string_view text,
                               const auto&) -> Result<std::vector<NamedType>> {
    EXPECT_LT(text.size(), 1024U) << "3600 bytes of weights stay behind";
    auto question = Model::parse(text, "question");
    EXPECT_THAT(question, IsOk());
    EXPECT_THAT(question->inputs(), ElementsAre("x", "w"));
    EXPECT_THAT(question->outputs(), ElementsAre("a", "y"));
    return std::vector<NamedType>{{"", float_type({1, 300})}, {"", float_type({1, 300})}};
  };
  ASSERT_THAT(model.infer_types(oracle), IsOk());
  EXPECT_EQ(model.type_of("a"), float_type({1, 300}));
  const auto view = model.view();
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->tensor(*view->find_tensor("a")).size_bytes(), 1200);
  const auto text = model.serialize();
  ASSERT_THAT(text, IsOk());
  EXPECT_FALSE(Model::parse(*text, "again")->type_of("a")) << "inferred types are not written";
}

TEST(InferTypes, ThatFailsWithoutWeights_IsTriedWithThem) {
  auto model = symbolic();
  int asked = 0;
  const TypeOracle oracle = [&](std::string_view text,
                                const auto&) -> Result<std::vector<NamedType>> {
    if (++asked == 1) {
      return fail(ErrorCode::kUnimplemented, "weights must be constant");
    }
    EXPECT_THAT(Model::parse(text, "question")->initializers(), ElementsAre("w"));
    return std::vector<NamedType>{{"", {DType::kFloat32, {{{-1, "N"}, {300, {}}}}}}, {"", {}}};
  };
  ASSERT_THAT(model.infer_types(oracle), IsOk());
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(model.type_of("a")->shape->at(0).symbol, "N");
  const TypeOracle broken = [](std::string_view, const auto&) -> Result<std::vector<NamedType>> {
    return fail(ErrorCode::kUnimplemented, "no such operator");
  };
  EXPECT_THAT(model.infer_types(broken), FailsWith(ErrorCode::kUnimplemented, "no such operator"));
}

TEST(InferTypes, GapsAreFilledFromDeclarations) {
  auto model = symbolic();
  model.set_type("a", float_type({7, 300}));
  const TypeOracle oracle = [](std::string_view, const auto&) -> Result<std::vector<NamedType>> {
    return std::vector<NamedType>{{"", {DType::kFloat32, {}}}, {"", {DType::kFloat32, {}}}};
  };
  ASSERT_THAT(model.infer_types(oracle), IsOk());
  EXPECT_EQ(model.type_of("a"), float_type({7, 300}));
  model.set_type("a", testing::type(DType::kFloat16, {7, 300}));
  EXPECT_EQ(model.type_of("a")->dtype, DType::kFloat16)
      << "a declaration replaces what was inferred";
}

// --- size -----------------------------------------------------------------------------------

TEST(Speed, OfThousandsOfOperators_IsLinear) {
  ModelBuilder builder;
  builder.input("t0", {1, 4});
  constexpr int kOps = 3000;
  const auto value = [](int i) { return "t" + std::to_string(i); };
  for (int i = 0; i < kOps; ++i) {
    const auto weight = "w" + std::to_string(i);
    builder.constant(weight, Tensor::of(std::vector<float>{1, 2, 3, 4}, {4}));
    builder.named_op("", "Add", {value(i), weight}, {value(i + 1)});
  }
  auto model = builder.output(value(kOps), {1, 4}).build();
  const auto start = std::chrono::steady_clock::now();
  // What a quantizer does: a conversion pair before every operator, new constants, new names.
  for (const auto node : model.nodes()) {
    const auto input = model.inputs(node)[0];
    const auto scale = model.unique_name("scale");
    model.set_initializer(scale, Tensor::scalar(1.0F));
    const auto quantized = model.unique_name(input + "_quantized");
    model.add_node({model.unique_name("QuantizeLinear"),
                    "QuantizeLinear",
                    "",
                    {input, scale},
                    {quantized},
                    {}},
                   node);
    const auto back = model.unique_name(input + "_dequantized");
    model.add_node({model.unique_name("DequantizeLinear"),
                    "DequantizeLinear",
                    "",
                    {quantized, scale},
                    {back},
                    {}},
                   node);
    model.set_input(node, 0, back);
    EXPECT_EQ(model.producer(back).has_value(), true);
    EXPECT_EQ(model.consumers(back).size(), 1U);
  }
  model.remove_unused_initializers();
  const auto text = model.serialize();
  ASSERT_THAT(text, IsOk());
  const auto again = Model::parse(*text, "again");
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(again->view(), IsOk());
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(again->nodes().size(), 3U * kOps);
  std::cout << "edited, written, read and viewed " << 3 * kOps << " operators in " << seconds
            << " s\n";
  if (testing::kTimesMeanSomething) {
    EXPECT_LT(seconds, 5.0) << "quadratic somewhere (0.1 s on an idle machine)";
  }
}

}  // namespace
}  // namespace tessera::onnx
