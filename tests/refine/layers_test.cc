// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/runtime/onnx.h"

namespace tessera::refine {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

/// The layer that makes "y" of the weight "w".
Result<Layer> layer_of(const onnx::Model& model, std::size_t input = 1) {
  return describe_layer(model, {.node = *model.producer("y"), .input = input, .initializer = "w"});
}

onnx::Model product(const char* type, std::vector<onnx::NamedAttribute> attributes = {}) {
  return ModelBuilder(13)
      .input("x", {2, 3})
      .weight("w", {3, 5})
      .op(type, {"x", "w"}, {"y"}, std::move(attributes))
      .output("y", {2, 5})
      .build();
}

TEST(Layer, OfAMatrixOnTheRight_HasAColumnForEveryOutput) {
  const auto layer = layer_of(product("MatMul"));
  ASSERT_THAT(layer, IsOk());
  EXPECT_TRUE(layer->column_major);
  EXPECT_EQ(layer->outputs, 5);
  EXPECT_EQ(layer->columns, 3);
  EXPECT_EQ(layer->name, "y_node");
  EXPECT_EQ(layer->input, "x");
  EXPECT_TRUE(layer->alone);
  EXPECT_FALSE(layer->conv);
  const auto turned = layer_of(product("Gemm", {{"transB", std::int64_t{1}}}));
  ASSERT_THAT(turned, IsOk());
  EXPECT_FALSE(turned->column_major);
  EXPECT_EQ(turned->outputs, 3);
  EXPECT_EQ(turned->columns, 5);
}

TEST(Layer, WhatIsNoMatrixOnTheRight_SaysSo) {
  EXPECT_THAT(layer_of(product("Gemm", {{"transA", std::int64_t{1}}})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'y_node'")));
  EXPECT_THAT(layer_of(product("Add")), FailsWith(ErrorCode::kUnimplemented, HasSubstr("matrix")));
  const auto left = ModelBuilder(13)
                        .input("x", {3, 5})
                        .weight("w", {2, 3})
                        .op("MatMul", {"w", "x"}, {"y"})
                        .output("y", {2, 5})
                        .build();
  EXPECT_THAT(layer_of(left, 0), FailsWith(ErrorCode::kUnimplemented, HasSubstr("right")));
  const auto line = ModelBuilder(13)
                        .input("x", {1, 2, 8})
                        .weight("w", {4, 2, 3})
                        .op("Conv", {"x", "w"}, {"y"})
                        .output("y", {1, 4, 6})
                        .build();
  EXPECT_THAT(layer_of(line), FailsWith(ErrorCode::kUnimplemented, HasSubstr("two-dimensional")));
}

TEST(Layer, WithoutAName_IsCalledAfterItsResult) {
  const auto model = ModelBuilder(13)
                         .input("x", {2, 3})
                         .weight("w", {3, 5})
                         .named_op("", "MatMul", {"x", "w"}, {"y"})
                         .output("y", {2, 5})
                         .build();
  EXPECT_EQ(layer_of(model)->name, "MatMul of y");
}

TEST(Layer, AWeightThatOthersRead_IsNotAlone) {
  const auto model = ModelBuilder(13)
                         .input("x", {3, 3})
                         .weight("w", {3, 3})
                         .op("MatMul", {"x", "w"}, {"h"})
                         .op("MatMul", {"h", "w"}, {"y"})
                         .output("y", {3, 3})
                         .build();
  EXPECT_FALSE(layer_of(model)->alone);
}

RC_GTEST_PROP(Rows, ThereAndBack_IsTheSame, ()) {
  Layer layer;
  layer.outputs = *rc::gen::inRange<std::int64_t>(1, 6);
  layer.columns = *rc::gen::inRange<std::int64_t>(1, 6);
  layer.column_major = *rc::gen::arbitrary<bool>();
  std::vector<float> weights(static_cast<std::size_t>(layer.outputs * layer.columns));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<float>(i);
  }
  const auto rows = as_rows(layer, weights);
  // Row by row: that of output r begins with the weight of the first input.
  for (std::int64_t r = 0; r < layer.outputs; ++r) {
    RC_ASSERT(rows[static_cast<std::size_t>(r * layer.columns)] ==
              static_cast<float>(layer.column_major ? r : r * layer.columns));
  }
  RC_ASSERT(from_rows<float>(layer, rows) == weights);
}

/// What the runtime makes of a convolution.
std::vector<float> convolved(const onnx::Model& model, const Tensor& input) {
  const auto library = runtime::Library::load();
  const auto bytes = model.serialize();
  auto session = runtime::open_onnx(*library, *bytes, {}, {});
  EXPECT_THAT(session, IsOk());
  const runtime::Feed feed{"x", input.view()};
  const auto outputs = session->run({&feed, 1});
  EXPECT_THAT(outputs, IsOk());
  return *to_float32((*outputs)[0]);
}

struct Convolution {
  std::int64_t groups = 1;
  std::vector<std::int64_t> kernel{3, 3};
  std::vector<std::int64_t> strides{1, 1};
  std::vector<std::int64_t> dilations{1, 1};
  std::vector<std::int64_t> pads{0, 0, 0, 0};
  std::string auto_pad = "NOTSET";
};

/// Rows of the input times rows of the weight are the convolution, place by place.
void expect_rows_compute(const Convolution& how) {
  constexpr std::int64_t kIn = 4;
  constexpr std::int64_t kOut = 6;
  std::vector<onnx::NamedAttribute> attributes{
      {"group", how.groups}, {"strides", how.strides}, {"dilations", how.dilations}};
  if (how.auto_pad == "NOTSET") {
    attributes.push_back({"pads", how.pads});
  } else {
    attributes.push_back({"auto_pad", how.auto_pad});
  }
  const auto model = ModelBuilder(13)
                         .input("x", {2, kIn, 7, 6})
                         .weight("w", {kOut, kIn / how.groups, how.kernel[0], how.kernel[1]})
                         .op("Conv", {"x", "w"}, {"y"}, attributes)
                         .output("y")
                         .build();
  const auto input = testing::random_tensor({2, kIn, 7, 6}, 3);
  const auto expected = convolved(model, input);
  const auto layer = layer_of(model);
  ASSERT_THAT(layer, IsOk());
  std::vector<float> rows;
  const std::vector<std::int64_t> shape{2, kIn, 7, 6};
  const auto count = sample_rows(*layer, shape, input.as<float>(), 1 << 20, 5, rows);
  ASSERT_EQ(static_cast<std::size_t>(count * kOut), expected.size()) << how.auto_pad;
  const auto weight = model.initializer("w");
  const auto weights = as_rows(*layer, weight->as<float>());
  const auto plane = count / 2;  // of one image
  for (std::int64_t place = 0; place < count; ++place) {
    for (std::int64_t out = 0; out < kOut; ++out) {
      const auto group = out / (kOut / how.groups);
      double sum = 0;
      for (std::int64_t c = 0; c < layer->columns; ++c) {
        sum +=
            double{rows[static_cast<std::size_t>((group * count + place) * layer->columns + c)]} *
            double{weights[static_cast<std::size_t>(out * layer->columns + c)]};
      }
      const auto at = (place / plane * kOut + out) * plane + place % plane;
      ASSERT_NEAR(sum, expected[static_cast<std::size_t>(at)], 1e-4) << place << " " << out;
    }
  }
}

TEST(SampleRows, OfConvolutions_AreWhatTheKernelSees) {
  expect_rows_compute({});
  expect_rows_compute({.pads = {1, 1, 1, 1}});
  expect_rows_compute({.pads = {0, 2, 1, 0}});
  expect_rows_compute({.strides = {2, 3}, .pads = {1, 1, 1, 1}});
  expect_rows_compute({.dilations = {2, 1}, .pads = {2, 0, 2, 0}});
  expect_rows_compute({.kernel = {1, 1}});
  expect_rows_compute({.kernel = {1, 4}, .strides = {3, 1}});
  expect_rows_compute({.groups = 2, .pads = {1, 1, 1, 1}});
}

TEST(SampleRows, PaddingThatIsComputed_IsOnTheSideThatItsNameSays) {
  for (const auto* const name : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    expect_rows_compute({.auto_pad = name});
    expect_rows_compute({.kernel = {2, 4}, .auto_pad = name});
    expect_rows_compute({.strides = {2, 2}, .auto_pad = name});
  }
}

TEST(SampleRows, FewerThanThereAre_AreSpreadEvenly) {
  Layer layer;
  layer.columns = 1;
  std::vector<float> values(100);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i);
  }
  const std::vector<std::int64_t> shape{100, 1};
  std::vector<float> rows;
  EXPECT_EQ(sample_rows(layer, shape, values, 4, 0, rows), 4);
  EXPECT_THAT(rows, ElementsAre(0, 25, 50, 75));
  // Another sample begins elsewhere.
  EXPECT_EQ(sample_rows(layer, shape, values, 4, 1, rows), 4);
  EXPECT_THAT(rows, ElementsAre(15, 40, 65, 90));
  EXPECT_EQ(sample_rows(layer, shape, values, 1000, 1, rows), 100);
  EXPECT_THAT(rows, ::testing::ElementsAreArray(values));
}

