// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/simplify.h"

#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>

#include "support/matchers.h"
#include "support/model_builder.h"

/// What needs no inference library: the structure. Values are compared where there is one, in the
/// tests of calibrate.
namespace tessera::onnx {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::ModelBuilder;
using testing::random_tensor;
using ::testing::SizeIs;

::onnx::NodeProto node(const std::string& name, const std::string& type,
                       const std::vector<std::string>& inputs,
                       const std::vector<std::string>& outputs, const std::string& domain = {}) {
  ::onnx::NodeProto result;
  result.set_name(name);
  result.set_op_type(type);
  result.set_domain(domain);
  for (const auto& input : inputs) {
    result.add_input(input);
  }
  for (const auto& output : outputs) {
    result.add_output(output);
  }
  return result;
}

void set_float(::onnx::NodeProto& node, const std::string& name, float value) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::FLOAT);
  attribute.set_f(value);
}

void set_reference(::onnx::NodeProto& node, const std::string& name, const std::string& of) {
  auto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(::onnx::AttributeProto::FLOAT);
  attribute.set_ref_attr_name(of);
}

void add_value(::onnx::ValueInfoProto& info, const std::string& name,
               const std::vector<std::int64_t>& shape) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(::onnx::TensorProto::FLOAT);
  tensor.mutable_shape();
  for (const auto extent : shape) {
    tensor.mutable_shape()->add_dim()->set_dim_value(extent);
  }
}

::onnx::ModelProto shell() {
  ::onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  auto& graph = *model.mutable_graph();
  graph.set_name("main");
  add_value(*graph.add_input(), "x", {1, 4});
  add_value(*graph.add_output(), "y", {1, 4});
  return model;
}

::onnx::FunctionProto& add_function(::onnx::ModelProto& model, const std::string& name,
                                    const std::vector<std::string>& inputs,
                                    const std::vector<std::string>& outputs) {
  auto& function = *model.add_functions();
  function.set_name(name);
  function.set_domain("local");
  for (const auto& input : inputs) {
    function.add_input(input);
  }
  for (const auto& output : outputs) {
    function.add_output(output);
  }
  function.add_opset_import()->set_version(17);
  return function;
}

template <class Owner>
void import_local(Owner& owner) {
  auto& import = *owner.add_opset_import();
  import.set_domain("local");
  import.set_version(1);
}

Model parsed(const ::onnx::ModelProto& proto) {
  auto model = Model::parse(proto.SerializeAsString(), "made");
  EXPECT_THAT(model, IsOk());
  return std::move(*model);
}

std::vector<std::string> types(const Model& model) {
  std::vector<std::string> result;
  for (const auto node : model.nodes()) {
    result.push_back(model.op_type(node));
  }
  return result;
}

Simplification structure(Model& model) {
  return simplify(model, {}).what;
}

// --- constants ---------------------------------------------------------------------------------

TEST(SimplifyConstants, InOperators_BecomeInitializersUnderTheirNames) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .op("Constant", {}, {"w"}, {{"value", random_tensor({4, 4}, 1)}})
                   .op("Constant", {}, {"s"}, {{"value_float", 2.0F}})
                   .op("Constant", {}, {"axes"}, {{"value_ints", std::vector<std::int64_t>{0}}})
                   .op("MatMul", {"x", "w"}, {"m"})
                   .op("Mul", {"m", "s"}, {"p"})
                   .op("Unsqueeze", {"p", "axes"}, {"y"})
                   .output("y", {1, 1, 4})
                   .build();
  const auto before = model.serialize();
  const auto what = structure(model);
  EXPECT_EQ(what.constant_operators, 3);
  EXPECT_THAT(types(model), ElementsAre("MatMul", "Mul", "Unsqueeze"));
  EXPECT_THAT(model.initializers(), ElementsAre("w", "s", "axes"));
  const auto value = model.initializer("s");
  ASSERT_THAT(value, IsOk());
  EXPECT_EQ(value->shape.size(), 0U);
  EXPECT_EQ(value->as<float>()[0], 2.0F);
  EXPECT_LT(model.serialize()->size(), before->size()) << "stored once";
}

