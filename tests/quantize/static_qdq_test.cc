// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The default static mode: what is quantized, what operators read, and that the runtime computes
// the same with integer kernels as with the Q/DQ operators written out.

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "support/differential.h"
#include "tessera/quantize/assignment.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

struct Outcome {
  Model model;
  QuantizeReport report;
};

Model typed(Model model) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

/// Quantizes with the scheme that `pick` gives an operator by its type.
Result<Outcome> quantize_by(const Model& model, const calibrate::Ranges& ranges,
                            const std::function<Scheme(const graph::Op&)>& pick,
                            QuantizeOptions options = {}) {
  auto copy = model.clone();
  TESSERA_TRY(const auto graph, copy.view());
  std::vector<Scheme> schemes;
  for (const auto& op : graph.ops()) {
    schemes.push_back(pick(op));
  }
  TESSERA_TRY(auto report,
              quantize(copy, Assignment(std::move(schemes)), &ranges, options, Monitor::silent()));
  return Outcome{std::move(copy), std::move(report)};
}

Result<Outcome> quantize_default(const Model& model, const calibrate::Ranges& ranges,
                                 const Scheme& scheme = {}) {
  return quantize_by(model, ranges, [&](const graph::Op&) { return scheme; });
}

/// The same on ranges measured on random feeds.
Result<Outcome> quantize_measured(const Model& model, const Feeds& feeds,
                                  const std::function<Scheme(const graph::Op&)>& pick,
                                  QuantizeOptions options = {}) {
  TESSERA_TRY(const auto ranges, measure(model, feeds));
  return quantize_by(model, ranges, pick, std::move(options));
}

Result<Outcome> quantize_measured(const Model& model, const Feeds& feeds,
                                  const Scheme& scheme = {}) {
  return quantize_measured(model, feeds, [&](const graph::Op&) { return scheme; });
}

/// Of one output of what was written, at the level where kernels are fused.
double sqnr_db(const Model& model, const Model& written, const Feeds& feeds,
               const std::string& output, OptLevel level = OptLevel::kAll) {
  const auto reference = run(model, feeds, OptLevel::kDisabled);
  const auto result = run(written, feeds, level);
  EXPECT_THAT(reference, IsOk());
  EXPECT_THAT(result, IsOk());
  if (!reference || !result) {
    return -std::numeric_limits<double>::infinity();
  }
  return compare_tensors(reference->at(output).view(), result->at(output).view())->sqnr_db;
}

Scheme excluded() {
  Scheme scheme;
  scheme.mode = Mode::kFloat32;
  scheme.exact_inputs = true;
  return scheme;
}

bool comes_from(const Model& model, std::string_view value, std::string_view type) {
  const auto producer = model.producer(value);
  return producer && model.op_type(*producer) == type;
}

onnx::NodeId only(const Model& model, std::string_view type) {
  std::vector<onnx::NodeId> found;
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == type) {
      found.push_back(node);
    }
  }
  EXPECT_EQ(found.size(), 1U) << type;
  return found.front();
}

float scalar_of(const Model& model, const std::string& name) {
  return model.initializer(name).value().as<float>()[0];
}

/// x -> Conv -> Relu -> Conv -> y.
Model conv_relu_conv() {
  return typed(ModelBuilder(13)
                   .input("x", {1, 3, 8, 8})
                   .weight("w1", {4, 3, 3, 3}, 0.3)
                   .weight("b1", {4}, 0.3)
                   .weight("w2", {5, 4, 3, 3}, 0.3)
                   .named_op("first", "Conv", {"x", "w1", "b1"}, {"h"})
                   .named_op("relu", "Relu", {"h"}, {"r"})
                   .named_op("second", "Conv", {"r", "w2"}, {"y"})
                   .output("y")
                   .build());
}

void expect_same_at_every_level(const Model& model, const Feeds& feeds, double tolerance) {
  const auto plain = run(model, feeds, OptLevel::kDisabled);
  ASSERT_THAT(plain, IsOk());
  for (const auto level : kLevels) {
    const auto fused = run(model, feeds, level);
    ASSERT_THAT(fused, IsOk()) << runtime::to_string(level);
    for (const auto& [name, tensor] : *plain) {
      EXPECT_LE(largest_difference(tensor, fused->at(name)), tolerance)
          << name << " at " << runtime::to_string(level);
    }
  }
}

