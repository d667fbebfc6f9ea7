// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cases.h"
#include "kernels/depthwise.h"
#include "kernels/reference.h"

namespace tessera::kernels {
namespace {

using testing::Bytes;
using testing::Cases;
using testing::constant;
using testing::feed;
using ::testing::HasSubstr;
using testing::OneNode;
using testing::scalar;
using testing::value;

/// A convolution with everything it needs.
struct Case {
  ConvShape shape;
  Quantization x;
  Quantization y;
  bool is_signed = false;
  std::vector<std::int8_t> weights;  ///< [channels][taps]
  std::vector<std::int32_t> bias;
  std::vector<float> scale;  ///< of the weights
  Bytes image;

  [[nodiscard]] std::vector<float> combined() const {
    std::vector<float> result;
    for (const float s : scale) {
      result.push_back(x.scale * s / y.scale);
    }
    return result;
  }
  [[nodiscard]] Depthwise what() const {
    return depthwise_of(shape.channels, shape.y.kernel, shape.x.kernel, weights.data(), bias.data(),
                        combined(), x, y, is_signed);
  }
  [[nodiscard]] std::size_t rows() const { return shape.batch * shape.y.output; }
  [[nodiscard]] std::size_t size() const { return rows() * shape.x.output * shape.channels; }
};

std::size_t positive(Cases& cases, int low, int high) {
  return static_cast<std::size_t>(cases.integer(low, high));
}

ConvAxis axis(Cases& cases, std::size_t kernel, std::size_t largest) {
  ConvAxis a;
  a.kernel = kernel;
  a.stride = cases.integer(0, 2) > 0 ? 1 : positive(cases, 2, 3);
  a.dilation = cases.integer(0, 3) > 0 ? 1 : positive(cases, 2, 3);
  a.pad = positive(cases, 0, static_cast<int>(kernel));
  const std::size_t behind = positive(cases, 0, static_cast<int>(kernel));
  const std::size_t reach = (kernel - 1) * a.dilation + 1;
  a.input = positive(cases, 1, static_cast<int>(largest));
  a.input = std::max(a.input, reach > a.pad + behind ? reach - a.pad - behind : 1);
  a.output = (a.input + a.pad + behind - reach) / a.stride + 1;
  return a;
}

Case random_case(Cases& cases, std::size_t channels, std::size_t kernel_y, std::size_t kernel_x) {
  Case c;
  c.is_signed = cases.integer(0, 1) == 1;
  c.shape.batch = positive(cases, 1, 2);
  c.shape.channels = channels;
  c.shape.y = axis(cases, kernel_y, 6);
  c.shape.x = axis(cases, kernel_x, 11);
  c.x = cases.quantization(c.is_signed);
  c.y = cases.quantization(c.is_signed);
  const std::size_t taps = kernel_y * kernel_x;
  for (const auto byte : cases.bytes(channels * taps)) {
    c.weights.push_back(static_cast<std::int8_t>(byte));
  }
  for (std::size_t i = 0; i < channels; ++i) {
    c.bias.push_back(cases.integer(-20'000, 20'000));
    // Results over the whole range and beyond it.
    c.scale.push_back(c.y.scale / c.x.scale * static_cast<float>(cases.real(0.0005, 0.02)));
  }
  c.image = cases.bytes(c.shape.batch * c.shape.y.input * c.shape.x.input * channels);
  return c;
}

/// The definition, in integers and double precision, with a padded image.
int slow(const Case& c, std::size_t n, std::size_t oy, std::size_t ox, std::size_t channel) {
  std::int64_t sum = c.bias[channel];
  for (std::size_t ky = 0; ky < c.shape.y.kernel; ++ky) {
    for (std::size_t kx = 0; kx < c.shape.x.kernel; ++kx) {
      const auto iy = static_cast<std::int64_t>(oy * c.shape.y.stride + ky * c.shape.y.dilation) -
                      static_cast<std::int64_t>(c.shape.y.pad);
      const auto ix = static_cast<std::int64_t>(ox * c.shape.x.stride + kx * c.shape.x.dilation) -
                      static_cast<std::int64_t>(c.shape.x.pad);
      if (iy < 0 || ix < 0 || iy >= static_cast<std::int64_t>(c.shape.y.input) ||
          ix >= static_cast<std::int64_t>(c.shape.x.input)) {
        continue;  // padding is zero_x, which stands for 0
      }
      const auto at = ((n * c.shape.y.input + static_cast<std::size_t>(iy)) * c.shape.x.input +
                       static_cast<std::size_t>(ix)) *
                          c.shape.channels +
                      channel;
      sum += (testing::number_of(c.image[at], c.is_signed) - c.x.zero) *
             c.weights[(channel * c.shape.y.kernel + ky) * c.shape.x.kernel + kx];
    }
  }
  const double low = c.is_signed ? -128 : 0;
  const double exact = static_cast<double>(sum) * static_cast<double>(c.combined()[channel]);
  return static_cast<int>(std::clamp(
      std::nearbyint(static_cast<double>(static_cast<float>(exact))) + c.y.zero, low, low + 255));
}

void expect_definition(const Case& c) {
  Bytes y(c.size());
  reference::depthwise(c.what(), c.shape, c.image.data(), y.data(), 0, c.rows(), 0);
  std::size_t i = 0;
  for (std::size_t row = 0; row < c.rows(); ++row) {
    for (std::size_t x = 0; x < c.shape.x.output; ++x) {
      for (std::size_t channel = 0; channel < c.shape.channels; ++channel, ++i) {
        const int expected = slow(c, row / c.shape.y.output, row % c.shape.y.output, x, channel);
        ASSERT_EQ(testing::number_of(y[i], c.is_signed), expected);
      }
    }
  }
}

void expect_targets_agree(const Case& c) {
  Bytes expected(c.size());
  reference::depthwise(c.what(), c.shape, c.image.data(), expected.data(), 0, c.rows(), 0);
  for (const auto target : targets()) {
    const PackedDepthwise packed(target, c.what(), c.shape.x.stride, c.shape.x.dilation);
    Bytes y(c.size() + 1, 0x5A);
    const std::size_t half = c.rows() / 2;
    packed.run(c.shape, c.image.data(), y.data(), half, c.rows());
    packed.run(c.shape, c.image.data(), y.data(), 0, half);
    ASSERT_EQ(y.back(), 0x5A) << name_of(target);
    y.pop_back();
    ASSERT_EQ(y, expected) << name_of(target);
  }
}

constexpr std::size_t kChannels[] = {1,  3,  8,  15, 16, 17, 24, 31, 32,
                                     33, 40, 48, 63, 64, 65, 96, 130};
constexpr std::pair<std::size_t, std::size_t> kKernels[] = {{1, 1}, {3, 3}, {5, 5}, {7, 7}, {1, 3},
                                                            {3, 1}, {1, 5}, {5, 1}, {2, 2}, {4, 3},
                                                            {9, 9}, {3, 6}, {1, 7}, {7, 1}};

TEST(Depthwise, ReferenceIsTheDefinition_EveryTargetIsTheReference) {
  Cases cases(1);
  std::size_t results = 0;
  for (int round = 0; round < 3; ++round) {
    for (const auto channels : kChannels) {
      for (const auto& [kernel_y, kernel_x] : kKernels) {
        const auto c = random_case(cases, channels, kernel_y, kernel_x);
        SCOPED_TRACE(std::to_string(channels) + " channels, " + std::to_string(kernel_y) + "x" +
                     std::to_string(kernel_x));
        expect_definition(c);
        expect_targets_agree(c);
        if (::testing::Test::HasFatalFailure()) {
          return;
        }
        results += c.size();
      }
    }
  }
  EXPECT_GT(results, 500'000U);
}

/// Images that are wider than what a loop takes at once.
TEST(Depthwise, EveryTargetIsTheReference_OnWideImages) {
  Cases cases(8);
  for (const std::size_t channels : {3U, 16U, 24U, 32U, 40U, 64U, 80U}) {
    for (const std::size_t kernel : {3U, 5U, 7U, 9U}) {
      auto c = random_case(cases, channels, kernel, kernel);
      SCOPED_TRACE(std::to_string(channels) + " channels, " + std::to_string(kernel));
      c.shape.x = {.input = positive(cases, 60, 300), .kernel = kernel};
      c.shape.x.pad = positive(cases, 0, static_cast<int>(2 * kernel));
      c.shape.x.output = c.shape.x.input + 2 * c.shape.x.pad - kernel + 1;
      c.image = cases.bytes(c.shape.batch * c.shape.y.input * c.shape.x.input * channels);
      expect_targets_agree(c);
    }
  }
}

TEST(Depthwise, LargestSumsDoNotOverflow) {
  Cases cases(2);
  for (const bool is_signed : {false, true}) {
    for (const int weight : {-128, 127}) {
      auto c = random_case(cases, 64, 7, 7);
      c.is_signed = is_signed;
      c.x = {1, is_signed ? -128 : 0};
      c.y = {1, is_signed ? -128 : 0};
      std::fill(c.weights.begin(), c.weights.end(), static_cast<std::int8_t>(weight));
      std::fill(c.image.begin(), c.image.end(), static_cast<std::uint8_t>(is_signed ? 127 : 255));
      std::fill(c.scale.begin(), c.scale.end(), 0.00015F);
      expect_definition(c);
      expect_targets_agree(c);
      std::fill(c.scale.begin(), c.scale.end(), 3e38F);  // far beyond what is an integer
      expect_targets_agree(c);
    }
  }
}

// --- in the runtime -----------------------------------------------------------------------------

using Extents = testing::Extents;

std::int64_t number(std::size_t value) {
  return static_cast<std::int64_t>(value);
}

OneNode node(const Case& c, bool one_scale = false) {
  const auto& shape = c.shape;
  const auto& y = shape.y;
  const auto& x = shape.x;
  const auto behind = [](const ConvAxis& a) {
    return number((a.output - 1) * a.stride + (a.kernel - 1) * a.dilation + 1) -
           number(a.input + a.pad);
  };
  const Extents pads = {number(y.pad), number(x.pad), std::max<std::int64_t>(0, behind(y)),
                        std::max<std::int64_t>(0, behind(x))};
  const auto channels = number(shape.channels);
  return {"QLinearConv",
          "ai.tessera",
          {feed(testing::value_of({number(shape.batch), number(y.input), number(x.input), channels},
                                  c.image, c.is_signed)),
           constant(scalar(c.x.scale)), constant(testing::zero_of(c.x, c.is_signed)),
           constant(value({channels, 1, number(y.kernel), number(x.kernel)}, c.weights)),
           constant(one_scale ? scalar(c.scale[0]) : value({channels}, c.scale)),
           constant(one_scale
                        ? scalar<std::int8_t>(0)
                        : value<std::int8_t>({channels}, std::vector<std::int8_t>(c.bias.size()))),
           constant(scalar(c.y.scale)), constant(testing::zero_of(c.y, c.is_signed)),
           constant(value({channels}, c.bias))},
          {testing::int_attribute("channels_last", 1), testing::int_attribute("group", channels),
           testing::ints_attribute("kernel_shape", {number(y.kernel), number(x.kernel)}),
           testing::ints_attribute("strides", {number(y.stride), number(x.stride)}),
           testing::ints_attribute("dilations", {number(y.dilation), number(x.dilation)}),
           testing::ints_attribute("pads", pads)}};
}

TEST(ConvOperator, IsTheRuntimesOwn) {
  Cases cases(3);
  for (int round = 0; round < 40; ++round) {
    const auto& [kernel_y, kernel_x] =
        kKernels[static_cast<std::size_t>(round) % std::size(kKernels)];
    // One channel is no depthwise convolution for the runtime.
    const auto c = random_case(cases, 2 + positive(cases, 0, 70), kernel_y, kernel_x);
    const auto model = node(c, round % 5 == 0);
    const auto found = testing::run(model);
    const auto other = testing::run(testing::stock(model));
    ASSERT_EQ(found.shape, other.shape);
    ASSERT_EQ(testing::difference(found, other).largest, 0) << round;
  }
}

TEST(ConvOperator, PadsByItselfAsTheRuntimeDoes) {
  Cases cases(4);
  for (const auto* mode : {"SAME_UPPER", "SAME_LOWER", "VALID"}) {
    for (const std::size_t stride : {1U, 2U}) {
      auto c = random_case(cases, 20, 3, 5);
      c.shape.y = {.input = 9, .output = 9, .kernel = 3, .stride = stride};
      c.shape.x = {.input = 12, .output = 12, .kernel = 5, .stride = stride};
      c.image = cases.bytes(c.shape.batch * 9 * 12 * 20);
      auto model = node(c);
      model.attributes.pop_back();
      model.attributes.push_back(testing::text_attribute("auto_pad", mode));
      EXPECT_EQ(testing::run(model), testing::run(testing::stock(model))) << mode << stride;
    }
  }
}

TEST(ConvOperator, ThreadsChangeNothing) {
  Cases cases(5);
  auto c = random_case(cases, 72, 3, 3);
  c.shape.batch = 2;
  c.shape.y = {.input = 60, .output = 60, .kernel = 3, .pad = 1};
  c.shape.x = c.shape.y;
  c.image = cases.bytes(2 * 60 * 60 * 72);
  const auto model = node(c);
  EXPECT_EQ(testing::run(model, 1), testing::run(model, 4));
}

TEST(ConvOperator, BiasMayBeLeftOut_AndNothingIsConvolved) {
  Cases cases(6);
  auto c = random_case(cases, 16, 3, 3);
  std::fill(c.bias.begin(), c.bias.end(), 0);
  auto model = node(c);
  const auto with = testing::run(model);
  model.inputs.pop_back();
  EXPECT_EQ(testing::run(model), with);
  model.inputs[0] = feed(testing::value_of({0, 5, 5, 16}, {}, c.is_signed));
  model.attributes[5] = testing::ints_attribute("pads", {9, 9, 9, 9});
  EXPECT_EQ(testing::run(model).shape[0], 0);
}

TEST(ConvOperator, BadInputsAreRefusedByName) {
  Cases cases(7);
  auto c = random_case(cases, 6, 3, 3);
  c.is_signed = false;
  c.x = {0.1F, 3};
  c.y = {0.2F, 4};
  c.shape.y = {.input = 5, .output = 5, .kernel = 3, .pad = 1};
  c.shape.x = c.shape.y;
  c.image = cases.bytes(c.shape.batch * 5 * 5 * 6);
  const auto good = node(c);
  ASSERT_EQ(testing::refusal(good), "");
  const auto changed = [&](const auto& change) {
    auto model = good;
    change(model);
    return testing::refusal(model);
  };
  const auto attribute = [&](std::size_t which, const testing::Message& other) {
    return changed([&](OneNode& m) { m.attributes[which] = other; });
  };
  EXPECT_THAT(changed([](OneNode& m) { m.attributes.erase(m.attributes.begin()); }),
              HasSubstr("node 'the_node' of type ai.tessera.QLinearConv: channels_last is not 1"));
  EXPECT_THAT(attribute(1, testing::int_attribute("group", 2)),
              HasSubstr("it has 2 groups and weights 6x1x3x3; only depthwise"));
  EXPECT_THAT(attribute(1, testing::int_attribute("group", 1)), HasSubstr("it has 1 groups"));
  EXPECT_THAT(attribute(2, testing::ints_attribute("kernel_shape", {3, 4})),
              HasSubstr("kernel_shape is 3x4, and the weights are 6x1x3x3"));
  EXPECT_THAT(attribute(3, testing::ints_attribute("strides", {0, 1})),
              HasSubstr("strides has 0; 1 to 16777216 was expected"));
  EXPECT_THAT(attribute(3, testing::ints_attribute("strides", {1, 1, 1})),
              HasSubstr("strides has 3 numbers; 2 were expected"));
  EXPECT_THAT(attribute(4, testing::ints_attribute("dilations", {1, -1})),
              HasSubstr("dilations has -1"));
  EXPECT_THAT(attribute(4, testing::ints_attribute("dilations", {5, 1})),
              HasSubstr("the kernel reaches over 11 pixels, and the padded image has 7"));
  EXPECT_THAT(attribute(5, testing::ints_attribute("pads", {1, 1, 1, std::int64_t{1} << 40})),
              HasSubstr("pads has 1099511627776"));
  EXPECT_THAT(attribute(5, testing::text_attribute("auto_pad", "AROUND")),
              HasSubstr("auto_pad is 'AROUND'"));
  EXPECT_THAT(changed([](OneNode& m) { m.inputs[3] = feed(*m.inputs[3].constant); }),
              HasSubstr("input w is computed at run time"));
  EXPECT_THAT(changed([](OneNode& m) {
                m.inputs[4] = constant(value<float>({2}, {1, 2}));
              }),
              HasSubstr("w_scale has the shape 2; one number, or 6 were expected"));
  EXPECT_THAT(changed([](OneNode& m) { m.inputs[4] = constant(scalar(0.0F)); }),
              HasSubstr("w_scale is 0"));
  EXPECT_THAT(changed([](OneNode& m) { m.inputs[5] = constant(scalar<std::int8_t>(1)); }),
              HasSubstr("w_zero_point is not 0"));
  EXPECT_THAT(changed([](OneNode& m) {
                m.inputs[6] = constant(scalar(1e-38F));
                m.inputs[4] = constant(scalar(1e38F));
              }),
              HasSubstr("beyond float32"));
  EXPECT_THAT(changed([](OneNode& m) {
                m.inputs[8] = constant(value<std::int32_t>({2}, {1, 2}));
              }),
              HasSubstr("B has the shape 2; 6 was expected"));
  EXPECT_THAT(changed([&](OneNode& m) {
                m.inputs[0] = feed(testing::value_of({1, 5, 5, 5}, cases.bytes(125), false));
              }),
              HasSubstr("x has the shape 1x5x5x5; NxHxWx6 was expected"));
  EXPECT_THAT(
      changed([](OneNode& m) {
        m.inputs[3] = constant(value<std::uint8_t>({6, 1, 3, 3}, std::vector<std::uint8_t>(54)));
      }),
      HasSubstr("uint8"));
}

}  // namespace
}  // namespace tessera::kernels