TEST(SimplifyConstants, ThatAreOutputs_StayOperators) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .op("Constant", {}, {"c"}, {{"value", random_tensor({4}, 1)}})
                   .op("Add", {"x", "c"}, {"y"})
                   .output("y", {1, 4})
                   .output("c")
                   .build();
  structure(model);
  EXPECT_THAT(types(model), ElementsAre("Constant", "Add"));
}

TEST(SimplifyConstants, ListedAmongTheInputs_AreNoInputs) {
  auto proto = shell();
  auto& graph = *proto.mutable_graph();
  auto& weight = *graph.add_initializer();
  weight.set_name("w");
  weight.set_data_type(::onnx::TensorProto::FLOAT);
  weight.add_dims(4);
  for (int i = 0; i < 4; ++i) {
    weight.add_float_data(1);
  }
  add_value(*graph.add_input(), "w", {4});
  *graph.add_node() = node("add", "Add", {"x", "w"}, {"y"});
  auto model = parsed(proto);
  EXPECT_EQ(structure(model).listed_constants, 1);
  EXPECT_THAT(model.listed_inputs(), ElementsAre("x"));
  EXPECT_TRUE(model.is_constant("w"));
}

TEST(SimplifyConstants, SparseOnes_AreMadeDense) {
  for (const bool linear : {true, false}) {
    auto proto = shell();
    auto& graph = *proto.mutable_graph();
    auto& sparse = *graph.add_sparse_initializer();
    sparse.add_dims(2);
    sparse.add_dims(4);
    auto& values = *sparse.mutable_values();
    values.set_name("w");
    values.set_data_type(::onnx::TensorProto::FLOAT);
    values.add_dims(2);
    values.add_float_data(5);
    values.add_float_data(7);
    auto& indices = *sparse.mutable_indices();
    indices.set_data_type(::onnx::TensorProto::INT64);
    indices.add_dims(2);
    for (const std::int64_t index :
         linear ? std::vector<std::int64_t>{1, 6} : std::vector<std::int64_t>{0, 1, 1, 2}) {
      indices.add_int64_data(index);
    }
    if (!linear) {
      indices.add_dims(2);
    }
    *graph.add_node() = node("add", "Add", {"x", "w"}, {"y"});
    auto model = parsed(proto);
    EXPECT_EQ(structure(model).dense_constants, 1);
    const auto value = model.initializer("w");
    ASSERT_THAT(value, IsOk());
    const auto numbers = value->as<float>();
    EXPECT_THAT(std::vector<float>(numbers.begin(), numbers.end()),
                ElementsAre(0, 5, 0, 0, 0, 0, 7, 0));
    EXPECT_THAT(Model::parse(*model.serialize(), "again"), IsOk());
  }
}

TEST(SimplifyConstants, SparseOnesWithIndicesOutside_StayAsTheyAre) {
  auto proto = shell();
  auto& sparse = *proto.mutable_graph()->add_sparse_initializer();
  sparse.add_dims(4);
  sparse.mutable_values()->set_name("w");
  sparse.mutable_values()->set_data_type(::onnx::TensorProto::FLOAT);
  sparse.mutable_values()->add_dims(1);
  sparse.mutable_values()->add_float_data(5);
  sparse.mutable_indices()->set_data_type(::onnx::TensorProto::INT64);
  sparse.mutable_indices()->add_dims(1);
  sparse.mutable_indices()->add_int64_data(4);
  *proto.mutable_graph()->add_node() = node("add", "Add", {"x", "w"}, {"y"});
  auto model = parsed(proto);
  EXPECT_EQ(structure(model).dense_constants, 0);
  EXPECT_TRUE(model.has_initializer("w"));
}

// --- operators that do nothing -----------------------------------------------------------------

