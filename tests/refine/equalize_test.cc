// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/equalize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/runtime/onnx.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::refine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;
using ::testing::SizeIs;

const std::vector<std::int64_t> kPads{1, 1, 1, 1};

Result<std::vector<float>> run(const onnx::Model& model, const Tensor& input) {
  TESSERA_TRY(const auto library, runtime::Library::load());
  TESSERA_TRY(const auto bytes, model.serialize());
  runtime::SessionOptions options;
  options.opt_level = runtime::OptLevel::kDisabled;
  TESSERA_TRY(auto session, runtime::open_onnx(library, bytes, {}, options));
  const runtime::Feed feed{"x", input.view()};
  TESSERA_TRY(const auto outputs, session.run({&feed, 1}));
  return to_float32(outputs[0]);
}

/// Channel ranges that differ by factors of a thousand.
std::map<std::string, std::vector<float>> magnitudes(const std::vector<ScalablePath>& paths) {
  std::map<std::string, std::vector<float>> result;
  for (const auto& path : paths) {
    auto& channels = result[path.tensor];
    for (std::int64_t i = 0; i < path.channels; ++i) {
      channels.push_back(i % 2 == 0 ? 1000.0F / static_cast<float>(i + 1) : 0.5F);
    }
  }
  return result;
}

/// Equalizes a clone, with either kind of weights, and compares what the two models compute.
void expect_same_function(const onnx::Model& model, std::size_t paths_expected) {
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  ASSERT_THAT(*paths, SizeIs(paths_expected));
  const auto input = testing::random_tensor({1, 3, 8, 8}, 5);
  const auto expected = run(model, input);
  ASSERT_THAT(expected, IsOk());
  for (const bool per_channel : {false, true}) {
    auto equalized = model.clone();
    const auto changed =
        equalize(equalized, *paths, magnitudes(*paths), {.per_channel_weights = per_channel});
    ASSERT_THAT(changed, IsOk());
    EXPECT_GT(*changed, 0);
    const auto got = run(equalized, input);
    ASSERT_THAT(got, IsOk());
    ASSERT_EQ(got->size(), expected->size());
    for (std::size_t i = 0; i < got->size(); ++i) {
      EXPECT_NEAR((*got)[i], (*expected)[i], 1e-5 * (1 + std::abs(double{(*expected)[i]})));
    }
  }
}

/// A convolution whose channels differ in size by powers of four.
ModelBuilder conv_relu() {
  ModelBuilder builder(13);
  auto weights = testing::random_tensor({6, 3, 3, 3}, 1, 0.01);
  float size = 1;
  for (std::size_t i = 0; i < weights.as<float>().size(); ++i) {
    size = i % 27 == 0 ? size * 4 : size;
    weights.as<float>()[i] *= size;
  }
  builder.input("x", {1, 3, 8, 8})
      .constant("w1", std::move(weights))
      .weight("b1", {6}, 0.3)
      .op("Conv", {"x", "w1", "b1"}, {"c1"}, {{"pads", kPads}});
  return builder;
}

TEST(Equalize, ConvReluConv_ComputesTheSame) {
  expect_same_function(conv_relu()
                           .op("Relu", {"c1"}, {"r1"})
                           .weight("w2", {4, 6, 3, 3}, 0.3)
                           .op("Conv", {"r1", "w2"}, {"y"})
                           .output("y", {1, 4, 6, 6})
                           .build(),
                       1);
}

TEST(Equalize, DepthwiseInBetween_ComputesTheSame) {
  expect_same_function(conv_relu()
                           .op("Relu", {"c1"}, {"r1"})
                           .weight("wd", {6, 1, 3, 3}, 0.3)
                           .weight("bd", {6}, 0.3)
                           .op("Conv", {"r1", "wd", "bd"}, {"c2"}, {{"group", std::int64_t{6}}})
                           .op("LeakyRelu", {"c2"}, {"r2"})
                           .weight("w3", {4, 6, 1, 1}, 0.3)
                           .op("Conv", {"r2", "w3"}, {"y"})
                           .output("y", {1, 4, 6, 6})
                           .build(),
                       2);
}

