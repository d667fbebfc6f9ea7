// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// .keras archives, whose weights are numbered by class.
#include <gtest/gtest.h>

#include <filesystem>

#include "keras/keras_files.h"
#include "keras/read.h"
#include "keras/weights.h"
#include "support/matchers.h"
#include "tessera/core/file.h"

namespace tessera::keras {
namespace {

namespace made = testing::hdf5;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

made::Object array_of(float value) {
  return made::array_of({value}, {1});
}

/// x -> a (Dense) -> r (ReLU) -> b (Dense)
const std::string kConfig =
    R"({"class_name":"Sequential","config":{"trainable":true,"name":"s","layers":[
  {"class_name":"InputLayer","config":{"trainable":true,"name":"x","batch_shape":[null,1]}},
  {"class_name":"Dense","config":{"trainable":true,"name":"a"}},
  {"class_name":"ReLU","config":{"trainable":true,"name":"r"}},
  {"class_name":"Dense","config":{"trainable":true,"name":"b"}}]}})";

made::Object sound() {
  made::Object root;
  root["layers/dense/vars/0"] = array_of(1);
  root["layers/dense/vars/1"] = array_of(2);
  root["layers/dense_1/vars/0"] = array_of(3);
  root["layers/re_lu/vars"];
  root["vars"];
  return root;
}

Result<Model> read_file_of(const std::string& config, const made::Object& root) {
  return read(made::as_bytes(testing::keras_file(config, made::Writer::file(root))), "m.keras");
}

std::vector<float> values_of(const Layer& layer) {
  std::vector<float> values;
  for (const auto& weight : layer.weights) {
    values.push_back(weight.value.as<float>()[0]);
  }
  return values;
}

/// Says of a member of an archive that it is deflated, from so many bytes.
void claim(std::string& archive, const std::string& name, std::uint64_t bytes) {
  const auto local = archive.find(name) - 30;
  const auto central = archive.rfind(name) - 46;
  for (const auto at : {local + 8, central + 10}) {
    archive.replace(at, 2, made::le(8, 2));
    archive.replace(at + 14, 4, made::le(bytes, 4));
  }
}

/// Brackets alone compress a thousandfold, and take fifty times as much again when they are parsed.
TEST(Archive, ConfigurationFarLargerThanItsArchive_IsRefusedBeforeItIsUnpacked) {
  auto archive = testing::keras_file(std::string(200'000, '['), made::Writer::file(sound()));
  claim(archive, "config.json", std::uint64_t{180} << 20);
  EXPECT_THAT(read(made::as_bytes(archive), "m.keras"),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr("config.json")));
  archive = testing::keras_file(kConfig, made::Writer::file(sound()));
  claim(archive, "metadata.json", 20'000);
  EXPECT_THAT(read(made::as_bytes(archive), "m.keras"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("metadata.json")));
}

TEST(SnakeCase, IsThatOfKeras) {
  EXPECT_EQ(snake_case("Conv2D"), "conv2d");
  EXPECT_EQ(snake_case("MaxPooling2D"), "max_pooling2d");
  EXPECT_EQ(snake_case("ReLU"), "re_lu");
  EXPECT_EQ(snake_case("LeakyReLU"), "leaky_re_lu");
  EXPECT_EQ(snake_case("BatchNormalization"), "batch_normalization");
  EXPECT_EQ(snake_case("QConv2DBatchnorm"), "q_conv2d_batchnorm");
  EXPECT_EQ(snake_case("GRU"), "gru");
  EXPECT_EQ(snake_case("ConvLSTM2D"), "conv_lstm2d");
  EXPECT_EQ(snake_case("InputLayer"), "input_layer");
  EXPECT_EQ(snake_case(""), "");
}

TEST(Archive, LayersOfAClass_AreToldApartByTheirNumbers) {
  const auto model = read_file_of(kConfig, sound());
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->keras_version, "3.0.0");
  EXPECT_EQ(model->generation(), 3);
  EXPECT_THAT(values_of(model->layers[1]), ElementsAre(1, 2));
  EXPECT_THAT(values_of(model->layers[3]), ElementsAre(3));
  EXPECT_EQ(model->layers[3].weights[0].name, "kernel");
  EXPECT_EQ(model->layers[3].weights[0].path, "layers/dense_1/vars/0");
}

/// The names of all weights of a network of one layer.
std::vector<std::string> names_in(const std::string& layer, const made::Object& root) {
  const auto model = read_file_of(
      R"({"class_name":"Sequential","config":{"name":"s","layers":[
        {"class_name":"InputLayer","config":{"name":"x","batch_shape":[null,1,1,1]}},)" +
          layer + "]}}",
      root);
  std::vector<std::string> names;
  EXPECT_THAT(model, IsOk());
  for (const auto& weight : model ? model->layers[1].weights : std::vector<Weight>()) {
    names.push_back(weight.name);
  }
  return names;
}

TEST(Archive, Numbers_AreTheNamesThatTheLayerHas) {
  made::Object root;
  for (const auto* const path :
       {"vars/0", "vars/1", "vars/2", "batchnorm/vars/0", "batchnorm/vars/1", "batchnorm/vars/2"}) {
    root[std::string("layers/q_depthwise_conv2d_batchnorm/") + path] = array_of(1);
  }
  EXPECT_THAT(names_in(R"({"class_name":"QDepthwiseConv2DBatchnorm",
                           "config":{"trainable":true,"name":"c","scale":false}})",
                       root),
              ElementsAre("depthwise_kernel", "bias", "iteration", "beta", "moving_mean",
                          "moving_variance"));
  made::Object adaptive;
  for (const auto* const path : {"vars/0", "vars/1", "vars/2"}) {
    adaptive[std::string("layers/q_adaptive_activation/") + path] = array_of(1);
  }
  EXPECT_THAT(
      names_in(R"({"class_name":"QAdaptiveActivation","config":{"trainable":true,"name":"a"}})",
               adaptive),
      ElementsAre("step", "ema_min", "ema_max"));
  made::Object unknown;
  unknown["layers/own/vars/0"] = array_of(1);
  EXPECT_THAT(names_in(R"({"class_name":"Own","config":{"trainable":true,"name":"o"}})", unknown),
              ElementsAre("0"));
}

