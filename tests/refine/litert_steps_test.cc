// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/litert/builtin.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/quantize/dialect.h"
#include "tessera/refine/refine.h"
#include "tessera/runtime/litert.h"

/// The steps that .tflite networks have, on networks made so that there is something to win back.
namespace tessera::refine {
namespace {

using litert::Builtin;
using numerics::RangeMethod;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::litert_options;
using testing::LitertBuilder;

/// The error that is left with them is that of the weights.
quantize::Scheme fine_activations() {
  auto scheme =
      quantize::dialect_of(network::FileFormat::kLitert)->usual_scheme(quantize::Mode::kStatic, {});
  scheme.activation = DType::kInt16;
  return scheme;
}

struct Case {
  std::shared_ptr<const runtime::Library> library;
  network::Network model;
  data::SampleSet samples;
  quantize::Assignment assignment;
  calibrate::Ranges ranges;

  [[nodiscard]] Result<Refinement> refined(const RefineOptions& options) const {
    return refine(model, assignment, samples, &ranges, library, options, Monitor::silent());
  }
};

Result<Case> make_case(litert::Content content, const quantize::Scheme& scheme, int samples = 48) {
  TESSERA_TRY(auto library, runtime::load_litert());
  TESSERA_TRY(auto model, litert::Model::of(std::move(content)));
  auto network = network::Network::of(std::move(model));
  TESSERA_TRY(const auto inputs, network::input_specs(network));
  TESSERA_TRY(auto set, data::SampleSet::open({.source = fmt::format("random:{}", samples)}, inputs,
                                              Monitor::silent()));
  TESSERA_TRY(auto ranges, calibrate::calibrate(network, set, library, {}, Monitor::silent()));
  TESSERA_TRY(const auto graph, network.view());
  quantize::Assignment assignment(graph.ops().size(), scheme);
  return Case{std::move(library), std::move(network), std::move(set), std::move(assignment),
              std::move(ranges)};
}

/// As quantize() writes what was refined.
Result<network::Network> built(const Refinement& refined) {
  auto network = refined.model.clone();
  TESSERA_CHECK(quantize::quantize(network, refined.assignment, &refined.ranges,
                                   {.weights = &refined.weights}, Monitor::silent())
                    .map([](const auto&) {}));
  return network;
}

/// By element of the first output: its mean over all samples.
Result<std::vector<double>> means(const network::Network& network, const Case& given) {
  TESSERA_TRY(auto session, network.open(given.library, {}));
  std::vector<double> sums;
  for (std::int64_t i = 0; i < given.samples.size(); ++i) {
    TESSERA_TRY(const auto sample, given.samples.load(i));
    const runtime::Feed feed{sample.tensors[0].name, sample.tensors[0].tensor.view()};
    TESSERA_TRY(const auto outputs, session.run({&feed, 1}));
    TESSERA_TRY(const auto values, to_float32(outputs[0]));
    sums.resize(values.size());
    for (std::size_t k = 0; k < values.size(); ++k) {
      sums[k] += double{values[k]} / static_cast<double>(given.samples.size());
    }
  }
  return sums;
}

/// Three weights of each row lie .4 above their nearest level; ABS makes what they multiply .798 on
/// average.
LitertBuilder off_the_grid(const std::string& bias) {
  std::vector<float> weights(8, 10.4F);
  weights[0] = weights[4] = 127;
  LitertBuilder builder;
  builder.input("x", {1, 4})
      .value("a", {1, 4})
      .op(Builtin::kAbs, {"x"}, {"a"}, litert_options(78, {}))
      .constant<float>("w", {2, 4}, weights)
      .constant<float>("b", {2}, {100, -100})
      .value("y", {1, 2})
      .op(Builtin::kFullyConnected, {"a", "w", bias}, {"y"}, litert_options(8, {}))
      .output("y");
  return builder;
}

constexpr double kLost = 3 * 0.4 * 0.798;

#define MAKE_CASE(name, ...)                                                                \
  const auto name = make_case(__VA_ARGS__);                                                 \
  if (!(name) && (name).error().code == ErrorCode::kFailedPrecondition) {                   \
    GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << (name).error().message; \
  }                                                                                         \
  ASSERT_THAT(name, IsOk())

TEST(LitertBiasCorrection, TakesAKnownMeanErrorOffTheBias) {
  MAKE_CASE(given, off_the_grid("b").build(), fine_activations());
  const auto result = given->refined({.bias_correction = true});
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.name, "bias-correction");
  EXPECT_EQ(step.changed, 1);
  ASSERT_TRUE(step.kept) << step.before_db << " " << step.after_db;
  EXPECT_GT(step.after_db, step.before_db + 2);
  EXPECT_EQ(result->report.error_samples, 16);
  EXPECT_THAT(result->report.skipped, IsEmpty());
  const auto bias = result->model.constant("b");
  ASSERT_THAT(bias, IsOk());
  EXPECT_NEAR(bias->as<float>()[0], 100 + kLost, 0.25);
  EXPECT_NEAR(bias->as<float>()[1], -100 + kLost, 0.25);
}

TEST(LitertBiasCorrection, WhatIsWritten_HasTheMeansOfTheFloats) {
  MAKE_CASE(given, off_the_grid("b").build(), fine_activations());
  auto plain = given->model.clone();
  ASSERT_THAT(quantize::quantize(plain, given->assignment, &given->ranges, {}, Monitor::silent()),
              IsOk());
  const auto refined = given->refined({.bias_correction = true});
  ASSERT_THAT(refined, IsOk());
  const auto corrected = built(*refined);
  ASSERT_THAT(corrected, IsOk());
  const auto wanted = means(given->model, *given);
  const auto before = means(plain, *given);
  const auto after = means(*corrected, *given);
  ASSERT_THAT(wanted, IsOk());
  ASSERT_THAT(before, IsOk());
  ASSERT_THAT(after, IsOk());
  for (std::size_t c = 0; c < 2; ++c) {
    EXPECT_NEAR((*before)[c], (*wanted)[c] - kLost, 0.25);
    EXPECT_NEAR((*after)[c], (*wanted)[c], 0.1);
  }
}

TEST(LitertBiasCorrection, AProductWithoutABias_GetsOne) {
  MAKE_CASE(given, off_the_grid("").build(), fine_activations());
  const auto result = given->refined({.bias_correction = true});
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->report.steps.at(0).kept);
  const auto bias = result->model.constant("y_bias");
  ASSERT_THAT(bias, IsOk());
  EXPECT_NEAR(bias->as<float>()[0], kLost, 0.25);
  const auto written = built(*result);
  ASSERT_THAT(written, IsOk());
  EXPECT_THAT(quantize::check_loads(*written, given->library), IsOk());
}

