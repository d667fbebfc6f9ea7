// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Values that no integers stand for: masks, infinities, arithmetic on shapes, tensors that were
// empty. Each is made in several ways, because it is what values do that counts.

#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "support/differential.h"
#include "tessera/quantize/assignment.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using testing::random_tensor;
using Ints = std::vector<std::int64_t>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLowest = std::numeric_limits<float>::lowest();
constexpr std::int64_t kTokens = 6;

struct Outcome {
  Model model;
  QuantizeReport report;
};

Model typed(Model model) {
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

Result<Outcome> quantize_all(const Model& model, const calibrate::Ranges* ranges,
                             const Scheme& scheme, const QuantizeOptions& options = {}) {
  auto copy = model.clone();
  TESSERA_TRY(const auto graph, copy.view());
  const Assignment assignment(graph.ops().size(), scheme);
  TESSERA_TRY(auto report, quantize(copy, assignment, ranges, options, Monitor::silent()));
  return Outcome{std::move(copy), std::move(report)};
}

const OpOutcome& outcome_of(const QuantizeReport& report, const std::string& op) {
  const auto found = std::find_if(report.ops.begin(), report.ops.end(),
                                  [&](const auto& outcome) { return outcome.op == op; });
  EXPECT_NE(found, report.ops.end()) << op;
  return *found;
}

double sqnr_db(const Model& model, const Model& written, const Feeds& feeds, OptLevel level) {
  const auto reference = run(model, feeds, OptLevel::kDisabled);
  const auto result = run(written, feeds, level);
  EXPECT_THAT(reference, IsOk());
  EXPECT_THAT(result, IsOk());
  if (!reference || !result) {
    return -1;
  }
  double worst = 1000;
  for (const auto& [name, tensor] : *reference) {
    if (tensor.dtype() == DType::kFloat32) {
      worst = std::min(worst, compare_tensors(tensor.view(), result->at(name).view())->sqnr_db);
    }
  }
  return worst;
}

void expect_close_at_every_level(const Model& model, const Model& written, const Feeds& feeds,
                                 double least_db) {
  for (const auto level : kLevels) {
    EXPECT_GE(sqnr_db(model, written, feeds, level), least_db) << runtime::to_string(level);
  }
}

Tensor bool_tensor(const std::vector<bool>& values, Shape shape) {
  Tensor tensor(DType::kBool, std::move(shape));
  for (std::size_t i = 0; i < values.size(); ++i) {
    tensor.bytes()[i] = std::byte{values[i]};
  }
  return tensor;
}

/// Causal: `low` where a token would look ahead.
Tensor causal_mask(float low, float high = 0) {
  Tensor mask(DType::kFloat32, {1, kTokens, kTokens});
  for (std::int64_t row = 0; row < kTokens; ++row) {
    for (std::int64_t column = 0; column < kTokens; ++column) {
      mask.as<float>()[static_cast<std::size_t>(row * kTokens + column)] =
          column > row ? low : high;
    }
  }
  return mask;
}

Tensor causal_condition() {
  std::vector<bool> allowed;
  for (std::int64_t i = 0; i < kTokens * kTokens; ++i) {
    allowed.push_back(i % kTokens <= i / kTokens);
  }
  return bool_tensor(allowed, {1, kTokens, kTokens});
}

/// Adds what masks "scores" and returns the value that Softmax reads.
using Masking = std::function<std::string(ModelBuilder&)>;

/// One head of attention over x [1, 6, 16], its scores masked.
Model attention(const Masking& masking, std::string_view softmax = "Softmax") {
  ModelBuilder builder(15);
  builder.input("x", {1, kTokens, 16})
      .weight("wq", {16, 16}, 0.3)
      .weight("wk", {16, 16}, 0.3)
      .weight("wv", {16, 16}, 0.3)
      .weight("wo", {16, 16}, 0.3)
      .constant("quarter", Tensor::scalar(0.25F))
      .op("MatMul", {"x", "wq"}, {"q"})
      .op("MatMul", {"x", "wk"}, {"k"})
      .op("MatMul", {"x", "wv"}, {"v"})
      .op("Transpose", {"k"}, {"kt"}, {{"perm", Ints{0, 2, 1}}})
      .op("MatMul", {"q", "kt"}, {"raw"})
      .op("Mul", {"raw", "quarter"}, {"scores"});
  const auto masked = masking(builder);
  return typed(builder.named_op("softmax", softmax, {masked}, {"p"}, {{"axis", std::int64_t{-1}}})
                   .op("MatMul", {"p", "v"}, {"mixed"})
                   .op("MatMul", {"mixed", "wo"}, {"y"})
                   .output("y")
                   .build());
}

Masking add_constant(float low) {
  return [low](ModelBuilder& builder) {
    builder.constant("mask", causal_mask(low))
        .named_op("masking", "Add", {"scores", "mask"}, {"m"});
    return std::string("m");
  };
}

Masking where_constant(float low) {
  return [low](ModelBuilder& builder) {
    builder.constant("allowed", causal_condition())
        .constant("low", Tensor::scalar(low))
        .named_op("masking", "Where", {"allowed", "scores", "low"}, {"m"});
    return std::string("m");
  };
}

/// (1 - keep) x low, computed in the graph from an input of ones and zeros.
Masking computed(float low) {
  return [low](ModelBuilder& builder) {
    builder.input("keep", {1, 1, kTokens})
        .constant("one", Tensor::scalar(1.0F))
        .constant("low", Tensor::scalar(low))
        .op("Sub", {"one", "keep"}, {"drop"})
        .op("Mul", {"drop", "low"}, {"mask"})
        .named_op("masking", "Add", {"scores", "mask"}, {"m"});
    return std::string("m");
  };
}

/// The mask is fed.
std::string fed(ModelBuilder& builder) {
  builder.input("mask", {1, kTokens, kTokens})
      .named_op("masking", "Add", {"scores", "mask"}, {"m"});
  return "m";
}

/// Made of a triangle of a constant, in float16, and taken away instead of added.
std::string triangle_of_halves(ModelBuilder& builder) {
  Tensor full(DType::kFloat16, {kTokens, kTokens});
  for (auto& value : full.as<std::uint16_t>()) {
    value = float32_to_float16(10000.0F);
  }
  builder.constant("full", std::move(full))
      .constant("first", Tensor::of(std::vector<std::int64_t>{1}, {}))
      .op("Trilu", {"full", "first"}, {"upper"}, {{"upper", std::int64_t{1}}})
      .op("Cast", {"upper"}, {"mask"}, {{"to", static_cast<std::int64_t>(DType::kFloat32)}})
      .named_op("masking", "Sub", {"scores", "mask"}, {"m"});
  return "m";
}

/// A second mask and a Reshape before the Softmax.
Masking twice(float low) {
  return [low](ModelBuilder& builder) {
    Tensor padding(DType::kFloat32, {1, 1, kTokens});
    padding.as<float>()[kTokens - 1] = low;
    builder.constant("mask", causal_mask(low))
        .constant("padding", std::move(padding))
        .constant("heads", Tensor::of(Ints{1, 1, kTokens, kTokens}, {4}))
        .constant("flat", Tensor::of(Ints{1, kTokens, kTokens}, {3}))
        .named_op("masking", "Add", {"scores", "mask"}, {"once"})
        .op("Reshape", {"once", "heads"}, {"four"})
        .named_op("again", "Add", {"four", "padding"}, {"both"})
        .op("Reshape", {"both", "flat"}, {"m"});
    return std::string("m");
  };
}

Feeds attention_feeds(const Model& model, float mask_low = -1e9F) {
  auto feeds = random_feeds(model, 7);
  if (feeds.contains("keep")) {
    auto keep = feeds.at("keep").as<float>();
    std::fill(keep.begin(), keep.end(), 1.0F);
    keep[kTokens - 1] = 0;
  }
  if (feeds.contains("mask")) {
    feeds.insert_or_assign("mask", causal_mask(mask_low));
  }
  return feeds;
}

struct Case {
  std::string name;
  Masking masking;
  float fed_low = -1e9F;
  std::string softmax = "Softmax";
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const float low : {-kInfinity, kLowest, -1e9F, -1e4F, -100.0F}) {
    all.push_back({fmt::format("add {}", low), add_constant(low)});
    all.push_back({fmt::format("where {}", low), where_constant(low)});
    all.push_back({fmt::format("twice {}", low), twice(low)});
    all.push_back({fmt::format("fed {}", low), fed, low});
    if (std::isfinite(low)) {
      all.push_back({fmt::format("computed {}", low), computed(low)});
    }
  }
  all.push_back({"triangle", triangle_of_halves});
  return all;
}

