// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/quantizer_onnx.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/model_builder.h"

// What operators quantizers become; that they compute the same is tests/network's to show.
namespace tessera::keras {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Quantizer parsed(const char* text) {
  return parse_quantizer(Json(text), "test").value().value();
}

struct Made {
  std::vector<std::string> operators;
  onnx::Model model;
};

Made made_of(const char* text, std::int64_t opset = 17) {
  Made made{.model = onnx::Model::empty(opset)};
  made.model.add_input("x", testing::float_type({1, 4}));
  const auto y = add_quantizer(made.model, parsed(text), "x", "q");
  EXPECT_THAT(y, IsOk());
  for (const auto node : made.model.nodes()) {
    made.operators.push_back(made.model.op_type(node));
  }
  EXPECT_EQ(made.model.outputs(made.model.nodes().back()).front(), *y);
  return made;
}

TEST(AddQuantizer, WholeTypes_NeedNoClip) {
  EXPECT_THAT(made_of("quantized_bits(8,0,0)").operators,
              ElementsAre("QuantizeLinear", "DequantizeLinear"));
  EXPECT_THAT(made_of("quantized_relu(8)").operators,
              ElementsAre("QuantizeLinear", "DequantizeLinear"));
}

TEST(AddQuantizer, NarrowGrids_AreClippedAsIntegers) {
  const auto made = made_of("quantized_relu(4,2)");
  EXPECT_THAT(made.operators, ElementsAre("QuantizeLinear", "Clip", "DequantizeLinear"));
  const auto nodes = made.model.nodes();
  const auto inputs = made.model.inputs(nodes[0]);
  EXPECT_EQ(made.model.initializer(inputs[1])->as<float>()[0], 0.25F);
  EXPECT_EQ(made.model.initializer(inputs[2])->dtype, DType::kUInt8);
  const auto ends = made.model.inputs(nodes[1]);
  EXPECT_EQ(made.model.initializer(ends[1])->as<std::uint8_t>()[0], 0);
  EXPECT_EQ(made.model.initializer(ends[2])->as<std::uint8_t>()[0], 15);
}

TEST(AddQuantizer, SixteenBits_DependOnTheOpset) {
  EXPECT_THAT(made_of("quantized_bits(12)", 17).operators,
              ElementsAre("Mul", "Round", "Clip", "Mul"));
  EXPECT_THAT(made_of("quantized_bits(12)", 21).operators,
              ElementsAre("Clip", "QuantizeLinear", "DequantizeLinear"));
  EXPECT_THAT(made_of("quantized_bits(20)", 21).operators,
              ElementsAre("Mul", "Round", "Clip", "Mul"));
}

TEST(AddQuantizer, Signs_AreComparisons) {
  EXPECT_THAT(made_of("binary()").operators, ElementsAre("Greater", "Where"));
  EXPECT_THAT(made_of("ternary()").operators,
              ElementsAre("LessOrEqual", "Where", "GreaterOrEqual", "Where"));
}

TEST(AddQuantizer, SlopeOnTheGrid_IsALeakyRelu) {
  EXPECT_THAT(made_of("quantized_relu(4,2,negative_slope=0.25)").operators,
              ElementsAre("LeakyRelu", "QuantizeLinear", "Clip", "DequantizeLinear"));
}

TEST(AddQuantizer, Twice_HasNamesOfItsOwn) {
  auto model = onnx::Model::empty(17);
  model.add_input("x", testing::float_type({1, 4}));
  const auto first = add_quantizer(model, parsed("quantized_relu(4)"), "x", "q");
  const auto second = add_quantizer(model, parsed("quantized_relu(5)"), *first, "q");
  EXPECT_NE(*first, *second);
  EXPECT_EQ(model.nodes().size(), 6U);
  EXPECT_THAT(model.view(), IsOk());
}

TEST(AddQuantizer, ScalesFromData_AreRefused) {
  auto model = onnx::Model::empty(17);
  for (const auto* const text : {"quantized_bits(4,alpha='auto')", "binary(alpha='auto_po2')"}) {
    EXPECT_THAT(add_quantizer(model, parsed(text), "x", "layer"),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("layer")));
  }
  EXPECT_TRUE(model.nodes().empty());
}

TEST(GridOf, AffineGrids_HaveScaleAndEnds) {
  const auto grid = grid_of(parsed("quantized_bits(6,2,1)"));
  ASSERT_TRUE(grid.has_value());
  EXPECT_EQ(grid->scale, 0.125F);
  EXPECT_EQ(grid->low, -31);
  EXPECT_EQ(grid->high, 31);
  EXPECT_EQ(grid->dtype, DType::kInt8);
  EXPECT_EQ(grid_of(parsed("quantized_relu(8)"))->dtype, DType::kUInt8);
  EXPECT_EQ(grid_of(parsed("quantized_tanh(16)"))->dtype, DType::kInt16);
  for (const auto* const text :
       {"quantized_po2(4)", "quantized_ulaw(4)", "hard_tanh", "quantized_bits(4,alpha='auto')",
        "quantized_bits(30)", "quantized_relu(2,0,negative_slope=0.25)"}) {
    EXPECT_FALSE(grid_of(parsed(text)).has_value()) << text;
  }
}

}  // namespace
}  // namespace tessera::keras
