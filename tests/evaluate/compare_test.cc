// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/compare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/renamed_network.h"
#include "tessera/core/file.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/tensor/npy.h"

namespace tessera::evaluate {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::ModelBuilder;
using Names = std::vector<std::string>;

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  EXPECT_THAT(loaded, IsOk());
  return *loaded;
}

network::Network with_types(onnx::Model given) {
  auto model = network::Network::of(std::move(given));
  EXPECT_THAT(model.infer_types(library()), IsOk());
  return model;
}

network::Network as_network(onnx::Model model) {
  return network::Network::of(std::move(model));
}

runtime::Session session_of(onnx::Model given) {
  const auto model = as_network(std::move(given));
  auto session = model.open(library(), {});
  EXPECT_THAT(session, IsOk());
  return *std::move(session);
}

data::SampleSet samples(const std::vector<data::InputSpec>& inputs, const std::string& source,
                        const std::filesystem::path& labels = {}) {
  data::SampleOptions options;
  options.source = source;
  options.labels = labels;
  auto set = data::SampleSet::open(options, inputs, Monitor::silent());
  EXPECT_THAT(set, IsOk());
  return *std::move(set);
}

const std::vector<data::InputSpec> kInputs{{"x", DType::kFloat32, {1, 4}}};

/// x -> Add(offset) -> a -> Relu -> r -> MatMul -> y [1, 3]
ModelBuilder chain(float offset) {
  ModelBuilder builder;
  builder.input("x", {1, 4})
      .constant("offset", Tensor::of(std::vector<float>(4, offset), {4}))
      .weight("w", {4, 3})
      .op("Add", {"x", "offset"}, {"a"})
      .op("Relu", {"a"}, {"r"})
      .op("MatMul", {"r", "w"}, {"y"})
      .output("y", {1, 3});
  return builder;
}

Tensor scalar_u8(std::uint8_t value) {
  return Tensor::scalar(value);
}

// --- accuracy ----------------------------------------------------------------------------------

TEST(ClassifierOutput, IsOneVectorPerSample) {
  const auto value = [](Shape shape) {
    return runtime::ValueInfo{"o", DType::kFloat32, true, std::move(shape), {}};
  };
  EXPECT_EQ(classifier_output({value({1, 10})}), 0u);
  EXPECT_EQ(classifier_output({value({-1, 10, 1, 1})}), 0u);
  EXPECT_EQ(classifier_output({value({1, 8, 4}), value({1, 5})}), 1u);
  EXPECT_EQ(classifier_output({value({1, 1})}), std::nullopt);
  EXPECT_EQ(classifier_output({value({1, -1})}), std::nullopt);
  EXPECT_EQ(classifier_output({value({4, 10})}), std::nullopt);
}

TEST(Baseline, SameModel_IsExactWhateverIsCached) {
  auto reference = session_of(chain(0.5f).build());
  auto candidate = session_of(chain(0.5f).build());
  const auto set = samples(kInputs, "random:5");
  for (const std::int64_t cache_bytes : {0, 24, 100, 1 << 20}) {
    const auto baseline = Baseline::measure(reference, set, {cache_bytes}, Monitor::silent());
    ASSERT_THAT(baseline, IsOk());
    const auto accuracy = baseline->evaluate(candidate, Monitor::silent());
    ASSERT_THAT(accuracy, IsOk());
    EXPECT_EQ(accuracy->samples, 5);
    EXPECT_TRUE(std::isinf(accuracy->overall.sqnr_db));
    EXPECT_EQ(accuracy->overall.elements, 15);
    ASSERT_TRUE(accuracy->top1);
    EXPECT_EQ(accuracy->top1->agreement_percent, 100);
    EXPECT_EQ(accuracy->top1->reference_percent, std::nullopt);
    EXPECT_EQ(accuracy->sqnr_interval_db, std::nullopt);
    // Known without another run.
    EXPECT_EQ(to_json(baseline->itself()), to_json(*accuracy));
  }
}