TEST(LitertBiasCorrection, ABiasThatOthersReadToo_StaysForThem) {
  auto builder = off_the_grid("b");
  builder.value("s", {1, 2}).op(Builtin::kMul, {"y", "b"}, {"s"}, litert_options(21, {}));
  builder.content().subgraphs.front().outputs = {builder.place("s")};
  MAKE_CASE(given, builder.build(), fine_activations());
  const auto result = given->refined({.bias_correction = true});
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->report.steps.at(0).kept);
  const auto theirs = result->model.constant("b");
  ASSERT_THAT(theirs, IsOk());
  EXPECT_THAT(std::vector(theirs->as<float>().begin(), theirs->as<float>().end()),
              ElementsAre(100, -100));
  const auto own = result->model.constant("b_");
  ASSERT_THAT(own, IsOk());
  EXPECT_NEAR(own->as<float>()[0], 100 + kLost, 0.25);
}

/// A convolution that applies RELU besides. The weights of its second channel are those of the
/// first with the other sign, so that nothing positive is left of it.
litert::Content rectified() {
  std::vector<float> weights(8, 10.4F);
  weights[0] = 127;
  for (std::size_t i = 0; i < 4; ++i) {
    weights[4 + i] = -weights[i];
  }
  return LitertBuilder()
      .input("x", {1, 6, 6, 4})
      .value("a", {1, 6, 6, 4})
      .op(Builtin::kAbs, {"x"}, {"a"}, litert_options(78, {}))
      .constant<float>("w", {2, 1, 1, 4}, weights)
      .constant<float>("b", {2}, {0, 0})
      .value("y", {1, 6, 6, 2})
      .op(Builtin::kConv2d, {"a", "w", "b"}, {"y"}, litert_options(1, {{1, 1}, {2, 1}, {3, 1}}))
      .output("y")
      .build();
}

TEST(LitertBiasCorrection, OfWhatAnActivationCutsOff_OnlyWhatIsLeftCounts) {
  MAKE_CASE(given, rectified(), fine_activations());
  const auto result = given->refined({.bias_correction = true});
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->report.steps.at(0).kept);
  const auto bias = result->model.constant("b");
  ASSERT_THAT(bias, IsOk());
  EXPECT_NEAR(bias->as<float>()[0], kLost, 0.1);
  EXPECT_EQ(bias->as<float>()[1], 0) << "the whole of that channel's error is cut off";
}

