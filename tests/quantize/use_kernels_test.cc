// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Models with the operators of libtessera_kernels compute what those of stock operators do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "quantize/passes.h"
#include "support/differential.h"
#include "tessera/onnx/domains.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

Tensor ints(const Ints& values) {
  return Tensor::of(values, {static_cast<std::int64_t>(values.size())});
}

/// x [1, 4, 9, 8] -> Conv -> h; what `between` makes of it -> y, the output.
Model behind_conv(const std::function<void(ModelBuilder&)>& between) {
  ModelBuilder builder(13);
  builder.input("x", {1, 4, 9, 8})
      .weight("w", {4, 4, 3, 3}, 0.3)
      .op("Conv", {"x", "w"}, {"h"}, {{"pads", Ints{1, 1, 1, 1}}});
  between(builder);
  return builder.output("y").build();
}

Model quantized(const Model& given, Format format, const Feeds& feeds) {
  auto model = given.clone();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto ranges = measure(model, feeds).value();
  const auto scheme = static_scheme(format, DType::kUInt8, DType::kInt8, true);
  return std::move(quantize_all(model, scheme, &ranges).value().model);
}

/// Operators of the library by type.
std::map<std::string, int> own_types(const Model& model) {
  std::map<std::string, int> counts;
  for (const auto node : model.nodes()) {
    if (model.domain(node) == onnx::kKernelsDomain) {
      ++counts[model.op_type(node)];
    }
  }
  return counts;
}

