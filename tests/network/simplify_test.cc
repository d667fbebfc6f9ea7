// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/simplify.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/shared_data.h"
#include "tessera/core/random.h"
#include "tessera/runtime/evaluator.h"
#include "tessera/runtime/onnx.h"
#include "tessera/runtime/type_oracle.h"

/// Simplified models on the real runtime: what they compute is the same, bit for bit.
namespace tessera::onnx {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::IsOk;
using testing::ModelBuilder;
using testing::random_tensor;
using Ints = std::vector<std::int64_t>;

const std::shared_ptr<const runtime::Library>& library() {
  static const auto kLibrary = runtime::Library::load().value();
  return kLibrary;
}

SimplifyOptions engine() {
  return {runtime::type_oracle(library()), runtime::evaluator(library())};
}

using Feeds = std::map<std::string, Tensor>;

/// Values for every input; open extents are `open`.
Feeds random_feeds(const Model& model, std::int64_t open, std::uint64_t seed) {
  Feeds feeds;
  for (const auto& input : model.inputs()) {
    const auto type = model.type_of(input);
    Shape shape;
    for (const auto& dim : type && type->shape ? *type->shape : std::vector<Dim>()) {
      shape.push_back(dim.known() ? dim.value : open);
    }
    if (type->dtype == DType::kFloat32) {
      feeds.emplace(input, random_tensor(std::move(shape), ++seed));
    } else {
      feeds.emplace(input, Tensor(type->dtype, std::move(shape)));
    }
  }
  return feeds;
}

/// The outputs by name; nothing where the runtime refuses the model.
Result<std::map<std::string, Tensor>> run(const Model& model, const Feeds& feeds) {
  TESSERA_TRY(const auto bytes, model.serialize());
  runtime::SessionOptions options;
  options.opt_level = runtime::OptLevel::kDisabled;
  // Packed weights are multiplied in another order; only constant ones are packed.
  options.config = {{"session.disable_prepacking", "1"}};
  TESSERA_TRY(auto session,
              runtime::open_onnx(library(), bytes, model.external_data_folder(), options));
  std::vector<runtime::Feed> list;
  for (const auto& [name, tensor] : feeds) {
    list.push_back({name, tensor.view()});
  }
  TESSERA_TRY(const auto outputs, session.run(list));
  std::map<std::string, Tensor> result;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].dtype != DType::kUndefined) {
      result.emplace(session.outputs()[i].name, Tensor(outputs[i]));
    }
  }
  return result;
}

void expect_same(const std::map<std::string, Tensor>& before,
                 const std::map<std::string, Tensor>& after) {
  ASSERT_EQ(before.size(), after.size());
  for (const auto& [name, tensor] : before) {
    const auto found = after.find(name);
    ASSERT_NE(found, after.end()) << name;
    EXPECT_EQ(found->second.shape(), tensor.shape()) << name;
    const auto a = tensor.bytes();
    const auto b = found->second.bytes();
    EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << name << " differs";
  }
}

/// Simplifies a copy; it must compute the same, be no larger, and be simple already.
Model simplified(const Model& model, Simplification* what = nullptr, std::int64_t open = 3) {
  auto copy = model.clone();
  const auto done = simplify(copy, engine());
  const auto feeds = random_feeds(model, open, 7);
  const auto before = run(model, feeds);
  const auto after = run(copy, feeds);
  EXPECT_EQ(before.has_value(), after.has_value());
  if (before && after) {
    expect_same(*before, *after);
  }
  auto again = copy.clone();
  EXPECT_FALSE(simplify(again, engine()).what.changed());
  if (what != nullptr) {
    *what = done.what;
  }
  return copy;
}

std::vector<std::string> types(const Model& model) {
  std::vector<std::string> result;
  for (const auto node : model.nodes()) {
    result.push_back(model.op_type(node));
  }
  return result;
}

// --- constants ---------------------------------------------------------------------------------