TEST(Baseline, OtherModel_HasTheErrorOfItsOutputs) {
  auto reference = session_of(chain(0.5f).build());
  auto candidate = session_of(chain(0.6f).build());
  const auto set = samples(kInputs, "random:20");
  std::vector<double> sqnr;
  for (const std::int64_t cache_bytes : {0, 1 << 20}) {
    const auto baseline = Baseline::measure(reference, set, {cache_bytes}, Monitor::silent());
    ASSERT_THAT(baseline, IsOk());
    const auto accuracy = baseline->evaluate(candidate, Monitor::silent());
    ASSERT_THAT(accuracy, IsOk());
    ASSERT_EQ(accuracy->outputs.size(), 1u);
    EXPECT_EQ(accuracy->outputs[0].name, "y");
    ASSERT_TRUE(accuracy->sqnr_interval_db);
    EXPECT_LT(accuracy->sqnr_interval_db->low, accuracy->overall.sqnr_db);
    EXPECT_GT(accuracy->sqnr_interval_db->high, accuracy->overall.sqnr_db);
    const auto few = baseline->evaluate(candidate, Monitor::silent(), 2);
    ASSERT_THAT(few, IsOk());
    EXPECT_EQ(few->sqnr_interval_db, std::nullopt);
    sqnr.push_back(accuracy->overall.sqnr_db);
  }
  EXPECT_EQ(sqnr[0], sqnr[1]);
  EXPECT_GT(sqnr[0], 5);
  EXPECT_LT(sqnr[0], 40);
}

/// Samples that follow each other in a folder are no steps of a sequence.
TEST(Baseline, WithoutStates_NothingRunsFreely) {
  auto reference = session_of(chain(0.5f).build());
  auto candidate = session_of(chain(0.6f).build());
  const auto folder = TemporaryDirectory::create("samples");
  ASSERT_THAT(folder, IsOk());
  for (const auto* name : {"a.npy", "b.npy", "c.npy"}) {
    const auto x = Tensor::of(std::vector<float>{1, 2, 3, 4}, {1, 4});
    ASSERT_THAT(write_npy(folder->path() / name, x.view(), Overwrite::kRefuse), IsOk());
  }
  const auto set = samples(kInputs, folder->path().string());
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  const auto own = baseline->free_running(candidate, Monitor::silent());
  ASSERT_THAT(own, IsOk());
  EXPECT_EQ(own->has_value(), false);
}

TEST(Baseline, SeveralOutputs_AreNoClassifierUntilLabelsSaySo) {
  auto builder = chain(0.5f);
  builder.output("r", {1, 4});
  auto reference = session_of(builder.build());
  const auto set = samples(kInputs, "random:3");
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  EXPECT_EQ(baseline->itself().top1, std::nullopt);
}

class LabelledBaseline : public ::testing::Test {
 protected:
  std::filesystem::path labels(const std::vector<int>& classes) {
    std::string text = "file,class_index\n";
    for (std::size_t i = 0; i < classes.size(); ++i) {
      text += fmt::format("random:{},{}\n", i, classes[i]);
    }
    const auto path = folder_.path() / "labels.csv";
    EXPECT_THAT(write_file(path, text, Overwrite::kReplace), IsOk());
    return path;
  }
  TemporaryDirectory folder_ = *TemporaryDirectory::create("labels");
};

TEST_F(LabelledBaseline, Top1_IsCountedAgainstLabels) {
  auto reference = session_of(chain(0.5f).build());
  const auto unlabelled = samples(kInputs, "random:8");
  std::vector<int> truth;
  for (std::int64_t i = 0; i < 8; ++i) {
    const auto sample = unlabelled.load(i);
    std::vector<Tensor> casts;
    const auto feeds = feeds_of(*sample, reference.inputs(), casts);
    const auto outputs = reference.run(*feeds);
    ASSERT_THAT(outputs, IsOk());
    truth.push_back(static_cast<int>(argmax((*outputs)[0].as<float>())));
  }
  truth[0] = (truth[0] + 1) % 3;  // the reference is wrong on two of eight
  truth[5] = (truth[5] + 1) % 3;
  const auto set = samples(kInputs, "random:8", labels(truth));
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  EXPECT_EQ(baseline->reference_top1_percent(), 75.0);
  // A model that negates its scores is never right where the reference is.
  auto negated = chain(0.5f);
  negated.op("Neg", {"y"}, {"z"}).output("z", {1, 3});
  auto model = negated.build();
  model.remove_output("y");
  auto candidate = session_of(model.clone());
  const auto accuracy = baseline->evaluate(candidate, Monitor::silent());
  ASSERT_THAT(accuracy, IsOk());
  EXPECT_EQ(accuracy->top1->reference_percent, 75.0);
  EXPECT_LE(*accuracy->top1->candidate_percent, 25.0);
  EXPECT_EQ(accuracy->top1->agreement_percent, 0.0);
  EXPECT_EQ(accuracy->top1->labelled, 8);
}