TEST(ValueRules, Masks_DoNotDrownTheScores) {
  for (const auto& item : cases()) {
    SCOPED_TRACE(item.name);
    const auto model = attention(item.masking);
    const auto feeds = attention_feeds(model, item.fed_low);
    const auto ranges = measure(model, feeds);
    ASSERT_THAT(ranges, IsOk());
    for (const bool everywhere : {false, true}) {
      SCOPED_TRACE(everywhere ? "everywhere" : "where it pays");
      QuantizeOptions options;
      options.everywhere = everywhere;
      const auto result = quantize_all(model, &*ranges, {}, options);
      ASSERT_THAT(result, IsOk());
      EXPECT_GE(result->report.quantized_ops, 6);
      EXPECT_FALSE(outcome_of(result->report, "masking").quantized);
      EXPECT_FALSE(outcome_of(result->report, "softmax").quantized);
      expect_close_at_every_level(model, result->model, feeds, 27);
    }
  }
}

TEST(ValueRules, Masks_SayWhyTheyStayFloat) {
  const auto reason = [](const Masking& masking, const std::string& op) {
    const auto model = attention(masking);
    const auto ranges = measure(model, attention_feeds(model));
    return outcome_of(quantize_all(model, &*ranges, {})->report, op).reason;
  };
  EXPECT_THAT(reason(add_constant(-1e4F), "masking"), HasSubstr("'mask', which reaches -1e+04"));
  EXPECT_THAT(reason(add_constant(-1e4F), "softmax"), HasSubstr("'mask', which reaches -1e+04"));
  EXPECT_THAT(reason(where_constant(-kInfinity), "masking"), HasSubstr("infinities"));
  EXPECT_THAT(reason(computed(-100), "softmax"), HasSubstr("too coarse for Softmax"));
}

