// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Files that lie in places where nobody looks before the values are used.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "support/matchers.h"
#include "tessera/onnx/simplify.h"

namespace tessera::onnx {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

/// x -> Add(x, k) -> y, to be damaged.
::onnx::ModelProto base() {
  ::onnx::ModelProto model;
  model.set_ir_version(10);
  auto& import = *model.add_opset_import();
  import.set_version(17);
  auto& graph = *model.mutable_graph();
  graph.set_name("g");
  for (auto* value : {graph.add_input(), graph.add_output()}) {
    auto& type = *value->mutable_type()->mutable_tensor_type();
    type.set_elem_type(1);
    type.mutable_shape()->add_dim()->set_dim_value(1);
  }
  graph.mutable_input(0)->set_name("x");
  graph.mutable_output(0)->set_name("y");
  return model;
}

/// One element by its shape, and far more by its values.
void overfill(::onnx::TensorProto& tensor, const char* name = "") {
  tensor.set_name(name);
  tensor.set_data_type(1);
  tensor.add_dims(1);
  for (int i = 0; i < 4096; ++i) {
    tensor.add_float_data(1);
  }
}

::onnx::NodeProto constant(const char* output) {
  ::onnx::NodeProto node;
  node.set_op_type("Constant");
  node.add_output(output);
  auto& value = *node.add_attribute();
  value.set_name("value");
  value.set_type(::onnx::AttributeProto::TENSOR);
  overfill(*value.mutable_t());
  return node;
}

::onnx::NodeProto add(const char* a, const char* b, const char* output) {
  ::onnx::NodeProto node;
  node.set_op_type("Add");
  node.add_input(a);
  node.add_input(b);
  node.add_output(output);
  return node;
}

Result<Model> parse(const ::onnx::ModelProto& model) {
  return Model::parse(model.SerializeAsString(), "m");
}

const auto kRefused = FailsWith(ErrorCode::kDataLoss, HasSubstr("needs 1 values; the file has"));

TEST(TooManyValues, InAConstant_AreRefused) {
  auto model = base();
  *model.mutable_graph()->add_node() = constant("k");
  *model.mutable_graph()->add_node() = add("x", "k", "y");
  EXPECT_THAT(parse(model), kRefused);
}

TEST(TooManyValues, InAFunction_AreRefused) {
  auto model = base();
  auto& import = *model.add_opset_import();
  import.set_domain("f");
  import.set_version(1);
  auto& function = *model.add_functions();
  function.set_domain("f");
  function.set_name("Shift");
  function.add_input("a");
  function.add_output("b");
  function.add_opset_import()->set_version(17);
  *function.add_node() = constant("k");
  *function.add_node() = add("a", "k", "b");
  auto& call = *model.mutable_graph()->add_node();
  call.set_op_type("Shift");
  call.set_domain("f");
  call.add_input("x");
  call.add_output("y");
  EXPECT_THAT(parse(model), kRefused);
  auto& value = *function.mutable_node(0)->mutable_attribute(0)->mutable_t();
  value.mutable_float_data()->Truncate(1);
  auto loaded = parse(model);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(simplify(*loaded, {}).what.inlined_functions, 1);
}

/// y = If(c): x + k, with k in both branches.
::onnx::ModelProto branches(const std::function<void(::onnx::GraphProto&)>& with_k) {
  auto model = base();
  auto& graph = *model.mutable_graph();
  auto& condition = *graph.add_input();
  condition.set_name("c");
  condition.mutable_type()->mutable_tensor_type()->set_elem_type(9);
  condition.mutable_type()->mutable_tensor_type()->mutable_shape();
  auto& node = *graph.add_node();
  node.set_op_type("If");
  node.add_input("c");
  node.add_output("y");
  for (const auto* name : {"then_branch", "else_branch"}) {
    auto& branch = *node.add_attribute();
    branch.set_name(name);
    branch.set_type(::onnx::AttributeProto::GRAPH);
    auto& body = *branch.mutable_g();
    body.set_name(name);
    with_k(body);
    *body.add_node() = add("x", "k", "z");
    *body.add_output() = graph.output(0);
    body.mutable_output(0)->set_name("z");
  }
  return model;
}

TEST(TooManyValues, InABody_AreRefused) {
  EXPECT_THAT(parse(branches([](auto& body) { overfill(*body.add_initializer(), "k"); })),
              kRefused);
  EXPECT_THAT(parse(branches([](auto& body) { *body.add_node() = constant("k"); })), kRefused);
}

void add_sparse(::onnx::GraphProto& body, bool overfilled) {
  auto& sparse = *body.add_sparse_initializer();
  sparse.add_dims(1);
  auto& values = *sparse.mutable_values();
  auto& indices = *sparse.mutable_indices();
  overfill(values, "k");
  values.mutable_float_data()->Truncate(overfilled ? 4096 : 1);
  indices.set_data_type(7);
  indices.add_dims(1);
  indices.add_int64_data(0);
}

TEST(TooManyValues, InASparseTensorOfABody_AreRefused) {
  EXPECT_THAT(parse(branches([](auto& body) { add_sparse(body, true); })), kRefused);
  EXPECT_THAT(parse(branches([](auto& body) { add_sparse(body, false); })), IsOk());
  EXPECT_THAT(parse(branches([](auto& body) {
                add_sparse(body, false);
                body.mutable_sparse_initializer(0)->mutable_values()->set_data_location(
                    ::onnx::TensorProto::EXTERNAL);
              })),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'k' lies in an external file")));
}

}  // namespace
}  // namespace tessera::onnx
