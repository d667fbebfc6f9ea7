// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/lower.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <map>

#include "keras/config.h"
#include "keras/network_builder.h"
#include "keras/trained.h"
#include "support/matchers.h"
#include "tessera/keras/quantizer_onnx.h"
#include "tessera/onnx/query.h"

// What networks become: operators, layouts, names, constants. What they compute is tested where
// there is a runtime, in tests/network.
namespace tessera::keras {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

const Json kConv = {{"filters", 2}, {"kernel_size", {3, 3}}, {"padding", "same"}};
const NetworkBuilder::Weights kConvWeights = {{"kernel", {3, 3, 2, 2}}, {"bias", {2}}};

std::map<std::string, int> count_types(const onnx::Model& model) {
  std::map<std::string, int> counts;
  for (const auto node : model.nodes()) {
    ++counts[model.op_type(node)];
  }
  return counts;
}

std::vector<std::int64_t> extents(const onnx::Model& model, const std::string& value) {
  std::vector<std::int64_t> result;
  const auto type = model.declared_type(value);
  for (const auto& dim : type.value().shape.value()) {
    result.push_back(dim.value);
  }
  return result;
}

std::vector<float> floats(const onnx::Model& model, const std::string& name) {
  return to_float32(model.initializer(name).value()).value();
}

TEST(KerasLower, Convolutions_LieChannelsFirstWithoutTransposes) {
  const auto network = NetworkBuilder()
                           .input("x", {8, 6, 2})
                           .layer("a", "Conv2D", kConv, {"x"}, kConvWeights)
                           .layer("r", "ReLU", {}, {"a"})
                           .layer("b", "Conv2D", kConv, {"r"}, kConvWeights)
                           .layer("s", "Add", {}, {"b", "a"})
                           .output("s")
                           .build();
  const auto imported = lower(network);
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  EXPECT_EQ(count_types(model), (std::map<std::string, int>{{"Add", 1}, {"Conv", 2}, {"Relu", 1}}));
  EXPECT_THAT(extents(model, "x"), ElementsAre(-1, 2, 8, 6));
  EXPECT_THAT(extents(model, "s"), ElementsAre(-1, 2, 8, 6));
  EXPECT_THAT(model.inputs(), ElementsAre("x"));
  EXPECT_THAT(model.outputs(), ElementsAre("s"));
  EXPECT_EQ(imported->layers.size(), 5U);
  EXPECT_EQ(imported->layers.back().layout, Layout::kChannelsFirst);
}

TEST(KerasLower, Kernel_IsTransposedAndPadsAreThoseOfTensorFlow) {
  const auto network =
      NetworkBuilder()
          .input("x", {8, 7, 2})
          .layer("c", "Conv2D",
                 {{"filters", 4}, {"kernel_size", {3, 2}}, {"strides", 2}, {"padding", "same"}},
                 {"x"}, {{"kernel", {3, 2, 2, 4}}, {"bias", {4}}})
          .output("c")
          .build();
  const auto imported = lower(network);
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  const auto conv = model.producer("c").value();
  // 8 by 3 with stride 2: one zero, behind; 7 by 2: one zero, behind.
  EXPECT_EQ(onnx::attribute_as<std::vector<std::int64_t>>(model, conv, "pads"),
            (std::vector<std::int64_t>{0, 0, 1, 1}));
  EXPECT_THAT(extents(model, "c"), ElementsAre(-1, 4, 4, 4));
  const auto kernel = model.initializer("c/kernel").value();
  EXPECT_THAT(Shape(kernel.shape.begin(), kernel.shape.end()), ElementsAre(4, 2, 3, 2));
  const auto& original = network.layers[1].weights[0].value;
  // Output channel 3, input channel 1, row 2, column 0.
  EXPECT_EQ(kernel.as<float>()[((3 * 2 + 1) * 3 + 2) * 2],
            original.as<float>()[((2 * 2 + 0) * 2 + 1) * 4 + 3]);
}

TEST(KerasLower, DepthwiseKernel_HasChannelTimesMultiplierPlusOne) {
  const auto network =
      NetworkBuilder()
          .input("x", {5, 5, 3})
          .layer("d", "DepthwiseConv2D", {{"kernel_size", 1}, {"depth_multiplier", 2}}, {"x"},
                 {{"depthwise_kernel", {1, 1, 3, 2}}, {"bias", {6}}})
          .output("d")
          .build();
  const auto imported = lower(network);
  ASSERT_THAT(imported, IsOk());
  const auto& original = network.layers[1].weights[0].value.as<float>();
  EXPECT_EQ(floats(imported->model, "d/kernel"),
            std::vector<float>(original.begin(), original.end()));
  EXPECT_EQ(imported->model.int_attribute(imported->model.producer("d").value(), "group", 1), 3);
}

TEST(KerasLower, DenseBehindFlatten_MovesTheRowsOfItsKernel) {
  const auto network =
      NetworkBuilder()
          .input("x", {2, 1, 2})
          .layer("p", "MaxPooling2D", {{"pool_size", 1}}, {"x"})
          .layer("f", "Flatten", {}, {"p"})
          .layer("d", "Dense", {{"units", 1}}, {"f"}, {{"kernel", {4, 1}}, {"bias", {1}}})
          .output("d")
          .build();
  const auto imported = lower(network);
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(count_types(imported->model).count("Transpose"), 0U);
  const auto& rows = network.layers[3].weights[0].value.as<float>();
  // [h, c] to [c, h].
  EXPECT_THAT(floats(imported->model, "d/kernel_channels_first"),
              ElementsAre(rows[0], rows[2], rows[1], rows[3]));
  const auto& flat = imported->layers[2];
  EXPECT_EQ(flat.layout, Layout::kFlatChannelsFirst);
  const auto stored = Tensor::of(std::vector<float>{1, 2, 3, 4}, {1, 4});
  const auto keras = in_keras_order(stored.view(), flat).value();
  EXPECT_THAT(keras.as<float>(), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(as_imported(keras.view(), flat).value().as<float>(), ElementsAre(1, 2, 3, 4));
}

TEST(KerasLower, KeepLayout_TransposesAtBothEnds) {
  const auto network = NetworkBuilder()
                           .input("x", {8, 6, 2})
                           .layer("a", "Conv2D", kConv, {"x"}, kConvWeights)
                           .output("a")
                           .build();
  const auto imported = lower(network, {.keep_layout = true});
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(extents(imported->model, "x"), ElementsAre(-1, 8, 6, 2));
  EXPECT_THAT(extents(imported->model, imported->model.outputs().front()),
              ElementsAre(-1, 8, 6, 2));
  EXPECT_EQ(count_types(imported->model)["Transpose"], 2);
  EXPECT_EQ(imported->inputs.front().layout, Layout::kKeras);
}

TEST(KerasLower, LayerCalledTwice_SharesItsWeightsAndHasTwoNames) {
  const auto network =
      NetworkBuilder()
          .input("x", {4})
          .layer("d", "Dense", {{"units", 4}}, {"x"}, {{"kernel", {4, 4}}, {"bias", {4}}})
          .call("d", {"d"})
          .output("d")
          .build();
  const auto imported = lower(network);
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(imported->model.outputs(), ElementsAre("d_1"));
  EXPECT_THAT(imported->model.initializers(), UnorderedElementsAre("d/kernel", "d/bias"));
  EXPECT_EQ(imported->layers.back().name, "d_1");
}

TEST(KerasLower, NestedNetwork_IsInlinedUnderItsName) {
  auto inner = NetworkBuilder()
                   .input("in", {4})
                   .layer("d", "Dense", {{"units", 3}}, {"in"}, {{"kernel", {4, 3}}, {"bias", {3}}})
                   .output("d")
                   .build();
  auto builder = NetworkBuilder();
  builder.input("x", {4}).layer("block", "Functional", {}, {"x"}).with_inner(std::move(inner));
  const auto imported = lower(builder.output("block").build());
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(imported->model.outputs(), ElementsAre("block/d"));
}

TEST(KerasLower, NamesWithSlashesAndColons_Survive) {
  const auto imported = lower(NetworkBuilder()
                                  .input("a/b:0", {4})
                                  .layer("r/x:1", "ReLU", {}, {"a/b:0"})
                                  .output("r/x:1")
                                  .build());
  ASSERT_THAT(imported, IsOk());
  EXPECT_THAT(imported->model.inputs(), ElementsAre("a/b:0"));
  EXPECT_THAT(imported->model.outputs(), ElementsAre("r/x:1"));
}

TEST(KerasLower, OutputThatIsAnInput_GetsAValueOfItsOwn) {
  const auto imported = lower(NetworkBuilder()
                                  .input("x", {4})
                                  .layer("drop", "Dropout", {{"rate", 0.5}}, {"x"})
                                  .output("drop")
                                  .build());
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->layers.back().value, "x");
  EXPECT_THAT(imported->model.outputs(), ElementsAre(Not("x")));
}

/// Keras 2.15 numbers the weights of private members, whose names begin with a line.
TEST(KerasLower, AttentionOfPrivateMembers_HasTheSameWeights) {
  const auto made = [](const std::string& mark) {
    NetworkBuilder builder;
    builder.input("x", {10, 8})
        .layer("a", "MultiHeadAttention", {{"num_heads", 2}, {"key_dim", 4}, {"use_bias", true}},
               {"x", "x"},
               {{"0", {2, 4, 8}},
                {"1", {8}},
                {"0", {8, 2, 4}},
                {"1", {2, 4}},
                {"0", {8, 2, 4}},
                {"1", {2, 4}},
                {"0", {8, 2, 4}},
                {"1", {2, 4}}});
    const std::vector<std::string> parts{"output", "query", "key", "value"};
    for (std::size_t i = 0; i < builder.last().weights.size(); ++i) {
      auto& weight = builder.last().weights[i];
      weight.path = "layers/a/" + mark + parts[i / 2] + "_dense/vars/" + weight.name;
    }
    return lower(builder.output("a").build(), {});
  };
  const auto plain = made("");
  const auto marked = made("_");
  ASSERT_THAT(plain, IsOk());
  ASSERT_THAT(marked, IsOk());
  EXPECT_EQ(plain->model.serialize().value(), marked->model.serialize().value());
}

/// One function of x (and of r = relu(x)), called with these arguments.
Result<Imported> lowered_function(const std::string& function, const std::vector<std::string>& of,
                                  const Json& arguments) {
  NetworkBuilder builder;
  builder.input("x", {8, 6, 2})
      .layer("r", "ReLU", {}, {"x"})
      .layer("f", "TFOpLambda", {{"function", function}}, of);
  builder.last().calls.back().arguments = arguments;
  return lower(builder.output("f").build(), {});
}

TEST(KerasLower, FunctionsOfTensorsAndNumbers_AreOperators) {
  const auto more = lowered_function("__operators__.add", {"r"}, {{"y", 3}});
  ASSERT_THAT(more, IsOk());
  const auto& model = more->model;
  const auto sum = model.producer("f").value();
  EXPECT_EQ(model.op_type(sum), "Add");
  EXPECT_EQ(model.inputs(sum)[0], "r");
  EXPECT_THAT(floats(model, model.inputs(sum)[1]), ElementsAre(3));
  // 2 - r
  const auto less =
      lowered_function("math.subtract", {"r"}, {{"*args", {2.0, {{"__input__", 0}}}}});
  ASSERT_THAT(less, IsOk());
  const auto difference = less->model.producer("f").value();
  EXPECT_EQ(less->model.op_type(difference), "Sub");
  EXPECT_THAT(floats(less->model, less->model.inputs(difference)[0]), ElementsAre(2));
  EXPECT_EQ(less->model.inputs(difference)[1], "r");
  const auto both = lowered_function("math.multiply", {"x", "r"}, {{"y", {{"__input__", 1}}}});
  ASSERT_THAT(both, IsOk());
  EXPECT_THAT(both->model.inputs(both->model.producer("f").value()), ElementsAre("x", "r"));
  const auto bent = lowered_function("nn.relu6", {"x"}, Json::object());
  ASSERT_THAT(bent, IsOk());
  EXPECT_EQ(bent->model.op_type(bent->model.producer("f").value()), "Clip");
}

TEST(KerasLower, FunctionsThatAreNotKnown_AreRefusedByName) {
  EXPECT_THAT(lowered_function("math.erfinv", {"x"}, Json::object()),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'math.erfinv' is not known")));
  EXPECT_THAT(lowered_function("math.multiply", {"x"}, {{"y", {1, 2}}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("neither a tensor nor a number")));
}

TEST(KerasLower, FunctionsOfNumbersAlone_AreRefusedByName) {
  for (const auto* const function : {"math.multiply", "__operators__.add"}) {
    EXPECT_THAT(lowered_function(function, {}, {{"*args", {1, 2}}}),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("of numbers alone")));
    EXPECT_THAT(lowered_function(function, {"x"}, {{"*args", {1, 2}}, {"z", {{"__input__", 0}}}}),
                FailsWith(ErrorCode::kUnimplemented, HasSubstr("of numbers alone")));
  }
}

/// What the one operator of a network of x (and y) reads, its calls as files have them.
Result<std::vector<std::string>> operands(const Json& layer, const std::string& version) {
  Json layers = Json::array();
  for (const auto* const name : {"x", "y"}) {
    layers.push_back({{"class_name", "InputLayer"},
                      {"name", name},
                      {"config", {{"name", name}, {"batch_shape", {nullptr, 4}}}},
                      {"inbound_nodes", Json::array()}});
  }
  layers.push_back(layer);
  const Json config = {{"class_name", "Functional"},
                       {"config",
                        {{"name", "m"},
                         {"layers", layers},
                         {"input_layers", Json::array({{"x", 0, 0}, {"y", 0, 0}})},
                         {"output_layers", Json::array({Json::array({"f", 0, 0})})}}}};
  TESSERA_TRY(const auto network, parse_config(config, version, "test"));
  TESSERA_TRY(const auto imported, lower(network, {}));
  return imported.model.inputs(imported.model.producer("f").value());
}

Json function_layer(const std::string& function, const Json& node) {
  return {{"class_name", "TFOpLambda"},
          {"name", "f"},
          {"config", {{"name", "f"}, {"function", function}}},
          {"inbound_nodes", Json::array({node})}};
}

Json keras3_tensor(const std::string& name) {
  return {{"class_name", "__keras_tensor__"},
          {"config", {{"keras_history", Json::array({name, 0, 0})}}}};
}

/// As TensorFlow 2.15 saves 1 - x, x / 2, x - y and subtract(x=x, y=y).
TEST(KerasLower, OperandsWithoutAndWithNames_KeepTheirOrder) {
  const auto tensor = [](const char* name) { return Json::array({name, 0, 0}); };
  const auto constant =
      Json::array({"_CONSTANT_VALUE", -1, 1.0, {{"y", tensor("x")}, {"name", nullptr}}});
  EXPECT_THAT(operands(function_layer("math.subtract", constant), "2.15.0").value(),
              ElementsAre("f/first", "x"));
  const auto half = Json::array({"x", 0, 0, {{"y", 2.0}, {"name", nullptr}}});
  EXPECT_THAT(operands(function_layer("math.truediv", half), "2.15.0").value(),
              ElementsAre("x", "f/second"));
  const auto both = Json::array({"y", 0, 0, {{"y", tensor("x")}}});
  EXPECT_THAT(operands(function_layer("math.subtract", both), "2.15.0").value(),
              ElementsAre("y", "x"));
  const auto number = function_layer("math.multiply", Json::array({"_CONSTANT_VALUE", -1, 2, {}}));
  EXPECT_THAT(operands(number, "2.15.0"), FailsWith(ErrorCode::kUnimplemented, HasSubstr("'f'")));
  Json layer = {{"class_name", "Subtract"},
                {"module", "keras.src.ops.numpy"},
                {"name", "f"},
                {"config", {{"name", "f"}}}};
  layer["inbound_nodes"] =
      Json::array({{{"args", {1.0}}, {"kwargs", {{"x2", keras3_tensor("x")}}}}});
  EXPECT_THAT(operands(layer, "3.0.0").value(), ElementsAre("f/first", "x"));
  layer["inbound_nodes"] =
      Json::array({{{"args", Json::array()},
                    {"kwargs", {{"x2", keras3_tensor("x")}, {"x1", keras3_tensor("y")}}}}});
  EXPECT_THAT(operands(layer, "3.0.0").value(), ElementsAre("y", "x"));
}

/// Attention of three inputs, called with these arguments.
Result<Imported> lowered_attention(const Json& arguments) {
  NetworkBuilder builder;
  NetworkBuilder::Weights weights;
  for (const std::string part : {"query", "key", "value"}) {
    weights.push_back({part + "/kernel", {8, 2, 4}});
    weights.push_back({part + "/bias", {2, 4}});
  }
  weights.push_back({"attention_output/kernel", {2, 4, 8}});
  weights.push_back({"attention_output/bias", {8}});
  builder.input("q", {10, 8})
      .input("k", {10, 8})
      .input("v", {10, 8})
      .layer("a", "MultiHeadAttention", {{"num_heads", 2}, {"key_dim", 4}}, {"q", "k", "v"},
             weights);
  builder.last().calls.back().arguments = arguments;
  return lower(builder.output("a").build(), {});
}

/// The input that is multiplied by a kernel.
std::string multiplied(const onnx::Model& model, const std::string& kernel) {
  return model.inputs(model.consumers(kernel).at(0)).at(0);
}

TEST(KerasLower, AttentionOfNamedTensors_HonoursTheNames) {
  // As files have attention(q, key=k, value=v), and attention(q, value=v, key=k).
  const auto named =
      lowered_attention({{"key", {{"__input__", 1}}}, {"value", {{"__input__", 2}}}});
  ASSERT_THAT(named, IsOk());
  EXPECT_EQ(multiplied(named->model, "a/query_kernel"), "q");
  EXPECT_EQ(multiplied(named->model, "a/key_kernel"), "k");
  EXPECT_EQ(multiplied(named->model, "a/value_kernel"), "v");
  const auto placed = lowered_attention(Json::object());
  ASSERT_THAT(placed, IsOk());
  EXPECT_EQ(multiplied(placed->model, "a/value_kernel"), "k");
  EXPECT_EQ(multiplied(placed->model, "a/key_kernel"), "v");
}

TEST(KerasLower, TensorsAsMasks_AreRefusedByName) {
  for (const auto* const name : {"mask", "attention_mask", "query_mask"}) {
    EXPECT_THAT(
        lowered_attention({{name, {{"__input__", 2}}}}),
        FailsWith(ErrorCode::kUnimplemented, HasSubstr(std::string("with a tensor as ") + name)));
  }
  EXPECT_THAT(lowered_attention({{"key", {{"__input__", 1}}}, {"x", {{"__input__", 2}}}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("a query, a value and a key")));
}

TEST(KerasLower, IntegersIntoNorms_AreCast) {
  const std::vector<std::pair<std::string, NetworkBuilder::Weights>> kNorms = {
      {"Normalization", {{"mean", {3}}, {"variance", {3}}}},
      {"Rescaling", {}},
      {"BatchNormalization",
       {{"gamma", {3}}, {"beta", {3}}, {"moving_mean", {3}}, {"moving_variance", {3}}}}};
  for (const auto& [name, weights] : kNorms) {
    NetworkBuilder builder;
    builder.input("x", {3});
    builder.last().config["dtype"] = "int32";
    builder.layer("n", name, {{"scale", 1}, {"epsilon", 9}}, {"x"}, weights);
    if (name == "BatchNormalization") {
      builder.last().config.erase("scale");
    }
    const auto imported = lower(builder.output("n").build());
    ASSERT_THAT(imported, IsOk()) << name;
    const auto reader = imported->model.consumers("x");
    ASSERT_EQ(reader.size(), 1U);
    EXPECT_EQ(imported->model.op_type(reader[0]), "Cast") << name;
  }
}

/// Both directions of an LSTM, the backward one as this configuration has it.
Result<Imported> lowered_directions(const Json& backward) {
  auto inner =
      NetworkBuilder().input("i", {5, 3}).layer("l", "LSTM", {{"units", 2}}, {"i"}).build();
  inner.layers.erase(inner.layers.begin());
  inner.inputs.clear();
  const NetworkBuilder::Weights once = {
      {"kernel", {3, 8}}, {"recurrent_kernel", {2, 8}}, {"bias", {8}}};
  auto weights = once;
  weights.insert(weights.end(), once.begin(), once.end());
  NetworkBuilder builder;
  builder.input("x", {5, 3})
      .layer("b", "Bidirectional", {{"merge_mode", "concat"}, {"backward_layer", backward}}, {"x"},
             weights)
      .with_inner(std::move(inner));
  return lower(builder.output("b").build());
}

TEST(KerasLower, BackwardLayer_HasItsOwnActivations) {
  Json config = {{"units", 2}, {"activation", "relu"}, {"go_backwards", true}};
  const auto imported = lowered_directions({{"class_name", "Keras>LSTM"}, {"config", config}});
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  for (const auto node : model.nodes()) {
    if (model.op_type(node) == "LSTM") {
      EXPECT_THAT(onnx::attribute_as<std::vector<std::string>>(model, node, "activations").value(),
                  ElementsAre("Sigmoid", "Tanh", "Tanh", "Sigmoid", "Relu", "Relu"));
    }
  }
  EXPECT_THAT(lowered_directions(nullptr), IsOk());
  config["go_backwards"] = false;
  EXPECT_THAT(lowered_directions({{"class_name", "LSTM"}, {"config", config}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("a backward_layer")));
  config = {{"units", 2}, {"return_sequences", true}, {"go_backwards", true}};
  EXPECT_THAT(lowered_directions({{"class_name", "LSTM"}, {"config", config}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("a backward_layer")));
  EXPECT_THAT(lowered_directions({{"class_name", 3}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("backward_layer")));
}

TEST(KerasLower, UnknownClass_IsRefusedWithThoseThatAreKnown) {
  const auto imported = lower(
      NetworkBuilder().input("x", {4}).layer("mine", "MyLayer", {}, {"x"}).output("mine").build());
  ASSERT_THAT(imported, FailsWith(ErrorCode::kUnimplemented, HasSubstr("layer 'mine' (MyLayer)")));
  EXPECT_THAT(imported.error().hint, HasSubstr("Conv2D, "));
  EXPECT_THAT(imported.error().hint, HasSubstr("QConv2D, "));
}

TEST(KerasLower, Lambda_IsRefusedWithWhatToDo) {
  const auto imported =
      lower(NetworkBuilder().input("x", {4}).layer("f", "Lambda", {}, {"x"}).output("f").build());
  ASSERT_THAT(imported, FailsWith(ErrorCode::kUnimplemented, HasSubstr("Python code")));
  EXPECT_THAT(imported.error().hint, HasSubstr("replace it"));
}

TEST(KerasLower, WeightsThatDisagree_AreRefusedWithBothShapes) {
  EXPECT_THAT(
      lower(NetworkBuilder()
                .input("x", {4})
                .layer("d", "Dense", {{"units", 3}}, {"x"}, {{"kernel", {5, 3}}, {"bias", {3}}})
                .output("d")
                .build()),
      FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("'d'"), HasSubstr("5x3"), HasSubstr("4x3"))));
  EXPECT_THAT(lower(NetworkBuilder()
                        .input("x", {4})
                        .layer("d", "Dense", {{"units", 3}}, {"x"}, {{"kernel", {4, 3}}})
                        .output("d")
                        .build()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("has 1 weights; expected 2")));
}

TEST(KerasLower, WeightsThatAreNoNumbers_AreRefusedByName) {
  auto network =
      NetworkBuilder()
          .input("x", {1})
          .layer("d", "Dense", {{"units", 1}, {"use_bias", false}}, {"x"}, {{"kernel", {1, 1}}})
          .output("d")
          .build();
  network.layers[1].weights[0].value.as<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(lower(network), FailsWith(ErrorCode::kDataLoss, HasSubstr("layer 'd'")));
}

TEST(KerasLower, NetworkThatReadsItself_IsRefused) {
  auto network =
      NetworkBuilder().input("x", {4}).layer("a", "Add", {}, {"x", "x"}).output("a").build();
  network.layers[1].calls[0].inputs[1] = {1, 0, 0};
  EXPECT_THAT(lower(network), FailsWith(ErrorCode::kDataLoss, HasSubstr("its own result")));
  network.layers[1].calls[0].inputs[1] = {7, 0, 0};
  EXPECT_THAT(lower(network), FailsWith(ErrorCode::kDataLoss, HasSubstr("not there")));
  network.layers[1].calls[0].inputs[1] = {0, 0, 3};
  EXPECT_THAT(lower(network), FailsWith(ErrorCode::kDataLoss, HasSubstr("output 3")));
}

TEST(KerasLower, ConfigurationsOfWrongKinds_AreRefusedByMember) {
  const auto with = [](Json config) {
    return lower(NetworkBuilder()
                     .input("x", {8, 6, 2})
                     .layer("c", "Conv2D", std::move(config), {"x"}, kConvWeights)
                     .output("c")
                     .build());
  };
  EXPECT_THAT(with({{"filters", "two"}, {"kernel_size", 3}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("filters is \"two\"")));
  EXPECT_THAT(with({{"filters", 2}, {"kernel_size", {3, -1}}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("kernel_size")));
  EXPECT_THAT(with({{"filters", 2}, {"kernel_size", 3}, {"strides", 0}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("strides")));
  EXPECT_THAT(with({{"filters", 2}, {"kernel_size", 3}, {"data_format", "channels_first"}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("channels_first")));
  EXPECT_THAT(with({{"filters", 2}, {"kernel_size", 3}, {"activation", "bogus"}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'bogus'")));
}

TEST(KerasLower, WindowBeyondItsInput_IsRefused) {
  EXPECT_THAT(lower(NetworkBuilder()
                        .input("x", {8, 6, 2})
                        .layer("p", "MaxPooling2D", {{"pool_size", {3, 7}}}, {"x"})
                        .output("p")
                        .build()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("a window of 7 does not fit")));
}

TEST(KerasLower, QuantizedDense_KeepsItsIntegers) {
  const auto imported = lower(NetworkBuilder()
                                  .input("x", {4})
                                  .layer("d", "QDense",
                                         {{"units", 3},
                                          {"kernel_quantizer", "quantized_bits(4,0,1,alpha=1)"},
                                          {"bias_quantizer", "quantized_bits(6,0,1)"},
                                          {"activation", "quantized_relu(4,1)"}},
                                         {"x"}, {{"kernel", {4, 3}}, {"bias", {3}}})
                                  .output("d")
                                  .build());
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  EXPECT_EQ(model.initializer_type("d/kernel_codes").value().dtype, DType::kInt8);
  for (const auto bias : floats(model, "d/bias")) {
    EXPECT_EQ(bias * 32, std::round(bias * 32));
  }
  const auto counts = count_types(model);
  EXPECT_EQ(counts.at("DequantizeLinear"), 2);
  EXPECT_EQ(counts.at("QuantizeLinear"), 1);
  EXPECT_EQ(model.opset(), 17);
}

TEST(KerasLower, WideGrid_RaisesTheOpset) {
  const auto imported =
      lower(NetworkBuilder()
                .input("x", {4})
                .layer("a", "QActivation", {{"activation", "quantized_bits(12,3,1)"}}, {"x"})
                .output("a")
                .build());
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->model.opset(), 21);
  EXPECT_EQ(count_types(imported->model)["QuantizeLinear"], 1);
}

TEST(KerasLower, WideGridInsideOfALayer_RaisesTheOpset) {
  const auto imported = lower(
      NetworkBuilder()
          .input("x", {6, 6, 2})
          .layer("s", "QSeparableConv2D",
                 {{"filters", 3},
                  {"kernel_size", 3},
                  {"use_bias", false},
                  {"depthwise_activation", "quantized_bits(12,2,1)"}},
                 {"x"}, {{"depthwise_kernel", {3, 3, 2, 1}}, {"pointwise_kernel", {1, 1, 2, 3}}})
          .output("s")
          .build());
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->model.opset(), kOpsetOf16Bits);
  EXPECT_EQ(count_types(imported->model)["QuantizeLinear"], 1);
}

/// Whether the first input of a network with `between` in front of a 1-D convolution lies channels
/// first.
bool lies_channels_first(const std::string& between, bool convolution) {
  auto network = NetworkBuilder().input("x", {8, 4}).input("y", {8, 4});
  network.layer("b", between, Json::object(), {"x"}).layer("s", "Add", {}, {"y", "y"});
  network.layer(
      "c", convolution ? "Conv1D" : "Activation",
      convolution ? Json{{"filters", 2}, {"kernel_size", 3}} : Json{{"activation", "relu"}}, {"b"},
      convolution ? NetworkBuilder::Weights{{"kernel", {3, 4, 2}}, {"bias", {2}}}
                  : NetworkBuilder::Weights());
  const auto imported = lower(network.output("c").output("s").build());
  EXPECT_THAT(imported, IsOk());
  EXPECT_EQ(imported->inputs.at(1).layout, Layout::kKeras);
  return imported->inputs.at(0).layout == Layout::kChannelsFirst;
}

TEST(KerasLower, SequencesIntoConvolutions_LieChannelsFirst) {
  EXPECT_TRUE(lies_channels_first("ReLU", true));
  EXPECT_FALSE(lies_channels_first("ReLU", false));
  EXPECT_FALSE(lies_channels_first("UpSampling1D", true));
}

TEST(KerasLower, NetworksThatDoubleAtEveryLevel_AreRefused) {
  auto network = NetworkBuilder().input("x", {4}).layer("r", "ReLU", {}, {"x"}).output("r").build();
  for (int level = 0; level < 30; ++level) {
    auto builder = NetworkBuilder();
    builder.input("x", {4}).layer("n", "Functional", {}, {"x"}).with_inner(std::move(network));
    network = builder.call("n", {"n"}).output("n").build();
  }
  EXPECT_THAT(lower(network), FailsWith(ErrorCode::kResourceExhausted, HasSubstr("calls")));
}

TEST(KerasLower, ExtentsBeyondAllNumbers_AreRefused) {
  EXPECT_THAT(lower(NetworkBuilder()
                        .input("x", {1 << 20, 1 << 20, 1})
                        .layer("u", "UpSampling2D", {{"size", 1 << 20}}, {"x"})
                        .layer("v", "UpSampling2D", {{"size", 1 << 30}}, {"u"})
                        .output("v")
                        .build()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("layer 'u'")));
}

TEST(KerasLower, FoldedNorm_IsFoundByNames) {
  const auto one = [](float value) { return Tensor::of(std::vector<float>{value}, {1}); };
  auto builder = NetworkBuilder();
  builder.input("x", {1, 1, 1})
      .layer("c", "QConv2DBatchnorm", {{"filters", 1}, {"kernel_size", 1}, {"epsilon", 0}}, {"x"})
      .with_weight("kernel", Tensor::of(std::vector<float>{3}, {1, 1, 1, 1}))
      .with_weight("bias", one(5))
      .with_weight("gamma", one(2))
      .with_weight("beta", one(7))
      .with_weight("moving_mean", one(1))
      .with_weight("moving_variance", one(16));
  const auto imported = lower(builder.output("c").build());
  ASSERT_THAT(imported, IsOk());
  // 2 / sqrt(16) = 0.5; 0.5 * 3; 0.5 * (5 - 1) + 7.
  EXPECT_THAT(floats(imported->model, "c/kernel"), ElementsAre(1.5F));
  EXPECT_THAT(floats(imported->model, "c/bias"), ElementsAre(9.0F));
}

/// A layer that quantization-aware training wrapped, its weights in the order of such files.
Model wrapped(float low) {
  auto inner =
      NetworkBuilder().input("in", {2}).layer("d", "Dense", {{"units", 2}}, {"in"}).build();
  inner.layers.erase(inner.layers.begin());
  inner.inputs.clear();
  auto builder = NetworkBuilder();
  builder.input("x", {2})
      .layer("quant_d", "QuantizeWrapperV2",
             {{"quantize_config", {{"class_name", "Default8BitQuantizeConfig"}}}}, {"x"})
      .with_inner(std::move(inner))
      .with_weight("bias", Tensor::of(std::vector<float>{0.5F, 0}, {2}))
      .with_weight("optimizer_step", Tensor::scalar(std::int64_t{3}))
      .with_weight("kernel", Tensor::of(std::vector<float>{1.27F, -1.27F, 0.014F, 5}, {2, 2}))
      .with_weight("kernel_min", Tensor::scalar(-1.27F))
      .with_weight("kernel_max", Tensor::scalar(1.27F))
      .with_weight("post_activation_min", Tensor::scalar(low))
      .with_weight("post_activation_max", Tensor::scalar(2.54F));
  return builder.output("quant_d").build();
}

TEST(KerasLower, TrainedRanges_BecomeIntegersAndQuantizers) {
  const auto imported = lower(wrapped(0));
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  // One step is 0.01; what lies beyond the range is its end. A product of floats has its weights
  // transposed.
  EXPECT_THAT(model.initializer("quant_d/kernel_codes").value().as<std::int8_t>(),
              ElementsAre(127, 1, -127, 127));
  EXPECT_EQ(count_types(model)["QuantizeLinear"], 1);
  EXPECT_THAT(model.outputs(), ElementsAre("quant_d"));
}

TEST(KerasLower, TrainedRangeWithoutAStep_IsRefused) {
  constexpr float kLarge = std::numeric_limits<float>::max();
  for (const auto& [low, high] : {std::pair(-kLarge, kLarge), std::pair(-1e-44F, 1e-44F)}) {
    EXPECT_THAT(nudged(low, high, 8, true), FailsWith(ErrorCode::kDataLoss, HasSubstr("no step")));
  }
}

TEST(KerasLower, TrainedRangeWithoutZero_IsRefused) {
  EXPECT_THAT(lower(wrapped(1)), FailsWith(ErrorCode::kDataLoss, HasSubstr("quant_d")));
}

}  // namespace
}  // namespace tessera::keras