TEST(Archive, Keras213_NumbersLayersWithWeightsTwice) {
  made::Object root;
  const std::string layers = "_layer_checkpoint_dependencies";
  root[layers + "/dense/vars/0"] = array_of(1);
  root[layers + "/dense_2/vars/0"] = array_of(3);
  root[layers + "/re_lu/vars"];
  const auto model = read_file_of(kConfig, root);
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(values_of(model->layers[1]), ElementsAre(1));
  EXPECT_THAT(values_of(model->layers[3]), ElementsAre(3));
}

TEST(Archive, Disagreement_NamesLayerAndGroup) {
  auto root = sound();
  root["layers"].members.erase("dense_1");
  EXPECT_THAT(read_file_of(kConfig, root),
              FailsWith(ErrorCode::kDataLoss,
                        AllOf(HasSubstr("layer 'b' (Dense)"), HasSubstr("'/layers'"))));
  root = sound();
  root["layers/conv2d/vars/0"] = array_of(1);
  EXPECT_THAT(read_file_of(kConfig, root),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'/layers/conv2d' belong to no layer")));
  root = sound();
  root["layers/dense/vars"].members.erase("0");
  EXPECT_THAT(read_file_of(kConfig, root),
              FailsWith(ErrorCode::kDataLoss,
                        AllOf(HasSubstr("layer 'a' (Dense)"), HasSubstr("none '0'"))));
  root = sound();
  root["layers/dense/0"] = array_of(1);
  EXPECT_THAT(read_file_of(kConfig, root),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("not in 'vars'")));
  root = sound();
  root["vars/0"] = array_of(1);
  EXPECT_THAT(read_file_of(kConfig, root),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("/vars/0")));
  root = sound();
  root.members.erase("layers");
  EXPECT_THAT(read_file_of(kConfig, root),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no groups of layers")));
}

