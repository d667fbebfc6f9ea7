// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

::onnx::NodeProto node(const std::string& name, const std::string& type,
                       const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs) {
  ::onnx::NodeProto result;
  result.set_name(name);
  result.set_op_type(type);
  for (const auto& input : inputs) {
    result.add_input(input);
  }
  for (const auto& output : outputs) {
    result.add_output(output);
  }
  return result;
}

void set_type(::onnx::ValueInfoProto& info, const std::string& name, int dtype,
              const std::vector<std::int64_t>& shape) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(dtype);
  tensor.mutable_shape();
  for (const auto extent : shape) {
    tensor.mutable_shape()->add_dim()->set_dim_value(extent);
  }
}

::onnx::TensorProto floats(const std::string& name, const std::vector<std::int64_t>& shape,
                           int count) {
  ::onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  for (const auto extent : shape) {
    tensor.add_dims(extent);
  }
  for (int i = 0; i < count; ++i) {
    tensor.add_float_data(static_cast<float>(i));
  }
  return tensor;
}

/// x [1, 4] -> Relu h; If cond: y = h . w (w outside), else y = (h . v) with v inside.
::onnx::ModelProto branching() {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  auto& graph = *model.mutable_graph();
  graph.set_name("main");
  set_type(*graph.add_input(), "x", ::onnx::TensorProto::FLOAT, {1, 4});
  set_type(*graph.add_input(), "cond", ::onnx::TensorProto::BOOL, {});
  *graph.add_initializer() = floats("w", {4, 2}, 8);
  *graph.add_initializer() = floats("unused", {4, 2}, 8);
  *graph.add_node() = node("relu", "Relu", {"x"}, {"h"});
  set_type(*graph.add_value_info(), "h", ::onnx::TensorProto::FLOAT, {1, 4});
  auto flow = node("if", "If", {"cond"}, {"y"});
  auto& then_branch = *flow.add_attribute();
  then_branch.set_name("then_branch");
  then_branch.set_type(::onnx::AttributeProto::GRAPH);
  *then_branch.mutable_g()->add_node() = node("inner", "MatMul", {"h", "w"}, {"then_y"});
  set_type(*then_branch.mutable_g()->add_output(), "then_y", ::onnx::TensorProto::FLOAT, {1, 2});
  auto& else_branch = *flow.add_attribute();
  else_branch.set_name("else_branch");
  else_branch.set_type(::onnx::AttributeProto::GRAPH);
  *else_branch.mutable_g()->add_initializer() = floats("v", {4, 2}, 8);
  *else_branch.mutable_g()->add_node() = node("", "MatMul", {"h", "v"}, {"else_m"});
  set_type(*else_branch.mutable_g()->add_value_info(), "else_m", ::onnx::TensorProto::FLOAT,
           {1, 2});
  *else_branch.mutable_g()->add_node() = node("", "Neg", {"else_m"}, {"else_y"});
  set_type(*else_branch.mutable_g()->add_output(), "else_y", ::onnx::TensorProto::FLOAT, {1, 2});
  *graph.add_node() = flow;
  set_type(*graph.add_output(), "y", ::onnx::TensorProto::FLOAT, {1, 2});
  return model;
}

TEST(Bodies, ReadsFromOutside_AreTracked) {
  auto model = Model::parse(branching().SerializeAsString(), "if");
  ASSERT_THAT(model, IsOk());
  EXPECT_TRUE(model->used_by_body("w"));
  EXPECT_TRUE(model->used_by_body("h"));
  EXPECT_FALSE(model->used_by_body("v")) << "that is inside";
  EXPECT_TRUE(model->has_body(model->nodes()[1]));
  EXPECT_EQ(model->unique_name("else_m"), "else_m_1") << "names of bodies are taken, too";
  model->remove_unused_initializers();
  EXPECT_THAT(model->initializers(), ElementsAre("w"));
  model->replace_uses("h", "x");
  EXPECT_TRUE(model->used_by_body("h")) << "bodies are left alone";
}

TEST(Bodies, SurviveEditingUnchanged) {
  const auto original = branching();
  const auto model = Model::parse(original.SerializeAsString(), "if");
  ASSERT_THAT(model, IsOk());
  const auto text = model->serialize();
  ASSERT_THAT(text, IsOk());
  EXPECT_EQ(*text, original.SerializeAsString()) << "fields in canonical order, byte for byte";
}