TEST(Equalize, BranchesThatAreJoined_ComputeTheSame) {
  auto model = conv_relu()
                   .op("Relu", {"c1"}, {"r1"})
                   .weight("wl", {4, 6, 1, 1}, 0.3)
                   .weight("wr", {5, 6, 1, 1}, 0.3)
                   .op("Conv", {"r1", "wl"}, {"l"})
                   .op("Conv", {"r1", "wr"}, {"r"})
                   .op("Relu", {"r"}, {"rr"})
                   .op("Concat", {"l", "rr"}, {"j"}, {{"axis", std::int64_t{1}}})
                   .op("MaxPool", {"j"}, {"p"}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}})
                   .weight("w4", {3, 9, 1, 1}, 0.3)
                   .op("Conv", {"p", "w4"}, {"y"})
                   .output("y", {1, 3, 7, 7})
                   .build();
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  ASSERT_THAT(model.infer_types(runtime::type_oracle(*library)), IsOk());
  expect_same_function(model, 3);
}

TEST(Equalize, InstanceNormalization_ScalesItsResult) {
  expect_same_function(conv_relu()
                           .weight("s", {6}, 0.5)
                           .weight("o", {6}, 0.5)
                           .op("InstanceNormalization", {"c1", "s", "o"}, {"n"})
                           .op("Relu", {"n"}, {"r1"})
                           .weight("w2", {4, 6, 1, 1}, 0.3)
                           .op("Conv", {"r1", "w2"}, {"y"})
                           .output("y", {1, 4, 8, 8})
                           .build(),
                       1);
}

TEST(Equalize, ScalesArePowersOfTwo_ThatBalanceRanges) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 1, 4, 4})
                   .constant("w1", Tensor::of(std::vector<float>{16, 1}, {2, 1, 1, 1}))
                   .op("Conv", {"x", "w1"}, {"c"})
                   .op("Relu", {"c"}, {"r"})
                   .constant("w2", Tensor::of(std::vector<float>{1, 1}, {1, 2, 1, 1}))
                   .op("Conv", {"r", "w2"}, {"y"})
                   .output("y", {1, 1, 4, 4})
                   .build();
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  ASSERT_THAT(equalize(model, *paths, {{"c", {16, 1}}}, {}), IsOk());
  EXPECT_THAT(model.initializer("w1")->as<float>(), ElementsAre(4, 1));
  EXPECT_THAT(model.initializer("w2")->as<float>(), ElementsAre(4, 1));
}

/// What stands between the convolutions must let scale pass.
void expect_refused(const onnx::Model& model, const std::string& why) {
  std::vector<std::string> refused;
  const auto paths = scalable_paths(model, &refused);
  ASSERT_THAT(paths, IsOk());
  EXPECT_THAT(*paths, IsEmpty());
  ASSERT_FALSE(refused.empty());
  EXPECT_THAT(refused.front(), HasSubstr(why));
}

TEST(Equalize, Silu_IsRefused) {
  expect_refused(conv_relu()
                     .op("Sigmoid", {"c1"}, {"s"})
                     .op("Mul", {"c1", "s"}, {"r1"})
                     .weight("w2", {4, 6, 1, 1})
                     .op("Conv", {"r1", "w2"}, {"y"})
                     .output("y", {1, 4, 8, 8})
                     .build(),
                 "(Sigmoid) does not commute");
}

TEST(Equalize, Clip_IsRefused) {
  expect_refused(conv_relu()
                     .constant("lo", Tensor::scalar(0.0F))
                     .constant("hi", Tensor::scalar(6.0F))
                     .op("Clip", {"c1", "lo", "hi"}, {"r1"})
                     .weight("w2", {4, 6, 1, 1})
                     .op("Conv", {"r1", "w2"}, {"y"})
                     .output("y", {1, 4, 8, 8})
                     .build(),
                 "(Clip)");
}

TEST(Equalize, ValueThatIsAlsoAnOutput_IsRefused) {
  expect_refused(conv_relu()
                     .op("Relu", {"c1"}, {"r1"})
                     .weight("w2", {4, 6, 1, 1})
                     .op("Conv", {"r1", "w2"}, {"y"})
                     .output("r1", {1, 6, 8, 8})
                     .output("y", {1, 4, 8, 8})
                     .build(),
                 "'r1' leaves the model");
}