TEST(StaticQdq, ConvReluConv_ReluIsDoneByRounding) {
  const auto model = conv_relu_conv();
  const auto feeds = random_feeds(model, 1);
  const auto ranges = measure(model, feeds);
  ASSERT_THAT(ranges, IsOk());
  const auto result = quantize_default(model, *ranges);
  ASSERT_THAT(result, IsOk());
  const auto counts = count_types(result->model);
  EXPECT_FALSE(counts.contains("Relu"));
  EXPECT_EQ(counts.at("QuantizeLinear"), 3);        // x, r, y
  EXPECT_EQ(counts.at("DequantizeLinear"), 3 + 3);  // the same, two weights and a bias
  EXPECT_TRUE(outcome_of(result->report, "relu").quantized);
  const auto step = (ranges->find("y", numerics::RangeMethod::kMinMax)->max -
                     ranges->find("y", numerics::RangeMethod::kMinMax)->min) /
                    255;
  expect_same_at_every_level(result->model, feeds, 1.01 * step);
}

TEST(StaticQdq, ConvReluConv_ReluStaysWhereRoundingDoesNotClip) {
  // A symmetric type has room below zero: without Relu, negative values would come through.
  const auto model = conv_relu_conv();
  Scheme scheme;
  scheme.activation = DType::kInt8;
  scheme.activation_symmetric = true;
  const auto result = quantize_measured(model, random_feeds(model, 1), scheme);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(count_types(result->model).contains("Relu"));
}

TEST(StaticQdq, EveryScheme_LoadsAtEveryLevelAndStaysClose) {
  const auto model = conv_relu_conv();
  const auto feeds = random_feeds(model, 2);
  const auto ranges = measure(model, feeds);
  ASSERT_THAT(ranges, IsOk());
  const auto reference = run(model, feeds, OptLevel::kDisabled);
  ASSERT_THAT(reference, IsOk());
  for (const auto activation : {DType::kUInt8, DType::kInt8, DType::kUInt16, DType::kInt16}) {
    for (const auto weight :
         {DType::kInt8, DType::kUInt8, DType::kInt16, DType::kInt4, DType::kUInt4}) {
      for (const bool per_channel : {false, true}) {
        auto scheme = static_scheme(Format::kQdq, activation, weight, per_channel);
        if (!validate_onnx(scheme)) {
          continue;
        }
        const auto result = quantize_default(model, *ranges, scheme);
        ASSERT_THAT(result, IsOk()) << to_string(scheme);
        ASSERT_THAT(check_loads(result->model, library()), IsOk()) << to_string(scheme);
        const auto output = run(result->model, feeds, OptLevel::kAll);
        ASSERT_THAT(output, IsOk()) << to_string(scheme);
        const auto error = compare_tensors(reference->at("y").view(), output->at("y").view());
        ASSERT_THAT(error, IsOk());
        EXPECT_GT(error->sqnr_db, bits_of(weight) == 4 ? 8 : 20) << to_string(scheme);
      }
    }
  }
}

TEST(StaticQdq, ExcludedOperator_ReadsTheUnquantizedTensor) {
  const auto model = conv_relu_conv();
  const auto result = quantize_measured(model, random_feeds(model, 3), [](const graph::Op& op) {
    return op.name == "second" ? excluded() : Scheme{};
  });
  ASSERT_THAT(result, IsOk());
  const auto second = *result->model.producer("y");
  EXPECT_FALSE(comes_from(result->model, result->model.inputs(second)[0], "DequantizeLinear"));
  EXPECT_EQ(result->model.inputs(second)[1], "w2");
}

TEST(StaticQdq, ExcludedReaderOfAQuantizedTensor_ReadsItBesideTheOthers) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1})
                               .weight("w2", {3, 3, 1, 1})
                               .named_op("a", "Conv", {"x", "w1"}, {"y"})
                               .named_op("b", "Conv", {"x", "w2"}, {"z"})
                               .output("y")
                               .output("z")
                               .build());
  const auto result = quantize_measured(model, random_feeds(model, 4), [](const graph::Op& op) {
    return op.name == "b" ? excluded() : Scheme{};
  });
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->model.inputs(*result->model.producer("z"))[0], "x");
  const auto conv = *result->model.find_node("a");
  EXPECT_TRUE(comes_from(result->model, result->model.inputs(conv)[0], "DequantizeLinear"));
}

