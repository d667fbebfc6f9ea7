// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "support/matchers.h"
#include "tessera/core/random.h"
#include "tessera/profile/units.h"

namespace tessera::profile {
namespace {

using graph::TensorKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The operators of the sketches; others are of no kind.
graph::OpKind kind_of(const std::string& type) {
  using graph::OpKind;
  static const std::map<std::string, OpKind> kKinds = {
      {"Add", OpKind::kAdd},         {"Clip", OpKind::kClamp},
      {"Concat", OpKind::kJoin},     {"Conv", OpKind::kConv},
      {"Gemm", OpKind::kGemm},       {"ConvTranspose", OpKind::kTransposedConv},
      {"MatMul", OpKind::kMatMul},   {"MaxPool", OpKind::kPool},
      {"Mul", OpKind::kMul},         {"Pad", OpKind::kPad},
      {"Relu", OpKind::kClamp},      {"Sigmoid", OpKind::kSigmoid},
      {"Sub", OpKind::kElementwise}, {"Tanh", OpKind::kElementwise}};
  const auto found = kKinds.find(type);
  return found == kKinds.end() ? OpKind::kOther : found->second;
}

/// A graph without weights, written line by line. Values are float32 of 1x4: 16 bytes.
class Sketch {
 public:
  static constexpr std::int64_t kBytes = 16;

  Sketch& input(const std::string& name, DType dtype = DType::kFloat32) {
    graph_.mark_input(add(name, TensorKind::kInput, dtype));
    return *this;
  }
  Sketch& op(const std::string& type, const std::vector<std::string>& inputs,
             const std::vector<std::string>& outputs, DType dtype = DType::kFloat32) {
    return op({.type = type, .kind = kind_of(type)}, inputs, outputs, dtype);
  }
  Sketch& op(graph::Op op, const std::vector<std::string>& inputs,
             const std::vector<std::string>& outputs, DType dtype = DType::kFloat32) {
    op.name = outputs.front() + "_op";
    for (const auto& name : inputs) {
      op.inputs.push_back(name.empty() ? std::nullopt : graph_.find_tensor(name));
    }
    for (const auto& name : outputs) {
      op.outputs.push_back(add(name, TensorKind::kActivation, dtype));
    }
    graph_.add_op(std::move(op));
    return *this;
  }
  Sketch& read_by_body(const std::string& name) {
    graph_.tensor(*graph_.find_tensor(name)).used_by_body = true;
    return *this;
  }
  graph::Graph graph(const std::vector<std::string>& outputs) {
    for (const auto& name : outputs) {
      graph_.mark_output(*graph_.find_tensor(name));
    }
    EXPECT_THAT(graph_.finish(), testing::IsOk());
    return graph_;
  }

