// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// QOperator models mean what the QDQ models say from which they are folded: the runtime computes
// both, at every optimization level.

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>

#include "support/differential.h"
#include "support/shared_data.h"
#include "tessera/quantize/assignment.h"

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
  std::string integer_type;  ///< operator that must appear
  double steps = 1.01;       ///< largest difference, in steps of the output's range / 255
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

/// x [1, 4, 6, 6] -> Conv -> h, so that what follows reads integers.
ModelBuilder behind_conv(std::int64_t opset = 13) {
  ModelBuilder builder(opset);
  builder.input("x", {1, 4, 6, 6})
      .weight("w", {4, 4, 3, 3}, 0.3)
      .weight("b", {4}, 0.3)
      .op("Conv", {"x", "w", "b"}, {"h"}, {{"pads", Ints{1, 1, 1, 1}}});
  return builder;
}

Case behind(std::string name, std::string op, std::vector<onnx::NamedAttribute> attributes,
            std::string integer_type, double steps = 1.01) {
  return {std::move(name),
          [=] {
            auto builder = behind_conv();
            builder.op(op, {"h"}, {"y"}, attributes).output("y");
            return builder.build();
          },
          std::move(integer_type), steps};
}

Model gemm(std::int64_t transpose_right, float alpha, float beta, Shape bias) {
  ModelBuilder builder(13);
  builder.input("x", {3, 8})
      .weight("w", transpose_right != 0 ? Shape{5, 8} : Shape{8, 5})
      .weight("c", std::move(bias))
      .op("Gemm", {"x", "w", "c"}, {"y"},
          {{"transB", transpose_right}, {"alpha", alpha}, {"beta", beta}})
      .output("y");
  return builder.build();
}

Model two_inputs(const std::string& op) {
  auto builder = behind_conv();
  builder.weight("v", {4, 4, 1, 1}).op("Conv", {"x", "v"}, {"g"}).op(op, {"h", "g"}, {"y"});
  if (op == "Concat") {
    auto model = builder.output("y").build();
    model.set_attribute(*model.producer("y"), "axis", std::int64_t{1});
    return model;
  }
  return builder.output("y").build();
}

std::vector<Case> cases() {
  std::vector<Case> all = {
      {"Conv", [] { return behind_conv().output("h").build(); }, "QLinearConv"},
      {"ConvRelu", [] { return behind_conv().op("Relu", {"h"}, {"y"}).output("y").build(); },
       "QLinearConv"},
      {"ConvClip",
       [] {
         return behind_conv()
             .constant("low", Tensor::scalar(-0.25F))
             .constant("high", Tensor::scalar(0.5F))
             .op("Clip", {"h", "low", "high"}, {"y"})
             .output("y")
             .build();
       },
       "QLinearConv"},
      {"ConvInOneDimension",
       [] {
         return ModelBuilder(13)
             .input("x", {1, 4, 12})
             .weight("w", {6, 4, 3})
             .op("Conv", {"x", "w"}, {"y"}, {{"strides", Ints{2}}})
             .output("y")
             .build();
       },
       "QLinearConv"},
      {"ConvDepthwise",
       [] {
         return ModelBuilder(13)
             .input("x", {1, 8, 9, 9})
             .weight("w", {8, 1, 3, 3})
             .weight("b", {8})
             .op("Conv", {"x", "w", "b"}, {"y"}, {{"group", std::int64_t{8}}})
             .output("y")
             .build();
       },
       "QLinearConv"},
      {"Gemm", [] { return gemm(0, 1, 1, {5}); }, "QGemm"},
      {"GemmTransposed", [] { return gemm(1, 1, 1, {5}); }, "QGemm"},
      {"GemmScaled",
       [] {
         return gemm(1, 0.5F, 2, {1, 5});
       },
       "QGemm"},
      {"MatMul",
       [] {
         return ModelBuilder(13)
             .input("x", {2, 3, 8})
             .weight("w", {8, 5})
             .op("MatMul", {"x", "w"}, {"y"})
             .output("y")
             .build();
       },
       "QLinearMatMul"},
      {"MatMulOfActivations",
       [] {
         return ModelBuilder(13)
             .input("x", {2, 3, 8})
             .input("z", {2, 8, 5})
             .op("MatMul", {"x", "z"}, {"y"})
             .output("y")
             .build();
       },
       "QLinearMatMul"},
      {"Add", [] { return two_inputs("Add"); }, "QLinearAdd"},
      {"Mul", [] { return two_inputs("Mul"); }, "QLinearMul"},
      {"Concat", [] { return two_inputs("Concat"); }, "QLinearConcat"},
      behind("Sigmoid", "Sigmoid", {}, "QLinearSigmoid"),
      behind("LeakyRelu", "LeakyRelu", {{"alpha", 0.1F}}, "QLinearLeakyRelu"),
      behind("Softmax", "Softmax", {{"axis", std::int64_t{1}}}, "QLinearSoftmax", 2.01),
      behind("GlobalAveragePool", "GlobalAveragePool", {}, "QLinearGlobalAveragePool"),
      behind("AveragePool", "AveragePool", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}},
             "QLinearAveragePool"),
      behind("AveragePoolPadded", "AveragePool",
             {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}}, "QLinearAveragePool"),
      behind("MaxPool", "MaxPool", {{"kernel_shape", Ints{2, 2}}}, "MaxPool"),
      behind("Transpose", "Transpose", {{"perm", Ints{0, 2, 3, 1}}}, "Transpose"),
      behind("Flatten", "Flatten", {}, "Flatten"),
  };
  return all;
}

