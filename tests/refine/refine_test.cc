// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/refine.h"
#include "tessera/quantize/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/small_classifier.h"

namespace tessera::refine {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::make_fixture;
using testing::ModelBuilder;

quantize::Scheme u8s8() {
  quantize::Scheme scheme;
  scheme.per_channel = true;
  return scheme;
}

Result<quantize::Assignment> everywhere(const network::Network& model,
                                        const quantize::Scheme& scheme) {
  TESSERA_TRY(const auto graph, model.view());
  return quantize::resolve(quantize::uniform_recipe(scheme), graph, Monitor::silent());
}

Result<Refinement> refined(const testing::Fixture& fixture, const RefineOptions& options) {
  TESSERA_TRY(const auto assignment, everywhere(fixture.model, u8s8()));
  return refine(fixture.model, assignment, fixture.samples, &fixture.ranges, fixture.library,
                options, Monitor::silent());
}

RefineOptions everything() {
  RefineOptions options;
  options.equalize = true;
  options.ranges_by_output = true;
  options.scales = true;
  options.rounding = Rounding::kAdaptive;
  options.bias_correction = true;
  return options;
}

/// The model that the refinement stands for, as bytes.
Result<std::string> built(Refinement& refinement) {
  quantize::QuantizeOptions options;
  options.weights = &refinement.weights;
  TESSERA_CHECK(quantize::quantize(refinement.model, refinement.assignment, &refinement.ranges,
                                   options, Monitor::silent())
                    .map([](const auto&) {}));
  return refinement.model.serialize();
}

TEST(Refine, EveryStep_EndsInAModelThatLoads) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto result = refined(*fixture, everything());
  ASSERT_THAT(result, IsOk());
  const auto& steps = result->report.steps;
  ASSERT_EQ(steps.size(), 8U) << "three without the searches, five with them";
  EXPECT_EQ(result->report.samples, 8);
  EXPECT_EQ(result->report.error_samples, 3);
  EXPECT_EQ(steps[0].before_db, steps[3].before_db) << "both branches begin with the same model";
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].branch, i < 3 ? "fast" : "full") << steps[i].name;
    EXPECT_TRUE(!steps[i].kept || steps[i].after_db > steps[i].before_db) << steps[i].name;
    EXPECT_TRUE(!steps[i].kept || steps[i].branch == result->report.branch) << steps[i].name;
    if (i != 0 && i != 3 && steps[i].branch == result->report.branch) {
      EXPECT_EQ(steps[i].before_db,
                steps[i - 1].kept ? steps[i - 1].after_db : steps[i - 1].before_db);
    }
  }
  ASSERT_THAT(built(*result), IsOk());
  EXPECT_THAT(quantize::check_loads(result->model, fixture->library), IsOk());
}

TEST(Refine, SameTwice_AndWithMoreThreads_GivesTheSameBytes) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  auto options = everything();
  auto first = refined(*fixture, options);
  options.threads = 2;
  auto second = refined(*fixture, options);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  const auto one = built(*first);
  const auto two = built(*second);
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_TRUE(*one == *two);
}

TEST(Refine, ChosenIntegers_StandInTheModel) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  RefineOptions options;
  options.rounding = Rounding::kAdaptive;
  auto result = refined(*fixture, options);
  ASSERT_THAT(result, IsOk());
  if (!result->report.steps.front().kept) {
    GTEST_SKIP() << "the step was taken back";
  }
  const auto weights = result->weights;
  ASSERT_TRUE(weights.contains("w2"));
  ASSERT_THAT(built(*result), IsOk());
  const auto written = result->model.constant("w2_quantized");
  ASSERT_THAT(written, IsOk());
  const auto chosen = weights.at("w2").values.as<std::int8_t>();
  EXPECT_TRUE(std::equal(chosen.begin(), chosen.end(), written->as<std::int8_t>().begin()));
}

TEST(Refine, Descent_TakesTheCheapestLayersWithinItsEffort) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  RefineOptions options;
  options.rounding = Rounding::kDescent;
  options.fit_samples = 2;
  const auto all = refined(*fixture, options);
  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->report.steps.size(), 1U);
  EXPECT_EQ(all->report.steps[0].name, "rounding");
  EXPECT_EQ(all->report.steps[0].changed, 3);
  EXPECT_THAT(all->report.skipped, ::testing::IsEmpty());

  options.effort_s = 1e-4;  // two million multiply-accumulates: the second convolution takes more
  const auto some = refined(*fixture, options);
  ASSERT_THAT(some, IsOk());
  EXPECT_EQ(some->report.steps[0].changed, 2);
  EXPECT_THAT(some->report.skipped, ::testing::ElementsAre(HasSubstr("takes more than is left")));
}