 private:
  graph::TensorId add(const std::string& name, TensorKind kind, DType dtype) {
    graph::TensorInfo info{.name = name, .kind = kind, .dtype = dtype};
    info.shape = {{1, {}}, {4, {}}};
    return graph_.add_tensor(std::move(info));
  }
  graph::Graph graph_;
};

/// Everything can be an integer; `folded` types are gone.
Fates fates_of(const graph::Graph& graph, const std::set<std::string>& folded = {}) {
  Fates fates{.quantized = {{}}, .folded = {}};
  for (const auto& op : graph.ops()) {
    fates.quantized.front().push_back(!folded.contains(op.type));
    fates.folded.push_back(folded.contains(op.type));
  }
  return fates;
}

/// "Conv+Relu": the types of a unit's operators, in order.
std::vector<std::string> groups(const graph::Graph& graph, const Units& units) {
  std::vector<std::string> all;
  for (const auto& unit : units.units) {
    std::string types;
    for (const auto op : unit.ops) {
      types += (types.empty() ? "" : "+") + graph.op(op).type;
    }
    all.push_back(types);
  }
  return all;
}
std::vector<std::string> groups(const graph::Graph& graph,
                                const std::set<std::string>& folded = {}) {
  return groups(graph, make_units(graph, fates_of(graph, folded)));
}

TEST(Grouping, AnEmptyGraph_HasNoUnits) {
  const auto graph = Sketch().input("x").graph({"x"});
  const auto units = make_units(graph, {});
  EXPECT_EQ(units.size(), 0U);
  EXPECT_THAT(units.of_op, IsEmpty());
}

TEST(Grouping, ReluAndClip_FoldIntoWhatMultipliesOrAdds) {
  for (const auto* const type : {"Conv", "Gemm", "Add", "MatMul", "ConvTranspose"}) {
    for (const auto* const activation : {"Relu", "Clip"}) {
      const auto graph =
          Sketch().input("x").op(type, {"x"}, {"a"}).op(activation, {"a"}, {"y"}).graph({"y"});
      EXPECT_THAT(groups(graph), ElementsAre(std::string(type) + "+" + activation));
    }
  }
  for (const auto* const type : {"Mul", "MaxPool", "Concat", "Sub"}) {
    const auto graph =
        Sketch().input("x").op(type, {"x"}, {"a"}).op("Relu", {"a"}, {"y"}).graph({"y"});
    EXPECT_THAT(groups(graph), ElementsAre(type, "Relu"));
  }
}

TEST(Grouping, OtherActivations_StandAlone) {
  for (const auto* const activation : {"Sigmoid", "Tanh", "LeakyRelu", "HardSwish"}) {
    const auto graph =
        Sketch().input("x").op("Conv", {"x"}, {"a"}).op(activation, {"a"}, {"y"}).graph({"y"});
    EXPECT_THAT(groups(graph), ElementsAre("Conv", activation));
  }
}

/// What a name says in ONNX it need not say elsewhere.
TEST(Grouping, GoesByKindsAndNotByNames) {
  using graph::OpKind;
  const auto two = [](graph::Op first, graph::Op second) {
    return Sketch()
        .input("x")
        .op(std::move(first), {"x"}, {"a"})
        .op(std::move(second), {"a"}, {"y"})
        .graph({"y"});
  };
  EXPECT_THAT(groups(two({.type = "CONV_2D", .kind = OpKind::kConv},
                         {.type = "RELU6", .kind = OpKind::kClamp})),
              ElementsAre("CONV_2D+RELU6"));
  EXPECT_THAT(groups(two({.type = "Conv"}, {.type = "RELU6", .kind = OpKind::kClamp})),
              ElementsAre("Conv", "RELU6"));
  EXPECT_THAT(groups(two({.type = "CONV_2D", .kind = OpKind::kConv}, {.type = "Relu"})),
              ElementsAre("CONV_2D", "Relu"));
  EXPECT_THAT(
      groups(two(
          {.type = "INTEGERS", .kind = OpKind::kConv, .arithmetic = graph::Arithmetic::kInteger},
          {.type = "RELU6", .kind = OpKind::kClamp})),
      ElementsAre("INTEGERS", "RELU6"));
  const auto gated = Sketch()
                         .input("x")
                         .op({.type = "LOGISTIC", .kind = OpKind::kSigmoid}, {"x"}, {"s"})
                         .op({.type = "MUL", .kind = OpKind::kMul}, {"x", "s"}, {"y"})
                         .graph({"y"});
  EXPECT_THAT(groups(gated), ElementsAre("LOGISTIC+MUL"));
}

TEST(Grouping, TwoActivationsInARow_OnlyTheFirstFolds) {
  // Of Conv -> Relu -> Clip the runtime's kernel takes one activation.
  const auto graph = Sketch()
                         .input("x")
                         .op("Conv", {"x"}, {"a"})
                         .op("Relu", {"a"}, {"b"})
                         .op("Clip", {"b"}, {"y"})
                         .graph({"y"});
  EXPECT_THAT(groups(graph), ElementsAre("Conv+Relu", "Clip"));
}

TEST(Grouping, AValueThatOthersSee_KeepsItsMakerAlone) {
  const auto build = [] {
    return Sketch().input("x").op("Conv", {"x"}, {"a"}).op("Relu", {"a"}, {"y"});
  };
  EXPECT_THAT(groups(build().graph({"y"})), ElementsAre("Conv+Relu"));
  EXPECT_THAT(groups(build().graph({"a", "y"})), ElementsAre("Conv", "Relu"));
  EXPECT_THAT(groups(build().read_by_body("a").graph({"y"})), ElementsAre("Conv", "Relu"));
  EXPECT_THAT(groups(build().op("Tanh", {"a"}, {"z"}).graph({"y", "z"})),
              ElementsAre("Conv", "Relu", "Tanh"));
}

TEST(Grouping, AnActivationOfAnInput_IsAUnit) {
  const auto graph = Sketch().input("x").op("Relu", {"x"}, {"y"}).graph({"y"});
  EXPECT_THAT(groups(graph), ElementsAre("Relu"));
}

TEST(Grouping, ClipWithAnAbsentInput_IsNoTrouble) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Conv", {"x", "", ""}, {"a"})
                         .op("Clip", {"a", "", ""}, {"y"})
                         .graph({"y"});
  EXPECT_THAT(groups(graph), ElementsAre("Conv+Clip"));
  const auto nothing = Sketch().input("x").op("Clip", {"", "x"}, {"y"}).graph({"y"});
  EXPECT_THAT(groups(nothing), ElementsAre("Clip"));
}

TEST(Gates, SigmoidAndProduct_AreOneOnEitherSide) {
  for (const bool left : {true, false}) {
    const auto inputs =
        left ? std::vector<std::string>{"s", "a"} : std::vector<std::string>{"a", "s"};
    const auto graph = Sketch()
                           .input("x")
                           .op("Conv", {"x"}, {"a"})
                           .op("Sigmoid", {"a"}, {"s"})
                           .op("Mul", inputs, {"y"})
                           .graph({"y"});
    const auto units = make_units(graph, fates_of(graph));
    ASSERT_THAT(groups(graph, units), ElementsAre("Conv", "Sigmoid+Mul"));
    EXPECT_EQ(units.units[1].type, "SiLU");
    EXPECT_EQ(units.units[1].name, "y_op");  // the product decides
    EXPECT_EQ(units.units[1].worker, graph::OpId{2});
  }
}

TEST(Gates, ASigmoidOfSomethingElse_GatesNothing) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Conv", {"x"}, {"a"})
                         .op("Conv", {"x"}, {"b"})
                         .op("Sigmoid", {"b"}, {"s"})
                         .op("Mul", {"a", "s"}, {"y"})
                         .graph({"y"});
  EXPECT_THAT(groups(graph), ElementsAre("Conv", "Conv", "Sigmoid", "Mul"));
}

