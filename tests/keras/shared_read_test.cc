// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>

#include "keras/read.h"
#include "support/matchers.h"
#include "support/shared_data.h"

namespace tessera::keras {
namespace {

using testing::IsOk;

class SharedFile : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedFile, Read_GivesEveryLayerItsWeights) {
  const auto path = testing::shared_file(GetParam());
  if (path.empty()) {
    GTEST_SKIP() << "NOT TESTED: no shared data with " << GetParam();
  }
  const auto model = read(path);
  ASSERT_THAT(model, IsOk());
  for (const auto& layer : model->layers) {
    const auto is = [&](std::string_view part) {
      return layer.class_name.find(part) != std::string::npos;
    };
    const bool weighted = is("Conv") || is("Dense") || is("BatchNorm") || is("Adaptive");
    EXPECT_EQ(layer.weights.empty(), !weighted) << layer.name;
    EXPECT_EQ(layer.calls.size(), 1u) << layer.name;
  }
  EXPECT_FALSE(model->inputs.empty());
  EXPECT_FALSE(model->outputs.empty());
}

INSTANTIATE_TEST_SUITE_P(Files, SharedFile,
                         ::testing::Values("keras/k1_convnet.k2.h5", "keras/k1_convnet.k3.h5",
                                           "keras/k2_resnet.k2.h5", "keras/k2_resnet.k3.h5",
                                           "keras/k3_mlp.k2.h5", "keras/k3_mlp.k3.h5",
                                           "keras/k1_convnet.k2.keras", "keras/k1_convnet.k3.keras",
                                           "keras/k2_resnet.k2.keras", "keras/k2_resnet.k3.keras",
                                           "keras/k3_mlp.k2.keras", "keras/k3_mlp.k3.keras",
                                           "models/mlperf_tiny_resnet8.h5", "qkeras/s1_mlp.h5",
                                           "qkeras/s2_cnn.h5", "qkeras/s2_cnn.tf211.h5",
                                           "qkeras/s3_residual.h5", "qkeras/s3_residual.tf211.h5",
                                           "qkeras/s4_depthwise.h5", "qkeras/s5_bnfold.h5",
                                           "qkeras/s5_bnfold.tf211.h5", "qkeras/s6_conv1d.h5",
                                           "qkeras/s7_po2.h5", "qkeras/s8_adaptive.h5"));

bool equal(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::ranges::equal(a.bytes(), b.bytes());
}

class FourFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(FourFiles, OfOneModel_HaveTheSameLayersAndWeights) {
  const std::string name = GetParam();
  const auto first = testing::shared_file("keras/" + name + ".k2.h5");
  if (first.empty()) {
    GTEST_SKIP() << "NOT TESTED: no shared data with " << name;
  }
  const auto model = read(first);
  ASSERT_THAT(model, IsOk());
  for (const auto* const kind : {".k2.keras", ".k3.h5", ".k3.keras"}) {
    const auto other = read(testing::shared_file("keras/" + name + kind));
    ASSERT_THAT(other, IsOk());
    EXPECT_EQ(other->generation(), kind[2] - '0');
    ASSERT_EQ(other->layers.size(), model->layers.size());
    for (std::size_t i = 0; i < model->layers.size(); ++i) {
      const auto& layer = model->layers[i];
      const auto& same = other->layers[i];
      EXPECT_EQ(same.class_name, layer.class_name);
      EXPECT_EQ(same.calls.front().inputs, layer.calls.front().inputs);
      ASSERT_EQ(same.weights.size(), layer.weights.size()) << layer.name;
      for (std::size_t k = 0; k < layer.weights.size(); ++k) {
        EXPECT_TRUE(equal(same.weights[k].value, layer.weights[k].value)) << layer.name << k;
      }
    }
    EXPECT_EQ(other->outputs, model->outputs);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, FourFiles, ::testing::Values("k1_convnet", "k2_resnet", "k3_mlp"));

}  // namespace
}  // namespace tessera::keras
