// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <numeric>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/network/load.h"
#include "tessera/network/network.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::refine {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::ModelBuilder;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  return *loaded;
}

onnx::Model typed(onnx::Model model) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

/// x [1, 4] -> times 2 -> a -> plus 1 -> y
onnx::Model twice_and_one() {
  return typed(ModelBuilder(13)
                   .input("x", {1, 4})
                   .constant("two", Tensor::scalar(2.0F))
                   .constant("one", Tensor::scalar(1.0F))
                   .op("Mul", {"x", "two"}, {"a"})
                   .op("Add", {"a", "one"}, {"y"})
                   .output("y", {1, 4})
                   .build());
}

data::Sample sample_of(std::vector<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {"a sample", {{"x", Tensor::of(std::move(values), {1, count})}}, {}};
}

/// What passes at a point.
std::vector<float> look(Simulator& simulator, const data::Sample& sample, std::string_view tensor,
                        Simulator::Look when = Simulator::Look::kAfterRounding) {
  std::vector<float> seen;
  const auto wanted = simulator.point_of(tensor);
  const auto status = simulator.run(
      sample,
      [&](std::size_t point, auto, std::span<float> values) {
        if (point == wanted) {
          seen.assign(values.begin(), values.end());
        }
      },
      when);
  EXPECT_THAT(status, IsOk());
  return seen;
}

TEST(Simulator, RoundsWhereItIsTold_AndReadersGetThat) {
  const auto simulator = Simulator::open(library(), twice_and_one(), {"a", "y", "a"});
  ASSERT_THAT(simulator, IsOk());
  auto& it = **simulator;
  EXPECT_THAT(it.tensors(), ElementsAre("a", "y"));
  EXPECT_FALSE(it.point_of("x").has_value());
  const auto sample = sample_of({0.2F, 0.6F, -3, 1000});
  EXPECT_THAT(look(it, sample, "y"), ElementsAre(1.4F, 2.2F, -5, 2001));
  // Whole numbers from -2 to 253.
  it.round(*it.point_of("a"), Rounder{DType::kUInt8, {1, 2}});
  EXPECT_THAT(look(it, sample, "a"), ElementsAre(0, 1, -2, 253));
  EXPECT_THAT(look(it, sample, "y"), ElementsAre(1, 2, -1, 254));
  EXPECT_THAT(look(it, sample, "a", Simulator::Look::kBeforeRounding),
              ElementsAre(0.4F, 1.2F, -6, 2000));
  it.round(*it.point_of("a"), std::nullopt);
  EXPECT_THAT(look(it, sample, "a"), ElementsAre(0.4F, 1.2F, -6, 2000));
  it.round(*it.point_of("a"), Rounder{DType::kUInt8, {1, 2}});
  it.round_nothing();
  EXPECT_THAT(look(it, sample, "y"), ElementsAre(1.4F, 2.2F, -5, 2001));
}

TEST(Simulator, RoundsInputsOfTheModel_AndLongTensorsInPieces) {
  constexpr std::int64_t kLong = 40000;  // more than two of the pieces that are rounded at once
  auto model = typed(ModelBuilder(13)
                         .input("x", {1, kLong})
                         .op("Neg", {"x"}, {"y"})
                         .output("y", {1, kLong})
                         .build());
  const auto simulator = Simulator::open(library(), model, {"x", "y"});
  ASSERT_THAT(simulator, IsOk());
  std::vector<float> values(kLong);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(i % 100) + 0.3F;
  }
  (*simulator)->round(*(*simulator)->point_of("x"), Rounder{DType::kUInt8, {1, 0}});
  const auto seen = look(**simulator, sample_of(values), "y");
  ASSERT_EQ(seen.size(), values.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    ASSERT_EQ(seen[i], -static_cast<float>(i % 100)) << i;
  }
}

