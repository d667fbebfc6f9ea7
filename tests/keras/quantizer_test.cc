// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/quantizer.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "keras/quantizer_powers.h"
#include "support/matchers.h"

namespace tessera::keras {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

Result<std::optional<Quantizer>> parse(const Json& config) {
  return parse_quantizer(config, "layer 'x': kernel_quantizer");
}

Quantizer parsed(const Json& config) {
  return parse(config).value().value();
}

Tensor floats(const std::vector<float>& values, Shape shape = {}) {
  return Tensor::of(values, shape.empty() ? Shape{std::ssize(values)} : std::move(shape));
}

std::vector<float> applied(const char* text, const std::vector<float>& values, Shape shape = {}) {
  const auto tensor = apply(parsed(text), floats(values, std::move(shape)).view()).value();
  const auto result = tensor.as<float>();
  return {result.begin(), result.end()};
}

// --- configurations --------------------------------------------------------------------------

TEST(ParseQuantizer, TextAndBothDialects_AreTheSame) {
  const Json config = {
      {"bits", 4},           {"integer", 0},          {"symmetric", 1},
      {"alpha", "auto_po2"}, {"keep_negative", true}, {"use_stochastic_rounding", false},
      {"qnoise_factor", 1.0}};
  const auto text = parsed("quantized_bits(4,0,1,alpha='auto_po2')");
  EXPECT_EQ(text.bits, 4);
  EXPECT_TRUE(text.symmetric);
  EXPECT_EQ(text.scale, ScaleRule::kAutoPo2);
  const auto old = parsed(Json{{"class_name", "quantized_bits"},
                               {"config", config},
                               {"shared_object_id", 7},
                               {"__passive_serialization__", true}});
  const auto recent = parsed(Json{{"module", "qkeras.quantizers"},
                                  {"class_name", "quantized_bits"},
                                  {"config", config},
                                  {"registered_name", "quantized_bits"}});
  EXPECT_EQ(to_string(old), to_string(text));
  EXPECT_EQ(to_string(recent), to_string(text));
  EXPECT_EQ(to_string(text), "quantized_bits(4,0,1,alpha='auto_po2')");
}

TEST(ParseQuantizer, NullIsNone) {
  const auto none = parse(nullptr);
  ASSERT_THAT(none, IsOk());
  EXPECT_FALSE(none->has_value());
}

TEST(ParseQuantizer, TextsOfPython_AreRead) {
  EXPECT_EQ(parsed(" quantized_bits( bits = 6 , alpha = None , keep_negative = False ) ").bits, 6);
  EXPECT_FALSE(parsed("quantized_bits(4,1,0,False)").keep_negative);
  EXPECT_EQ(parsed("quantized_bits(4, alpha=[0.5])").alpha, 0.5F);
  EXPECT_EQ(parsed("quantized_bits(4, alpha=(5e-1))").alpha, 0.5F);
  EXPECT_EQ(parsed("quantized_relu").bits, 8);
  EXPECT_EQ(parsed("qkeras.quantized_relu(3)").bits, 3);
  EXPECT_EQ(parsed("quantized_relu(6,2,0,0.25)").negative_slope, 0.25F);
  EXPECT_EQ(parsed("stochastic_ternary(\"auto\")").scale, ScaleRule::kAuto);
  EXPECT_EQ(parsed("hard_tanh").function, ActivationFunction::kHardTanh);
  EXPECT_EQ(parsed(Json{{"class_name", "function"}, {"config", "hard_tanh"}}).kind,
            QuantizerKind::kFunction);
}

TEST(ParseQuantizer, TextsThatAreNone_SayWhere) {
  for (const auto* const text :
       {"", "(", "quantized_bits(", "quantized_bits(4", "quantized_bits(4))", "quantized_bits(4 5)",
        "quantized_bits(bits=)", "quantized_bits(alpha='auto)", "quantized_bits(bits=4,0)",
        "quantized_bits(bits=4,bits=5)", "quantized_bits([[[[[[[[[[[1", "quantized_bits(1e999)",
        "quantized_bits(nan)", "quantized_bits(--4)", "quantized_bits(0x4)"}) {
    EXPECT_THAT(parse(text), FailsWith(ErrorCode::kDataLoss, HasSubstr("layer 'x'"))) << text;
  }
}

TEST(ParseQuantizer, WhatIsNotSupported_IsRefusedByName) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"bernoulli()", "random"},
      {"quantized_wavelet(4)", "quantized_wavelet"},
      {"relu", "'relu' is not known"},
      {"quantized_bits(4,frobnicate=1)", "frobnicate"},
      {"quantized_bits(4,qnoise_factor=0.5)", "qnoise_factor"},
      {"quantized_bits(1,0,1,alpha='auto')", "bits"},
      {"quantized_bits(4,elements_per_scale=2,alpha='auto_po2')", "elements_per_scale"},
      {"quantized_bits(4,scale_axis=[0,1],alpha='auto')", "scale_axis"},
      {"quantized_bits(4,alpha=[1,2])", "alpha"},
      {"quantized_bits(4,min_po2_exponent=-3)", "alpha"},
      {"quantized_po2(12)", "bits"},
      {"quantized_po2(1)", "bits"},
      {"ternary(alpha='auto',threshold=0.5)", "threshold"},
      {"quantized_relu(4,enable_fast_inference=True)", "enable_fast_inference"},
  };
  for (const auto& [text, what] : cases) {
    EXPECT_THAT(parse(text), FailsWith(ErrorCode::kUnimplemented, HasSubstr(what))) << text;
  }
  EXPECT_THAT(parse(Json{{"class_name", "quantized_bits"}, {"module", "hgq.quantizers"}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("hgq.quantizers")));
}

