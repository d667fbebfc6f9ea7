// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Bodies of If and Loop: simplified, quantized, and still computing what they computed.

#include <filesystem>

#include "support/differential.h"
#include "tessera/onnx/simplify.h"
#include "tessera/quantize/recipe.h"
#include "tessera/runtime/evaluator.h"

namespace tessera::quantize {
namespace {

using namespace differential;  // NOLINT(google-build-using-namespace): the helpers of these tests
using onnx::Model;
using ::testing::HasSubstr;
using testing::IsOk;

Model load(const std::string& name) {
  auto model = Model::load(std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/bodies" /
                           (name + ".onnx"))
                   .value();
  EXPECT_THAT(model.infer_types(runtime::type_oracle(library())), IsOk());
  return model;
}

/// Types of all operators within bodies, in order.
std::vector<std::string> body_types(const graph::Graph& graph) {
  std::vector<std::string> types;
  for (const auto& op : graph.ops()) {
    for (const auto& body : op.bodies) {
      for (const auto& inner : body.ops()) {
        types.push_back(inner.type);
      }
      const auto deeper = body_types(body);
      types.insert(types.end(), deeper.begin(), deeper.end());
    }
  }
  return types;
}

/// Constant operators, which a view shows as values.
std::int64_t constants_in_bodies(const Model& model) {
  std::int64_t count = 0;
  for (const auto node : model.nodes()) {
    for (std::size_t i = 0; i < model.body_count(node); ++i) {
      const auto body = model.body(node, i);
      EXPECT_THAT(body, IsOk());
      const auto nodes = body->nodes();
      count += std::count_if(nodes.begin(), nodes.end(),
                             [&](auto inner) { return body->op_type(inner) == "Constant"; });
    }
  }
  return count;
}

std::int64_t count(const std::vector<std::string>& types, std::string_view type) {
  return std::count(types.begin(), types.end(), type);
}

/// SQNR of the worst of some inputs, of which each branch takes some.
double worst_sqnr_db(const Model& model, const Model& other, OptLevel level) {
  double worst = std::numeric_limits<double>::infinity();
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto feeds = random_feeds(model, seed, seed % 2 == 0 ? 1 : 0.05);
    const auto expected = run(model, feeds, OptLevel::kDisabled);
    const auto actual = run(other, feeds, level);
    EXPECT_THAT(expected, IsOk());
    EXPECT_THAT(actual, IsOk());
    if (!expected || !actual) {
      return -std::numeric_limits<double>::infinity();
    }
    const auto metrics = compare_tensors(expected->at("y").view(), actual->at("y").view());
    EXPECT_THAT(metrics, IsOk());
    worst = std::min(worst, metrics->sqnr_db);
  }
  return worst;
}

class Bodies : public ::testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(Bodies, AreQuantizedWithTheOperatorThatHoldsThem) {
  const auto& [name, mode] = GetParam();
  const auto model = load(name);
  auto quantized = model.clone();
  Scheme scheme;
  scheme.mode = mode == "dynamic" ? Mode::kDynamic : Mode::kWeightOnly;
  scheme.format = Format::kQOperator;
  scheme.block_size = 16;
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  const auto assignment = resolve(uniform_recipe(scheme), *graph, Monitor::silent());
  ASSERT_THAT(assignment, IsOk());
  const auto report = quantize(quantized, *assignment, nullptr, {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  const auto& holder = *std::find_if(report->ops.begin(), report->ops.end(), [](const auto& op) {
    return op.type == "If" || op.type == "Loop";
  });
  EXPECT_TRUE(holder.quantized) << holder.reason;
  EXPECT_THAT(holder.reason, HasSubstr("of its bodies"));
  const auto types = body_types(*quantized.view());
  EXPECT_EQ(count(types, "MatMul"), 0) << "both products of the bodies are integers";
  EXPECT_EQ(count(types, mode == "dynamic" ? "MatMulInteger" : "MatMulNBits"), 2);
  for (const auto level : kLevels) {
    EXPECT_GT(worst_sqnr_db(model, quantized, level), 25);
    EXPECT_LT(worst_sqnr_db(model, quantized, level), 100) << "something is rounded";
  }
}
INSTANTIATE_TEST_SUITE_P(Fixtures, Bodies,
                         ::testing::Combine(::testing::Values("branching", "looping"),
                                            ::testing::Values("dynamic", "weight-only")));

TEST(Bodies, StayFloatBesideFloat16) {
  const auto model = load("branching");
  auto quantized = model.clone();
  Scheme scheme;
  scheme.mode = Mode::kFloat16;
  const auto graph = model.view();
  const auto assignment = resolve(uniform_recipe(scheme), *graph, Monitor::silent());
  ASSERT_THAT(quantize(quantized, *assignment, nullptr, {}, Monitor::silent()), IsOk());
  EXPECT_EQ(body_types(*quantized.view()), body_types(*graph));
}

TEST(Bodies, AreSimplifiedBitForBit) {
  const auto model = load("looping");
  auto simple = load("looping");
  const auto result =
      onnx::simplify(simple, {runtime::type_oracle(library()), runtime::evaluator(library())});
  EXPECT_TRUE(result.types_known);
  const auto types = body_types(*simple.view());
  EXPECT_EQ(constants_in_bodies(model), 3);
  EXPECT_EQ(constants_in_bodies(simple), 1) << "the shape: the runtime infers from whole numbers";
  EXPECT_EQ(count(types, "Add"), 0) << "1 + 2 is 3";
  EXPECT_EQ(count(types, "Identity"), 2) << "those that make outputs of bodies";
  EXPECT_EQ(count(types, "MatMul"), 2);
  EXPECT_EQ(worst_sqnr_db(model, simple, OptLevel::kDisabled),
            std::numeric_limits<double>::infinity());
}

onnx::Model with_computed_weight(const std::string& type) {
  testing::ModelBuilder builder(17);
  builder.input("x", {1, 512})
      .constant("shape", Tensor::of(std::vector<std::int64_t>{512, 64}, {2}))
      .weight("row", {1, 64});
  if (type == "Expand") {
    builder.op("Expand", {"row", "shape"}, {"w"});
  } else {
    builder.op("ConstantOfShape", {"shape"}, {"w"});
  }
  return builder.op("MatMul", {"x", "w"}, {"y"}).output("y").build();
}

// What is about to become integers may grow; what is filled with one number is worth nothing.
TEST(Simplify, WeightsThatGrow_AreFoldedUnlessTheyAreAFill) {
  for (const std::string type : {"Expand", "ConstantOfShape"}) {
    auto model = with_computed_weight(type);
    static_cast<void>(
        onnx::simplify(model, {runtime::type_oracle(library()), runtime::evaluator(library())}));
    EXPECT_EQ(model.has_initializer("w"), type == "Expand") << type;
  }
}

}  // namespace
}  // namespace tessera::quantize
