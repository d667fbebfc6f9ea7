// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/small_classifier.h"
#include "support/toy_format.h"
#include "tessera/quantize/assignment.h"
#include "tessera/refine/refine.h"

/// Each step on a network that is made so that it has something to do, or nothing.
namespace tessera::refine {
namespace {

using numerics::RangeMethod;
using numerics::RealRange;
using ::testing::_;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::make_fixture;
using testing::ModelBuilder;

/// Activations of 16 bits leave the error to the weights.
quantize::Scheme fine_activations(bool per_channel) {
  quantize::Scheme scheme;
  scheme.activation = DType::kUInt16;
  scheme.per_channel = per_channel;
  return scheme;
}

struct Case {
  std::shared_ptr<const runtime::Library> library;
  network::Network model;
  data::SampleSet samples;
  quantize::Assignment assignment;

  [[nodiscard]] Result<Refinement> refined(const RefineOptions& options,
                                           const calibrate::Ranges* ranges = nullptr) const {
    return refine(model, assignment, samples, ranges, library, options, Monitor::silent());
  }
  [[nodiscard]] Result<calibrate::Ranges> ranges() const {
    return calibrate::calibrate(model, samples, library, {}, Monitor::silent());
  }
};

Result<Case> make_case(onnx::Model given, const quantize::Scheme& scheme, int samples = 16) {
  TESSERA_TRY(auto library, runtime::Library::load());
  auto model = network::Network::of(std::move(given));
  TESSERA_CHECK(model.infer_types(library));
  TESSERA_TRY(const auto inputs, network::input_specs(model));
  TESSERA_TRY(auto set, data::SampleSet::open({.source = fmt::format("random:{}", samples)}, inputs,
                                              Monitor::silent()));
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_TRY(auto assignment,
              quantize::resolve(quantize::uniform_recipe(scheme), graph, Monitor::silent()));
  return Case{std::move(library), std::move(model), std::move(set), std::move(assignment)};
}

/// What a model makes of the first sample.
Result<std::vector<float>> computed(const network::Network& model, const Case& given) {
  TESSERA_TRY(auto session, model.open(given.library, {}));
  TESSERA_TRY(const auto sample, given.samples.load(0));
  const auto& input = sample.tensors.front();
  const runtime::Feed feed{input.name, input.tensor.view()};
  TESSERA_TRY(const auto outputs, session.run({&feed, 1}));
  return to_float32(outputs[0]);
}

void expect_same_function(const network::Network& one, const network::Network& other,
                          const Case& given) {
  const auto expected = computed(one, given);
  const auto got = computed(other, given);
  ASSERT_THAT(expected, IsOk());
  ASSERT_THAT(got, IsOk());
  ASSERT_EQ(got->size(), expected->size());
  for (std::size_t i = 0; i < got->size(); ++i) {
    EXPECT_NEAR((*got)[i], (*expected)[i], 1e-5 * (1 + std::abs(double{(*expected)[i]}))) << i;
  }
}

/// Channels of the first convolution of sizes 1, 1/4, 1/16, ..., for which the second makes up, if
/// `uneven`.
onnx::Model uneven_channels(bool uneven) {
  constexpr std::int64_t kChannels = 6;
  auto first = testing::random_tensor({kChannels, 3, 3, 3}, 1);
  auto second = testing::random_tensor({4, kChannels, 1, 1}, 2);
  for (std::int64_t i = 0; uneven && i < kChannels; ++i) {
    const auto size = static_cast<float>(std::pow(4.0, static_cast<double>(i)));
    for (std::int64_t k = 0; k < 27; ++k) {
      first.as<float>()[static_cast<std::size_t>(i * 27 + k)] /= size;
    }
    for (std::int64_t k = 0; k < 4; ++k) {
      second.as<float>()[static_cast<std::size_t>(k * kChannels + i)] *= size;
    }
  }
  return ModelBuilder(13)
      .input("x", {1, 3, 8, 8})
      .constant("w1", std::move(first))
      .op("Conv", {"x", "w1"}, {"c"})
      .op("Relu", {"c"}, {"r"})
      .constant("w2", std::move(second))
      .op("Conv", {"r", "w2"}, {"y"})
      .output("y", {1, 4, 6, 6})
      .build();
}

TEST(EqualizeStep, UnevenChannels_AreEvened_AndTheFunctionStays) {
  const auto given = make_case(uneven_channels(true), fine_activations(false));
  ASSERT_THAT(given, IsOk());
  const auto result = given->refined({.equalize = true});
  ASSERT_THAT(result, IsOk());
  ASSERT_EQ(result->report.steps.size(), 1U);
  const auto& step = result->report.steps[0];
  EXPECT_EQ(step.name, "equalize");
  EXPECT_TRUE(step.kept);
  EXPECT_EQ(step.changed, 1);
  EXPECT_GT(step.after_db, step.before_db + 10);
  expect_same_function(given->model, result->model, *given);
  EXPECT_NE(result->model.constant("w1")->as<float>()[0],
            given->model.constant("w1")->as<float>()[0]);
}

TEST(EqualizeStep, AfterIt_ThereIsNothingLeftToEven) {
  const auto given = make_case(uneven_channels(true), fine_activations(false));
  ASSERT_THAT(given, IsOk());
  auto once = given->refined({.equalize = true});
  ASSERT_THAT(once, IsOk());
  auto again = refine(once->model, once->assignment, given->samples, nullptr, given->library,
                      {.equalize = true}, Monitor::silent());
  ASSERT_THAT(again, IsOk());
  const auto& step = again->report.steps.at(0);
  EXPECT_NEAR(step.before_db, once->report.steps[0].after_db, 1e-6);
  EXPECT_TRUE(step.changed == 0 || step.after_db < once->report.steps[0].after_db + 3);
}

TEST(EqualizeStep, WithoutAPath_ChangesNothing_AndSaysWhy) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 3, 8, 8})
                   .weight("w", {4, 3, 3, 3})
                   .op("Conv", {"x", "w"}, {"y"})
                   .output("y", {1, 4, 6, 6})
                   .build();
  const auto given = make_case(std::move(model), fine_activations(false));
  ASSERT_THAT(given, IsOk());
  const auto result = given->refined({.equalize = true});
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.changed, 0);
  EXPECT_FALSE(step.kept);
  EXPECT_EQ(step.after_db, step.before_db);
  EXPECT_THAT(result->report.skipped, ElementsAre(HasSubstr("'y' leaves the model")));
  EXPECT_EQ(result->model.constant("w")->as<float>()[5],
            given->model.constant("w")->as<float>()[5]);
}

