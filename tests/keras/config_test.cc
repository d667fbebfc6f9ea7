// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/config.h"

#include <gtest/gtest.h>

#include <ostream>

#include "support/matchers.h"

namespace tessera::keras {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;

Json layer(const char* class_name, const char* name, Json config = Json::object()) {
  config["name"] = name;
  return {{"class_name", class_name}, {"config", std::move(config)}};
}

Json layer(const char* class_name, const char* name, Json config, Json inbound) {
  auto made = layer(class_name, name, std::move(config));
  made["name"] = name;
  made["inbound_nodes"] = std::move(inbound);
  return made;
}

Json input(const char* name) {
  return layer("InputLayer", name, {{"batch_input_shape", {nullptr, 4}}}, Json::array());
}

Json network(const char* class_name, const char* name, Json layers, Json inputs, Json outputs) {
  return {{"class_name", class_name},
          {"config",
           {{"name", name},
            {"layers", std::move(layers)},
            {"input_layers", std::move(inputs)},
            {"output_layers", std::move(outputs)}}}};
}

/// x -> `last` -> out
Json small(Json last, const char* out) {
  return network("Functional", "m", Json::array({input("x"), std::move(last)}),
                 Json::array({Json::array({"x", 0, 0})}), Json::array({Json::array({out, 0, 0})}));
}

Json sequential(Json layers) {
  return {{"class_name", "Sequential"}, {"config", {{"name", "s"}, {"layers", std::move(layers)}}}};
}

Result<Model> parse(const Json& config, const std::string& version = "2.15.0") {
  return parse_config(config, version, "m.h5");
}

Json json(std::string_view text) {
  return parse_json(text, "test").value();
}

TEST(BareClassName, Package_IsTakenOff) {
  EXPECT_EQ(bare_class_name("Custom>QDense"), "QDense");
  EXPECT_EQ(bare_class_name("a>b>QDense"), "QDense");
  EXPECT_EQ(bare_class_name("Dense"), "Dense");
}

// --- Sequential ---------------------------------------------------------------------------------

TEST(Sequential, LayersAreCalledInTheirOrder) {
  const auto model = parse(sequential(Json::array(
      {layer("InputLayer", "x", {{"batch_input_shape", {nullptr, 4}}}), layer("Dense", "d")})));
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->name, "s");
  ASSERT_EQ(model->layers.size(), 2u);
  EXPECT_THAT(model->layers[1].calls.at(0).inputs, ElementsAre(TensorRef{0, 0, 0}));
  EXPECT_THAT(model->inputs, ElementsAre(TensorRef{0, 0, 0}));
  EXPECT_THAT(model->outputs, ElementsAre(TensorRef{1, 0, 0}));
}

struct ShapeCase {
  const char* name;
  const char* config;
};

void PrintTo(const ShapeCase& param, std::ostream* out) {
  *out << param.name;
}

class WithoutInputLayer : public ::testing::TestWithParam<ShapeCase> {};

TEST_P(WithoutInputLayer, GetsOneFromWhatTheFileSays) {
  const auto model = parse(json(GetParam().config));
  ASSERT_THAT(model, IsOk());
  ASSERT_EQ(model->layers.size(), 2u);
  EXPECT_EQ(model->layers[0].class_name, "InputLayer");
  EXPECT_EQ(model->layers[0].name, "d_input");
  EXPECT_EQ(model->layers[0].config.at("batch_input_shape"), Json({nullptr, 4}));
  EXPECT_EQ(model->layers[0].config.at("dtype"), "float32");
}

INSTANTIATE_TEST_SUITE_P(
    Dialects, WithoutInputLayer,
    ::testing::Values(
        ShapeCase{"layer", R"({"class_name":"Sequential","config":{"name":"s","layers":[
          {"class_name":"Dense","config":{"name":"d","batch_input_shape":[null,4]}}]}})"},
        ShapeCase{"list", R"({"class_name":"Sequential","config":[
          {"class_name":"Dense","config":{"name":"d","batch_input_shape":[null,4]}}]})"},
        ShapeCase{"built", R"({"class_name":"Sequential","config":{"name":"s",
          "build_input_shape":[null,4],"layers":[{"class_name":"Dense","config":{"name":"d"}}]}})"},
        ShapeCase{"build_config", R"({"class_name":"Sequential","config":{"name":"s","layers":[
          {"class_name":"Dense","config":{"name":"d"},
           "build_config":{"input_shape":[null,4]}}]}})"}),
    [](const auto& param) { return param.param.name; });