struct Types {
  DType activation;
  DType weight;
};
constexpr std::array kTypes = {Types{DType::kUInt8, DType::kInt8},
                               Types{DType::kUInt8, DType::kUInt8},
                               Types{DType::kInt8, DType::kInt8}};

class QOperator : public ::testing::TestWithParam<Case> {};

Model inferred(Model model) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

TEST_P(QOperator, EveryScheme_GivesWhatQdqGivesAtEveryLevel) {
  const auto model = inferred(GetParam().build());
  const auto feeds = random_feeds(model, 7);
  const auto ranges = measure(model, feeds).value();
  for (const auto& types : kTypes) {
    for (const bool per_channel : {false, true}) {
      for (const bool symmetric : {false, true}) {
        auto scheme = static_scheme(Format::kQdq, types.activation, types.weight, per_channel);
        scheme.activation_symmetric = symmetric;
        SCOPED_TRACE(to_string(scheme));
        const auto qdq = quantize_all(model, scheme, &ranges);
        ASSERT_THAT(qdq, IsOk());
        scheme.format = Format::kQOperator;
        const auto qoperator = quantize_all(model, scheme, &ranges);
        ASSERT_THAT(qoperator, IsOk());
        EXPECT_GE(count_types(qoperator->model)[GetParam().integer_type], 1);
        const auto wanted = run(qdq->model, feeds, OptLevel::kDisabled);
        ASSERT_THAT(wanted, IsOk());
        const auto& [name, reference] = *wanted->begin();
        const auto range = *ranges.find(name, numerics::RangeMethod::kMinMax);
        const double width = std::max(range.max, 0.0) - std::min(range.min, 0.0);
        const double factor = symmetric ? 2 : 1;
        for (const auto level : kLevels) {
          const auto got = run(qoperator->model, feeds, level);
          ASSERT_THAT(got, IsOk()) << to_string(level);
          EXPECT_LE(largest_difference(reference, got->at(name)),
                    GetParam().steps * factor * width / 254)
              << to_string(level);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, QOperator, ::testing::ValuesIn(cases()),
                         [](const auto& test) { return test.param.name; });

Quantized lowered(const Model& model, const Feeds& feeds, const std::vector<std::string>& left = {},
                  bool per_channel = true) {
  const auto ranges = measure(model, feeds).value();
  return quantize_all(model,
                      static_scheme(Format::kQOperator, DType::kUInt8, DType::kInt8, per_channel),
                      &ranges, left)
      .value();
}

void expect_close(const Model& model, const Model& quantized, const Feeds& feeds,
                  double least_sqnr_db) {
  const auto wanted = run(model, feeds, OptLevel::kDisabled).value();
  for (const auto level : kLevels) {
    const auto got = run(quantized, feeds, level);
    ASSERT_THAT(got, IsOk()) << to_string(level);
    for (const auto& [name, tensor] : wanted) {
      const auto error = compare_tensors(tensor.view(), got->at(name).view()).value();
      EXPECT_GE(error.sqnr_db, least_sqnr_db) << name << " at " << to_string(level);
    }
  }
}

TEST(LowerToQOperator, ChainOfConvs_HasOneQuantizeAndOneDequantize) {
  const auto model = inferred(behind_conv()
                                  .op("Relu", {"h"}, {"r"})
                                  .weight("v", {4, 4, 1, 1})
                                  .op("Conv", {"r", "v"}, {"y"})
                                  .output("y")
                                  .build());
  const auto feeds = random_feeds(model, 3);
  const auto counts = count_types(lowered(model, feeds).model);
  EXPECT_EQ(counts, (std::map<std::string, int>{
                        {"QuantizeLinear", 1}, {"QLinearConv", 2}, {"DequantizeLinear", 1}}));
}

TEST(LowerToQOperator, BiasSharedByTwoConvs_IsRightForBoth) {
  const auto model = inferred(ModelBuilder(13)
                                  .input("x", {1, 3, 8, 8})
                                  .weight("w", {4, 3, 3, 3})
                                  .weight("v", {4, 3, 3, 3}, 9.0)
                                  .weight("b", {4}, 20.0)
                                  .op("Conv", {"x", "w", "b"}, {"y"})
                                  .op("Conv", {"x", "v", "b"}, {"z"})
                                  .output("y")
                                  .output("z")
                                  .build());
  const auto feeds = random_feeds(model, 5);
  const auto quantized = lowered(model, feeds);
  EXPECT_EQ(count_types(quantized.model)["QLinearConv"], 2);
  expect_close(model, quantized.model, feeds, 35);
}

TEST(LowerToQOperator, WeightSharedByTwoConvs_IsRightForBoth) {
  const auto model = inferred(ModelBuilder(13)
                                  .input("x", {1, 4, 8, 8})
                                  .weight("w", {4, 4, 3, 3})
                                  .weight("b", {4})
                                  .weight("c", {4}, 5)
                                  .op("Conv", {"x", "w", "b"}, {"h"}, {{"pads", Ints{1, 1, 1, 1}}})
                                  .op("Conv", {"h", "w", "c"}, {"y"})
                                  .output("y")
                                  .build());
  const auto feeds = random_feeds(model, 5);
  const auto quantized = lowered(model, feeds);
  EXPECT_EQ(count_types(quantized.model)["QLinearConv"], 2);
  expect_close(model, quantized.model, feeds, 30);
}

TEST(LowerToQOperator, OperatorWithoutIntegerForm_IsAFloatIsland) {
  const auto model = inferred(behind_conv()
                                  .op("Tanh", {"h"}, {"t"})
                                  .weight("v", {4, 4, 1, 1})
                                  .op("Conv", {"t", "v"}, {"y"})
                                  .output("y")
                                  .build());
  const auto feeds = random_feeds(model, 3);
  const auto quantized = lowered(model, feeds);
  EXPECT_EQ(count_types(quantized.model)["QLinearConv"], 2);
  EXPECT_EQ(count_types(quantized.model)["Tanh"], 1);
  EXPECT_FALSE(outcome_of(quantized.report, "t_node").reason.empty());
  expect_close(model, quantized.model, feeds, 25);
}

TEST(LowerToQOperator, ExcludedReader_ReadsTheUnquantizedTensor) {
  const auto model = inferred(behind_conv().op("Tanh", {"h"}, {"y"}).output("y").build());
  const auto feeds = random_feeds(model, 3);
  const auto ranges = measure(model, feeds).value();
  const auto scheme = static_scheme(Format::kQOperator, DType::kUInt8, DType::kInt8, true);
  const auto kept = quantize_all(model, scheme, &ranges, {"h_node", "y_node"}).value();
  const auto wanted = run(model, feeds, OptLevel::kDisabled).value();
  const auto got = run(kept.model, feeds, OptLevel::kDisabled).value();
  EXPECT_EQ(largest_difference(wanted.at("y"), got.at("y")), 0);
}

TEST(LowerToQOperator, BiasComputedAtRunTime_StaysFloatWithAReason) {
  const auto model = inferred(ModelBuilder(13)
                                  .input("x", {1, 4, 6, 6})
                                  .input("b", {4})
                                  .weight("w", {4, 4, 3, 3}, 0.3)
                                  .op("Conv", {"x", "w", "b"}, {"y"})
                                  .output("y")
                                  .build());
  const auto feeds = random_feeds(model, 3);
  const auto quantized = lowered(model, feeds);
  EXPECT_EQ(count_types(quantized.model)["Conv"], 1);
  EXPECT_THAT(outcome_of(quantized.report, "y_node").reason, HasSubstr("computed at run time"));
  expect_close(model, quantized.model, feeds, 30);
}

TEST(LowerToQOperator, MixedWithOtherSchemes_ConvertsBetweenThem) {
  const auto model = inferred(behind_conv()
                                  .weight("v", {4, 4, 3, 3}, 0.3)
                                  .op("Conv", {"h", "v"}, {"g"})
                                  .weight("u", {4, 4, 1, 1})
                                  .op("Conv", {"g", "u"}, {"f"})
                                  .op("Flatten", {"f"}, {"e"})
                                  .weight("m", {64, 5}, 0.2)
                                  .op("MatMul", {"e", "m"}, {"y"})
                                  .output("y")
                                  .build());
  const auto feeds = random_feeds(model, 3);
  const auto ranges = measure(model, feeds).value();
  auto mixed = model.clone();
  const auto graph = mixed.view().value();
  Assignment assignment(graph.ops().size());
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    const auto& name = graph.ops()[i].name;
    assignment[i].mode = Mode::kFloat32;
    if (name == "h_node") {
      assignment[i] = static_scheme(Format::kQOperator, DType::kUInt8, DType::kInt8, true);
    } else if (name == "g_node") {
      assignment[i] = static_scheme(Format::kQdq, DType::kInt8, DType::kInt8, false);
    } else if (name == "f_node") {
      assignment[i] = static_scheme(Format::kQOperator, DType::kUInt8, DType::kUInt8, false);
    } else if (name == "y_node") {
      assignment[i] = dynamic_scheme(DType::kInt8);
    }
  }
  const auto report = quantize(mixed, assignment, &ranges, {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  auto counts = count_types(mixed);
  EXPECT_EQ(counts["QLinearConv"], 2);
  EXPECT_EQ(counts["Conv"], 1);
  EXPECT_EQ(counts["MatMulInteger"], 1);
  expect_close(model, mixed, feeds, 22);
}

TEST(LowerToQOperator, NoIntegerKernel_SaysWhy) {
  // Weights of unsigned channels have a zero point each, which QLinearConv does not take.
  const auto model = inferred(behind_conv().output("h").build());
  const auto feeds = random_feeds(model, 3);
  const auto ranges = measure(model, feeds).value();
  auto scheme = static_scheme(Format::kQOperator, DType::kUInt8, DType::kUInt8, true);
  scheme.weight_symmetric = WeightSymmetry::kOff;
  const auto quantized = quantize_all(model, scheme, &ranges);
  ASSERT_THAT(quantized, IsOk());
  EXPECT_THAT(quantize::check_loads(quantized->model, library()), IsOk());
  expect_close(model, quantized->model, feeds, 30);
}

class QOperatorOnRealModels : public ::testing::TestWithParam<const char*> {};

TEST_P(QOperatorOnRealModels, U8S8_RunsAtEveryLevel) {
  const auto path = testing::shared_path(std::string("data/models/") + GetParam());
  TESSERA_NEEDS_SHARED(path);
  auto model = Model::load(path);
  ASSERT_THAT(model, IsOk());
  ASSERT_THAT(model->infer_types(runtime::type_oracle(library())), IsOk());
  const auto feeds = random_feeds(*model, 11, 60);
  const auto ranges = measure(*model, feeds);
  ASSERT_THAT(ranges, IsOk());
  const auto quantized = quantize_all(
      *model, static_scheme(Format::kQOperator, DType::kUInt8, DType::kInt8, true), &*ranges);
  ASSERT_THAT(quantized, IsOk());
  EXPECT_GE(count_types(quantized->model)["QLinearConv"], 14);
  for (const auto level : {OptLevel::kBasic, OptLevel::kExtended, OptLevel::kAll}) {
    EXPECT_THAT(run(quantized->model, feeds, level), IsOk()) << to_string(level);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, QOperatorOnRealModels,
                         ::testing::Values("squeezenet_winml.onnx", "yolox_nano.onnx",
                                           "fns-candy.onnx"),
                         [](const auto& test) {
                           std::string name = test.param;
                           name.resize(name.find('.'));
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace tessera::quantize
