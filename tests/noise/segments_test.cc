// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/segments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/renamed.h"

namespace tessera::noise {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;
using testing::ModelBuilder;

/// Two layers behind one another; both results are joined and reordered into the output.
graph::Graph joined() {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4})
                         .weight("w", {4, 4})
                         .op("MatMul", {"x", "w"}, {"a"})
                         .op("MatMul", {"a", "w"}, {"b"})
                         .op("Concat", {"a", "b"}, {"j"}, {{"axis", std::int64_t{0}}})
                         .op("Transpose", {"j"}, {"t"})
                         .op("Flatten", {"t"}, {"y"})
                         .declare("a", {1, 4})
                         .declare("b", {1, 4})
                         .declare("j", {2, 4})
                         .declare("t", {4, 2})
                         .output("y", {4, 2})
                         .build();
  return testing::under_other_names(*model.view());
}

std::vector<std::string> pieces_of(const graph::Graph& graph, bool whole) {
  const std::vector<graph::OpId> layers{*graph.find_op("a_node"), *graph.find_op("b_node")};
  const std::vector<SwitchSet> apart(layers.size());
  const auto segmentation = cut_at_layers(graph, layers, apart, graph.outputs(), {whole});
  EXPECT_THAT(segmentation, IsOk());
  std::vector<std::string> names;
  for (const auto& piece : segmentation->outputs.at(0)) {
    names.push_back(graph.tensor(piece.tensor).name);
  }
  return names;
}

TEST(Segments, OutputsThatAreOnlyPutTogether_AreMeasuredInPieces) {
  const auto graph = joined();
  EXPECT_THAT(pieces_of(graph, false), ElementsAre("a", "b"));
  EXPECT_THAT(pieces_of(graph, true), ElementsAre("y"));
}

}  // namespace
}  // namespace tessera::noise
