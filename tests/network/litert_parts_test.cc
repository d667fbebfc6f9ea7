// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A .tflite network cut in two gives what the whole gives, bit for bit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "network/litert_chains.h"
#include "support/litert_builder.h"
#include "support/matchers.h"
#include "support/network_values.h"
#include "tessera/core/random.h"
#include "tessera/litert/model.h"
#include "tessera/network/load.h"
#include "tessera/network/network.h"
#include "tessera/runtime/litert.h"

namespace tessera::network {
namespace {

using testing::Cutting;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::litert_options;
using testing::LitertBuilder;
using testing::Ops;
using enum litert::Builtin;

// Options of operators, by the numbers of the format.
constexpr std::uint8_t kConvOptions = 1;
constexpr std::uint8_t kPoolOptions = 5;
constexpr std::uint8_t kFullyConnectedOptions = 8;
constexpr std::uint8_t kAddOptions = 11;
constexpr std::uint8_t kMulOptions = 21;
constexpr std::uint8_t kIfOptions = 92;
constexpr std::uint8_t kWhileOptions = 93;

Network network_of(litert::Content content) {
  auto model = litert::Model::of(std::move(content));
  EXPECT_THAT(model, IsOk());
  return Network::of(std::move(*model));
}

litert::Options convolution() {
  return litert_options(kConvOptions, {{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}});
}

std::vector<std::int8_t> random_bytes(std::size_t count) {
  Random random(count);
  std::vector<std::int8_t> bytes(count);
  for (auto& byte : bytes) {
    byte = static_cast<std::int8_t>(static_cast<int>(random.below(255)) - 127);
  }
  return bytes;
}

/// x -> QUANTIZE -> CONV_2D (a scale for each channel) -> AVERAGE_POOL_2D -> p
void add_integers(LitertBuilder& builder) {
  constexpr auto kInt8 = litert::ElementType::kInt8;
  builder.input("x", {1, 8, 8, 4});
  builder.value("q", {1, 8, 8, 4}).type(kInt8).quantized({0.03F}, {-5});
  builder.op(kQuantize, {"x"}, {"q"});
  const std::vector<float> scales{0.01F, 0.02F, 0.005F, 0.015F};
  std::vector<float> of_bias;
  for (const auto scale : scales) {
    of_bias.push_back(scale * 0.03F);
  }
  builder.constant("wq", {4, 3, 3, 4}, random_bytes(144)).type(kInt8);
  builder.quantized(scales, {0, 0, 0, 0});
  builder.constant<std::int32_t>("bq", {4}, {100, -200, 0, 50});
  builder.type(litert::ElementType::kInt32).quantized(of_bias, {0, 0, 0, 0});
  builder.value("cq", {1, 8, 8, 4}).type(kInt8).quantized({0.04F}, {-128});
  builder.op(kConv2d, {"q", "wq", "bq"}, {"cq"}, convolution());
  builder.value("p", {1, 8, 8, 4}).type(kInt8).quantized({0.04F}, {-128});
  builder.op(kAveragePool2d, {"cq"}, {"p"},
             litert_options(kPoolOptions, {{1, 1}, {2, 1}, {3, 3}, {4, 3}}));
}

/// p -> DEQUANTIZE -> f -> CONV_2D -> CONV_2D with the same weights, + f -> s
void add_floats(LitertBuilder& builder) {
  builder.value("f", {1, 8, 8, 4}).op(kDequantize, {"p"}, {"f"});
  builder.weight("w1", {4, 3, 3, 4}).weight("b1", {4}).value("c1", {1, 8, 8, 4});
  builder.op(kConv2d, {"f", "w1", "b1"}, {"c1"}, convolution());
  const auto shared =
      builder.content().subgraphs.front().tensors[static_cast<std::size_t>(builder.place("w1"))];
  builder.value("w2", {4, 3, 3, 4}).last().buffer = shared.buffer;
  builder.value("c2", {1, 8, 8, 4});
  builder.op(kConv2d, {"c1", "w2", "b1"}, {"c2"}, convolution());
  builder.value("s", {1, 8, 8, 4});
  builder.op(kAdd, {"c2", "f"}, {"s"}, litert_options(kAddOptions, {}));
}

/// A subgraph of one operator, a with a constant -> b.
void add_body(LitertBuilder& builder, const char* name, litert::Builtin code, std::uint8_t options,
              float constant) {
  builder.subgraph(name).input("a", {1, 8, 8, 4}).constant<float>("k", {1}, {constant});
  builder.value("b", {1, 8, 8, 4}).op(code, {"a", "k"}, {"b"}, litert_options(options, {}));
  builder.output("b");
}

/// Integers, floats, a choice, a loop of three turns and another choice:
/// x -> ... -> s -> IF c -> t -> WHILE -> v -> IF d -> u -> FULLY_CONNECTED -> y
litert::Content mixed_network() {
  LitertBuilder builder;
  add_integers(builder);
  builder.input("c", {1}).type(litert::ElementType::kBool);
  builder.input("d", {1}).type(litert::ElementType::kBool);
  add_floats(builder);
  builder.value("t", {1, 8, 8, 4});
  builder.op(kIf, {"c", "s"}, {"t"}, litert_options(kIfOptions, {{0, 1}, {1, 2}}));
  builder.constant<std::int32_t>("zero", {1}, {0}).type(litert::ElementType::kInt32);
  builder.value("turns", {1}).type(litert::ElementType::kInt32).value("v", {1, 8, 8, 4});
  builder.op(kWhile, {"zero", "t"}, {"turns", "v"},
             litert_options(kWhileOptions, {{0, 3}, {1, 4}}));
  builder.value("u", {1, 8, 8, 4});
  builder.op(kIf, {"d", "v"}, {"u"}, litert_options(kIfOptions, {{0, 5}, {1, 2}}));
  builder.weight("m", {3, 256}).value("y", {1, 3});
  builder.op(kFullyConnected, {"u", "m", ""}, {"y"}, litert_options(kFullyConnectedOptions, {}));
  builder.output("y");
  add_body(builder, "then", kMul, kMulOptions, 0.25F);
  add_body(builder, "else", kAdd, kAddOptions, 1.5F);
  builder.subgraph("again").input("i", {1}).type(litert::ElementType::kInt32);
  builder.input("a", {1, 8, 8, 4});
  builder.constant<std::int32_t>("three", {1}, {3}).type(litert::ElementType::kInt32);
  builder.value("more", {1}).type(litert::ElementType::kBool);
  builder.op(kLess, {"i", "three"}, {"more"}).output("more");
  builder.subgraph("turn").input("i", {1}).type(litert::ElementType::kInt32);
  builder.input("a", {1, 8, 8, 4});
  builder.constant<std::int32_t>("one", {1}, {1}).type(litert::ElementType::kInt32);
  builder.value("j", {1}).type(litert::ElementType::kInt32);
  builder.op(kAdd, {"i", "one"}, {"j"}, litert_options(kAddOptions, {}));
  builder.value("b", {1, 8, 8, 4}).op(kTanh, {"a"}, {"b"}).output("j").output("b");
  add_body(builder, "third", kMul, kMulOptions, -2.0F);
  return builder.build();
}

class LitertParts : public ::testing::TestWithParam<runtime::OptLevel> {
 protected:
  void SetUp() override {
    auto loaded = runtime::load_litert();
    if (!loaded) {
      GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup: " << loaded.error().message;
    }
    library_ = *std::move(loaded);
  }
  std::shared_ptr<const runtime::Library> library_;
};

TEST_P(LitertParts, OfIntegersFloatsChoicesAndLoops_GiveWhatTheWholeGives) {
  const auto network = network_of(mixed_network());
  const Cutting cutting(network, library_, GetParam());
  std::set<std::string> results;
  for (const auto seed : {1, 2, 3, 4, 5, 6}) {
    EXPECT_EQ(testing::cut_everywhere(cutting, static_cast<std::uint64_t>(seed), 10) > 15, true);
    const auto values = cutting.whole(static_cast<std::uint64_t>(seed));
    const auto bytes = values.at("y").bytes().subspan(0, 4);
    results.insert({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  EXPECT_EQ(results.size(), 6U) << "the results tell nothing";
}

std::string name_of(const ::testing::TestParamInfo<runtime::OptLevel>& info) {
  return info.param == runtime::OptLevel::kAll ? "Xnnpack" : "Builtin";
}

INSTANTIATE_TEST_SUITE_P(Kernels, LitertParts,
                         ::testing::Values(runtime::OptLevel::kDisabled, runtime::OptLevel::kAll),
                         name_of);

class LitertPartsSlow
    : public ::testing::TestWithParam<std::tuple<const char*, runtime::OptLevel>> {};

TEST_P(LitertPartsSlow, OfPublishedNetworks_GiveWhatTheWholeGives) {
  const auto& [name, kernels] = GetParam();
  const auto path = testing::shared_file(std::string("models/mlperf_tiny_") + name + ".tflite");
  if (path.empty()) {
    GTEST_SKIP() << "NOT TESTED: no " << name << "; set TESSERA_SHARED";
  }
  const auto library = runtime::load_litert();
  if (!library) {
    GTEST_SKIP() << "NOT TESTED: no LiteRT; run scripts/setup";
  }
  auto network = read(path);
  ASSERT_THAT(network, IsOk());
  assume_extents(*network, {});
  const Cutting cutting(*network, *library, kernels);
  constexpr int kDrawn = 20;
  const int cuts = testing::cut_everywhere(cutting, 1, kDrawn);
  RecordProperty("cuts", cuts);
  EXPECT_GE(cuts, static_cast<int>(cutting.size()) - 1);
}

INSTANTIATE_TEST_SUITE_P(
    Models, LitertPartsSlow,
    ::testing::Combine(::testing::Values("resnet8_fp32", "resnet8_int8", "vww_fp32", "vww_int8"),
                       ::testing::Values(runtime::OptLevel::kDisabled, runtime::OptLevel::kAll)),
    [](const auto& one) {
      return std::string(std::get<0>(one.param)) +
             (std::get<1>(one.param) == runtime::OptLevel::kAll ? "_xnnpack" : "_builtin");
    });

// --- what a part holds ---------------------------------------------------------------------------

Result<Network> part_of(const Network& network, std::initializer_list<const char*> names) {
  const auto graph = network.view();
  EXPECT_THAT(graph, IsOk());
  Ops ops;
  for (const auto* name : names) {
    ops.push_back(*graph->find_op(name));
  }
  const auto border = border_of(*graph, ops);
  return network.part({*graph, ops, border.inputs, border.outputs});
}

TEST(LitertPart, IntegersCross_WithScaleAndZeroPoint) {
  const auto network = network_of(mixed_network());
  const auto front = part_of(network, {"q", "cq"});
  const auto back = part_of(network, {"p", "f"});
  ASSERT_THAT(front, IsOk());
  ASSERT_THAT(back, IsOk());
  EXPECT_THAT(front->outputs(), ElementsAre("cq"));
  EXPECT_THAT(back->inputs(), ElementsAre("cq"));
  EXPECT_EQ(back->declared_type("cq")->dtype, DType::kInt8);
  for (const auto* part : {&*front, &*back}) {
    const auto view = part->view();
    ASSERT_THAT(view, IsOk());
    const auto& tensor = view->tensor(*view->find_tensor("cq"));
    ASSERT_TRUE(tensor.quantization.has_value());
    EXPECT_FLOAT_EQ(static_cast<float>(tensor.quantization->scale), 0.04F);
    EXPECT_EQ(tensor.quantization->zero_point, -128);
  }
  const auto& weights = front->litert()->content().subgraphs.front().tensors;
  const auto found = std::find_if(weights.begin(), weights.end(),
                                  [](const auto& tensor) { return tensor.name == "wq"; });
  ASSERT_NE(found, weights.end());
  EXPECT_THAT(found->quantization->scales, ElementsAre(0.01F, 0.02F, 0.005F, 0.015F));
}

TEST(LitertPart, HasTheBodiesThatItCalls_AndNoOthers) {
  const auto network = network_of(mixed_network());
  const auto names = [](const Result<Network>& part) {
    std::vector<std::string> all;
    for (const auto& subgraph : part->litert()->content().subgraphs) {
      all.push_back(subgraph.name);
    }
    return all;
  };
  const auto loop = part_of(network, {"turns"});
  ASSERT_THAT(loop, IsOk());
  EXPECT_THAT(names(loop), ElementsAre("main", "again", "turn"));
  const auto choice = part_of(network, {"u"});
  ASSERT_THAT(choice, IsOk());
  EXPECT_THAT(names(choice), ElementsAre("main", "else", "third"));
  const auto& content = choice->litert()->content();
  EXPECT_THAT(litert::bodies_of(content, content.subgraphs.front().operators.front()),
              ElementsAre(2, 1));
  EXPECT_EQ(part_of(network, {"q"})->litert()->content().subgraphs.size(), 1U);
}

TEST(LitertPart, HoldsWhatTwoTensorsShareOnce) {
  const auto network = network_of(mixed_network());
  const auto both = part_of(network, {"c1", "c2"});
  ASSERT_THAT(both, IsOk());
  const auto& content = both->litert()->content();
  EXPECT_EQ(content.buffers.size(), 3U) << "none, weights, bias";
  std::set<std::uint32_t> weights;
  for (const auto& tensor : content.subgraphs.front().tensors) {
    if (tensor.name == "w1" || tensor.name == "w2") {
      weights.insert(tensor.buffer);
    }
  }
  EXPECT_EQ(weights.size(), 1U);
}

TEST(LitertPart, HasASignature_IfTheWholeHasOne_AndNothingAboutTheWholesValues) {
  auto content = mixed_network();
  litert::set_metadata(content, "min_runtime_version", "1.5.0");
  litert::set_metadata(content, "TFLITE_METADATA", "what inputs are");
  const auto plain = part_of(network_of(content), {"c1"});
  ASSERT_THAT(plain, IsOk());
  EXPECT_TRUE(plain->litert()->content().signatures.empty());
  EXPECT_EQ(plain->metadata("min_runtime_version"), "1.5.0");
  EXPECT_EQ(plain->metadata("TFLITE_METADATA"), std::nullopt);

  content.signatures.push_back({.key = "classify", .inputs = {{"image", 0}}});
  content.signatures.push_back({.key = "other", .subgraph = 1});
  const auto signed_part = part_of(network_of(content), {"c1"});
  ASSERT_THAT(signed_part, IsOk());
  const auto& signatures = signed_part->litert()->content().signatures;
  ASSERT_EQ(signatures.size(), 1U);
  EXPECT_EQ(signatures[0].key, "serving_default");
  EXPECT_EQ(signatures[0].subgraph, 0U);
  ASSERT_EQ(signatures[0].inputs.size(), 1U);
  EXPECT_EQ(signatures[0].inputs[0].name, "f");
  ASSERT_EQ(signatures[0].outputs.size(), 1U);
  EXPECT_EQ(signatures[0].outputs[0].name, "c1");
  EXPECT_EQ(signed_part->litert()->content().subgraphs.size(), 1U);
}

TEST(LitertPart, KnowsTheExtentsThatTheWholeHas) {
  LitertBuilder builder;
  builder.input("x", {1, 4}).signature({-1, 4}).value("r", {1, 4}).signature({-1, 4});
  builder.op(kRelu, {"x"}, {"r"}).value("y", {1, 4}).signature({-1, 4});
  builder.op(kTanh, {"r"}, {"y"}).output("y");
  auto network = network_of(builder.build());
  EXPECT_FALSE(part_of(network, {"y"})->type_of("y")->shape->front().known());
  assume_extents(network, {});
  const auto part = part_of(network, {"y"});
  ASSERT_THAT(part, IsOk());
  EXPECT_EQ(part->type_of("y")->shape->front().value, 1);
  EXPECT_FALSE(part->declared_type("r")->shape->front().known()) << "it is assumed, not written";
}

TEST(LitertPart, ConstantsThatOperatorsMake_DoNotCross) {
  LitertBuilder builder;
  builder.input("x", {1, 8}).int8_weight("w", {4, 8}).quantized({0.5F}, {0}).value("f", {4, 8});
  builder.op(kDequantize, {"w"}, {"f"}).value("r", {1, 8}).op(kRelu, {"x"}, {"r"});
  builder.value("y", {1, 4}).op(kFullyConnected, {"r", "f", ""}, {"y"});
  builder.output("y");
  const auto network = network_of(builder.build());
  const auto graph = network.view();
  const Ops front{*graph->find_op("f"), *graph->find_op("r")};
  const auto border = border_of(*graph, front);
  ASSERT_EQ(border.outputs.size(), 1U);
  EXPECT_EQ(graph->tensor(border.outputs.front()).name, "r");
}

// --- what cannot be cut --------------------------------------------------------------------------

/// x -> ASSIGN_VARIABLE to `name`, and READ_VARIABLE of it + x -> y, by a handle each.
litert::Content two_handles(const char* first, const char* second) {
  constexpr std::uint8_t kVarHandleOptions = 111;
  LitertBuilder builder;
  builder.input("x", {1, 4});
  const auto handle = [&](const char* value, const char* name) {
    builder.value(value, {}).type(litert::ElementType::kResource);
    builder.op(kVarHandle, {}, {value},
               litert::Options(litert::TableUnion::kOptions, kVarHandleOptions));
    builder.last_op().options.set_text(1, name);
  };
  handle("h", first);
  builder.op(kAssignVariable, {"h", "x"}, {});
  handle("g", second);
  builder.value("v", {1, 4}).op(kReadVariable, {"g"}, {"v"});
  builder.value("y", {1, 4}).op(kAdd, {"v", "x"}, {"y"}, litert_options(kAddOptions, {}));
  return builder.output("y").build();
}

TEST(LitertPart, HandlesAndStates_StayTogether) {
  const auto network = network_of(two_handles("state", "state"));
  EXPECT_THAT(part_of(network, {"g"}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'g' (resource)")));
  EXPECT_THAT(part_of(network, {"g", "v", "y"}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("share the state 'state'")));
  const auto apart = network_of(two_handles("one", "other"));
  EXPECT_THAT(part_of(apart, {"g", "v", "y"}), IsOk());
}

TEST(LitertPart, AStateOfTwoLayers_IsNotCut) {
  LitertBuilder builder;
  builder.input("x", {1, 4}).value("state", {1, 4});
  builder.last().is_variable = true;
  builder.value("a", {1, 4}).custom("Layer", {"x", "state"}, {"a"});
  builder.value("b", {1, 4}).custom("Layer", {"a", "state"}, {"b"});
  builder.value("y", {1, 4}).op(kRelu, {"b"}, {"y"}).output("y");
  const auto network = network_of(builder.build());
  EXPECT_THAT(part_of(network, {"a"}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("share the state 'state'")));
  EXPECT_THAT(part_of(network, {"a", "b"}), IsOk());
  EXPECT_THAT(part_of(network, {"y"}), IsOk());
}

}  // namespace
}  // namespace tessera::network
