// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Interleaved pictures in front of a convolution, folded and not, in the runtime.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/differential.h"
#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/onnx/normalize.h"

namespace tessera::quantize {
namespace {

using differential::Feeds;
using onnx::NamedAttribute;
using tessera::testing::ModelBuilder;

using Ints = std::vector<std::int64_t>;

Tensor ints(const Ints& values) {
  return Tensor::of(values, {std::ssize(values)});
}

Tensor noise(const Shape& shape, std::uint32_t seed) {
  Tensor tensor(DType::kFloat32, shape);
  for (auto& value : tensor.as<float>()) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / 16777216.0F - 0.5F;
  }
  return tensor;
}

void slice(ModelBuilder& builder, const std::string& from, const std::string& to, const Ints& axes,
           const Ints& starts) {
  const auto end = std::numeric_limits<std::int64_t>::max();
  builder.constant(to + "_starts", ints(starts))
      .constant(to + "_ends", ints(Ints(axes.size(), end)))
      .constant(to + "_axes", ints(axes))
      .constant(to + "_steps", ints(Ints(axes.size(), 2)))
      .op("Slice", {from, to + "_starts", to + "_ends", to + "_axes", to + "_steps"}, {to});
}

struct Case {
  std::int64_t channels = 3;
  std::int64_t kernel_height = 3;
  std::int64_t kernel_width = 3;
  Ints pads{0, 0, 0, 0};
  std::array<std::int64_t, 4> order{0, 1, 2, 3};  ///< row + 2 column
  bool two_slices = false;                        ///< one for the rows, one for the columns
};

onnx::Model focus(const Case& one) {
  ModelBuilder builder;
  builder.input("image", {1, one.channels, 12, 10});
  std::vector<std::string> names;
  for (const auto place : one.order) {
    const auto name = "picture" + std::to_string(place);
    const Ints first{place % 2, place / 2};
    if (one.two_slices) {
      slice(builder, "image", name + "_rows", {2}, {first[0]});
      slice(builder, name + "_rows", name, {3}, {first[1]});
    } else {
      slice(builder, "image", name, {2, 3}, first);
    }
    names.push_back(name);
  }
  return builder.op("Concat", names, {"joined"}, {{"axis", std::int64_t{1}}})
      .constant("w", noise({5, 4 * one.channels, one.kernel_height, one.kernel_width}, 7))
      .constant("b", noise({5}, 8))
      .op("Conv", {"joined", "w", "b"}, {"y"}, {NamedAttribute{"pads", one.pads}})
      .output("y")
      .build();
}

RC_GTEST_PROP(SpaceToDepth, IsTheSameConvolution, ()) {
  Case one;
  one.channels = *rc::gen::inRange<std::int64_t>(1, 5);
  one.kernel_height = *rc::gen::inRange<std::int64_t>(1, 4);
  one.kernel_width = *rc::gen::inRange<std::int64_t>(1, 4);
  for (auto& pad : one.pads) {
    pad = *rc::gen::inRange<std::int64_t>(0, 3);
  }
  const auto swaps = *rc::gen::inRange<int>(0, 24);
  for (int i = 0; i < swaps; ++i) {
    std::ranges::next_permutation(one.order);
  }
  one.two_slices = *rc::gen::arbitrary<bool>();
  const auto model = focus(one);
  auto folded = model.clone();
  const auto result = onnx::normalize_for_quantization(folded);
  RC_ASSERT(result.has_value());
  RC_ASSERT(result->folded_slices == 1);
  RC_ASSERT(folded.nodes().size() == 1U);
  Feeds feeds;
  feeds.emplace("image", noise({1, one.channels, 12, 10}, 9));
  const auto before = differential::run(model, feeds, runtime::OptLevel::kDisabled);
  const auto after = differential::run(folded, feeds, runtime::OptLevel::kDisabled);
  RC_ASSERT(before.has_value());
  RC_ASSERT(after.has_value());
  const auto& wanted = before->at("y");
  const auto& got = after->at("y");
  RC_ASSERT(wanted.shape() == got.shape());
  for (std::size_t i = 0; i < wanted.as<float>().size(); ++i) {
    RC_ASSERT(std::abs(wanted.as<float>()[i] - got.as<float>()[i]) < 1e-5F);
  }
}

}  // namespace
}  // namespace tessera::quantize
