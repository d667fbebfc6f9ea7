// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/choose_method.h"
#include "tessera/quantize/assignment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/small_classifier.h"
#include "tessera/calibrate/apart.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"

namespace tessera::refine {
namespace {

using numerics::RangeMethod;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

/// Blocks as small detectors have them: one half of the channels goes on, the other through
/// convolutions of which one is depthwise; the halves are joined and shuffled. Two heads.
onnx::Model channel_shuffles() {
  const std::vector<std::int64_t> pads{1, 1, 1, 1};
  ModelBuilder builder(13);
  builder.input("x", {1, 3, 16, 16})
      .weight("w0", {16, 3, 3, 3}, 0.3)
      .weight("b0", {16}, 0.1)
      .op("Conv", {"x", "w0", "b0"}, {"c0"}, {{"pads", pads}})
      .op("LeakyRelu", {"c0"}, {"y0"})
      .constant("split", Tensor::of(std::vector<std::int64_t>{1, 2, 8, 16, 16}, {5}))
      .constant("join", Tensor::of(std::vector<std::int64_t>{1, 16, 16, 16}, {4}));
  for (int i = 0; i < 2; ++i) {
    const auto at = [i](const char* name) { return fmt::format("{}{}", name, i); };
    const auto y = fmt::format("y{}", i);
    builder.op("Split", {y}, {at("left"), at("right")}, {{"axis", std::int64_t{1}}})
        .weight(at("wp"), {8, 8, 1, 1}, 0.4)
        .op("Conv", {at("right"), at("wp")}, {at("p")})
        .op("LeakyRelu", {at("p")}, {at("pr")})
        .weight(at("wd"), {8, 1, 3, 3}, 0.4)
        .op("Conv", {at("pr"), at("wd")}, {at("d")}, {{"pads", pads}, {"group", std::int64_t{8}}})
        .op("Concat", {at("left"), at("d")}, {at("cat")}, {{"axis", std::int64_t{1}}})
        .op("Reshape", {at("cat"), "split"}, {at("r")})
        .op("Transpose", {at("r")}, {at("t")}, {{"perm", std::vector<std::int64_t>{0, 2, 1, 3, 4}}})
        .op("Reshape", {at("t"), "join"}, {fmt::format("y{}", i + 1)});
  }
  return builder.weight("wc", {5, 16, 1, 1}, 0.4)
      .op("Conv", {"y2", "wc"}, {"logits"})
      .op("Sigmoid", {"logits"}, {"classes"})
      .weight("wb", {8, 16, 1, 1}, 0.4)
      .op("Conv", {"y2", "wb"}, {"boxes"})
      .output("classes", {1, 5, 16, 16})
      .output("boxes", {1, 8, 16, 16})
      .build();
}

/// Most values of "sum" are small and a few are giants, which the Tanh behind it cuts off anyway.
onnx::Model giants() {
  return ModelBuilder(13)
      .input("x", {1, 2, 16, 16})
      .weight("w0", {2, 2, 1, 1}, 1)
      .op("Conv", {"x", "w0"}, {"c"})
      .constant("power", Tensor::of(std::vector<float>{9}, {1}))
      .op("Pow", {"c", "power"}, {"giant"})
      .constant("scale", Tensor::of(std::vector<float>{10}, {1}))
      .op("Mul", {"giant", "scale"}, {"scaled"})
      .op("Add", {"c", "scaled"}, {"sum"})
      .weight("w1", {4, 2, 1, 1}, 1)
      .op("Conv", {"sum", "w1"}, {"v"})
      .op("Tanh", {"v"}, {"y"})
      .output("y", {1, 4, 16, 16})
      .build();
}

quantize::Scheme per_channel_scheme(quantize::Format format = quantize::Format::kQdq) {
  quantize::Scheme scheme;
  scheme.format = format;
  scheme.per_channel = true;
  return scheme;
}

struct Case {
  network::Network model;
  std::shared_ptr<const runtime::Library> library;
  std::optional<data::SampleSet> samples;
  std::vector<std::int64_t> apart;
  calibrate::SplitRanges ranges;
  quantize::Assignment assignment;