TEST(Equalize, SharedWeight_IsRefused) {
  expect_refused(ModelBuilder(13)
                     .input("x", {1, 3, 8, 8})
                     .weight("w", {3, 3, 1, 1})
                     .op("Conv", {"x", "w"}, {"c"})
                     .op("Relu", {"c"}, {"r"})
                     .op("Conv", {"r", "w"}, {"y"})
                     .output("y", {1, 3, 8, 8})
                     .build(),
                 "'w' is no constant of this operator alone");
}

TEST(Equalize, ConcatThatReadsItTwice_IsRefused) {
  auto model = conv_relu()
                   .op("Concat", {"c1", "c1"}, {"j"}, {{"axis", std::int64_t{1}}})
                   .weight("w2", {4, 12, 1, 1})
                   .op("Conv", {"j", "w2"}, {"y"})
                   .output("y", {1, 4, 8, 8})
                   .build();
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  ASSERT_THAT(model.infer_types(runtime::type_oracle(*library)), IsOk());
  expect_refused(model, "(Concat)");
}

TEST(Equalize, ConcatAlongAnotherAxis_IsRefused) {
  expect_refused(conv_relu()
                     .op("Concat", {"c1", "c1"}, {"j"}, {{"axis", std::int64_t{2}}})
                     .weight("w2", {4, 6, 1, 1})
                     .op("Conv", {"j", "w2"}, {"y"})
                     .output("y", {1, 4, 16, 8})
                     .build(),
                 "(Concat)");
}

TEST(Equalize, ReaderInGroupsOfSeveral_IsRefused) {
  expect_refused(conv_relu()
                     .weight("w2", {4, 3, 1, 1})
                     .op("Conv", {"c1", "w2"}, {"y"}, {{"group", std::int64_t{2}}})
                     .output("y", {1, 4, 8, 8})
                     .build(),
                 "(Conv) does not commute");
}

TEST(Equalize, AValueThatIsAWeightToSomebody_IsRefused) {
  expect_refused(
      conv_relu().input("z", {1, 6, 8, 8}).op("Conv", {"z", "c1"}, {"y"}).output("y").build(),
      "(Conv) does not commute");
}

TEST(Equalize, WithoutAReader_SaysSo) {
  expect_refused(ModelBuilder(13)
                     .input("x", {1, 3, 8, 8})
                     .weight("w", {3, 3, 1, 1})
                     .op("Conv", {"x", "w"}, {"c"})
                     .op("Relu", {"c"}, {"r"})
                     .build(),
                 "no convolution reads it");
}

/// Paddings: of zeros and of what is there already scale passes, of another number it does not.
TEST(Equalize, PaddingPassesUnlessItAddsANumber) {
  const auto padded = [](const char* mode, const char* filling) {
    return std::move(
               conv_relu()
                   .constant("pads",
                             Tensor::of(std::vector<std::int64_t>{0, 0, 1, 1, 0, 0, 1, 1}, {8}))
                   .constant("zero", Tensor::scalar(0.0F))
                   .constant("five", Tensor::scalar(5.0F))
                   .op("Pad", {"c1", "pads", filling}, {"p"}, {{"mode", std::string(mode)}})
                   .weight("w2", {4, 6, 3, 3}, 0.3)
                   .op("Conv", {"p", "w2"}, {"y"})
                   .output("y", {1, 4, 8, 8}))
        .build();
  };
  expect_same_function(padded("constant", "zero"), 1);
  expect_same_function(padded("constant", ""), 1);
  expect_same_function(padded("edge", ""), 1);
  expect_same_function(padded("reflect", ""), 1);
  expect_refused(padded("constant", "five"), "(Pad)");
}

TEST(Equalize, PoolsAndMeans_LetScalePass) {
  expect_same_function(
      conv_relu()
          .op("AveragePool", {"c1"}, {"a"}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}})
          .op("MaxPool", {"a"}, {"m"}, {{"kernel_shape", std::vector<std::int64_t>{2, 2}}})
          .op("GlobalAveragePool", {"m"}, {"g"})
          .weight("w2", {4, 6, 1, 1}, 0.3)
          .op("Conv", {"g", "w2"}, {"y"})
          .output("y", {1, 4, 1, 1})
          .build(),
      1);
}

