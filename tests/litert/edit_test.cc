// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/litert/model.h"

namespace tessera::litert {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::IsOk;
using testing::litert_options;
using testing::LitertBuilder;
using testing::small_litert;

TEST(Options, AreReadAndSetByPlace) {
  Options options(TableUnion::kOptions, 1);  // of a convolution
  EXPECT_TRUE(options.present());
  EXPECT_EQ(options.int_or(1, 77), 77);
  EXPECT_TRUE(options.set_int(1, -2));
  EXPECT_EQ(options.int_or(1, 77), -2);
  EXPECT_TRUE(options.set_int(0, 1));
  EXPECT_EQ(options.fields().at(0).width, 1);
  EXPECT_EQ(options.fields().at(1).width, 4);
  EXPECT_FALSE(options.set_int(7, 1)) << "it has no such field";
  EXPECT_FALSE(options.set_ints(1, std::vector<std::int64_t>{1})) << "that is a scalar";
  EXPECT_THAT(options.ints(1), IsEmpty());
  Options softmax(TableUnion::kOptions, 9);
  EXPECT_TRUE(softmax.set_float(0, 0.5F));
  EXPECT_EQ(softmax.float_or(0, 1), 0.5F);
  EXPECT_EQ(softmax.float_or(1, 1), 1);
  Options reshape(TableUnion::kOptions, 17);
  EXPECT_TRUE(reshape.set_ints(0, std::vector<std::int64_t>{1, -1}));
  EXPECT_THAT(reshape.ints(0), ElementsAre(1, -1));
  EXPECT_FALSE(Options(TableUnion::kOptions, 0).present());
  Options unknown(TableUnion::kOptions, 250);
  EXPECT_FALSE(unknown.set_int(0, 1));
}

TEST(Edit, OperatorsKeepTheirIds) {
  auto content = small_litert();
  auto& graph = content.subgraphs.front();
  graph.operators.erase(graph.operators.begin() + 3);
  Operator op;
  op.code = content.code_of({.code = Builtin::kSoftmax});
  EXPECT_EQ(op.code, 4U) << "a new one";
  EXPECT_EQ(content.code_of({.code = Builtin::kReshape}), 2U);
  EXPECT_EQ(content.code_of({.code = Builtin::kReshape, .version = 2}), 5U);
  EXPECT_EQ(graph.add_operator(op, 1), 4U) << "the last one's id is not given out again";
  EXPECT_EQ(graph.operators[1].id, 4U);
  EXPECT_EQ(graph.operators[2].id, 1U);
}

TEST(Edit, WhatNothingRefersTo_Goes) {
  auto content = small_litert();
  auto& graph = content.subgraphs.front();
  set_metadata(content, "note", "kept");
  const auto buffers = content.buffers.size();
  // Without the convolution in front.
  const auto c = graph.operators[0].outputs.front();
  graph.operators.erase(graph.operators.begin());
  graph.inputs = {c};
  remove_unused(content);
  EXPECT_EQ(content.buffers.size(), buffers - 2) << "its weights and bias";
  EXPECT_EQ(content.codes.size(), 3U);
  EXPECT_EQ(graph.tensors.size(), 8U);
  EXPECT_EQ(graph.tensors[static_cast<std::size_t>(graph.inputs.front())].name, "c");
  EXPECT_EQ(metadata_of(content, "note"), "kept");
  const auto model = Model::of(content);
  ASSERT_THAT(model, IsOk());
  const auto view = litert::view(model->content(), types_of(model->content(), {}));
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->ops().front().type, "DEPTHWISE_CONV_2D");
  EXPECT_EQ(view->ops().front().source, 1U);
}

TEST(Edit, MetadataIsReplacedWithoutTouchingWhoSharesItsBuffer) {
  auto content = small_litert();
  content.metadata.push_back({"shared", content.subgraphs.front().tensors[1].buffer});
  const auto before = content.buffers[1].bytes().size();
  set_metadata(content, "shared", "x");
  EXPECT_EQ(metadata_of(content, "shared"), "x");
  EXPECT_EQ(content.buffers[1].bytes().size(), before);
}

Content with_signature() {
  auto content = small_litert();
  content.signatures.push_back({.key = "serve", .inputs = {{"in", 0}}, .outputs = {{"out", 10}}});
  set_metadata(content, "TFLITE_METADATA", "about x and y");
  set_metadata(content, "min_runtime_version", "1.5.0");
  return content;
}

TEST(Part, HasWhatItsOperatorsNeedAndNothingElse) {
  auto content = with_signature();
  content.archive = content.buffers[1];
  const auto& graph = content.subgraphs.front();
  const auto part =
      part_of(content, {1, 2}, graph.operators[0].outputs, graph.operators[2].outputs);
  const auto model = Model::of(part);
  ASSERT_THAT(model, IsOk());
  const auto view = litert::view(part, types_of(part, {}));
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->ops().size(), 2U);
  EXPECT_EQ(view->ops()[0].source, 1U);
  EXPECT_EQ(view->tensor(view->inputs().front()).name, "c");
  EXPECT_EQ(view->tensor(view->outputs().front()).name, "r");
  EXPECT_EQ(part.codes.size(), 2U);
  EXPECT_EQ(part.subgraphs.front().tensors.size(), 6U);
  ASSERT_EQ(part.signatures.size(), 1U);
  EXPECT_EQ(part.signatures[0].key, "serving_default");
  EXPECT_EQ(part.signatures[0].inputs.front().name, "c");
  EXPECT_EQ(part.signatures[0].outputs.front().name, "r");
  EXPECT_EQ(metadata_of(part, "TFLITE_METADATA"), std::nullopt);
  EXPECT_TRUE(part.archive.empty());
  EXPECT_EQ(metadata_of(part, "min_runtime_version"), "1.5.0");
}

TEST(Part, TakesTheSubgraphsThatItCallsAlong) {
  LitertBuilder builder;
  builder.input("x", {2}).value("a", {2}).op(Builtin::kRelu, {"x"}, {"a"}).value("y", {2});
  builder.op(Builtin::kCall, {"a"}, {"y"}, litert_options(16, {{0, 1}})).output("y");
  builder.subgraph("body").input("p", {2}).value("q", {2});
  builder.op(Builtin::kRelu, {"p"}, {"q"}).output("q");
  const auto content = builder.build();
  const auto& graph = content.subgraphs.front();
  const std::vector<std::int32_t> between{1};
  EXPECT_EQ(part_of(content, {0}, graph.inputs, between).subgraphs.size(), 1U);
  const auto behind = part_of(content, {1}, between, graph.outputs);
  EXPECT_EQ(behind.subgraphs.size(), 2U);
  EXPECT_THAT(Model::of(behind), IsOk());
}

TEST(Expose, MakesAValueAnOutputOfSignaturesToo) {
  auto content = with_signature();
  const auto c = content.subgraphs.front().operators[0].outputs.front();
  expose(content, c);
  expose(content, c);
  EXPECT_THAT(content.subgraphs.front().outputs, ElementsAre(10, c));
  ASSERT_EQ(content.signatures.front().outputs.size(), 2U);
  EXPECT_EQ(content.signatures.front().outputs[1].name, "c");
  EXPECT_THAT(Model::of(content), IsOk());
}

}  // namespace
}  // namespace tessera::litert