TEST(Sequential, WithoutAnyShape_IsUnimplemented) {
  EXPECT_THAT(parse(sequential(Json::array({layer("Dense", "d")}))),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("shape")));
}

// --- calls --------------------------------------------------------------------------------------

TEST(Calls, SharedLayer_HasTwoCalls) {
  const auto model = parse(network(
      "Model", "m",
      json(R"([{"class_name":"InputLayer","config":{"name":"a"},"name":"a","inbound_nodes":[]},
        {"class_name":"InputLayer","config":{"name":"b"},"name":"b","inbound_nodes":[]},
        {"class_name":"Dense","config":{"name":"d"},"name":"d",
         "inbound_nodes":[[["a",0,0,{}]],[["b",0,0,{}]]]},
        {"class_name":"Add","config":{"name":"s"},"name":"s",
         "inbound_nodes":[[["d",0,0,{}],["d",1,0,{}]]]}])"),
      json(R"([["a",0,0],["b",0,0]])"), json(R"([["s",0,0],["d",1,0]])")));
  ASSERT_THAT(model, IsOk());
  const auto& dense = model->layers[2];
  ASSERT_EQ(dense.calls.size(), 2u);
  EXPECT_THAT(dense.calls[0].inputs, ElementsAre(TensorRef{0, 0, 0}));
  EXPECT_THAT(dense.calls[1].inputs, ElementsAre(TensorRef{1, 0, 0}));
  EXPECT_THAT(model->layers[3].calls[0].inputs,
              ElementsAre(TensorRef{2, 0, 0}, TensorRef{2, 1, 0}));
  EXPECT_THAT(model->outputs, ElementsAre(TensorRef{3, 0, 0}, TensorRef{2, 1, 0}));
}

TEST(Calls, NamedTensorsAndConstantsOfKeras2_AreTold) {
  const auto model = parse(small(layer("TFOpLambda", "op", Json::object(),
                                       json(R"([["x",0,0,{"y":["x",0,0],"z":2.5,"none":null}]])")),
                                 "op"));
  ASSERT_THAT(model, IsOk());
  const auto& call = model->layers[1].calls.at(0);
  EXPECT_THAT(call.inputs, ElementsAre(TensorRef{0, 0, 0}, TensorRef{0, 0, 0}));
  EXPECT_EQ(call.arguments, json(R"({"y":{"__input__":1},"z":2.5})"));
}

TEST(Calls, ConstantAmongTensorsOfKeras2_IsTold) {
  const auto model = parse(small(layer("Dot", "op", Json::object(),
                                       json(R"([[["x",0,0,{}],["_CONSTANT_VALUE",-1,[1,2],{}]]])")),
                                 "op"));
  ASSERT_THAT(model, IsOk());
  const auto& call = model->layers[1].calls.at(0);
  EXPECT_THAT(call.inputs, ElementsAre(TensorRef{0, 0, 0}));
  EXPECT_EQ(call.arguments, json(R"({"*args":[{"__input__":0},[1,2]]})"));
}

TEST(Calls, ArgumentsOfKeras3_AreTold) {
  const auto tensor = [](const char* name) {
    return Json{{"class_name", "__keras_tensor__"},
                {"config", {{"keras_history", Json::array({name, 0, 0})}}}};
  };
  const Json node = {{"args", Json::array({Json::array({tensor("x"), tensor("x")}), 2.0})},
                     {"kwargs", {{"mask", nullptr}, {"key", tensor("x")}, {"causal", true}}}};
  const auto model =
      parse(small(layer("Op", "op", Json::object(), Json::array({node})), "op"), "3.0.0");
  ASSERT_THAT(model, IsOk());
  const auto& call = model->layers[1].calls.at(0);
  EXPECT_EQ(call.inputs.size(), 3u);
  EXPECT_EQ(call.arguments, json(R"({"*args":[[{"__input__":0},{"__input__":1}],2.0],
                                     "key":{"__input__":2},"causal":true})"));
}

