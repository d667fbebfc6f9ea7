// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Dynamically quantized models load and run at every optimization level and stay close to float.

#include <cmath>
#include <functional>

#include "support/differential.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

struct Case {
  std::string name;
  std::function<Model()> build;
  std::string integer_type;  ///< operator that must take the place of the float one
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

Model matmul(std::initializer_list<std::int64_t> left, Shape right) {
  return ModelBuilder(13)
      .input("x", left)
      .weight("w", std::move(right))
      .op("MatMul", {"x", "w"}, {"y"})
      .output("y")
      .build();
}

Model gemm(std::vector<onnx::NamedAttribute> attributes, bool constant_bias = true) {
  const auto flag = [&](std::string_view name) {
    return std::any_of(attributes.begin(), attributes.end(),
                       [&](const auto& attribute) { return attribute.name == name; });
  };
  ModelBuilder builder(13);
  if (flag("transA")) {
    builder.input("x", {16, 3});
  } else {
    builder.input("x", {3, 16});
  }
  builder.weight("w", flag("transB") ? Shape{5, 16} : Shape{16, 5});
  if (constant_bias) {
    builder.weight("c", {5});
  } else {
    builder.input("c", {3, 5});
  }
  return builder.op("Gemm", {"x", "w", "c"}, {"y"}, std::move(attributes)).output("y").build();
}

Model conv(std::initializer_list<std::int64_t> data, Shape kernel,
           std::vector<onnx::NamedAttribute> attributes) {
  const auto channels = kernel.front();
  return ModelBuilder(13)
      .input("x", data)
      .weight("w", std::move(kernel))
      .weight("b", {channels})
      .op("Conv", {"x", "w", "b"}, {"y"}, std::move(attributes))
      .output("y")
      .build();
}

Model lstm(const std::string& direction) {
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  return ModelBuilder(14)
      .input("x", {5, 1, 8})
      .weight("w", {directions, 64, 8}, 0.3)
      .weight("r", {directions, 64, 16}, 0.3)
      .weight("b", {directions, 128}, 0.1)
      .op("LSTM", {"x", "w", "r", "b"}, {"y"},
          {{"hidden_size", std::int64_t{16}}, {"direction", direction}})
      .output("y")
      .build();
}

Model attention() {
  return ModelBuilder(13)
      .input("x", {1, 6, 16})
      .weight("w", {16, 48}, 0.3)
      .weight("b", {48}, 0.1)
      .op("Attention", {"x", "w", "b"}, {"y"}, {{"num_heads", std::int64_t{2}}}, "com.microsoft")
      .output("y")
      .build();
}

Model gather() {
  return ModelBuilder(13)
      .constant("indices", Tensor::of(Ints{0, 3, 5}, {3}))
      .input("x", {3, 8})
      .weight("table", {10, 8})
      .op("Gather", {"table", "indices"}, {"g"})
      .op("Add", {"g", "x"}, {"y"})
      .output("y")
      .build();
}

std::vector<Case> cases() {
  return {
      {"MatMul",
       [] {
         return matmul({2, 3, 16}, {16, 5});
       },
       "MatMulInteger"},
      {"MatMulBatchedWeights",
       [] {
         return matmul({2, 3, 16}, {2, 16, 5});
       },
       "MatMulInteger"},
      {"MatMulVector",
       [] {
         return matmul({3, 16}, {16});
       },
       "MatMulInteger"},
      {"Gemm", [] { return gemm({}); }, "MatMulInteger"},
      {"GemmTransB",
       [] {
         return gemm({{"transB", std::int64_t{1}}});
       },
       "MatMulInteger"},
      {"GemmTransA",
       [] {
         return gemm({{"transA", std::int64_t{1}}});
       },
       "MatMulInteger"},
      {"GemmScaled",
       [] {
         return gemm({{"alpha", -0.5F}, {"beta", 3.0F}});
       },
       "MatMulInteger"},
      {"GemmBiasAtRunTime",
       [] {
         return gemm({{"beta", 0.5F}}, false);
       },
       "MatMulInteger"},
      {"Conv",
       [] {
         return conv({1, 3, 8, 8}, {4, 3, 3, 3}, {{"pads", Ints{1, 1, 1, 1}}});
       },
       "ConvInteger"},
      {"ConvInOneDimension",
       [] {
         return conv({1, 3, 8}, {4, 3, 3}, {});
       },
       "ConvInteger"},
      {"ConvDepthwise",
       [] {
         return conv({1, 4, 8, 8}, {4, 1, 3, 3}, {{"group", std::int64_t{4}}});
       },
       "ConvInteger"},
      {"Lstm", [] { return lstm("forward"); }, "DynamicQuantizeLSTM"},
      {"LstmBothWays", [] { return lstm("bidirectional"); }, "DynamicQuantizeLSTM"},
      {"Attention", [] { return attention(); }, "QAttention"},
      {"Gather", [] { return gather(); }, "Gather"},
  };
}

Model inferred(Model model) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

Quantized quantized(const Model& model, const Scheme& scheme) {
  auto result = quantize_all(model, scheme, nullptr);
  EXPECT_THAT(result, IsOk());
  return *std::move(result);
}

double worst_sqnr_db(const Model& reference, const Model& candidate, const Feeds& feeds,
                     OptLevel level) {
  const auto wanted = run(reference, feeds, OptLevel::kDisabled).value();
  const auto got = run(candidate, feeds, level);
  if (!got) {
    ADD_FAILURE() << "at " << to_string(level) << ": " << got.error().message;
    return -std::numeric_limits<double>::infinity();
  }
  double worst = std::numeric_limits<double>::infinity();
  for (const auto& [name, tensor] : wanted) {
    worst = std::min(worst, compare_tensors(tensor.view(), got->at(name).view())->sqnr_db);
  }
  return worst;
}

class Dynamic : public ::testing::TestWithParam<Case> {};

TEST_P(Dynamic, EveryScheme_LoadsAndStaysCloseAtEveryLevel) {
  const auto model = inferred(GetParam().build());
  const auto feeds = random_feeds(model, 17);
  for (const auto weight : {DType::kInt8, DType::kUInt8}) {
    for (const bool per_channel : {false, true}) {
      for (const bool reduce_range : {false, true}) {
        auto scheme = dynamic_scheme(weight, per_channel);
        scheme.reduce_range = reduce_range;
        SCOPED_TRACE(fmt::format("{}{}", to_string(scheme), reduce_range ? " reduced" : ""));
        const auto result = quantized(model, scheme);
        EXPECT_GE(count_types(result.model)[GetParam().integer_type], 1);
        for (const auto level : kLevels) {
          EXPECT_GE(worst_sqnr_db(model, result.model, feeds, level), 25) << to_string(level);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, Dynamic, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

TEST(ApplyDynamic, SignedConvWeights_AreStoredUnsignedWithTheSameValues) {
  const auto model = inferred(conv({1, 3, 8, 8}, {4, 3, 3, 3}, {}));
  const auto result = quantized(model, dynamic_scheme(DType::kInt8));
  for (const auto node : result.model.nodes()) {
    if (result.model.op_type(node) != "ConvInteger") {
      continue;
    }
    const auto inputs = result.model.inputs(node);
    const auto weights = result.model.initializer(inputs[1]).value();
    const auto zero_point = result.model.initializer(inputs[3]).value();
    EXPECT_EQ(weights.dtype, DType::kUInt8);
    EXPECT_EQ(zero_point.as<std::uint8_t>()[0], 128);
    // Symmetric s8 leaves out -128, so that 0 of u8 never appears.
    EXPECT_EQ(*std::min_element(weights.as<std::uint8_t>().begin(),
                                weights.as<std::uint8_t>().end()) >= 1,
              true);
  }
  EXPECT_THAT(outcome_of(result.report, "y_node").reason, HasSubstr("u8"));
}

TEST(ApplyDynamic, PerChannelConv_IsCloserThanPerTensor) {
  auto model = conv({1, 3, 8, 8}, {4, 3, 3, 3}, {});
  auto weights = Tensor(model.initializer("w").value());
  for (std::size_t i = 0; i < 27; ++i) {
    weights.as<float>()[i] *= 100;  // one loud channel
  }
  model.set_initializer("w", std::move(weights));
  model = inferred(std::move(model));
  const auto feeds = random_feeds(model, 3);
  const auto wanted = run(model, feeds, OptLevel::kDisabled)->at("y");
  const auto quiet_error = [&](bool per_channel) {
    const auto result = quantized(model, dynamic_scheme(DType::kInt8, per_channel));
    const auto got = run(result.model, feeds, OptLevel::kAll)->at("y");
    double error = 0;
    for (std::size_t i = got.as<float>().size() / 4; i < got.as<float>().size(); ++i) {
      error += std::abs(double{got.as<float>()[i]} - double{wanted.as<float>()[i]});
    }
    return error;
  };
  EXPECT_LT(quiet_error(true) * 5, quiet_error(false));
}

TEST(ApplyDynamic, TensorReadByTwoOperators_IsMeasuredOnce) {
  const auto model = inferred(ModelBuilder(13)
                                  .input("x", {3, 16})
                                  .weight("w", {16, 5})
                                  .weight("v", {16, 4})
                                  .op("MatMul", {"x", "w"}, {"y"})
                                  .op("MatMul", {"x", "v"}, {"z"})
                                  .output("y")
                                  .output("z")
                                  .build());
  const auto result = quantized(model, dynamic_scheme(DType::kInt8));
  auto counts = count_types(result.model);
  EXPECT_EQ(counts["DynamicQuantizeLinear"], 1);
  EXPECT_EQ(counts["MatMulInteger"], 2);
}

TEST(ApplyDynamic, WhatAnOperatorIsMadeInto_KnowsWhatItWas) {
  const auto model = inferred(matmul({3, 16}, {16, 5}));
  const auto work = *model.producer("y");
  const auto result = quantized(model, dynamic_scheme(DType::kInt8));
  std::size_t parts = 0;
  for (const auto node : result.model.nodes()) {
    const bool measures = result.model.op_type(node) == "DynamicQuantizeLinear";
    EXPECT_EQ(result.model.origin(node) == work, !measures) << result.model.name(node);
    parts += measures ? 0 : 1;
  }
  EXPECT_EQ(parts, 4U);  // the product, a cast, and two multiplications by scales
}

TEST(ApplyDynamic, WeightReadByTwoOperators_IsStoredOnce) {
  const auto model = inferred(ModelBuilder(13)
                                  .input("x", {3, 16})
                                  .input("z", {2, 16})
                                  .weight("w", {16, 16})
                                  .op("MatMul", {"x", "w"}, {"y"})
                                  .op("MatMul", {"z", "w"}, {"u"})
                                  .output("y")
                                  .output("u")
                                  .build());
  const auto result = quantized(model, dynamic_scheme(DType::kInt8));
  EXPECT_EQ(result.model.initializers().size(), 3U);  // integers, scale, zero point
}

struct Left {
  std::string name;
  std::function<Model()> build;
  std::string reason;
};

void PrintTo(const Left& test, std::ostream* out) {
  *out << test.name;
}

class DynamicLeft : public ::testing::TestWithParam<Left> {};

TEST_P(DynamicLeft, Operator_StaysFloatWithAReason) {
  const auto model = inferred(GetParam().build());
  const auto result = quantized(model, dynamic_scheme(DType::kInt8));
  const auto& outcome = outcome_of(result.report, "y_node");
  EXPECT_FALSE(outcome.quantized);
  EXPECT_THAT(outcome.reason, HasSubstr(GetParam().reason));
  EXPECT_EQ(count_types(result.model), count_types(model));
  EXPECT_THAT(check_loads(result.model, library()), IsOk());
}

INSTANTIATE_TEST_SUITE_P(Operators, DynamicLeft,
                         ::testing::Values(Left{"ProductOfActivations",
                                                [] {
                                                  return ModelBuilder(13)
                                                      .input("x", {3, 4})
                                                      .input("z", {4, 3})
                                                      .op("MatMul", {"x", "z"}, {"y"})
                                                      .output("y")
                                                      .build();
                                                },
                                                "computed at run time"},
                                           Left{"ConstantOnTheLeft",
                                                [] {
                                                  return ModelBuilder(13)
                                                      .input("x", {3, 4})
                                                      .weight("w", {4, 3})
                                                      .op("MatMul", {"w", "x"}, {"y"})
                                                      .output("y")
                                                      .build();
                                                },
                                                "constant"},
                                           Left{"AttentionWithScale",
                                                [] {
                                                  auto model = attention();
                                                  model.set_attribute(model.nodes().front(),
                                                                      "scale", 0.5F);
                                                  return model;
                                                },
                                                "scale"},
                                           Left{"NoIntegerForm",
                                                [] {
                                                  return ModelBuilder(13)
                                                      .input("x", {3, 4})
                                                      .op("Sigmoid", {"x"}, {"y"})
                                                      .output("y")
                                                      .build();
                                                },
                                                "no integer form"}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace tessera::quantize
