// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Transposed convolutions whose kernel is their stride, as 1 x 1 convolutions of integers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "quantize/onnx_simulation.h"
#include "quantize/static_rules.h"
#include "support/differential.h"
#include "tessera/core/random.h"
#include "tessera/onnx/domains.h"
#include "tessera/onnx/image_shapes.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kInputs = 5;
constexpr std::int64_t kOutputs = 3;

struct Case {
  std::string name;
  Ints kernel{2, 2};
  DType activation = DType::kUInt8;
  DType weight = DType::kInt8;
  bool per_channel = true;
  bool bias = true;
  std::string activation_function = {};
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

/// x [1, 5, 4, 6] -> ConvTranspose -> y [1, 3, 4 height, 6 width], the output.
Model network(const Case& test) {
  ModelBuilder builder(13);
  const bool follows = !test.activation_function.empty();
  std::vector<std::string> inputs = {"x", "w"};
  builder.input("x", {1, kInputs, 4, 6})
      .weight("w", {kInputs, kOutputs, test.kernel[0], test.kernel[1]}, 0.3);
  if (test.bias) {
    builder.weight("b", {kOutputs});
    inputs.emplace_back("b");
  }
  builder.op("ConvTranspose", inputs, {follows ? "h" : "y"}, {{"strides", test.kernel}});
  if (follows) {
    builder.op(test.activation_function, {"h"}, {"y"});
  }
  auto model = builder.output("y").build();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

/// Numbers that 8 bits hold exactly.
Feeds exact_feeds(const Model& model) {
  Random random(7);
  Feeds feeds = random_feeds(model, 1);
  auto values = feeds.begin()->second.as<float>();
  for (auto& value : values) {
    value = static_cast<float>(random.below(256)) / 64;
  }
  values[0] = 0;
  values[1] = 255.0F / 64;
  return feeds;
}

/// Ranges in which rounded weights do not go beyond the ends.
calibrate::Ranges wide_ranges(const Model& model, const Feeds& feeds) {
  auto ranges = measure(model, feeds).value();
  for (auto& [name, methods] : ranges.tensors) {
    if (name != "x") {
      auto& range = methods[numerics::RangeMethod::kMinMax];
      range = {1.2 * std::min(range.min, 0.0), 1.2 * std::max(range.max, 0.0)};
    }
  }
  return ranges;
}

class TransposedConvolution : public ::testing::TestWithParam<Case> {};

/// All that differs from the float operator with rounded weights is the one rounding of its result.
TEST_P(TransposedConvolution, IsTheFloatOne_ButForOneRounding) {
  const auto& test = GetParam();
  const auto model = network(test);
  const auto feeds = exact_feeds(model);
  const auto ranges = wide_ranges(model, feeds);
  const auto scheme =
      static_scheme(Format::kKernels, test.activation, test.weight, test.per_channel);
  const auto quantized = quantize_all(model, scheme, &ranges).value();
  const auto types = count_types(quantized.model);
  EXPECT_EQ(types.count("ConvTranspose"), 0U);
  EXPECT_EQ(types.count("QLinearConv"), 1U);
  EXPECT_EQ(types.count("NhwcDepthToSpace"), 1U);
  const auto& made =
      outcome_of(quantized.report, test.activation_function.empty() ? "y_node" : "h_node");
  EXPECT_TRUE(made.quantized) << made.reason;
  EXPECT_EQ(made.reason, "");

  const Assignment assignment(model.view()->ops().size(), scheme);
  const auto details = describe_static(model, assignment, ranges, {}, Monitor::silent()).value();
  const auto rounded = with_rounded_weights(model, details, {}).value();
  const auto wanted = run(rounded, feeds, OptLevel::kDisabled).value().at("y");
  const auto range = ranges.find("y", numerics::RangeMethod::kMinMax).value();
  const double step = (range.max - range.min) / 255;
  for (const auto level : kLevels) {
    SCOPED_TRACE(to_string(level));
    const auto got = run(quantized.model, feeds, level);
    ASSERT_THAT(got, IsOk());
    ASSERT_EQ(got->at("y").shape(), wanted.shape());
    EXPECT_LE(largest_difference(wanted, got->at("y")), 0.52 * step);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, TransposedConvolution,
    ::testing::Values(
        Case{.name = "TwoByTwo"}, Case{.name = "ThreeByOne", .kernel = {3, 1}},
        Case{.name = "OneByFour", .kernel = {1, 4}}, Case{.name = "OneByOne", .kernel = {1, 1}},
        Case{.name = "OneScale", .per_channel = false},
        Case{.name = "UnsignedWeights", .weight = DType::kUInt8, .per_channel = false},
        Case{.name = "Signed", .activation = DType::kInt8}, Case{.name = "NoBias", .bias = false},
        Case{.name = "Relu", .activation_function = "Relu"}),
    [](const auto& test) { return test.param.name; });

/// Between convolutions, behind an activation function and before one: no change of layout but at
/// the borders, and what follows reads the same integers.
TEST(TransposedConvolutionModel, StaysChannelsLast_BetweenConvolutions) {
  ModelBuilder builder(14);
  builder.input("x", {2, 4, 6, 8})
      .weight("w", {kInputs, 4, 3, 3}, 0.3)
      .op("Conv", {"x", "w"}, {"h"}, {{"pads", Ints{1, 1, 1, 1}}})
      .op("HardSwish", {"h"}, {"s"})
      .weight("t", {kInputs, kOutputs, 2, 3}, 0.3)
      .op("ConvTranspose", {"s", "t"}, {"u"}, {{"strides", Ints{2, 3}}})
      .op("HardSwish", {"u"}, {"v"})
      .weight("l", {4, kOutputs, 3, 3}, 0.3)
      .op("Conv", {"v", "l"}, {"y"})
      .output("y");
  auto model = builder.build();
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto feeds = random_feeds(model, 3);
  const auto ranges = measure(model, feeds).value();
  const auto quantize = [&](Format format) {
    return quantize_all(model, static_scheme(format, DType::kUInt8, DType::kInt8, true), &ranges)
        .value();
  };
  const auto own = quantize(Format::kKernels);
  const auto types = count_types(own.model);
  EXPECT_EQ(types.at("Transpose"), 2);
  EXPECT_EQ(types.at("NhwcDepthToSpace"), 1);
  EXPECT_EQ(types.at("Lookup"), 2);
  EXPECT_EQ(types.count("DequantizeLinear"), 1U);
  const auto wanted = run(model, feeds, OptLevel::kDisabled).value();
  const auto error = [&](const Model& one) {
    const auto got = run(one, feeds, OptLevel::kAll).value();
    return compare_tensors(wanted.at("y").view(), got.at("y").view())->sqnr_db;
  };
  // There three of these operators stay in float.
  EXPECT_GT(error(own.model), error(quantize(Format::kQOperator).model) - 2);
}

/// Extents that are fed are not known when the model is written.
TEST(TransposedConvolutionModel, TakesImagesOfAnySize) {
  ModelBuilder builder(13);
  builder.input("x", {DType::kFloat32, {{{-1, "N"}, {kInputs, {}}, {-1, "H"}, {-1, "W"}}}})
      .weight("w", {kInputs, kOutputs, 2, 2}, 0.3)
      .op("ConvTranspose", {"x", "w"}, {"y"}, {{"strides", Ints{2, 2}}})
      .output("y");
  const auto model = builder.build();
  calibrate::Ranges ranges;
  ranges.methods = {numerics::RangeMethod::kMinMax};
  ranges.tensors["x"][numerics::RangeMethod::kMinMax] = {-4, 4};
  ranges.tensors["y"][numerics::RangeMethod::kMinMax] = {-6, 6};
  const auto scheme = static_scheme(Format::kKernels, DType::kUInt8, DType::kInt8, true);
  const auto own = quantize_all(model, scheme, &ranges).value().model;
  EXPECT_EQ(count_types(own).count("NhwcDepthToSpace"), 1U);
  for (const auto& shape : {Shape{1, kInputs, 3, 4}, Shape{2, kInputs, 7, 1}}) {
    Feeds feeds;
    feeds.emplace("x", testing::random_tensor(shape, 5));
    const auto wanted = run(model, feeds, OptLevel::kDisabled);
    const auto got = run(own, feeds, OptLevel::kAll);
    ASSERT_THAT(wanted, IsOk());
    ASSERT_THAT(got, IsOk());
    ASSERT_EQ(wanted->at("y").shape(), got->at("y").shape());
    EXPECT_GT(compare_tensors(wanted->at("y").view(), got->at("y").view())->sqnr_db, 25);
  }
}

/// What follows knows the width, however many images there are.
TEST(TransposedConvolutionModel, ImagesBehindIt_HaveKnownExtents) {
  ModelBuilder builder(13);
  builder.input("x", {DType::kUInt8, {{{-1, "N"}, {12, {}}, {4, {}}, {6, {}}}}})
      .op("DepthToSpace", {"x"}, {"y"}, {{"blocks", Ints{2, 3}}}, onnx::kKernelsDomain)
      .output("y");
  const auto model = builder.build();
  const auto shapes = onnx::image_shapes(model, model.nodes());
  ASSERT_EQ(shapes.count("y"), 1U);
  EXPECT_EQ(shapes.at("y"), (onnx::ImageShape{-1, 2, 8, 18}));
}

/// Means are set right by way of its bias as by that of a convolution.
TEST(TransposedConvolutionModel, Simulation_KnowsItsProduct) {
  const auto model = network({.name = "", .kernel = {2, 3}, .bias = false});
  const auto ranges = measure(model, exact_feeds(model)).value();
  const Assignment assignment(1,
                              static_scheme(Format::kKernels, DType::kUInt8, DType::kInt8, true));
  const auto simulation = simulate_onnx(model, assignment, ranges, {}, Monitor::silent()).value();
  ASSERT_EQ(simulation.products.size(), 1U);
  EXPECT_TRUE(simulation.without_biases.empty());
  EXPECT_EQ(simulation.products.front().channels, kOutputs);
  EXPECT_FALSE(simulation.products.front().channels_last);
  auto biased = model.clone();
  const std::vector<double> by = {1, -2, 3};
  ASSERT_THAT(add_to_bias(biased, simulation.products.front(), by), IsOk());
  const auto feeds = exact_feeds(model);
  const auto before = run(model, feeds, OptLevel::kDisabled).value().at("y");
  const auto after = run(biased, feeds, OptLevel::kDisabled).value().at("y");
  const auto plane = before.as<float>().size() / static_cast<std::size_t>(kOutputs);
  for (std::size_t i = 0; i < before.as<float>().size(); ++i) {
    ASSERT_NEAR(after.as<float>()[i] - before.as<float>()[i], by[i / plane], 1e-4);
  }
}

/// Of the only operator, in a format.
Result<OpRule> rule_of(const Ints& kernel, std::vector<onnx::NamedAttribute> attributes,
                       Format format = Format::kKernels) {
  ModelBuilder builder(13);
  auto model = builder.input("x", {1, 4, 6, 6})
                   .weight("w", {4, 2, kernel[0], kernel[1]})
                   .op("ConvTranspose", {"x", "w"}, {"y"}, std::move(attributes))
                   .output("y")
                   .build();
  TESSERA_CHECK(model.infer_types(runtime::type_oracle(library())));
  TESSERA_TRY(const auto graph, model.view());
  return rule_for(graph, graph.ops().front(), 13, format);
}

TEST(TransposedConvolutionRule, KernelIsTheStride_WithoutPadding) {
  const onnx::NamedAttribute strides{"strides", Ints{2, 2}};
  EXPECT_EQ(rule_of({2, 2}, {strides})->weight_axis, 1);
  EXPECT_THAT(rule_of({1, 1}, {}), IsOk());
  const auto stays =
      FailsWith(ErrorCode::kUnimplemented, HasSubstr("its kernel is not its stride"));
  EXPECT_THAT(rule_of({3, 2}, {strides}), stays);
  EXPECT_THAT(rule_of({2, 2}, {}), stays);
  EXPECT_THAT(rule_of({2, 2}, {strides, {"pads", Ints{0, 1, 0, 0}}}), stays);
  EXPECT_THAT(rule_of({2, 2}, {strides, {"output_padding", Ints{1, 0}}}), stays);
  EXPECT_THAT(rule_of({2, 2}, {strides, {"dilations", Ints{2, 1}}}), stays);
  EXPECT_THAT(rule_of({2, 2}, {strides, {"output_shape", Ints{11, 12}}}), stays);
  EXPECT_THAT(rule_of({2, 2}, {strides, {"group", std::int64_t{2}}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("of one group")));
  EXPECT_THAT(
      rule_of({2, 2}, {strides}, Format::kQOperator),
      FailsWith(ErrorCode::kUnimplemented, HasSubstr("no integer kernel for ConvTranspose")));
}

/// A recipe may name its type, in the format that has it alone.
TEST(TransposedConvolutionRule, TypeIsKnown_WhereTheLibraryIs) {
  const auto& types = types_with_rules(Format::kKernels);
  EXPECT_TRUE(std::ranges::binary_search(types, "ConvTranspose"));
  EXPECT_TRUE(std::ranges::is_sorted(types));
  EXPECT_FALSE(std::ranges::binary_search(types_with_rules(Format::kQdq), "ConvTranspose"));
}

TEST(TransposedConvolutionModel, AnotherKernel_StaysFloat) {
  ModelBuilder builder(13);
  auto model = builder.input("x", {1, kInputs, 4, 6})
                   .weight("w", {kInputs, kOutputs, 3, 3}, 0.3)
                   .op("ConvTranspose", {"x", "w"}, {"y"}, {{"strides", Ints{2, 2}}})
                   .output("y")
                   .build();
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto ranges = measure(model, random_feeds(model, 1)).value();
  const auto scheme = static_scheme(Format::kKernels, DType::kUInt8, DType::kInt8, true);
  const auto quantized = quantize_all(model, scheme, &ranges).value();
  EXPECT_EQ(count_types(quantized.model).count("ConvTranspose"), 1U);
  EXPECT_FALSE(outcome_of(quantized.report, "y_node").quantized);
  EXPECT_THAT(outcome_of(quantized.report, "y_node").reason, HasSubstr("its kernel is not"));
}

}  // namespace
}  // namespace tessera::quantize