TEST(StaticQdq, FloatReaderThatIsNotExcluded_LeavesTheIntegerKernelWhole) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1})
                               .op("Conv", {"x", "w1"}, {"h"})
                               .op("Tanh", {"h"}, {"y"})
                               .output("y")
                               .build());
  const auto result = quantize_measured(model, random_feeds(model, 5));
  ASSERT_THAT(result, IsOk());
  const auto tanh = only(result->model, "Tanh");
  EXPECT_TRUE(comes_from(result->model, result->model.inputs(tanh)[0], "DequantizeLinear"));
  EXPECT_THAT(outcome_of(result->report, result->report.ops.back().op).reason,
              HasSubstr("no integer kernel for Tanh"));
}

TEST(StaticQdq, ReadersOfOtherTypes_GetAConversionBehindTheProducersOwnType) {
  const auto model = conv_relu_conv();
  const auto feeds = random_feeds(model, 6);
  const auto result = quantize_measured(model, feeds, [](const graph::Op& op) {
    return static_scheme(Format::kQdq, op.name == "second" ? DType::kUInt16 : DType::kUInt8,
                         DType::kInt8, false);
  });
  ASSERT_THAT(result, IsOk());
  // x, r and its conversion, y.
  EXPECT_EQ(count_types(result->model).at("QuantizeLinear"), 4);
  EXPECT_THAT(check_loads(result->model, library()), IsOk());
  EXPECT_GT(sqnr_db(model, result->model, feeds, "y"), 25);
}

TEST(StaticQdq, FloatValueReadInTwoTypes_IsQuantizedOncePerType) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1})
                               .weight("w2", {3, 3, 1, 1})
                               .named_op("a", "Conv", {"x", "w1"}, {"y"})
                               .named_op("b", "Conv", {"x", "w2"}, {"z"})
                               .output("y")
                               .output("z")
                               .build());
  const auto result = quantize_measured(model, random_feeds(model, 7), [](const graph::Op& op) {
    return static_scheme(Format::kQdq, op.name == "a" ? DType::kUInt8 : DType::kInt8, DType::kInt8,
                         false);
  });
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->model.consumers("x").size(), 2U);
  for (const auto reader : result->model.consumers("x")) {
    EXPECT_EQ(result->model.op_type(reader), "QuantizeLinear");
  }
  EXPECT_THAT(check_loads(result->model, library()), IsOk());
}

TEST(StaticQdq, SharedWeightAndBias_AreQuantizedForEveryReader) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w", {3, 3, 1, 1})
                               .weight("b", {3})
                               .op("Conv", {"x", "w", "b"}, {"h"})
                               .op("Conv", {"h", "w", "b"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 8);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(count_types(result->model).at("DequantizeLinear"), 3 + 1 + 2);
  EXPECT_FALSE(result->model.has_initializer("w"));
  EXPECT_FALSE(result->model.has_initializer("b"));
  EXPECT_GT(sqnr_db(model, result->model, feeds, "y"), 25);
}

TEST(StaticQdq, BiasFarAboveItsScale_GrowsTheWeightScaleUntilItFits) {
  ModelBuilder builder(13);
  builder.input("x", {1, 1, 4, 4}).weight("w", {1, 1, 1, 1}, 1e-9);
  const auto model = typed(builder.constant("b", Tensor::of(std::vector<float>{100.0F}, {1}))
                               .op("Conv", {"x", "w", "b"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 9);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  const auto output = run(result->model, feeds, OptLevel::kAll);
  ASSERT_THAT(output, IsOk());
  EXPECT_NEAR(output->at("y").as<float>()[0], 100.0F, 0.5F);
}

TEST(StaticQdq, ConcatOfValuesMadeForIt_HasOneScale) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1}, 0.1)
                               .weight("w2", {3, 3, 1, 1}, 2.0)
                               .weight("w3", {2, 6, 1, 1})
                               .op("Conv", {"x", "w1"}, {"a"})
                               .op("Conv", {"x", "w2"}, {"b"})
                               .op("Concat", {"a", "b"}, {"c"}, {{"axis", std::int64_t{1}}})
                               .op("Conv", {"c", "w3"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 10);
  const auto ranges = measure(model, feeds);
  ASSERT_THAT(ranges, IsOk());
  const auto result = quantize_default(model, *ranges);
  ASSERT_THAT(result, IsOk());
  std::set<std::string> scales;
  for (const auto* value : {"a", "b", "c"}) {
    const auto readers = result->model.consumers(value);
    ASSERT_EQ(readers.size(), 1U);
    scales.insert(result->model.inputs(readers.front())[1]);
  }
  EXPECT_EQ(scales.size(), 1U);
  EXPECT_FLOAT_EQ(scalar_of(result->model, *scales.begin()),
                  static_cast<float>((ranges->find("c", numerics::RangeMethod::kMinMax)->max -
                                      ranges->find("c", numerics::RangeMethod::kMinMax)->min) /
                                     255));
}