TEST(ParseQuantizer, ValuesThatNoReleaseHas_AreWrong) {
  for (const auto* const text :
       {"quantized_bits(0)", "quantized_bits(33)", "quantized_bits(4.5)", "quantized_bits('4')",
        "quantized_bits(4,1000)", "quantized_bits(4,0,2)", "quantized_bits(4,alpha='best')",
        "quantized_bits(4,alpha=0)", "quantized_bits(4,alpha=-1)", "quantized_relu(4,0,0,0.3)",
        "quantized_relu(4,0,0,-0.5)", "quantized_po2(4,log2_rounding='up')",
        "quantized_bits(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16)", "quantized_bits(4,bits=4)"}) {
    const auto result = parse(text);
    EXPECT_THAT(result, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("layer 'x'"))) << text;
  }
  EXPECT_THAT(parse(4), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("class_name")));
  EXPECT_THAT(parse(Json{{"class_name", "quantized_bits"}, {"config", 4}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no object")));
}

TEST(NamesQuantizer, TellsThemFromActivationsOfKeras) {
  EXPECT_TRUE(names_quantizer("quantized_relu(4)"));
  EXPECT_TRUE(names_quantizer("quantized_relu"));
  EXPECT_TRUE(names_quantizer("bernoulli"));
  EXPECT_TRUE(names_quantizer("unheard_of(4)"));
  EXPECT_TRUE(names_quantizer("hard_sigmoid"));
  EXPECT_TRUE(names_quantizer(Json{{"class_name", "Custom>ternary"}}));
  EXPECT_FALSE(names_quantizer("relu"));
  EXPECT_FALSE(names_quantizer("linear"));
  EXPECT_FALSE(names_quantizer(nullptr));
  EXPECT_FALSE(names_quantizer(Json{{"class_name", "ReLU"}}));
  EXPECT_FALSE(names_quantizer(Json{{"class_name", "function"}, {"config", "relu"}}));
}

RC_GTEST_PROP(ParseQuantizer, AnyText_IsReadOrRefused, (const std::string& text)) {
  const auto result = parse(text);
  RC_ASSERT(result.has_value() || !result.error().message.empty());
  const auto call = parse("quantized_bits(" + text + ")");
  RC_ASSERT(call.has_value() || !call.error().message.empty());
}

// --- values ----------------------------------------------------------------------------------

TEST(Apply, QuantizedBits_RoundsHalfToEvenAndThenClips) {
  EXPECT_THAT(applied("quantized_bits(4,0,0)", {0.0625F, 0.1875F, -0.0625F, 5, -5, 0.9F}),
              ElementsAre(0, 0.25F, 0, 0.875F, -1, 0.875F));
  EXPECT_THAT(applied("quantized_bits(4,0,1)", {-5}), ElementsAre(-0.875F));
  EXPECT_THAT(applied("quantized_bits(4,2,0,keep_negative=False)", {-1, 3.9F, 0.125F}),
              ElementsAre(0, 3.75F, 0));
  // A fixed alpha scales the result alone.
  EXPECT_THAT(applied("quantized_bits(4,0,0,alpha=0.5)", {0.5F, 5}), ElementsAre(0.25F, 0.4375F));
}

TEST(Apply, OneBit_IsASignWithAPositiveZero) {
  const auto zero = std::numeric_limits<float>::denorm_min();
  EXPECT_THAT(applied("quantized_bits(1,3,1,alpha=1)", {0, -0.0F, -zero, -1, 2}),
              ElementsAre(1, 1, 1, -1, 1));
  EXPECT_THAT(applied("binary(use_01=True)", {0, -1, 2}), ElementsAre(1, 0, 1));
}

TEST(Apply, Ternary_HasADeadBand) {
  EXPECT_THAT(applied("ternary(alpha=2)", {0.33F, 0.32F, -0.33F, 0}), ElementsAre(2, 0, -2, 0));
}

TEST(Apply, PowersOfTwo_HaveNoZero) {
  EXPECT_THAT(applied("quantized_po2(4)", {0, 1, -3.5F, 100, 1e-9F}),
              ElementsAre(0.0625F, 1, -4, 8, 0.0625F));
  EXPECT_THAT(applied("quantized_relu_po2(4,1)", {-1, 0.3F, 7}),
              ElementsAre(std::ldexp(1.0F, -16), 0.25F, 1));
  EXPECT_THAT(applied("quantized_po2(6,4,quadratic_approximation=True)", {0.5F, 3, 64}),
              ElementsAre(1, 4, 4));
}

TEST(Apply, RootsHalfWayBetweenPowers_RoundToEven) {
  // log2 of the root is -1.5, -0.5, 0.5, 1.5 and 2.5.
  const char* const text = "quantized_relu_po2(6,quadratic_approximation=True)";
  EXPECT_THAT(applied(text, {0.125F, 0.5F, 2, 8, 32}), ElementsAre(0.0625F, 1, 1, 16, 16));
  for (int odd = -15; odd <= 15; odd += 2) {
    const float x = std::ldexp(1.0F, odd);
    const auto around = applied(
        text, {x * 0.999F, std::nextafter(x, 0.0F), x, std::nextafter(x, 2 * x), x * 1.001F});
    EXPECT_TRUE(std::ranges::is_sorted(around)) << x;
    EXPECT_EQ(around[4], 4 * around[0]) << x;
  }
}

TEST(Apply, NotANumber_StaysNone) {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto* const text : {"quantized_bits(4)", "quantized_po2(4)", "ternary()",
                                 "quantized_relu(4)", "quantized_ulaw(4)", "hard_tanh"}) {
    EXPECT_TRUE(std::isnan(applied(text, {nan})[0])) << text;
  }
}

RC_GTEST_PROP(Apply, GridOfBits_ContainsEveryResult, (int seed)) {
  const int bits = 2 + std::abs(seed % 9);
  const auto text = "quantized_bits(" + std::to_string(bits) + ",1,0)";
  const auto x = static_cast<float>(*rc::gen::inRange(-1000000, 1000000)) / 250000.0F;
  const float y = applied(text.c_str(), {x})[0];
  const float step = std::ldexp(1.0F, 2 - bits);
  RC_ASSERT(y / step == std::nearbyint(y / step));
  const bool inside = x >= -2 && x <= 2 - step;
  RC_ASSERT(!inside || std::abs(x - y) <= step / 2);
  RC_ASSERT(applied(text.c_str(), {y})[0] == y);
}

// --- weights ---------------------------------------------------------------------------------

TEST(QuantizeWeight, KernelWithoutAlpha_GetsAPowerOfTwoForEachChannel) {
  const auto kernel = floats({0.5F, 8, -0.25F, -6, 0.5F, 3}, {3, 2});
  const auto made =
      quantize_weight(parsed("quantized_bits(4,0,0)"), kernel.view(), WeightUse::kKernel);
  ASSERT_THAT(made, IsOk());
  ASSERT_TRUE(made->codes.has_value());
  EXPECT_EQ(made->codes->axis, 1);
  EXPECT_THAT(made->codes->scales, ElementsAre(0.0625F, 1.0F));
  EXPECT_THAT(made->published_scale, ElementsAre(0.5F, 8.0F));
  EXPECT_EQ(made->codes->integers.dtype(), DType::kInt8);
  EXPECT_EQ(made->codes->low, -7);
  EXPECT_EQ(made->codes->high, 7);
  EXPECT_THAT(made->codes->integers.as<std::int8_t>(), ElementsAre(7, 7, -4, -6, 7, 3));
  EXPECT_THAT(made->values.as<float>(), ElementsAre(0.4375F, 7, -0.25F, -6, 0.4375F, 3));
}

TEST(QuantizeWeight, BiasWithoutAlpha_KeepsItsGrid) {
  const auto bias = floats({0.5F, 8});
  const auto made = quantize_weight(parsed("quantized_bits(4,0,0)"), bias.view(), WeightUse::kBias);
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->values.as<float>(), ElementsAre(0.5F, 0.875F));
  EXPECT_FALSE(made->codes->axis.has_value());
  EXPECT_THAT(made->codes->scales, ElementsAre(0.125F));
  EXPECT_TRUE(made->published_scale.empty());
}

