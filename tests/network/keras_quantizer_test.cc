// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/quantizer_onnx.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/core/random.h"
#include "tessera/network/network.h"
#include "tessera/runtime/session.h"

// Quantizers as operators, on the real runtime: what they compute is what apply() computes, bit for
// bit.
namespace tessera::keras {
namespace {

using testing::float_type;
using testing::IsOk;

const std::shared_ptr<const runtime::Library>& library() {
  static const auto kLibrary = runtime::Library::load().value();
  return kLibrary;
}

/// Random numbers of many sizes, ties of linear and of power-of-two grids and their neighbours,
/// zeros and denormals; four channels.
Tensor hard_values() {
  std::vector<float> values{0.0F, -0.0F, 1e-40F, -1e-40F, 1e-7F, 9.9e-8F,
                            1e6F, -1e6F, 0.33F,  -0.33F,  6.0F,  -3.0F};
  for (int i = -600; i <= 600; ++i) {
    values.push_back(static_cast<float>(i) / 128);
  }
  for (int i = -26; i <= 12; ++i) {
    const auto tie = static_cast<float>(std::exp2(i + 0.5));
    for (const float x : {tie, std::nextafter(tie, 0.0F), std::nextafter(tie, 1e9F),
                          static_cast<float>(std::exp2(i))}) {
      values.push_back(x);
      values.push_back(-x);
    }
  }
  Random random(7);
  while (values.size() < 2400) {
    values.push_back(
        static_cast<float>(random.normal() * std::exp2(static_cast<double>(random.below(8)) - 4)));
  }
  return Tensor::of(values, {1, static_cast<std::int64_t>(values.size() / 4), 4});
}

Quantizer parsed(const char* text) {
  return parse_quantizer(Json(text), "test").value().value();
}

Result<Tensor> run(const Quantizer& quantizer, const Tensor& x, std::int64_t opset,
                   runtime::OptLevel level) {
  auto model = onnx::Model::empty(opset);
  model.add_input("x", float_type({x.shape()[0], x.shape()[1], x.shape()[2]}));
  TESSERA_TRY(const auto y,
              add_quantizer(model, quantizer, "x", "q", {.channel_axis = 2, .rank = 3}));
  model.add_output(y);
  auto network = network::Network::of(std::move(model));
  TESSERA_CHECK(network.infer_types(library()));
  runtime::SessionOptions options;
  options.opt_level = level;
  TESSERA_TRY(auto session, network.open(library(), options));
  const runtime::Feed feed{"x", x.view()};
  TESSERA_TRY(const auto outputs, session.run({&feed, 1}));
  return Tensor(outputs[0]);
}

class KerasQuantizer : public ::testing::TestWithParam<const char*> {};

TEST_P(KerasQuantizer, AddQuantizer_ComputesTheQuantizerBitForBit) {
  const auto quantizer = parsed(GetParam());
  const auto x = hard_values();
  const auto expected = apply(quantizer, x.view());
  ASSERT_THAT(expected, IsOk());
  for (const std::int64_t opset : {13, 21}) {
    for (const auto level : {runtime::OptLevel::kDisabled, runtime::OptLevel::kAll}) {
      const auto made = run(quantizer, x, opset, level);
      ASSERT_THAT(made, IsOk());
      for (std::size_t i = 0; i < x.as<float>().size(); ++i) {
        ASSERT_EQ(made->as<float>()[i], expected->as<float>()[i])
            << "opset " << opset << ", x = " << x.as<float>()[i] << " (" << i << ")";
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, KerasQuantizer,
    ::testing::Values(
        "quantized_bits(8,0,1)", "quantized_bits(8,2,0)", "quantized_bits(4,0,0)",
        "quantized_bits(6,2,1,alpha=0.7)", "quantized_bits(1,0,1,alpha=1)",
        "quantized_bits(8,1,0,keep_negative=False)", "quantized_bits(12,3,1)",
        "quantized_bits(16,4,0,keep_negative=False)", "quantized_bits(24,4,0)",
        "quantized_bits(32,8,1)", "quantized_linear(8,0)", "quantized_linear(5,1,0,alpha=0.3)",
        "quantized_linear(1,0)", "quantized_linear(12,2,alpha=1.7)",
        "quantized_linear(3,0,1,keep_negative=False)", "binary()", "binary(use_01=True,alpha=0.25)",
        "ternary()", "ternary(alpha=0.5,threshold=0)", "stochastic_ternary(threshold=0.7)",
        "quantized_relu(6)", "quantized_relu(8,3)", "quantized_relu(12,3)", "quantized_relu(20,3)",
        "quantized_relu(4,2,negative_slope=0.25)", "quantized_relu(2,1,negative_slope=0.25)",
        "quantized_relu(6,2,1)", "quantized_relu(6,2,1,0.125)",
        "quantized_relu(6,2,relu_upper_bound=1.3,is_quantized_clip=False)",
        "quantized_relu(6,2,relu_upper_bound=1.5,is_quantized_clip=False)", "quantized_tanh(4)",
        "quantized_tanh(5,symmetric=True)", "quantized_tanh(10)", "quantized_sigmoid(6)",
        "quantized_sigmoid(8,symmetric=True)", "quantized_po2(4)", "quantized_po2(5,1)",
        "quantized_po2(8)", "quantized_po2(2,1)", "quantized_po2(6,4,quadratic_approximation=True)",
        "quantized_po2(5,log2_rounding='floor')", "quantized_relu_po2(4)",
        "quantized_relu_po2(6,2048)", "quantized_relu_po2(4,negative_slope=0.25)",
        "quantized_relu_po2(6,quadratic_approximation=True)", "quantized_hswish(8,3)",
        "quantized_ulaw(6)", "quantized_ulaw(8,1,1)", "hard_sigmoid", "smooth_sigmoid",
        "binary_sigmoid", "hard_tanh", "smooth_tanh", "binary_tanh"));

TEST(KerasQuantizerChannels, AdaptiveActivation_HasBitsOfEachChannel) {
  for (const auto* const activation : {"quantized_bits", "quantized_relu"}) {
    const auto low = Tensor::of(std::vector<float>{-0.4F, -3.0F, -1.5F, 0.0F}, {4});
    const auto high = Tensor::of(std::vector<float>{0.4F, 1.0F, 6.0F, 0.9F}, {4});
    const auto quantizer = adaptive_quantizer(
        Json{{"activation", activation}, {"total_bits", 6}, {"relu_neg_slope", 0.25}}, low.view(),
        high.view(), "test");
    ASSERT_THAT(quantizer, IsOk());
    const auto x = hard_values();
    const auto expected = apply(*quantizer, x.view());
    ASSERT_THAT(expected, IsOk());
    const auto made = run(*quantizer, x, 13, runtime::OptLevel::kAll);
    ASSERT_THAT(made, IsOk());
    for (std::size_t i = 0; i < x.as<float>().size(); ++i) {
      ASSERT_EQ(made->as<float>()[i], expected->as<float>()[i]) << x.as<float>()[i];
    }
  }
}

}  // namespace
}  // namespace tessera::keras