TEST(SimplifyFold, WeightsBehindOperators_AreWeightsUnderTheSameName) {
  struct Case {
    const char* type;
    Shape shape;
    std::vector<std::string> inputs;
    std::vector<NamedAttribute> attributes;
  };
  const std::vector<Case> cases = {
      {"Transpose", {4, 6}, {"v"}, {{"perm", Ints{1, 0}}}},
      {"Reshape", {2, 3, 4}, {"v", "target"}, {}},
      {"Mul", {6, 4}, {"v", "scale"}, {}},
      {"Cast", {6, 4}, {"v"}, {{"to", std::int64_t{1}}}},
      {"Squeeze", {1, 6, 4}, {"v"}, {}},
  };
  for (const auto& item : cases) {
    SCOPED_TRACE(item.type);
    auto builder = ModelBuilder(13);
    builder.input("x", {2, 6}).weight("v", item.shape);
    if (item.inputs.back() == "target") {
      builder.constant("target", Tensor::of(Ints{6, 4}, {2}));
    }
    if (item.inputs.back() == "scale") {
      builder.weight("scale", {1, 4});
    }
    const auto model = builder.op(item.type, item.inputs, {"w"}, item.attributes)
                           .op("MatMul", {"x", "w"}, {"y"})
                           .output("y")
                           .build();
    const auto after = simplified(model);
    EXPECT_THAT(types(after), ElementsAre("MatMul"));
    EXPECT_THAT(after.inputs(after.nodes().front()),
                Contains(item.type == std::string("Cast") ? "v" : "w"));
    EXPECT_LE(after.serialize()->size(), model.serialize()->size());
  }
}

TEST(SimplifyFold, ExpressionsOfSeveralConstants_AreOne) {
  const auto model = ModelBuilder(13)
                         .input("x", {2, 4})
                         .weight("a", {4, 4})
                         .weight("b", {4, 4})
                         .weight("c", {4})
                         .op("MatMul", {"a", "b"}, {"ab"})
                         .op("Add", {"ab", "c"}, {"w"})
                         .op("MatMul", {"x", "w"}, {"y"})
                         .output("y")
                         .build();
  Simplification what;
  const auto after = simplified(model, &what);
  EXPECT_EQ(what.folded_operators, 2);
  EXPECT_THAT(after.initializers(), ElementsAre("w"));
}

TEST(SimplifyFold, ResultsLargerThanWhatTheyAreMadeOf_StayExpressions) {
  const auto model = ModelBuilder(13)
                         .input("x", {64, 64})
                         .constant("one", Tensor::of(std::vector<float>{1}, {1}))
                         .constant("extents", Tensor::of(Ints{64, 64}, {2}))
                         .op("Expand", {"one", "extents"}, {"big"})
                         .op("Add", {"x", "big"}, {"y"})
                         .output("y")
                         .build();
  const auto after = simplified(model);
  EXPECT_THAT(types(after), ElementsAre("Expand", "Add"));
}

TEST(SimplifyFold, WhatLeadsToALargeResult_IsComputed) {
  const auto model = ModelBuilder(13)
                         .input("x", {64, 64})
                         .constant("half", Tensor::of(Ints{32}, {1}))
                         .op("Add", {"half", "half"}, {"full"})
                         .op("Concat", {"full", "full"}, {"extents"}, {{"axis", std::int64_t{0}}})
                         .op("ConstantOfShape", {"extents"}, {"zeros"})
                         .op("Add", {"x", "zeros"}, {"y"})
                         .output("y")
                         .build();
  const auto after = simplified(model);
  EXPECT_THAT(types(after), ElementsAre("ConstantOfShape", "Add"));
  EXPECT_TRUE(after.is_constant("extents"));
}

TEST(SimplifyFold, OutputsThatAreConstant_KeepTheirNames) {
  const auto model = ModelBuilder(13)
                         .input("x", {2})
                         .weight("a", {2})
                         .op("Neg", {"a"}, {"c"})
                         .op("Add", {"x", "c"}, {"y"})
                         .output("c")
                         .output("y")
                         .build();
  const auto after = simplified(model);
  EXPECT_THAT(after.outputs(), ElementsAre("c", "y"));
}