TEST(ValueRules, Masks_LogSoftmaxAndQdqInputsAndSigned) {
  for (const auto& masking : {add_constant(-1e4F), where_constant(-100), computed(-1e9F)}) {
    const auto model = attention(masking);
    const auto feeds = attention_feeds(model);
    const auto ranges = measure(model, feeds);
    for (const auto format : {Format::kQdq, Format::kQOperator, Format::kQdqInputs}) {
      const auto result =
          quantize_all(model, &*ranges, static_scheme(format, DType::kUInt8, DType::kInt8, true));
      ASSERT_THAT(result, IsOk());
      expect_close_at_every_level(model, result->model, feeds, 27);
    }
    const auto other = attention(masking, "LogSoftmax");
    const auto other_ranges = measure(other, feeds);
    const auto result = quantize_all(other, &*other_ranges, {});
    ASSERT_THAT(result, IsOk());
    EXPECT_FALSE(outcome_of(result->report, "masking").quantized);
  }
}

/// Rules on masks must leave alone what is none.
TEST(ValueRules, OrdinaryScores_StayIntegers) {
  const auto model = attention([](ModelBuilder& builder) {
    builder.weight("bias", {1, kTokens, kTokens})
        .named_op("biased", "Add", {"scores", "bias"}, {"m"});
    return std::string("m");
  });
  const auto feeds = attention_feeds(model);
  const auto ranges = measure(model, feeds);
  const auto result = quantize_all(model, &*ranges, {});
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(outcome_of(result->report, "biased").quantized);
  EXPECT_TRUE(outcome_of(result->report, "softmax").quantized);
}

TEST(ValueRules, SixteenBits_HoldAMaskOfMinus100) {
  const auto model = attention(add_constant(-100));
  const auto ranges = measure(model, attention_feeds(model));
  const auto result = quantize_all(
      model, &*ranges, static_scheme(Format::kQdq, DType::kUInt16, DType::kInt8, false));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(outcome_of(result->report, "masking").quantized);
}

