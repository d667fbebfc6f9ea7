// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/integer_form.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/lower.h"
#include "keras/network_builder.h"
#include "support/matchers.h"

// The form of products on grids. That it computes the same is tests/network's to show.
namespace tessera::keras {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;

constexpr const char* kByte = "quantized_bits(8,0,1,alpha=1)";
constexpr const char* kRelu = "quantized_relu(8,2)";

/// x -> 8 bits -> convolution with this kernel quantizer -> `behind`.
NetworkBuilder convolution(const char* kernel, const char* bias) {
  return NetworkBuilder()
      .input("x", {6, 6, 2})
      .layer("q", "QActivation", {{"activation", kByte}}, {"x"})
      .layer("c", "QConv2D",
             {{"filters", 3},
              {"kernel_size", 3},
              {"kernel_quantizer", kernel},
              {"bias_quantizer", bias}},
             {"q"}, {{"kernel", {3, 3, 2, 3}}, {"bias", {3}}});
}

std::vector<std::string> types_of(const onnx::Model& model) {
  std::vector<std::string> types;
  const auto order = model.written_order().value();
  for (const auto node : order) {
    types.push_back(model.op_type(node));
  }
  return types;
}

onnx::NodeId first_of(const onnx::Model& model, std::string_view type) {
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == type) {
      return node;
    }
  }
  ADD_FAILURE() << "no " << type;
  return {};
}

bool has(const onnx::Model& model, std::string_view type) {
  const auto types = types_of(model);
  return std::find(types.begin(), types.end(), type) != types.end();
}

TEST(IntegerForm, Activations_AreBytesWithoutASign) {
  const auto imported = lower(convolution(kByte, kByte)
                                  .layer("a", "QActivation", {{"activation", kRelu}}, {"c"})
                                  .output("a")
                                  .build());
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == "QuantizeLinear") {
      EXPECT_EQ(model.initializer_type(model.inputs(node)[2])->dtype, DType::kUInt8);
    }
  }
  const auto clip = model.inputs(first_of(model, "Clip"));
  EXPECT_EQ(model.initializer(clip[1])->as<std::uint8_t>()[0], 1);
  EXPECT_EQ(model.initializer(clip[2])->as<std::uint8_t>()[0], 255);
}

TEST(IntegerForm, BiasOnTheGridOfSums_BecomesInt32) {
  const auto network = convolution(kByte, kByte)
                           .layer("a", "QActivation", {{"activation", kRelu}}, {"c"})
                           .output("a")
                           .build();
  const auto imported = lower(network);
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  EXPECT_FALSE(has(model, "Add"));
  const auto bias = model.inputs(first_of(model, "Conv"))[2];
  const auto source = model.producer(bias);
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(model.op_type(*source), "DequantizeLinear");
  const auto inputs = model.inputs(*source);
  const auto codes = model.initializer(inputs[0])->as<std::int32_t>();
  const float scale = model.initializer(inputs[1])->as<float>()[0];
  EXPECT_EQ(scale, std::exp2(-14.0F));
  const auto& weights = network.layers[2].weights[1].value;
  for (std::size_t i = 0; i < 3; ++i) {
    const float rounded =
        std::clamp(std::nearbyint(weights.as<float>()[i] * 128), -127.0F, 127.0F) / 128;
    EXPECT_EQ(static_cast<float>(codes[i]) * scale, rounded);
  }
}

TEST(IntegerForm, BiasBetweenTheSums_IsAddedBehindTheProduct) {
  // Scales of least squares: no bias divides by them.
  const auto imported = lower(convolution("quantized_bits(8,0,1,alpha='auto')", kByte)
                                  .layer("a", "QActivation", {{"activation", kRelu}}, {"c"})
                                  .output("a")
                                  .build());
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  EXPECT_EQ(model.inputs(first_of(model, "Conv")).size(), 2U);
  EXPECT_EQ(model.outputs(first_of(model, "Add")), std::vector<std::string>{"c"});
}

