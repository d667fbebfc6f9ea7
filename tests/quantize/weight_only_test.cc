// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Weights in blocks: what is stored means what was quantized, and the runtime computes with it.

#include <rapidcheck.h>

#include <cmath>
#include <functional>
#include <limits>

#include "quantize/block_codes.h"
#include "quantize/differential.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using ::testing::ElementsAre;
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

// --- the blocks themselves ----------------------------------------------------------------------

TEST(QuantizeBlocks, Asymmetric_MapsExtremaToTheEnds) {
  const std::vector<float> values{0, 5, 10, 15};
  BlockSpec spec;
  spec.block_size = 16;
  const auto codes = quantize_blocks({values, 4, 1, false}, spec, 1);
  ASSERT_THAT(codes, IsOk());
  EXPECT_THAT(codes->codes, ElementsAre(0, 5, 10, 15));
  EXPECT_THAT(codes->scales, ElementsAre(1.0F));
  EXPECT_THAT(codes->zero_points, ElementsAre(0));
}

TEST(QuantizeBlocks, Symmetric_GivesTheLargestMagnitudeTheFirstCode) {
  const std::vector<float> values{8, -4, 0, 1};
  BlockSpec spec;
  spec.block_size = 16;
  spec.symmetric = true;
  const auto codes = quantize_blocks({values, 4, 1, false}, spec, 1);
  ASSERT_THAT(codes, IsOk());
  EXPECT_THAT(codes->scales, ElementsAre(-1.0F));
  EXPECT_THAT(codes->codes, ElementsAre(0, 12, 8, 7));
}

TEST(QuantizeBlocks, Zeros_StayZero) {
  const std::vector<float> values(40, 0.0F);
  for (const bool symmetric : {false, true}) {
    BlockSpec spec;
    spec.block_size = 16;
    spec.symmetric = symmetric;
    spec.search = true;
    const auto codes = quantize_blocks({values, 40, 1, false}, spec, 1);
    ASSERT_THAT(codes, IsOk());
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(codes->codes[i], codes->zero_points[i / 16]);
    }
  }
}

TEST(QuantizeBlocks, NotFinite_IsRefused) {
  const std::vector<float> values{0, std::numeric_limits<float>::infinity()};
  EXPECT_THAT(quantize_blocks({values, 2, 1, false}, {}, 1),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("NaN or infinite")));
}

TEST(QuantizeBlocks, AnyMatrix_ComesBackWithinHalfAStep) {
  rc::check([] {
    const auto rows = *rc::gen::inRange<std::int64_t>(1, 70);
    const auto columns = *rc::gen::inRange<std::int64_t>(1, 40);
    BlockSpec spec;
    spec.bits = *rc::gen::element(4, 8);
    spec.block_size = *rc::gen::element<std::int64_t>(16, 32);
    spec.rounding =
        *rc::gen::element(BlockRounding::kWithZeroPoint, BlockRounding::kBeforeZeroPoint);
    const bool transposed = *rc::gen::arbitrary<bool>();
    const auto matrix = random_tensor({rows, columns}, *rc::gen::arbitrary<std::uint64_t>());
    const auto threads = *rc::gen::inRange(1, 4);
    const MatrixView view{matrix.as<float>(), rows, columns, transposed};
    const auto codes = quantize_blocks(view, spec, threads);
    RC_ASSERT(codes.has_value());
    for (std::int64_t n = 0; n < columns; ++n) {
      for (std::int64_t k = 0; k < rows; ++k) {
        const auto block = static_cast<std::size_t>(n * codes->blocks + k / spec.block_size);
        const double step = double{codes->scales[block]};
        const int shifted =
            codes->codes[static_cast<std::size_t>(n * rows + k)] - codes->zero_points[block];
        // The ends of an asymmetric range move by up to half a step with its rounded zero point.
        RC_ASSERT(std::abs(step * shifted - double{view.at(k, n)}) <= 1.001 * step + 1e-30);
      }
    }
    const auto again = quantize_blocks(view, spec, 1);
    RC_ASSERT(again->codes == codes->codes);
  });
}

double squared_error(const Tensor& matrix, const BlockCodes& codes, std::int64_t block_size) {
  double sum = 0;
  for (std::int64_t n = 0; n < codes.columns; ++n) {
    for (std::int64_t k = 0; k < codes.rows; ++k) {
      const auto block = static_cast<std::size_t>(n * codes.blocks + k / block_size);
      const int shifted =
          codes.codes[static_cast<std::size_t>(n * codes.rows + k)] - codes.zero_points[block];
      const double value =
          double{matrix.as<float>()[static_cast<std::size_t>(k * codes.columns + n)]};
      sum += std::pow(double{codes.scales[block]} * shifted - value, 2);
    }
  }
  return sum;
}

TEST(QuantizeBlocks, Search_LowersTheError) {
  const auto matrix = random_tensor({256, 64}, 7);
  for (const bool symmetric : {false, true}) {
    BlockSpec spec;
    spec.symmetric = symmetric;
    const MatrixView view{matrix.as<float>(), 256, 64, false};
    const auto plain = quantize_blocks(view, spec, 1).value();
    spec.search = true;
    const auto searched = quantize_blocks(view, spec, 1).value();
    EXPECT_LT(squared_error(matrix, searched, spec.block_size),
              0.95 * squared_error(matrix, plain, spec.block_size))
        << "symmetric " << symmetric;
  }
}

// --- models -------------------------------------------------------------------------------------

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
