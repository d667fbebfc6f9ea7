// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/equalize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/runtime/session.h"
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
  TESSERA_TRY(auto session, runtime::Session::open(library, bytes, {}, options));
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

}  // namespace
}  // namespace tessera::refine
