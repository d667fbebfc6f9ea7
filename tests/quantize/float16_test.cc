// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// float16 islands of any shape load and run at every optimization level and stay close to float32.

#include <rapidcheck.h>

#include <cmath>
#include <functional>
#include <limits>

#include "support/differential.h"
#include "support/shared_data.h"
#include "tessera/quantize/assignment.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;
using Ints = std::vector<std::int64_t>;

Scheme scheme_of(Mode mode) {
  Scheme scheme;
  scheme.mode = mode;
  return scheme;
}

Result<Quantized> convert(const Model& model, const std::vector<Mode>& modes,
                          const calibrate::Ranges* ranges = nullptr, bool keep_io = true) {
  auto copy = model.clone();
  QuantizeOptions options;
  options.keep_io = keep_io;
  options.everywhere = true;
  std::vector<Scheme> schemes;
  for (const auto mode : modes) {
    schemes.push_back(scheme_of(mode));
  }
  TESSERA_TRY(auto report,
              quantize(copy, Assignment(std::move(schemes)), ranges, options, Monitor::silent()));
  return Quantized{std::move(copy), std::move(report)};
}

std::vector<Mode> all(const Model& model, Mode mode) {
  return std::vector<Mode>(model.view().value().ops().size(), mode);
}

/// Feeds in the types that the model wants.
Feeds in_types_of(const Model& model, Feeds feeds) {
  for (auto& [name, tensor] : feeds) {
    if (model.type_of(name)->dtype != DType::kFloat16) {
      continue;
    }
    Tensor half(DType::kFloat16, tensor.shape());
    std::transform(tensor.as<float>().begin(), tensor.as<float>().end(),
                   half.as<std::uint16_t>().begin(), float32_to_float16);
    tensor = std::move(half);
  }
  return feeds;
}

/// Worst SQNR over all outputs and levels; an error if the model does not run.
Result<double> worst_sqnr_db(const Model& reference, const Model& model, const Feeds& feeds) {
  TESSERA_TRY(const auto wanted, run(reference, feeds, OptLevel::kDisabled));
  double worst = std::numeric_limits<double>::infinity();
  for (const auto level : kLevels) {
    TESSERA_TRY(const auto outputs, run(model, in_types_of(model, feeds), level));
    for (const auto& [name, tensor] : wanted) {
      if (!is_floating(tensor.dtype())) {
        continue;
      }
      TESSERA_TRY(const auto values, to_float32(outputs.at(name).view()));
      const auto widened = Tensor::of(values, tensor.shape());
      TESSERA_TRY(const auto metrics, compare_tensors(tensor.view(), widened.view()));
      worst = std::min(worst, metrics.sqnr_db);
    }
  }
  return worst;
}

void infer(Model& model) {
  ASSERT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
}

// --- one model, everything ----------------------------------------------------------------------

