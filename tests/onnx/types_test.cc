// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Shapes that are given, assumed, forgotten and declared.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::float_type;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using ::testing::Pair;

ValueType open_type(std::vector<Dim> dims) {
  return {DType::kFloat32, std::move(dims)};
}

/// Two inputs that share the symbol N, and one of unknown rank.
Model symbolic() {
  return ModelBuilder()
      .input("a", open_type({{-1, "N"}, {3, {}}, {-1, "S"}, {-1, "S"}}))
      .input("b", open_type({{-1, "N"}, {-1, {}}}))
      .input("c", ValueType{DType::kInt64, std::nullopt})
      .op("Relu", {"a"}, {"y"})
      .output("y")
      .build();
}

TEST(SetShape, GivesSymbolsTheirValueEverywhere) {
  auto model = symbolic();
  ASSERT_THAT(model.set_shape("a", {2, 3, 8, 8}), IsOk());
  EXPECT_EQ(model.type_of("a"), float_type({2, 3, 8, 8}));
  EXPECT_EQ(model.type_of("b"), open_type({{2, {}}, {-1, {}}}));
}

TEST(SetShape, ThatGivesASymbolTwoValues_LeavesItOpenElsewhere) {
  auto model = symbolic();
  model.add_input("d", open_type({{-1, "S"}}));
  ASSERT_THAT(model.set_shape("a", {2, 3, 8, 16}), IsOk());
  EXPECT_EQ(model.type_of("a"), float_type({2, 3, 8, 16}));
  EXPECT_EQ(model.type_of("d"), open_type({{-1, "S"}}));
}

TEST(SetShape, OfAnUnknownRank_TakesAny) {
  auto model = symbolic();
  ASSERT_THAT(model.set_shape("c", {4}), IsOk());
  EXPECT_EQ(model.type_of("c"), testing::type(DType::kInt64, {4}));
  ASSERT_THAT(symbolic().set_shape("c", {}), IsOk()) << "a scalar";
}

TEST(SetShape, WhatDoesNotFit_IsRefusedAndChangesNothing) {
  auto model = symbolic();
  const auto before = *model.serialize();
  const auto unknown = model.set_shape("z", {1});
  EXPECT_THAT(unknown, FailsWith(ErrorCode::kInvalidArgument, "the model has no input 'z'"));
  EXPECT_EQ(unknown.error().hint, "its inputs are: a, b, c");
  const auto rank = model.set_shape("a", {2, 3});
  EXPECT_THAT(rank,
              FailsWith(ErrorCode::kInvalidArgument, "input 'a' has 4 extents; 2 were given"));
  EXPECT_EQ(rank.error().hint, "give one for each, as in --shape a=2x3");
  EXPECT_THAT(
      model.set_shape("a", {2, 4, 8, 8}),
      FailsWith(ErrorCode::kInvalidArgument, "extent 1 of input 'a' is 3 in the model, not 4"));
  EXPECT_THAT(model.set_shape("a", {0, 3, 8, 8}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'0 of a' cannot be 0")));
  EXPECT_THAT(model.set_shape("y", {1}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'y'")))
      << "an output is none";
  EXPECT_EQ(*model.serialize(), before);
}

TEST(AssumedShapes, CountForTypesAndAreNeverWritten) {
  auto model = symbolic();
  const auto before = *model.serialize();
  model.assume_shape("a", std::vector<Dim>{{1, {}}, {3, {}}, {-1, {}}, {8, {}}});
  EXPECT_EQ(model.type_of("a"), open_type({{1, {}}, {3, {}}, {-1, {}}, {8, {}}}));
  EXPECT_EQ(model.declared_type("a")->shape->at(0).symbol, "N");
  EXPECT_EQ(model.general_type_of("a")->shape->at(0).symbol, "N");
  EXPECT_THAT(model.assumed_shapes(), ElementsAre(Pair("a", ElementsAre(1, 3, -1, 8))));
  EXPECT_EQ(*model.serialize(), before);
  const auto copy = model.with_assumed_shapes();
  EXPECT_EQ(copy.declared_type("a"), open_type({{1, {}}, {3, {}}, {-1, {}}, {8, {}}}));
  EXPECT_TRUE(copy.assumed_shapes().empty());
  model.assume_shape("a", std::nullopt);
  EXPECT_TRUE(model.assumed_shapes().empty());
  EXPECT_EQ(model.type_of("a"), model.declared_type("a"));
}

TEST(AssumedShapes, InferredTypesUnderThem_HaveNoExtentsThatMayBeWritten) {
  auto model = symbolic();
  model.assume_shape("a", std::vector<Dim>{{1, {}}, {3, {}}, {8, {}}, {8, {}}});
  model.remove_output("y");
  model.add_node({"n", "Neg", "", {"y"}, {"z"}, {}});
  model.add_output("z");
  const TypeOracle oracle = [](std::string_view, const auto&) -> Result<std::vector<NamedType>> {
    return std::vector<NamedType>{{"", float_type({1, 3, 8, 8})}, {"", float_type({1, 3, 8, 8})}};
  };
  ASSERT_THAT(model.infer_types(oracle), IsOk());
  EXPECT_EQ(model.type_of("y"), float_type({1, 3, 8, 8}));
  EXPECT_EQ(model.general_type_of("y"), open_type({{}, {}, {}, {}}))
      << "the rank holds for every input, the extents do not";
}

TEST(ForgetSymbol, TakesItAwayAndNoOther) {
  auto model = symbolic();
  model.forget_symbol("N");
  EXPECT_EQ(model.type_of("a")->shape->at(0), (Dim{-1, {}}));
  EXPECT_EQ(model.type_of("b")->shape->at(0), (Dim{-1, {}}));
  EXPECT_EQ(model.type_of("a")->shape->at(2), (Dim{-1, "S"}));
  EXPECT_THAT(model.set_dims({{"N", 2}}), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'N'")));
}

TEST(AdoptTypes, TakesWhatAnotherModelKnowsOfTheSameNames) {
  auto known = symbolic();
  known.set_type("y", float_type({1, 3, 2, 2}));
  auto model = symbolic();
  EXPECT_FALSE(model.type_of("y")->shape);
  model.adopt_types(known);
  EXPECT_EQ(model.type_of("y"), float_type({1, 3, 2, 2}));
  EXPECT_FALSE(Model::parse(*model.serialize(), "again")->type_of("y")->shape) << "not written";
}

TEST(Opsets, DefaultDomain_HasTwoNames) {
  auto model = Model::empty(13);
  EXPECT_EQ(model.opset("ai.onnx"), 13);
  model.set_opset("ai.onnx", 17);
  EXPECT_EQ(model.opset(), 17);
  EXPECT_THAT(model.opsets(), ElementsAre(Pair("", 17)));
  model.set_opset("com.microsoft", 1);
  EXPECT_EQ(model.opset("com.microsoft"), 1);
  EXPECT_FALSE(model.opset("other"));
}

TEST(Metadata, IsReplacedByItsKey) {
  auto model = Model::empty(13);
  EXPECT_FALSE(model.metadata("a"));
  model.set_metadata("a", "1");
  model.set_metadata("b", "");
  model.set_metadata("a", "2");
  const auto again = Model::parse(*model.serialize(), "m");
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->metadata("a"), "2");
  EXPECT_EQ(again->metadata("b"), "") << "empty, not absent";
}

}  // namespace
}  // namespace tessera::onnx
