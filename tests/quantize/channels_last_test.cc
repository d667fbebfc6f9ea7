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
#include "tessera/onnx/image_shapes.h"

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

std::map<std::string, int> types_of(const Model& model) {
  std::map<std::string, int> counts;
  for (const auto node : model.nodes()) {
    ++counts[model.op_type(node)];
  }
  return counts;
}

/// The channels of [1, C, H, W] dealt out by group, as exporters write it.
ModelBuilder& shuffle(ModelBuilder& builder, const std::string& from, const std::string& to,
                      const Ints& shape, std::int64_t groups) {
  return builder
      .constant(to + "_split", ints({shape[0], groups, shape[1] / groups, shape[2], shape[3]}))
      .constant(to + "_join", ints(shape))
      .op("Reshape", {from, to + "_split"}, {to + "_groups"})
      .op("Transpose", {to + "_groups"}, {to + "_dealt"}, {{"perm", Ints{0, 2, 1, 3, 4}}})
      .op("Reshape", {to + "_dealt", to + "_join"}, {to});
}

Tensor random_bytes(DType dtype, const Shape& shape, Random& random) {
  Tensor tensor(dtype, shape);
  for (auto& byte : tensor.bytes()) {
    byte = static_cast<std::byte>(random.below(256));
  }
  return tensor;
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
         builder
             .input("x", {1, 5, 8, 8})  // with up to 4 channels it is a convolution with a stride
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
         return before_conv(builder, 20);
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
      // An image whose channels are last already, with and without another reader.
      {"TransposeInFront",
       [] {
         return ModelBuilder(13)
             .input("x", {1, 8, 8, 4})
             .weight("w", {4, 4, 3, 3}, 0.3)
             .op("Transpose", {"x"}, {"first"}, {{"perm", Ints{0, 3, 1, 2}}})
             .op("Conv", {"first", "w"}, {"y"})
             .op("Transpose", {"y"}, {"z"}, {{"perm", Ints{0, 2, 3, 1}}})
             .output("z")
             .build();
       },
       0, 1},
      {"TransposeInFrontReadTwice",
       [] {
         return ModelBuilder(13)
             .input("x", {1, 8, 8, 4})
             .weight("w", {4, 4, 3, 3}, 0.3)
             .op("Transpose", {"x"}, {"first"}, {{"perm", Ints{0, 3, 1, 2}}})
             .op("Conv", {"first", "w"}, {"y"})
             .op("Flatten", {"first"}, {"flat"})
             .output("y")
             .output("flat")
             .build();
       },
       1, 1},
      {"TransposeOfRowsInFront",
       [] {
         return ModelBuilder(13)
             .input("x", {1, 4, 8, 8})
             .weight("w", {4, 4, 3, 3}, 0.3)
             .op("Transpose", {"x"}, {"turned"}, {{"perm", Ints{0, 1, 3, 2}}})
             .op("Conv", {"turned", "w"}, {"y"})
             .output("y")
             .build();
       },
       2},
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
  EXPECT_EQ(change->operators.empty(), GetParam().name == "InOneDimension");
  EXPECT_EQ(change->operators.size(), GetParam().operators.value_or(change->operators.size()));
  expect_equal(before.model, after, feeds);
}

INSTANTIATE_TEST_SUITE_P(Operators, ChannelsLast, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

/// Between layers that stay in float.
TEST(ChannelsLastModel, PoolOfBytesAlone_IsWorthTheTransposes) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4, 9, 9})
                   .constant("scale", Tensor::scalar(0.05F))
                   .constant("zero", Tensor::scalar(std::uint8_t{128}))
                   .op("QuantizeLinear", {"x", "scale", "zero"}, {"q"})
                   .op("MaxPool", {"q"}, {"p"}, {{"kernel_shape", std::vector<std::int64_t>{3, 3}}})
                   .op("DequantizeLinear", {"p", "scale", "zero"}, {"y"})
                   .output("y")
                   .build();
  const auto feeds = feeds_of(model);
  const auto before = model.clone();
  ASSERT_THAT(onnx::write_channels_last(model), IsOk());
  std::vector<std::string> types;
  for (const auto node : model.nodes()) {
    types.push_back(model.op_type(node));
  }
  EXPECT_THAT(types, ::testing::UnorderedElementsAre("QuantizeLinear", "Transpose", "NhwcMaxPool",
                                                     "Transpose", "DequantizeLinear"));
  expect_equal(before, model, feeds);
}