TEST(Simulator, WhatAVisitorChanges_IsRead) {
  const auto simulator = Simulator::open(library(), twice_and_one(), {"a", "y"});
  ASSERT_THAT(simulator, IsOk());
  auto& it = **simulator;
  std::vector<float> result;
  ASSERT_THAT(it.run(sample_of({1, 2, 3, 4}),
                     [&](std::size_t point, auto shape, std::span<float> values) {
                       EXPECT_THAT(std::vector<std::int64_t>(shape.begin(), shape.end()),
                                   ElementsAre(1, 4));
                       if (point == it.point_of("a")) {
                         values[0] = 100;
                       } else {
                         result.assign(values.begin(), values.end());
                       }
                     }),
              IsOk());
  EXPECT_THAT(result, ElementsAre(101, 5, 7, 9));
}

TEST(Simulator, AVisitorWithoutMemory_EndsTheRunInWords) {
  const auto simulator = Simulator::open(library(), twice_and_one(), {"a"});
  ASSERT_THAT(simulator, IsOk());
  EXPECT_THAT(
      (*simulator)->run(sample_of({1, 2, 3, 4}), [](auto, auto, auto) { throw std::bad_alloc(); }),
      FailsWith(ErrorCode::kResourceExhausted, HasSubstr("'a sample'")));
  // The next run is none the worse for it.
  EXPECT_THAT(look(**simulator, sample_of({1, 2, 3, 4}), "a"), ElementsAre(2, 4, 6, 8));
}

TEST(Simulator, SamplesThatDoNotFit_AreNamed) {
  const auto simulator = Simulator::open(library(), twice_and_one(), {"a"});
  ASSERT_THAT(simulator, IsOk());
  const auto status = (*simulator)->run(sample_of({1, 2}), {});
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, HasSubstr("a sample"));
}

TEST(Simulator, ValuesPerRun_AreThoseOfTheTaps) {
  const auto simulator = Simulator::open(library(), twice_and_one(), {"a", "y"});
  ASSERT_THAT(simulator, IsOk());
  EXPECT_EQ(*values_per_run(**simulator, sample_of({1, 2, 3, 4})), 8);
  const auto none = Simulator::open(library(), twice_and_one(), {});
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(*values_per_run(**none, sample_of({1, 2, 3, 4})), 1);  // something is divided by it
}

/// A judge of "y" on samples out of memory: x and its negative, then x alone, and so on.
class Judged {
 public:
  static constexpr std::int64_t kSamples = 3;

  Judged() {
    auto network = network::Network::of(twice_and_one());
    EXPECT_THAT(network.infer_types(library()), IsOk());
    const auto inputs = network::input_specs(network);
    EXPECT_THAT(inputs, IsOk());
    samples_ = data::SampleSet::open({.source = "random:3"}, *inputs, Monitor::silent()).value();
    reference_ = Simulator::open(library(), twice_and_one(), {"a", "y"}).value();
    judge_ = Judge::make(*reference_, {"y"}, *samples_, {0, 1, 2}).value();
  }
  [[nodiscard]] const Judge& judge() const { return *judge_; }
  [[nodiscard]] Simulator& simulator() { return *reference_; }
  [[nodiscard]] data::Sample sample(std::int64_t at) const { return samples_->load(at).value(); }
  [[nodiscard]] const data::SampleSet& samples() const { return *samples_; }

  /// sum y^2 of one sample, computed here.
  [[nodiscard]] double signal(std::int64_t at) const {
    double sum = 0;
    const auto loaded = sample(at);
    for (const float x : loaded.tensors.front().tensor.as<float>()) {
      const double y = double{2 * x + 1};
      sum += y * y;
    }
    return sum;
  }

 private:
  std::optional<data::SampleSet> samples_;
  std::unique_ptr<Simulator> reference_;
  std::optional<Judge> judge_;
};

TEST(Judge, TheFloatModelItself_HasNoError) {
  Judged judged;
  const auto verdict = judged.judge().verdict(judged.simulator());
  ASSERT_THAT(verdict, IsOk());
  EXPECT_EQ(verdict->error, 0);
  EXPECT_THAT(verdict->by_sample, ElementsAre(0, 0, 0));
  EXPECT_EQ(judged.judge().samples(), 3);
}

