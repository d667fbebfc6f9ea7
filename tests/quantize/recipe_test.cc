// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/recipe.h"
#include "tessera/quantize/onnx.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/quantize/quantize.h"

namespace tessera::quantize {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;

class Listening : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning& warning) override { warnings.push_back(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return false; }
  std::vector<Warning> warnings;
};

/// x -> stem (Conv) -> act (Relu) -> head (Gemm) -> y; act -> side (Conv) -> z.
graph::Graph small_graph() {
  graph::Graph graph;
  const auto tensor = [&](const char* name) {
    graph::TensorInfo info;
    info.name = name;
    return graph.add_tensor(std::move(info));
  };
  const auto op = [&](const char* name, const char* type, graph::TensorId in, graph::TensorId out) {
    graph::Op one;
    one.name = name;
    one.type = type;
    one.inputs = {in};
    one.outputs = {out};
    graph.add_op(std::move(one));
  };
  const auto x = tensor("x");
  const auto a = tensor("a..1");
  const auto b = tensor("b");
  const auto y = tensor("y");
  const auto z = tensor("z");
  graph.mark_input(x);
  op("stem", "Conv", x, a);
  op("act", "Relu", a, b);
  op("head", "Gemm", b, y);
  op("side", "Conv", b, z);
  graph.mark_output(y);
  graph.mark_output(z);
  EXPECT_THAT(graph.finish(), IsOk());
  return graph;
}

std::vector<std::string> names(const graph::Graph& graph,
                               const Result<std::set<graph::OpId>>& ids) {
  std::vector<std::string> found;
  for (const auto id : ids.value()) {
    found.push_back(graph.op(id).name);
  }
  return found;
}

TEST(Select, EveryKindOfPattern_FindsItsOperators) {
  const auto graph = small_graph();
  EXPECT_THAT(names(graph, select(graph, "act")), ElementsAre("act"));
  EXPECT_THAT(names(graph, select(graph, "re:s.*")), ElementsAre("stem", "side"));
  EXPECT_THAT(names(graph, select(graph, "type:Conv")), ElementsAre("stem", "side"));
  EXPECT_THAT(names(graph, select(graph, "path:b..y")), ElementsAre("head"));
  EXPECT_THAT(names(graph, select(graph, "path:..y")), ElementsAre("stem", "act", "head"));
  EXPECT_THAT(names(graph, select(graph, "path:b..")), ElementsAre("head", "side"));
  EXPECT_THAT(names(graph, select(graph, "nothing")), IsEmpty());
}

TEST(Select, RegexMatchesWholeNamesOnly) {
  const auto graph = small_graph();
  EXPECT_THAT(names(graph, select(graph, "re:s")), IsEmpty());
}

TEST(Select, PathThroughNameWithDots_IsSplitWhereBothExist) {
  const auto graph = small_graph();
  EXPECT_THAT(names(graph, select(graph, "path:a..1..y")), ElementsAre("act", "head"));
}