TEST(ChannelsLastModel, PoolOfFloats_StaysAsItIs) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4, 9, 9})
                   .op("MaxPool", {"x"}, {"y"}, {{"kernel_shape", std::vector<std::int64_t>{3, 3}}})
                   .output("y")
                   .build();
  const auto change = onnx::write_channels_last(model);
  ASSERT_THAT(change, IsOk());
  EXPECT_THAT(change->operators, ::testing::IsEmpty());
  EXPECT_EQ(model.op_type(model.nodes()[0]), "MaxPool");
}

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

TEST(ChannelsLastModel, InputThatIsChannelsLast_IsReadAsItIs) {
  for (const bool rounded_first : {false, true}) {
    for (const bool read_twice : {false, true}) {
      Random random(3);
      const onnx::NamedAttribute to_first{"perm", Ints{0, 3, 1, 2}};
      ModelBuilder builder(13);
      builder.input("x", {1, 5, 6, 4})
          .constant("scale", Tensor::scalar(0.02F))
          .constant("zero", Tensor::scalar(std::uint8_t{120}))
          .constant("none", Tensor::scalar(std::int8_t{0}))
          .constant("w", random_bytes(DType::kInt8, {3, 4, 3, 3}, random));
      if (rounded_first) {
        builder.op("QuantizeLinear", {"x", "scale", "zero"}, {"h"})
            .op("Transpose", {"h"}, {"q"}, {to_first});
      } else {
        builder.op("Transpose", {"x"}, {"h"}, {to_first})
            .op("QuantizeLinear", {"h", "scale", "zero"}, {"q"});
      }
      builder
          .op("QLinearConv", {"q", "scale", "zero", "w", "scale", "none", "scale", "zero"}, {"y"})
          .output("y");
      if (read_twice) {
        builder.output("q");
      }
      const auto before = builder.build();
      auto after = before.clone();
      ASSERT_THAT(onnx::write_channels_last(after), IsOk());
      EXPECT_EQ(types_of(after)["Transpose"], read_twice ? 2 : 1);
      expect_equal(before, after, feeds_of(before));
    }
  }
}

struct ShuffleCase {
  std::string name;
  std::function<void(ModelBuilder&)> build;  ///< y of h, [1, 12, 8, 8] by way of a shuffle
  int moved = 0;                             ///< Transposes but for those at the borders
};

void PrintTo(const ShuffleCase& test, std::ostream* out) {
  *out << test.name;
}

ModelBuilder wide_conv() {
  ModelBuilder builder(13);
  builder.input("x", {1, 4, 8, 8})
      .weight("w", {12, 4, 3, 3}, 0.3)
      .weight("bias", {12})
      .op("Conv", {"x", "w", "bias"}, {"h"}, {{"pads", Ints{1, 1, 1, 1}}});
  return builder;
}