struct Case {
  std::string name;
  std::function<Model()> build;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

Model residual() {
  return ModelBuilder(13)
      .input("x", {1, 3, 12, 12})
      .weight("w0", {8, 3, 3, 3}, 0.2)
      .weight("b0", {8})
      .weight("w1", {8, 8, 3, 3}, 0.1)
      .op("Conv", {"x", "w0", "b0"}, {"c0"}, {{"pads", Ints{1, 1, 1, 1}}})
      .op("Relu", {"c0"}, {"r0"})
      .op("Conv", {"r0", "w1"}, {"c1"}, {{"pads", Ints{1, 1, 1, 1}}})
      .op("Add", {"c1", "r0"}, {"sum"})
      .op("GlobalAveragePool", {"sum"}, {"pool"})
      .op("Flatten", {"pool"}, {"y"})
      .output("y")
      .build();
}

Model resized() {
  return ModelBuilder(13)
      .input("x", {1, 3, 6, 6})
      .constant("scales", Tensor::of(std::vector<float>{1, 1, 2, 1.5F}, {4}))
      .op("Resize", {"x", "", "scales"}, {"y"}, {{"mode", std::string("linear")}})
      .output("y")
      .build();
}

Model clipped() {
  return ModelBuilder(13)
      .input("x", {2, 8})
      .constant("low", Tensor::scalar(-0.5F))
      .constant("high", Tensor::scalar(std::numeric_limits<float>::max()))
      .op("Clip", {"x", "low", "high"}, {"c"})
      .op("Softmax", {"c"}, {"y"})
      .output("y")
      .output("c")
      .build();
}

Model normalized() {
  return ModelBuilder(17)
      .input("x", {2, 5, 16})
      .weight("g", {16})
      .weight("b", {16})
      .weight("w", {16, 24}, 0.25)
      .op("LayerNormalization", {"x", "g", "b"}, {"n", "mean"})
      .op("MatMul", {"n", "w"}, {"y"})
      .output("y")
      .output("mean")
      .build();
}

Model detecting() {  // float coordinates into an operator without a float16 form
  return ModelBuilder(13)
      .input("x", {1, 6, 4})
      .weight("w", {4, 4}, 0.5)
      .constant("count", Tensor::of(Ints{3}, {1}))
      .op("MatMul", {"x", "w"}, {"boxes"})
      .op("ReduceSum", {"boxes", "axis"}, {"score"}, {{"keepdims", std::int64_t{0}}})
      .constant("axis", Tensor::of(Ints{2}, {1}))
      .op("Unsqueeze", {"score", "one"}, {"scores"})
      .constant("one", Tensor::of(Ints{1}, {1}))
      .op("NonMaxSuppression", {"boxes", "scores", "count"}, {"picked"})
      .output("picked")
      .output("boxes")
      .build();
}

Model filled() {  // types that come from attributes
  return ModelBuilder(13)
      .input("x", {2, 3})
      .op("Shape", {"x"}, {"shape"})
      .op("ConstantOfShape", {"shape"}, {"ones"},
          {{"value", Tensor::of(std::vector<float>{1.5F}, {1})}})
      .op("Greater", {"x", "ones"}, {"mask"})
      .op("Cast", {"mask"}, {"gate"}, {{"to", std::int64_t{1}}})
      .op("Mul", {"gate", "x"}, {"y"})
      .output("y")
      .build();
}

class Float16 : public ::testing::TestWithParam<Case> {};

TEST_P(Float16, WholeModel_RunsAtEveryLevelAndStaysClose) {
  auto model = GetParam().build();
  infer(model);
  const auto feeds = random_feeds(model, 11);
  for (const bool keep_io : {true, false}) {
    const auto half = convert(model, all(model, Mode::kFloat16), nullptr, keep_io);
    ASSERT_THAT(half, IsOk());
    EXPECT_GT(half->report.quantized_ops, 0);
    const auto sqnr_db = worst_sqnr_db(model, half->model, feeds);
    ASSERT_THAT(sqnr_db, IsOk());
    EXPECT_GT(*sqnr_db, 45) << "keep_io " << keep_io;
    EXPECT_EQ(half->model.type_of("x")->dtype, keep_io ? DType::kFloat32 : DType::kFloat16);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Float16,
                         ::testing::Values(Case{"Residual", residual}, Case{"Resized", resized},
                                           Case{"Clipped", clipped}, Case{"Normalized", normalized},
                                           Case{"Detecting", detecting}, Case{"Filled", filled}),
                         [](const auto& instance) { return instance.param.name; });

// --- any subset ---------------------------------------------------------------------------------

/// A random graph of element-wise operators, convolutions and joins.
Model random_graph() {
  const auto length = *rc::gen::inRange(2, 9);
  ModelBuilder builder(13);
  builder.input("x", {1, 4, 6, 6}).weight("shared", {4, 4, 1, 1}, 0.4);
  std::vector<std::string> values{"x"};
  for (int i = 0; i < length; ++i) {
    const auto pick = [&] { return values[*rc::gen::inRange<std::size_t>(0, values.size())]; };
    const auto name = "v" + std::to_string(i);
    switch (*rc::gen::inRange(0, 5)) {
      case 0:
        builder.op("Conv", {pick(), "shared"}, {name});
        break;
      case 1:
        builder.op("Add", {pick(), pick()}, {name});
        break;
      case 2:
        builder.op("Mul", {pick(), "factor" + name}, {name})
            .constant("factor" + name, Tensor::scalar(0.7F));
        break;
      case 3:
        builder.op("Sigmoid", {pick()}, {name});
        break;
      default:
        builder.op("MaxPool", {pick()}, {name},
                   {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}});
    }
    values.push_back(name);
  }
  builder.output(values.back());
  if (*rc::gen::arbitrary<bool>()) {
    builder.output(values[values.size() / 2 + 1]);
  }
  return builder.build();
}

TEST(Float16Slow, AnySubsetOfOperators_RunsAtEveryLevelAndStaysClose) {
  const auto holds = rc::check([] {
    auto model = random_graph();
    RC_ASSERT(model.infer_types(runtime::type_oracle(library())).has_value());
    std::vector<Mode> modes;
    for (std::size_t i = 0; i < model.view().value().ops().size(); ++i) {
      modes.push_back(*rc::gen::arbitrary<bool>() ? Mode::kFloat16 : Mode::kFloat32);
    }
    const auto keep_io = *rc::gen::arbitrary<bool>();
    const auto half = convert(model, modes, nullptr, keep_io);
    if (!half) {
      RC_FAIL(half.error().message);
    }
    const auto sqnr_db = worst_sqnr_db(model, half->model, random_feeds(model, 5));
    if (!sqnr_db) {
      RC_FAIL(sqnr_db.error().message);
    }
    RC_ASSERT(*sqnr_db > 40);
  });
  EXPECT_TRUE(holds);
}

TEST(Float16Slow, BesideEveryOtherMode_RunsAtEveryLevelAndStaysClose) {
  const auto holds = rc::check([] {
    auto model = residual();
    RC_ASSERT(model.infer_types(runtime::type_oracle(library())).has_value());
    const auto feeds = random_feeds(model, 8);
    const auto ranges = measure(model, feeds);
    RC_ASSERT(ranges.has_value());
    std::vector<Mode> modes;
    for (std::size_t i = 0; i < model.view().value().ops().size(); ++i) {
      modes.push_back(
          *rc::gen::element(Mode::kFloat16, Mode::kFloat32, Mode::kStatic, Mode::kDynamic));
    }
    const auto mixed = convert(model, modes, &*ranges);
    if (!mixed) {
      RC_FAIL(mixed.error().message);
    }
    const auto sqnr_db = worst_sqnr_db(model, mixed->model, feeds);
    if (!sqnr_db) {
      RC_FAIL(sqnr_db.error().message);
    }
    RC_ASSERT(*sqnr_db > 15);
  });
  EXPECT_TRUE(holds);
}

// --- what stays, and why ------------------------------------------------------------------------

TEST(ApplyFloat16, RangeBeyondFloat16_StaysFloat32) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 8})
                   .constant("million", Tensor::scalar(1e6F))
                   .constant("millionth", Tensor::scalar(1e-6F))
                   .op("Mul", {"x", "million"}, {"huge"})
                   .op("Mul", {"huge", "millionth"}, {"small"})
                   .op("Relu", {"small"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto feeds = random_feeds(model, 2);
  const auto ranges = measure(model, feeds);
  ASSERT_THAT(ranges, IsOk());
  const auto half = convert(model, all(model, Mode::kFloat16), &*ranges);
  ASSERT_THAT(half, IsOk());
  EXPECT_FALSE(outcome_of(half->report, "huge_node").quantized);
  EXPECT_THAT(outcome_of(half->report, "huge_node").reason, HasSubstr("'million'"));
  EXPECT_FALSE(outcome_of(half->report, "small_node").quantized);
  EXPECT_THAT(outcome_of(half->report, "small_node").reason, HasSubstr("'huge' reaches"));
  EXPECT_TRUE(outcome_of(half->report, "y_node").quantized);
  const auto sqnr_db = worst_sqnr_db(model, half->model, feeds);
  ASSERT_THAT(sqnr_db, IsOk());
  EXPECT_GT(*sqnr_db, 60);
}

TEST(ApplyFloat16, ValuesBelowTheNormalRange_StayFloat32) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 8})
                   .constant("tiny", Tensor::scalar(1e-6F))
                   .op("Mul", {"x", "tiny"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto ranges = measure(model, random_feeds(model, 2));
  ASSERT_THAT(ranges, IsOk());
  const auto half = convert(model, all(model, Mode::kFloat16), &*ranges);
  ASSERT_THAT(half, IsOk());
  EXPECT_THAT(outcome_of(half->report, "y_node").reason, HasSubstr("loses its precision"));
}

TEST(ApplyFloat16, WeightBeyondFloat16_KeepsItsOperatorInFloat32) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4})
                   .constant("w", Tensor::of(std::vector<float>{1e9F, -1e9F, 1, 1e-9F}, {4}))
                   .op("Mul", {"x", "w"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto half = convert(model, all(model, Mode::kFloat16));
  ASSERT_THAT(half, IsOk());
  EXPECT_FALSE(outcome_of(half->report, "y_node").quantized);
  EXPECT_EQ(outcome_of(half->report, "y_node").reason,
            "2 of 4 values of 'w' are beyond 65504, where float16 ends");
}

/// Takes warnings down.
class Recorder final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning& warning) override { warnings.push_back(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
  std::vector<Warning> warnings;
};

TEST(ApplyFloat16, ConstantsBeyondFloat16_AreWarnedOf) {
  Tensor variance = testing::random_tensor({4}, 3);
  for (auto& value : variance.as<float>()) {
    value = 1e7F * (1 + value * value);
  }
  auto model = ModelBuilder(15)
                   .input("x", {1, 3, 6, 6})
                   .weight("w", {4, 3, 3, 3}, 2000)
                   .weight("g", {4})
                   .weight("b", {4})
                   .weight("m", {4})
                   .constant("v", std::move(variance))
                   .weight("w2", {2, 4, 1, 1})
                   .op("Conv", {"x", "w"}, {"h"})
                   .named_op("norm", "BatchNormalization", {"h", "g", "b", "m", "v"}, {"n"})
                   .op("Conv", {"n", "w2"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  auto copy = model.clone();
  Recorder recorder;
  const Assignment assignment(3, scheme_of(Mode::kFloat16));
  const auto report = quantize(copy, assignment, nullptr, {}, recorder);
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(outcome_of(*report, "norm").quantized);
  EXPECT_EQ(report->quantized_ops, 2);
  ASSERT_FALSE(recorder.warnings.empty());
  EXPECT_EQ(recorder.warnings.front().id, "float16-constants");
  EXPECT_THAT(recorder.warnings.front().message, HasSubstr("'norm'"));
  const auto sqnr_db = worst_sqnr_db(model, copy, random_feeds(model, 1));
  ASSERT_THAT(sqnr_db, IsOk());
  EXPECT_GT(*sqnr_db, 50);
}

/// Rows whose tokens are all masked are even in float32: with -inf in the place of the lowest
/// number they would be NaN.
TEST(ApplyFloat16, MasksOfTheLowestNumber_AreFollowedToTheSoftmax) {
  for (const bool computed : {false, true}) {
    SCOPED_TRACE(computed);
    ModelBuilder builder(15);
    builder.input("x", {1, 4, 4}).constant("flat", Tensor::of(Ints{4, 4}, {2}));
    constexpr auto kLow = std::numeric_limits<float>::lowest();
    if (computed) {
      builder.input("keep", {1, 4, 1})
          .constant("one", Tensor::scalar(1.0F))
          .constant("low", Tensor::scalar(kLow))
          .op("Sub", {"one", "keep"}, {"drop"})
          .op("Mul", {"drop", "low"}, {"mask"});
    } else {
      Tensor mask(DType::kFloat32, {1, 4, 4});
      for (std::size_t i = 8; i < 16; ++i) {
        mask.as<float>()[i] = kLow;
      }
      builder.constant("mask", std::move(mask));
    }
    auto model = builder.op("Add", {"x", "mask"}, {"masked"})
                     .op("Reshape", {"masked", "flat"}, {"rows"})
                     .named_op("softmax", "Softmax", {"rows"}, {"p"})
                     .named_op("after", "Sqrt", {"p"}, {"y"})
                     .output("y")
                     .build();
    infer(model);
    auto feeds = random_feeds(model, 1);
    if (computed) {
      feeds.insert_or_assign("keep", Tensor::of(std::vector<float>{1, 1, 0, 0}, {1, 4, 1}));
    }
    const auto half = convert(model, all(model, Mode::kFloat16));
    ASSERT_THAT(half, IsOk());
    EXPECT_FALSE(outcome_of(half->report, "softmax").quantized);
    EXPECT_TRUE(outcome_of(half->report, "after").quantized);
    const auto sqnr_db = worst_sqnr_db(model, half->model, feeds);
    ASSERT_THAT(sqnr_db, IsOk());
    EXPECT_GT(*sqnr_db, 50);
  }
}

/// Whatever says the type of its result by an attribute of its own, or gives sequences, stays as
/// it is; the rest of the model does not.
TEST(ApplyFloat16, OperatorsThatSayTheirOwnType_StayFloat32) {
  using Add = std::function<void(ModelBuilder&)>;
  const std::vector<std::pair<std::string, Add>> cases = {
      {"HannWindow",
       [](ModelBuilder& builder) {
         builder.constant("n", Tensor::scalar(std::int64_t{8})).op("HannWindow", {"n"}, {"t"});
       }},
      {"HammingWindow",
       [](ModelBuilder& builder) {
         builder.constant("n", Tensor::scalar(std::int64_t{8}))
             .op("HammingWindow", {"n"}, {"t"}, {{"output_datatype", std::int64_t{1}}});
       }},
      {"BlackmanWindow",
       [](ModelBuilder& builder) {
         builder.constant("n", Tensor::scalar(std::int64_t{8})).op("BlackmanWindow", {"n"}, {"t"});
       }},
      {"EyeLike",
       [](ModelBuilder& builder) {
         builder.op("EyeLike", {"x"}, {"t"}, {{"dtype", std::int64_t{1}}});
       }},
      {"EyeLike of its input", [](ModelBuilder& builder) { builder.op("EyeLike", {"x"}, {"t"}); }},
      {"MeanVarianceNormalization",
       [](ModelBuilder& builder) {
         builder.op("MeanVarianceNormalization", {"x"}, {"t"}, {{"axes", Ints{1}}});
       }},
      {"ConstantOfShape",
       [](ModelBuilder& builder) {
         builder.op("Shape", {"x"}, {"extents"})
             .op("ConstantOfShape", {"extents"}, {"t"},
                 {{"value", Tensor::of(std::vector<float>{3.5F}, {1})}});
       }},
      {"ConstantOfShape without a value",
       [](ModelBuilder& builder) {
         builder.op("Shape", {"x"}, {"extents"}).op("ConstantOfShape", {"extents"}, {"t"});
       }},
      {"Cast",
       [](ModelBuilder& builder) {
         builder.op("Shape", {"x"}, {"extents"})
             .constant("last", Tensor::scalar(std::int64_t{1}))
             .op("Gather", {"extents", "last"}, {"extent"})
             .op("Cast", {"extent"}, {"t"}, {{"to", std::int64_t{1}}});
       }},
      {"sequence",
       [](ModelBuilder& builder) {
         builder.constant("first", Tensor::scalar(std::int64_t{0}))
             .op("SplitToSequence", {"x"}, {"sequence"}, {{"axis", std::int64_t{0}}})
             .op("SequenceAt", {"sequence", "first"}, {"t"});
       }},
      {"empty sequence",
       [](ModelBuilder& builder) {
         builder.op("SequenceEmpty", {}, {"none"}, {{"dtype", std::int64_t{1}}})
             .op("Relu", {"x"}, {"r"})
             .op("SequenceInsert", {"none", "r"}, {"one"})
             .op("ConcatFromSequence", {"one"}, {"t"}, {{"axis", std::int64_t{0}}});
       }},
      {"Bernoulli",
       [](ModelBuilder& builder) {
         // Of 0 and 1 nothing is left to chance.
         builder.constant("zero", Tensor::scalar(0.0F))
             .op("Mul", {"x", "zero"}, {"never"})
             .op("Bernoulli", {"never"}, {"t"}, {{"dtype", std::int64_t{1}}});
       }},
  };
  for (const auto& [name, add] : cases) {
    for (const bool keep_io : {false, true}) {
      SCOPED_TRACE(fmt::format("{} keep_io {}", name, keep_io));
      ModelBuilder builder(17);
      builder.input("x", {4, 8}).weight("w", {8, 8});
      add(builder);
      auto model = builder.op("Add", {"x", "t"}, {"sum"})
                       .named_op("last", "MatMul", {"sum", "w"}, {"y"})
                       .output("y")
                       .build();
      infer(model);
      const auto half = convert(model, all(model, Mode::kFloat16), nullptr, keep_io);
      ASSERT_THAT(half, IsOk());
      EXPECT_TRUE(outcome_of(half->report, "last").quantized);
      const auto sqnr_db = worst_sqnr_db(model, half->model, random_feeds(model, 1));
      ASSERT_THAT(sqnr_db, IsOk());
      EXPECT_GT(*sqnr_db, 45);
    }
  }
}

TEST(ApplyFloat16, WeightThatWouldVanish_KeepsItsOperatorInFloat32) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4})
                   .constant("w", Tensor::of(std::vector<float>{1e-9F, -1e-9F, 1e-9F, 1}, {4}))
                   .op("Mul", {"x", "w"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto half = convert(model, all(model, Mode::kFloat16));
  ASSERT_THAT(half, IsOk());
  EXPECT_THAT(outcome_of(half->report, "y_node").reason, HasSubstr("3 of 4 values of 'w'"));
  EXPECT_EQ(count_types(half->model)["Cast"], 0);
}

TEST(ApplyFloat16, WeightOfBothPrecisions_IsStoredInBoth) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4})
                   .weight("w", {4})
                   .op("Mul", {"x", "w"}, {"a"})
                   .op("Add", {"a", "w"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto half = convert(model, {Mode::kFloat16, Mode::kFloat32});
  ASSERT_THAT(half, IsOk());
  EXPECT_EQ(half->model.initializer_type("w")->dtype, DType::kFloat32);
  EXPECT_EQ(half->model.initializer_type("w_float16")->dtype, DType::kFloat16);
}

TEST(ApplyFloat16, NeighboursInFloat16_NeedNoCastBetweenThem) {
  auto model = residual();
  infer(model);
  const auto half = convert(model, all(model, Mode::kFloat16));
  ASSERT_THAT(half, IsOk());
  EXPECT_EQ(count_types(half->model)["Cast"], 2);  // after the input, before the output
}

TEST(ApplyFloat16, ValueReadTwice_IsCastOnce) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 4})
                   .op("Relu", {"x"}, {"a"})
                   .op("Sigmoid", {"x"}, {"b"})
                   .op("Add", {"a", "b"}, {"y"})
                   .output("y")
                   .build();
  infer(model);
  const auto half = convert(model, all(model, Mode::kFloat16));
  ASSERT_THAT(half, IsOk());
  EXPECT_EQ(count_types(half->model)["Cast"], 2);
}

