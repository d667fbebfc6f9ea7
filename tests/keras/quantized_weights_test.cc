// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <map>
#include <nlohmann/json.hpp>

#include "keras/read.h"
#include "support/matchers.h"
#include "support/shared_data.h"
#include "tessera/keras/quantizer.h"
#include "tessera/tensor/npy.h"

// Weights of whole networks, as QKeras multiplies with them.
namespace tessera::keras {
namespace {

using testing::IsOk;

struct Part {
  const char* what;       ///< in the golden file
  const char* weight;     ///< in the model
  const char* quantizer;  ///< in the configuration
  WeightUse use;
};

constexpr Part kParts[] = {
    {"kernel", "kernel", "kernel_quantizer", WeightUse::kKernel},
    {"depthwise", "depthwise_kernel", "depthwise_quantizer", WeightUse::kDepthwiseKernel},
    {"bias", "bias", "bias_quantizer", WeightUse::kBias},
    {"gamma", "gamma", "gamma_quantizer", WeightUse::kGamma},
    {"beta", "beta", "beta_quantizer", WeightUse::kBeta},
    {"mean", "moving_mean", "mean_quantizer", WeightUse::kMean},
    {"variance", "moving_variance", "variance_quantizer", WeightUse::kVariance},
};

using Arrays = std::map<std::string, Tensor>;

/// Equal, or 1 unit in the last place beside it where the scale is no power of two: there QKeras'
/// x + (q(x) - x) leaves the grid.
void expect_same(const QuantizedWeight& made, const Tensor& expected, const Tensor& weight,
                 const Quantizer& quantizer) {
  ASSERT_EQ(made.values.shape(), expected.shape());
  const auto ours = made.values.as<float>();
  const auto theirs = expected.as<float>();
  const auto x = weight.as<float>();
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const float trained = x[i] + (ours[i] - x[i]);
    const bool same = ours[i] == theirs[i] || trained == theirs[i];
    const bool beside = quantizer.scale == ScaleRule::kAuto &&
                        std::abs(ours[i] - theirs[i]) <= 2e-7F * std::abs(theirs[i]);
    ASSERT_TRUE(same || beside) << i << ": " << ours[i] << " and " << theirs[i];
  }
}

/// Codes times scales are the values, bit for bit, and inside their bounds.
void expect_consistent(const QuantizedWeight& made) {
  if (!made.codes) {
    return;
  }
  const auto& codes = *made.codes;
  const auto integers = to_float32(codes.integers.view());
  ASSERT_THAT(integers, IsOk());
  std::size_t inner = 1;
  const auto& shape = made.values.shape();
  for (std::size_t i = codes.axis ? static_cast<std::size_t>(*codes.axis) + 1 : shape.size();
       i < shape.size(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  for (std::size_t i = 0; i < integers->size(); ++i) {
    const float code = (*integers)[i];
    ASSERT_EQ(code * codes.scales[i / inner % codes.scales.size()], made.values.as<float>()[i]);
    ASSERT_GE(code, static_cast<float>(codes.low));
    ASSERT_LE(code, static_cast<float>(codes.high));
  }
}

class QuantizedWeights : public ::testing::TestWithParam<const char*> {
 protected:
  void check_layer(const Layer& layer, const Arrays& arrays) {
    SCOPED_TRACE(layer.name);
    for (const auto& part : kParts) {
      SCOPED_TRACE(part.what);
      const auto key = "qw/" + layer.name + "/" + part.what;
      const auto quantizer =
          parse_quantizer(layer.config.value(part.quantizer, Json(nullptr)), layer.name);
      ASSERT_THAT(quantizer, IsOk());
      if (!*quantizer) {
        continue;
      }
      if (arrays.contains(key)) {
        const auto weight = std::ranges::find(layer.weights, part.weight, &Weight::name);
        ASSERT_NE(weight, layer.weights.end());
        check(**quantizer, weight->value, arrays.at(key), part.use, arrays, key + "_scale");
      } else if (arrays.contains(key + "_folded_q")) {
        check(**quantizer, arrays.at(key + "_folded"), arrays.at(key + "_folded_q"), part.use,
              arrays, key + "_scale");
      } else if (part.use == WeightUse::kDepthwiseKernel &&
                 arrays.contains("qw/" + layer.name + "/kernel_folded_q")) {
        const auto folded = "qw/" + layer.name + "/kernel_folded";
        check(**quantizer, arrays.at(folded), arrays.at(folded + "_q"), part.use, arrays, "");
      }
    }
  }

  void check(const Quantizer& quantizer, const Tensor& weight, const Tensor& expected,
             WeightUse use, const Arrays& arrays, const std::string& scale) {
    const auto made = quantize_weight(quantizer, weight.view(), use);
    ASSERT_THAT(made, IsOk());
    expect_same(*made, expected, weight, quantizer);
    expect_consistent(*made);
    const auto published = arrays.find(scale);
    if (published != arrays.end()) {
      const auto theirs = published->second.as<float>();
      ASSERT_EQ(made->published_scale.size(), theirs.size());
      for (std::size_t i = 0; i < theirs.size(); ++i) {
        EXPECT_FLOAT_EQ(made->published_scale[i], theirs[i]);
      }
    }
    ++checked_;
  }

  int checked_ = 0;
};

TEST_P(QuantizedWeights, EveryWeight_IsWhatQKerasMultipliesWith) {
  const auto base = testing::shared_path(std::string("data/qkeras/") + GetParam()).string();
  TESSERA_NEEDS_SHARED(base + ".h5");
  const auto model = read(base + ".h5");
  ASSERT_THAT(model, IsOk());
  auto file = read_npz(base + ".npz");
  ASSERT_THAT(file, IsOk());
  Arrays arrays;
  int expected = 0;
  for (auto& array : *file) {
    const bool weight = array.name.starts_with("qw/") && !array.name.ends_with("_scale") &&
                        !array.name.ends_with("mult_factor") && !array.name.ends_with("_folded");
    expected += weight ? 1 : 0;
    arrays.emplace(array.name, std::move(array.tensor));
  }
  for (const auto& layer : model->layers) {
    check_layer(layer, arrays);
  }
  EXPECT_EQ(checked_, expected);
}

INSTANTIATE_TEST_SUITE_P(Files, QuantizedWeights,
                         ::testing::Values("s1_mlp", "s2_cnn", "s2_cnn.tf211", "s3_residual",
                                           "s3_residual.tf211", "s4_depthwise", "s5_bnfold",
                                           "s5_bnfold.tf211", "s6_conv1d", "s7_po2",
                                           "s8_adaptive"));

}  // namespace
}  // namespace tessera::keras