  [[nodiscard]] Result<MethodChoice> choose() const {
    return choose_method({.model = model,
                          .assignment = assignment,
                          .samples = *samples,
                          .judging = apart,
                          .ranges = ranges.fitted},
                         library, Monitor::silent());
  }
};

Result<Case> make_case(onnx::Model given, std::int64_t count, int threads = 1,
                       const quantize::Scheme& scheme = per_channel_scheme()) {
  TESSERA_TRY(auto library, runtime::Library::load());
  auto model = network::Network::of(std::move(given));
  TESSERA_CHECK(model.infer_types(library));
  TESSERA_TRY(const auto inputs, network::input_specs(model));
  TESSERA_TRY(auto samples, data::SampleSet::open({.source = fmt::format("random:{}", count)},
                                                  inputs, Monitor::silent()));
  auto apart = samples_apart(count);
  calibrate::CalibrateOptions options;
  options.threads = threads;
  options.channels = scheme.format == quantize::Format::kKernels;
  TESSERA_TRY(auto ranges, calibrate::calibrate_apart(model, samples, apart, library, options,
                                                      Monitor::silent()));
  TESSERA_TRY(const auto graph, model.view());
  TESSERA_TRY(auto assignment,
              quantize::resolve(quantize::uniform_recipe(scheme), graph, Monitor::silent()));
  return Case{std::move(model), std::move(library), std::move(samples),
              std::move(apart), std::move(ranges),  std::move(assignment)};
}

double db_of(const MethodChoice& choice, RangeMethod method) {
  const auto found = std::find_if(choice.trials.begin(), choice.trials.end(),
                                  [&](const auto& trial) { return trial.method == method; });
  return found->sqnr_db;
}

TEST(SamplesApart, HalfOfFewAndSixteenOfMany_EvenlySpread) {
  EXPECT_THAT(samples_apart(1), ElementsAre());
  EXPECT_THAT(samples_apart(2), ElementsAre(1));
  EXPECT_THAT(samples_apart(8), ElementsAre(1, 3, 5, 7));
  const auto many = samples_apart(1000);
  ASSERT_EQ(many.size(), 16U);
  EXPECT_EQ(many.front(), 31);
  EXPECT_EQ(many.back(), 968);
}

TEST(ChooseMethod, ChannelShuffles_TakesTheClosest) {
  const auto one = make_case(channel_shuffles(), 32);
  ASSERT_THAT(one, IsOk());
  const auto choice = one->choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->judged, 16);
  ASSERT_EQ(choice->trials.size(), 6U);
  for (const auto& trial : choice->trials) {
    EXPECT_TRUE(trial.samples == 16 || trial.samples == 4);
    if (trial.samples == 16) {
      EXPECT_LE(trial.sqnr_db, db_of(*choice, choice->method));
    }
  }
  EXPECT_GT(db_of(*choice, choice->method), 20);
  if (choice->mix && choice->mix->kept) {
    EXPECT_GT(choice->mix->after_db, choice->mix->before_db);
    EXPECT_EQ(choice->mix->tensors, std::ssize(choice->others));
  } else {
    EXPECT_TRUE(choice->others.empty());
  }
}

TEST(ChooseMethod, AFewGiants_TakesAnotherThanMinMax) {
  const auto one = make_case(giants(), 32);
  ASSERT_THAT(one, IsOk());
  const auto choice = one->choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_NE(choice->method, RangeMethod::kMinMax);
  EXPECT_GT(db_of(*choice, choice->method), db_of(*choice, RangeMethod::kMinMax));
}

TEST(ChooseMethod, FewSamples_AreLookedAtAgainWithTheRangesThatWillBeUsed) {
  const auto one = make_case(giants(), 10);
  ASSERT_THAT(one, IsOk());
  const auto choice = one->choose();
  ASSERT_THAT(choice, IsOk());
  ASSERT_NE(choice->method, RangeMethod::kMinMax);
  const auto narrow = [&](const std::vector<RangeMethod>& methods) {
    return one->ranges.all(methods, Monitor::silent()).map([&](calibrate::Ranges all) {
      for (auto& [tensor, ranges] : all.tensors) {
        ranges[choice->method] = {-1e-3, 1e-3};
      }
      return all;
    });
  };
  const auto again = choose_method({.model = one->model,
                                    .assignment = one->assignment,
                                    .samples = *one->samples,
                                    .judging = one->apart,
                                    .ranges = one->ranges.fitted,
                                    .final_ranges = narrow},
                                   one->library, Monitor::silent());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->method, RangeMethod::kMinMax);
  EXPECT_THAT(again->reason, HasSubstr("all samples"));
}

TEST(ChooseMethod, SameTwice_AndWithMoreThreads_IsTheSame) {
  const auto one = make_case(channel_shuffles(), 20, 1);
  const auto two = make_case(channel_shuffles(), 20, 3);
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  const auto first = one->choose();
  const auto second = two->choose();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(to_json(*first), to_json(*second));
  EXPECT_EQ(first->others, second->others);
}

TEST(ChooseMethod, OneSample_JudgesNothing) {
  const auto one = make_case(giants(), 1);
  ASSERT_THAT(one, IsOk());
  const auto choice = one->choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->method, RangeMethod::kMinMax);
  EXPECT_EQ(choice->judged, 0);
  EXPECT_TRUE(choice->trials.empty());
  EXPECT_THAT(choice->reason, HasSubstr("one sample"));
}

TEST(ChooseMethod, FewSamples_TurnMinMaxDownOnlyForOneDecibel) {
  const auto one = make_case(channel_shuffles(), 2);
  ASSERT_THAT(one, IsOk());
  const auto choice = one->choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->judged, 1);
  if (choice->method != RangeMethod::kMinMax) {
    EXPECT_GT(db_of(*choice, choice->method), db_of(*choice, RangeMethod::kMinMax) + 1);
  }
  EXPECT_FALSE(choice->mix);
}

