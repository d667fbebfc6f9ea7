// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/tail.h"

#include <gmock/gmock.h>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "noise/error_support.h"
#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "tessera/noise/check.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using tessera::testing::ModelBuilder;
using ::testing::HasSubstr;
using testing::Listener;

constexpr int kLayers = 6;

/// Convolutions one after the other. The weights of one have an outlier that takes almost all
/// levels, so that it makes most of the error.
onnx::Model with_outlier(int bad) {
  ModelBuilder builder(13);
  builder.input("x0", {1, 4, 10, 10});
  const std::vector<std::int64_t> pads{1, 1, 1, 1};
  for (int i = 0; i < kLayers; ++i) {
    const auto n = std::to_string(i);
    builder.weight("w" + n, {4, 4, 3, 3}, 0.2)
        .op("Conv", {"x" + n, "w" + n}, {"c" + n}, {{"pads", pads}})
        .op("Relu", {"c" + n}, {"x" + std::to_string(i + 1)});
  }
  auto model = builder.output("x" + std::to_string(kLayers), {1, 4, 10, 10}).build();
  const auto name = "w" + std::to_string(bad);
  auto values = std::vector<float>(4 * 4 * 3 * 3);
  const auto held = model.initializer(name)->as<float>();
  std::copy(held.begin(), held.end(), values.begin());
  for (std::size_t channel = 0; channel < 4; ++channel) {
    values[channel * 36] = 12;
  }
  model.set_initializer(name, Tensor::of(values, {4, 4, 3, 3}));
  return model;
}

struct Input {
  std::unique_ptr<Bench> bench;
  std::unique_ptr<evaluate::Lab> lab;
  quantize::Recipe recipe = quantize::uniform_recipe(scheme_of_tests());
  std::vector<double> gains;  ///< by convolution; empty: multiplications
  TailOptions options{.max_float_percent = 50, .max_loss_percent = 100, .time = false};

  [[nodiscard]] Result<Tail> find(Monitor& monitor = Monitor::silent()) const {
    const auto gains_of = [this](std::span<const ObservedLayer> layers) -> Result<Gains> {
      auto found = gains_of_macs(layers);
      for (std::size_t i = 0; i < gains.size(); ++i) {
        found.gain[i] = gains[i];
      }
      return found;
    };
    return find_tail(*lab, recipe, gains_of, options, monitor);
  }
};

Result<Input> input_of(onnx::Model model) {
  Input input;
  TESSERA_TRY(input.bench, bench_of(std::move(model)));
  const auto& setup = input.bench->setup;
  TESSERA_TRY(auto lab, evaluate::Lab::open({.model = setup.model,
                                             .library = setup.library,
                                             .session = setup.session,
                                             .samples = &*input.bench->samples,
                                             .ranges = setup.ranges},
                                            Monitor::silent()));
  input.lab = std::make_unique<evaluate::Lab>(std::move(lab));
  return input;
}

/// The error's square without one convolution of all, as a model that is built by itself has it.
double power_without(const Bench& bench, std::int32_t layer) {
  LayerSet subset;
  for (std::int32_t i = 0; i < kLayers; ++i) {
    if (i != layer) {
      subset.push_back(i);
    }
  }
  const auto check =
      run_check(bench.setup, *bench.samples, std::vector<LayerSet>{subset}, Monitor::silent());
  return std::pow(check->rows.front().built_error, 2);
}

TEST(Tail, FirstStep_IsTheLayerThatTakesMostAway) {
  for (const int bad : {0, 3}) {
    const auto input = input_of(with_outlier(bad));
    ASSERT_THAT(input, IsOk());
    const auto tail = input->find();
    ASSERT_THAT(tail, IsOk());
    ASSERT_FALSE(tail->steps.empty());
    std::int32_t best = 0;
    for (std::int32_t i = 1; i < kLayers; ++i) {
      best = power_without(*input->bench, i) < power_without(*input->bench, best) ? i : best;
    }
    EXPECT_EQ(tail->steps.front().layer,
              input->bench->setup.switches[static_cast<std::size_t>(best)].op);
    EXPECT_EQ(best, bad);
    EXPECT_GT(tail->steps.front().sqnr_db, tail->sqnr_db + 1);
  }
}

