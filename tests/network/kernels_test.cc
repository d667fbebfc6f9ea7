// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "network/onnx_kernels.h"
#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/network/network.h"

namespace tessera::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;
using Role = runtime::KernelRole;

TEST(KernelRoles, OfEveryKernelThatIsKnown) {
  for (const auto* const type :
       {"QLinearConv", "QLinearMatMul", "QGemm", "QAttention", "QOrderedMatMul", "ConvInteger",
        "MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM",
        "MatMulNBits"}) {
    EXPECT_EQ(role_of(type), Role::kIntegerProduct) << type;
  }
  for (const auto* const type : {"NhwcDepthToSpace", "QLinearAdd", "QLinearSigmoid",
                                 "QEmbedLayerNormalization", "MatMulInteger16", "NhwcMaxPool"}) {
    EXPECT_EQ(role_of(type), Role::kInteger) << type;
  }
  EXPECT_EQ(role_of("QuantizeLinear"), Role::kQuantize);
  EXPECT_EQ(role_of("DynamicQuantizeLinear"), Role::kDynamicQuantize);
  EXPECT_EQ(role_of("DequantizeLinear"), Role::kDequantize);
  EXPECT_EQ(role_of("Cast"), Role::kCast);
  for (const auto* const type : {"ReorderInput", "ReorderOutput", "Transpose"}) {
    EXPECT_EQ(role_of(type), Role::kReorder) << type;
  }
  EXPECT_EQ(role_of("MemcpyToHost"), Role::kCopy);
  EXPECT_EQ(role_of("MemcpyFromHost"), Role::kCopy);
  for (const auto* const type : {"Conv", "Reshape", "", "Casts", "transpose", "MaxPool"}) {
    EXPECT_EQ(role_of(type), Role::kFloat) << type;
  }
}