TEST(Archive, WhatLayersHold_ComesInTheOrderOfTheirWeights) {
  const std::string config =
      R"({"class_name":"Sequential","config":{"trainable":true,"name":"s","layers":[
    {"class_name":"InputLayer","config":{"trainable":true,"name":"x","batch_shape":[null,1]}},
    {"class_name":"Sequential","config":{"trainable":true,"name":"n","layers":[
      {"class_name":"InputLayer","config":{"trainable":true,"name":"i","batch_shape":[null,1]}},
      {"class_name":"Dense","config":{"trainable":true,"name":"a"}}]}},
    {"class_name":"TimeDistributed","config":{"trainable":true,"name":"t","layer":
      {"class_name":"Dense","config":{"trainable":true,"name":"w"}}}},
    {"class_name":"Bidirectional","config":{"trainable":true,"name":"b","layer":
      {"class_name":"GRU","config":{"trainable":true,"name":"g"}}}},
    {"class_name":"Dropout","config":{"trainable":true,"name":"o"}}]}})";
  made::Object root;
  root["layers/sequential/layers/dense/vars/0"] = array_of(1);
  root["layers/time_distributed/layer/vars/0"] = array_of(2);
  root["layers/bidirectional/backward_layer/cell/vars/0"] = array_of(4);
  root["layers/bidirectional/forward_layer/cell/vars/0"] = array_of(3);
  root["layers/dropout/seed_generator/vars/0"] = array_of(5);
  const auto model = read_file_of(config, root);
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(values_of(model->layers[1].inner->layers[1]), ElementsAre(1));
  EXPECT_THAT(values_of(model->layers[2]), ElementsAre());
  EXPECT_THAT(values_of(model->layers[2].inner->layers[0]), ElementsAre(2));
  EXPECT_THAT(values_of(model->layers[3]), ElementsAre(3, 4));
  EXPECT_THAT(values_of(model->layers[4]), ElementsAre());
}

/// x -> m (Multiply, a layer) -> o (Multiply, a function) -> m2 (Multiply, a layer)
const std::string kOperation =
    R"({"class_name":"Functional","config":{"trainable":true,"name":"f","layers":[
  {"class_name":"InputLayer","config":{"trainable":true,"name":"x","batch_shape":[null,1]},"inbound_nodes":[]},
  {"class_name":"Multiply","config":{"name":"m","trainable":true},"module":"keras.layers",
   "inbound_nodes":[[["x",0,0,{}],["x",0,0,{}]]]},
  {"class_name":"Multiply","config":{"name":"o"},"module":"keras.src.ops.numpy",
   "inbound_nodes":[[["m",0,0,{}],["_CONSTANT_VALUE",-1,2.0,{}]]]},
  {"class_name":"Multiply","config":{"name":"m2","trainable":true},"module":"keras.layers",
   "inbound_nodes":[[["o",0,0,{}],["x",0,0,{}]]]}],
  "input_layers":[["x",0,0]],"output_layers":[["m2",0,0]]}})";

TEST(Archive, FunctionsAmongLayers_HaveNoGroupsAndNoNumbers) {
  made::Object root;
  root["layers/multiply/vars"];
  root["layers/multiply_1/vars"];
  const auto model = read_file_of(kOperation, root);
  ASSERT_THAT(model, IsOk());
  EXPECT_FALSE(model->layers[1].is_operation);
  EXPECT_TRUE(model->layers[2].is_operation);
  EXPECT_FALSE(model->layers[3].is_operation);
}

TEST(Archive, MissingMembers_AreNamed) {
  const auto read_members = [](const std::vector<std::pair<std::string, std::string>>& members) {
    return read(made::as_bytes(testing::zip_of(members)), "m.keras");
  };
  const auto weights = made::Writer::file(sound());
  EXPECT_THAT(read_members({{"config.json", kConfig}, {"model.weights.h5", weights}}), IsOk());
  EXPECT_THAT(read_members({{"model.weights.h5", weights}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no 'config.json'")));
  EXPECT_THAT(read_members({{"config.json", kConfig}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no 'model.weights.h5'")));
  EXPECT_THAT(read_members({{"config.json", kConfig}, {"model.weights.json", "{}"}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("several files")));
  EXPECT_THAT(read_members({{"config.json", "{"}, {"model.weights.h5", weights}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("m.keras[config.json]")));
  EXPECT_THAT(read_members({{"config.json", kConfig}, {"model.weights.h5", "no"}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("m.keras[model.weights.h5]")));
}

TEST(Archive, GivenConfiguration_Counts) {
  const auto bytes = testing::keras_file("{}", made::Writer::file(sound()));
  EXPECT_THAT(read(made::as_bytes(bytes), "m.keras"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("class_name")));
  EXPECT_THAT(read(made::as_bytes(bytes), "m.keras", kConfig), IsOk());
}

TEST(Archive, StoredAndDeflatedByOthers_AreRead) {
  for (const auto* const name : {"stored.keras", "deflated.keras"}) {
    const auto model = read(std::filesystem::path(TESSERA_SOURCE_DIR) / "fuzz/corpus/keras" / name);
    ASSERT_THAT(model, IsOk());
    EXPECT_EQ(model->layers.size(), 4u);
    EXPECT_EQ(model->layers[1].inner->layers[1].weights.size(), 1u);
    EXPECT_EQ(model->layers[2].inner->layers[0].weights.size(), 2u);
  }
}

}  // namespace
}  // namespace tessera::keras
