// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/accuracy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "evaluate/gate.h"
#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/network/network.h"

/// Models that give what they are told, whatever they are fed: errors are known to the last digit.
namespace tessera::evaluate {
namespace {

using ::testing::DoubleNear;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  return *loaded;
}

/// y [1, n] is `values`, and x takes part with nothing.
runtime::Session says(std::vector<float> values, std::string output = "y") {
  const auto count = static_cast<std::int64_t>(values.size());
  auto model = ModelBuilder(13)
                   .input("x", {1, 1})
                   .constant("c", Tensor::of(std::move(values), {1, count}))
                   .op("Shape", {"x"}, {"s"})
                   .op("ReduceProd", {"s"}, {"p"}, {{"keepdims", std::int64_t{1}}})
                   .op("Concat", {"p", "one"}, {"e"}, {{"axis", std::int64_t{0}}})
                   .constant("one", Tensor::of(std::vector<std::int64_t>{1}, {1}))
                   .op("Expand", {"c", "e"}, {output})
                   .output(output, {1, count})
                   .build();
  auto session = network::Network::of(std::move(model)).open(library(), {});
  EXPECT_THAT(session, IsOk());
  return *std::move(session);
}

data::SampleSet samples(int count, const std::filesystem::path& labels = {}) {
  data::SampleOptions options;
  options.source = fmt::format("random:{}", count);
  options.labels = labels;
  const std::vector<data::InputSpec> inputs{{"x", DType::kFloat32, {1, 1}}};
  return data::SampleSet::open(options, inputs, Monitor::silent()).value();
}

Accuracy accuracy_of(std::vector<float> reference, std::vector<float> candidate, int count = 2,
                     const std::filesystem::path& labels = {}) {
  auto expected = says(std::move(reference));
  auto given = says(std::move(candidate));
  const auto set = samples(count, labels);
  const auto baseline = Baseline::measure(expected, set, {}, Monitor::silent());
  EXPECT_THAT(baseline, IsOk());
  auto accuracy = baseline->evaluate(given, Monitor::silent());
  EXPECT_THAT(accuracy, IsOk());
  return *std::move(accuracy);
}

TEST(Accuracy, KnownErrors_AreWhatTheDefinitionsSay) {
  const auto accuracy = accuracy_of({3, 4, 0}, {3, 3, 0}, 5);
  EXPECT_EQ(accuracy.samples, 5);
  EXPECT_NEAR(accuracy.overall.sqnr_db, 10 * std::log10(25.0), 1e-9);
  EXPECT_EQ(accuracy.overall.max_abs, 1);
  EXPECT_NEAR(accuracy.overall.relative_l2, 0.2, 1e-9);
  EXPECT_NEAR(accuracy.overall.l2_per_element, std::sqrt(5.0) / 15, 1e-9);
  EXPECT_NEAR(accuracy.overall.cosine, 21 / (5 * std::sqrt(18.0)), 1e-9);
  EXPECT_EQ(accuracy.overall.non_finite, 0);
}

TEST(Accuracy, SignalOfZero_IsExactOrInfinitelyWrong) {
  const auto wrong = accuracy_of({0, 0}, {0, 1});
  EXPECT_EQ(wrong.overall.sqnr_db, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(wrong.overall.cosine, 0);
  const auto gate = parse_gate("sqnr_db>=-1000");
  EXPECT_FALSE(check_gates({*gate}, wrong)->front().passed);
  const auto exact = accuracy_of({0, 0}, {0, 0});
  EXPECT_EQ(exact.overall.sqnr_db, std::numeric_limits<double>::infinity());
  EXPECT_EQ(exact.overall.cosine, 1);
  EXPECT_TRUE(check_gates({*gate}, exact)->front().passed);
  EXPECT_FALSE(exact.sqnr_interval_db.has_value());
}

TEST(Accuracy, InfiniteValues_CountWhereOneSideHasThem) {
  const auto same = accuracy_of({kInf, -kInf, kNan, 2}, {kInf, -kInf, kNan, 2});
  EXPECT_EQ(same.overall.non_finite, 0);
  EXPECT_EQ(same.overall.sqnr_db, std::numeric_limits<double>::infinity());
  const auto one = accuracy_of({1, 2, 2, 4}, {kNan, 2, 2, 4}, 3);
  EXPECT_EQ(one.overall.non_finite, 3);  // in each sample
  EXPECT_FALSE(check_gates({*parse_gate("non_finite<=0")}, one)->front().passed);
  EXPECT_EQ(accuracy_of({kInf, 1}, {-kInf, 1}).overall.non_finite, 2);
  EXPECT_EQ(accuracy_of({kInf, 1}, {7, 1}).overall.non_finite, 2);
}

/// A model that gives nothing but NaN must not pass for one that is exact.
TEST(Accuracy, WhereNothingCanBeCompared_NothingIsWorse) {
  const auto broken = accuracy_of({1, 2}, {kNan, kNan});
  EXPECT_EQ(broken.overall.sqnr_db, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(broken.overall.cosine, 0);
  for (const auto* const text : {"sqnr_db>=20", "worst_sqnr_db>=20", "cosine>=0.9"}) {
    EXPECT_FALSE(check_gates({*parse_gate(text)}, broken)->front().passed) << text;
  }
}

TEST(Accuracy, EqualSamples_HaveAnIntervalOfOnePoint) {
  const auto accuracy = accuracy_of({3, 4}, {3, 3}, 4);
  ASSERT_TRUE(accuracy.sqnr_interval_db.has_value());
  EXPECT_NEAR(accuracy.sqnr_interval_db->low, accuracy.overall.sqnr_db, 1e-9);
  EXPECT_NEAR(accuracy.sqnr_interval_db->high, accuracy.overall.sqnr_db, 1e-9);
  EXPECT_FALSE(accuracy_of({3, 4}, {3, 3}, 2).sqnr_interval_db.has_value());  // too few
}

TEST(Accuracy, OtherShapesAndNames_AreMatchedOrNamed) {
  auto reference = says({1, 2});
  const auto set = samples(2);
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  auto renamed = says({1, 2}, "z");  // the only one: by its place
  const auto accuracy = baseline->evaluate(renamed, Monitor::silent());
  ASSERT_THAT(accuracy, IsOk());
  EXPECT_EQ(accuracy->outputs.at(0).name, "y");
  auto longer = says({1, 2, 3});
  EXPECT_THAT(baseline->evaluate(longer, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("y")));
}

TEST(Accuracy, SomeSamples_AreTheFirst) {
  auto reference = says({3, 4});
  auto candidate = says({3, 3});
  const auto set = samples(6);
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  EXPECT_EQ(baseline->evaluate(candidate, Monitor::silent(), 4)->samples, 4);
  EXPECT_EQ(baseline->evaluate(candidate, Monitor::silent(), 99)->samples, 6);
  EXPECT_EQ(baseline->samples(), 6);
}

class Top1OfTies : public ::testing::Test {
 protected:
  /// Every sample is of this class.
  std::filesystem::path labels(int count, int label) {
    std::string text = "file,class_index\n";
    for (int i = 0; i < count; ++i) {
      text += fmt::format("random:{},{}\n", i, label);
    }
    const auto path = folder_.path() / "labels.csv";
    EXPECT_THAT(write_file(path, text, Overwrite::kReplace), IsOk());
    return path;
  }
  TemporaryDirectory folder_ = *TemporaryDirectory::create("tessera-ties");
};

TEST_F(Top1OfTies, TheFirstOfEqualScores_IsChosen) {
  // Classes 0 and 2 tie in the reference: 0 it is.
  const auto right = accuracy_of({5, 1, 5}, {5, 1, 4}, 4, labels(4, 0));
  ASSERT_TRUE(right.top1.has_value());
  EXPECT_EQ(right.top1->reference_percent, 100);
  EXPECT_EQ(right.top1->candidate_percent, 100);
  EXPECT_EQ(right.top1->agreement_percent, 100);
  const auto wrong = accuracy_of({5, 1, 5}, {4, 1, 5}, 4, labels(4, 0));
  EXPECT_EQ(wrong.top1->candidate_percent, 0);
  EXPECT_EQ(wrong.top1->agreement_percent, 0);
  EXPECT_EQ(wrong.top1->drop(), 100);
  // A candidate that gives all alike is right where class 0 is.
  EXPECT_EQ(accuracy_of({5, 1, 5}, {2, 2, 2}, 4, labels(4, 0)).top1->candidate_percent, 100);
}

TEST_F(Top1OfTies, ScoresThatAreNoNumbers_AreNotChosen) {
  const auto some = accuracy_of({1, 3, 2}, {kNan, 3, 2}, 3, labels(3, 1));
  EXPECT_EQ(some.top1->candidate_percent, 100);
  const auto all = accuracy_of({1, 3, 2}, {kNan, kNan, kNan}, 3, labels(3, 1));
  EXPECT_EQ(all.top1->candidate_percent, 0);
  EXPECT_EQ(all.top1->agreement_percent, 0);
  const auto infinite = accuracy_of({1, 3, 2}, {1, 3, kInf}, 3, labels(3, 1));
  EXPECT_EQ(infinite.top1->candidate_percent, 0);
}

TEST_F(Top1OfTies, GatesOnThem_HoldAtTheirLimits) {
  const auto accuracy = accuracy_of({1, 3, 2}, {4, 3, 2}, 2, labels(2, 1));
  EXPECT_EQ(accuracy.top1->drop(), 100);
  EXPECT_TRUE(check_gates({*parse_gate("top1_drop<=100")}, accuracy)->front().passed);
  EXPECT_FALSE(check_gates({*parse_gate("top1_drop<100")}, accuracy)->front().passed);
  EXPECT_TRUE(check_gates({*parse_gate("top1<=0")}, accuracy)->front().passed);
}

TEST(Top1, WithoutLabels_HasNoDrop) {
  EXPECT_FALSE(Top1{}.drop().has_value());
  EXPECT_FALSE((Top1{.reference_percent = 90.0}.drop().has_value()));
  EXPECT_EQ((Top1{90.0, 91.5}.drop()), -1.5);
}

TEST(AccuracyJson, WhatIsNotThere_IsNull) {
  Accuracy accuracy;
  accuracy.top1 = Top1{.agreement_percent = 50, .samples = 2};
  const auto json = to_json(accuracy);
  EXPECT_TRUE(json["sqnr_db_low"].is_null());
  EXPECT_TRUE(json["top1"]["drop"].is_null());
  EXPECT_EQ(json["top1"]["agreement"], 50);
  EXPECT_FALSE(to_json(Accuracy{}).contains("top1"));
}

TEST(Gates, AreCheckedInTheirOrder_EachByItself) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = 20;
  accuracy.overall.max_abs = 0.5;
  const auto results =
      check_gates({*parse_gate("max_abs<0.5"), *parse_gate("sqnr_db>=20")}, accuracy);
  ASSERT_THAT(results, IsOk());
  EXPECT_EQ((*results)[0].value, 0.5);
  EXPECT_FALSE((*results)[0].passed);
  EXPECT_TRUE((*results)[1].passed);
  EXPECT_TRUE(check_gates({}, accuracy)->empty());
}

TEST(Gates, InfiniteLimits_HoldWhatTheySay) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = std::numeric_limits<double>::infinity();
  const auto passed = [&](const char* text) {
    return check_gates({*parse_gate(text)}, accuracy)->front().passed;
  };
  EXPECT_TRUE(passed("sqnr_db>=inf"));  // exact, and nothing less
  EXPECT_FALSE(passed("sqnr_db>inf"));
  accuracy.overall.sqnr_db = 300;
  EXPECT_FALSE(passed("sqnr_db>=inf"));
  EXPECT_FALSE(parse_gate("sqnr_db>=1e999").has_value());
}

TEST(Gates, TheWorstOutput_IsThatOfLeastSqnr) {
  Accuracy accuracy;
  EXPECT_TRUE(check_gates({*parse_gate("worst_sqnr_db>=99")}, accuracy)->front().passed);
  accuracy.outputs = {{"a", {.sqnr_db = 30}}, {"b", {.sqnr_db = -5}}, {"c", {.sqnr_db = 60}}};
  EXPECT_EQ(check_gates({*parse_gate("worst_sqnr_db>=-5")}, accuracy)->front().value, -5);
  EXPECT_TRUE(check_gates({*parse_gate("worst_sqnr_db>=-5")}, accuracy)->front().passed);
}

}  // namespace
}  // namespace tessera::evaluate