TEST(StaticQdq, MovedValues_KeepTheirScale) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 4, 6, 6})
                               .weight("w", {4, 4, 1, 1})
                               .weight("v", {4, 4, 1, 1})
                               .op("Conv", {"x", "w"}, {"h"})
                               .op("MaxPool", {"h"}, {"p"}, {{"kernel_shape", Ints{2, 2}}})
                               .op("Transpose", {"p"}, {"t"}, {{"perm", Ints{0, 1, 3, 2}}})
                               .op("Conv", {"t", "v"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 11);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(result->model.has_initializer("h_scale"));
  EXPECT_FALSE(result->model.has_initializer("p_scale"));
  EXPECT_FALSE(result->model.has_initializer("t_scale"));
  expect_same_at_every_level(result->model, feeds, 0.1);
}

TEST(StaticQdq, WhatIsBehindTheLastMultiplication_StaysFloat) {
  const auto model =
      typed(ModelBuilder(13)
                .input("x", {1, 4, 6, 6})
                .weight("w", {4, 4, 1, 1})
                .op("Conv", {"x", "w"}, {"h"})
                .named_op("pool", "GlobalAveragePool", {"h"}, {"p"})
                .named_op("softmax", "Softmax", {"p"}, {"y"}, {{"axis", std::int64_t{1}}})
                .output("y")
                .build());
  const auto result = quantize_measured(model, random_feeds(model, 12));
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->report.quantize_nodes, 2);
  EXPECT_THAT(outcome_of(result->report, "pool").reason, HasSubstr("float"));
}

TEST(StaticQdq, ExistingPairs_AreKeptAndNotDoubled) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 6, 6}).weight("w", {3, 3, 1, 1}).weight("b", {3});
  const auto model = typed(builder.constant("s", Tensor::scalar(0.03F))
                               .constant("z", Tensor::scalar(std::uint8_t{128}))
                               .op("QuantizeLinear", {"x", "s", "z"}, {"q"})
                               .op("DequantizeLinear", {"q", "s", "z"}, {"d"})
                               .op("Conv", {"d", "w", "b"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 13);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->report.quantize_nodes, 2);  // x as before, and y
  EXPECT_EQ(result->model.inputs(only(result->model, "Conv"))[0], "d");
  // The bias takes the scale that is there.
  EXPECT_FALSE(result->model.has_initializer("b"));
  expect_same_at_every_level(result->model, feeds, 0.05);
}

TEST(StaticQdq, PadWithTheLowestFloat_BecomesThePaddingOfMaxPool) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 6, 6}).weight("w", {3, 3, 1, 1}).weight("v", {3, 3, 1, 1});
  const auto model = typed(
      builder.constant("pads", Tensor::of(Ints{0, 0, 0, 0, 0, 0, 1, 1}, {8}))
          .constant("lowest", Tensor::scalar(std::numeric_limits<float>::lowest()))
          .op("Conv", {"x", "w"}, {"h"})
          .op("Pad", {"h", "pads", "lowest"}, {"p"})
          .op("MaxPool", {"p"}, {"m"}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}})
          .op("Conv", {"m", "v"}, {"y"})
          .output("y")
          .build());
  const auto feeds = random_feeds(model, 14);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(count_types(result->model).contains("Pad"));
  EXPECT_GT(sqnr_db(model, result->model, feeds, "y"), 25);
}