TEST(SimplifyPassthrough, InTheMiddle_IsGoneAndOutputsKeepTheirNames) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .weight("w", {4, 4})
                   .op("Identity", {"x"}, {"x1"})
                   .op("MatMul", {"x1", "w"}, {"m"})
                   .op("Dropout", {"m"}, {"d"})
                   .op("Transpose", {"d"}, {"t"}, {{"perm", std::vector<std::int64_t>{0, 1}}})
                   .op("Relu", {"t"}, {"r"})
                   .op("Identity", {"r"}, {"y"})
                   .output("y", {1, 4})
                   .build();
  EXPECT_EQ(structure(model).passed_through, 4);
  EXPECT_THAT(types(model), ElementsAre("MatMul", "Relu"));
  EXPECT_THAT(model.outputs(), ElementsAre("y"));
  EXPECT_THAT(model.outputs(model.nodes()[1]), ElementsAre("y"));
  EXPECT_THAT(model.inputs(model.nodes()[0]), ElementsAre("x", "w"));
}

TEST(SimplifyPassthrough, ThatSaysTwoNamesForOneValue_Stays) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .op("Relu", {"x"}, {"r"})
                   .op("Identity", {"r"}, {"y"})
                   .op("Identity", {"x"}, {"z"})
                   .output("r", {1, 4})
                   .output("y", {1, 4})
                   .output("z", {1, 4})
                   .build();
  EXPECT_EQ(structure(model).passed_through, 0);
  EXPECT_THAT(model.outputs(), ElementsAre("r", "y", "z"));
}

TEST(SimplifyPassthrough, DropoutWhoseMaskIsRead_Stays) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .op("Dropout", {"x"}, {"d", "mask"})
                   .op("Relu", {"d"}, {"y"})
                   .output("y", {1, 4})
                   .output("mask", {1, 4}, DType::kBool)
                   .build();
  EXPECT_EQ(structure(model).passed_through, 0);
}

TEST(SimplifyPassthrough, ReadByABody_IsRewiredThere) {
  auto proto = shell();
  auto& graph = *proto.mutable_graph();
  auto& cond = *graph.add_input();
  add_value(cond, "cond", {});
  cond.mutable_type()->mutable_tensor_type()->set_elem_type(::onnx::TensorProto::BOOL);
  *graph.add_node() = node("id", "Identity", {"x"}, {"i"});
  auto flow = node("if", "If", {"cond"}, {"y"});
  for (const char* name : {"then_branch", "else_branch"}) {
    auto& branch = *flow.add_attribute();
    branch.set_name(name);
    branch.set_type(::onnx::AttributeProto::GRAPH);
    *branch.mutable_g()->add_node() = node("", "Relu", {"i"}, {std::string(name) + "_y"});
    add_value(*branch.mutable_g()->add_output(), std::string(name) + "_y", {1, 4});
  }
  *graph.add_node() = flow;
  auto model = parsed(proto);
  EXPECT_EQ(structure(model).passed_through, 1);
  EXPECT_TRUE(model.used_by_body("x"));
  EXPECT_THAT(Model::parse(*model.serialize(), "again"), IsOk());
}

TEST(SimplifyUnread, OperatorsAndWhatOnlyTheyRead_AreGone) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .weight("w", {4, 4})
                   .op("Relu", {"x"}, {"y"})
                   .op("MatMul", {"x", "w"}, {"a"})
                   .op("Neg", {"a"}, {"b"})
                   .output("y", {1, 4})
                   .build();
  const auto what = structure(model);
  EXPECT_EQ(what.unread_operators, 2);
  EXPECT_EQ(what.unread_constants, 1);
  EXPECT_THAT(types(model), ElementsAre("Relu"));
}

TEST(Simplify, WhereNothingIsToBeDone_ChangesNoByte) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .weight("w", {4, 4})
                   .op("MatMul", {"x", "w"}, {"m"})
                   .op("Relu", {"m"}, {"y"})
                   .output("y", {1, 4})
                   .build();
  const auto before = model.serialize();
  EXPECT_FALSE(structure(model).changed());
  EXPECT_EQ(*model.serialize(), *before);
}

