// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A model that is written channels-last computes the same, bit for bit, at every level.
#include "tessera/onnx/channels_last.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <optional>

#include "support/differential.h"
#include "tessera/core/random.h"
#include "tessera/onnx/domains.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::LayoutChange;
using onnx::Model;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

Tensor ints(const Ints& values) {
  return Tensor::of(values, {static_cast<std::int64_t>(values.size())});
}

/// x [1, 4, 8, 8] -> Conv -> h [1, 4, 8, 8].
ModelBuilder behind_conv() {
  ModelBuilder builder(13);
  builder.input("x", {1, 4, 8, 8})
      .weight("w", {4, 4, 3, 3}, 0.3)
      .op("Conv", {"x", "w"}, {"h"}, {{"pads", Ints{1, 1, 1, 1}}});
  return builder;
}

/// y [1, C, H, W] -> Conv -> z, the output, where `channels` is C.
Model before_conv(ModelBuilder& builder, std::int64_t channels) {
  return builder.weight("last", {5, channels, 1, 1}, 0.3)
      .op("Conv", {"y", "last"}, {"z"})
      .output("z")
      .build();
}

Quantized quantized(Model model, const Feeds& feeds) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto ranges = measure(model, feeds).value();
  auto scheme = static_scheme(Format::kQOperator, DType::kUInt8, DType::kInt8, true);
  return quantize_all(model, scheme, &ranges).value();
}

Feeds feeds_of(const Model& model) {
  return random_feeds(model, 5);
}

void expect_equal(const Model& wanted, const Model& got, const Feeds& feeds) {
  for (const auto level : kLevels) {
    SCOPED_TRACE(to_string(level));
    const auto reference = run(wanted, feeds, level);
    const auto values = run(got, feeds, level);
    ASSERT_THAT(reference, IsOk());
    ASSERT_THAT(values, IsOk());
    ASSERT_EQ(reference->size(), values->size());
    for (const auto& [name, tensor] : *reference) {
      EXPECT_EQ(tensor.shape(), values->at(name).shape()) << name;
      EXPECT_TRUE(std::ranges::equal(tensor.bytes(), values->at(name).bytes())) << name;
    }
  }
}