TEST(ChooseMethod, MethodsOfOtherOperators_StayTheirs) {
  auto one = make_case(channel_shuffles(), 8);
  ASSERT_THAT(one, IsOk());
  (one->assignment.end() - 1)->method = RangeMethod::kPercentile;
  const auto assigned = with_method(one->assignment, RangeMethod::kMinMax, RangeMethod::kMse);
  EXPECT_EQ((assigned.end() - 1)->method, RangeMethod::kPercentile);
  EXPECT_EQ(assigned.begin()->method, RangeMethod::kMse);
}

TEST(ChooseMethod, NothingToJudge_IsMinMaxAndSaysWhy) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 2, 4, 4})
                   .constant("w", Tensor(DType::kFloat32, {2, 2, 1, 1}))
                   .op("Conv", {"x", "w"}, {"y"})
                   .output("y", {1, 2, 4, 4})
                   .build();
  const auto one = make_case(std::move(model), 8);
  ASSERT_THAT(one, IsOk());
  const auto choice = one->choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->method, RangeMethod::kMinMax);
  EXPECT_THAT(choice->reason, HasSubstr("is zero"));
}

/// Both weights of the one channel that matters lie half a step off, on inputs of many levels.
TEST(ChooseMethod, WeightsShare_SaysWhoMakesTheError) {
  const auto share_with = [](std::vector<float> weights) -> Result<double> {
    auto model = ModelBuilder(13)
                     .input("x", {1, 2, 16, 16})
                     .constant("w", Tensor::of(std::move(weights), {1, 2, 1, 1}))
                     .op("Conv", {"x", "w"}, {"y"})
                     .output("y", {1, 1, 16, 16})
                     .build();
    TESSERA_TRY(const auto one, make_case(std::move(model), 16));
    TESSERA_TRY(const auto choice, one.choose());
    return choice.weights_share.value_or(-1);
  };
  const auto exact = share_with({1.0F, 0.0F});
  ASSERT_THAT(exact, IsOk());
  EXPECT_EQ(*exact, 0) << "both weights lie on the grid";
  const auto rough = share_with({1.0F, 2.5F / 127});
  ASSERT_THAT(rough, IsOk());
  EXPECT_GT(*rough, 0.05);
  EXPECT_LT(*rough, 1);
}

/// A simulation with one scale per value would judge another network than the one that is written.
TEST(ChooseMethod, ScalesPerChannel_AreJudgedAsTheyAreBuilt) {
  std::vector<float> rows;
  std::vector<float> columns;
  for (int c = 0; c < 8; ++c) {
    rows.push_back(std::pow(3.0F, static_cast<float>(c)));
    columns.push_back(std::pow(3.0F, static_cast<float>(-c)));
  }
  const auto spread = [&] {
    return ModelBuilder(13)
        .input("x", {1, 1, 8, 8})
        .constant("w", Tensor::of(rows, {8, 1, 1, 1}))
        .op("Conv", {"x", "w"}, {"h"})
        .op("Sigmoid", {"h"}, {"s"})
        .op("Mul", {"h", "s"}, {"a"})
        .constant("v", Tensor::of(columns, {8, 1, 1, 1}))
        .op("Conv", {"a", "v"}, {"d"}, {{"group", std::int64_t{8}}})
        .weight("u", {2, 8, 1, 1})
        .op("Conv", {"d", "u"}, {"y"})
        .output("y", {1, 2, 8, 8})
        .build();
  };
  const auto plain = make_case(spread(), 16);
  const auto scaled = make_case(spread(), 16, 1, per_channel_scheme(quantize::Format::kKernels));
  ASSERT_THAT(plain, IsOk());
  ASSERT_THAT(scaled, IsOk());
  const auto before = plain->choose();
  const auto after = scaled->choose();
  ASSERT_THAT(before, IsOk());
  ASSERT_THAT(after, IsOk());
  EXPECT_GT(db_of(*after, RangeMethod::kMinMax), db_of(*before, RangeMethod::kMinMax) + 6);
  EXPECT_TRUE(after->weights_share.has_value()) << "so that their rounding is tried";
}

TEST(WithOthers, TakesTheRangeOfTheOtherMethod) {
  calibrate::Ranges ranges;
  ranges.tensors["a"] = {{RangeMethod::kMinMax, {-2, 2}}, {RangeMethod::kMse, {-1, 1}}};
  ranges.tensors["b"] = ranges.tensors["a"];
  MethodChoice choice;
  choice.others = {{"b", RangeMethod::kMse}, {"gone", RangeMethod::kMse}};
  const auto mixed = with_others(ranges, choice);
  EXPECT_EQ(mixed.find("a", RangeMethod::kMinMax), (numerics::RealRange{-2, 2}));
  EXPECT_EQ(mixed.find("b", RangeMethod::kMinMax), (numerics::RealRange{-1, 1}));
}

}  // namespace
}  // namespace tessera::refine