TEST(ApplyFloat16, OperatorWithoutFloats_SaysSo) {
  auto model = filled();
  infer(model);
  const auto half = convert(model, all(model, Mode::kFloat16));
  ASSERT_THAT(half, IsOk());
  EXPECT_TRUE(outcome_of(half->report, "shape_node").quantized);
  EXPECT_THAT(outcome_of(half->report, "gate_node").reason, IsEmpty());
}

// --- published models ---------------------------------------------------------------------------

class Float16PublishedSlow : public ::testing::TestWithParam<std::string> {};

TEST_P(Float16PublishedSlow, RunsAtEveryLevelAndStaysClose) {
  const auto path = testing::shared_path("data/models/" + GetParam());
  TESSERA_NEEDS_SHARED(path);
  auto model = Model::load(path);
  ASSERT_THAT(model, IsOk());
  infer(*model);
  const auto half = convert(*model, all(*model, Mode::kFloat16));
  ASSERT_THAT(half, IsOk());
  const auto sqnr_db = worst_sqnr_db(*model, half->model, random_feeds(*model, 3, 50));
  ASSERT_THAT(sqnr_db, IsOk());
  EXPECT_GT(*sqnr_db, 35);
}

INSTANTIATE_TEST_SUITE_P(Files, Float16PublishedSlow,
                         ::testing::Values("yolox_nano.onnx", "fns-candy.onnx",
                                           "squeezenet_winml.onnx"),
                         [](const auto& instance) {
                           return instance.param.substr(0, instance.param.find_first_of(".-"));
                         });

}  // namespace
}  // namespace tessera::quantize