TEST(QuantizeWeight, DepthwiseKernel_HasOneScaleForAllChannels) {
  const auto kernel = floats({1, 0.01F, -1, 0.02F}, {2, 1, 2, 1});
  const auto made = quantize_weight(parsed("quantized_bits(4,0,1,alpha='auto')"), kernel.view(),
                                    WeightUse::kDepthwiseKernel);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->codes->scales.size(), 1);
  EXPECT_THAT(made->codes->integers.as<std::int8_t>(), ElementsAre(7, 0, -7, 0));
}

TEST(QuantizeWeight, AVectorOfSigns_IsFittedElementByElement) {
  const auto bias = floats({0.5F, -2, 0});
  const auto made =
      quantize_weight(parsed("binary(alpha='auto_po2')"), bias.view(), WeightUse::kBias);
  ASSERT_THAT(made, IsOk());
  EXPECT_THAT(made->values.as<float>(), ElementsAre(0.5F, -2, std::ldexp(1.0F, -23)));
  EXPECT_EQ(made->codes->scales.size(), 3);
}

TEST(QuantizeWeight, ScaleAxisAndTrainedScale_AreTaken) {
  const auto kernel = floats({1, 2, 4, 8}, {2, 2});
  const auto axis = quantize_weight(parsed("quantized_bits(4,0,1,alpha='auto',scale_axis=0)"),
                                    kernel.view(), WeightUse::kKernel);
  ASSERT_THAT(axis, IsOk());
  EXPECT_EQ(axis->codes->axis, 0);
  EXPECT_THAT(axis->codes->scales, Pointwise(::testing::FloatEq(), {2.0F / 7, 8.0F / 7}));
  const auto trained =
      quantize_weight(parsed("quantized_bits(4,0,1,alpha='auto',post_training_scale=[[8.0,16.0]])"),
                      kernel.view(), WeightUse::kKernel);
  ASSERT_THAT(trained, IsOk());
  EXPECT_THAT(trained->codes->scales, ElementsAre(1, 2));
  EXPECT_THAT(trained->values.as<float>(), ElementsAre(1, 2, 4, 8));
  EXPECT_THAT(quantize_weight(parsed("quantized_bits(4,alpha='auto',post_training_scale=[1,2,3])"),
                              kernel.view(), WeightUse::kKernel),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("3 trained scales")));
  EXPECT_THAT(quantize_weight(parsed("quantized_bits(4,alpha='auto',scale_axis=2)"), kernel.view(),
                              WeightUse::kKernel),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("scale_axis 2")));
}

