// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/bits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "noise/bits_model.h"
#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "tessera/keras/quantizer.h"

namespace tessera::noise {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

constexpr std::size_t kLayers = 3;

/// Convolutions with ReLUs between, of different sizes, so that orders are not a matter of chance.
onnx::Model three_layers() {
  ModelBuilder builder(13);
  builder.input("x0", {1, 4, 8, 8});
  const std::vector<std::int64_t> pads{1, 1, 1, 1};
  builder.weight("w0", {6, 4, 3, 3}, 0.2)
      .op("Conv", {"x0", "w0"}, {"c0"}, {{"pads", pads}})
      .op("Relu", {"c0"}, {"x1"})
      .weight("w1", {10, 6, 3, 3}, 0.4)
      .op("Conv", {"x1", "w1"}, {"c1"}, {{"pads", pads}})
      .op("Relu", {"c1"}, {"x2"})
      .weight("w2", {4, 10, 1, 1}, 0.3)
      .op("Conv", {"x2", "w2"}, {"y"});
  return builder.output("y", {1, 4, 8, 8}).build();
}

struct Input {
  std::unique_ptr<Bench> bench;
  BitsOptions options{.weight_bits = {8, 3}, .activation_bits = {8}};

  [[nodiscard]] BitsSetup setup() const {
    return {.model = &bench->model,
            .library = bench->library,
            .session = {},
            .samples = &*bench->samples,
            .calibration = &*bench->samples,
            .layers = {}};
  }
  [[nodiscard]] Result<Bits> find() const { return find_bits(setup(), options, Monitor::silent()); }
};

Result<Input> input_of(onnx::Model model) {
  Input input;
  TESSERA_TRY(input.bench, bench_of(std::move(model)));
  return input;
}

/// SQNR of every setting of the weights; activations at their only width.
std::map<Widths, double> brute_force(const Input& input) {
  auto model = BitsModel::open(input.setup(), input.options, Monitor::silent());
  std::map<Widths, double> all;
  for (int setting = 0; setting < 8; ++setting) {
    Widths widths(model->knobs().size(), 0);
    for (std::size_t i = 0; i < kLayers; ++i) {
      widths[i] = setting >> i & 1;
    }
    all[widths] = model->measure(widths, Monitor::silent())->metrics.sqnr_db;
  }
  return all;
}

TEST(Bits, Path_IsThatOfBruteForce) {
  const auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  const auto bits = input->find();
  ASSERT_THAT(bits, IsOk());
  const auto all = brute_force(*input);
  ASSERT_EQ(bits->steps.size(), kLayers);
  const auto model = BitsModel::open(input->setup(), input->options, Monitor::silent());
  Widths widths(model->knobs().size(), 0);
  double noise = std::pow(10, -bits->sqnr_db / 10);
  double cost = bits->cost;
  EXPECT_NEAR(all.at(widths), bits->sqnr_db, 1e-9);
  for (const auto& step : bits->steps) {
    EXPECT_EQ(step.weight_bits, 3);
    const auto knob = std::ranges::find(model->knobs(), step.layer, &Knob::name);
    const auto taken = static_cast<std::size_t>(knob - model->knobs().begin());
    // No other layer adds less noise for what it saves: by each other step's own measure.
    const double price = (std::pow(10, -step.sqnr_db / 10) - noise) / (cost - step.cost);
    for (std::size_t other = 0; other < kLayers; ++other) {
      if (widths[other] == 1 || other == taken) {
        continue;
      }
      auto lowered = widths;
      lowered[other] = 1;
      const double added = std::pow(10, -all.at(lowered) / 10) - noise;
      const auto later =
          std::ranges::find(bits->steps, model->knobs()[other].name, &BitsStep::layer);
      const double before = later == bits->steps.begin() ? bits->cost : (later - 1)->cost;
      EXPECT_LE(price, added / (before - later->cost) * (1 + 1e-9));
    }
    widths[taken] = 1;
    noise = std::pow(10, -step.sqnr_db / 10);
    cost = step.cost;
    EXPECT_NEAR(all.at(widths), step.sqnr_db, 1e-9);
  }
}

/// The same network with constants, as somebody would write it: weights that the quantizer of the
/// answer makes, and activations on the grid that it names.
TEST(Bits, Sqnr_IsThatOfAModelBuiltFromTheAnswer) {
  auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  input->options = {.weight_bits = {4}, .activation_bits = {6}};
  const auto bits = input->find();
  ASSERT_THAT(bits, IsOk());
  EXPECT_TRUE(bits->steps.empty());
  auto built = three_layers();
  std::size_t weights = 0;
  for (const auto& layer : bits->layers) {
    const auto quantizer = keras::parse_quantizer(Json(layer.quantizer), layer.layer);
    ASSERT_THAT(quantizer, IsOk());
    if (layer.weight_bits) {
      const auto name = "w" + std::to_string(weights++);
      const auto given = *built.initializer(name);
      // [O, rest] to [rest, O] and back: QKeras has the channels last.
      const auto channels = static_cast<std::size_t>(given.shape[0]);
      const auto rest = static_cast<std::size_t>(given.size()) / channels;
      std::vector<float> last(channels * rest);
      for (std::size_t i = 0; i < last.size(); ++i) {
        last[i % rest * channels + i / rest] = given.as<float>()[i];
      }
      const auto made = keras::quantize_weight(
          **quantizer, Tensor::of(last, {static_cast<std::int64_t>(rest), given.shape[0]}).view(),
          keras::WeightUse::kKernel);
      ASSERT_THAT(made, IsOk());
      std::vector<float> values(last.size());
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = made->values.as<float>()[i % rest * channels + i / rest];
      }
      built.set_initializer(name,
                            Tensor::of(values, Shape(given.shape.begin(), given.shape.end())));
    } else {
      const auto text = layer.quantizer;
      ASSERT_EQ((*quantizer)->kind, keras::QuantizerKind::kRelu) << text;
      const float step = std::ldexp(1.0F, (*quantizer)->integer - *layer.activation_bits);
      const auto scale = layer.layer + "_scale";
      built.set_initializer(scale, Tensor::scalar(step));
      built.set_initializer("zero", Tensor::scalar(std::uint8_t{0}));
      built.set_initializer("low", Tensor::scalar(std::uint8_t{0}));
      built.set_initializer("high", Tensor::scalar(std::uint8_t{63}));
      built.replace_uses(layer.layer, layer.layer + "_rounded");
      const auto& n = layer.layer;
      built.add_node({n + "_q", "QuantizeLinear", "", {n, scale, "zero"}, {n + "_code"}, {}});
      built.add_node({n + "_c", "Clip", "", {n + "_code", "low", "high"}, {n + "_cut"}, {}});
      built.add_node(
          {n + "_dq", "DequantizeLinear", "", {n + "_cut", scale, "zero"}, {n + "_rounded"}, {}});
    }
  }
  const auto network = network::Network::of(std::move(built));
  runtime::SessionOptions options;
  options.config["session.disable_quant_qdq"] = "1";
  auto session = network.open(input->bench->library, options);
  ASSERT_THAT(session, IsOk());
  auto reference = input->bench->model.open(input->bench->library, {});
  ASSERT_THAT(reference, IsOk());
  const auto baseline =
      evaluate::Baseline::measure(*reference, *input->bench->samples, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  const auto accuracy = baseline->evaluate(*session, Monitor::silent());
  ASSERT_THAT(accuracy, IsOk());
  EXPECT_NEAR(accuracy->overall.sqnr_db, bits->sqnr_db, 0.05);
  EXPECT_GT(bits->sqnr_db, 5);
}

TEST(Bits, Limit_IsKept) {
  auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  input->options = {};
  const auto whole = input->find();
  ASSERT_THAT(whole, IsOk());
  EXPECT_GT(whole->chosen, 0);
  EXPECT_EQ(whole->steps.size(), 3U * 5 + 2U * 3);
  for (std::size_t i = 1; i < whole->steps.size(); ++i) {
    EXPECT_LT(whole->steps[i].cost, whole->steps[i - 1].cost);
  }
  input->options.min_sqnr_db = 20;
  const auto limited = input->find();
  ASSERT_THAT(limited, IsOk());
  ASSERT_FALSE(limited->steps.empty());
  EXPECT_EQ(limited->chosen, static_cast<std::int64_t>(limited->steps.size()));
  EXPECT_LT(limited->chosen_cost, limited->cost);
  for (const auto& step : limited->steps) {
    EXPECT_GE(step.sqnr_db, 20);
  }
  input->options.min_sqnr_db = 200;
  EXPECT_EQ(input->find()->chosen, 0);
}

TEST(Bits, CostInBits_CountsEveryElement) {
  auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  input->options = {.weight_bits = {8}, .activation_bits = {4}, .cost = BitsCost::kBits};
  const auto bits = input->find();
  ASSERT_THAT(bits, IsOk());
  EXPECT_EQ(bits->cost_unit, "bits");
  EXPECT_EQ(bits->cost, 8.0 * (6 * 36 + 10 * 54 + 40) + 4.0 * (6 + 10) * 64);
}

TEST(Bits, Front_HasNothingBetterBehindIt) {
  auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  input->options = {};
  const auto bits = input->find();
  ASSERT_THAT(bits, IsOk());
  for (std::size_t i = 0; i < bits->steps.size(); ++i) {
    const bool beaten =
        std::any_of(bits->steps.begin() + static_cast<std::ptrdiff_t>(i) + 1, bits->steps.end(),
                    [&](const auto& later) { return later.sqnr_db >= bits->steps[i].sqnr_db; });
    EXPECT_EQ(bits->steps[i].front, !beaten) << i;
  }
}

TEST(Bits, Answer_IsARecipeAndADictionary) {
  auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  input->options = {.weight_bits = {4}, .activation_bits = {16}};
  const auto setup = [&] {
    auto named = input->setup();
    named.layers = {{"x1", "Activation", "x1"}};
    return named;
  }();
  const auto bits = find_bits(setup, input->options, Monitor::silent());
  ASSERT_THAT(bits, IsOk());
  ASSERT_EQ(bits->recipe.rules.size(), 1U + kLayers);
  EXPECT_EQ(bits->recipe.rules[1].scheme.weight, DType::kInt4);
  EXPECT_EQ(bits->recipe.rules[1].scheme.activation, DType::kUInt8);  // of the network's input
  EXPECT_EQ(bits->recipe.rules[2].scheme.activation, DType::kUInt16);
  const auto config = to_json(bits->quantizer_config);
  ASSERT_EQ(config.size(), kLayers + 1);
  const auto& layer = config.at(bits->layers[0].layer);
  EXPECT_EQ(layer.at("kernel_quantizer"), "quantized_bits(4,0,1,alpha='auto')");
  EXPECT_TRUE(layer.at("bias_quantizer").is_null());
  EXPECT_THAT(config.at("x1").get<std::string>(), HasSubstr("quantized_relu(16,"));
  ASSERT_EQ(bits->by_hand.size(), 1U);
  EXPECT_EQ(bits->by_hand[0].layer, "x2");
}

TEST(Bits, Grid_IsThatOfQKeras) {
  for (const auto* text : {"quantized_bits(4,1,0,alpha=1.0)", "quantized_relu(4,1)"}) {
    const auto quantizer = keras::parse_quantizer(Json(text), "test");
    ASSERT_THAT(quantizer, IsOk());
    const auto grid = grid_of(4, 1, text[10] == 'b');
    std::vector<float> values;
    for (int i = -300; i <= 300; ++i) {
      values.push_back(static_cast<float>(i) / 64);
    }
    const auto size = static_cast<std::int64_t>(values.size());
    const auto expected = keras::apply(**quantizer, Tensor::of(values, {size}).view());
    ASSERT_THAT(expected, IsOk());
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(rounded(values[i], grid), expected->as<float>()[i]) << text << " " << values[i];
    }
  }
}