TEST(Simplify, WhatTheLibraryThenRefuses_IsAsItWas) {
  auto model = ModelBuilder(17)
                   .input("x", {1, 4})
                   .op("Identity", {"x"}, {"i"})
                   .op("Relu", {"i"}, {"y"})
                   .output("y", {1, 4})
                   .build();
  const TypeOracle picky = [](std::string_view text,
                              const auto&) -> Result<std::vector<NamedType>> {
    const auto question = Model::parse(text, "question");
    EXPECT_THAT(question, IsOk());
    if (types(*question).front() != "Identity") {
      return fail(ErrorCode::kUnavailable, "I want it");
    }
    std::vector<NamedType> answer;
    for (const auto& name : question->outputs()) {
      answer.push_back({name, testing::float_type({1, 4})});
    }
    return answer;
  };
  const auto done = simplify(model, {picky, {}});
  EXPECT_TRUE(done.types_known);
  EXPECT_FALSE(done.what.changed());
  EXPECT_THAT(done.what.kept, ElementsAre(HasSubstr("I want it")));
  EXPECT_THAT(types(model), ElementsAre("Identity", "Relu"));
}

TEST(SimplifyConstants, ThatBoundARange_AreScalars) {
  auto model = ModelBuilder(17)
                   .input("n", {}, DType::kInt64)
                   .constant("zero", Tensor(DType::kInt64, {1}))
                   .constant("one", Tensor::scalar(std::int64_t{1}))
                   .op("Range", {"zero", "n", "one"}, {"y"})
                   .output("y")
                   .build();
  structure(model);
  const auto type = model.initializer_type(model.inputs(model.nodes().front()).front());
  ASSERT_TRUE(type && type->shape);
  EXPECT_TRUE(type->shape->empty());
}

// --- functions ---------------------------------------------------------------------------------

TEST(Functions, ThatDoubleAtEveryLevel_AreRefusedAtOnce) {
  ::onnx::ModelProto proto;
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(17);
  import_local(proto);
  auto& graph = *proto.mutable_graph();
  graph.set_name("graph");
  constexpr int kLevels = 40;
  for (int level = 0; level < kLevels; ++level) {
    auto& function = add_function(proto, "f" + std::to_string(level), {"a"}, {"c"});
    import_local(function);
    for (const auto& [from, to] : {std::pair("a", "b"), std::pair("b", "c")}) {
      auto& node = *function.add_node();
      const bool last = level + 1 == kLevels;
      node.set_op_type(last ? "Neg" : "f" + std::to_string(level + 1));
      node.set_domain(last ? "" : "local");
      node.add_input(from);
      node.add_output(to);
    }
  }
  auto& call = *graph.add_node();
  call.set_op_type("f0");
  call.set_domain("local");
  call.add_input("x");
  call.add_output("y");
  graph.add_input()->set_name("x");
  graph.add_output()->set_name("y");
  EXPECT_THAT(Model::parse(proto.SerializeAsString(), "made"),
              testing::FailsWith(ErrorCode::kResourceExhausted, ::testing::HasSubstr("operators")));
}

TEST(SimplifyFunctions, AreInlinedWithTheirAttributesAndDefaults) {
  auto proto = shell();
  import_local(proto);
  auto& leaky = add_function(proto, "Leaky", {"a"}, {"b"});
  leaky.add_attribute("slope");
  auto inner = node("", "LeakyRelu", {"a"}, {"b"});
  set_reference(inner, "alpha", "slope");
  *leaky.add_node() = inner;
  auto first = node("first", "Leaky", {"x"}, {"h"}, "local");
  set_float(first, "slope", 0.25F);
  *proto.mutable_graph()->add_node() = first;
  *proto.mutable_graph()->add_node() = node("second", "Leaky", {"h"}, {"y"}, "local");
  auto model = parsed(proto);
  EXPECT_EQ(structure(model).inlined_functions, 2);
  EXPECT_THAT(types(model), ElementsAre("LeakyRelu", "LeakyRelu"));
  EXPECT_EQ(std::get<float>(*model.attribute(model.nodes()[0], "alpha")), 0.25F);
  EXPECT_FALSE(model.attribute(model.nodes()[1], "alpha")) << "not given: the operator's default";
  EXPECT_EQ(model.name(model.nodes()[0]), "first/LeakyRelu_0");
  EXPECT_FALSE(model.opset("local")) << "nothing of it is left";
}

