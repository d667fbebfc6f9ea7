// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// The shape of upgraded graphs: handles, names, bodies, functions. That results stay the same is
// shown by tests/quantize/upgrade_test.cc, which may use the runtime.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "support/matchers.h"
#include "tessera/onnx/model.h"
#include "tessera/onnx/normalize.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using Ints = std::vector<std::int64_t>;

ValueType floats(const Shape& shape) {
  std::vector<Dim> dims;
  for (const auto extent : shape) {
    dims.push_back({extent, ""});
  }
  return {DType::kFloat32, dims};
}

Model one_op(std::int64_t opset, NodeSpec node) {
  auto model = Model::empty(opset);
  model.add_input("x", floats({1, 2, 4, 4}));
  model.add_node(node);
  model.add_output("y");
  return model;
}

TEST(UpgradeOpset, Handles_GoOnStandingForTheirOperators) {
  auto model =
      one_op(7, {"up", "Upsample", "", {"x"}, {"y"}, {{"scales", std::vector<float>{1, 1, 2, 2}}}});
  const auto node = model.nodes().front();
  ASSERT_THAT(upgrade_opset(model, 13), IsOk());
  EXPECT_EQ(model.op_type(node), "Resize");
  EXPECT_EQ(model.name(node), "up");
  EXPECT_THAT(model.inputs(node), ElementsAre("x", "", "up_scales"));
  EXPECT_EQ(model.outputs(node).front(), "y");
  EXPECT_THAT(model.initializers(), ElementsAre("up_scales"));
}

TEST(UpgradeOpset, SoftmaxOverSeveralAxes_IsFlattened) {
  auto model = one_op(11, {"s", "Softmax", "", {"x"}, {"y"}, {{"axis", std::int64_t{1}}}});
  ASSERT_THAT(upgrade_opset(model, 13), IsOk());
  std::vector<std::string> types;
  for (const auto node : model.nodes()) {
    types.push_back(model.op_type(node));
  }
  EXPECT_THAT(types, ElementsAre("Flatten", "Softmax", "Reshape"));
  EXPECT_EQ(model.outputs(model.nodes().back()).front(), "y");
}

TEST(UpgradeOpset, IrVersion_FollowsTheOpset) {
  auto model = Model::empty(7);
  model.set_ir_version(3);
  ASSERT_THAT(upgrade_opset(model, 21), IsOk());
  EXPECT_EQ(model.ir_version(), 10);
  EXPECT_EQ(model.opset(), 21);
}

TEST(UpgradeOpset, OtherDomains_AreLeftAlone) {
  auto model = one_op(7, {"n", "Slice", "elsewhere", {"x"}, {"y"}, {{"starts", Ints{0}}}});
  model.set_opset("elsewhere", 1);
  const auto node = model.nodes().front();
  ASSERT_THAT(upgrade_opset(model, 13), IsOk());
  EXPECT_THAT(model.inputs(node), ElementsAre("x"));
  EXPECT_EQ(model.opset("elsewhere"), 1);
}