std::vector<ShuffleCase> shuffle_cases() {
  const Ints shape{1, 12, 8, 8};
  const onnx::NamedAttribute by_channel{"group", std::int64_t{12}};
  return {
      {"Conv", [=](auto& builder) { shuffle(builder, "h", "y", shape, 3); }},
      {"ByTheBatch",
       [=](auto& builder) {
         shuffle(builder, "h", "y", shape, 3)
             .constant("y_split", ints({0, 3, 4, 8, -1}))
             .constant("y_join", ints({-1, 12, 8, 8}));
       }},
      {"Activation",
       [=](auto& builder) { shuffle(builder.op("LeakyRelu", {"h"}, {"a"}), "a", "y", shape, 4); }},
      {"Pools",
       [=](auto& builder) {
         const onnx::NamedAttribute three{"kernel_shape", Ints{3, 3}};
         const onnx::NamedAttribute around{"pads", Ints{1, 1, 1, 1}};
         builder.op("MaxPool", {"h"}, {"a"}, {three, around})
             .op("AveragePool", {"a"}, {"b"}, {three, around});
         shuffle(builder, "b", "y", shape, 2);
       }},
      {"Depthwise",
       [=](auto& builder) {
         builder.weight("v", {12, 1, 1, 1})
             .weight("c", {12})
             .op("Conv", {"h", "v", "c"}, {"a"}, {by_channel});
         shuffle(builder, "a", "y", shape, 6);
       }},
      {"Twice",
       [=](auto& builder) {
         shuffle(builder, "h", "a", shape, 3);
         shuffle(builder.op("Sigmoid", {"a"}, {"b"}), "b", "y", shape, 2);
       }},
      // The channels of groups cannot change places, nor those that others read.
      {"Grouped",
       [=](auto& builder) {
         builder.weight("v", {12, 3, 1, 1})
             .op("Conv", {"h", "v"}, {"a"}, {{"group", std::int64_t{4}}});
         shuffle(builder, "a", "y", shape, 4);
       },
       1},
      {"ReadTwice",
       [=](auto& builder) {
         shuffle(builder, "h", "a", shape, 3).op("Add", {"a", "h"}, {"y"});
       },
       1},
      {"Concat",
       [=](auto& builder) {
         builder.weight("v", {6, 12, 1, 1}, 0.3)
             .op("Conv", {"h", "v"}, {"a"})
             .op("Concat", {"a", "a"}, {"b"}, {{"axis", std::int64_t{1}}});
         shuffle(builder, "b", "y", shape, 2);
       },
       1},
      {"Sum",
       [=](auto& builder) {
         builder.weight("v", {12, 12, 1, 1}, 0.3)
             .op("Conv", {"h", "v"}, {"a"})
             .op("Add", {"a", "h"}, {"b"});
         shuffle(builder, "b", "y", shape, 2);
       },
       1},
      // Not along the channels: another image altogether, which stays as it is.
      {"OfRows",
       [=](auto& builder) {
         shuffle(builder, "h", "y", shape, 3).constant("y_split", ints({1, 6, 4, 4, 8}));
       },
       3},
      {"OfOtherRows",
       [=](auto& builder) {
         shuffle(builder, "h", "a", shape, 3)
             .constant("a_join", ints({1, 12, 4, 16}))
             .op("Reshape", {"a", "sizes"}, {"y"})
             .constant("sizes", ints(shape));
       },
       3},
  };
}

class ChannelShuffle : public ::testing::TestWithParam<ShuffleCase> {};

TEST_P(ChannelShuffle, Model_ComputesTheSame) {
  auto builder = wide_conv();
  GetParam().build(builder);
  const auto model = before_conv(builder, 12);
  const auto feeds = feeds_of(model);
  const auto before = quantized(model.clone(), feeds);
  auto after = before.model.clone();
  ASSERT_THAT(onnx::write_channels_last(after), IsOk());
  EXPECT_EQ(types_of(after)["Transpose"], 2 + GetParam().moved);
  EXPECT_EQ(types_of(after)["Gather"], 0);
  expect_equal(before.model, after, feeds);
}