TEST(Judge, ErrorIsNoiseOverSignal_ByHand) {
  Judged judged;
  auto& simulator = judged.simulator();
  // Everything becomes 0 before 1 is added: the noise is that of 2x.
  simulator.round(*simulator.point_of("a"), Rounder{DType::kUInt8, {1e9F, 128}});
  const auto verdict = judged.judge().verdict(simulator);
  ASSERT_THAT(verdict, IsOk());
  double noises = 0;
  double signals = 0;
  for (std::int64_t i = 0; i < Judged::kSamples; ++i) {
    double noise = 0;
    const auto sample = judged.sample(i);
    for (const float x : sample.tensors.front().tensor.as<float>()) {
      noise += double{2 * x} * double{2 * x};
    }
    EXPECT_THAT(verdict->by_sample[static_cast<std::size_t>(i)],
                DoubleNear(noise / judged.signal(i), 1e-5));
    noises += noise;
    signals += judged.signal(i);
  }
  EXPECT_THAT(verdict->error, DoubleNear(noises / signals, 1e-5));
  EXPECT_THAT(*judged.judge().error(simulator), DoubleNear(verdict->error, 1e-12));
}

TEST(Judge, VerdictOfSomeSamples_LeavesTheOthersOut) {
  const Judged judged;
  const std::vector<std::vector<double>> noise{{judged.signal(1)}, {3 * judged.signal(2)}};
  const auto verdict = judged.judge().verdict_of(noise, 1);
  EXPECT_THAT(verdict.by_sample, ElementsAre(DoubleNear(1, 1e-5), DoubleNear(3, 1e-5)));
  EXPECT_THAT(verdict.error, DoubleNear((judged.signal(1) + 3 * judged.signal(2)) /
                                            (judged.signal(1) + judged.signal(2)),
                                        1e-5));
}

TEST(Judge, WhatIsNotFinite_IsInfinitelyFarOff) {
  const Judged judged;
  const std::vector<std::vector<double>> noise{{std::nan("")}};
  EXPECT_EQ(judged.judge().verdict_of(noise).error, kInfinite);
}

/// Of "y" on 40 samples.
class ManyJudged {
 public:
  ManyJudged() {
    auto network = network::Network::of(twice_and_one());
    EXPECT_THAT(network.infer_types(library()), IsOk());
    samples_ = data::SampleSet::open({.source = "random:40"}, *network::input_specs(network),
                                     Monitor::silent())
                   .value();
    std::vector<std::int64_t> all(kSamples);
    std::iota(all.begin(), all.end(), 0);
    const auto reference = Simulator::open(library(), twice_and_one(), {"a", "y"}).value();
    judge_ = Judge::make(*reference, {"y"}, *samples_, all).value();
  }
  /// "a" rounded in such steps.
  [[nodiscard]] static Hearing rounded(float scale) {
    auto simulator = Simulator::open(library(), twice_and_one(), {"a", "y"}).value();
    simulator->round(*simulator->point_of("a"), Rounder{DType::kUInt8, {scale, 128}});
    return {std::move(simulator), {}};
  }
  [[nodiscard]] const Judge& judge() const { return *judge_; }
  static constexpr std::size_t kSamples = 40;

 private:
  std::optional<data::SampleSet> samples_;
  std::optional<Judge> judge_;
};

TEST(Judge, OfTwoThatDifferClearly_HearsAFewSamples) {
  const ManyJudged judged;
  auto fine = ManyJudged::rounded(0.05F);
  auto coarse = ManyJudged::rounded(1);
  EXPECT_THAT(judged.judge().is_closer(fine, coarse), IsOkAndHolds(true));
  EXPECT_THAT(judged.judge().is_closer(coarse, fine), IsOkAndHolds(false));
  EXPECT_EQ(fine.noise.size(), 8U);
  EXPECT_EQ(coarse.noise.size(), 8U);
}

TEST(Judge, OfTwoThatHardlyDiffer_HearsAll_AndGoesByTheirSum) {
  const ManyJudged judged;
  auto one = ManyJudged::rounded(0.1F);
  auto same = ManyJudged::rounded(0.1F);
  EXPECT_THAT(judged.judge().is_closer(one, same), IsOkAndHolds(false));
  EXPECT_EQ(one.noise.size(), ManyJudged::kSamples);
  auto other = ManyJudged::rounded(0.1001F);
  const bool closer = *judged.judge().is_closer(one, other);
  EXPECT_EQ(closer, judged.judge().verdict_of(one.noise).error <
                        judged.judge().verdict_of(other.noise).error);
  EXPECT_GT(other.noise.size(), 8U);
}