TEST(Bits, WhatMakesNoSense_IsRefused) {
  auto input = input_of(three_layers());
  ASSERT_THAT(input, IsOk());
  input->options.weight_bits = {9};
  EXPECT_THAT(input->find(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("9 bits")));
  input->options = {.activation_bits = {3}};
  EXPECT_THAT(input->find(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("3 bits")));
  input->options = {.weight_bits = {}};
  EXPECT_THAT(input->find(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no bits")));
  input->options = {.alpha = "1"};
  EXPECT_THAT(input->find(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("auto_po2")));
}

/// Products with weights of 4 x 4 bytes that DequantizeLinear reads along an axis.
onnx::Model dequantized_along(std::int64_t axis) {
  ModelBuilder builder(13);
  builder.input("x", {1, 4});
  builder.constant("w", Tensor::of(std::vector<std::int8_t>(16, 3), {4, 4}))
      .constant("scales", Tensor::of(std::vector<float>(4, 0.5F), {4}))
      .op("DequantizeLinear", {"w", "scales"}, {"real"}, {{"axis", axis}})
      .declare("real", {4, 4})
      .op("MatMul", {"x", "real"}, {"y"});
  return builder.output("y", {1, 4}).build();
}

Result<Sites> sites_of(onnx::Model model) {
  const auto network = network::Network::of(std::move(model));
  TESSERA_TRY(const auto graph, network.view());
  return find_sites(network, graph);
}

TEST(BitsSites, AxesOfScales_CountFromBothEnds) {
  for (const std::int64_t axis : {-2, -1, 0, 1}) {
    const auto sites = sites_of(dequantized_along(axis));
    ASSERT_THAT(sites, IsOk());
    EXPECT_EQ(sites->weights.front().given, 3) << axis;
    EXPECT_EQ(sites->weights.front().values.as<float>()[0], 1.5F) << axis;
  }
}

TEST(BitsSites, AxesThatTheWeightsDoNotHave_AreNone) {
  for (const std::int64_t axis : {-7, -3, 2, 7}) {
    EXPECT_THAT(sites_of(dequantized_along(axis)),
                FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no layer has weights")))
        << axis;
  }
}

TEST(BitsSites, AScalarWithSeveralScales_IsNoConstant) {
  for (const std::size_t count : {1, 2}) {
    ModelBuilder builder(13);
    builder.input("x", {1, 4});
    builder.weight("w", {4, 4})
        .constant("bias", Tensor::scalar(std::int8_t{3}))
        .constant("scales", Tensor::of(std::vector<float>(count, 1), {std::int64_t(count)}))
        .op("DequantizeLinear", {"bias", "scales"}, {"real"})
        .declare("real", {})
        .op("Gemm", {"x", "w", "real"}, {"y"});
    const auto sites = sites_of(builder.output("y", {1, 4}).build());
    ASSERT_THAT(sites, IsOk());
    ASSERT_EQ(sites->weights.size(), 1U);
    EXPECT_EQ(sites->weights.front().bias.has_value(), count == 1);
  }
}

TEST(BitsSites, OnlyAClipFromZeroOn_IsARelu) {
  for (const bool bounded : {false, true}) {
    ModelBuilder builder(13);
    builder.input("x", {1, 4});
    builder.weight("w", {4, 4})
        .constant("zero", Tensor::scalar(0.0F))
        .op("MatMul", {"x", "w"}, {"h"})
        .declare("h", {1, 4})
        .declare("c", {1, 4})
        .op("Clip", bounded ? std::vector<std::string>{"h", "zero"} : std::vector<std::string>{"h"},
            {"c"})
        .op("MatMul", {"c", "w"}, {"y"});
    const auto sites = sites_of(builder.output("y", {1, 4}).build());
    ASSERT_THAT(sites, IsOk());
    ASSERT_EQ(sites->activations.size(), 1U);
    EXPECT_EQ(sites->activations.front().relu, bounded);
  }
}

}  // namespace
}  // namespace tessera::noise