/// The integers of a convolution's weights where they make the error: positive inputs, times
/// `factor`, in 16 bits. The first weight of a channel is its largest; all others lie above their
/// nearest level, for which it would have to make up. Empty if the step was taken back.
Result<std::vector<std::int8_t>> moved_weights(float factor, bool reduce_range, Rounding rounding) {
  std::vector<float> weights(std::size_t{32} * 8 * 9);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] =
        i % 72 == 0 ? 1 : (static_cast<float>(40 + i % 13) + 0.3F) / (reduce_range ? 64 : 127);
  }
  auto built = ModelBuilder(13)
                   .input("x", {1, 8, 6, 6})
                   .constant("factor", Tensor::of(std::vector<float>{factor}, {1}))
                   .op("Mul", {"x", "factor"}, {"product"})
                   .op("Abs", {"product"}, {"scaled"})
                   .constant("w", Tensor::of(std::move(weights), {32, 8, 3, 3}))
                   .op("Conv", {"scaled", "w"}, {"y"})
                   .output("y", {1, 32, 4, 4})
                   .build();
  TESSERA_TRY(auto library, runtime::Library::load());
  auto model = network::Network::of(std::move(built));
  TESSERA_CHECK(model.infer_types(library));
  TESSERA_TRY(const auto inputs, network::input_specs(model));
  TESSERA_TRY(const auto samples,
              data::SampleSet::open({.source = "random:8"}, inputs, Monitor::silent()));
  auto scheme = u8s8();
  scheme.activation = DType::kUInt16;
  scheme.reduce_range = reduce_range;
  TESSERA_TRY(const auto assignment, everywhere(model, scheme));
  RefineOptions options;
  options.rounding = rounding;
  TESSERA_TRY(const auto result,
              refine(model, assignment, samples, nullptr, library, options, Monitor::silent()));
  const auto found = result.weights.find("w");
  if (found == result.weights.end()) {
    return std::vector<std::int8_t>();
  }
  const auto levels = found->second.values.as<std::int8_t>();
  return std::vector<std::int8_t>(levels.begin(), levels.end());
}

TEST(Refine, ReducedRange_HoldsForMovedWeightsToo) {
  for (const auto rounding : {Rounding::kDescent, Rounding::kAdaptive}) {
    const auto moved = moved_weights(1, true, rounding);
    ASSERT_THAT(moved, IsOk());
    ASSERT_FALSE(moved->empty()) << "else the step was taken back";
    EXPECT_THAT(*moved, ::testing::Each(::testing::AllOf(::testing::Ge(-64), ::testing::Le(64))))
        << to_string(rounding);
  }
}

TEST(Refine, WeightsMoveAlike_HoweverLargeTheInputsAre) {
  const auto plain = moved_weights(1, false, Rounding::kDescent);
  ASSERT_THAT(plain, IsOk());
  ASSERT_FALSE(plain->empty()) << "else the step was taken back";
  for (const float factor : {0x1p70F, 0x1p-70F}) {
    const auto scaled = moved_weights(factor, false, Rounding::kDescent);
    ASSERT_THAT(scaled, IsOk());
    EXPECT_EQ(*scaled, *plain) << factor;
  }
}

TEST(Refine, RoundingsThatOnlyEverywhereBrings_AreJudged) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  RefineOptions options;
  options.rounding = Rounding::kDescent;
  const auto without = refined(*fixture, options);
  ASSERT_THAT(without, IsOk());
  options.everywhere = true;
  const auto with = refined(*fixture, options);
  ASSERT_THAT(with, IsOk());
  EXPECT_LT(with->report.steps[0].before_db, without->report.steps[0].before_db)
      << "the result of the last layer is rounded, too";
}