TEST(QuantizeWeight, LinearKernelWithoutAlpha_BecomesSymmetric) {
  const auto made = quantize_weight(parsed("quantized_linear(4,0,0)"), floats({0.5F, -8}).view(),
                                    WeightUse::kKernel);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->codes->low, -7);
  EXPECT_EQ(made->codes->scales.size(), 2);
}

TEST(PowerTable, LooksUpEveryPower) {
  for (const auto* const text :
       {"quantized_po2(4)", "quantized_po2(8)", "quantized_relu_po2(5,1)",
        "quantized_po2(6,log2_rounding='floor')", "quantized_po2(7,quadratic_approximation=1)"}) {
    const auto quantizer = parsed(text);
    const auto table = power_table(quantizer);
    for (int i = -3200; i <= 3200; ++i) {
      const auto x = static_cast<float>(std::exp2(i / 100.0));
      const auto place = std::ranges::upper_bound(table.begins, x) - table.begins.begin() - 1;
      ASSERT_EQ(table.values[static_cast<std::size_t>(place)], applied(text, {x})[0]) << x;
      const float guess = std::floor(std::log(x) * table.per_log + table.offset);
      const float last = static_cast<float>(table.values.size() - 1);
      ASSERT_LE(std::abs(std::clamp(guess, 0.0F, last) - static_cast<float>(place)), 1) << x;
    }
  }
}

