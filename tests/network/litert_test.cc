// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A .tflite file through the seam: what callers get who know no format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/random.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/network/micro.h"
#include "tessera/network/network.h"
#include "tessera/runtime/litert.h"
#include "tessera/runtime/session.h"

namespace tessera::network {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LitertBuilder;
using testing::small_litert;

Network network_of(litert::Content content) {
  auto model = litert::Model::of(std::move(content));
  EXPECT_THAT(model, IsOk());
  return Network::of(std::move(*model));
}

/// x ?x4, of which the file has one -> RELU -> y
litert::Content open_network() {
  LitertBuilder builder;
  builder.input("x", {1, 4}).signature({-1, 4}).value("y", {1, 4}).signature({-1, 4});
  builder.op(litert::Builtin::kRelu, {"x"}, {"y"}).output("y");
  return builder.build();
}

std::vector<Dim> dims(std::initializer_list<std::int64_t> extents) {
  std::vector<Dim> result;
  for (const auto extent : extents) {
    result.push_back({extent, {}});
  }
  return result;
}

TEST(LitertNetwork, IsReadFromAFileByItsBytes) {
  const auto folder = TemporaryDirectory::create("litert");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "small.bin";
  ASSERT_THAT(network_of(small_litert()).save(path, {}), IsOk());
  const auto network = read(path);
  ASSERT_THAT(network, IsOk());
  EXPECT_EQ(network->format(), FileFormat::kLitert);
  EXPECT_NE(network->litert(), nullptr);
  EXPECT_EQ(network->onnx(), nullptr);
  EXPECT_EQ(network->path(), path);
  EXPECT_THAT(network->inputs(), ElementsAre("x"));
  EXPECT_THAT(network->outputs(), ElementsAre("y"));
  EXPECT_EQ(network->info().value().format, "litert");
  // By its name, where its bytes are not what the name promises.
  const auto other = folder->path() / "other.tflite";
  std::ofstream(other) << "this is something else, and long enough";
  EXPECT_THAT(read(other), FailsWith(ErrorCode::kDataLoss, HasSubstr("'TFL3' is missing")));
  EXPECT_THAT(read(folder->path() / "none.tflite"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.tflite")));
}

TEST(LitertNetwork, SaysWhatTheFileHolds) {
  auto content = small_litert();
  content.signatures.push_back(
      {.key = "serve", .inputs = {{"image", 0}}, .outputs = {{"out", 10}}});
  content.subgraphs.push_back(LitertBuilder().input("a", {1}).output("a").build().subgraphs[0]);
  litert::set_metadata(content, "min_runtime_version", std::string("1.14.0\0\0", 8));
  const auto network = network_of(std::move(content));
  const auto properties = network.properties();
  EXPECT_EQ(properties["format"], "litert");
  EXPECT_EQ(properties["schema_version"], 3);
  EXPECT_EQ(properties["min_runtime_version"], "1.14.0");
  ASSERT_EQ(properties["subgraphs"].size(), 2U);
  EXPECT_EQ(properties["subgraphs"][0]["operators"], 4);
  ASSERT_EQ(properties["signatures"].size(), 1U);
  EXPECT_EQ(properties["signatures"][0]["inputs"][0]["name"], "image");
  EXPECT_EQ(properties["signatures"][0]["inputs"][0]["tensor"], "x");
  EXPECT_TRUE(properties["not_rewritable"].is_null());
  EXPECT_THAT(network.description(), HasSubstr("1.14.0"));
  EXPECT_THAT(network.description(), HasSubstr("the first of 2 subgraphs"));
  EXPECT_THAT(network.description(), HasSubstr("serve"));
}

TEST(LitertNetwork, HasTypesAndConstants) {
  const auto network = network_of(small_litert());
  EXPECT_EQ(network.declared_type("x")->shape, dims({1, 8, 8, 3}));
  EXPECT_EQ(network.type_of("c")->shape, dims({1, 8, 8, 4}));
  EXPECT_EQ(network.type_of("none"), std::nullopt);
  const auto shape = network.constant("shape");
  ASSERT_THAT(shape, IsOk());
  EXPECT_EQ(shape->dtype, DType::kInt32);
  EXPECT_THAT(shape->as<std::int32_t>(), ElementsAre(1, 256));
  EXPECT_THAT(network.constant("c"), FailsWith(ErrorCode::kNotFound, HasSubstr("'c'")));
}

TEST(LitertNetwork, ValuesThatCannotBeTakenApart_AreRefused) {
  LitertBuilder builder;
  builder.input("x", {4}).constant<std::uint8_t>("texts", {1}, {1, 2, 3});
  builder.type(litert::ElementType::kString).value("y", {4});
  builder.custom("Own", {"x", "texts"}, {"y"}).output("y");
  EXPECT_THAT(network_of(builder.build()).constant("texts"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("string")));
}

TEST(LitertNetwork, OpenExtents_AreGivenByInput) {
  auto network = network_of(open_network());
  EXPECT_TRUE(has_open_inputs(network));
  EXPECT_FALSE(network.type_of("y")->shape->front().known());
  EXPECT_THAT(network.set_dims({{"N", 2}}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'N'")));
  EXPECT_THAT(network.set_shape("x", {1, 5}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("is 4 in the model")));
  EXPECT_THAT(network.set_shape("x", {1}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("2 extents")));
  EXPECT_THAT(network.set_shape("x", {-1, 4}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("negative")));
  EXPECT_THAT(network.set_shape("z", {1, 4}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no input 'z'")));
  ASSERT_THAT(network.set_shape("x", {1, 4}), IsOk());
  EXPECT_EQ(network.type_of("y")->shape, dims({1, 4}));
  EXPECT_FALSE(has_open_inputs(network));
  EXPECT_EQ(network.clone().type_of("y")->shape, dims({1, 4}));
}

TEST(LitertNetwork, ABatchOfOne_IsAssumed) {
  auto network = network_of(open_network());
  assume_extents(network, {});
  EXPECT_EQ(network.type_of("y")->shape, dims({1, 4}));
  EXPECT_EQ(assumptions_text(network), "x 1x4");
  EXPECT_TRUE(has_open_inputs(network)) << "the file still leaves it open";
  network.assume_shape("x", std::nullopt);
  EXPECT_FALSE(network.type_of("y")->shape->front().known());
}

/// Keeps what passes by.
class Look final : public runtime::TensorTap {
 public:
  void visit(std::int64_t tag, DType /*dtype*/, std::span<const std::int64_t> /*shape*/,
             std::span<std::byte> data) noexcept override {
    seen[tag].assign(data.begin(), data.end());
  }
  std::map<std::int64_t, std::vector<std::byte>> seen;
};

/// With the built-in kernels, whose results do not depend on what stands around them.
class LitertSession : public ::testing::Test {
 protected:
  void SetUp() override {
    auto loaded = runtime::load_litert();
    if (!loaded) {
      GTEST_SKIP() << "no .tflite model was run: " << loaded.error().message;
    }
    library_ = *std::move(loaded);
    options_.opt_level = runtime::OptLevel::kDisabled;
    Random random(1);
    for (auto& value : x_) {
      value = static_cast<float>(random.normal());
    }
  }
  /// Bytes of every output for one input.
  static std::vector<std::vector<std::byte>> run(runtime::Session& session, std::string_view name,
                                                 const Shape& shape,
                                                 std::span<const std::byte> bytes) {
    const runtime::Feed feed{name, {DType::kFloat32, shape, bytes}};
    const auto outputs = session.run({&feed, 1});
    EXPECT_THAT(outputs, IsOk());
    std::vector<std::vector<std::byte>> results;
    for (std::size_t i = 0; outputs && i < outputs->size(); ++i) {
      const auto result = (*outputs)[i].bytes;
      results.emplace_back(result.begin(), result.end());
    }
    return results;
  }

  std::shared_ptr<const runtime::Library> library_;
  runtime::SessionOptions options_;
  std::vector<float> x_ = std::vector<float>(192);
  const Shape shape_{1, 8, 8, 3};
};

TEST_F(LitertSession, ATapSeesWhatAnOutputWouldBe) {
  const auto network = network_of(small_litert());
  Look look;
  options_.tap = &look;
  const std::vector<std::string> taps{"x", "c"};
  auto tapped = network.open(library_, options_, taps);
  ASSERT_THAT(tapped, IsOk());
  const auto x = std::as_bytes(std::span(x_));
  const auto plain = run(*tapped, "x", shape_, x);
  EXPECT_EQ(tapped->outputs().front().name, "y");

  auto exposing = network.clone();
  exposing.expose(std::vector<std::string>{"c"});
  options_.tap = nullptr;
  auto exposed = exposing.open(library_, options_);
  ASSERT_THAT(exposed, IsOk());
  const auto both = run(*exposed, "x", shape_, x);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0], plain.front());
  EXPECT_EQ(look.seen[1], both[1]);
  EXPECT_EQ(look.seen[0], std::vector(x.begin(), x.end()));
}

TEST_F(LitertSession, APartGivesWhatTheWholeGives_AndItsTimesNameTheWholesOperators) {
  const auto network = network_of(small_litert());
  const auto graph = network.view();
  ASSERT_THAT(graph, IsOk());
  Look look;
  options_.tap = &look;
  const std::vector<std::string> taps{"c"};
  auto whole = network.open(library_, options_, taps);
  ASSERT_THAT(whole, IsOk());
  const auto y = run(*whole, "x", shape_, std::as_bytes(std::span(x_)));

  const std::vector<graph::OpId> behind{{1}, {2}, {3}};
  const auto border = border_of(*graph, behind);
  const auto part = network.part({*graph, behind, border.inputs, border.outputs});
  ASSERT_THAT(part, IsOk());
  options_.tap = nullptr;
  options_.profile = true;
  options_.kernel_sources = true;
  auto session = part->open(library_, options_);
  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(run(*session, "c", {1, 8, 8, 4}, look.seen[0]), y);

  const auto kernels = session->end_profile();
  ASSERT_THAT(kernels, IsOk());
  std::set<std::uint32_t> sources;
  for (const auto& kernel : *kernels) {
    EXPECT_EQ(kernel.role, runtime::KernelRole::kFloat);
    EXPECT_GE(kernel.duration_us, 0);
    sources.insert(kernel.sources.begin(), kernel.sources.end());
  }
  std::set<std::uint32_t> wanted;
  for (const auto op : behind) {
    wanted.insert(graph->op(op).source);
  }
  EXPECT_EQ(sources, wanted);
}

TEST_F(LitertSession, AnotherLibrary_IsRefused) {
  const auto onnx = runtime::Library::load();
  ASSERT_THAT(onnx, IsOk());
  EXPECT_THAT(network_of(small_litert()).open(*onnx, options_),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("LiteRT")));
  EXPECT_THAT(network_of(small_litert()).open(runtime::joined(*onnx, library_), options_), IsOk());
}

TEST(LitertNetwork, DoesNotMeasureAMachineYet) {
  EXPECT_THAT(matrix_product(FileFormat::kLitert, false),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("no networks to measure a machine")));
}

TEST(LitertNetwork, IsCutAtAnyOperator) {
  const auto network = network_of(small_litert());
  const auto graph = network.view();
  ASSERT_THAT(graph, IsOk());
  for (std::uint32_t at = 1; at < graph->ops().size(); ++at) {
    std::vector<graph::OpId> behind;
    for (std::uint32_t op = at; op < graph->ops().size(); ++op) {
      behind.push_back({op});
    }
    const auto border = border_of(*graph, behind);
    const auto part = network.part({*graph, behind, border.inputs, border.outputs});
    ASSERT_THAT(part, IsOk());
    EXPECT_EQ(part->sources().size(), behind.size());
    EXPECT_EQ(part->sources().count(at), 1U);
    EXPECT_THAT(part->outputs(), ElementsAre("y"));
    EXPECT_THAT(part->inputs(), ElementsAre(graph->ops()[at - 1].name));
    EXPECT_THAT(part->view(), IsOk());
    EXPECT_THAT(part->serialize(), IsOk());
  }
}

TEST(LitertNetwork, APart_BringsWhatNeedsConstantsAlone) {
  LitertBuilder builder;
  builder.input("x", {1, 8}).int8_weight("w", {4, 8}).quantized({0.5F}, {0}).value("f", {4, 8});
  builder.op(litert::Builtin::kDequantize, {"w"}, {"f"}).value("y", {1, 4});
  builder.op(litert::Builtin::kFullyConnected, {"x", "f"}, {"y"}).output("y");
  const auto network = network_of(builder.build());
  const auto graph = network.view();
  const std::vector<graph::OpId> product{*graph->find_op("y")};
  const auto border = border_of(*graph, product);
  const auto part = network.part({*graph, product, border.inputs, border.outputs});
  ASSERT_THAT(part, IsOk());
  EXPECT_EQ(part->sources().size(), 2U);
  EXPECT_THAT(part->inputs(), ElementsAre("x"));
}

TEST(LitertNetwork, ValuesBecomeOutputs) {
  auto network = network_of(small_litert());
  const std::vector<std::string> more{"c", "y"};
  network.expose(more);
  EXPECT_THAT(network.outputs(), ElementsAre("y", "c"));
}

TEST(LitertNetwork, AfterAnEdit_NamesAreLookedUpAnew) {
  auto network = network_of(small_litert());
  auto& tensors = network.litert()->content().subgraphs.front().tensors;
  tensors[0].name = "image";
  network.edited();
  EXPECT_THAT(network.inputs(), ElementsAre("image"));
  EXPECT_NE(network.declared_type("image"), std::nullopt);
}

TEST(LitertNetwork, HoldsItsWeightsItself) {
  const auto network = network_of(small_litert());
  EXPECT_THAT(network.save("never.tflite", {.external_data = ExternalData::kAlways}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("weights")));
}

}  // namespace
}  // namespace tessera::network