/// One convolution whose weights all lie a third of a step above an integer (but for the one that
/// makes the step), on positive inputs: rounding takes the same off every output.
TEST(Refine, BiasCorrection_TakesOffAPlantedMeanError) {
  std::vector<float> weights(2 * 3, 1.0F / 3);
  weights[0] = 127;
  weights[3] = 127;
  auto built = ModelBuilder(13)
                   .input("x", {1, 3, 4, 4})
                   .op("Abs", {"x"}, {"a"})
                   .constant("w", Tensor::of(weights, {2, 3, 1, 1}))
                   .op("Conv", {"a", "w"}, {"c"})
                   .output("c", {1, 2, 4, 4})
                   .build();
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  auto model = network::Network::of(std::move(built));
  ASSERT_THAT(model.infer_types(*library), IsOk());
  const auto inputs = network::input_specs(model);
  const auto samples = data::SampleSet::open({.source = "random:16"}, *inputs, Monitor::silent());
  ASSERT_THAT(samples, IsOk());
  auto scheme = u8s8();
  scheme.activation = DType::kUInt16;  // leaves the weights' error alone
  const auto assignment = everywhere(model, scheme);
  ASSERT_THAT(assignment, IsOk());
  RefineOptions options;
  options.bias_correction = true;
  const auto result =
      refine(model, *assignment, *samples, nullptr, *library, options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->report.steps.front().kept);
  // Two weights of a third are gone; |normal| has the mean .798.
  const auto conv = result->model.onnx()->producer("c");
  ASSERT_TRUE(conv.has_value());
  const auto bias = result->model.constant(result->model.onnx()->inputs(*conv)[2]);
  ASSERT_THAT(bias, IsOk());
  for (const float value : bias->as<float>()) {
    EXPECT_NEAR(value, 2.0 / 3 * 0.798, 0.06);
  }
  EXPECT_GT(result->report.steps.front().after_db, result->report.steps.front().before_db + 1);
}

TEST(Refine, WithoutStaticScheme_IsRefused) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  quantize::Scheme scheme;
  scheme.mode = quantize::Mode::kFloat32;
  const auto assignment = everywhere(fixture->model, scheme);
  ASSERT_THAT(assignment, IsOk());
  EXPECT_THAT(refine(fixture->model, *assignment, fixture->samples, &fixture->ranges,
                     fixture->library, everything(), Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no static scheme")));
}

TEST(Refine, ZeroOutputs_AreRefused) {
  auto built = ModelBuilder(13)
                   .input("x", {1, 2, 4, 4})
                   .constant("w", Tensor(DType::kFloat32, {2, 2, 1, 1}))
                   .op("Conv", {"x", "w"}, {"y"})
                   .output("y", {1, 2, 4, 4})
                   .build();
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  auto model = network::Network::of(std::move(built));
  ASSERT_THAT(model.infer_types(*library), IsOk());
  const auto samples = data::SampleSet::open({.source = "random:2"}, *network::input_specs(model),
                                             Monitor::silent());
  ASSERT_THAT(samples, IsOk());
  const auto assignment = everywhere(model, u8s8());
  RefineOptions options;
  options.bias_correction = true;
  EXPECT_THAT(refine(model, *assignment, *samples, nullptr, *library, options, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("is zero")));
}

TEST(Refine, OutputsThatAreNotFinite_ArePassedOver) {
  auto built = ModelBuilder(13)
                   .input("x", {1, 2, 4, 4})
                   .weight("w", {2, 2, 1, 1}, 0.5)
                   .op("Conv", {"x", "w"}, {"c"})
                   .constant("mask", Tensor::of(std::vector<float>{0, -INFINITY}, {1, 2, 1, 1}))
                   .op("Add", {"c", "mask"}, {"y"})
                   .output("y", {1, 2, 4, 4})
                   .build();
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  auto model = network::Network::of(std::move(built));
  ASSERT_THAT(model.infer_types(*library), IsOk());
  const auto samples = data::SampleSet::open({.source = "random:4"}, *network::input_specs(model),
                                             Monitor::silent());
  ASSERT_THAT(samples, IsOk());
  auto scheme = u8s8();
  const auto graph = model.view();
  const auto assignment = quantize::resolve(
      quantize::uniform_recipe(scheme, {.op_types = {"Conv"}}), *graph, Monitor::silent());
  ASSERT_THAT(assignment, IsOk());
  RefineOptions options;
  options.bias_correction = true;
  const auto result =
      refine(model, *assignment, *samples, nullptr, *library, options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_GT(result->report.steps.front().before_db, 20);
}

/// Work is bounded by a count, which the searches keep.
TEST(Refine, WithoutEffort_NothingIsSearched) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  RefineOptions options;
  options.ranges_by_output = true;
  options.scales = true;
  options.effort_s = 0;
  const auto result = refined(*fixture, options);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->report.steps[0].changed, 0);
  EXPECT_EQ(result->report.steps[1].changed, 0);
}

class Stopped final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return true; }
};

TEST(Refine, WhenTheUserStops_SaysSo) {
  const auto fixture = make_fixture();
  ASSERT_THAT(fixture, IsOk());
  const auto assignment = everywhere(fixture->model, u8s8());
  Stopped monitor;
  EXPECT_THAT(refine(fixture->model, *assignment, fixture->samples, &fixture->ranges,
                     fixture->library, everything(), monitor),
              FailsWith(ErrorCode::kCancelled, ::testing::_));
}

}  // namespace
}  // namespace tessera::refine