TEST(SimplifyFold, RandomAndQuantizedOperators_Stay) {
  const auto model = ModelBuilder(13)
                         .input("x", {2, 4})
                         .weight("a", {4, 4})
                         .constant("q", Tensor(DType::kInt8, {4, 4}))
                         .constant("s", Tensor::scalar(0.5F))
                         .op("RandomNormalLike", {"a"}, {"noise"}, {{"seed", 1.0F}})
                         .op("DequantizeLinear", {"q", "s"}, {"w"})
                         .op("MatMul", {"x", "noise"}, {"m"})
                         .op("MatMul", {"m", "w"}, {"y"})
                         .output("y")
                         .build();
  auto copy = model.clone();
  EXPECT_FALSE(simplify(copy, engine()).what.changed());
}

TEST(SimplifyFold, WeightsThatAreQuantizedInTheGraph_AreStoredAsIntegers) {
  const auto model = ModelBuilder(13)
                         .input("x", {2, 64})
                         .weight("a", {64, 64})
                         .constant("s", Tensor::scalar(0.02F))
                         .constant("z", Tensor(DType::kInt8, {}))
                         .op("QuantizeLinear", {"a", "s", "z"}, {"q"})
                         .op("DequantizeLinear", {"q", "s", "z"}, {"w"})
                         .op("MatMul", {"x", "w"}, {"y"})
                         .output("y")
                         .build();
  const auto after = simplified(model);
  EXPECT_THAT(types(after), ElementsAre("DequantizeLinear", "MatMul"));
  EXPECT_LT(after.serialize()->size(), model.serialize()->size() / 2);
}

TEST(SimplifyFold, DivisionByAZeroConstant_IsLeftToWhoRunsIt) {
  auto model = ModelBuilder(13)
                   .input("x", {2})
                   .constant("a", Tensor::of(Ints{6}, {1}))
                   .constant("zero", Tensor::of(Ints{0}, {1}))
                   .op("Div", {"a", "zero"}, {"d"})
                   .op("Cast", {"d"}, {"f"}, {{"to", std::int64_t{1}}})
                   .op("Add", {"x", "f"}, {"y"})
                   .output("y")
                   .build();
  simplify(model, engine());
  EXPECT_THAT(types(model), ElementsAre("Div", "Cast", "Add"));
}

TEST(SimplifyFold, WhatTheRuntimeRefuses_StaysAndTheRestIsComputed) {
  auto model = ModelBuilder(13)
                   .input("x", {2, 4})
                   .weight("a", {4, 4})
                   .constant("far", Tensor::of(Ints{9}, {1}))
                   .op("Gather", {"a", "far"}, {"bad"})
                   .op("Transpose", {"a"}, {"t"})
                   .op("MatMul", {"x", "t"}, {"m"})
                   .op("Add", {"m", "bad"}, {"y"})
                   .output("y")
                   .build();
  simplify(model, engine());
  EXPECT_THAT(types(model), Contains("Gather"));
}

// --- shapes ------------------------------------------------------------------------------------

TEST(SimplifyShapes, OfKnownExtents_BecomeConstants) {
  const auto model = ModelBuilder(13)
                         .input("x", {2, 3, 4})
                         .constant("zero", Tensor::scalar(std::int64_t{0}))
                         .constant("axis", Tensor::of(Ints{0}, {1}))
                         .constant("rest", Tensor::of(Ints{-1}, {1}))
                         .op("Relu", {"x"}, {"h"})
                         .op("Shape", {"h"}, {"s"})
                         .op("Gather", {"s", "zero"}, {"n"})
                         .op("Unsqueeze", {"n", "axis"}, {"n1"})
                         .op("Concat", {"n1", "rest"}, {"target"}, {{"axis", std::int64_t{0}}})
                         .op("Reshape", {"h", "target"}, {"y"})
                         .output("y")
                         .build();
  const auto after = simplified(model);
  EXPECT_THAT(types(after), ElementsAre("Relu", "Reshape"));
  EXPECT_TRUE(after.is_constant("target"));
}