TEST_F(LabelledBaseline, ClassBeyondTheModel_IsRefused) {
  auto reference = session_of(chain(0.5f).build());
  const auto set = samples(kInputs, "random:2", labels({0, 3}));
  EXPECT_THAT(Baseline::measure(reference, set, {}, Monitor::silent()).map([](const auto&) {}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("class 3; the model knows 3")));
}

TEST(Baseline, HalfPrecisionCandidate_IsFedHalves) {
  ModelBuilder half;
  half.input("x", {1, 4}, DType::kFloat16)
      .op("Neg", {"x"}, {"y"})
      .output("y", {1, 4}, DType::kFloat16);
  ModelBuilder whole;
  whole.input("x", {1, 4}).op("Neg", {"x"}, {"y"}).output("y", {1, 4});
  auto reference = session_of(whole.build());
  auto candidate = session_of(half.build());
  const auto set = samples(kInputs, "random:4");
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  const auto accuracy = baseline->evaluate(candidate, Monitor::silent());
  ASSERT_THAT(accuracy, IsOk());
  EXPECT_GT(accuracy->overall.sqnr_db, 60);
  EXPECT_TRUE(std::isfinite(accuracy->overall.sqnr_db));
}

TEST(Baseline, UnmatchedOutput_IsNamed) {
  auto two = chain(0.5f);
  two.output("r", {1, 4});
  auto reference = session_of(two.build());
  ModelBuilder other;
  other.input("x", {1, 4}).op("Neg", {"x"}, {"n"}).output("n", {1, 4});
  auto candidate = session_of(other.build());
  const auto set = samples(kInputs, "random:1");
  const auto baseline = Baseline::measure(reference, set, {}, Monitor::silent());
  ASSERT_THAT(baseline, IsOk());
  const auto result = baseline->evaluate(candidate, Monitor::silent());
  ASSERT_THAT(result, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("corresponds to 'y'")));
  EXPECT_THAT(result.error().hint, HasSubstr("n"));
}

TEST(ExposeJudgedValues, IndexOutput_GetsItsScores) {
  auto builder = chain(0.5f);
  builder.op("ArgMax", {"y"}, {"best"}, {{"axis", std::int64_t{1}}});
  auto built = builder.build();
  built.remove_output("y");
  built.set_type("best", testing::type(DType::kInt64, {1, 1}));
  built.add_output("best");
  auto model = with_types(std::move(built));
  const auto added = network::expose_judged_values(model);
  ASSERT_THAT(added, IsOk());
  EXPECT_TRUE(*added);
  EXPECT_THAT(model.outputs(), ElementsAre("best", "y"));
  const auto again = network::expose_judged_values(model);
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(*again);
}

// --- values inside -----------------------------------------------------------------------------

/// The chain with the value behind Relu quantized and back, as a QDQ model has it.
onnx::Model quantized_chain(double scale) {
  ModelBuilder builder;
  builder.input("x", {1, 4})
      .constant("offset", Tensor::of(std::vector<float>(4, 0.5f), {4}))
      .weight("w", {4, 3})
      .constant("scale", Tensor::scalar(static_cast<float>(scale)))
      .constant("zero", scalar_u8(0))
      .op("Add", {"x", "offset"}, {"a"})
      .op("Relu", {"a"}, {"r"})
      .op("QuantizeLinear", {"r", "scale", "zero"}, {"r_QuantizeLinear_Output"})
      .op("DequantizeLinear", {"r_QuantizeLinear_Output", "scale", "zero"},
          {"r_DequantizeLinear_Output"})
      .op("MatMul", {"r_DequantizeLinear_Output", "w"}, {"y"})
      .output("y", {1, 3});
  return builder.build();
}

TEST(MatchTensors, QuantizedValue_IsTakenBehindDequantize) {
  const auto reference = with_types(chain(0.5f).build());
  const auto candidate = with_types(quantized_chain(0.02));
  const auto pairs = match_tensors(reference, candidate);
  ASSERT_THAT(pairs, IsOk());
  ASSERT_EQ(pairs->size(), 3u);
  EXPECT_EQ((*pairs)[0].candidate, "a");
  EXPECT_EQ((*pairs)[1].name, "r");
  EXPECT_EQ((*pairs)[1].candidate, "r_DequantizeLinear_Output");
  EXPECT_EQ((*pairs)[1].op_type, "Relu");
  EXPECT_EQ((*pairs)[2].candidate, "y");
}

