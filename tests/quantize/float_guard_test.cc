// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "support/matchers.h"
#include "support/small_classifier.h"
#include "tessera/network/load.h"
#include "tessera/quantize/onnx.h"
#include "tessera/runtime/onnx.h"
#include "tessera/runtime/type_oracle.h"

namespace tessera::quantize {
namespace {

using testing::IsOk;
using testing::ModelBuilder;

/// Three convolutions in a row, the middle one with a Relu.
onnx::Model three_convolutions() {
  return ModelBuilder(13)
      .input("x", {1, 8, 16, 16})
      .weight("w1", {8, 8, 3, 3}, 0.1)
      .weight("w2", {8, 8, 3, 3}, 0.1)
      .weight("w3", {8, 8, 3, 3}, 0.1)
      .weight("b2", {8}, 0.1)
      .op("Conv", {"x", "w1"}, {"a"})
      .op("Conv", {"a", "w2", "b2"}, {"b"})
      .op("Relu", {"b"}, {"r"})
      .op("Conv", {"r", "w3"}, {"y"})
      .output("y", {1, 8, 10, 10})
      .build();
}

/// The runtime moves Quantize and Dequantize past pools, on both sides of the middle one.
onnx::Model pooled_convolutions() {
  const std::vector<std::int64_t> kernel{2, 2};
  return ModelBuilder(13)
      .input("x", {1, 8, 16, 16})
      .weight("w1", {8, 8, 3, 3}, 0.1)
      .weight("w2", {8, 8, 3, 3}, 0.1)
      .weight("w3", {8, 8, 3, 3}, 0.1)
      .op("Conv", {"x", "w1"}, {"a"})
      .op("MaxPool", {"a"}, {"p"}, {{"kernel_shape", kernel}})
      .op("Conv", {"p", "w2"}, {"b"})
      .op("MaxPool", {"b"}, {"q"}, {{"kernel_shape", kernel}})
      .op("Conv", {"q", "w3"}, {"y"})
      .output("y", {1, 8, 8, 8})
      .build();
}

/// Kernels of the runtime at its highest level.
Result<std::vector<std::string>> kernels_of(
    const onnx::Model& model, const std::shared_ptr<const runtime::Library>& library) {
  TESSERA_TRY(const auto bytes, model.serialize());
  TESSERA_TRY(auto session, runtime::open_onnx(library, bytes, {}, {.profile = true}));
  Tensor input(DType::kFloat32, {1, 8, 16, 16});
  const std::array<runtime::Feed, 1> feeds = {{{"x", input.view()}}};
  TESSERA_CHECK(session.run(feeds).map([](const auto&) {}));
  TESSERA_TRY(const auto kernels, session.end_profile());
  std::vector<std::string> types;
  for (const auto& kernel : kernels) {
    types.push_back(kernel.op_type);
  }
  return types;
}

/// The model with only the outer convolutions in integers, as a mixed plan asks for it.
Result<onnx::Model> mixed(onnx::Model model, Format format) {
  TESSERA_TRY(auto library, runtime::Library::load());
  TESSERA_CHECK(model.infer_types(runtime::type_oracle(library)));
  const auto network = network::Network::of(model.clone());
  TESSERA_TRY(const auto inputs, network::input_specs(network));
  TESSERA_TRY(auto samples,
              data::SampleSet::open({.source = "random:4"}, inputs, Monitor::silent()));
  TESSERA_TRY(auto ranges, calibrate::calibrate(network, samples, library, {}, Monitor::silent()));
  Scheme integers;
  integers.format = format;
  TESSERA_TRY(const auto graph, model.view());
  Assignment schemes(graph.ops().size());
  *schemes.begin() = integers;
  *(schemes.end() - 1) = integers;
  TESSERA_CHECK(quantize(model, schemes, &ranges, {}, Monitor::silent()).map([](const auto&) {}));
  return model;
}

class FloatGuard : public ::testing::TestWithParam<Format> {};

TEST_P(FloatGuard, FloatLayerBetweenIntegers_StaysFloatInTheRuntime) {
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  const auto model = mixed(three_convolutions(), GetParam());
  ASSERT_THAT(model, IsOk());
  const auto kernels = kernels_of(*model, *library);
  ASSERT_THAT(kernels, IsOk());
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "QLinearConv"), 2);
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "Conv"), 1);
}

TEST_P(FloatGuard, FloatLayerBetweenPools_StaysFloatInTheRuntime) {
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  const auto model = mixed(pooled_convolutions(), GetParam());
  ASSERT_THAT(model, IsOk());
  const auto kernels = kernels_of(*model, *library);
  ASSERT_THAT(kernels, IsOk());
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "QLinearConv"), 2);
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "Conv"), 1);
}

TEST_P(FloatGuard, FloatLayerWhoseResultIsAnOutput_StaysFloatInTheRuntime) {
  const auto library = runtime::Library::load();
  ASSERT_THAT(library, IsOk());
  auto float_model = three_convolutions();
  float_model.set_type("b", testing::float_type({1, 8, 12, 12}));
  float_model.add_output("b");
  const auto model = mixed(std::move(float_model), GetParam());
  ASSERT_THAT(model, IsOk());
  const auto kernels = kernels_of(*model, *library);
  ASSERT_THAT(kernels, IsOk());
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "QLinearConv"), 2);
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "Conv"), 1);
  // Those of its input and of the last layer's result, none of weights.
  EXPECT_EQ(std::count(kernels->begin(), kernels->end(), "DequantizeLinear"), 2);
}

INSTANTIATE_TEST_SUITE_P(Formats, FloatGuard, ::testing::Values(Format::kQdq, Format::kQOperator));

}  // namespace
}  // namespace tessera::quantize