ValueType open_batch(std::int64_t channels) {
  return {DType::kFloat32, std::vector<Dim>{{-1, "N"}, {channels, {}}, {4, {}}}};
}

TEST(SimplifyShapes, OfWhichOneExtentIsOpen_AreKnownWhereTheyAre) {
  const auto model = ModelBuilder(13)
                         .input("x", open_batch(3))
                         .constant("one", Tensor::of(Ints{1}, {1}))
                         .constant("end", Tensor::of(Ints{3}, {1}))
                         .constant("zero", Tensor::of(Ints{0}, {1}))
                         .op("Relu", {"x"}, {"h"})
                         .op("Shape", {"h"}, {"s"})
                         .op("Slice", {"s", "one", "end"}, {"inner"})
                         .op("Gather", {"s", "zero"}, {"batch"})
                         .op("Concat", {"batch", "inner"}, {"whole"}, {{"axis", std::int64_t{0}}})
                         .op("Reshape", {"h", "whole"}, {"y"})
                         .output("y")
                         .output("inner")
                         .build();
  const auto after = simplified(model);
  EXPECT_THAT(types(after), Contains("Shape")) << "the batch is open";
  EXPECT_FALSE(after.producer("inner") && after.op_type(*after.producer("inner")) == "Slice");
}

TEST(SimplifyShapes, ThatTheFileDeclaresButNothingProves_StayOpen) {
  // What an exporter traced with a batch of 1, though the input says N.
  const auto model = ModelBuilder(13)
                         .input("x", open_batch(3))
                         .declare("h", {1, 3, 4})
                         .op("Relu", {"x"}, {"h"})
                         .op("Shape", {"h"}, {"y"})
                         .output("y", {3}, DType::kInt64)
                         .build();
  const auto after = simplified(model, nullptr, 5);
  EXPECT_THAT(types(after), ElementsAre("Relu", "Shape"));
}

TEST(SimplifyShapes, OfAModelWithAnAssumedBatch_AreNotWritten) {
  auto model = ModelBuilder(13)
                   .input("x", open_batch(3))
                   .op("Shape", {"x"}, {"y"})
                   .output("y", {3}, DType::kInt64)
                   .build();
  simplify(model, engine());
  EXPECT_THAT(types(model), ElementsAre("Shape"));
}

TEST(SimplifyShapes, ReshapesToTheSameShape_AreGone) {
  const auto model = ModelBuilder(13)
                         .input("x", {2, 3})
                         .constant("target", Tensor::of(Ints{2, -1}, {2}))
                         .op("Relu", {"x"}, {"h"})
                         .op("Reshape", {"h", "target"}, {"r"})
                         .op("Neg", {"r"}, {"y"})
                         .output("y")
                         .build();
  EXPECT_THAT(types(simplified(model)), ElementsAre("Relu", "Neg"));
}

TEST(Simplify, LearnsTypesUnlessItSaysOtherwise) {
  auto model = ModelBuilder(13)
                   .input("x", {2, 6})
                   .weight("v", {4, 6})
                   .op("Transpose", {"v"}, {"w"})
                   .op("MatMul", {"x", "w"}, {"y"})
                   .output("y")
                   .build();
  ASSERT_TRUE(simplify(model, engine()).types_known);
  const auto type = model.type_of("y");
  ASSERT_TRUE(type && type->shape);
  EXPECT_EQ((*type->shape)[1].value, 4);
}

TEST(Simplify, Twice_IsTheSameBytes) {
  const auto make = [] {
    auto model = ModelBuilder(13)
                     .input("x", {2, 6})
                     .weight("v", {4, 6})
                     .weight("u", {4})
                     .op("Transpose", {"v"}, {"w"})
                     .op("Neg", {"u"}, {"b"})
                     .op("MatMul", {"x", "w"}, {"m"})
                     .op("Add", {"m", "b"}, {"y"})
                     .output("y")
                     .build();
    simplify(model, engine());
    return *model.serialize();
  };
  EXPECT_EQ(make(), make());
}