TEST(MatchTensors, FoldedRelu_IsComparedAfterTheRelu) {
  ModelBuilder folded;
  folded.input("x", {1, 4})
      .constant("offset", Tensor::of(std::vector<float>(4, 0.5f), {4}))
      .weight("w", {4, 3})
      .constant("scale", Tensor::scalar(0.02f))
      .constant("zero", scalar_u8(0))
      .op("Add", {"x", "offset"}, {"a"})
      .op("QuantizeLinear", {"a", "scale", "zero"}, {"a_quantized"})
      .op("DequantizeLinear", {"a_quantized", "scale", "zero"}, {"a_DequantizeLinear_Output"})
      .op("MatMul", {"a_DequantizeLinear_Output", "w"}, {"y"})
      .output("y", {1, 3});
  const auto pairs = match_tensors(with_types(chain(0.5f).build()), with_types(folded.build()));
  ASSERT_THAT(pairs, IsOk());
  ASSERT_EQ(pairs->size(), 2u);
  EXPECT_EQ((*pairs)[0].name, "r");
  EXPECT_EQ((*pairs)[0].candidate, "a_DequantizeLinear_Output");
}

TEST(MatchTensors, ValueQuantizedToTheRangeOfItsRelu_IsLeftOut) {
  ModelBuilder clipped;
  clipped.input("x", {1, 4})
      .constant("offset", Tensor::of(std::vector<float>(4, 0.5f), {4}))
      .weight("w", {4, 3})
      .constant("scale", Tensor::scalar(0.02f))
      .constant("zero", scalar_u8(0))
      .op("Add", {"x", "offset"}, {"a"})
      .op("QuantizeLinear", {"a", "scale", "zero"}, {"a_quantized"})
      .op("DequantizeLinear", {"a_quantized", "scale", "zero"}, {"a_DequantizeLinear_Output"})
      .op("Relu", {"a_DequantizeLinear_Output"}, {"r"})
      .op("MatMul", {"r", "w"}, {"y"})
      .output("y", {1, 3});
  const auto pairs = match_tensors(with_types(chain(0.5f).build()), with_types(clipped.build()));
  ASSERT_THAT(pairs, IsOk());
  ASSERT_EQ(pairs->size(), 2u);
  EXPECT_EQ((*pairs)[0].name, "r");
  EXPECT_EQ((*pairs)[1].name, "y");
}

/// Whatever the formats of the two call their operators.
TEST(MatchTensors, OperatorsOfOtherNames_GiveTheSamePairs) {
  const auto text = [](const TensorPair& pair) {
    return fmt::format("{} {} {} {}", pair.name, pair.candidate,
                       pair.quantization ? pair.quantization->scale : 0,
                       pair.quantization ? pair.quantization->zero_point : 0);
  };
  const auto texts = [&](const network::Network& reference, const network::Network& candidate) {
    std::vector<std::string> all;
    const auto pairs = match_tensors(reference, candidate);
    EXPECT_THAT(pairs, IsOk());
    std::transform(pairs->begin(), pairs->end(), std::back_inserter(all), text);
    return all;
  };
  ModelBuilder integers;
  integers.input("x", {1, 4})
      .constant("offset", Tensor::of(std::vector<float>(4, 0.5f), {4}))
      .constant("scale", Tensor::scalar(0.02f))
      .constant("zero", scalar_u8(7))
      .op("Add", {"x", "offset"}, {"a"})
      .op("QuantizeLinear", {"a", "scale", "zero"}, {"a_quantized"})
      .op("Transpose", {"a_quantized"}, {"r_quantized"})
      .op("DequantizeLinear", {"r_quantized", "scale", "zero"}, {"y"})
      .output("y", {4, 1});
  const auto reference = with_types(chain(0.5f).build());
  for (const auto& model : {quantized_chain(0.02), integers.build()}) {
    const auto candidate = with_types(model.clone());
    const auto expected = texts(reference, candidate);
    EXPECT_THAT(expected, ::testing::Not(::testing::IsEmpty()));
    EXPECT_EQ(texts(testing::under_other_names(reference), testing::under_other_names(candidate)),
              expected);
  }
}