TEST(Gates, ASigmoidThatIsReadTwice_GatesNothing) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Sigmoid", {"x"}, {"s"})
                         .op("Mul", {"x", "s"}, {"y"})
                         .op("Add", {"y", "s"}, {"z"})
                         .graph({"z"});
  EXPECT_THAT(groups(graph), ElementsAre("Sigmoid", "Mul", "Add"));
  const auto square =
      Sketch().input("x").op("Sigmoid", {"x"}, {"s"}).op("Mul", {"s", "s"}, {"y"}).graph({"y"});
  EXPECT_THAT(groups(square), ElementsAre("Sigmoid", "Mul"));
}

TEST(Folding, Identity_BelongsToWhatMadeItsInput) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Gemm", {"x"}, {"a"})
                         .op("Identity", {"a"}, {"b"})
                         .op("Identity", {"b"}, {"c"})
                         .op("Gemm", {"c"}, {"y"})
                         .graph({"y"});
  const auto units = make_units(graph, fates_of(graph, {"Identity"}));
  ASSERT_THAT(groups(graph, units), ElementsAre("Gemm+Identity+Identity", "Gemm"));
  EXPECT_EQ(units.units[0].type, "Gemm");
  EXPECT_EQ(units.units[0].worker, graph::OpId{0});
  EXPECT_TRUE(units.units[0].quantizable());
  EXPECT_EQ(units.units[0].output_bytes, Sketch::kBytes);  // of the last alone
}

