// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/weights.h"

#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/model_builder.h"

namespace tessera::quantize {
namespace {

using testing::IsOk;

/// Two Gemm that share a weight, quantized; weights of more than `held_bytes` while writing.
Result<std::string> written(std::int64_t held_bytes, bool per_channel) {
  auto model = testing::ModelBuilder(13)
                   .input("x", {2, 8})
                   .weight("w", {8, 8})
                   .weight("b", {8})
                   .op("Gemm", {"x", "w", "b"}, {"h"})
                   .op("Gemm", {"h", "w", "b"}, {"y"})
                   .output("y", {2, 8})
                   .build();
  Scheme scheme;
  scheme.per_channel = per_channel;
  QdqEmitter emitter(model);
  WeightQuantizer weights(model, emitter);
  weights.hold_at_most(held_bytes);
  for (const auto node : model.nodes()) {
    weights.add_weight(node, 1, scheme, 1);
    TESSERA_CHECK(weights.add_bias(node, 2, "Gemm", 0.01F));
  }
  TESSERA_CHECK(weights.apply(2, Monitor::silent()));
  model.remove_unused_initializers();
  return model.serialize();
}

TEST(WeightQuantizer, WeightsMadeWhileWriting_GiveTheSameFile) {
  for (const bool per_channel : {false, true}) {
    const auto held = written(1 << 20, per_channel);
    const auto streamed = written(0, per_channel);
    ASSERT_THAT(held, IsOk());
    ASSERT_THAT(streamed, IsOk());
    EXPECT_EQ(*held, *streamed);
  }
}

TEST(WeightSpec, PerChannelIsSymmetric_OtherwiseTheSchemeDecides) {
  Scheme scheme;
  scheme.weight = DType::kUInt8;
  EXPECT_FALSE(weight_spec(scheme, -1).symmetric);
  EXPECT_TRUE(weight_spec(scheme, 0).symmetric);
  scheme.weight_symmetric = WeightSymmetry::kOn;
  EXPECT_TRUE(weight_spec(scheme, -1).symmetric);
  scheme.weight = DType::kInt8;
  scheme.weight_symmetric = WeightSymmetry::kAuto;
  EXPECT_TRUE(weight_spec(scheme, -1).symmetric);
}

}  // namespace
}  // namespace tessera::quantize