TEST(MatchTensors, IntegerValue_CarriesItsQuantization) {
  ModelBuilder integers;
  integers.input("x", {1, 4})
      .constant("scale", Tensor::scalar(0.25f))
      .constant("zero", scalar_u8(3))
      .op("QuantizeLinear", {"x", "scale", "zero"}, {"x_quantized"})
      .op("Reshape", {"x_quantized", "shape"}, {"f_quantized"})
      .constant("shape", Tensor::of(std::vector<std::int64_t>{4}, {1}))
      .op("DequantizeLinear", {"f_quantized", "scale", "zero"}, {"y"})
      .output("y", {4});
  ModelBuilder plain;
  plain.input("x", {1, 4})
      .constant("shape", Tensor::of(std::vector<std::int64_t>{4}, {1}))
      .op("Reshape", {"x", "shape"}, {"f"})
      .op("Identity", {"f"}, {"y"})
      .output("y", {4});
  const auto pairs = match_tensors(with_types(plain.build()), with_types(integers.build()));
  ASSERT_THAT(pairs, IsOk());
  ASSERT_EQ(pairs->size(), 2u);
  EXPECT_EQ((*pairs)[0].candidate, "f_quantized");
  ASSERT_TRUE((*pairs)[0].quantization);
  EXPECT_EQ((*pairs)[0].quantization->scale, 0.25);
  EXPECT_EQ((*pairs)[0].quantization->zero_point, 3);
}

TEST(Compare, ErrorsStandWhereTheyArise) {
  const auto reference = with_types(chain(0.5f).build());
  const auto candidate = with_types(quantized_chain(0.02));
  const auto set = samples(kInputs, "random:30");
  CompareOptions options;
  options.gates = {*parse_gate("sqnr_db>=20"), *parse_gate("sqnr_db>=90")};
  const auto result = compare(reference, candidate, set, library(), options, Monitor::silent());
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->accuracy.samples, 30);
  EXPECT_EQ(result->reference_tensors, 3);
  ASSERT_EQ(result->tensors.size(), 3u);
  for (const auto& [pair, error] : result->tensors) {
    if (pair.name == "a") {
      EXPECT_TRUE(std::isinf(error.sqnr_db));
    } else {
      EXPECT_GT(error.sqnr_db, 20) << pair.name;
      EXPECT_LT(error.sqnr_db, 90) << pair.name;
    }
    if (pair.name == "r") {
      EXPECT_LE(error.max_abs, 0.01 * 1.001);  // half a step
    }
    EXPECT_EQ(error.elements, pair.name == "y" ? 90 : 120);
  }
  EXPECT_TRUE(std::is_sorted(
      result->tensors.begin(), result->tensors.end(),
      [](const auto& a, const auto& b) { return a.error.sqnr_db < b.error.sqnr_db; }));
  EXPECT_TRUE(result->gates[0].passed);
  EXPECT_FALSE(result->gates[1].passed);
  EXPECT_FALSE(result->passed());
  const auto json = to_json(*result);
  EXPECT_EQ(json["tensors"].size(), 3u);
  EXPECT_EQ(json["outputs"][0]["name"], "y");
  EXPECT_EQ(json["gates"][1]["passed"], false);
}

TEST(Compare, SameRunTwice_GivesTheSameBits) {
  const auto reference = with_types(chain(0.5f).build());
  const auto candidate = with_types(quantized_chain(0.05));
  const auto set = samples(kInputs, "random:10");
  const auto first = compare(reference, candidate, set, library(), {}, Monitor::silent());
  const auto second = compare(reference, candidate, set, library(), {}, Monitor::silent());
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(to_json(*first), to_json(*second));
}

TEST(Compare, CandidateThatFails_EndsBothSides) {
  const auto reference = with_types(chain(0.5f).build());
  ModelBuilder broken;
  broken.input("x", {1, 4})
      .constant("far", Tensor::of(std::vector<std::int64_t>{7}, {1}))
      .weight("w", {1, 3})
      .declare("a", {1, 1})
      .op("Gather", {"x", "index"}, {"a"}, {{"axis", std::int64_t{1}}})
      .op("MatMul", {"a", "w"}, {"y"})
      .op("Cast", {"x0"}, {"index"}, {{"to", std::int64_t{7}}})
      .op("ReduceMax", {"big"}, {"x0"},
          {{"keepdims", std::int64_t{1}}, {"axes", std::vector<std::int64_t>{0}}})
      .op("Add", {"flat", "hundred"}, {"big"})
      .op("Reshape", {"x", "minus"}, {"flat"})
      .constant("minus", Tensor::of(std::vector<std::int64_t>{-1}, {1}))
      .constant("hundred", Tensor::of(std::vector<float>{100}, {1}))
      .output("y", {1, 3});
  const auto candidate = with_types(broken.build());
  const auto set = samples(kInputs, "random:2");
  const auto result = compare(reference, candidate, set, library(), {}, Monitor::silent());
  ASSERT_FALSE(result);
  EXPECT_FALSE(result.error().message.empty());
}

}  // namespace
}  // namespace tessera::evaluate