TEST(Tail, EveryStep_TakesErrorAway) {
  const auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  const auto tail = input->find();
  ASSERT_THAT(tail, IsOk());
  ASSERT_FALSE(tail->steps.empty());
  EXPECT_LE(tail->steps.size(), 3U);  // half of the layers
  double error = tail->l2_per_element;
  for (const auto& step : tail->steps) {
    EXPECT_LT(step.l2_per_element * step.l2_per_element, error * error * (1 - kWorthOfStep));
    error = step.l2_per_element;
  }
  EXPECT_EQ(tail->layers, kLayers);
  EXPECT_EQ(tail->samples, 3);
  EXPECT_GE(tail->models, kLayers + 1);
  // The last rule of the recipe leaves them in float.
  ASSERT_EQ(tail->recipe.rules.size(), 2U);
  const auto& rule = tail->recipe.rules.back();
  EXPECT_EQ(rule.scheme.mode, quantize::Mode::kFloat32);
  ASSERT_EQ(rule.match.size(), tail->steps.size());
  for (std::size_t i = 0; i < rule.match.size(); ++i) {
    EXPECT_EQ(rule.match[i], tail->steps[i].layer);
  }
}

TEST(Tail, Limits_AreKept) {
  auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  input->options.max_float_percent = 1;  // one in any case
  auto tail = input->find();
  ASSERT_THAT(tail, IsOk());
  EXPECT_EQ(tail->steps.size(), 1U);
  // A sixth of the multiplications each: none may be left.
  input->options.max_loss_percent = 10;
  tail = input->find();
  ASSERT_THAT(tail, IsOk());
  EXPECT_TRUE(tail->steps.empty());
  EXPECT_EQ(tail->recipe.rules.size(), 1U);
  // Integers bring nothing where the outlier is: leaving it is free.
  input->gains = {100, 100, -5, 100, 100, 100};
  tail = input->find();
  ASSERT_THAT(tail, IsOk());
  ASSERT_EQ(tail->steps.size(), 1U);
  EXPECT_EQ(tail->steps.front().loss, 0);
}

TEST(Tail, EnoughSqnr_EndsTheSearch) {
  auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  input->options.min_sqnr_db = 0;
  auto tail = input->find();
  ASSERT_THAT(tail, IsOk());
  EXPECT_TRUE(tail->steps.empty());
  EXPECT_EQ(tail->models, 1);
  input->options.min_sqnr_db = tail->sqnr_db + 1;
  tail = input->find();
  ASSERT_THAT(tail, IsOk());
  EXPECT_EQ(tail->steps.size(), 1U);
}

TEST(Tail, TheTwoModels_AreRacedWhereThatIsWanted) {
  auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  input->options.max_float_percent = 1;
  EXPECT_FALSE(input->find()->slowdown);
  input->options.time = true;
  const auto tail = input->find();
  ASSERT_THAT(tail, IsOk());
  ASSERT_TRUE(tail->slowdown);
  EXPECT_GT(tail->slowdown->median, 0.1);
  EXPECT_LE(tail->slowdown->low, tail->slowdown->median);
  EXPECT_GE(tail->slowdown->high, tail->slowdown->median);
  EXPECT_EQ(to_json(*tail).at("slowdown_low"), tail->slowdown->low);
  EXPECT_EQ(to_json(*tail).at("slowdown_high"), tail->slowdown->high);
}

TEST(Tail, ARaceThatFails_LosesNoSearch) {
  auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  input->options.max_float_percent = 1;
  input->options.time = true;
  // Only races run the reference again.
  for (auto& feeds : input->lab->reference_lane().feeds) {
    feeds.clear();
  }
  Listener listener;
  const auto tail = input->find(listener);
  ASSERT_THAT(tail, IsOk());
  EXPECT_EQ(tail->steps.size(), 1U);
  EXPECT_EQ(tail->recipe.rules.size(), 2U);
  EXPECT_FALSE(tail->slowdown);
  EXPECT_TRUE(listener.ids.contains("tail-not-timed"));
  EXPECT_FALSE(to_json(*tail).contains("slowdown"));
}

/// Wants to stop once the race has begun.
class StopsRace final : public Listener {
 public:
  void progress(std::string_view stage, std::int64_t, std::int64_t) override {
    cancel = cancel || stage == "timing both models";
  }
};

TEST(Tail, StoppingTheRace_StopsAll) {
  auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  input->options.max_float_percent = 1;
  input->options.time = true;
  StopsRace stops;
  EXPECT_THAT(input->find(stops), FailsWith(ErrorCode::kCancelled, ::testing::_));
  EXPECT_FALSE(stops.ids.contains("tail-not-timed"));
}

TEST(Tail, WhatMakesNoSense_IsRefused) {
  auto input = input_of(with_outlier(2));
  ASSERT_THAT(input, IsOk());
  input->options.max_float_percent = 101;
  EXPECT_THAT(input->find(),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("101 % is no share")));
  input->options.max_float_percent = std::nan("");
  EXPECT_THAT(input->find(), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no share")));
  input->options.max_float_percent = 5;
  input->recipe = {};
  EXPECT_THAT(input->find(), FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("no operator")));
}

}  // namespace
}  // namespace tessera::noise