TEST(SimplifyFunctions, OnesWithinOthers_AndWithoutNames_GetNamesThatAreUnique) {
  auto proto = shell();
  import_local(proto);
  auto& once = add_function(proto, "Once", {"a"}, {"b"});
  *once.add_node() = node("n", "Neg", {"a"}, {"t"});
  *once.add_node() = node("r", "Relu", {"t"}, {"b"});
  auto& twice = add_function(proto, "Twice", {"a"}, {"b"});
  *twice.add_node() = node("", "Once", {"a"}, {"t"}, "local");
  *twice.add_node() = node("", "Once", {"t"}, {"b"}, "local");
  *proto.mutable_graph()->add_node() = node("", "Twice", {"x"}, {"h"}, "local");
  *proto.mutable_graph()->add_node() = node("", "Twice", {"h"}, {"y"}, "local");
  auto model = parsed(proto);
  EXPECT_EQ(structure(model).inlined_functions, 6);
  EXPECT_THAT(types(model), SizeIs(8));
  std::set<std::string> names;
  std::set<std::string> values;
  for (const auto node : model.nodes()) {
    names.insert(model.name(node));
    values.insert(model.outputs(node).front());
  }
  EXPECT_THAT(names, SizeIs(8));
  EXPECT_THAT(values, SizeIs(8));
  EXPECT_THAT(Model::parse(*model.serialize(), "again"), IsOk());
}

TEST(SimplifyFunctions, OfAnotherOpset_StayAndSayWhy) {
  auto proto = shell();
  import_local(proto);
  auto& old = add_function(proto, "Old", {"a"}, {"b"});
  old.mutable_opset_import(0)->set_version(13);
  *old.add_node() = node("n", "Neg", {"a"}, {"b"});
  *proto.mutable_graph()->add_node() = node("call", "Old", {"x"}, {"y"}, "local");
  auto model = parsed(proto);
  const auto what = structure(model);
  EXPECT_EQ(what.inlined_functions, 0);
  EXPECT_THAT(what.kept, ElementsAre(HasSubstr("version 13")));
  EXPECT_THAT(types(model), ElementsAre("Old"));
  EXPECT_FALSE(what.changed());
}

TEST(SimplifyFunctions, ThatCallThemselves_Stay) {
  auto proto = shell();
  import_local(proto);
  auto& first = add_function(proto, "A", {"a"}, {"b"});
  *first.add_node() = node("n", "B", {"a"}, {"b"}, "local");
  auto& second = add_function(proto, "B", {"a"}, {"b"});
  *second.add_node() = node("n", "A", {"a"}, {"b"}, "local");
  *proto.mutable_graph()->add_node() = node("call", "A", {"x"}, {"y"}, "local");
  auto model = parsed(proto);
  EXPECT_THAT(structure(model).kept, ElementsAre(HasSubstr("calls itself")));
}

TEST(SimplifyFunctions, WithoutOperators_HandTheirInputOver) {
  auto proto = shell();
  import_local(proto);
  add_function(proto, "Same", {"a"}, {"a"});
  *proto.mutable_graph()->add_node() = node("call", "Same", {"x"}, {"h"}, "local");
  *proto.mutable_graph()->add_node() = node("r", "Relu", {"h"}, {"y"});
  auto model = parsed(proto);
  structure(model);
  EXPECT_THAT(types(model), ElementsAre("Relu"));
  EXPECT_THAT(model.inputs(model.nodes()[0]), ElementsAre("x"));
}

// --- branches ----------------------------------------------------------------------------------

