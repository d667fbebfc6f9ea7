// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/correspondence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "support/matchers.h"
#include "support/two_formats.h"
#include "tessera/core/file.h"
#include "tessera/evaluate/compare.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/runtime/litert.h"

namespace tessera::evaluate {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LitertBuilder;
using testing::ModelBuilder;

std::shared_ptr<const runtime::Library> onnx_runtime() {
  static const auto loaded = runtime::Library::load();
  EXPECT_THAT(loaded, IsOk());
  return *loaded;
}

network::Network onnx_network(onnx::Model model) {
  auto network = network::Network::of(std::move(model));
  EXPECT_THAT(network.infer_types(onnx_runtime()), IsOk());
  return network;
}

network::Network litert_network(litert::Content content) {
  auto model = litert::Model::of(std::move(content));
  EXPECT_THAT(model, IsOk());
  return network::Network::of(*std::move(model));
}

/// Remembers the ids of warnings.
class Warnings final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning& warning) override { ids.push_back(warning.id); }
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
  std::vector<std::string> ids;
};

using Extents = std::initializer_list<std::int64_t>;

/// One output for each of the shapes: the input, passed on.
network::Network onnx_of(const std::vector<std::pair<std::string, Extents>>& values) {
  ModelBuilder builder;
  for (const auto& [name, shape] : values) {
    builder.input("in_" + name, shape);
    builder.op("Relu", {"in_" + name}, {name}).output(name, shape);
  }
  return onnx_network(builder.build());
}

network::Network litert_of(const std::vector<std::pair<std::string, Extents>>& values) {
  LitertBuilder builder;
  for (const auto& [name, shape] : values) {
    const std::vector<std::int32_t> extents(shape.begin(), shape.end());
    builder.input("in_" + name, extents).value(name, extents);
    builder.op(litert::Builtin::kRelu, {"in_" + name}, {name}).output(name);
  }
  return litert_network(builder.build());
}

TEST(Correspondence, FindsTheLayout) {
  Warnings warnings;
  const auto match =
      correspondence(onnx_of({{"a", {1, 3, 6, 8}}, {"b", {1, 6, 8, 2}}}),
                     litert_of({{"u", {1, 6, 8, 3}}, {"v", {1, 6, 8, 2}}}), warnings);
  ASSERT_THAT(match, IsOk());
  EXPECT_EQ(match->inputs[0].axes, kToChannelsLast);
  EXPECT_EQ(match->inputs[1].axes, std::nullopt);
  EXPECT_EQ(match->outputs[0].candidate, "u");
  EXPECT_EQ(match->outputs[1].candidate, "v");
  EXPECT_TRUE(warnings.ids.empty());
  const auto back =
      correspondence(litert_of({{"u", {1, 6, 8, 3}}}), onnx_of({{"a", {1, 3, 6, 8}}}), warnings);
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->outputs[0].axes, kToChannelsFirst);
}

TEST(Correspondence, NamesCountMoreThanPlaces_WhereShapesFit) {
  Warnings warnings;
  const auto match =
      correspondence(onnx_of({{"a", {1, 4}}, {"b", {1, 4}}, {"c", {1, 7}}}),
                     litert_of({{"b", {1, 4}}, {"c", {1, 4}}, {"a", {1, 7}}}), warnings);
  ASSERT_THAT(match, IsOk());
  EXPECT_EQ(match->outputs[0].candidate, "c") << "of the other 'a' the shape does not fit";
  EXPECT_EQ(match->outputs[1].candidate, "b");
  EXPECT_EQ(match->outputs[2].candidate, "a");
}

TEST(Correspondence, PlacesAlone_AreTold) {
  Warnings warnings;
  const auto match = correspondence(onnx_of({{"a", {1, 4}}, {"b", {1, 4}}}),
                                    litert_of({{"u", {1, 4}}, {"v", {1, 4}}}), warnings);
  ASSERT_THAT(match, IsOk());
  EXPECT_EQ(match->outputs[1].candidate, "v");
  EXPECT_THAT(warnings.ids, ::testing::Contains("matched-by-place"));
}

