// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A .tflite file through the seam: what callers get who know no format.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
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
#include "tessera/tensor/tensor.h"

namespace tessera::network {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::litert_options;
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

/// x int8 -> RELU -> y int8, both with a scale.
litert::Content int8_relu() {
  LitertBuilder builder;
  builder.input("x", {1, 4}).type(litert::ElementType::kInt8).quantized({0.5F}, {-3});
  builder.value("y", {1, 4}).type(litert::ElementType::kInt8).quantized({0.5F}, {-3});
  builder.op(litert::Builtin::kRelu, {"x"}, {"y"}).output("y");
  builder.content().codes[0].version = 2;  // the first with int8
  return builder.build();
}

TEST(LitertNetwork, IntegersWithAScale_AreRealNumbers) {
  const auto network = network_of(int8_relu());
  const auto specs = input_specs(network);
  ASSERT_THAT(specs, IsOk());
  EXPECT_EQ(specs->front().dtype, DType::kFloat32);
  ASSERT_TRUE(specs->front().quantized);
  EXPECT_EQ(specs->front().quantized->dtype, DType::kInt8);
  EXPECT_EQ(specs->front().quantized->quantization, (AffineQuantization{0.5, -3}));
  const auto graph = network.view();
  const auto judged = judged_values(*graph, "it");
  ASSERT_THAT(judged, IsOk());
  EXPECT_EQ(graph->tensor(judged->front()).name, "y");
}

TEST(LitertNetwork, IntegersWithoutAScale_AreIntegers) {
  auto content = int8_relu();
  content.subgraphs[0].tensors[0].quantization.reset();
  content.subgraphs[0].tensors[0].type = litert::ElementType::kUInt8;
  content.subgraphs[0].tensors[1].quantization->scales = {0};
  const auto network = network_of(std::move(content));
  const auto specs = input_specs(network);
  ASSERT_THAT(specs, IsOk());
  EXPECT_EQ(specs->front().dtype, DType::kUInt8);
  EXPECT_FALSE(specs->front().quantized);
  EXPECT_THAT(judged_values(*network.view(), "it"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("could be compared")));
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
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << loaded.error().message;
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

/// Real numbers are quantized on their way in; integers are taken as they are.
TEST_F(LitertSession, QuantizedInput_TakesBoth) {
  auto session = network_of(int8_relu()).open(library_, options_);
  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(session->inputs().front().quantization, (AffineQuantization{0.5, -3}));
  EXPECT_TRUE(session->outputs().front().is_real());
  const std::vector<float> real{-1, 0.26F, 1, 500};
  const std::vector<std::int8_t> integers{-5, -2, -1, 127};
  for (const auto& fed : {Tensor::of(real, {1, 4}), Tensor::of(integers, {1, 4})}) {
    const runtime::Feed feed{"x", fed.view()};
    const auto outputs = session->run({&feed, 1});
    ASSERT_THAT(outputs, IsOk());
    EXPECT_THAT((*outputs)[0].as<std::int8_t>(), ElementsAre(-3, -2, -1, 127));
    const auto values = runtime::as_real((*outputs)[0], session->outputs().front());
    ASSERT_THAT(values, IsOk());
    EXPECT_THAT(values->as<float>(), ElementsAre(0, 0.5F, 1, 65));
  }
}

/// Exporters compute the shapes of results: x ?x8x8x3 -> RELU -> r -> SHAPE, STRIDED_SLICE, PACK ->
/// shape; r -> RESHAPE -> n -> RESHAPE -> y; the shape is an output, too.
litert::Content computed_extents() {
  constexpr auto kInt32 = litert::ElementType::kInt32;
  LitertBuilder builder;
  const auto open = [&](std::string name, std::vector<std::int32_t> shape) {
    auto signature = shape;
    signature.front() = -1;
    builder.value(std::move(name), std::move(shape)).signature(std::move(signature));
  };
  builder.input("x", {1, 8, 8, 3}).signature({-1, 8, 8, 3});
  open("r", {1, 8, 8, 3});
  builder.op(litert::Builtin::kRelu, {"x"}, {"r"});
  builder.value("s", {4}).type(kInt32).op(litert::Builtin::kShape, {"r"}, {"s"},
                                          testing::litert_options(55, {{0, 2}}));
  builder.constant<std::int32_t>("from", {1}, {0}).type(kInt32);
  builder.constant<std::int32_t>("to", {1}, {1}).type(kInt32);
  builder.constant<std::int32_t>("rest", {}, {192}).type(kInt32);
  builder.value("batch", {}).type(kInt32);
  builder.op(litert::Builtin::kStridedSlice, {"s", "from", "to", "to"}, {"batch"},
             testing::litert_options(32, {{4, 1}}));
  builder.value("shape", {2})
      .type(kInt32)
      .op(litert::Builtin::kPack, {"batch", "rest"}, {"shape"},
          testing::litert_options(59, {{0, 2}}));
  open("n", {1, 192});
  builder.op(litert::Builtin::kReshape, {"r", "shape"}, {"n"});
  open("y", {1, 192});
  builder.op(litert::Builtin::kReshape, {"n", "shape"}, {"y"});
  builder.output("y").output("shape").output("s");
  builder.content().signatures.push_back({.key = "serve",
                                          .inputs = {{"image", 0}},
                                          .outputs = {{"out", 0}, {"out2", 0}, {"out3", 0}}});
  auto& outputs = builder.content().signatures.front().outputs;
  const auto& places = builder.content().subgraphs.front().outputs;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i].tensor = static_cast<std::uint32_t>(places[i]);
  }
  return builder.build();
}