// --- random graphs -----------------------------------------------------------------------------

/// Grows a graph of values of one shape out of an input and constants.
class Grower {
 public:
  explicit Grower(std::uint64_t seed) : random_(seed) {
    builder_.input("x", {3, 4});
    builder_.weight("w0", {3, 4}).weight("w1", {3, 4});
    builder_.constant("target", Tensor::of(Ints{4, 3}, {2}));
    builder_.constant("row", Tensor::scalar(std::int64_t{0}));
    values_ = {"x", "w0", "w1"};
  }

  Model grow(int steps) {
    for (int i = 0; i < steps; ++i) {
      step(fmt::format("v{}", i));
    }
    std::set<std::string> outputs = {values_.back()};
    while (outputs.size() < 3) {
      outputs.insert(values_[3 + pick(values_.size() - 3)]);
    }
    for (const auto& output : outputs) {
      builder_.output(output);
    }
    return builder_.build();
  }

 private:
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(random_.below(count)); }
  const std::string& any() { return values_[pick(values_.size())]; }

  void step(const std::string& name) {
    switch (pick(8)) {
      case 0:
        builder_.op("Identity", {any()}, {name});
        break;
      case 1:
        builder_.op("Cast", {any()}, {name}, {{"to", std::int64_t{1}}});
        break;
      case 2: {  // there and back
        builder_.op("Transpose", {any()}, {name + "t"});
        builder_.op("Transpose", {name + "t"}, {name});
        break;
      }
      case 3: {  // through the shape of another
        builder_.op("Shape", {any()}, {name + "s"});
        builder_.op("Reshape", {any(), name + "s"}, {name});
        break;
      }
      case 4:
        builder_.op("Dropout", {any()}, {name});
        break;
      case 5: {
        builder_.op("Reshape", {any(), "target"}, {name + "r"});
        builder_.op("Shape", {any()}, {name + "s"});
        builder_.op("Reshape", {name + "r", name + "s"}, {name});
        break;
      }
      case 6: {
        builder_.op("Gather", {any(), "row"}, {name + "g"});
        builder_.op("Add", {any(), name + "g"}, {name});
        break;
      }
      default:
        builder_.op(pick(2) == 0 ? "Add" : "Mul", {any(), any()}, {name});
    }
    values_.push_back(name);
  }

  Random random_;
  ModelBuilder builder_{13};
  std::vector<std::string> values_;
};

TEST(SimplifyRandomGraphs, ComputeTheSame) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    const auto model = Grower(seed).grow(14);
    const auto after = simplified(model);
    EXPECT_EQ(after.outputs(), model.outputs());
    EXPECT_LE(after.nodes().size(), model.nodes().size());
  }
}

// --- files -------------------------------------------------------------------------------------

TEST(SimplifyFilesSlow, ComputeTheSame) {
  const auto shared = testing::shared_path("");
  TESSERA_NEEDS_SHARED(shared / "cases");
  for (const char* file :
       {"cases/C01/01_weight_behind_reshape/model.onnx",
        "cases/C01/15b_matmul_two_consts/model.onnx",
        "cases/C02/14b_tied_lmhead_transpose/model.onnx", "cases/C03/01e_constnode/model.onnx",
        "cases/C12/06e_local_functions/model.onnx", "cases/C17/17a_sparse_initializer/model.onnx",
        "cases/R04/constant_node_weights.onnx", "cases/R04/reshaped_constant_bias.onnx",
        "cases/F01/initializers_among_inputs.onnx", "data/models/squeezenet_winml.onnx",
        "data/models/fns-candy.onnx", "data/models/yolox_nano.onnx"}) {
    SCOPED_TRACE(file);
    if (!std::filesystem::exists(shared / file)) {
      continue;
    }
    const auto model = Model::load(shared / file);
    ASSERT_THAT(model, IsOk());
    simplified(*model);
  }
}

}  // namespace
}  // namespace tessera::onnx