/// The scheme's own method knows the input's range badly, another one well.
calibrate::Ranges with_range_of_x(calibrate::Ranges ranges, RealRange own,
                                  std::optional<RealRange> others = std::nullopt) {
  for (auto& [method, range] : ranges.tensors["x"]) {
    if (method == RangeMethod::kMinMax) {
      range = own;
    } else if (others) {
      range = *others;
    }
  }
  return ranges;
}

TEST(RangesByOutput, ARangeFarTooWide_IsTakenByAnotherMethod) {
  const auto given = make_case(uneven_channels(false), {.per_channel = true});
  ASSERT_THAT(given, IsOk());
  auto ranges = given->ranges();
  ASSERT_THAT(ranges, IsOk());
  const auto planted = with_range_of_x(*ranges, {-1000, 1000});
  const auto result = given->refined({.ranges_by_output = true}, &planted);
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.name, "ranges-by-output");
  EXPECT_EQ(step.branch, "full");
  EXPECT_TRUE(step.kept);
  EXPECT_GE(step.changed, 1);
  EXPECT_GT(step.after_db, step.before_db + 15);
  const auto chosen = result->ranges.find("x", RangeMethod::kMinMax);
  ASSERT_TRUE(chosen.has_value());
  EXPECT_LT(chosen->max, 10);
  EXPECT_GT(chosen->min, -10);
  // It is one of those that were measured.
  bool measured = false;
  for (const auto& [method, range] : ranges->tensors.find("x")->second) {
    measured = measured || range == *chosen;
  }
  EXPECT_TRUE(measured);
}