TEST_F(LitertSession, ResultsWhoseExtentsAreComputed_ComeOut) {
  auto network = network_of(computed_extents());
  for (const auto kernels : {runtime::OptLevel::kDisabled, runtime::OptLevel::kAll}) {
    options_.opt_level = kernels;
    options_.profile = true;
    auto session = network.open(library_, options_);
    ASSERT_THAT(session, IsOk());
    ASSERT_EQ(session->outputs().size(), 3U);
    for (int turn = 0; turn < 3; ++turn) {
      x_.front() = static_cast<float>(turn);
      const auto outputs = run(*session, "x", shape_, std::as_bytes(std::span(x_)));
      ASSERT_EQ(outputs.size(), 3U);
      std::map<std::string, std::vector<std::byte>> by_name;
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        by_name[session->outputs()[i].name] = outputs[i];
      }
      std::vector<float> y(192);
      ASSERT_EQ(by_name["y"].size(), y.size() * sizeof(float));
      std::memcpy(y.data(), by_name["y"].data(), by_name["y"].size());
      for (std::size_t i = 0; i < y.size(); ++i) {
        EXPECT_EQ(y[i], std::max(x_[i], 0.0F));
      }
      std::array<std::int32_t, 2> shape{};
      ASSERT_EQ(by_name["shape"].size(), sizeof shape);
      std::memcpy(shape.data(), by_name["shape"].data(), sizeof shape);
      EXPECT_THAT(shape, ElementsAre(1, 192));
      std::array<std::int32_t, 4> extents{};
      ASSERT_EQ(by_name["s"].size(), sizeof extents);
      std::memcpy(extents.data(), by_name["s"].data(), sizeof extents);
      EXPECT_THAT(extents, ElementsAre(1, 8, 8, 3));
    }
    // What hands them out is no operator of the network.
    const auto sources = network.sources();
    const auto times = session->end_profile();
    ASSERT_THAT(times, IsOk());
    for (const auto& kernel : *times) {
      for (const auto source : kernel.sources) {
        EXPECT_TRUE(sources.contains(source));
      }
    }
  }
}

/// The file's extents are for a batch of one, and nobody can tell what others lead to.
TEST_F(LitertSession, ResultsOfOtherExtentsThanTheFiles_AreRefused) {
  for (const auto kernels : {runtime::OptLevel::kDisabled, runtime::OptLevel::kAll}) {
    options_.opt_level = kernels;
    auto network = network_of(computed_extents());
    ASSERT_THAT(network.set_shape("x", {40, 8, 8, 3}), IsOk());
    auto session = network.open(library_, options_);
    ASSERT_THAT(session, IsOk());
    const std::vector<float> x(40 * 192, 1.0F);
    const runtime::Feed feed{
        "x", {DType::kFloat32, session->inputs()[0].shape, std::as_bytes(std::span(x))}};
    EXPECT_THAT(session->run({&feed, 1}).map([](const auto&) {}),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("extents")));

    LitertBuilder builder;
    builder.input("dims", {1}).type(litert::ElementType::kInt32).input("value", {});
    builder.value("y", {100}).signature({-1}).op(litert::Builtin::kFill, {"dims", "value"}, {"y"});
    const auto filled = network_of(builder.output("y").build());
    auto filling = filled.open(library_, options_);
    ASSERT_THAT(filling, IsOk());
    const auto dims = Tensor::of(std::vector<std::int32_t>{3}, {1});
    const auto value = Tensor::scalar(7.F);
    const std::vector<runtime::Feed> feeds{{"dims", dims.view()}, {"value", value.view()}};
    EXPECT_THAT(filling->run(feeds).map([](const auto&) {}),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("extents")));
  }
}