TEST(SampleRows, MapsOfAnotherRank_GiveNone) {
  Layer layer;
  layer.conv = true;
  layer.columns = 2;
  std::vector<float> rows;
  const std::vector<std::int64_t> shape{1, 2, 3};
  const std::vector<float> values(6);
  EXPECT_EQ(sample_rows(layer, shape, values, 10, 0, rows), 0);
}

RC_GTEST_PROP(SampleRows, NeverReadOutside, ()) {
  Layer layer;
  layer.conv = true;
  layer.groups = *rc::gen::inRange<std::int64_t>(1, 3);
  const auto depth = *rc::gen::inRange<std::int64_t>(1, 3);
  layer.kernel = {*rc::gen::inRange<std::int64_t>(1, 4), *rc::gen::inRange<std::int64_t>(1, 4)};
  layer.stride = {*rc::gen::inRange<std::int64_t>(1, 4), *rc::gen::inRange<std::int64_t>(1, 4)};
  layer.dilation = {*rc::gen::inRange<std::int64_t>(1, 3), *rc::gen::inRange<std::int64_t>(1, 3)};
  layer.pads = {*rc::gen::inRange<std::int64_t>(0, 3), *rc::gen::inRange<std::int64_t>(0, 3),
                *rc::gen::inRange<std::int64_t>(0, 3), *rc::gen::inRange<std::int64_t>(0, 3)};
  layer.columns = depth * layer.kernel[0] * layer.kernel[1];
  const std::vector<std::int64_t> shape{*rc::gen::inRange<std::int64_t>(1, 3), depth * layer.groups,
                                        *rc::gen::inRange<std::int64_t>(1, 9),
                                        *rc::gen::inRange<std::int64_t>(1, 9)};
  // What is not padding is 1.
  const std::vector<float> values(
      static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]), 1.0F);
  std::vector<float> rows;
  const auto count = sample_rows(layer, shape, values, *rc::gen::inRange<std::int64_t>(1, 40),
                                 *rc::gen::inRange<std::int64_t>(0, 9), rows);
  RC_ASSERT(rows.size() == static_cast<std::size_t>(layer.groups * count * layer.columns));
  for (const float value : rows) {
    RC_ASSERT(value == 0 || value == 1);
  }
}

TEST(ReplaceConstant, OneThatOthersRead_IsCopiedForThisReader) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 2})
                   .constant("c", Tensor::of(std::vector<float>{1, 2}, {2}))
                   .op("Add", {"x", "c"}, {"h"})
                   .op("Mul", {"h", "c"}, {"y"})
                   .output("y", {1, 2})
                   .build();
  quantize::replace_constant(model, *model.producer("y"), 1,
                             Tensor::of(std::vector<float>{3, 4}, {2}));
  EXPECT_THAT(model.initializer("c")->as<float>(), ElementsAre(1, 2));
  const auto fresh = model.inputs(*model.producer("y"))[1];
  EXPECT_NE(fresh, "c");
  EXPECT_THAT(model.initializer(fresh)->as<float>(), ElementsAre(3, 4));
  // Now it is read by that one alone, and changes in place.
  quantize::replace_constant(model, *model.producer("y"), 1,
                             Tensor::of(std::vector<float>{5, 6}, {2}));
  EXPECT_EQ(model.inputs(*model.producer("y"))[1], fresh);
  EXPECT_THAT(model.initializer(fresh)->as<float>(), ElementsAre(5, 6));
}

}  // namespace
}  // namespace tessera::refine