TEST(RangesByOutput, WhereAllMethodsAgree_NothingChanges) {
  const auto given = make_case(uneven_channels(false), {.per_channel = true});
  ASSERT_THAT(given, IsOk());
  auto ranges = given->ranges();
  ASSERT_THAT(ranges, IsOk());
  for (auto& [tensor, by_method] : ranges->tensors) {
    const auto one = by_method.at(RangeMethod::kMinMax);
    for (auto& [method, range] : by_method) {
      range = one;
    }
  }
  const auto result = given->refined({.ranges_by_output = true}, &*ranges);
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.changed, 0);
  EXPECT_FALSE(step.kept);
  EXPECT_EQ(step.after_db, step.before_db);
  EXPECT_EQ(result->ranges.tensors, ranges->tensors);
}

TEST(Scales, EndsOfARangeFarTooWide_AreDrawnIn) {
  const auto given = make_case(uneven_channels(false), {.per_channel = true});
  ASSERT_THAT(given, IsOk());
  const auto ranges = given->ranges();
  ASSERT_THAT(ranges, IsOk());
  const auto planted = with_range_of_x(*ranges, {-200, 300}, RealRange{-200, 300});
  const auto result = given->refined({.scales = true}, &planted);
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.name, "scales");
  EXPECT_TRUE(step.kept);
  EXPECT_GT(step.after_db, step.before_db + 15);
  const auto drawn = result->ranges.find("x", RangeMethod::kMinMax);
  ASSERT_TRUE(drawn.has_value());
  EXPECT_LT(drawn->max, 12);
  EXPECT_GT(drawn->min, -12);
  EXPECT_LT(drawn->min, 0);
}

TEST(BiasCorrectionStep, LayersWithoutAConstantBias_AreNamed_AndNothingChanges) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4})
                   .weight("w1", {4, 4})
                   .op("MatMul", {"x", "w1"}, {"h"})
                   .op("ReduceMean", {"h"}, {"b"},
                       {{"axes", std::vector<std::int64_t>{0}}, {"keepdims", std::int64_t{0}}})
                   .weight("w2", {4, 4})
                   .op("Gemm", {"h", "w2", "b"}, {"y"})
                   .output("y", {1, 4})
                   .build();
  const auto given = make_case(std::move(model), fine_activations(true));
  ASSERT_THAT(given, IsOk());
  const auto result = given->refined({.bias_correction = true});
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.changed, 0);
  EXPECT_FALSE(step.kept);
  EXPECT_EQ(step.after_db, step.before_db);
  EXPECT_THAT(result->report.skipped,
              ElementsAre(HasSubstr("'h_node' has no constant bias"), HasSubstr("'y_node'")));
}

/// All weights of a row lie above their nearest level by the same, with a bias there already.
TEST(BiasCorrectionStep, AddsToTheBiasThatIsThere_TimesBeta) {
  for (const float beta : {1.0F, 0.5F}) {
    std::vector<float> weights(8, 10.4F);
    weights[0] = weights[4] = 127;
    auto model =
        ModelBuilder(13)
            .input("x", {1, 4})
            .op("Abs", {"x"}, {"a"})
            .constant("w", Tensor::of(std::move(weights), {2, 4}))
            .constant("b", Tensor::of(std::vector<float>{100, -100}, {2}))
            .op("Gemm", {"a", "w", "b"}, {"y"}, {{"transB", std::int64_t{1}}, {"beta", beta}})
            .output("y", {1, 2})
            .build();
    const auto given = make_case(std::move(model), fine_activations(true), 64);
    ASSERT_THAT(given, IsOk());
    const auto result = given->refined({.bias_correction = true});
    ASSERT_THAT(result, IsOk());
    const auto& step = result->report.steps.at(0);
    ASSERT_TRUE(step.kept) << step.before_db << " " << step.after_db;
    const auto gemm = result->model.onnx()->producer("y");
    const auto bias = result->model.constant(result->model.onnx()->inputs(*gemm)[2]);
    ASSERT_THAT(bias, IsOk());
    // Three weights lose .4 of the mean of |normal|, .798.
    const double lost = 3 * 0.4 * 0.798 / double{beta};
    EXPECT_NEAR(bias->as<float>()[0], 100 + lost, 0.25 / double{beta});
    EXPECT_NEAR(bias->as<float>()[1], -100 + lost, 0.25 / double{beta});
  }
}

