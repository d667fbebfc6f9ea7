// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Weights in blocks: what is stored means what was quantized, and the runtime computes with it.

#include <functional>
#include <limits>

#include "support/differential.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using testing::random_tensor;
using Ints = std::vector<std::int64_t>;

Scheme scheme_of(Format format, DType weight, int block_size,
                 WeightSymmetry symmetry = WeightSymmetry::kAuto) {
  Scheme scheme;
  scheme.mode = Mode::kWeightOnly;
  scheme.format = format;
  scheme.weight = weight;
  scheme.block_size = block_size;
  scheme.weight_symmetric = symmetry;
  return scheme;
}

void infer(Model& model) {
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
}

struct Case {
  std::string name;
  std::function<Model()> build;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

Model matmul() {
  return ModelBuilder(13)
      .input("x", {2, 3, 100})
      .weight("w", {100, 24}, 0.3)
      .op("MatMul", {"x", "w"}, {"y"})
      .output("y")
      .build();
}

Model batched_matmul() {
  return ModelBuilder(13)
      .input("x", {2, 3, 64})
      .weight("w", {1, 64, 24}, 0.3)
      .op("MatMul", {"x", "w"}, {"y"})
      .output("y")
      .build();
}

Model gemm(std::vector<onnx::NamedAttribute> attributes, Shape weight, Shape bias) {
  ModelBuilder builder(13);
  builder.input("x", {5, 80}).weight("w", std::move(weight), 0.3);
  std::vector<std::string> inputs{"x", "w"};
  if (!bias.empty()) {
    builder.weight("c", std::move(bias));
    inputs.emplace_back("c");
  }
  return builder.op("Gemm", inputs, {"y"}, std::move(attributes)).output("y").build();
}

std::vector<Case> cases() {
  return {
      {"MatMul", matmul},
      {"BatchedMatMul", batched_matmul},
      {"Gemm",
       [] {
         return gemm({}, {80, 12}, {12});
       }},
      {"GemmTransposed",
       [] {
         return gemm({{"transB", std::int64_t{1}}}, {12, 80}, {12});
       }},
      {"GemmScaled",
       [] {
         return gemm({{"alpha", 0.5F}, {"beta", 2.0F}}, {80, 12}, {12});
       }},
      {"GemmRowBias",
       [] {
         return gemm({}, {80, 12}, {1, 12});
       }},
      {"GemmWithoutBias",
       [] {
         return gemm({}, {80, 12}, {});
       }},
  };
}

class WeightOnly : public ::testing::TestWithParam<Case> {};

TEST_P(WeightOnly, EveryScheme_RunsAtEveryLevelAndStaysClose) {
  auto model = GetParam().build();
  infer(model);
  const auto feeds = random_feeds(model, 4);
  const auto wanted = run(model, feeds, OptLevel::kDisabled);
  ASSERT_THAT(wanted, IsOk());
  for (const auto format : {Format::kQOperator, Format::kQdq}) {
    for (const auto weight : {DType::kInt4, DType::kUInt4, DType::kInt8, DType::kUInt8}) {
      for (const auto symmetry : {WeightSymmetry::kOn, WeightSymmetry::kOff}) {
        for (const int block : {16, 32, 128}) {
          const auto scheme = scheme_of(format, weight, block, symmetry);
          SCOPED_TRACE(to_string(scheme));
          const auto packed = quantize_all(model, scheme, nullptr);
          ASSERT_THAT(packed, IsOk());
          EXPECT_EQ(packed->report.quantized_ops, 1);
          EXPECT_FALSE(packed->model.has_initializer("w"));
          for (const auto level : kLevels) {
            const auto outputs = run(packed->model, feeds, level);
            ASSERT_THAT(outputs, IsOk());
            const auto metrics = compare_tensors(wanted->at("y").view(), outputs->at("y").view());
            ASSERT_THAT(metrics, IsOk());
            EXPECT_GT(metrics->sqnr_db, bits_of(weight) == 8 ? 35 : 14)
                << runtime::to_string(level);
          }
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Operators, WeightOnly, ::testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name; });

TEST(ApplyWeightOnly, BothFormats_MeanTheSameWeights) {
  auto model = matmul();
  infer(model);
  const auto feeds = random_feeds(model, 4);
  for (const auto weight : {DType::kInt4, DType::kUInt4, DType::kUInt8}) {
    const auto a = quantize_all(model, scheme_of(Format::kQOperator, weight, 32), nullptr);
    const auto b = quantize_all(model, scheme_of(Format::kQdq, weight, 32), nullptr);
    ASSERT_THAT(a, IsOk());
    ASSERT_THAT(b, IsOk());
    const auto left = run(a->model, feeds, OptLevel::kDisabled).value();
    const auto right = run(b->model, feeds, OptLevel::kDisabled).value();
    const auto metrics = compare_tensors(left.at("y").view(), right.at("y").view()).value();
    // All that differs is the input, which MatMulNBits rounds to 8 bits.
    EXPECT_GT(metrics.sqnr_db, 35) << to_string(weight);
  }
}

TEST(ApplyWeightOnly, WeightReadTwice_IsStoredOnce) {
  auto model = ModelBuilder(13)
                   .input("x", {2, 64})
                   .weight("w", {64, 64}, 0.1)
                   .op("MatMul", {"x", "w"}, {"h"})
                   .op("MatMul", {"h", "w"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto packed = quantize_all(model, scheme_of(Format::kQdq, DType::kInt4, 32), nullptr);
  ASSERT_THAT(packed, IsOk());
  EXPECT_EQ(packed->report.quantized_ops, 2);
  EXPECT_EQ(packed->model.initializers().size(), 2U);
  EXPECT_EQ(count_types(packed->model)["DequantizeLinear"], 1);
}

TEST(ApplyWeightOnly, WeightThatAnotherOperatorReads_StaysBeside) {
  auto model = ModelBuilder(13)
                   .input("x", {2, 64})
                   .weight("w", {64, 64}, 0.1)
                   .op("MatMul", {"x", "w"}, {"h"})
                   .op("ReduceMax", {"w"}, {"m"})
                   .op("Add", {"h", "m"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto packed = quantize_all(model, scheme_of(Format::kQOperator, DType::kInt4, 32), nullptr);
  ASSERT_THAT(packed, IsOk());
  EXPECT_TRUE(packed->model.has_initializer("w"));
  EXPECT_THAT(run(packed->model, random_feeds(model, 1), OptLevel::kAll), IsOk());
}

TEST(ApplyWeightOnly, ActivationTimesActivation_StaysWithAReason) {
  auto model =
      ModelBuilder(13).input("x", {4, 4}).op("MatMul", {"x", "x"}, {"y"}).output("y").build();
  infer(model);
  const auto packed = quantize_all(model, scheme_of(Format::kQOperator, DType::kInt4, 32), nullptr);
  ASSERT_THAT(packed, IsOk());
  EXPECT_THAT(outcome_of(packed->report, "y_node").reason, HasSubstr("not a constant"));
}

/// Names that the pass would make up are taken, by values, operators and initializers.
TEST(ApplyWeightOnly, TakenNames_AreAvoided) {
  for (const auto format : {Format::kQdq, Format::kQOperator}) {
    auto model = ModelBuilder(21)
                     .input("x", {4, 64})
                     .weight("w", {64, 8})
                     .weight("w_Q4", {1})
                     .weight("w_scales", {1})
                     .weight("w_DQ_Q4", {1})
                     .weight("w_DQ_scales", {1})
                     .named_op("mul_Q4", "MatMul", {"x", "w"}, {"w_DQ_Q4_output"})
                     .named_op("w_DQ_Q4_output_1", "Add", {"w_DQ_Q4_output", "w_Q4"}, {"a"})
                     .named_op("mul_matmul_Q4", "Add", {"a", "w_scales"}, {"b"})
                     .named_op("c", "Add", {"b", "w_DQ_Q4"}, {"d"})
                     .named_op("e", "Add", {"d", "w_DQ_scales"}, {"y"})
                     .output("y")
                     .build();
    infer(model);
    const auto result = quantize_all(model, scheme_of(format, DType::kInt4, 32), nullptr);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->report.quantized_ops, 1);
    const auto feeds = random_feeds(model, 3);
    for (const auto level : kLevels) {
      const auto wanted = run(model, feeds, OptLevel::kDisabled);
      const auto written = run(result->model, feeds, level);
      ASSERT_THAT(written, IsOk());
      EXPECT_GT(compare_tensors(wanted->at("y").view(), written->at("y").view())->sqnr_db, 15);
    }
  }
}

TEST(ApplyWeightOnly, NotANumber_StaysFloatAndNamesTheWeight) {
  auto values = random_tensor({64, 8}, 1);
  values.as<float>()[9] = std::numeric_limits<float>::quiet_NaN();
  auto model = ModelBuilder(13)
                   .input("x", {4, 64})
                   .constant("w", std::move(values))
                   .op("MatMul", {"x", "w"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto result = quantize_all(model, scheme_of(Format::kQOperator, DType::kInt4, 32), nullptr);
  ASSERT_THAT(result, IsOk());
  EXPECT_FALSE(outcome_of(result->report, "y_node").quantized);
  EXPECT_THAT(outcome_of(result->report, "y_node").reason, HasSubstr("'w' holds NaN"));
}

}  // namespace
}  // namespace tessera::quantize
