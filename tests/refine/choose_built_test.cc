// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
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
#include "tessera/refine/choose_method.h"
#include "tessera/runtime/litert.h"

/// How a range method is chosen where candidates are built: networks that are not ONNX.
namespace tessera::refine {
namespace {

using numerics::RangeMethod;
using testing::IsOk;

/// small_litert() with a SOFTMAX behind it.
litert::Content classifier() {
  auto content = testing::small_litert();
  auto& graph = content.subgraphs.front();
  auto output = graph.tensors[static_cast<std::size_t>(graph.outputs.front())];
  output.name = "classes";
  litert::Operator op;
  op.code = content.code_of({litert::Builtin::kSoftmax, {}, 1});
  op.inputs = {graph.outputs.front()};
  op.outputs = {graph.add_tensor(std::move(output))};
  op.options = testing::litert_options(9, {});
  op.options.set_float(0, 1.0F);
  graph.outputs = op.outputs;
  graph.add_operator(std::move(op));
  return content;
}

class ChooseBuilt : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = runtime::load_litert();
    if (!loaded) {
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << loaded.error().message;
    }
    library_ = *std::move(loaded);
    const auto inputs = network::input_specs(network_);
    ASSERT_THAT(inputs, IsOk());
    auto samples = data::SampleSet::open({.source = "random:24"}, *inputs, Monitor::silent());
    ASSERT_THAT(samples, IsOk());
    samples_.emplace(*std::move(samples));
    auto ranges = calibrate::calibrate(network_, *samples_, library_, {}, Monitor::silent());
    ASSERT_THAT(ranges, IsOk());
    ranges_ = *std::move(ranges);
    const auto* dialect = quantize::dialect_of(network::FileFormat::kLitert);
    assignment_ = quantize::Assignment(network_.view()->ops().size(),
                                       dialect->usual_scheme(quantize::Mode::kStatic, {}));
  }

  Result<MethodChoice> choose(bool everywhere = false) {
    return choose_method({.model = network_,
                          .assignment = assignment_,
                          .samples = *samples_,
                          .judging = judging_,
                          .ranges = ranges_,
                          .everywhere = everywhere},
                         library_, Monitor::silent());
  }
  /// Ranges of every value by this method are so much of what they were.
  void scale(RangeMethod method, double by) {
    for (auto& [tensor, by_method] : ranges_.tensors) {
      auto& range = by_method[method];
      range = {by * range.min, by * range.max};
    }
  }

  network::Network network_ = network::Network::of(*litert::Model::of(classifier()));
  std::shared_ptr<const runtime::Library> library_;
  std::optional<data::SampleSet> samples_;
  std::vector<std::int64_t> judging_ = samples_apart(24);
  calibrate::Ranges ranges_;
  quantize::Assignment assignment_;
};

TEST_F(ChooseBuilt, TakesTheMethodThatComesClosest) {
  for (const auto method : numerics::kRangeMethods) {
    if (method != RangeMethod::kMse) {
      scale(method, 0.1);
    }
  }
  const auto choice = choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->method, RangeMethod::kMse);
  EXPECT_EQ(choice->trials.size(), numerics::kRangeMethods.size());
  EXPECT_EQ(choice->judged, 12);
  for (const auto& trial : choice->trials) {
    const bool good = trial.method == RangeMethod::kMse;
    EXPECT_EQ(trial.samples, good ? 12 : 3) << "hopeless ones are given up";
    EXPECT_EQ(trial.sqnr_db > 20, good);
  }
}

TEST_F(ChooseBuilt, PassesOverScalesThatNoKernelTakes) {
  scale(RangeMethod::kMinMax, 1e-7);
  const auto choice = choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_NE(choice->method, RangeMethod::kMinMax);
  EXPECT_GT(choice->judged, 0);
}

TEST_F(ChooseBuilt, WhatSamplesCannotTellApart_IsSettledForWhatCutsOffLess) {
  // A little wider is a little worse, as far as the roundings of 12 samples let it be seen.
  for (auto& [tensor, by_method] : ranges_.tensors) {
    const auto exact = by_method[RangeMethod::kMinMax];
    by_method = {{RangeMethod::kMinMax, {1.09 * exact.min, 1.09 * exact.max}},
                 {RangeMethod::kMse, exact}};
  }
  ranges_.methods = {RangeMethod::kMinMax, RangeMethod::kMse};
  const auto choice = choose();
  ASSERT_THAT(choice, IsOk());
  ASSERT_EQ(choice->trials.size(), 2U);
  const auto gap = choice->trials[1].sqnr_db - choice->trials[0].sqnr_db;
  EXPECT_EQ(choice->method, gap < 1 ? RangeMethod::kMinMax : RangeMethod::kMse) << gap;
  const bool settled = choice->reason.find("less than 1 dB") != std::string::npos;
  EXPECT_EQ(settled, gap > 0 && gap < 1) << gap;
}

TEST_F(ChooseBuilt, JudgesWhatASoftmaxReads) {
  const auto before = choose();
  ASSERT_THAT(before, IsOk());
  // In integers to the end the SOFTMAX has steps of 1/256, which are none of the method's doing.
  const auto after = choose(/*everywhere=*/true);
  ASSERT_THAT(after, IsOk());
  ASSERT_EQ(before->trials.size(), after->trials.size());
  for (std::size_t i = 0; i < before->trials.size(); ++i) {
    EXPECT_NEAR(before->trials[i].sqnr_db, after->trials[i].sqnr_db, 0.5);
  }
}

TEST_F(ChooseBuilt, IsTheSameEveryTime) {
  const auto one = choose();
  const auto two = choose();
  ASSERT_THAT(one, IsOk());
  ASSERT_THAT(two, IsOk());
  EXPECT_EQ(one->method, two->method);
  EXPECT_EQ(one->others, two->others);
  for (std::size_t i = 0; i < one->trials.size(); ++i) {
    EXPECT_EQ(one->trials[i].sqnr_db, two->trials[i].sqnr_db);
  }
}

/// Counts how often it is asked whether to go on: before each network that is built, and before
/// each method's runs.
class Counter final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override {
    ++asked;
    return false;
  }
  mutable std::int64_t asked = 0;
};

TEST_F(ChooseBuilt, MixesTakeAPartOfTheTimeThatMeasuringTakes) {
  const auto asked = [&](double effort_s) {
    Counter counter;
    const auto choice = choose_method({.model = network_,
                                       .assignment = assignment_,
                                       .samples = *samples_,
                                       .judging = judging_,
                                       .ranges = ranges_,
                                       .effort_s = effort_s},
                                      library_, counter);
    EXPECT_THAT(choice, IsOk());
    return counter.asked;
  };
  // A quarter of 24 samples of 1.1 ms, and 5.6 ms per network; one more may prove the mix.
  const auto none = asked(0);
  EXPECT_EQ(asked(0.005), none);
  EXPECT_GE(asked(100), none + 1);
  EXPECT_LE(asked(100), none + 2) << "and not thousands, whatever the bound";
}

TEST_F(ChooseBuilt, RangesOfAnotherNetworkAreNoMatterHere) {
  // Whoever reads them compares hashes, once; candidates do not.
  ranges_.model = ModelInfo{"other.tflite", std::string(64, '0'), "litert"};
  const auto choice = choose();
  ASSERT_THAT(choice, IsOk());
  EXPECT_EQ(choice->trials.size(), numerics::kRangeMethods.size());
}

}  // namespace
}  // namespace tessera::refine