TEST(Judge, SilentModels_AreRefused) {
  const Judged judged;
  auto model = typed(ModelBuilder(13)
                         .input("x", {1, 4})
                         .constant("nothing", Tensor::scalar(0.0F))
                         .op("Mul", {"x", "nothing"}, {"y"})
                         .output("y", {1, 4})
                         .build());
  const auto simulator = Simulator::open(library(), model, {"y"});
  ASSERT_THAT(simulator, IsOk());
  EXPECT_THAT(Judge::make(**simulator, {"y"}, judged.samples(), {0, 1}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("2 samples")));
}

Result<std::vector<std::string>> judged(const onnx::Model& model) {
  TESSERA_TRY(const auto graph, model.view());
  return judged_values(graph, model.path());
}

TEST(JudgedValues, AreFloatingOutputs_OrWhatClassesAreMadeOf) {
  const auto build = [](const char* last, std::vector<onnx::NamedAttribute> attributes = {}) {
    return typed(ModelBuilder(13)
                     .input("x", {1, 4})
                     .op("Neg", {"x"}, {"a"})
                     .op(last, {"a"}, {"y"}, std::move(attributes))
                     .output("y")
                     .build());
  };
  EXPECT_THAT(*judged(build("Abs")), ElementsAre("y"));
  for (const auto* const squeezing : {"Softmax", "LogSoftmax", "Sigmoid"}) {
    EXPECT_THAT(*judged(build(squeezing)), ElementsAre("a")) << squeezing;
  }
  EXPECT_THAT(*judged(build("ArgMax", {{"axis", std::int64_t{1}}})), ElementsAre("a"));
}

TEST(JudgedValues, OfAnInputThatIsSqueezed_IsTheOutput_AndEachStandsOnce) {
  const auto direct = typed(
      ModelBuilder(13).input("x", {1, 4}).op("Softmax", {"x"}, {"y"}).output("y", {1, 4}).build());
  EXPECT_THAT(*judged(direct), ElementsAre("y"));
  const auto both = typed(ModelBuilder(13)
                              .input("x", {1, 4})
                              .op("Neg", {"x"}, {"a"})
                              .op("Softmax", {"a"}, {"y"})
                              .op("ArgMax", {"a"}, {"c"}, {{"axis", std::int64_t{1}}})
                              .output("a")
                              .output("y")
                              .output("c")
                              .build());
  EXPECT_THAT(*judged(both), ElementsAre("a"));
}

TEST(JudgedValues, WithoutAny_AreRefused) {
  const auto model = typed(ModelBuilder(13)
                               .input("x", {4}, DType::kInt64)
                               .op("Neg", {"x"}, {"y"})
                               .output("y", {4}, DType::kInt64)
                               .build());
  EXPECT_THAT(judged(model), FailsWith(ErrorCode::kUnimplemented, HasSubstr("float32")));
}

Verdict verdict(double error, std::vector<double> by_sample = {}) {
  return {error, std::move(by_sample)};
}

TEST(ClearlyLess, OneSample_MustFallByATenth) {
  EXPECT_TRUE(is_clearly_less(verdict(0.89, {0.89}), verdict(1, {1})));
  EXPECT_FALSE(is_clearly_less(verdict(0.91, {0.91}), verdict(1, {1})));
  EXPECT_TRUE(is_clearly_less(verdict(0.89), verdict(1)));
  EXPECT_FALSE(is_clearly_less(verdict(0.91), verdict(1)));
}

TEST(ClearlyLess, ManySamples_MustAgreeBeyondChance) {
  // All fall a little: certain.
  EXPECT_TRUE(is_clearly_less(verdict(0.99, {0.99, 0.99, 0.99}), verdict(1, {1, 1, 1})));
  // One falls much, the others rise: in sum it is less, on average of the logarithms not.
  EXPECT_FALSE(is_clearly_less(verdict(0.8, {0.1, 1.2, 1.1}), verdict(1, {1, 1, 1})));
  // More of some than none of others: -0.22, -0.22, 0 has the mean 0.15 and its error 0.07.
  EXPECT_TRUE(is_clearly_less(verdict(0.9, {0.8, 0.8, 1}), verdict(1, {1, 1, 1})));
  EXPECT_FALSE(is_clearly_less(verdict(0.99, {0.5, 1.9, 0.57}), verdict(1, {1, 1, 1})));
}