TEST(IntegerForm, Dense_IsOneProductAndFloatsStayFloats) {
  const Json dense = {{"units", 3}, {"kernel_quantizer", kByte}, {"bias_quantizer", kByte}};
  const auto imported =
      lower(NetworkBuilder()
                .input("x", {4})
                .layer("q", "QActivation", {{"activation", kByte}}, {"x"})
                .layer("d", "QDense", dense, {"q"}, {{"kernel", {4, 3}}, {"bias", {3}}})
                .layer("e", "QDense", dense, {"d"}, {{"kernel", {3, 3}}, {"bias", {3}}})
                .output("e")
                .build());
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  EXPECT_FALSE(has(model, "MatMul"));
  const auto on_grid = *model.producer("d");
  EXPECT_EQ(
      model.initializer_type(model.inputs(*model.producer(model.inputs(on_grid)[2]))[0])->dtype,
      DType::kInt32);
  // A product of floats: its bias stays, and its weights stand so that they are not taken for
  // those of a kernel that rounds the floats.
  const auto floats = *model.producer("e");
  EXPECT_EQ(model.int_attribute(floats, "transB", 0), 1);
  EXPECT_EQ(model.initializer_type(model.inputs(floats)[2])->dtype, DType::kFloat32);
}

TEST(IntegerForm, JoiningOnOneGrid_StaysOnIt) {
  const auto imported = lower(NetworkBuilder()
                                  .input("x", {4, 4, 2})
                                  .layer("q", "QActivation", {{"activation", kByte}}, {"x"})
                                  .layer("u", "UpSampling2D", {{"size", {2, 2}}}, {"q"})
                                  .layer("j", "Concatenate", {{"axis", -1}}, {"u", "u"})
                                  .output("j")
                                  .build());
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(types_of(imported->model),
              ElementsAre("QuantizeLinear", "Clip", "DequantizeLinear", "Resize", "QuantizeLinear",
                          "DequantizeLinear", "Concat", "QuantizeLinear", "DequantizeLinear"));
}

TEST(IntegerForm, Folding_PutsBatchNormIntoScales) {
  auto builder = convolution(kByte, kByte);
  builder.layer("n", "BatchNormalization", {{"epsilon", 0.0}}, {"c"})
      .with_weight("gamma", Tensor::of(std::vector<float>{1, -2, 0.5F}, {3}))
      .with_weight("beta", Tensor::of(std::vector<float>{0, 1, 2}, {3}))
      .with_weight("moving_mean", Tensor::of(std::vector<float>{0, 0, 1}, {3}))
      .with_weight("moving_variance", Tensor::of(std::vector<float>{1, 4, 1}, {3}))
      .layer("a", "QActivation", {{"activation", kRelu}}, {"n"})
      .output("a");
  const auto network = builder.build();
  const auto plain = lower(network);
  ASSERT_THAT(plain, IsOk());
  EXPECT_TRUE(has(plain->model, "BatchNormalization"));
  const auto folded = lower(network, {.fold_batch_norm = true});
  ASSERT_THAT(folded, IsOk());
  const auto& model = folded->model;
  EXPECT_FALSE(has(model, "BatchNormalization"));
  EXPECT_EQ(model.outputs(first_of(model, "Conv")), std::vector<std::string>{"n"});
  const auto before = plain->model.inputs(
      *plain->model.producer(plain->model.inputs(first_of(plain->model, "Conv"))[1]));
  const auto after = model.inputs(*model.producer(model.inputs(first_of(model, "Conv"))[1]));
  const auto scales = model.initializer(after[1])->as<float>();
  EXPECT_THAT(std::vector<float>(scales.begin(), scales.end()),
              ElementsAre(1.0F / 128, 1.0F / 128, 0.5F / 128));
  // The second channel changes its sign.
  const auto old_codes = plain->model.initializer(before[0])->as<std::int8_t>();
  const auto new_codes = model.initializer(after[0])->as<std::int8_t>();
  EXPECT_EQ(new_codes[0], old_codes[0]);
  EXPECT_EQ(int{new_codes[18]}, -int{old_codes[18]});
}

}  // namespace
}  // namespace tessera::keras
