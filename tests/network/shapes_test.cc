// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// An unknown or half-known shape is never written down as a known one.
#include <gmock/gmock.h>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/graph/cost.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  return loaded ? *loaded : nullptr;
}

Tensor integers(const std::vector<std::int64_t>& values) {
  return Tensor::of(values, {std::ssize(values)});
}

Status infer(onnx::Model& model) {
  return model.infer_types(runtime::type_oracle(library()));
}

/// A vector of half the last extent, twice over: arithmetic that shape inference does not follow.
ModelBuilder& add_computed_target(ModelBuilder& builder) {
  return builder.op("Shape", {"x"}, {"shape"})
      .op("Cast", {"shape"}, {"real"}, {{"to", std::int64_t{1}}})
      .op("Floor", {"real"}, {"floor"})
      .op("Cast", {"floor"}, {"target"}, {{"to", std::int64_t{7}}});
}

TEST(Shapes, ReshapeToAComputedShape_HasNoKnownRank) {
  for (const std::int64_t opset : {11, 13}) {
    ModelBuilder builder(opset);
    builder.input("x", ValueType{DType::kFloat32, {{{-1, {}}, {-1, {}}}}});
    // Of unknown length, so that not even the rank follows.
    add_computed_target(builder)
        .op("NonZero", {"target"}, {"places"})
        .constant("one", integers({-1}))
        .op("Reshape", {"places", "one"}, {"flat"})
        .op("Gather", {"target", "flat"}, {"chosen"})
        .op("Reshape", {"x", "chosen"}, {"y"})
        .op("Relu", {"y"}, {"z"})
        .op("ReduceSum", {"x"}, {"sum"}, {{"keepdims", std::int64_t{0}}})
        .output("z")
        .output("sum");
    auto model = builder.build();
    ASSERT_THAT(infer(model), IsOk());
    EXPECT_FALSE(model.type_of("y")->shape) << "opset " << opset;
    EXPECT_FALSE(model.type_of("z")->shape);
    ASSERT_TRUE(model.type_of("sum")->shape) << "a scalar is one, and known";
    EXPECT_TRUE(model.type_of("sum")->shape->empty());
  }
}

TEST(Shapes, InitializersAmongTheInputs_AreConstants) {
  for (const std::int64_t ir : {3, 8}) {
    auto model = ModelBuilder(11)
                     .input("x", {1, 4, 2, 2})
                     .input("target", {2}, DType::kInt64)
                     .constant("target", integers({1, -1}))
                     .op("Reshape", {"x", "target"}, {"y"})
                     .output("y")
                     .build();
    model.set_ir_version(ir);
    ASSERT_THAT(infer(model), IsOk());
    EXPECT_EQ(model.type_of("y"), testing::float_type({1, 16})) << "IR " << ir;
  }
}

onnx::Model any_size() {
  return ModelBuilder(13)
      .input("x", ValueType{DType::kFloat32, {{{-1, "N"}, {3, {}}, {-1, "S"}, {-1, "S"}}}})
      .weight("w", {4, 3, 3, 3})
      .op("Conv", {"x", "w"}, {"y"}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})
      .output("y")
      .build();
}

TEST(Shapes, Assumed_CountButAreNotWritten) {
  auto model = any_size();
  model.assume_shape("x", std::vector<Dim>{{1, {}}, {3, {}}, {8, {}}, {6, {}}});
  ASSERT_THAT(infer(model), IsOk());
  EXPECT_EQ(model.type_of("x"), testing::float_type({1, 3, 8, 6}));
  EXPECT_EQ(model.type_of("y"), testing::float_type({1, 4, 8, 6}));
  EXPECT_THAT(model.assumed_shapes().at("x"), ElementsAre(1, 3, 8, 6));
  const auto view = model.view();
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(graph::operator_costs(*view, graph::QdqCounting::kInclude).front().macs,
            4 * 8 * 6 * 27);
  const auto general = model.general_type_of("y");
  ASSERT_TRUE(general && general->shape);
  for (const auto& dim : *general->shape) {
    EXPECT_FALSE(dim.known()) << "holds under the assumption only";
  }
  const auto text = model.clone().serialize();
  ASSERT_THAT(text, IsOk());
  EXPECT_EQ(onnx::Model::parse(*text, "again")->type_of("x")->shape->front().symbol, "N");
}

TEST(Shapes, Given_FillOpenExtentsOnly) {
  auto model = any_size();
  ASSERT_THAT(model.set_shape("x", {2, 3, 8, 6}), IsOk());
  EXPECT_EQ(model.declared_type("x"), testing::float_type({2, 3, 8, 6}));
  EXPECT_THAT(model.set_shape("x", {2, 3, 8, 7}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("extent 3 of input 'x' is 6")));
  EXPECT_THAT(model.set_shape("x", {2, 3, 8}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("has 4 extents; 3 were given")));
  EXPECT_THAT(model.set_shape("z", {2}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no input 'z'")));
  EXPECT_THAT(any_size().set_shape("x", {0, 3, 8, 6}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("cannot be 0")));
}

TEST(Shapes, ASymbolThatStandsForTwoNumbers_IsForgotten) {
  auto model = any_size();
  model.forget_symbol("S");
  EXPECT_EQ(model.declared_type("x")->shape->at(2), Dim{});
  EXPECT_EQ(model.declared_type("x")->shape->at(0).symbol, "N");
}

}  // namespace
}  // namespace tessera::onnx