TEST(KernelRoles, HybridAreThoseBetweenFloats) {
  for (const auto* const type : {"ConvInteger", "MatMulInteger", "MatMulIntegerToFloat",
                                 "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "MatMulNBits"}) {
    EXPECT_TRUE(is_hybrid(type)) << type;
    EXPECT_EQ(role_of(type), Role::kIntegerProduct) << type;
  }
  for (const auto* const type : {"QLinearConv", "QLinearMatMul", "QGemm", "Conv", "NhwcMaxPool",
                                 "DynamicQuantizeLinear", "QLinearAdd", ""}) {
    EXPECT_FALSE(is_hybrid(type)) << type;
  }
}

TEST(KernelRoles, ConversionsComputeNothing) {
  for (const auto role :
       {Role::kQuantize, Role::kDequantize, Role::kCast, Role::kReorder, Role::kCopy}) {
    EXPECT_TRUE(is_conversion(role));
    EXPECT_FALSE(is_integer(role));
  }
  EXPECT_FALSE(is_conversion(Role::kDynamicQuantize)) << "it looks for the scale";
  EXPECT_FALSE(is_conversion(Role::kFloat));
  EXPECT_FALSE(is_integer(Role::kFloat));
  EXPECT_TRUE(is_integer(Role::kInteger));
  EXPECT_TRUE(is_integer(Role::kIntegerProduct));
}

TEST(Tags, AreFoundInWhatTheRuntimeMakesOfThem) {
  EXPECT_THAT(tagged_operators("tsr12./QuickGeluFusion/"), ElementsAre(12));
  EXPECT_THAT(tagged_operators("tsr3._token_7"), ElementsAre(3));
  EXPECT_THAT(tagged_operators("tsr3.tsr44."), ElementsAre(3, 44));
  EXPECT_THAT(tagged_operators("tsrx. tsr5 conv_tsr"), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr99999999999."), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr-1."), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr7"), IsEmpty());
  EXPECT_THAT(tagged_operators("tsr."), IsEmpty());
  EXPECT_THAT(tagged_operators(""), IsEmpty());
  EXPECT_THAT(tagged_operators("tsrtsr5."), ElementsAre(5));
}

TEST(Tags, AreThePlacesOfTheOperators_AndGiveTheNamesBack) {
  auto model = ModelBuilder(13)
                   .input("x", {1})
                   .named_op("first", "Neg", {"x"}, {"a"})
                   .named_op("", "Neg", {"a"}, {"y"})
                   .output("y", {1})
                   .build();
  EXPECT_THAT(tag_operators(model), ElementsAre("first", "Neg"));
  const auto nodes = model.nodes();
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_THAT(tagged_operators(model.name(nodes[0])), ElementsAre(0));
  EXPECT_THAT(tagged_operators(model.name(nodes[1])), ElementsAre(1));
}

/// x -> Conv -> c -> Relu -> r -> Conv -> d -> Q -> DQ -> e -> Add(r) -> y, from sources 10, 11,
/// ...
onnx::Model opened() {
  return ModelBuilder(13)
      .input("x", {1, 4, 8, 8})
      .weight("w", {4, 4, 1, 1}, 0.2)
      .constant("s", Tensor::scalar(0.1F))
      .op("Conv", {"x", "w"}, {"c"})
      .op("Relu", {"c"}, {"r"})
      .op("Conv", {"r", "w"}, {"d"})
      .op("QuantizeLinear", {"d", "s"}, {"q"})
      .op("DequantizeLinear", {"q", "s"}, {"e"})
      .op("Add", {"e", "r"}, {"y"})
      .output("y", {1, 4, 8, 8})
      .build();
}
const std::vector<std::uint32_t> kSources = {10, 11, 12, 13, 14, 15};
const std::vector<std::string> kNames = {"conv1", "relu", "conv2", "q", "dq", "add"};

/// What a runtime might make of it, operator by operator.
class Optimized {
 public:
  Optimized() { graph_.mark_input(value("x")); }
  Optimized& op(const std::string& name, const std::string& type,
                const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    graph::Op op{.name = name, .type = type};
    for (const auto& input : inputs) {
      op.inputs.push_back(value(input));
    }
    for (const auto& output : outputs) {
      op.outputs.push_back(value(output));
    }
    graph_.add_op(std::move(op));
    kernels_.push_back({.node = name, .op_type = type});
    return *this;
  }
  /// The kernels of one run, filled.
  [[nodiscard]] std::vector<runtime::KernelTime> filled() {
    EXPECT_THAT(graph_.finish(), IsOk());
    const auto sources = KernelSources::make(opened(), kSources, kNames, &graph_);
    EXPECT_THAT(sources, IsOk());
    sources->fill(kernels_);
    return kernels_;
  }

 private:
  graph::TensorId value(const std::string& name) {
    if (const auto found = graph_.find_tensor(name)) {
      return *found;
    }
    const auto kind = name == "x" ? graph::TensorKind::kInput : graph::TensorKind::kActivation;
    return graph_.add_tensor({.name = name, .kind = kind, .dtype = DType::kFloat32});
  }
  graph::Graph graph_;
  std::vector<runtime::KernelTime> kernels_;
};

TEST(KernelSources, TaggedKernelsComputeTheirOperators_AndGetTheirNamesBack) {
  const auto kernels = Optimized()
                           .op("tsr0.tsr1.", "Conv", {"x"}, {"r"})
                           .op("fused tsr2._nchwc", "Conv", {"r"}, {"d"})
                           .op("tsr5.", "Add", {"d", "r"}, {"y"})
                           .filled();
  EXPECT_THAT(kernels[0].sources, ElementsAre(10, 11));
  EXPECT_THAT(kernels[0].behind, IsEmpty());
  EXPECT_EQ(kernels[0].node, "conv1relu");
  EXPECT_THAT(kernels[1].sources, ElementsAre(12));
  EXPECT_THAT(kernels[1].behind, ElementsAre(10, 11));
  EXPECT_EQ(kernels[1].node, "fused conv2_nchwc");
  EXPECT_THAT(kernels[2].sources, ElementsAre(15));
  EXPECT_THAT(kernels[2].behind, ElementsAre(12));
}

TEST(KernelSources, ATagOfNoOperator_IsNone) {
  const auto kernels = Optimized().op("tsr77.", "Mystery", {"x"}, {"z"}).filled();
  EXPECT_THAT(kernels[0].sources, IsEmpty());
  EXPECT_EQ(kernels[0].node, "tsr77.");
}

TEST(KernelSources, NamesOfValuesAreFoundBehindWhatTheRuntimeHangsOnThem) {
  const auto kernels = Optimized()
                           .op("c_nchwc", "Conv", {"x"}, {"t0"})
                           .op("d_token_12", "Conv", {"t0"}, {"t1"})
                           .op("y_nchwc_token_3", "Add", {"t1"}, {"t2"})
                           .op("d_token_x", "Mystery", {"x"}, {"t3"})
                           .filled();
  EXPECT_THAT(kernels[0].sources, ElementsAre(10));
  EXPECT_THAT(kernels[1].sources, ElementsAre(12));
  EXPECT_THAT(kernels[2].sources, ElementsAre(15));
  EXPECT_THAT(kernels[3].sources, IsEmpty()) << "no number: another name";
}

TEST(KernelSources, WithoutAName_TheResultTells) {
  const auto kernels = Optimized()
                           .op("fused 1", "Conv", {"x"}, {"r"})
                           .op("fused 2", "QLinearConv", {"r"}, {"e"})
                           .filled();
  EXPECT_THAT(kernels[0].sources, ElementsAre(11));
  EXPECT_THAT(kernels[1].sources, ElementsAre(12)) << "what was rounded, not the rounding";
}

TEST(KernelSources, WhatTheRuntimePutsIn_ComputesNothing_AndIsBehindWhatItConverts) {
  const auto kernels = Optimized()
                           .op("reorder", "ReorderInput", {"x"}, {"x_b"})
                           .op("tsr0.", "Conv", {"x_b"}, {"c_b"})
                           .op("c", "ReorderOutput", {"c_b"}, {"c"})
                           .op("Transpose_token_9", "Transpose", {"c"}, {"c_t"})
                           .op("tsr1.", "Relu", {"c_t"}, {"r"})
                           .filled();
  EXPECT_THAT(kernels[0].sources, IsEmpty());
  EXPECT_THAT(kernels[0].behind, IsEmpty());
  EXPECT_THAT(kernels[2].sources, IsEmpty()) << "it has the name of the value that it converts";
  EXPECT_THAT(kernels[2].behind, ElementsAre(10));
  EXPECT_THAT(kernels[3].behind, ElementsAre(10)) << "by way of another conversion";
  EXPECT_THAT(kernels[4].behind, ElementsAre(10));
}

TEST(KernelSources, FromKernelsAlone_NamesTell) {
  const auto sources = KernelSources::make(opened(), kSources, kNames, nullptr);
  ASSERT_THAT(sources, IsOk());
  std::vector<runtime::KernelTime> kernels = {{"tsr2.", "Conv"},
                                              {"r_token_4", "Relu"},
                                              {"DequantizeLinear_9", "DequantizeLinear"},
                                              {"subgraph_1", "Compiled"}};
  sources->fill(kernels);
  EXPECT_THAT(kernels[0].sources, ElementsAre(12));
  EXPECT_THAT(kernels[1].sources, ElementsAre(11));
  EXPECT_THAT(kernels[2].sources, IsEmpty());
  EXPECT_THAT(kernels[3].sources, IsEmpty());
}

std::shared_ptr<const runtime::Library> library() {
  static const auto loaded = runtime::Library::load();
  EXPECT_THAT(loaded, IsOk());
  return *loaded;
}

/// Kernels of one run.
std::vector<runtime::KernelTime> kernels_of(runtime::Session session) {
  const Tensor x(DType::kFloat32, {1, 4, 8, 8});
  const runtime::Feed feed{"x", x.view()};
  EXPECT_THAT(session.run({&feed, 1}), IsOk());
  auto kernels = session.end_profile();
  EXPECT_THAT(kernels, IsOk());
  return *std::move(kernels);
}

TEST(KernelTimes, TellOperatorsApartWhereThatIsAskedFor) {
  const auto network = Network::of(opened());
  const auto view = network.view();
  ASSERT_THAT(view, IsOk());
  const runtime::SessionOptions options{
      .opt_level = runtime::OptLevel::kDisabled, .profile = true, .kernel_sources = true};
  auto session = network.open(library(), options);
  ASSERT_THAT(session, IsOk());
  const auto kernels = kernels_of(*std::move(session));
  ASSERT_EQ(kernels.size(), view->ops().size());
  for (const auto& kernel : kernels) {
    const auto op = view->find_op(kernel.node);
    ASSERT_TRUE(op) << kernel.node << ": the name that it has in the model";
    EXPECT_THAT(kernel.sources, ElementsAre(view->op(*op).source));
    EXPECT_EQ(kernel.role, role_of(kernel.op_type));
  }
}

TEST(KernelTimes, OfFusedKernels_NameWhatWasFused) {
  const auto network = Network::of(opened());
  const auto view = network.view();
  ASSERT_THAT(view, IsOk());
  auto session = network.open(library(), {.profile = true, .kernel_sources = true});
  ASSERT_THAT(session, IsOk());
  std::size_t products = 0;
  for (const auto& kernel : kernels_of(*std::move(session))) {
    if (kernel.op_type.find("Conv") == std::string::npos) {
      continue;
    }
    ++products;
    ASSERT_FALSE(kernel.sources.empty()) << kernel.node;
    EXPECT_LE(kernel.sources.front(), view->ops()[2].source) << kernel.node;
  }
  EXPECT_EQ(products, 2U);
}

TEST(KernelTimes, OtherwiseSayWhatKernelsDo) {
  const auto network = Network::of(opened());
  auto session = network.open(library(), {.profile = true});
  ASSERT_THAT(session, IsOk());
  std::map<Role, int> roles;
  for (const auto& kernel : kernels_of(*std::move(session))) {
    EXPECT_THAT(kernel.sources, IsEmpty());
    EXPECT_EQ(kernel.role, role_of(kernel.op_type));
    ++roles[kernel.role];
  }
  EXPECT_GT(roles[Role::kQuantize], 0);
  EXPECT_GT(roles[Role::kFloat], 0);
}

}  // namespace
}  // namespace tessera::network