TEST(StaticQdq, ReluBehindMovedValues_IsNotLeftToTheirScale) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 8, 8})
                               .weight("w", {3, 3, 1, 1})
                               .weight("v", {3, 3, 1, 1})
                               .op("Conv", {"x", "w"}, {"h"})
                               .op("MaxPool", {"h"}, {"p"}, {{"kernel_shape", Ints{1, 1}}})
                               .op("Relu", {"p"}, {"r"})
                               .op("Conv", {"r", "v"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 31);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(count_types(result->model).contains("Relu"));
  EXPECT_GT(sqnr_db(model, result->model, feeds, "y"), 25);
}

TEST(StaticQdq, WhatAClipCutsOff_GetsNoIntegers) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 8, 8}).weight("w", {3, 3, 1, 1}, 5).weight("v", {3, 3, 1, 1});
  const auto model = typed(builder.constant("low", Tensor::scalar(0.0F))
                               .constant("high", Tensor::scalar(2.0F))
                               .op("Conv", {"x", "w"}, {"h"})
                               .op("Clip", {"h", "low", "high"}, {"c"})
                               .op("Conv", {"c", "v"}, {"y"})
                               .output("y")
                               .build());
  const auto ranges = measure(model, random_feeds(model, 32));
  ASSERT_THAT(ranges, IsOk());
  ASSERT_GT(ranges->find("h", numerics::RangeMethod::kMinMax)->max, 10);
  // Symmetric, so that rounding cannot do the work of the Clip.
  auto scheme = static_scheme(Format::kQdq, DType::kInt8, DType::kInt8, false);
  scheme.activation_symmetric = true;
  const auto result = quantize_default(model, *ranges, scheme);
  ASSERT_THAT(result, IsOk());
  EXPECT_FLOAT_EQ(scalar_of(result->model, "h_scale"), 2.0F / 127);
}

TEST(StaticQdq, ValuesTooLargeForAScale_StayFloat) {
  const auto model = conv_relu_conv();
  auto ranges = measure(model, random_feeds(model, 33)).value();
  ranges.tensors["y"][numerics::RangeMethod::kMinMax] = {-1e35, 1e35};
  const auto result = quantize_default(model, ranges);
  ASSERT_THAT(result, IsOk());
  const auto& second = outcome_of(result->report, "second");
  EXPECT_FALSE(second.quantized);
  EXPECT_THAT(second.reason, HasSubstr("'y' holds values too large"));
  EXPECT_TRUE(outcome_of(result->report, "first").quantized);
}

/// x -> Quantize -> Dequantize -> d -> MaxPool -> Conv -> y, and d -> Tanh -> t.
template <class Integer>
Model pool_behind_pair(Integer zero_point) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 8, 8}).weight("v", {3, 3, 1, 1});
  return typed(builder.constant("s", Tensor::scalar(0.03F))
                   .constant("z", Tensor::scalar(zero_point))
                   .op("QuantizeLinear", {"x", "s", "z"}, {"q"})
                   .op("DequantizeLinear", {"q", "s", "z"}, {"d"})
                   .named_op("pool", "MaxPool", {"d"}, {"p"}, {{"kernel_shape", Ints{2, 2}}})
                   .op("Conv", {"p", "v"}, {"y"})
                   .op("Tanh", {"d"}, {"t"})
                   .output("y")
                   .output("t")
                   .build());
}

TEST(StaticQdq, PoolOfIntegersThatAreThere_TakesThemThoughOthersReadFloat) {
  const auto model = pool_behind_pair(std::uint8_t{128});
  const auto result = quantize_measured(model, random_feeds(model, 34));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(outcome_of(result->report, "pool").quantized)
      << outcome_of(result->report, "pool").reason;
}

TEST(StaticQdq, PoolOfIntegersOfAnotherType_StaysFloat) {
  const auto model = pool_behind_pair(std::int8_t{0});
  const auto result = quantize_measured(model, random_feeds(model, 35));
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(outcome_of(result->report, "pool").reason, HasSubstr("not a constant of its type"));
  EXPECT_THAT(check_loads(result->model, library()), IsOk());
}