TEST(QuantizeWeight, PowersOfTwo_HaveNoCodes) {
  const auto made =
      quantize_weight(parsed("quantized_po2(4)"), floats({0.3F}).view(), WeightUse::kKernel);
  ASSERT_THAT(made, IsOk());
  EXPECT_FALSE(made->codes.has_value());
  EXPECT_THAT(made->values.as<float>(), ElementsAre(0.25F));
}

TEST(QuantizeWeight, WideGrids_HaveWideCodes) {
  const auto weight = floats({0.99F});
  const auto dtype = [&](const char* text) {
    return quantize_weight(parsed(text), weight.view(), WeightUse::kBias)
        .value()
        .codes->integers.dtype();
  };
  EXPECT_EQ(dtype("quantized_bits(8,0,keep_negative=False)"), DType::kUInt8);
  EXPECT_EQ(dtype("quantized_bits(9)"), DType::kInt16);
  EXPECT_EQ(dtype("quantized_bits(16,0,keep_negative=False)"), DType::kUInt16);
  EXPECT_EQ(dtype("quantized_bits(20)"), DType::kInt32);
  EXPECT_FALSE(quantize_weight(parsed("quantized_bits(30)"), weight.view(), WeightUse::kBias)
                   .value()
                   .codes.has_value());
}