/// Conv of `first`, one weight per channel, then Conv of `second`, one per channel.
onnx::Model two_channels(std::vector<float> first, std::vector<float> second) {
  const auto channels = static_cast<std::int64_t>(first.size());
  return ModelBuilder(13)
      .input("x", {1, 1, 4, 4})
      .constant("w1", Tensor::of(std::move(first), {channels, 1, 1, 1}))
      .weight("b1", {channels})
      .op("Conv", {"x", "w1", "b1"}, {"c"})
      .constant("w2", Tensor::of(std::move(second), {1, channels, 1, 1}))
      .op("Conv", {"c", "w2"}, {"y"})
      .output("y", {1, 1, 4, 4})
      .build();
}

TEST(Equalize, ChannelsWithoutASize_StayAsTheyAre) {
  const float nan = std::nanf("");
  auto model = two_channels({64, 64, 64, 64, 64}, {1, 1, 1, 0, 1});
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  // Never active, infinite, not a number, never read; only the last can be moved.
  const auto changed = equalize(model, *paths, {{"c", {0, INFINITY, nan, 64, 64}}}, {});
  ASSERT_THAT(changed, IsOk());
  EXPECT_EQ(*changed, 1);
  EXPECT_THAT(model.initializer("w1")->as<float>(), ElementsAre(64, 64, 64, 64, 8));
  EXPECT_THAT(model.initializer("w2")->as<float>(), ElementsAre(1, 1, 1, 0, 8));
}

TEST(Equalize, ByWeights_WhereTheyShareAScale) {
  // The activations say nothing then: rows of the first against columns of the second.
  auto model = two_channels({64, 1}, {1, 4});
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  ASSERT_THAT(equalize(model, *paths, {{"c", {1, 1}}}, {.per_channel_weights = false}), IsOk());
  EXPECT_THAT(model.initializer("w1")->as<float>(), ElementsAre(8, 2));
  EXPECT_THAT(model.initializer("w2")->as<float>(), ElementsAre(8, 2));
}

TEST(Equalize, ScalesHaveALimit) {
  auto model = two_channels({1, 1}, {1, 1});
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  ASSERT_THAT(equalize(model, *paths, {{"c", {0x1p60F, 0x1p-60F}}}, {}), IsOk());
  EXPECT_THAT(model.initializer("w1")->as<float>(), ElementsAre(0x1p-10F, 0x1p10F));
  EXPECT_THAT(model.initializer("w2")->as<float>(), ElementsAre(0x1p10F, 0x1p-10F));
}

TEST(Equalize, BalancedChannels_ChangeNothing) {
  auto model = two_channels({3, 5}, {3, 5});
  const auto before = model.serialize();
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  const auto changed = equalize(model, *paths, {{"c", {3, 5}}}, {});
  ASSERT_THAT(changed, IsOk());
  EXPECT_EQ(*changed, 0);
  EXPECT_EQ(*model.serialize(), *before);
}

TEST(Equalize, UnknownMagnitudes_ChangeNothing) {
  auto model = two_channels({64, 1}, {1, 1});
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  for (const auto& magnitude : std::vector<std::map<std::string, std::vector<float>>>{
           {}, {{"other", {64, 1}}}, {{"c", {64}}}, {{"c", {64, 1, 1}}}}) {
    EXPECT_EQ(*equalize(model, *paths, magnitude, {}), 0);
  }
  EXPECT_THAT(model.initializer("w1")->as<float>(), ElementsAre(64, 1));
}

TEST(Equalize, ADepthwiseReaderWithScalesOfItsOwn_TakesAll) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 1, 4, 4})
                   .constant("w1", Tensor::of(std::vector<float>{16, 1}, {2, 1, 1, 1}))
                   .op("Conv", {"x", "w1"}, {"c"})
                   .constant("w2", Tensor::of(std::vector<float>{1, 1}, {2, 1, 1, 1}))
                   .op("Conv", {"c", "w2"}, {"y"}, {{"group", std::int64_t{2}}})
                   .output("y", {1, 2, 4, 4})
                   .build();
  const auto paths = scalable_paths(model, nullptr);
  ASSERT_THAT(paths, IsOk());
  ASSERT_THAT(*paths, SizeIs(1));
  EXPECT_TRUE(paths->front().readers.front().depthwise);
  ASSERT_THAT(equalize(model, *paths, {{"c", {16, 1}}}, {}), IsOk());
  EXPECT_THAT(model.initializer("w1")->as<float>(), ElementsAre(1, 1));
  EXPECT_THAT(model.initializer("w2")->as<float>(), ElementsAre(16, 1));
}

}  // namespace
}  // namespace tessera::refine