TEST(StaticQdq, ConcatWithAClippedValue_KeepsTheClipping) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1})
                               .weight("w2", {3, 3, 1, 1})
                               .weight("w3", {2, 6, 1, 1})
                               .op("Conv", {"x", "w1"}, {"h"})
                               .op("Relu", {"h"}, {"a"})
                               .op("Conv", {"x", "w2"}, {"b"})
                               .op("Concat", {"a", "b"}, {"c"}, {{"axis", std::int64_t{1}}})
                               .op("Conv", {"c", "w3"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 36);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  const auto reference = run(model, feeds, OptLevel::kDisabled);
  for (const auto level : kLevels) {
    const auto output = run(result->model, feeds, level);
    ASSERT_THAT(output, IsOk());
    EXPECT_GT(compare_tensors(reference->at("y").view(), output->at("y").view())->sqnr_db, 25);
  }
}

TEST(StaticQdq, ConcatOfAValueThatIsAnOutput_LeavesItItsScale) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1}, 0.1)
                               .weight("w2", {3, 3, 1, 1}, 2.0)
                               .weight("w3", {2, 6, 1, 1})
                               .op("Conv", {"x", "w1"}, {"a"})
                               .op("Conv", {"x", "w2"}, {"b"})
                               .op("Concat", {"a", "b"}, {"c"}, {{"axis", std::int64_t{1}}})
                               .op("Conv", {"c", "w3"}, {"y"})
                               .output("y")
                               .output("a")
                               .build());
  const auto ranges = measure(model, random_feeds(model, 37));
  ASSERT_THAT(ranges, IsOk());
  const auto result = quantize_default(model, *ranges);
  ASSERT_THAT(result, IsOk());
  const auto own = *ranges->find("a", numerics::RangeMethod::kMinMax);
  EXPECT_FLOAT_EQ(scalar_of(result->model, "a_scale"),
                  static_cast<float>((own.max - own.min) / 255));
}

TEST(StaticQdq, UnitResults_TakeTheirRangeOnlyIfItIsSmall) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w", {3, 3, 1, 1})
                               .weight("v", {3, 3, 1, 1})
                               .op("Conv", {"x", "w"}, {"h"})
                               .op("Sigmoid", {"h"}, {"s"})
                               .op("Conv", {"s", "v"}, {"y"})
                               .output("y")
                               .build());
  auto ranges = measure(model, random_feeds(model, 38)).value();
  for (const auto& [largest, expected] : {std::pair(0.1, 0.1F / 255), std::pair(0.9, 1.0F / 255)}) {
    ranges.tensors["s"][numerics::RangeMethod::kMinMax] = {0, largest};
    const auto result = quantize_default(model, ranges);
    ASSERT_THAT(result, IsOk());
    EXPECT_FLOAT_EQ(scalar_of(result->model, "s_scale"), expected);
  }
}

TEST(StaticQdq, ConstantWithAnInfinity_IsReadInFloat) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 6, 6}).weight("w", {3, 3, 1, 1}).weight("v", {3, 3, 1, 1});
  const auto model =
      typed(builder.constant("far", Tensor::scalar(std::numeric_limits<float>::infinity()))
                .op("Conv", {"x", "w"}, {"h"})
                .op("Mul", {"h", "far"}, {"m"})
                .op("Conv", {"m", "v"}, {"y"})
                .output("y")
                .build());
  auto ranges = measure(model, random_feeds(model, 39)).value();
  ranges.tensors["m"] = ranges.tensors["y"] = ranges.tensors["h"];
  const auto result = quantize_default(model, ranges);
  ASSERT_THAT(result, IsOk());
  const auto found = std::find_if(result->report.ops.begin(), result->report.ops.end(),
                                  [](const auto& op) { return op.type == "Mul"; });
  EXPECT_FALSE(found->quantized);
  EXPECT_THAT(found->reason, HasSubstr("'far' holds NaN or infinities"));
}

TEST(StaticQdq, ExcludedReaderBehindAClippedResult_ReadsItClipped) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w", {3, 3, 1, 1})
                               .weight("v", {3, 3, 1, 1})
                               .op("Conv", {"x", "w"}, {"h"})
                               .op("Relu", {"h"}, {"r"})
                               .op("Conv", {"r", "v"}, {"y"})
                               .named_op("tanh", "Tanh", {"r"}, {"t"})
                               .output("y")
                               .output("t")
                               .build());
  const auto feeds = random_feeds(model, 40);
  const auto result = quantize_measured(
      model, feeds, [](const graph::Op& op) { return op.name == "tanh" ? excluded() : Scheme{}; });
  ASSERT_THAT(result, IsOk());
  EXPECT_GT(sqnr_db(model, result->model, feeds, "t"), 20);
}