TEST_F(LitertSession, AnotherLibrary_IsRefused) {
  const auto onnx = runtime::Library::load();
  ASSERT_THAT(onnx, IsOk());
  EXPECT_THAT(network_of(small_litert()).open(*onnx, options_),
              FailsWith(ErrorCode::kFailedPrecondition, HasSubstr("LiteRT")));
  EXPECT_THAT(network_of(small_litert()).open(runtime::joined(*onnx, library_), options_), IsOk());
}

// --- networks to measure a machine by ------------------------------------------------------------

/// What a network to measure by makes of its own values.
Tensor result_of(const Result<Micro>& micro, const std::shared_ptr<const runtime::Library>& library,
                 runtime::OptLevel kernels) {
  EXPECT_THAT(micro, IsOk());
  runtime::SessionOptions options;
  options.opt_level = kernels;
  auto session = micro->network.open(library, options);
  EXPECT_THAT(session, IsOk());
  const std::vector<runtime::Feed> feeds{{micro->input, micro->values.view()}};
  const auto outputs = session->run(feeds);
  EXPECT_THAT(outputs, IsOk());
  return Tensor((*outputs)[0]);
}

/// The role of the one kernel that it has, by each run.
std::vector<runtime::KernelRole> roles_of(const Result<Micro>& micro,
                                          const std::shared_ptr<const runtime::Library>& library) {
  runtime::SessionOptions options;
  options.opt_level = runtime::OptLevel::kDisabled;
  options.profile = true;
  auto session = micro->network.open(library, options);
  EXPECT_THAT(session, IsOk());
  const std::vector<runtime::Feed> feeds{{micro->input, micro->values.view()}};
  std::vector<runtime::KernelRole> roles;
  for (int run = 0; run < 2; ++run) {
    EXPECT_THAT(session->run(feeds), IsOk());
  }
  const auto kernels = session->end_profile();
  EXPECT_THAT(kernels, IsOk());
  for (const auto& kernel : *kernels) {
    roles.push_back(kernel.role);
  }
  return roles;
}

TEST_F(LitertSession, Conversions_AreWhatTheySay) {
  using enum Conversion;
  using runtime::KernelRole;
  constexpr std::int64_t kElements = 1024;
  const auto convert = [&](Conversion kind) {
    return result_of(conversion(FileFormat::kLitert, kind, kElements), library_,
                     runtime::OptLevel::kDisabled);
  };
  const auto floats = conversion(FileFormat::kLitert, kQuantize, kElements);
  const auto integers = conversion(FileFormat::kLitert, kDequantize, kElements);
  const auto x = floats->values.as<float>();
  const auto q = integers->values.as<std::int8_t>();
  const auto quantized = convert(kQuantize);
  const auto dequantized = convert(kDequantize);
  const auto halves = convert(kCast);
  const auto turned = convert(kTransposeFloat);
  const auto turned_integers = convert(kTransposeInt8);
  ASSERT_EQ(quantized.dtype(), DType::kInt8);
  ASSERT_EQ(halves.dtype(), DType::kFloat16);
  ASSERT_EQ(turned.shape(), (Shape{1, 32, 1, 32}));
  for (std::size_t i = 0; i < kElements; ++i) {
    EXPECT_NEAR(quantized.as<std::int8_t>()[i],
                std::clamp(std::round(x[i] / 0.02F) - 11, -128.0F, 127.0F), 1);
    EXPECT_NEAR(dequantized.as<float>()[i], static_cast<float>(q[i] + 11) * 0.02F, 1e-6);
    const auto half = halves.bytes().subspan(2 * i, 2);
    std::uint16_t bits = 0;
    std::memcpy(&bits, half.data(), sizeof bits);
    EXPECT_EQ(bits, float32_to_float16(x[i]));
    const auto from = i % 32 * 32 + i / 32;  // channels behind
    EXPECT_EQ(turned.as<float>()[i], x[from]);
    EXPECT_EQ(turned_integers.as<std::int8_t>()[i], q[from]);
  }
  EXPECT_THAT(roles_of(floats, library_),
              ElementsAre(KernelRole::kQuantize, KernelRole::kQuantize));
  EXPECT_THAT(roles_of(integers, library_),
              ElementsAre(KernelRole::kDequantize, KernelRole::kDequantize));
  EXPECT_THAT(roles_of(conversion(FileFormat::kLitert, kCast, kElements), library_),
              ElementsAre(KernelRole::kCast, KernelRole::kCast));
}