TEST(Calls, OneTensorOfKeras3_NeedsNoList) {
  auto config = small(layer("ReLU", "r", Json::object(), json(R"([{"args":[{"class_name":
      "__keras_tensor__","config":{"keras_history":["x",0,0]}}],"kwargs":{"mask":null}}])")),
                      "r");
  config["config"]["input_layers"] = Json::array({"x", 0, 0});
  config["config"]["output_layers"] = {{"y", Json::array({"r", 0, 0})}};
  const auto model = parse(config, "3.0.0");
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(model->outputs, ElementsAre(TensorRef{1, 0, 0}));
  EXPECT_EQ(model->layers[1].calls.at(0).arguments, Json::object());
}

TEST(Version, IsThatOfTheConfigurationOrOfItsNames) {
  const auto version_of = [](Json config, const char* key) {
    config["config"]["layers"][0]["config"] = {{"name", "x"}, {key, {nullptr, 4}}};
    return parse(config, "")->keras_version;
  };
  auto config = sequential(Json::array({layer("InputLayer", "x")}));
  EXPECT_EQ(version_of(config, "batch_input_shape"), "");
  EXPECT_EQ(version_of(config, "batch_shape"), "3");
  config["keras_version"] = "2.4.0";
  EXPECT_EQ(version_of(config, "batch_shape"), "2.4.0");
}

TEST(Operations, WithoutModule_AreKnownByWhatTheyLack) {
  const auto list =
      Json::array({layer("InputLayer", "x", {{"batch_shape", {1}}}), layer("Multiply", "o"),
                   layer("Multiply", "m", {{"trainable", true}})});
  for (const auto* const version : {"2.15.0", "3.0.0"}) {
    const auto model = parse(sequential(list), version);
    ASSERT_THAT(model, IsOk());
    EXPECT_FALSE(model->layers[0].is_operation);
    EXPECT_EQ(model->layers[1].is_operation, model->generation() == 3);
    EXPECT_FALSE(model->layers[2].is_operation);
  }
}

// --- what is in layers --------------------------------------------------------------------------

/// A network with a nested one, whose output is named by `node`.
Json nested(const char* inner_class, int node) {
  auto inner = std::string_view(inner_class) == "Sequential"
                   ? sequential(Json::array(
                         {layer("InputLayer", "i", {{"batch_shape", {1}}}), layer("Dense", "d")}))
                   : small(layer("Dense", "d", Json::object(), json(R"([[["x",0,0,{}]]])")), "d");
  inner["config"]["name"] = "inner";
  inner["name"] = "inner";
  inner["inbound_nodes"] = json(R"([[["x",0,0,{}]]])");
  auto config = small(std::move(inner), "inner");
  config["config"]["output_layers"][0][1] = node;
  return config;
}

TEST(Nested, FirstCall_CountsFromOneOrNothingAsTheFileDoes) {
  for (const auto* const inner : {"Functional", "Sequential"}) {
    for (const int node : {0, 1}) {
      const auto model = parse(nested(inner, node));
      ASSERT_THAT(model, IsOk()) << inner << node;
      EXPECT_THAT(model->outputs, ElementsAre(TensorRef{1, 0, 0}));
      ASSERT_NE(model->layers[1].inner, nullptr);
      EXPECT_EQ(model->layers[1].inner->layers.back().name, "d");
      EXPECT_EQ(model->layers[1].inner->inputs.size(), 1u);
    }
    EXPECT_THAT(parse(nested(inner, 2)),
                FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("call 2"), HasSubstr("inner"))));
  }
}

TEST(Wrapper, WrappedLayer_IsAModelOfOneLayer) {
  const auto model = parse(sequential(
      Json::array({layer("InputLayer", "x", {{"batch_shape", {nullptr, 2, 4}}}),
                   layer("TimeDistributed", "t", {{"layer", layer("pkg>QDense", "d")}})})));
  ASSERT_THAT(model, IsOk());
  const auto& inner = model->layers[1].inner;
  ASSERT_NE(inner, nullptr);
  EXPECT_TRUE(inner->inputs.empty());
  ASSERT_EQ(inner->layers.size(), 1u);
  EXPECT_EQ(inner->layers[0].class_name, "QDense");
}

// --- bad input ----------------------------------------------------------------------------------

struct BadConfig {
  const char* name;
  const char* config;
  ErrorCode code;
  const char* says;
};

void PrintTo(const BadConfig& param, std::ostream* out) {
  *out << param.name;
}