TEST(RoundingStep, WeightsOnTheGrid_StayThere) {
  std::vector<float> weights;
  for (int i = 0; i < 36; ++i) {
    weights.push_back(static_cast<float>(i % 9 == 0 ? 127 : i - 18));
  }
  auto model = ModelBuilder(13)
                   .input("x", {1, 1, 6, 6})
                   .constant("w", Tensor::of(weights, {4, 1, 3, 3}))
                   .op("Conv", {"x", "w"}, {"y"})
                   .output("y", {1, 4, 4, 4})
                   .build();
  const auto given = make_case(std::move(model), fine_activations(true));
  ASSERT_THAT(given, IsOk());
  for (const auto rounding : {Rounding::kDescent, Rounding::kAdaptive}) {
    const auto result = given->refined({.rounding = rounding});
    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(result->report.steps.at(0).kept) << to_string(rounding);
    EXPECT_TRUE(result->weights.empty());
  }
}

TEST(Refine, SamplesThatProve_AreAThird_OrAsMany_AsAsked) {
  const auto given = make_case(uneven_channels(false), fine_activations(true), 16);
  ASSERT_THAT(given, IsOk());
  const auto proving = [&](std::int64_t asked) {
    return given->refined({.bias_correction = true, .error_samples = asked})->report.error_samples;
  };
  EXPECT_EQ(proving(0), 6);
  EXPECT_EQ(proving(2), 2);
  EXPECT_EQ(proving(100), 6);
}

TEST(Refine, OneSample_DoesEverything) {
  const auto given = make_case(uneven_channels(true), fine_activations(false), 1);
  ASSERT_THAT(given, IsOk());
  const auto result = given->refined({.equalize = true, .bias_correction = true});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->report.samples, 1);
  EXPECT_EQ(result->report.error_samples, 1);
  EXPECT_TRUE(result->report.steps[0].kept);
}

TEST(Refine, TooLittle_IsRefused) {
  const auto given = make_case(uneven_channels(false), fine_activations(true), 2);
  ASSERT_THAT(given, IsOk());
  for (const RefineOptions& options :
       {RefineOptions{.error_samples = -1}, RefineOptions{.fit_samples = 0},
        RefineOptions{.effort_s = -1}, RefineOptions{.effort_s = std::nan("")},
        RefineOptions{.rows_per_sample = 0}}) {
    EXPECT_THAT(given->refined(options), FailsWith(ErrorCode::kInvalidArgument, _));
  }
}

TEST(Refine, AnotherFormat_IsRefusedByName) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  EXPECT_THAT(refine(testing::toy_network(), quantize::Assignment(4), fixture->samples, nullptr,
                     fixture->library, {.equalize = true}, Monitor::silent()),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("toy")));
}

TEST(Refine, Options_KnowWhetherThereIsAnythingToDo_AndSayItInJson) {
  EXPECT_FALSE(RefineOptions().any());
  EXPECT_TRUE(RefineOptions{.equalize = true}.any());
  EXPECT_TRUE(RefineOptions{.ranges_by_output = true}.any());
  EXPECT_TRUE(RefineOptions{.scales = true}.any());
  EXPECT_TRUE(RefineOptions{.rounding = Rounding::kDescent}.any());
  EXPECT_TRUE(RefineOptions{.bias_correction = true}.any());
  const auto json = to_json(RefineOptions{.rounding = Rounding::kAdaptive, .effort_s = 7});
  EXPECT_EQ(json["rounding"], "adaptive");
  EXPECT_EQ(json["effort_s"], 7);
  EXPECT_EQ(json["equalize"], false);
}

TEST(Refine, AReport_IsWrittenStepByStep) {
  RefineReport report{.samples = 9, .error_samples = 3, .branch = "fast"};
  report.steps = {{"fast", "equalize", 20, 25, true, 4, 1000}};
  report.skipped = {"why"};
  const auto json = to_json(report);
  EXPECT_EQ(json["steps"][0]["after_db"], 25);
  EXPECT_EQ(json["steps"][0]["kept"], true);
  EXPECT_EQ(json["steps"][0]["changed"], 4);
  EXPECT_EQ(json["skipped"][0], "why");
  EXPECT_EQ(json["error_samples"], 3);
}

}  // namespace
}  // namespace tessera::refine