INSTANTIATE_TEST_SUITE_P(Shuffles, ChannelShuffle, ::testing::ValuesIn(shuffle_cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ChannelsLastModel, ShuffleOfAnyBatch_IsNotTiedToOne) {
  for (const bool assumed : {false, true}) {
    ModelBuilder builder(13);
    builder
        .input("x",
               ValueType{DType::kFloat32, std::vector<Dim>{{-1, "n"}, {4, {}}, {8, {}}, {8, {}}}})
        .weight("w", {12, 4, 1, 1}, 0.3)
        .op("Conv", {"x", "w"}, {"h"});
    shuffle(builder, "h", "a", {-1, 12, 8, 8}, 3).op("Add", {"a", "h"}, {"y"});
    auto model = before_conv(builder, 12);
    const auto feeds = feeds_of(model);
    if (assumed) {
      model.assume_shape("x", std::vector<Dim>{{1, {}}, {4, {}}, {8, {}}, {8, {}}});
    }
    const auto before = quantized(model.clone(), feeds);
    auto after = before.model.clone();
    ASSERT_THAT(onnx::write_channels_last(after), IsOk());
    EXPECT_EQ(types_of(after)["Transpose"], 3);
    for (const std::int64_t batch : {1, 3}) {
      expect_equal(before.model, after, {{"x", testing::random_tensor({batch, 4, 8, 8}, 5)}});
    }
  }
}

// --- convolutions of few channels ---------------------------------------------------------------

/// A QLinearConv of an image in 8 bits, whatever its extents.
struct Convolution {
  std::int64_t channels = 3;
  std::int64_t outputs = 5;
  Ints image{6, 8};
  Ints kernel{3, 3};
  Ints strides{1, 2};
  Ints pads{1, 1, 1, 1};
  bool per_channel = true;
  bool bias = true;
  std::int64_t group = 1;
  std::int8_t zero = 0;  ///< of the weights
  std::vector<onnx::NamedAttribute> others = {};
};

Model model_of(const Convolution& wanted, Random& random) {
  const auto scales = wanted.per_channel ? wanted.outputs : 1;
  Tensor scale(DType::kFloat32, {scales});
  for (auto& value : scale.as<float>()) {
    value = static_cast<float>(0.1 + random.uniform());
  }
  Tensor bias(DType::kInt32, {wanted.outputs});
  for (auto& value : bias.as<std::int32_t>()) {
    value = static_cast<std::int32_t>(random.below(2000)) - 1000;
  }
  Tensor zeros(DType::kInt8, {scales});
  std::ranges::fill(zeros.as<std::int8_t>(), wanted.zero);
  auto attributes = wanted.others;
  attributes.push_back({"group", wanted.group});
  attributes.push_back({"strides", wanted.strides});
  if (!wanted.pads.empty()) {
    attributes.push_back({"pads", wanted.pads});
  }
  std::vector<std::string> inputs{"x", "one", "middle", "w", "scale", "zeros", "step", "middle"};
  if (wanted.bias) {
    inputs.emplace_back("bias");
  }
  return ModelBuilder(13)
      .input("x", {1, wanted.channels, wanted.image[0], wanted.image[1]}, DType::kUInt8)
      .constant("one", Tensor::scalar(1.0F))
      .constant("step", Tensor::scalar(150.0F))
      .constant("middle", Tensor::scalar(std::uint8_t{131}))
      .constant("w", random_bytes(DType::kInt8,
                                  {wanted.outputs, wanted.channels / wanted.group, wanted.kernel[0],
                                   wanted.kernel[1]},
                                  random))
      .constant("scale", std::move(scale))
      .constant("zeros", std::move(zeros))
      .constant("bias", std::move(bias))
      .op("QLinearConv", inputs, {"y"}, attributes)
      .output("y")
      .build();
}

/// Whether two columns were made one; the model computes the same in any case.
bool is_folded(const Convolution& wanted, std::uint64_t seed) {
  Random random(seed);
  const auto before = model_of(wanted, random);
  const Feeds feeds{
      {"x", random_bytes(DType::kUInt8, {1, wanted.channels, wanted.image[0], wanted.image[1]},
                         random)}};
  auto after = before.clone();
  EXPECT_THAT(onnx::write_channels_last(after), IsOk());
  expect_equal(before, after, feeds);
  return types_of(after)["Reshape"] == 2;
}

TEST(NarrowConvolution, OfAPhoto_IsFolded) {
  EXPECT_TRUE(is_folded({}, 1));
  EXPECT_TRUE(is_folded({.per_channel = false, .bias = false}, 2));
  EXPECT_TRUE(is_folded({.outputs = 1}, 3));
}

TEST(NarrowConvolution, ThatDoesNotPayOrDivide_StaysAsItIs) {
  EXPECT_FALSE(is_folded({.channels = 9, .outputs = 9}, 1));
  EXPECT_FALSE(
      is_folded({.outputs = 17, .image = {11, 8}, .kernel = {11, 9}, .pads = {5, 4, 5, 4}}, 9));
  EXPECT_FALSE(is_folded({.image = {6, 6}}, 2));
  EXPECT_FALSE(is_folded({.kernel = {3, 1}, .pads = {1, 0, 1, 0}}, 3));
  EXPECT_FALSE(is_folded({.strides = {1, 1}, .pads = {0, 0, 0, 0}}, 4));
  EXPECT_FALSE(is_folded({.outputs = 6, .group = 3}, 5));
  EXPECT_FALSE(is_folded({.zero = 3}, 6));
  EXPECT_FALSE(is_folded({.others = {{"dilations", Ints{1, 2}}}}, 7));
  EXPECT_FALSE(is_folded(
      {.kernel = {3, 2}, .pads = {}, .others = {{"auto_pad", std::string("SAME_UPPER")}}}, 8));
}

TEST(NarrowConvolution, Random_ComputesTheSame) {
  Random random(7);
  const auto number = [&](std::int64_t least, std::int64_t most) {
    return least +
           static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most - least + 1)));
  };
  int folded = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    const Ints kernel{number(1, 3), number(2, 7)};
    const Convolution wanted{.channels = number(1, 5),
                             .outputs = number(1, 9),
                             .image = {number(3, 6), 4 * number(2, 4)},
                             .kernel = kernel,
                             .strides = {number(1, 2), number(1, 2)},
                             .pads = {number(0, 1), number(0, 5), number(0, 1), number(0, 5)},
                             .per_channel = number(0, 1) == 1,
                             .bias = number(0, 1) == 1};
    folded += is_folded(wanted, seed) ? 1 : 0;
  }
  EXPECT_GT(folded, 30);
  EXPECT_LT(folded, 170);
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
    switch (random.below(10)) {
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
      case 8:
        if (shape[0] % 2 == 0) {
          shuffle(builder, from, name, {1, shape[0], shape[1], shape[2]}, 2);
        } else {
          builder.op("Relu", {from}, {name});
        }
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

// --- extents where types hold for one batch only ------------------------------------------------

onnx::ImageShapes shapes_in(Model model, bool assumed) {
  const auto feeds = feeds_of(model);
  if (assumed) {
    model.assume_shape("x", model.type_of("x")->shape);
  }
  const auto integers = quantized(std::move(model), feeds);
  return onnx::image_shapes(integers.model, integers.model.written_order().value());
}

/// How many shapes are known without the types of the values; they are those of the types.
std::size_t expect_same_shapes(const Model& model) {
  const auto typed = shapes_in(model.clone(), false);
  const auto followed = shapes_in(model.clone(), true);
  for (const auto& [value, shape] : followed) {
    const auto found = typed.find(value);
    EXPECT_TRUE(found != typed.end() && found->second == shape) << value;
  }
  return followed.size();
}

TEST(ImageShapes, OfImageNetworks_AreFollowedFromTheInput) {
  auto builder = wide_conv();
  builder.weight("v", {4, 12, 3, 2})
      .constant("parts", ints({1, 3}))
      .constant("scales", Tensor::of(std::vector<float>{1, 1, 2, 3}, {4}))
      .op("Conv", {"h", "v"}, {"a"},
          {{"pads", Ints{1, 0, 2, 1}}, {"strides", Ints{2, 1}}, {"dilations", Ints{1, 2}}})
      .op("MaxPool", {"a"}, {"b"}, {{"kernel_shape", Ints{2, 3}}, {"pads", Ints{0, 1, 1, 1}}})
      .op("AveragePool", {"b"}, {"c"}, {{"kernel_shape", Ints{2, 1}}})
      .op("Split", {"c", "parts"}, {"d", "e"}, {{"axis", std::int64_t{1}}})
      .op("Concat", {"e", "d"}, {"f"}, {{"axis", std::int64_t{1}}})
      .op("Add", {"f", "c"}, {"g"})
      .op("Resize", {"g", "", "scales"}, {"i"}, {{"mode", std::string("nearest")}})
      .op("Sigmoid", {"i"}, {"y"});
  // The input and its integers, and the results of all ten operators.
  EXPECT_GE(expect_same_shapes(before_conv(builder, 4)), 13U);
}

TEST(ImageShapes, OfRandomNetworks_AreThoseOfTheTypes) {
  std::size_t known = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    known += expect_same_shapes(random_network(seed));
  }
  EXPECT_GT(known, 300U);
}

}  // namespace
}  // namespace tessera::quantize