TEST(LitertBiasCorrection, WhatIsWritten_KeepsActivationsWithinTheirProducts) {
  MAKE_CASE(given, rectified(), fine_activations());
  const auto refined = given->refined({.bias_correction = true});
  ASSERT_THAT(refined, IsOk());
  ASSERT_TRUE(refined->report.steps.at(0).kept);
  const auto written = built(*refined);
  ASSERT_THAT(written, IsOk());
  const auto graph = written->view();
  ASSERT_THAT(graph, IsOk());
  EXPECT_FALSE(graph->ops().empty());
  for (const auto& op : graph->ops()) {
    EXPECT_NE(op.type, "RELU");
  }
}

TEST(LitertBiasCorrection, ProductsWhoseBiasCannotChange_AreNamed) {
  MAKE_CASE(given,
            LitertBuilder()
                .input("x", {1, 4, 4})
                .weight("w", {1, 4, 3})
                .value("y", {1, 4, 3})
                .op(Builtin::kBatchMatmul, {"x", "w"}, {"y"}, litert_options(101, {}))
                .output("y")
                .build(),
            fine_activations());
  const auto result = given->refined({.bias_correction = true});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->report.steps.at(0).changed, 0);
  EXPECT_FALSE(result->report.steps.at(0).kept);
  EXPECT_THAT(result->report.skipped, ElementsAre(HasSubstr("'y' has no constant bias")));
}

TEST(LitertSteps, TheSameEveryTime) {
  auto scheme = fine_activations();
  scheme.activation = DType::kInt8;
  MAKE_CASE(given, testing::small_litert(), scheme, 24);
  std::vector<std::string> bytes;
  for (const int threads : {1, 2}) {
    const auto result = given->refined(
        {.ranges_by_output = true, .bias_correction = true, .effort_s = 1, .threads = threads});
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->report.steps.size(), 3U) << "without the search, and with it";
    const auto written = built(*result);
    ASSERT_THAT(written, IsOk());
    bytes.push_back(*written->serialize());
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

/// What is measured of one value is ten times too little, by all methods but one.
TEST(LitertSteps, RangesByOutput_TakeAnotherMethodWhereTheOutputsAreCloserForIt) {
  auto scheme = fine_activations();
  scheme.activation = DType::kInt8;
  scheme.method = RangeMethod::kMinMax;
  auto made = make_case(testing::small_litert(), scheme, 48);
  if (made) {
    for (auto& [method, range] : made->ranges.tensors.at("c")) {
      if (method != RangeMethod::kMse) {
        range = {0.1 * range.min, 0.1 * range.max};
      }
    }
  }
  const auto& given = made;
  if (!given && given.error().code == ErrorCode::kFailedPrecondition) {
    GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << given.error().message;
  }
  ASSERT_THAT(given, IsOk());
  const auto result = given->refined({.ranges_by_output = true});
  ASSERT_THAT(result, IsOk());
  const auto& step = result->report.steps.at(0);
  EXPECT_EQ(step.name, "ranges-by-output");
  EXPECT_TRUE(step.kept);
  EXPECT_GT(step.after_db, step.before_db + 3);
  EXPECT_EQ(result->ranges.tensors.at("c").at(RangeMethod::kMinMax),
            given->ranges.tensors.at("c").at(RangeMethod::kMse));
}

TEST(LitertSteps, WhatTheFormatDoesNotHave_IsRefusedByName) {
  MAKE_CASE(given, testing::small_litert(), fine_activations(), 4);
  EXPECT_THAT(given->refined({.equalize = true}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("no equalization")));
  EXPECT_THAT(given->refined({.scales = true, .rounding = Rounding::kAdaptive}),
              FailsWith(ErrorCode::kUnimplemented,
                        HasSubstr("no search of scales, no rounding of weights")));
  const auto found = doable(given->model, {.equalize = true, .bias_correction = true});
  EXPECT_THAT(found.missing, ElementsAre("equalization"));
  EXPECT_FALSE(found.options.equalize);
  EXPECT_TRUE(found.options.bias_correction);
  EXPECT_THAT(check_doable(given->model, found.options), IsOk());
}

}  // namespace
}  // namespace tessera::refine