TEST(QuantizeWeight, WeightsThatAreNoNumbers_AreRefused) {
  const auto infinite = floats({1, std::numeric_limits<float>::infinity()});
  EXPECT_THAT(quantize_weight(parsed("quantized_bits(4)"), infinite.view(), WeightUse::kKernel),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("NaN or infinities")));
  const auto integers = Tensor::of(std::vector<std::int64_t>{1}, {1});
  EXPECT_THAT(quantize_weight(parsed("quantized_bits(4)"), integers.view(), WeightUse::kKernel),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("int64")));
  EXPECT_THAT(quantize_weight(parsed("quantized_bits(1)"), floats({1}).view(), WeightUse::kKernel),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("one bit")));
}

TEST(QuantizeWeight, NothingAndZeros_AreTaken) {
  for (const auto* const text : {"quantized_bits(4,0,1,alpha='auto')", "binary(alpha='auto')",
                                 "quantized_bits(4,0,1,alpha='auto_po2')", "ternary(alpha='auto')",
                                 "quantized_linear(4,alpha='auto_po2')"}) {
    const auto zeros =
        quantize_weight(parsed(text), floats({0, 0, 0, 0}, {2, 2}).view(), WeightUse::kKernel);
    ASSERT_THAT(zeros, IsOk()) << text;
    for (const float value : zeros->values.as<float>()) {
      EXPECT_LT(std::abs(value), 1e-6F) << text;
    }
    EXPECT_THAT(
        quantize_weight(parsed(text), Tensor(DType::kFloat32, {0, 2}).view(), WeightUse::kKernel),
        IsOk())
        << text;
  }
}

// --- adaptive activations --------------------------------------------------------------------

TEST(AdaptiveIntegerBits, HoldTheAverages) {
  EXPECT_EQ(adaptive_integer_bits(0, 0, 8, true, true, false), 0);
  EXPECT_EQ(adaptive_integer_bits(-0.5F, 0.9F, 8, true, true, false), 0);
  EXPECT_EQ(adaptive_integer_bits(0, 3, 8, true, false, false), 2);
  EXPECT_EQ(adaptive_integer_bits(0, 4, 8, true, false, false), 3);
  EXPECT_EQ(adaptive_integer_bits(-9, 4, 8, true, true, false), 4);
  EXPECT_EQ(adaptive_integer_bits(-9, 4, 8, true, false, false), 3);
  EXPECT_EQ(adaptive_integer_bits(0, 5, 8, true, false, true), 2);
  EXPECT_EQ(adaptive_integer_bits(-1e9F, 1e9F, 6, true, true, false), 5);
}

TEST(AdaptiveQuantizer, BadConfigurations_AreRefused) {
  const auto one = floats({1});
  const auto two = floats({1, 2});
  const auto make = [](const Json& config, const Tensor& low, const Tensor& high) {
    return adaptive_quantizer(config, low.view(), high.view(), "layer 'a'");
  };
  EXPECT_THAT(make({{"activation", "quantized_tanh"}, {"total_bits", 4}}, one, one),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("quantized_tanh")));
  EXPECT_THAT(make({{"activation", "quantized_relu"}}, one, one),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("total_bits")));
  EXPECT_THAT(make({{"activation", "quantized_relu"}, {"total_bits", 4}}, one, two),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("1 and 2")));
}

TEST(Quantizer, CodesBeyondAllFloats_AreLeftOut) {
  const auto weights = Tensor::of(std::vector<float>{0.5F, -1, 0.25F}, {3});
  for (const auto* const text :
       {"quantized_bits(32,0,1,alpha='auto')", "quantized_bits(32,0,0,alpha='auto_po2')"}) {
    const auto quantizer = parse_quantizer(Json(text), "test").value().value();
    const auto result = quantize_weight(quantizer, weights.view(), WeightUse::kBias);
    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->codes.has_value()) << text;
    EXPECT_FALSE(result->published_scale.empty());
    EXPECT_NEAR(result->values.as<float>()[1], -1, 1e-6);
  }
}

}  // namespace
}  // namespace tessera::keras