// --- arithmetic on shapes, empty tensors --------------------------------------------------------

/// Resizes to a size that is computed in floats from the input's.
Model computed_size(const std::string& rounding) {
  ModelBuilder builder(15);
  builder.input("x", {1, 3, 8, 8})
      .weight("w", {4, 3, 3, 3}, 0.3)
      .weight("w2", {4, 4, 3, 3}, 0.3)
      .constant("spatial", Tensor::of(Ints{2, 3}, {2}))
      .constant("factor", Tensor::scalar(0.7F))
      .constant("head", Tensor::of(Ints{1, 4}, {2}))
      .op("Conv", {"x", "w"}, {"c"})
      .op("Shape", {"c"}, {"shape"})
      .op("Gather", {"shape", "spatial"}, {"extents"})
      .op("Cast", {"extents"}, {"float"}, {{"to", std::int64_t{1}}})
      .named_op("scaled", "Mul", {"float", "factor"}, {"target"})
      .op(rounding, {"target"}, {"whole"})
      .op("Cast", {"whole"}, {"integer"}, {{"to", std::int64_t{7}}})
      .op("Concat", {"head", "integer"}, {"sizes"}, {{"axis", std::int64_t{0}}})
      .op("Resize", {"c", "", "", "sizes"}, {"r"}, {{"mode", std::string("nearest")}})
      .op("Conv", {"r", "w2"}, {"y"})
      .output("y");
  return typed(builder.build());
}

TEST(ValueRules, Everywhere_ShapeArithmeticStaysFloat) {
  QuantizeOptions options;
  options.everywhere = true;
  for (const auto* rounding : {"Floor", "Ceil", "Round"}) {
    const auto model = computed_size(rounding);
    const auto feeds = random_feeds(model, 3);
    const auto ranges = measure(model, feeds);
    const auto result = quantize_all(model, &*ranges, {}, options);
    ASSERT_THAT(result, IsOk());
    EXPECT_THAT(outcome_of(result->report, "scaled").reason, HasSubstr("extents"));
    expect_close_at_every_level(model, result->model, feeds, 30);
  }
}

/// Indices computed from data in floats: whole numbers, however they were come by.
TEST(ValueRules, Everywhere_FloatsThatBecomeIndicesStayFloat) {
  const auto model = typed(ModelBuilder(15)
                               .input("x", {1, 16})
                               .input("position", {4})
                               .weight("table", {200, 16})
                               .weight("w", {16, 8}, 0.3)
                               .constant("step", Tensor::scalar(1.0F))
                               .constant("scale", Tensor::scalar(37.0F))
                               .named_op("shift", "Add", {"position", "step"}, {"p"})
                               .named_op("stretch", "Mul", {"p", "scale"}, {"s"})
                               .op("Cast", {"s"}, {"index"}, {{"to", std::int64_t{7}}})
                               .op("Gather", {"table", "index"}, {"rows"})
                               .op("Add", {"rows", "x"}, {"sum"})
                               .op("MatMul", {"sum", "w"}, {"y"})
                               .output("y")
                               .build());
  auto feeds = random_feeds(model, 3);
  feeds.insert_or_assign("position", Tensor::of(std::vector<float>{0.1F, 1.7F, 2.9F, 4.0F}, {4}));
  const auto ranges = measure(model, feeds);
  QuantizeOptions options;
  options.everywhere = true;
  const auto result = quantize_all(model, &*ranges, {}, options);
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(outcome_of(result->report, "stretch").reason, HasSubstr("whole number"));
  EXPECT_THAT(outcome_of(result->report, "shift").reason, HasSubstr("whole number"));
  expect_close_at_every_level(model, result->model, feeds, 30);
}