TEST(Bodies, InTheView_AreGraphsOfTheirOwn) {
  const auto model = Model::parse(branching().SerializeAsString(), "if");
  ASSERT_THAT(model, IsOk());
  const auto view = model->view();
  ASSERT_THAT(view, IsOk());
  const auto& flow = view->ops()[1];
  EXPECT_EQ(flow.body_ops, 3);
  ASSERT_EQ(flow.bodies.size(), 2U);
  ASSERT_EQ(flow.captures.size(), 2U);
  EXPECT_EQ(view->tensor(flow.captures[0]).name, "h");
  const auto& then_branch = flow.bodies[0];
  const auto h = then_branch.find_tensor("h");
  ASSERT_TRUE(h);
  EXPECT_EQ(then_branch.tensor(*h).kind, graph::TensorKind::kInput);
  EXPECT_EQ(then_branch.tensor(*h).static_shape(), (Shape{1, 4})) << "typed as outside";
}

TEST(Bodies, TakenOutAndPutBack_KeepOuterConstantsOutside) {
  auto model = Model::parse(branching().SerializeAsString(), "if");
  ASSERT_THAT(model, IsOk());
  const auto flow = model->nodes()[1];
  ASSERT_EQ(model->body_count(flow), 2U);
  const auto same = model->body(flow, 0);
  ASSERT_THAT(same, IsOk());
  EXPECT_TRUE(same->has_initializer("w")) << "a constant outside is one inside";
  EXPECT_EQ(same->unique_name("relu"), "relu_1") << "names around it are taken";
  ASSERT_THAT(model->set_body(flow, 0, *same), IsOk());
  EXPECT_EQ(*model->serialize(), branching().SerializeAsString()) << "nothing was changed";

  auto changed = model->body(flow, 0);
  ASSERT_THAT(changed, IsOk());
  changed->set_initializer("w", Tensor::of(std::vector<float>(8, 7), {4, 2}));
  ASSERT_THAT(model->set_body(flow, 0, *changed), IsOk());
  EXPECT_FALSE(model->used_by_body("w")) << "the body has a weight of its own";
  EXPECT_EQ(model->initializer("w")->as<float>()[1], 1) << "the one outside stays";
  const auto again = model->body(flow, 0);
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(again->initializers(), ElementsAre("w_body"));
  EXPECT_EQ(again->initializer("w_body")->as<float>()[1], 7);
}

TEST(InferTypes, AsksAboutEveryBody) {
  auto proto = branching();
  for (auto& attribute : *proto.mutable_graph()->mutable_node(1)->mutable_attribute()) {
    attribute.mutable_g()->clear_value_info();
  }
  auto model = Model::parse(proto.SerializeAsString(), "if");
  ASSERT_THAT(model, IsOk());
  std::vector<std::vector<std::string>> questions;
  const TypeOracle oracle = [&](std::string_view text,
                                const auto&) -> Result<std::vector<NamedType>> {
    const auto question = Model::parse(text, "question");
    EXPECT_THAT(question, IsOk());
    questions.push_back(question->outputs());
    std::vector<NamedType> types;
    for (const auto& name : question->outputs()) {
      types.push_back({name, {DType::kFloat32, {{{1, {}}, {name == "h" ? 4 : 2, {}}}}}});
    }
    return types;
  };
  ASSERT_THAT(model->infer_types(oracle), IsOk());
  using Names = std::vector<std::string>;
  EXPECT_THAT(questions, ElementsAre(Names{"h", "y"}, Names{"then_y"}, Names{"else_m", "else_y"}));
  const auto view = model->view();
  ASSERT_THAT(view, IsOk());
  const auto& branch = view->ops()[1].bodies[1];
  EXPECT_EQ(branch.tensor(*branch.find_tensor("else_m")).static_shape(), (Shape{1, 2}));
}

