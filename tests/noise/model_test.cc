// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/model.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "noise/error_support.h"
#include "support/matchers.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::HasSubstr;

const TermModel kSquared{.exponent = 2,
                         .terms = {{{0}, 4}, {{1}, 9}, {{0, 1}, 3}, {{0, 1, 2}, -1}}};

ErrorModel small_model() {
  return {
      .network = {"m.onnx", "abc", "onnx"},
      .layers = testing::layers_named(3),
      .kind = "scaled-triples",
      .terms = kSquared,
      .intervals = {.level = 0.9, .bins = {{3, 0.5, 2, 100}, {.low = 0.9, .high = 1.1, .n = 7}}},
      .bounds = {{.model = {.exponent = 2, .terms = {{{0}, 5}, {{1}, 10}, {{0, 1}, 4}}}},
                 {.model = {.exponent = 1, .terms = {{{0}, 3}, {{1}, 4}}}}},
      .chosen_bound = 0,
      .sqnr_offset_db = 20};
}

TEST(TermModel, Sum_HasTheTermsWithinTheSubset) {
  EXPECT_EQ(kSquared.sum({0}), 4);
  EXPECT_EQ(kSquared.sum({0, 1}), 16);
  EXPECT_EQ(kSquared.error({0, 1}), 4);
  EXPECT_EQ(kSquared.sum({0, 1, 2}), 15);
  EXPECT_EQ(kSquared.error({2}), 0);
  EXPECT_EQ(kSquared.degree(), 3);
}

TEST(TermModel, NegativeSum_IsNoError) {
  const TermModel model{.exponent = 1, .terms = {{{0}, -1}}};
  EXPECT_EQ(model.error({0}), 0);
}

TEST(TermModel, ExponentZero_IsTheLogarithm) {
  const TermModel model{.exponent = 0, .terms = {{{}, std::log(2)}, {{0}, std::log(3)}}};
  EXPECT_DOUBLE_EQ(model.error({0}), 6);
}

RC_GTEST_PROP(TermSum, AnyToggles_FollowTheModel, ()) {
  constexpr std::int32_t kLayers = 6;
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  TermModel model{.exponent = 1, .terms = {{{}, random.normal()}}};
  for (int t = 0; t < 20; ++t) {
    auto layers = testing::random_subset(kLayers, 0.4, random);
    if (!layers.empty()) {
      model.terms.push_back({layers, random.normal()});
    }
  }
  TermSum sum(model, kLayers);
  std::set<std::int32_t> present;
  const auto flip = [&](std::int32_t layer) {
    if (!present.erase(layer)) {
      present.insert(layer);
    }
  };
  for (int step = 0; step < 30; ++step) {
    const auto first = static_cast<std::int32_t>(random.below(kLayers));
    const auto second = static_cast<std::int32_t>(
        (static_cast<std::uint64_t>(first) + 1 + random.below(kLayers - 1)) % kLayers);
    const double after_both = sum.sum_after(first, second);
    const double after = sum.sum_after(first);
    sum.toggle(first);
    flip(first);
    RC_ASSERT(std::abs(sum.sum() - after) < 1e-12);
    RC_ASSERT(std::abs(sum.sum() - model.sum({present.begin(), present.end()})) < 1e-12);
    RC_ASSERT(std::abs(sum.sum_after(second) - after_both) < 1e-12);
    RC_ASSERT(sum.has(first) == present.contains(first));
  }
}

TEST(Predict, Subset_GetsTheIntervalOfItsBin) {
  const auto model = small_model();
  const auto small = predict(model, {0});
  EXPECT_EQ(small.error, 2);
  EXPECT_EQ(small.lower, 1);
  EXPECT_EQ(small.upper, 4);
  EXPECT_EQ(small.bound, std::sqrt(5));
  const auto large = predict(model, {0, 1});
  EXPECT_EQ(large.error, 4);
  EXPECT_DOUBLE_EQ(large.lower, 3.6);
  EXPECT_DOUBLE_EQ(large.upper, 4.4);
  EXPECT_DOUBLE_EQ(large.bound, std::sqrt(19));
  EXPECT_DOUBLE_EQ(large.sqnr_db, 20 - 20 * std::log10(4.0));
}

TEST(Predict, EmptySubset_HasNoErrorWhateverTheConstant) {
  auto model = small_model();
  model.terms.terms.push_back({{}, 100});
  const auto prediction = predict(model, {});
  EXPECT_EQ(prediction.error, 0);
  EXPECT_EQ(prediction.bound, 0);
  EXPECT_TRUE(std::isinf(prediction.sqnr_db));
}

Json document(const ErrorModel& model) {
  Envelope envelope{.kind = "error-fit", .model = model.network, .timeless = true};
  return enclose(envelope, to_json(model));
}

TEST(ErrorModelJson, RoundTrip_KeepsEverything) {
  const auto model = small_model();
  const auto text = to_text(document(model));
  const auto parsed = parse_json(text, "text");
  ASSERT_THAT(parsed, IsOk());
  const auto read = error_model_from_json(*parsed, "fit.json");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->network.sha256, "abc");
  EXPECT_EQ(read->layers, model.layers);
  EXPECT_EQ(read->kind, model.kind);
  EXPECT_EQ(read->terms, model.terms);
  EXPECT_EQ(read->intervals, model.intervals);
  EXPECT_EQ(read->bounds, model.bounds);
  EXPECT_EQ(read->chosen_bound, 0U);
  EXPECT_EQ(read->sqnr_offset_db, 20);
}

TEST(ErrorModelJson, DamagedDocuments_AreRefused) {
  const auto whole = document(small_model());
  const auto read = [](const Json& json) { return error_model_from_json(json, "fit.json"); };
  auto other = whole;
  other["schema"] = "tessera.bench/1";
  EXPECT_THAT(read(other), FailsWith(ErrorCode::kDataLoss, HasSubstr("error-fit")));
  for (const char* key : {"layers", "model", "intervals", "bounds", "bound"}) {
    auto without = whole;
    without["result"].erase(key);
    EXPECT_THAT(read(without), FailsWith(ErrorCode::kDataLoss, HasSubstr(key))) << key;
  }
  auto unknown = whole;
  unknown["result"]["model"]["terms"][0]["layers"][0] = "nowhere";
  EXPECT_THAT(read(unknown), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("nowhere")));
  auto text = whole;
  text["result"]["model"]["terms"][0]["coefficient"] = "1";
  EXPECT_THAT(read(text), FailsWith(ErrorCode::kDataLoss, HasSubstr("coefficient")));
  auto no_bins = whole;
  no_bins["result"]["intervals"]["bins"] = Json::array();
  EXPECT_THAT(read(no_bins), FailsWith(ErrorCode::kDataLoss, HasSubstr("no bins")));
}

TEST(ErrorModelJson, CountThatDoesNotFit_IsNoCount) {
  auto json = document(small_model());
  json["result"]["layers"][0]["macs"] = std::numeric_limits<std::uint64_t>::max();
  const auto read = error_model_from_json(json, "fit.json");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->layers[0].macs, std::nullopt);
}

}  // namespace
}  // namespace tessera::noise