class Bad : public ::testing::TestWithParam<BadConfig> {};

TEST_P(Bad, Config_IsRefusedByName) {
  const auto model = parse(json(GetParam().config));
  ASSERT_THAT(model, FailsWith(GetParam().code, HasSubstr(GetParam().says)));
  EXPECT_THAT(model.error().message, HasSubstr("m.h5"));
  EXPECT_NE(model.error().hint, "");
}

#define FUNCTIONAL(layers, ends) \
  R"({"class_name":"Functional","config":{"name":"f","layers":[)" layers "]," ends "}}"
#define ENDS R"("input_layers":[["x",0,0]],"output_layers":[["d",0,0]])"
#define X R"({"class_name":"InputLayer","config":{"name":"x"},"inbound_nodes":[]})"
#define D(inbound) R"({"class_name":"Dense","config":{"name":"d"},"inbound_nodes":)" inbound "}"

INSTANTIATE_TEST_SUITE_P(
    Kinds, Bad,
    ::testing::Values(
        BadConfig{"nothing", "[]", ErrorCode::kDataLoss, "class_name"},
        BadConfig{"no_config", R"({"class_name":"Sequential"})", ErrorCode::kDataLoss, "config"},
        BadConfig{"subclassed", R"({"class_name":"MyNet","config":{"name":"m"}})",
                  ErrorCode::kUnimplemented, "MyNet"},
        BadConfig{"no_layers", R"({"class_name":"Sequential","config":{"layers":[]}})",
                  ErrorCode::kDataLoss, "no layers"},
        BadConfig{"nameless",
                  R"({"class_name":"Sequential","config":{"layers":[
                    {"class_name":"Dense","config":{}}]}})",
                  ErrorCode::kDataLoss, "Dense has no name"},
        BadConfig{"two_of_a_name", FUNCTIONAL(X "," X, ENDS), ErrorCode::kDataLoss, "'x'"},
        BadConfig{"unknown_source", FUNCTIONAL(X "," D(R"([[["y",0,0,{}]]])"), ENDS),
                  ErrorCode::kDataLoss, "'y'"},
        BadConfig{"unknown_call", FUNCTIONAL(X "," D(R"([[["x",3,0,{}]]])"), ENDS),
                  ErrorCode::kDataLoss, "call 3 of 'x'"},
        BadConfig{"itself", FUNCTIONAL(X "," D(R"([[["d",0,0,{}]]])"), ENDS), ErrorCode::kDataLoss,
                  "its own output"},
        BadConfig{"no_list", FUNCTIONAL(X "," D("7"), ENDS), ErrorCode::kDataLoss,
                  "inbound_nodes are no list"},
        BadConfig{"no_node", FUNCTIONAL(X "," D("[7]"), ENDS), ErrorCode::kDataLoss, "[d]"},
        BadConfig{"no_ref", FUNCTIONAL(X "," D("[[[7]]]"), ENDS), ErrorCode::kDataLoss, "[d]"},
        BadConfig{"no_args", FUNCTIONAL(X "," D(R"([{"args":3}])"), ENDS), ErrorCode::kDataLoss,
                  "list of arguments"},
        BadConfig{"tensors_by_name", FUNCTIONAL(X "," D(R"([{"a":["x",0,0,{}]}])"), ENDS),
                  ErrorCode::kUnimplemented, "object of tensors"},
        BadConfig{"no_inputs", FUNCTIONAL(X, R"("output_layers":[["x",0,0]])"),
                  ErrorCode::kDataLoss, "no inputs"},
        BadConfig{"no_outputs", FUNCTIONAL(X, R"("input_layers":[["x",0,0]])"),
                  ErrorCode::kDataLoss, "no outputs"},
        BadConfig{"input_is_none",
                  FUNCTIONAL(X "," D(R"([[["x",0,0,{}]]])"),
                             R"("input_layers":[["d",0,0]],"output_layers":[["d",0,0]])"),
                  ErrorCode::kDataLoss, "no InputLayer but Dense"},
        BadConfig{"ragged",
                  R"({"class_name":"Sequential","config":{"layers":[
                    {"class_name":"InputLayer","config":{"name":"x","ragged":true}}]}})",
                  ErrorCode::kUnimplemented, "ragged"}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace tessera::keras