TEST(ClearlyLess, EqualOrMore_Never) {
  EXPECT_FALSE(is_clearly_less(verdict(1, {1, 1}), verdict(1, {1, 1})));
  EXPECT_FALSE(is_clearly_less(verdict(2, {0.5, 0.5}), verdict(1, {1, 1})));
  EXPECT_FALSE(is_less(verdict(1, {1, 1}), verdict(1, {1, 1})));
}

TEST(ClearlyLess, AnythingIsLessThanInfinite_AndInfiniteIsLessThanNothing) {
  const auto infinite = verdict(kInfinite, {kInfinite, 1});
  EXPECT_TRUE(is_clearly_less(verdict(5, {9, 1}), infinite));
  EXPECT_TRUE(is_less(verdict(5, {9, 1}), infinite));
  EXPECT_FALSE(is_clearly_less(infinite, verdict(5, {9, 1})));
  EXPECT_FALSE(is_less(infinite, verdict(5, {9, 1})));
  EXPECT_FALSE(is_clearly_less(infinite, infinite));
}

TEST(ClearlyLess, ErrorsOfNothing_HaveNoLogarithm) {
  EXPECT_TRUE(is_clearly_less(verdict(0, {0, 0}), verdict(1, {1, 1})));
  EXPECT_FALSE(is_clearly_less(verdict(0, {0, 0}), verdict(0, {0, 0})));
}

TEST(Less, TakesChance_ButNotASumAgainstTheAverage) {
  EXPECT_TRUE(is_less(verdict(0.99, {0.5, 1.3, 0.9}), verdict(1, {1, 1, 1})));
  EXPECT_FALSE(is_less(verdict(0.9, {0.9, 1.1, 1.2}), verdict(1, {1, 1, 1})));
  EXPECT_TRUE(is_less(verdict(0.9), verdict(1)));
}

TEST(Decibel, HasEnds) {
  EXPECT_DOUBLE_EQ(decibel(1), 0);
  EXPECT_DOUBLE_EQ(decibel(1e-3), 30);
  EXPECT_DOUBLE_EQ(decibel(0), 300);
  EXPECT_DOUBLE_EQ(decibel(kInfinite), -300);
}

/// Every beginning is spread: of the first k of n, any stretch of the order holds its share but
/// for two.
RC_GTEST_PROP(EvenlyFromTheStart, EveryBeginningIsSpread, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(1, 64);
  std::vector<std::int64_t> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  const auto order = evenly_from_the_start(all);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  RC_ASSERT(sorted == all);
  RC_ASSERT(order == evenly_from_the_start(all));
  for (std::int64_t k = 1; k <= count; k *= 2) {
    // With a power of two, no gap is wider than a stride of the next power of two above n / k.
    auto some = std::vector<std::int64_t>(order.begin(), order.begin() + k);
    std::sort(some.begin(), some.end());
    std::int64_t stride = 1;
    while (stride * k < count) {
      stride *= 2;
    }
    for (std::size_t i = 1; i < some.size(); ++i) {
      RC_ASSERT(some[i] - some[i - 1] <= 2 * stride);
    }
    RC_ASSERT(some.front() <= 2 * stride);
  }
}

TEST(EvenlyFromTheStart, KeepsWhatItIsGiven) {
  EXPECT_THAT(evenly_from_the_start({}), ElementsAre());
  EXPECT_THAT(evenly_from_the_start({7}), ElementsAre(7));
  EXPECT_THAT(evenly_from_the_start({10, 11, 12, 13}), ElementsAre(10, 12, 11, 13));
  EXPECT_THAT(evenly_from_the_start({0, 1, 2, 3, 4, 5, 6, 7}), ElementsAre(0, 4, 2, 6, 1, 5, 3, 7));
}

}  // namespace
}  // namespace tessera::refine