TEST(UpgradeOpset, ResizeBothWays_IsRefusedByName) {
  auto model = one_op(10, {"r", "Resize", "", {"x", "scales"}, {"y"}, {}});
  model.set_initializer("scales", Tensor::of(std::vector<float>{1, 1, 2, 0.5F}, {4}));
  EXPECT_THAT(upgrade_opset(model, 13),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'r' (Resize)")));
  EXPECT_EQ(model.opset(), 10);
}

TEST(UpgradeOpset, MissingInputs_AreRefused) {
  auto model = one_op(6, {"a", "Add", "", {"x"}, {"y"}, {}});
  EXPECT_THAT(upgrade_opset(model, 13), FailsWith(ErrorCode::kDataLoss, HasSubstr("'a' (Add)")));
}

// --- bodies and functions -----------------------------------------------------------------------

/// If(c): y = Squeeze(x, axes), else y = Clip(x); both in the old form.
::onnx::ModelProto branching() {
  ::onnx::ModelProto model;
  model.set_ir_version(6);
  model.add_opset_import()->set_version(9);
  auto& graph = *model.mutable_graph();
  graph.set_name("g");
  for (const auto& [name, dtype] : {std::pair("x", 1), std::pair("c", 9)}) {
    auto& input = *graph.add_input();
    input.set_name(name);
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(dtype);
    type.mutable_shape()->add_dim()->set_dim_value(1);
  }
  graph.add_output()->set_name("y");
  auto& branch = *graph.add_node();
  branch.set_name("if");
  branch.set_op_type("If");
  branch.add_input("c");
  branch.add_output("y");
  const auto add_body = [&](const char* name, const char* op_type, const char* output) -> auto& {
    auto& attribute = *branch.add_attribute();
    attribute.set_name(name);
    attribute.set_type(::onnx::AttributeProto::GRAPH);
    auto& body = *attribute.mutable_g();
    body.set_name(name);
    auto& node = *body.add_node();
    node.set_name(output);
    node.set_op_type(op_type);
    node.add_input("x");
    node.add_output(output);
    body.add_output()->set_name(output);
    return *node.add_attribute();
  };
  auto& axes = add_body("then_branch", "Squeeze", "a");
  axes.set_name("axes");
  axes.set_type(::onnx::AttributeProto::INTS);
  axes.add_ints(0);
  auto& low = add_body("else_branch", "Clip", "b");
  low.set_name("min");
  low.set_type(::onnx::AttributeProto::FLOAT);
  low.set_f(0.5F);
  return model;
}

TEST(UpgradeOpset, OperatorsInBodies_AreRewrittenToo) {
  auto model = Model::parse(branching().SerializeAsString(), "test");
  ASSERT_THAT(model, IsOk());
  ASSERT_THAT(upgrade_opset(*model, 13), IsOk());
  EXPECT_TRUE(model->used_by_body("a_axes"));
  EXPECT_TRUE(model->used_by_body("b_min"));
  ::onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(model->serialize().value()));
  const auto& branch = proto.graph().node(0);
  EXPECT_EQ(branch.attribute(0).g().node(0).input(1), "a_axes");
  EXPECT_EQ(branch.attribute(0).g().node(0).attribute_size(), 0);
  EXPECT_EQ(branch.attribute(1).g().node(0).input(1), "b_min");
  EXPECT_THAT(model->initializer("b_min").value().as<float>(), ElementsAre(0.5F));
}

TEST(UpgradeOpset, FunctionThatWouldChange_IsRefused) {
  auto proto = branching();
  proto.set_ir_version(8);
  auto& function = *proto.add_functions();
  function.set_name("f");
  function.set_domain("local");
  function.add_opset_import()->set_version(9);
  auto& node = *function.add_node();
  node.set_op_type("Slice");
  node.add_output("z");
  auto model = Model::parse(proto.SerializeAsString(), "test");
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(upgrade_opset(*model, 13),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("function 'f'")));
  function.mutable_node(0)->set_op_type("Relu");
  model = Model::parse(proto.SerializeAsString(), "test");
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(upgrade_opset(*model, 13), IsOk());
}

// --- normalize_for_quantization -----------------------------------------------------------------

Model padded_pool(float value, const Ints& pads, std::int64_t kernel) {
  auto model = Model::empty(13);
  model.add_input("x", floats({1, 2, 6, 6}));
  model.set_initializer("pads", Tensor::of(pads, {8}));
  model.set_initializer("value", Tensor::scalar(value));
  model.add_node({"p", "Pad", "", {"x", "pads", "value"}, {"padded"}, {}});
  model.add_node({"m",
                  "MaxPool",
                  "",
                  {"padded"},
                  {"y"},
                  {{"kernel_shape", Ints{kernel, kernel}}, {"auto_pad", std::string("VALID")}}});
  model.add_output("y");
  return model;
}