TEST(Correspondence, WhatCannotBeTold_IsRefused) {
  Warnings warnings;
  EXPECT_THAT(
      correspondence(onnx_of({{"a", {1, 5, 5, 5}}}), litert_of({{"u", {1, 5, 5, 5}}}), warnings),
      FailsWith(ErrorCode::kInvalidArgument, HasSubstr("channels come first or last")));
  EXPECT_THAT(
      correspondence(onnx_of({{"a", {1, 3, 6, 8}}}), litert_of({{"u", {1, 6, 8, 4}}}), warnings),
      FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no input")));
  EXPECT_THAT(
      correspondence(onnx_of({{"a", {1, 3}}}), litert_of({{"u", {1, 3}}, {"v", {1, 3}}}), warnings),
      FailsWith(ErrorCode::kInvalidArgument, HasSubstr("1 inputs")));
  // One column of one pixel has no layout.
  EXPECT_THAT(
      correspondence(onnx_of({{"a", {1, 5, 1, 1}}}), litert_of({{"u", {1, 1, 1, 5}}}), warnings),
      IsOk());
}

/// What tests of the program are given; TESSERA_UPDATE_GOLDEN=1 rewrites the files.
TEST(TwoFormatsFiles, AreWhatTheBuildersMake) {
  const auto check = [](const network::Network& network, const std::string& name) {
    const auto path = std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/formats" / name;
    const auto bytes = network.serialize();
    ASSERT_THAT(bytes, IsOk());
    if (const char* const update = std::getenv("TESSERA_UPDATE_GOLDEN"); update != nullptr) {
      ASSERT_THAT(write_file(path, *bytes, Overwrite::kReplace), IsOk());
    }
    const auto held = read_file(path);
    ASSERT_THAT(held, IsOk());
    EXPECT_TRUE(*held == *bytes) << name;
  };
  check(network::Network::of(testing::two_formats_onnx()), "two.onnx");
  check(litert_network(testing::two_formats_litert()), "two.tflite");
  check(litert_network(testing::two_formats_int8()), "two_int8.tflite");
}

/// With LiteRT beside ONNX Runtime.
class TwoFormats : public ::testing::Test {
 protected:
  void SetUp() override {
    auto litert = runtime::load_litert();
    if (!litert) {
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << litert.error().message;
    }
    library_ = runtime::joined(onnx_runtime(), *litert);
  }

  static data::SampleSet samples_for(const network::Network& network) {
    auto specs = network::input_specs(network);
    EXPECT_THAT(specs, IsOk());
    auto set = data::SampleSet::open({.source = "random:5"}, *specs, Monitor::silent());
    EXPECT_THAT(set, IsOk());
    return *std::move(set);
  }

  Result<Comparison> compared(const network::Network& reference, const network::Network& candidate,
                              const network::Network* via = nullptr) {
    const auto samples = samples_for(reference);
    return compare(reference, candidate, samples, library_, {.via = via}, Monitor::silent());
  }

  std::shared_ptr<const runtime::Library> library_;
};

TEST_F(TwoFormats, OneNetwork_GivesOneAnswer) {
  const auto onnx = onnx_network(testing::two_formats_onnx());
  const auto litert = litert_network(testing::two_formats_litert());
  for (const auto& [reference, candidate] :
       {std::pair(&onnx, &litert), std::pair(&litert, &onnx)}) {
    const auto result = compared(*reference, *candidate);
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(result->accuracy.overall.elements, 5 * 2 * 6 * 8);
    EXPECT_GT(result->accuracy.overall.sqnr_db, 100);
    EXPECT_EQ(result->accuracy.outputs[0].name, reference->outputs()[0]);
    EXPECT_TRUE(result->tensors.empty());
  }
}

TEST_F(TwoFormats, LossIsSplit) {
  const auto onnx = onnx_network(testing::two_formats_onnx());
  const auto litert = litert_network(testing::two_formats_litert());
  const auto int8 = litert_network(testing::two_formats_int8());
  const auto result = compared(onnx, int8, &litert);
  ASSERT_THAT(result, IsOk());
  ASSERT_TRUE(result->loss);
  EXPECT_GT(result->loss->conversion.overall.sqnr_db, 100);
  EXPECT_GT(result->loss->quantization.overall.sqnr_db, 20);
  EXPECT_LT(result->loss->quantization.overall.sqnr_db, 50);
  EXPECT_NEAR(result->accuracy.overall.sqnr_db, result->loss->quantization.overall.sqnr_db, 0.01);
  // The values inside are those of the converted network.
  ASSERT_EQ(result->tensors.size(), 2U);
  EXPECT_GT(result->tensors.front().error.sqnr_db, 20);
}

/// An input and an output of int8 are real numbers to whoever compares.
TEST_F(TwoFormats, IntegerInputsAndOutputs_AreRealNumbers) {
  const auto litert = litert_network(testing::two_formats_litert());
  const auto int8 = litert_network(testing::two_formats_int8());
  const auto result = compared(litert, int8);
  ASSERT_THAT(result, IsOk());
  EXPECT_GT(result->accuracy.overall.sqnr_db, 20);
  const auto itself = compared(int8, int8);
  ASSERT_THAT(itself, IsOk());
  EXPECT_EQ(itself->accuracy.overall.max_abs, 0);
  EXPECT_EQ(itself->tensors.size(), 2U);
  EXPECT_EQ(itself->reference_tensors, 2);
  const auto reversed = compared(int8, litert);
  ASSERT_THAT(reversed, IsOk());
  // Samples of all that the input can stand for; some results are clipped.
  EXPECT_GT(reversed->accuracy.overall.sqnr_db, 12);
  EXPECT_EQ(reversed->tensors.size(), 2U);
}

}  // namespace
}  // namespace tessera::evaluate