/// If whose condition is the initializer `c`.
::onnx::ModelProto branching(bool condition) {
  auto proto = shell();
  auto& graph = *proto.mutable_graph();
  auto& flag = *graph.add_initializer();
  flag.set_name("c");
  flag.set_data_type(::onnx::TensorProto::BOOL);
  flag.set_raw_data(std::string(1, condition ? '\1' : '\0'));
  *graph.add_node() = node("relu", "Relu", {"x"}, {"h"});
  auto flow = node("if", "If", {"c"}, {"t"});
  auto& then_branch = *flow.add_attribute();
  then_branch.set_name("then_branch");
  then_branch.set_type(::onnx::AttributeProto::GRAPH);
  auto& body = *then_branch.mutable_g();
  auto& weight = *body.add_initializer();
  weight.set_name("w");
  weight.set_data_type(::onnx::TensorProto::FLOAT);
  weight.add_dims(4);
  for (int i = 0; i < 4; ++i) {
    weight.add_float_data(static_cast<float>(i));
  }
  *body.add_node() = node("mul", "Mul", {"h", "w"}, {"inner"});
  *body.add_node() = node("neg", "Neg", {"inner"}, {"out"});
  add_value(*body.add_output(), "out", {1, 4});
  auto& else_branch = *flow.add_attribute();
  else_branch.set_name("else_branch");
  else_branch.set_type(::onnx::AttributeProto::GRAPH);
  add_value(*else_branch.mutable_g()->add_output(), "h", {1, 4});
  *graph.add_node() = flow;
  *graph.add_node() = node("abs", "Abs", {"t"}, {"y"});
  return proto;
}

TEST(SimplifyBranches, WithAConstantCondition_AreTakenApart) {
  auto model = parsed(branching(true));
  EXPECT_EQ(structure(model).inlined_branches, 1);
  EXPECT_THAT(types(model), ElementsAre("Relu", "Mul", "Neg", "Abs"));
  EXPECT_THAT(model.initializers(), ElementsAre("w"));
  EXPECT_THAT(model.outputs(model.nodes()[1]), ElementsAre("inner")) << "names stay";
  EXPECT_THAT(model.outputs(model.nodes()[2]), ElementsAre("t")) << "results are the If's";
}

TEST(SimplifyBranches, ThatHandOverAnOuterValue_AreTakenApart) {
  auto model = parsed(branching(false));
  EXPECT_EQ(structure(model).inlined_branches, 1);
  EXPECT_THAT(types(model), ElementsAre("Relu", "Abs"));
  EXPECT_THAT(model.inputs(model.nodes()[1]), ElementsAre("h"));
}

TEST(SimplifyBranches, WhoseNamesAreTaken_GetOthers) {
  auto proto = branching(true);
  *proto.mutable_graph()->add_node() = node("clash", "Neg", {"h"}, {"inner"});
  add_value(*proto.mutable_graph()->add_output(), "inner", {1, 4});
  auto model = parsed(proto);
  EXPECT_EQ(structure(model).inlined_branches, 1);
  EXPECT_THAT(Model::parse(*model.serialize(), "again"), IsOk());
  EXPECT_THAT(model.outputs(), ElementsAre("y", "inner"));
}

TEST(SimplifyBranches, WithoutAConstantCondition_Stay) {
  auto proto = branching(true);
  auto& graph = *proto.mutable_graph();
  graph.clear_initializer();
  auto& cond = *graph.add_input();
  add_value(cond, "c", {});
  cond.mutable_type()->mutable_tensor_type()->set_elem_type(::onnx::TensorProto::BOOL);
  auto model = parsed(proto);
  EXPECT_FALSE(structure(model).changed());
}

TEST(Simplification, AsText_NamesWhatWasDone) {
  Simplification what;
  EXPECT_EQ(to_text(what), "");
  what.constant_operators = 1;
  what.folded_operators = 2;
  what.folded_shapes = 3;
  EXPECT_EQ(to_text(what), "1 Constant became a weight, 5 operators computed");
}

}  // namespace
}  // namespace tessera::onnx