TEST(ValueRules, EmptyInEverySample_ReadersStayFloat) {
  const auto model =
      typed(ModelBuilder(15)
                .input("x", {1, 4, 16})
                .input("past", testing::float_type({1, 0, 16}))
                .weight("w", {16, 16}, 0.3)
                .weight("w2", {16, 8}, 0.3)
                .op("MatMul", {"x", "w"}, {"k"})
                .named_op("append", "Concat", {"past", "k"}, {"all"}, {{"axis", std::int64_t{1}}})
                .named_op("alone", "MatMul", {"past", "w2"}, {"z"})
                .op("MatMul", {"all", "w2"}, {"y"})
                .output("y")
                .output("z")
                .build());
  Feeds feeds = {{"x", random_tensor({1, 4, 16}, 1)},
                 {"past", Tensor(DType::kFloat32, {1, 0, 16})}};
  const auto ranges = measure(model, feeds);
  ASSERT_THAT(ranges, IsOk());
  const auto result = quantize_all(model, &*ranges, {});
  ASSERT_THAT(result, IsOk());
  EXPECT_THAT(outcome_of(result->report, "append").reason,
              HasSubstr("'past' was empty in every sample"));
  EXPECT_THAT(outcome_of(result->report, "alone").reason,
              HasSubstr("'past' was empty in every sample"));
  EXPECT_EQ(result->report.quantized_ops, 2);
}

// --- constants with NaN and infinities -------------------------------------------------------

Tensor table_with(float value) {
  auto table = random_tensor({10, 16}, 5);
  table.as<float>()[3 * 16 + 2] = value;
  return table;
}

/// y = rows of a table, MatMul; z = a Conv beside it whose weights are sound.
Model embedding(float bad) {
  return typed(ModelBuilder(15)
                   .input("ids", testing::type(DType::kInt64, {1, 4}))
                   .input("x", {1, 16})
                   .constant("table", table_with(bad))
                   .constant("damaged", table_with(bad))
                   .weight("w", {16, 8}, 0.3)
                   .constant("t", Tensor::of(Ints{1, 0}, {2}))
                   .named_op("look-up", "Gather", {"table", "ids"}, {"rows"})
                   .named_op("behind", "MatMul", {"rows", "w"}, {"y"})
                   .named_op("sound", "MatMul", {"x", "w"}, {"z"})
                   .named_op("damaged-weights", "Gemm", {"x", "damaged"}, {"d"},
                             {{"transB", std::int64_t{1}}})
                   .output("y")
                   .output("z")
                   .output("d")
                   .build());
}

Feeds embedding_feeds() {
  Tensor ids(DType::kInt64, {1, 4});
  const std::vector<std::int64_t> chosen = {0, 1, 5, 9};
  std::copy(chosen.begin(), chosen.end(), ids.as<std::int64_t>().begin());
  return {{"ids", std::move(ids)}, {"x", random_tensor({1, 16}, 2)}};
}

TEST(ValueRules, TablesWithInfinitiesAndNaN_StayFloatInEveryMode) {
  for (const float bad :
       {-kInfinity, kInfinity, std::numeric_limits<float>::quiet_NaN(), kLowest}) {
    SCOPED_TRACE(bad);
    const auto model = embedding(bad);
    const auto feeds = embedding_feeds();
    const auto ranges = measure(model, feeds);
    ASSERT_THAT(ranges, IsOk());
    Scheme blocks;
    blocks.mode = Mode::kWeightOnly;
    blocks.weight = DType::kInt4;
    blocks.block_size = 16;
    blocks.format = Format::kQOperator;
    for (const auto& scheme : {Scheme{}, dynamic_scheme(DType::kInt8), blocks}) {
      SCOPED_TRACE(to_string(scheme));
      const auto result = quantize_all(model, &*ranges, scheme);
      ASSERT_THAT(result, IsOk());
      EXPECT_FALSE(outcome_of(result->report, "damaged-weights").quantized);
      EXPECT_THAT(outcome_of(result->report, "damaged-weights").reason,
                  HasSubstr("constant 'damaged' holds"));
      EXPECT_TRUE(outcome_of(result->report, "sound").quantized);
      for (const auto level : kLevels) {
        const auto written = run(result->model, feeds, level);
        ASSERT_THAT(written, IsOk());
        const auto plain = run(model, feeds, OptLevel::kDisabled);
        EXPECT_GE(compare_tensors(plain->at("y").view(), written->at("y").view())->sqnr_db, 15);
      }
    }
    EXPECT_THAT(
        outcome_of(quantize_all(model, &*ranges, dynamic_scheme(DType::kInt8))->report, "behind")
            .reason,
        HasSubstr("may hold the extreme values of constant 'table'"));
  }
}