struct Case {
  std::string name;
  std::function<Model()> build;
  /// Transposes of a model that is channels-last from its input to its output.
  std::int64_t transposes = 2;
  std::optional<std::size_t> operators = {};  ///< that are moved, where it matters which
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

Case between(std::string name, std::string op, std::vector<std::string> inputs,
             std::vector<onnx::NamedAttribute> attributes = {}, std::int64_t channels = 4) {
  return {std::move(name), [=] {
            auto builder = behind_conv();
            builder.constant("axes", ints({3, 2}))
                .constant("starts", ints({1, 0}))
                .constant("ends", ints({7, 6}))
                .constant("first", ints({0, 1, 2, 1}))
                .constant("beyond", ints({1, 3, 8, 7}))
                .constant("pads", ints({0, 0, 1, 2, 0, 0, 3, 0}))
                .constant("scales", Tensor::of(std::vector<float>{1, 1, 2, 3}, {4}))
                .constant("sizes", ints({1, 4, 16, 8}))
                .weight("scalar", {})
                .weight("channels", {4, 1, 1})
                .weight("places", {8, 8})
                .weight("all", {1, 4, 8, 8})
                .op(op, inputs, {"y"}, attributes);
            return before_conv(builder, channels);
          }};
}

std::vector<Case> cases() {
  const onnx::NamedAttribute two{"kernel_shape", Ints{2, 2}};
  return {
      {"Conv", [] { return behind_conv().output("h").build(); }},
      {"Convs", [] { return before_conv(behind_conv().op("Relu", {"h"}, {"y"}), 4); }},
      {"Depthwise",
       [] {
         return before_conv(behind_conv()
                                .weight("v", {4, 1, 3, 3})
                                .op("Conv", {"h", "v"}, {"y"}, {{"group", std::int64_t{4}}}),
                            4);
       }},
      between("Add", "Add", {"h", "h"}),
      between("AddOfAll", "Add", {"h", "all"}),
      between("AddOfChannels", "Add", {"h", "channels"}),
      between("AddOfPlaces", "Add", {"places", "h"}),
      between("AveragePool", "AveragePool", {"h"}, {two}),
      between("ConcatOfChannels", "Concat", {"h", "h"}, {{"axis", std::int64_t{1}}}, 8),
      between("ConcatOfRows", "Concat", {"h", "h", "h"}, {{"axis", std::int64_t{-2}}}),
      between("GlobalAveragePool", "GlobalAveragePool", {"h"}),
      between("LeakyRelu", "LeakyRelu", {"h"}, {{"alpha", 0.1F}}),
      between("MaxPool", "MaxPool", {"h"},
              {{"kernel_shape", Ints{3, 2}}, {"pads", Ints{1, 0, 1, 1}}, {"strides", Ints{2, 1}}}),
      between("MulByScalar", "Mul", {"h", "scalar"}),
      between("ResizeByScales", "Resize", {"h", "", "scales"}, {{"mode", std::string("nearest")}}),
      between("ResizeBySizes", "Resize", {"h", "", "", "sizes"},
              {{"mode", std::string("nearest")}}),
      between("Sigmoid", "Sigmoid", {"h"}),
      between("SliceByAxes", "Slice", {"h", "starts", "ends", "axes"}),
      between("SliceOfAll", "Slice", {"h", "first", "beyond"}, {}, 2),
      // A float operator between roundings goes along.
      between("Tanh", "Tanh", {"h"}),
      {"Split",
       [] {
         return before_conv(
             behind_conv()
                 .constant("parts", ints({1, 3}))
                 .op("Split", {"h", "parts"}, {"a", "b"}, {{"axis", std::int64_t{1}}})
                 .op("Concat", {"b", "a"}, {"y"}, {{"axis", std::int64_t{1}}}),
             4);
       }},
      // Every second pixel of an image, four times, side by side.
      {"SpaceToDepth",
       [] {
         ModelBuilder builder(13);
         builder.input("x", {1, 3, 8, 8})
             .constant("even", ints({0}))
             .constant("odd", ints({1}))
             .constant("end", ints({std::numeric_limits<std::int64_t>::max()}))
             .constant("rows", ints({2}))
             .constant("columns", ints({3}))
             .constant("two", ints({2}))
             .op("Slice", {"x", "even", "end", "rows", "two"}, {"r0"})
             .op("Slice", {"x", "odd", "end", "rows", "two"}, {"r1"})
             .op("Slice", {"r0", "even", "end", "columns", "two"}, {"p00"})
             .op("Slice", {"r0", "odd", "end", "columns", "two"}, {"p01"})
             .op("Slice", {"r1", "even", "end", "columns", "two"}, {"p10"})
             .op("Slice", {"r1", "odd", "end", "columns", "two"}, {"p11"})
             .op("Concat", {"p00", "p10", "p01", "p11"}, {"y"}, {{"axis", std::int64_t{1}}});
         return before_conv(builder, 12);
       },
       2, 8},
      // What has fewer extents cannot be moved, nor what adds it.
      {"AddOfFewerExtents",
       [] {
         auto builder = behind_conv();
         builder.input("s", {4, 1, 1}).op("Add", {"h", "s"}, {"y"});
         return before_conv(builder, 4);
       },
       4, 2},
      // Values that leave in between, and readers that stay channels-first.
      {"ReadByBoth",
       [] {
         auto builder = behind_conv();
         builder.op("Flatten", {"h"}, {"flat"})
             .output("flat")
             .output("h")
             .op("Sigmoid", {"h"}, {"y"});
         return before_conv(builder, 4);
       },
       3},
      {"TransposeBehind",
       [] {
         return behind_conv()
             .op("Transpose", {"h"}, {"y"}, {{"perm", Ints{0, 2, 3, 1}}})
             .op("Flatten", {"y"}, {"z"})
             .output("z")
             .build();
       },
       1},
      {"InOneDimension",
       [] {
         return ModelBuilder(13)
             .input("x", {1, 4, 12})
             .weight("w", {6, 4, 3})
             .op("Conv", {"x", "w"}, {"y"})
             .output("y")
             .build();
       },
       0},
  };
}

class ChannelsLast : public ::testing::TestWithParam<Case> {};

TEST_P(ChannelsLast, Model_ComputesTheSameWithTransposesAtItsBordersOnly) {
  const auto model = GetParam().build();
  const auto feeds = feeds_of(model);
  const auto before = quantized(model.clone(), feeds);
  auto after = before.model.clone();
  const auto change = onnx::write_channels_last(after);
  ASSERT_THAT(change, IsOk());
  EXPECT_EQ(change->transposes, GetParam().transposes);
  EXPECT_EQ(change->operators.empty(), GetParam().transposes == 0);
  EXPECT_EQ(change->operators.size(), GetParam().operators.value_or(change->operators.size()));
  expect_equal(before.model, after, feeds);
}

INSTANTIATE_TEST_SUITE_P(Operators, ChannelsLast, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ChannelsLastModel, WrittenTwice_IsWrittenOnce) {
  const auto model = before_conv(behind_conv().op("Sigmoid", {"h"}, {"y"}), 4);
  const auto feeds = feeds_of(model);
  auto after = quantized(model.clone(), feeds).model;
  ASSERT_THAT(onnx::write_channels_last(after), IsOk());
  const auto once = after.serialize().value();
  const auto again = onnx::write_channels_last(after);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->operators.empty());
  EXPECT_EQ(after.serialize().value(), once);
}