TEST(StaticQdq, PoolBeforeAPairThatIsThere_GivesItIntegers) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 8, 8}).weight("w", {3, 3, 1, 1});
  const auto model =
      typed(builder.constant("s", Tensor::scalar(0.03F))
                .constant("z", Tensor::scalar(std::uint8_t{128}))
                .op("Conv", {"x", "w"}, {"h"})
                .named_op("pool", "MaxPool", {"h"}, {"p"}, {{"kernel_shape", Ints{2, 2}}})
                .op("QuantizeLinear", {"p", "s", "z"}, {"q"})
                .op("DequantizeLinear", {"q", "s", "z"}, {"y"})
                .output("y")
                .build());
  const auto result = quantize_measured(model, random_feeds(model, 41));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(outcome_of(result->report, "pool").quantized)
      << outcome_of(result->report, "pool").reason;
}

TEST(StaticQdq, MissingRange_IsNamed) {
  const auto model = conv_relu_conv();
  auto ranges = measure(model, random_feeds(model, 15)).value();
  ranges.tensors.erase("r");
  EXPECT_THAT(quantize_default(model, ranges),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'r'")));
}

Scheme inputs_only() {
  return static_scheme(Format::kQdqInputs, DType::kUInt8, DType::kInt8, true);
}

TEST(QdqInputs, OnlyWhatProductsRead_IsRounded) {
  const auto model = conv_relu_conv();
  const auto feeds = random_feeds(model, 21);
  const auto result = quantize_measured(model, feeds, inputs_only());
  ASSERT_THAT(result, IsOk());
  const auto& written = result->model;
  const auto counts = count_types(written);
  EXPECT_EQ(counts.at("QuantizeLinear"), 2);        // x and r
  EXPECT_EQ(counts.at("DequantizeLinear"), 2 + 2);  // the same and two weights; no bias
  EXPECT_TRUE(comes_from(written, "r", "Relu"));
  EXPECT_TRUE(comes_from(written, "y", "Conv"));
  const auto first = *written.find_node("first");
  EXPECT_TRUE(comes_from(written, written.inputs(first)[0], "DequantizeLinear"));
  EXPECT_TRUE(comes_from(written, written.inputs(first)[1], "DequantizeLinear"));
  EXPECT_EQ(written.inputs(first)[2], "b1");
  EXPECT_THAT(check_loads(written, library()), IsOk());
  EXPECT_GT(sqnr_db(model, written, feeds, "y"), 25);
}

TEST(QdqInputs, ReadersInFloat_ReadTheUnroundedValue) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w1", {3, 3, 1, 1})
                               .weight("w2", {3, 3, 1, 1})
                               .named_op("a", "Conv", {"x", "w1"}, {"h"})
                               .named_op("gate", "Sigmoid", {"h"}, {"s"})
                               .named_op("silu", "Mul", {"h", "s"}, {"m"})
                               .named_op("b", "Conv", {"m", "w2"}, {"c"})
                               .named_op("sum", "Add", {"m", "c"}, {"y"})
                               .output("y")
                               .build());
  const auto result = quantize_measured(model, random_feeds(model, 22), inputs_only());
  ASSERT_THAT(result, IsOk());
  const auto& written = result->model;
  EXPECT_EQ(written.inputs(*written.find_node("gate"))[0], "h");
  EXPECT_EQ(written.inputs(*written.find_node("silu")), (std::vector<std::string>{"h", "s"}));
  EXPECT_EQ(written.inputs(*written.find_node("sum")), (std::vector<std::string>{"m", "c"}));
  EXPECT_EQ(count_types(written).at("QuantizeLinear"), 2);  // x and m
  EXPECT_EQ(result->report.quantized_ops, 2);
}