TEST(NormalizeForQuantization, LowestPaddingBeforeMaxPool_BecomesItsOwn) {
  auto model = padded_pool(std::numeric_limits<float>::lowest(), {0, 0, 1, 0, 0, 0, 1, 2}, 3);
  const auto result = normalize_for_quantization(model);
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->folded_pads, 1);
  const auto pool = model.nodes().front();
  EXPECT_EQ(model.op_type(pool), "MaxPool");
  EXPECT_EQ(std::get<Ints>(*model.attribute(pool, "pads")), (Ints{1, 0, 1, 2}));
  EXPECT_FALSE(model.attribute(pool, "auto_pad").has_value());
  EXPECT_THAT(model.initializers(), ElementsAre());
}

TEST(NormalizeForQuantization, WindowsOfPaddingAlone_KeepThePad) {
  auto model = padded_pool(std::numeric_limits<float>::lowest(), {0, 0, 3, 0, 0, 0, 0, 0}, 3);
  EXPECT_EQ(normalize_for_quantization(model)->folded_pads, 0);
}

TEST(NormalizeForQuantization, ZerosBeforeMaxPool_KeepThePad) {
  auto model = padded_pool(0, {0, 0, 1, 1, 0, 0, 1, 1}, 3);  // they win over negative values
  EXPECT_EQ(normalize_for_quantization(model)->folded_pads, 0);
}

TEST(NormalizeForQuantization, PadByNothing_IsTakenOut) {
  auto model = padded_pool(0, {0, 0, 0, 0, 0, 0, 0, 0}, 3);
  EXPECT_EQ(normalize_for_quantization(model)->removed_identities, 1);
  EXPECT_THAT(model.inputs(model.nodes().front()), ElementsAre("x"));
}

TEST(NormalizeForQuantization, IdentityBeforeAnOutput_LeavesTheNameOfTheOutput) {
  auto model = Model::empty(13);
  model.add_input("x", floats({2}));
  model.add_node({"r", "Relu", "", {"x"}, {"h"}, {}});
  model.add_node({"i", "Identity", "", {"h"}, {"y"}, {}});
  model.add_output("y");
  EXPECT_EQ(normalize_for_quantization(model)->removed_identities, 1);
  EXPECT_THAT(model.outputs(model.nodes().front()), ElementsAre("y"));
}

TEST(NormalizeForQuantization, BatchNormalization_IsFoldedIntoTheConvolution) {
  auto model = Model::empty(13);
  model.add_input("x", floats({1, 1, 2, 2}));
  model.set_initializer("w", Tensor::of(std::vector<float>{1, 2}, {2, 1, 1, 1}));
  for (const auto& [name, values] :
       {std::pair("scale", std::vector<float>{2, 3}), std::pair("bias", std::vector<float>{1, 0}),
        std::pair("mean", std::vector<float>{0.5F, 1}),
        std::pair("var", std::vector<float>{4, 1})}) {
    model.set_initializer(name, Tensor::of(values, {2}));
  }
  model.add_node({"c", "Conv", "", {"x", "w"}, {"h"}, {}});
  model.add_node({"b",
                  "BatchNormalization",
                  "",
                  {"h", "scale", "bias", "mean", "var"},
                  {"y"},
                  {{"epsilon", 0.0F}}});
  model.add_output("y");
  auto kept = model.clone();
  EXPECT_EQ(normalize_for_quantization(kept, {.fold_batch_normalization = false}), Normalization{});
  EXPECT_EQ(normalize_for_quantization(model)->folded_batch_normalizations, 1);
  const auto conv = model.nodes().front();
  const auto inputs = model.inputs(conv);
  ASSERT_EQ(inputs.size(), 3U);
  EXPECT_THAT(model.initializer(inputs[1]).value().as<float>(), ElementsAre(1, 6));
  EXPECT_THAT(model.initializer(inputs[2]).value().as<float>(), ElementsAre(0.5F, -3));
  EXPECT_THAT(model.outputs(conv), ElementsAre("y"));
  EXPECT_EQ(model.initializers().size(), 2U);
}

}  // namespace
}  // namespace tessera::onnx