TEST_F(LitertSession, Products_AreWhatTheySay) {
  constexpr std::size_t kRows = 512;
  for (const auto kernels : {runtime::OptLevel::kDisabled, runtime::OptLevel::kAll}) {
    const auto floats = matrix_product(FileFormat::kLitert, false);
    const auto integers = matrix_product(FileFormat::kLitert, true);
    const auto y = result_of(floats, library_, kernels);
    const auto q = result_of(integers, library_, kernels);
    EXPECT_EQ(floats->types, "float32");
    EXPECT_EQ(integers->types, "s8 x s8");
    EXPECT_EQ(integers->operations, 2.0 * kRows * kRows * kRows);
    // The weights are the values of the input, too, and are read by rows.
    const auto x = floats->values.as<float>();
    const auto a = integers->values.as<std::int8_t>();
    for (const std::size_t row : {0UL, 100UL, 511UL}) {
      const std::size_t column = 511 - row / 3;
      double sum = 0;
      std::int64_t product = 0;
      for (std::size_t i = 0; i < kRows; ++i) {
        sum += static_cast<double>(x[row * kRows + i]) * static_cast<double>(x[column * kRows + i]);
        product += a[row * kRows + i] * a[column * kRows + i];
      }
      EXPECT_NEAR(y.as<float>()[row * kRows + column], sum, 1e-3);
      const auto expected = std::clamp(static_cast<double>(product) * 1e-4 / 0.4, -128.0, 127.0);
      EXPECT_NEAR(q.as<std::int8_t>()[row * kRows + column], expected, 1.01);
    }
  }
}

TEST_F(LitertSession, Convolutions_AreWhatTheySay) {
  constexpr std::size_t kChannels = 128;
  constexpr std::size_t kExtent = 28;
  for (const auto kernels : {runtime::OptLevel::kDisabled, runtime::OptLevel::kAll}) {
    const auto integers = convolution(FileFormat::kLitert, true);
    const auto q = result_of(integers, library_, kernels);
    ASSERT_EQ(q.shape(), (Shape{1, kExtent, kExtent, kChannels}));
    const auto weights = integers->network.constant("w");
    ASSERT_THAT(weights, IsOk());
    const auto w = weights->as<std::int8_t>();
    const auto x = integers->values.as<std::int8_t>();
    constexpr std::size_t kRow = 5;
    constexpr std::size_t kColumn = 9;
    constexpr std::size_t kChannel = 77;
    std::int64_t sum = 0;
    for (std::size_t tap = 0; tap < 9; ++tap) {
      const auto at = ((kRow + tap / 3 - 1) * kExtent + kColumn + tap % 3 - 1) * kChannels;
      for (std::size_t i = 0; i < kChannels; ++i) {
        sum += x[at + i] * w[(kChannel * 9 + tap) * kChannels + i];
      }
    }
    const auto expected = std::clamp(static_cast<double>(sum) * 1e-4 / 0.4, -128.0, 127.0);
    EXPECT_NEAR(q.as<std::int8_t>()[(kRow * kExtent + kColumn) * kChannels + kChannel], expected,
                1.01);
    const auto y = result_of(convolution(FileFormat::kLitert, false), library_, kernels);
    EXPECT_EQ(y.dtype(), DType::kFloat32);
    EXPECT_EQ(y.size(), q.size());
  }
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