TEST(Folding, PaddingBelongsToItsReader_WhichNamesTheUnit) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Pad", {"x"}, {"p"})
                         .op("Conv", {"p"}, {"c"})
                         .op("Relu", {"c"}, {"y"})
                         .graph({"y"});
  const auto units = make_units(graph, fates_of(graph, {"Pad"}));
  ASSERT_THAT(groups(graph, units), ElementsAre("Pad+Conv+Relu"));
  EXPECT_EQ(units.units[0].name, "c_op");
  EXPECT_EQ(units.units[0].type, "Conv");
  EXPECT_EQ(units.units[0].worker, graph::OpId{1});
  EXPECT_TRUE(units.units[0].reads_input);
}

TEST(Folding, WhatOthersReadToo_IsNotJoined) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Gemm", {"x"}, {"a"})
                         .op("Identity", {"a"}, {"b"})
                         .op("Add", {"a", "b"}, {"y"})
                         .graph({"y"});
  EXPECT_THAT(groups(graph, {"Identity"}), ElementsAre("Gemm", "Identity", "Add"));
}

TEST(Links, SharedTensors_CountOnceForEachReader) {
  // Add reads the same value twice; two readers each get it.
  const auto graph = Sketch()
                         .input("x")
                         .op("Gemm", {"x"}, {"a"})
                         .op("Add", {"a", "a"}, {"b"})
                         .op("Mul", {"a", "b"}, {"y"})
                         .graph({"y"});
  const auto units = make_units(graph, fates_of(graph));
  EXPECT_THAT(units.units[0].consumers, ElementsAre(1, 2));
  EXPECT_THAT(units.units[1].producers, ElementsAre(0));
  EXPECT_EQ(units.units[1].input_bytes, Sketch::kBytes);
  EXPECT_THAT(units.units[2].producers, ElementsAre(0, 1));
  EXPECT_EQ(units.units[2].input_bytes, 2 * Sketch::kBytes);
  EXPECT_EQ(units.units[0].output_bytes, Sketch::kBytes);  // not once per reader
}

TEST(Links, AnOutputInsideAChain_CountsAndIsStillRead) {
  const auto graph = Sketch()
                         .input("x")
                         .op("Gemm", {"x"}, {"a"})
                         .op("Gemm", {"a"}, {"b"})
                         .op("Gemm", {"b"}, {"y"})
                         .graph({"b", "y"});
  const auto units = make_units(graph, fates_of(graph));
  EXPECT_FALSE(units.units[0].makes_output);
  EXPECT_TRUE(units.units[1].makes_output);
  EXPECT_THAT(units.units[1].consumers, ElementsAre(2));
  EXPECT_TRUE(units.units[2].makes_output);
}

TEST(Links, WhatNobodyReads_HasNoBytes_ButWhatABodyReadsHas) {
  const auto build = [] {
    return Sketch().input("x").op("Split", {"x"}, {"a", "b", "c"}).op("Relu", {"a"}, {"y"});
  };
  const auto alone = build().graph({"y"});
  EXPECT_EQ(make_units(alone, fates_of(alone)).units[0].output_bytes, Sketch::kBytes);
  const auto body = build().read_by_body("c").graph({"y"});
  EXPECT_EQ(make_units(body, fates_of(body)).units[0].output_bytes, 2 * Sketch::kBytes);
}

TEST(Links, ValuesOfWholeNumbers_LinkNothing) {
  const auto graph = Sketch()
                         .input("x")
                         .input("n", DType::kInt64)
                         .op("Shape", {"x"}, {"s"}, DType::kInt64)
                         .op("Reshape", {"x", "s"}, {"r"})
                         .op("Gather", {"r", "n"}, {"y"})
                         .graph({"y"});
  const auto units = make_units(graph, fates_of(graph));
  EXPECT_THAT(units.units[0].consumers, IsEmpty());
  EXPECT_EQ(units.units[0].output_bytes, 0);
  EXPECT_THAT(units.units[1].producers, IsEmpty());
  EXPECT_FALSE(units.units[2].reads_input);  // an index is no feature map
  EXPECT_EQ(units.units[2].input_bytes, Sketch::kBytes);
}