TEST(Select, BadPatterns_AreRefusedWithAdvice) {
  const auto graph = small_graph();
  EXPECT_THAT(select(graph, "re:("), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'('")));
  EXPECT_THAT(select(graph, "re:" + std::string(5000, 'a')),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("too long")));
  EXPECT_THAT(select(graph, "path:b"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'..'")));
  const auto unknown = select(graph, "path:..yy");
  EXPECT_THAT(unknown, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'yy'")));
  EXPECT_THAT(unknown.error().hint, HasSubstr("y"));
}

TEST(Resolve, LastRuleThatMatches_Wins) {
  const auto graph = small_graph();
  Scheme eight;
  Scheme sixteen;
  sixteen.activation = DType::kUInt16;
  const Recipe recipe{
      {{{"re:.*"}, {}, eight}, {{"type:Conv"}, {}, sixteen}, {{"side"}, {}, eight}}};
  const auto schemes = resolve(recipe, graph, Monitor::silent());
  ASSERT_THAT(schemes, IsOk());
  EXPECT_EQ((*schemes)[graph.find_op("stem")->value], sixteen);
  EXPECT_EQ((*schemes)[graph.find_op("side")->value], eight);
  EXPECT_EQ((*schemes)[graph.find_op("act")->value], eight);
}

TEST(Resolve, WhatNoRuleMatches_StaysFloat32) {
  const auto schemes = resolve(Recipe{}, small_graph(), Monitor::silent());
  ASSERT_THAT(schemes, IsOk());
  for (const auto& scheme : *schemes) {
    EXPECT_EQ(scheme.mode, Mode::kFloat32);
  }
}

TEST(Resolve, PatternThatMatchesNothing_IsNamedInAWarning) {
  Listening monitor;
  const Recipe recipe{{{{"stem", "stemm"}, {}, Scheme{}}}};
  ASSERT_THAT(resolve(recipe, small_graph(), monitor), IsOk());
  ASSERT_EQ(monitor.warnings.size(), 1U);
  EXPECT_THAT(monitor.warnings.front().message, HasSubstr("'stemm'"));
}

TEST(UniformRecipe, TypesIncludeAndExclude_Combine) {
  const auto graph = small_graph();
  const auto recipe =
      uniform_recipe(Scheme{}, {.op_types = {"Conv"}, .include = {"re:.*"}, .exclude = {"side"}});
  const auto schemes = resolve(recipe, graph, Monitor::silent());
  ASSERT_THAT(schemes, IsOk());
  EXPECT_EQ((*schemes)[graph.find_op("stem")->value].mode, Mode::kStatic);
  EXPECT_EQ((*schemes)[graph.find_op("act")->value].mode, Mode::kFloat32);
  EXPECT_FALSE((*schemes)[graph.find_op("act")->value].exact_inputs);
  EXPECT_TRUE((*schemes)[graph.find_op("side")->value].exact_inputs);
}

TEST(RecipeFromJson, UnknownKeysTypesAndValues_AreNamed) {
  const auto read = [](const char* text) {
    return recipe_from_json(parse_json(text, "recipe").value(), Scheme{});
  };
  EXPECT_THAT(read(R"({"rule": []})"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'rule'")));
  EXPECT_THAT(read(R"({"rules": {}})"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("not a list")));
  EXPECT_THAT(read(R"({"rules": [{"match": "a"}]})"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'scheme'")));
  EXPECT_THAT(read(R"({"rules": [{"match": 3, "scheme": "float32"}]})"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'match'")));
  EXPECT_THAT(read(R"({"default": {"activaton": "u8"}})"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'activaton'")));
  EXPECT_THAT(read(R"({"default": {"weight": "u3"}})"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'u3'")));
  EXPECT_THAT(read(R"({"default": {"per_channel": 1}})"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'per_channel'")));
  EXPECT_THAT(read("[]"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("object")));
}

TEST(RecipeFromJson, RuleInheritsTheDefault) {
  const auto json = parse_json(
      R"({"default": {"per_channel": true},
          "rules": [{"match": "type:Gemm", "scheme": {"activation": "u16"}}]})",
      "recipe");
  const auto recipe = recipe_from_json(*json, Scheme{});
  ASSERT_THAT(recipe, IsOk());
  EXPECT_TRUE(recipe->rules.back().scheme.per_channel);
  EXPECT_EQ(recipe->rules.back().scheme.activation, DType::kUInt16);
}

Scheme arbitrary_scheme() {
  Scheme scheme;
  scheme.mode = *rc::gen::element(Mode::kFloat32, Mode::kStatic, Mode::kFloat16, Mode::kDynamic);
  scheme.weight = *rc::gen::element(DType::kInt8, DType::kUInt8);
  scheme.per_channel = *rc::gen::arbitrary<bool>();
  scheme.reduce_range = *rc::gen::arbitrary<bool>();
  scheme.weight_symmetric =
      *rc::gen::element(WeightSymmetry::kAuto, WeightSymmetry::kOn, WeightSymmetry::kOff);
  scheme.method = *rc::gen::elementOf(std::vector<numerics::RangeMethod>(
      numerics::kRangeMethods.begin(), numerics::kRangeMethods.end()));
  scheme.block_size = *rc::gen::element(16, 32, 128);
  scheme.exact_inputs = *rc::gen::arbitrary<bool>();
  return scheme;
}

RC_GTEST_PROP(SchemeJson, WrittenAndRead_IsTheSame, ()) {
  const auto scheme = arbitrary_scheme();
  const auto again = scheme_from_json(to_json(scheme), Scheme{});
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again == scheme);
}

TEST(Validate, CombinationsWithoutKernel_AreRefusedWithAnAlternative) {
  Scheme scheme;
  scheme.activation = DType::kInt8;
  scheme.weight = DType::kUInt8;
  EXPECT_THAT(validate_onnx(scheme), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("s8")));
  scheme = {};
  scheme.format = Format::kQOperator;
  scheme.activation = DType::kUInt16;
  EXPECT_THAT(validate_onnx(scheme),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("QOperator")));
  scheme = {};
  scheme.mode = Mode::kDynamic;
  scheme.activation = DType::kInt8;
  EXPECT_THAT(validate_onnx(scheme), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("dynamic")));
  scheme = {};
  scheme.mode = Mode::kWeightOnly;
  scheme.block_size = 33;
  EXPECT_THAT(validate_onnx(scheme), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("33")));
  EXPECT_FALSE(validate_onnx(scheme).error().hint.empty());
}

TEST(SchemeFor, TypesFollowTheInstructionSet) {
  Host host;
  host.architecture = "x86_64";
  host.isa = {"avx2"};
  EXPECT_TRUE(scheme_for(host).reduce_range);
  host.isa = {"avx2", "avx512_vnni"};
  EXPECT_FALSE(scheme_for(host).reduce_range);
  EXPECT_EQ(scheme_for(host).activation, DType::kUInt8);
  host.architecture = "aarch64";
  host.isa = {"asimd"};
  EXPECT_EQ(scheme_for(host).activation, DType::kInt8);
  EXPECT_FALSE(scheme_for(host).reduce_range);
}

TEST(SchemeName, IsShortAndTellsSchemesApart) {
  Scheme scheme;
  EXPECT_EQ(to_string(scheme), "qdq-u8s8");
  scheme.per_channel = true;
  EXPECT_EQ(to_string(scheme), "qdq-u8s8-channel");
  scheme.mode = Mode::kFloat16;
  EXPECT_EQ(to_string(scheme), "float16");
  scheme.mode = Mode::kWeightOnly;
  scheme.format = Format::kQOperator;
  scheme.weight = DType::kInt4;
  scheme.block_size = 32;
  EXPECT_EQ(to_string(scheme), "weight-only-s4-b32");
}

}  // namespace
}  // namespace tessera::quantize