TEST(QdqInputs, BesideTheUsualForm_EachKeepsItsRules) {
  const auto model = conv_relu_conv();
  const auto feeds = random_feeds(model, 23);
  for (const auto* inputs : {"first", "second"}) {
    const auto result = quantize_measured(model, feeds, [&](const graph::Op& op) {
      return op.name == inputs ? inputs_only()
                               : static_scheme(Format::kQdq, DType::kUInt8, DType::kInt8, true);
    });
    ASSERT_THAT(result, IsOk()) << inputs;
    // The result of an operator of the usual form is rounded, that of the other is not.
    EXPECT_EQ(comes_from(result->model, "y", "Conv"), inputs == std::string("second")) << inputs;
    EXPECT_EQ(count_types(result->model).contains("Relu"), inputs == std::string("first"));
    EXPECT_THAT(check_loads(result->model, library()), IsOk()) << inputs;
    EXPECT_GT(sqnr_db(model, result->model, feeds, "y"), 25) << inputs;
  }
}

TEST(QdqInputs, SumOfItsResults_HasNoIntegersToKeep) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {1, 3, 6, 6})
                               .weight("w", {3, 3, 1, 1})
                               .weight("v", {3, 3, 1, 1})
                               .named_op("first", "Conv", {"x", "w"}, {"h"})
                               .named_op("sum", "Add", {"h", "h"}, {"s"})
                               .named_op("second", "Conv", {"s", "v"}, {"y"})
                               .output("y")
                               .build());
  const auto result = quantize_measured(model, random_feeds(model, 25), [](const graph::Op& op) {
    return op.name == "first" ? inputs_only() : Scheme{};
  });
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(outcome_of(result->report, "sum").reason, HasSubstr("its inputs are float"));
}

TEST(StaticQdq, NoRanges_IsAnErrorWithAdvice) {
  auto model = conv_relu_conv();
  const Assignment assignment(3, Scheme());
  const auto result = quantize(model, assignment, nullptr, {}, Monitor::silent());
  ASSERT_THAT(result, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("ranges")));
  EXPECT_THAT(result.error().hint, HasSubstr("--data"));
}

TEST(StaticQdq, WeightWithNaN_StaysFloatAndIsNamed) {
  ModelBuilder builder(13);
  Tensor bad(DType::kFloat32, {1, 1, 1, 1});
  bad.as<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const auto model = typed(builder.input("x", {1, 1, 2, 2})
                               .constant("w", bad)
                               .op("Conv", {"x", "w"}, {"y"})
                               .output("y")
                               .build());
  calibrate::Ranges ranges;
  ranges.tensors["x"][numerics::RangeMethod::kMinMax] = {0, 1};
  ranges.tensors["y"][numerics::RangeMethod::kMinMax] = {0, 1};
  const auto result = quantize_default(model, ranges);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->report.quantized_ops, 0);
  EXPECT_THAT(result->report.ops.front().reason, HasSubstr("'w' holds NaN or infinities"));
}

TEST(StaticQdq, ThreadsDoNotChangeTheFile) {
  const auto model = conv_relu_conv();
  const auto ranges = measure(model, random_feeds(model, 16)).value();
  std::string bytes;
  for (const int threads : {1, 4}) {
    QuantizeOptions options;
    options.threads = threads;
    const auto result = quantize_by(
        model, ranges, [](const graph::Op&) { return Scheme{}; }, options);
    ASSERT_THAT(result, IsOk());
    const auto written = result->model.serialize();
    ASSERT_THAT(written, IsOk());
    EXPECT_TRUE(bytes.empty() || bytes == *written);
    bytes = *written;
  }
}

TEST(StaticQdq, ResizeOfAnEmptyRegion_LoadsAtEveryLevel) {
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 4, 4}).weight("w", {3, 3, 1, 1}).weight("v", {3, 3, 1, 1});
  const auto model = typed(builder.constant("roi", Tensor(DType::kFloat32, {0}))
                               .constant("scales", Tensor::of(std::vector<float>{1, 1, 2, 2}, {4}))
                               .op("Conv", {"x", "w"}, {"h"})
                               .op("Resize", {"h", "roi", "scales"}, {"r"},
                                   {{"mode", std::string("nearest")},
                                    {"coordinate_transformation_mode", std::string("asymmetric")},
                                    {"nearest_mode", std::string("floor")}})
                               .op("Conv", {"r", "v"}, {"y"})
                               .output("y")
                               .build());
  const auto feeds = random_feeds(model, 17);
  const auto result = quantize_measured(model, feeds);
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(check_loads(result->model, library()), IsOk());
  expect_same_at_every_level(result->model, feeds, 0.1);
}

}  // namespace
}  // namespace tessera::quantize