TEST(Links, ValuesWithinAUnit_AreNotItsInputsOrOutputs) {
  const auto graph =
      Sketch().input("x").op("Conv", {"x"}, {"a"}).op("Relu", {"a"}, {"y"}).graph({"y"});
  const auto unit = make_units(graph, fates_of(graph)).units.at(0);
  EXPECT_EQ(unit.input_bytes, Sketch::kBytes);
  EXPECT_EQ(unit.output_bytes, Sketch::kBytes);
  EXPECT_THAT(unit.producers, IsEmpty());
  EXPECT_THAT(unit.consumers, IsEmpty());
}

TEST(States, OfUnitsThatCannotBeIntegers_AreFloat) {
  const auto graph =
      Sketch().input("x").op("Gemm", {"x"}, {"a"}).op("Softmax", {"a"}, {"y"}).graph({"y"});
  auto fates = fates_of(graph);
  fates.quantized.front()[1] = false;
  const auto units = make_units(graph, fates);
  EXPECT_TRUE(units.units[0].quantizable());
  EXPECT_FALSE(units.units[1].quantizable());
  EXPECT_THAT(states_of(units, {1, 1}, {true, true}), ElementsAre(true, false));
  EXPECT_THAT(states_of(units, {1, 1}, {false, true}), ElementsAre(false, false));
}

/// Padding is read by operators of one input alone, as where it is folded.
graph::Graph random_graph(std::uint64_t seed) {
  Random random(seed);
  const std::vector<std::string> types = {"Conv", "Relu", "Clip", "Add",     "Mul",
                                          "Pad",  "Gemm", "Tanh", "Sigmoid", "Identity"};
  Sketch sketch;
  sketch.input("v0");
  std::vector<std::string> made{"input"};  // by which type
  const auto count = 1 + random.below(14);
  std::vector<std::string> outputs;
  for (std::uint64_t i = 1; i <= count; ++i) {
    auto type = types[random.below(types.size())];
    const auto first = i - 1 - random.below(std::min<std::uint64_t>(i, 2));
    const auto second = random.below(i);
    std::vector<std::string> inputs{"v" + std::to_string(first)};
    if (type == "Add" || type == "Mul") {
      if (made[first] == "Pad" || made[second] == "Pad") {
        type = "Conv";
      } else {
        inputs.push_back("v" + std::to_string(second));
      }
    }
    const auto name = "v" + std::to_string(i);
    sketch.op(type, inputs, {name});
    made.push_back(type);
    if (i == count || random.below(8) == 0) {
      outputs.push_back(name);
    }
  }
  return sketch.graph(outputs);
}

/// Whatever is grouped: every operator is in one unit, units are in topological order, links go
/// both ways, and no link is lost.
RC_GTEST_PROP(UnitsProperty, ArePartsOfTheGraphInItsOrder, (std::uint64_t seed)) {
  const auto graph = random_graph(seed);
  const auto units = make_units(graph, fates_of(graph, {"Pad", "Identity"}));
  std::multiset<std::uint32_t> ops;
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units.units[i];
    RC_ASSERT(!unit.ops.empty());
    RC_ASSERT(std::is_sorted(unit.ops.begin(), unit.ops.end()));
    RC_ASSERT(std::count(unit.ops.begin(), unit.ops.end(), unit.worker) == 1);
    RC_ASSERT(unit.name == graph.op(unit.worker).name);
    for (const auto op : unit.ops) {
      ops.insert(op.value);
      RC_ASSERT(units.of_op[op.value] == i);
    }
    for (const auto producer : unit.producers) {
      RC_ASSERT(producer < i);
      const auto& back = units.units[producer].consumers;
      RC_ASSERT(std::count(back.begin(), back.end(), i) == 1);
    }
  }
  RC_ASSERT(ops.size() == graph.ops().size());
  RC_ASSERT(std::set<std::uint32_t>(ops.begin(), ops.end()).size() == ops.size());
  for (const auto& tensor : graph.tensors()) {
    for (const auto reader : tensor.consumers) {
      const auto to = units.of_op[reader.value];
      const auto from = tensor.producer ? units.of_op[tensor.producer->value] : to;
      const auto& producers = units.units[to].producers;
      RC_ASSERT(from == to || std::count(producers.begin(), producers.end(), from) == 1);
      RC_ASSERT(tensor.producer || units.units[to].reads_input);
    }
  }
}

}  // namespace
}  // namespace tessera::profile