TEST(ChannelsLastModel, TablesPerChannel_KeepTheLayoutThatTheyAreFor) {
  for (const bool several : {false, true}) {
    ModelBuilder builder(13);
    builder.input("x", {1, 2, 4, 4}, DType::kUInt8)
        .constant("one", Tensor::scalar(1.0F))
        .constant("zero", Tensor::scalar(std::uint8_t{0}))
        .constant("signed", Tensor::scalar(std::int8_t{0}))
        .constant("w", Tensor(DType::kInt8, {4, 2, 1, 1}))
        .constant("table", Tensor(DType::kUInt8, several ? Shape{4, 256} : Shape{256}))
        .op("QLinearConv", {"x", "one", "zero", "w", "one", "signed", "one", "zero"}, {"h"})
        .op("Lookup", {"h", "table"}, {"y"}, {}, onnx::kKernelsDomain);
    auto model = builder.output("y").build();
    const auto change = onnx::write_channels_last(model);
    ASSERT_THAT(change, IsOk());
    EXPECT_EQ(change->operators.size(), several ? 1U : 2U);
  }
}

/// Random networks: chains with branches of whatever has a form.
Model random_network(std::uint64_t seed) {
  Random random(seed);
  auto builder = behind_conv();
  builder.constant("starts", ints({0, 1}))
      .constant("ends", ints({4, 7}))
      .constant("axes", ints({1, 3}));
  std::vector<std::pair<std::string, Ints>> values{{"h", {4, 8, 8}}};
  const auto count = 3 + static_cast<int>(random.below(8));
  for (int i = 0; i < count; ++i) {
    const auto [from, shape] = values[random.below(values.size())];
    const auto name = "v" + std::to_string(i);
    auto result = shape;
    switch (random.below(9)) {
      case 0: {
        const auto kernel = "k" + std::to_string(i);
        builder.weight(kernel, {3, shape[0], 1, 1}, 0.3).op("Conv", {from, kernel}, {name});
        result[0] = 3;
        break;
      }
      case 1:
        builder.op("Sigmoid", {from}, {name});
        break;
      case 2:
        builder.op("Tanh", {from}, {name});
        break;
      case 3:
        builder.op("MaxPool", {from}, {name},
                   {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}});
        break;
      case 4:
        builder.op("Mul", {from, from}, {name});
        break;
      case 5:
        builder.op("Concat", {from, from}, {name}, {{"axis", std::int64_t{1}}});
        result[0] *= 2;
        break;
      case 6:
        builder.op("Transpose", {from}, {name}, {{"perm", Ints{0, 1, 3, 2}}});
        std::swap(result[1], result[2]);
        break;
      case 7:
        builder.op("Softmax", {from}, {name}, {{"axis", std::int64_t{1}}});
        break;
      default:
        builder.op("Add", {from, from}, {name});
        break;
    }
    values.emplace_back(name, result);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i + 1 == values.size() || random.below(4) == 0) {
      builder.output(values[i].first);
    }
  }
  return builder.build();
}

TEST(ChannelsLastModel, RandomNetworks_ComputeTheSame) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    const auto model = random_network(seed);
    const auto feeds = feeds_of(model);
    const auto before = quantized(model.clone(), feeds);
    auto after = before.model.clone();
    ASSERT_THAT(onnx::write_channels_last(after), IsOk());
    expect_equal(before.model, after, feeds);
  }
}

}  // namespace
}  // namespace tessera::quantize