// --- biases that the runtime rounds by itself ------------------------------------------------

/// One input channel, and with it one of the output channels' weights, is nearly dead.
Tensor nearly_dead(Shape shape, std::int64_t channel_axis_extent, bool last_axis, float tiny) {
  auto weight = random_tensor(std::move(shape), 11, 0.3);
  auto values = weight.as<float>();
  const auto channels = static_cast<std::size_t>(channel_axis_extent);
  const auto inner = values.size() / channels;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto channel = last_axis ? i % channels : i / inner;
    if (channel == 1) {
      values[i] *= tiny;
    }
  }
  return weight;
}

struct Product {
  std::string name;
  std::function<void(ModelBuilder&)> add;
};

TEST(ValueRules, NearlyDeadChannelWithOrdinaryBias_IsRightAtEveryLevel) {
  for (const float tiny : {1e-5F, 1e-7F, 1e-9F}) {
    const std::vector<Product> products = {
        {"conv",
         [&](ModelBuilder& builder) {
           builder.input("x", {1, 3, 6, 6})
               .constant("w", nearly_dead({4, 3, 3, 3}, 4, false, tiny))
               .weight("b", {4})
               .op("Conv", {"x", "w", "b"}, {"h"});
         }},
        {"depthwise",
         [&](ModelBuilder& builder) {
           builder.input("x", {1, 4, 6, 6})
               .constant("w", nearly_dead({4, 1, 3, 3}, 4, false, tiny))
               .weight("b", {4})
               .op("Conv", {"x", "w", "b"}, {"h"}, {{"group", std::int64_t{4}}});
         }},
        {"transposed",
         [&](ModelBuilder& builder) {
           builder.input("x", {1, 3, 6, 6})
               .constant("w", nearly_dead({3, 4, 2, 2}, 3, false, tiny))
               .weight("b", {4})
               .op("ConvTranspose", {"x", "w", "b"}, {"h"});
         }},
        {"gemm",
         [&](ModelBuilder& builder) {
           builder.input("x", {2, 6})
               .constant("w", nearly_dead({4, 6}, 4, false, tiny))
               .weight("b", {4})
               .op("Gemm", {"x", "w", "b"}, {"h"}, {{"transB", std::int64_t{1}}});
         }},
        {"matmul and add",
         [&](ModelBuilder& builder) {
           builder.input("x", {2, 6})
               .constant("w", nearly_dead({6, 4}, 4, true, tiny))
               .weight("b", {4})
               .op("MatMul", {"x", "w"}, {"product"})
               .op("Add", {"b", "product"}, {"h"});
         }},
        {"all nearly dead",
         [&](ModelBuilder& builder) {
           builder.input("x", {2, 6})
               .weight("w", {6, 4}, double{tiny})
               .weight("b", {4})
               .op("MatMul", {"x", "w"}, {"product"})
               .op("Add", {"product", "b"}, {"h"});
         }},
    };
    for (const auto& product : products) {
      SCOPED_TRACE(fmt::format("{} {}", product.name, tiny));
      ModelBuilder builder(15);
      product.add(builder);
      const bool image =
          product.name == "conv" || product.name == "depthwise" || product.name == "transposed";
      if (image) {
        builder.weight("w2", {2, 4, 1, 1}).op("Conv", {"h", "w2"}, {"y"});
      } else {
        builder.weight("w2", {4, 3}).op("MatMul", {"h", "w2"}, {"y"});
      }
      const auto model = typed(builder.output("y").build());
      const auto feeds = random_feeds(model, 9);
      const auto ranges = measure(model, feeds);
      ASSERT_THAT(ranges, IsOk());
      for (const auto format : {Format::kQdqInputs, Format::kQdq, Format::kQOperator}) {
        for (const bool per_channel : {false, true}) {
          SCOPED_TRACE(fmt::format("{} per channel {}", to_string(format), per_channel));
          const auto result = quantize_all(
              model, &*ranges, static_scheme(format, DType::kUInt8, DType::kInt8, per_channel));
          ASSERT_THAT(result, IsOk());
          expect_close_at_every_level(model, result->model, feeds, 30);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tessera::quantize
