// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/model_builder.h"

namespace tessera::profile {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::ModelBuilder;

/// Everything can be an integer but what is named; nothing is folded.
Fates fates_of(const graph::Graph& graph, std::string_view not_quantized = {},
               std::string_view folded = {}) {
  Fates fates{.quantized = {{}}, .folded = {}};
  for (const auto& op : graph.ops()) {
    fates.quantized.front().push_back(op.type != not_quantized && op.type != folded);
    fates.folded.push_back(op.type == folded);
  }
  return fates;
}

std::vector<std::string> types_of(const Units& units) {
  std::vector<std::string> types;
  for (const auto& unit : units.units) {
    types.push_back(unit.type);
  }
  return types;
}

ModelBuilder silu_block() {
  return std::move(ModelBuilder(13)
                       .input("x", {1, 4, 8, 8})
                       .weight("w", {4, 4, 1, 1}, 0.2)
                       .op("Conv", {"x", "w"}, {"c"})
                       .op("Sigmoid", {"c"}, {"s"})
                       .op("Mul", {"c", "s"}, {"m"})
                       .op("Conv", {"m", "w"}, {"d"})
                       .op("Relu", {"d"}, {"r"})
                       .op("Add", {"r", "m"}, {"y"})
                       .output("y", {1, 4, 8, 8}));
}

TEST(Units, ActivationsBelongToTheirOperator) {
  const auto model = silu_block().build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  const auto units = make_units(*graph, fates_of(*graph));
  EXPECT_THAT(types_of(units), ElementsAre("Conv", "SiLU", "Conv", "Add"));
  EXPECT_EQ(units.units[2].ops.size(), 2U);  // with its Relu
  EXPECT_THAT(units.units[3].producers, ElementsAre(1, 2));
  EXPECT_THAT(units.units[1].consumers, ElementsAre(2, 3));
  EXPECT_TRUE(units.units[0].reads_input);
  EXPECT_TRUE(units.units[3].makes_output);
}

TEST(Units, ReluThatOthersReadPast_IsALayerOfItsOwn) {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4, 8, 8})
                         .weight("w", {4, 4, 1, 1}, 0.2)
                         .op("Conv", {"x", "w"}, {"c"})
                         .op("Relu", {"c"}, {"r"})
                         .op("Add", {"r", "c"}, {"y"})
                         .output("y", {1, 4, 8, 8})
                         .build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  EXPECT_THAT(types_of(make_units(*graph, fates_of(*graph))), ElementsAre("Conv", "Relu", "Add"));
}

TEST(Units, FoldedPadding_BelongsToWhatItPadsFor) {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4, 8, 8})
                         .weight("w", {4, 4, 1, 1}, 0.2)
                         .op("Conv", {"x", "w"}, {"c"})
                         .op("Pad", {"c"}, {"p"})
                         .op("MaxPool", {"p"}, {"y"})
                         .output("y", {1, 4, 8, 8})
                         .build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  const auto units = make_units(*graph, fates_of(*graph, {}, "Pad"));
  ASSERT_THAT(types_of(units), ElementsAre("Conv", "MaxPool"));
  EXPECT_TRUE(units.units[1].quantizable());
  EXPECT_THAT(units.units[1].producers, ElementsAre(0));
  // As a float operator of its own it is a layer.
  EXPECT_THAT(types_of(make_units(*graph, fates_of(*graph, "Pad"))),
              ElementsAre("Conv", "Pad", "MaxPool"));
}

TEST(Units, StatesFollowTheOperatorThatDecides) {
  const auto model = silu_block().build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  const auto units = make_units(*graph, fates_of(*graph));
  std::vector<bool> quantized(graph->ops().size(), false);
  quantized[1] = true;  // the Sigmoid alone
  EXPECT_THAT(states_of(units, States(4, 1), quantized), ElementsAre(false, false, false, false));
  quantized[2] = true;  // the product
  EXPECT_THAT(states_of(units, States(4, 1), quantized), ElementsAre(false, true, false, false));
  EXPECT_THAT(states_of(units, States(4, 0), quantized), ElementsAre(0, 0, 0, 0));
}

TEST(Units, TakeTheSchemesThatTheirWorkerTakes) {
  const auto model = silu_block().build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  auto fates = fates_of(*graph);
  fates.quantized.push_back({false, false, true, true, false, false});
  const auto units = make_units(*graph, fates);
  EXPECT_THAT(units.units[0].takes, ElementsAre(true, false));
  EXPECT_THAT(units.units[1].takes, ElementsAre(true, true));  // as its product does
  EXPECT_THAT(uniform_states(units, 1), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(uniform_states(units, 2), ElementsAre(0, 2, 2, 0));
  EXPECT_EQ(integers_in(uniform_states(units, 2)), 2);
  // Asked for a scheme that it does not take, a unit stays float.
  EXPECT_THAT(states_of(units, States(4, 2), std::vector<bool>(6, true)), ElementsAre(0, 2, 2, 0));
}

TEST(Units, AssignmentHasTheSchemeOfEveryState) {
  const auto model = silu_block().build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  const auto units = make_units(*graph, fates_of(*graph));
  std::vector<quantize::Scheme> schemes(2);
  schemes[1].mode = quantize::Mode::kDynamic;
  const auto assignment = assignment_of(units, {1, 0, 2, 0}, schemes);
  std::vector<quantize::Mode> modes;
  for (const auto& scheme : assignment) {
    modes.push_back(scheme.mode);
  }
  using enum quantize::Mode;
  EXPECT_THAT(modes, ElementsAre(kStatic, kFloat32, kFloat32, kDynamic, kDynamic, kFloat32));
}

TEST(Units, AssignmentNamesEveryOperatorOfAUnit) {
  const auto model = silu_block().build();
  const auto graph = model.view();
  ASSERT_THAT(graph, IsOk());
  const auto units = make_units(*graph, fates_of(*graph));
  const std::vector<quantize::Scheme> integers(1);
  const auto assignment = assignment_of(units, {false, true, true, false}, integers);
  std::vector<bool> fixed;
  for (const auto& scheme : assignment) {
    fixed.push_back(scheme.mode == quantize::Mode::kStatic);
    EXPECT_FALSE(scheme.exact_inputs);
  }
  EXPECT_THAT(fixed, ElementsAre(false, true, true, true, true, false));
}

}  // namespace
}  // namespace tessera::profile