struct Case {
  std::string name;
  std::function<void(ModelBuilder&)> between;
  std::string own_type;  ///< operator of the library that there must be; none: there must be none
  bool exact = true;     ///< else the last step, which is not known to the bit, may differ
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

Case one(std::string name, std::string op, std::vector<std::string> inputs,
         std::vector<onnx::NamedAttribute> attributes, std::string own_type, bool exact = true) {
  return {std::move(name),
          [=](ModelBuilder& builder) {
            builder.constant("twice", Tensor::of(std::vector<float>{1, 1, 2, 3}, {4}))
                .constant("half", Tensor::of(std::vector<float>{1, 1, 2.5F, 1}, {4}))
                .constant("starts", ints({1, 0}))
                .constant("ends", ints({std::numeric_limits<std::int64_t>::max(),
                                        std::numeric_limits<std::int64_t>::max()}))
                .constant("factor", Tensor::of(std::vector<float>{-0.7F}, {1}))
                .constant("near", ints({7, 7}))
                .constant("one", ints({1}))
                .constant("end", ints({std::numeric_limits<std::int64_t>::max()}))
                .constant("channels", ints({1}))
                .constant("axes", ints({-2, 3}))
                .constant("steps", ints({2, 3}))
                .op(op, inputs, {"y"}, attributes);
          },
          std::move(own_type), exact};
}

Case of_two(std::string op, std::string own_type) {
  return {op + "OfTwo",
          [op](ModelBuilder& builder) {
            builder.weight("v", {4, 4, 3, 3}, 0.3)
                .op("Conv", {"x", "v"}, {"g"}, {{"pads", Ints{1, 1, 1, 1}}})
                .op(op, {"h", "g"}, {"y"});
          },
          std::move(own_type), false};
}

std::vector<Case> cases() {
  using Text = std::string;
  return {
      one("Add", "Add", {"h", "h"}, {}, "Lookup", false),
      one("Mul", "Mul", {"h", "h"}, {}, "Lookup", false),
      one("Concat", "Concat", {"h", "h"}, {{"axis", std::int64_t{1}}}, "QLinearConcat"),
      // By one element with an axis of its own, right before the output.
      one("MulByOneElement", "Mul", {"h", "factor"}, {}, "Lookup", false),
      one("SoftmaxOfChannels", "Softmax", {"h"}, {{"axis", std::int64_t{1}}}, "QLinearSoftmax",
          false),
      one("SoftmaxOfRows", "Softmax", {"h"}, {}, "QLinearSoftmax", false),
      of_two("Add", "QLinearAdd"),
      of_two("Mul", "QLinearMul"),
      {"Depthwise",
       [](ModelBuilder& builder) {
         builder.weight("v", {4, 1, 3, 3}).weight("b", {4});
         builder.op("Conv", {"h", "v", "b"}, {"y"},
                    {{"group", std::int64_t{4}}, {"strides", Ints{2, 1}}});
       },
       "QLinearConv"},
      {"TwoKernelsPerChannel",
       [](ModelBuilder& builder) {
         builder.weight("v", {8, 1, 3, 3});
         builder.op("Conv", {"h", "v"}, {"y"}, {{"group", std::int64_t{4}}});
       },
       ""},
      {"Grouped",
       [](ModelBuilder& builder) {
         builder.weight("v", {4, 2, 3, 3})
             .op("Conv", {"h", "v"}, {"y"}, {{"group", std::int64_t{2}}});
       },
       ""},
      one("MaxPool", "MaxPool", {"h"},
          {{"kernel_shape", Ints{3, 2}}, {"pads", Ints{1, 0, 1, 1}}, {"strides", Ints{2, 1}}},
          "NhwcMaxPool"),
      one("MaxPoolWithCeiling", "MaxPool", {"h"},
          {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", std::int64_t{1}}},
          ""),
      one("ResizeAsymmetric", "Resize", {"h", "", "twice"},
          {{"mode", Text("nearest")},
           {"coordinate_transformation_mode", Text("asymmetric")},
           {"nearest_mode", Text("floor")}},
          "NhwcUpsample"),
      one("ResizeByHalfPixels", "Resize", {"h", "", "twice"}, {{"mode", Text("nearest")}},
          "NhwcUpsample"),
      one("ResizeByParts", "Resize", {"h", "", "half"}, {{"mode", Text("nearest")}}, ""),
      one("ResizeUpwards", "Resize", {"h", "", "twice"},
          {{"mode", Text("nearest")},
           {"coordinate_transformation_mode", Text("asymmetric")},
           {"nearest_mode", Text("ceil")}},
          ""),
      one("Slice", "Slice", {"h", "starts", "ends", "axes", "steps"}, {}, "NhwcSlice"),
      one("SliceByOnes", "Slice", {"h", "starts", "ends", "axes"}, {}, "NhwcSlice"),
      one("SliceOfChannels", "Slice", {"h", "one", "end", "channels"}, {}, ""),
      one("SliceNotToTheEnd", "Slice", {"h", "starts", "near", "axes"}, {}, ""),
  };
}

class UseKernels : public ::testing::TestWithParam<Case> {};

TEST_P(UseKernels, Model_ComputesWhatStockOperatorsDo) {
  const auto& test = GetParam();
  const auto model = behind_conv(test.between);
  const auto feeds = random_feeds(model, 11);
  const auto stock = quantized(model, Format::kQOperator, feeds);
  const auto own = quantized(model, Format::kKernels, feeds);
  EXPECT_TRUE(own_types(stock).empty());
  const auto found = own_types(own);
  if (test.own_type.empty()) {
    EXPECT_TRUE(found.empty()) << found.begin()->first;
  } else {
    EXPECT_EQ(found.count(test.own_type), 1U);
  }
  const auto extrema =
      numerics::find_min_max(run(model, feeds, OptLevel::kDisabled)->at("y").as<float>());
  const double step = double{std::max(extrema.max, 0.0F) - std::min(extrema.min, 0.0F)} / 255;
  for (const auto level : kLevels) {
    SCOPED_TRACE(to_string(level));
    const auto wanted = run(stock, feeds, level);
    const auto got = run(own, feeds, level);
    ASSERT_THAT(wanted, IsOk());
    ASSERT_THAT(got, IsOk());
    ASSERT_EQ(wanted->at("y").shape(), got->at("y").shape());
    EXPECT_LE(largest_difference(wanted->at("y"), got->at("y")), test.exact ? 0 : 1.5 * step);
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, UseKernels, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(UseKernelsModel, ScalesThatAreComputed_StayWithTheRuntime) {
  for (const bool constant : {false, true}) {
    ModelBuilder builder(13);
    builder.input("a", {4}, DType::kUInt8).constant("zero", Tensor::scalar(std::uint8_t{3}));
    if (constant) {
      builder.constant("scale", Tensor::scalar(0.5F));
    } else {
      builder.input("scale", {});
    }
    auto model =
        builder
            .op("QLinearAdd", {"a", "scale", "zero", "a", "scale", "zero", "scale", "zero"}, {"y"},
                {}, onnx::kMicrosoftDomain)
            .output("y")
            .build();
    use_kernels(model, {});
    EXPECT_EQ(own_types(model).count("QLinearAdd"), constant ? 1U : 0U);
  }
}

TEST(UseKernelsModel, SoftmaxToAScaleThatIsComputed_StaysWithTheRuntime) {
  for (const bool constant : {false, true}) {
    ModelBuilder builder(13);
    builder.input("a", {4}, DType::kUInt8)
        .constant("zero", Tensor::scalar(std::uint8_t{3}))
        .constant("scale", Tensor::scalar(0.5F));
    if (!constant) {
      builder.input("result_scale", {});
    }
    const std::string result_scale = constant ? "scale" : "result_scale";
    auto model =
        builder
            .op("QLinearSoftmax", {"a", "scale", "zero", result_scale, "zero"}, {"y"},
                {{"axis", std::int64_t{0}}, {"opset", std::int64_t{13}}}, onnx::kMicrosoftDomain)
            .output("y")
            .build();
    use_kernels(model, {});
    EXPECT_EQ(own_types(model).count("QLinearSoftmax"), constant ? 1U : 0U);
  }
}

/// Pixels of floats are the runtime's, wherever they lie.
TEST(UseKernelsModel, SliceThatStaysInFloat_StaysWithTheRuntime) {
  ModelBuilder builder(17);
  auto model = builder.input("x", {1, 4, 8, 8})
                   .constant("starts", ints({1, 0}))
                   .constant("ends", ints({std::numeric_limits<std::int64_t>::max(),
                                           std::numeric_limits<std::int64_t>::max()}))
                   .constant("axes", ints({2, 3}))
                   .constant("steps", ints({2, 2}))
                   .named_op("slice", "Slice", {"x", "starts", "ends", "axes", "steps"}, {"h"})
                   .weight("v", {4, 4, 3, 3})
                   .op("Conv", {"h", "v"}, {"y"})
                   .output("y")
                   .build();
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  const auto feeds = random_feeds(model, 11);
  const auto ranges = measure(model, feeds).value();
  const auto scheme = static_scheme(Format::kKernels, DType::kUInt8, DType::kInt8, true);
  for (const bool left : {false, true}) {
    const auto names = left ? std::vector<std::string>{"slice"} : std::vector<std::string>{};
    const auto quantized = quantize_all(model, scheme, &ranges, names).value();
    EXPECT_EQ(own_types(quantized.model).count("NhwcSlice"), left ? 0U : 1U);
    EXPECT_THAT(run(quantized.model, feeds, OptLevel::kAll), IsOk());
  }
}

TEST(UseKernelsModel, File_SaysWhatItNeeds) {
  const auto model = behind_conv([](ModelBuilder& builder) { builder.op("Tanh", {"h"}, {"y"}); });
  const auto feeds = random_feeds(model, 2);
  const auto own = quantized(model, Format::kKernels, feeds);
  EXPECT_EQ(own.metadata("tessera.needs"), "libtessera_kernels.so");
  EXPECT_EQ(own.opset(onnx::kKernelsDomain), onnx::kKernelsOpset);
  EXPECT_FALSE(quantized(model, Format::kQOperator, feeds).metadata("tessera.needs"));
}

}  // namespace
}  // namespace tessera::quantize