TEST(Bodies, ThatReadWhatNobodyMakes_AreRefused) {
  auto model = branching();
  model.mutable_graph()
      ->mutable_node(1)
      ->mutable_attribute(0)
      ->mutable_g()
      ->mutable_node(0)
      ->set_input(0, "ghost");
  EXPECT_THAT(Model::parse(model.SerializeAsString(), "if"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'ghost'")));
}

TEST(Bodies, OrderWaitsForWhatTheyRead) {
  auto proto = branching();
  proto.mutable_graph()->mutable_node()->SwapElements(0, 1);
  const auto model = Model::parse(proto.SerializeAsString(), "if");
  ASSERT_THAT(model, IsOk());
  const auto text = model->serialize();
  ASSERT_THAT(text, IsOk());
  const auto again = Model::parse(*text, "again");
  EXPECT_EQ(again->op_type(again->nodes()[0]), "Relu");
}

TEST(Fields, OfNewerOnnxVersions_Survive) {
  auto proto = branching();
  // An element type this build does not know, and an unknown field of the model itself.
  auto& tensor = *proto.mutable_graph()->mutable_initializer(1);
  tensor.set_data_type(23);
  tensor.clear_float_data();
  tensor.set_raw_data("abcd");
  proto.mutable_unknown_fields()->AddLengthDelimited(26, "configuration");
  proto.mutable_graph()->mutable_node(0)->mutable_unknown_fields()->AddLengthDelimited(8,
                                                                                       "overload");
  const auto model = Model::parse(proto.SerializeAsString(), "new");
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(*model->serialize(), proto.SerializeAsString());
}

TEST(TypedFields, AreUnpackedByType) {
  auto proto = branching();
  auto& graph = *proto.mutable_graph();
  auto& half = *graph.add_initializer();
  half.set_name("half");
  half.set_data_type(::onnx::TensorProto::FLOAT16);
  half.add_dims(2);
  half.add_int32_data(0x3C00);
  half.add_int32_data(0xC000);
  auto& bytes = *graph.add_initializer();
  bytes.set_name("bytes");
  bytes.set_data_type(::onnx::TensorProto::INT8);
  bytes.add_dims(3);
  for (const auto value : {-128, 0, 127}) {
    bytes.add_int32_data(value);
  }
  auto& nibbles = *graph.add_initializer();
  nibbles.set_name("nibbles");
  nibbles.set_data_type(22);  // INT4, two per value
  nibbles.add_dims(3);
  nibbles.add_int32_data(0x21);
  nibbles.add_int32_data(0x03);
  auto& words = *graph.add_initializer();
  words.set_name("words");
  words.set_data_type(::onnx::TensorProto::UINT32);
  words.add_dims(1);
  words.add_uint64_data(0xFFFFFFFF);
  const auto model = Model::parse(proto.SerializeAsString(), "typed");
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->initializer("half")->as<std::uint16_t>(), ElementsAre(0x3C00, 0xC000));
  EXPECT_THAT(model->initializer("bytes")->as<std::int8_t>(), ElementsAre(-128, 0, 127));
  EXPECT_THAT(model->initializer("nibbles")->as<std::uint8_t>(), ElementsAre(0x21, 0x03));
  EXPECT_THAT(model->initializer("words")->as<std::uint32_t>(), ElementsAre(0xFFFFFFFF));
}

TEST(Strings, AreKeptButNotRead) {
  auto proto = branching();
  auto& text = *proto.mutable_graph()->add_initializer();
  text.set_name("text");
  text.set_data_type(::onnx::TensorProto::STRING);
  text.add_dims(1);
  text.add_string_data("label");
  const auto model = Model::parse(proto.SerializeAsString(), "strings");
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->initializer("text"),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'text'")));
  EXPECT_EQ(*model->serialize(), proto.SerializeAsString());
}

TEST(OldModels, WithoutOperatorSets_MeanTheFirst) {
  auto proto = branching();
  proto.set_ir_version(2);
  proto.clear_opset_import();
  auto model = Model::parse(proto.SerializeAsString(), "old");
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->opset(), 1);
}

TEST(AttributesInExternalFiles, AreTakenIn) {
  auto folder = TemporaryDirectory::create("tessera-onnx-test");
  ASSERT_THAT(folder, IsOk());
  const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::string_view bytes(reinterpret_cast<const char*>(values.data()), 32);
  ASSERT_THAT(write_file(folder->path() / "v.bin", bytes, Overwrite::kRefuse), IsOk());
  auto proto = branching();
  auto& v = *proto.mutable_graph()
                 ->mutable_node(1)
                 ->mutable_attribute(1)
                 ->mutable_g()
                 ->mutable_initializer(0);
  v.clear_float_data();
  v.set_data_location(::onnx::TensorProto::EXTERNAL);
  auto& location = *v.add_external_data();
  location.set_key("location");
  location.set_value("v.bin");
  const auto model = Model::parse(proto.SerializeAsString(), "external", folder->path());
  ASSERT_THAT(model, IsOk());
  std::filesystem::remove(folder->path() / "v.bin");
  EXPECT_THAT(Model::parse(*model->serialize(), "moved"), IsOk());
}

}  // namespace
}  // namespace tessera::onnx
