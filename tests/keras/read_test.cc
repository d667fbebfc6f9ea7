// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/read.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "keras/keras_files.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/keras/keras.h"

namespace tessera::keras {
namespace {

namespace made = testing::hdf5;
using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::Weights;

const auto kArray = made::array_of({1.0f, 2.0f}, {2});

/// x -> d (Dense) -> r (ReLU)
const std::string kDense = R"({"class_name":"Sequential","config":{"name":"s","layers":[
  {"class_name":"InputLayer","config":{"name":"x","batch_input_shape":[null,2]}},
  {"class_name":"Dense","config":{"name":"d"}},{"class_name":"ReLU","config":{"name":"r"}}]}})";
const Weights kDenseWeights{{"d/kernel:0", kArray}, {"d/bias:0", kArray}};

Result<Model> read_text(const std::string& bytes, std::string_view config = {}) {
  return read(made::as_bytes(bytes), "m.h5", config);
}

std::vector<std::string> names_of(const Layer& layer) {
  std::vector<std::string> names;
  for (const auto& weight : layer.weights) {
    names.push_back(weight.name);
  }
  return names;
}

std::vector<std::string> paths_of(const Layer& layer) {
  std::vector<std::string> paths;
  for (const auto& weight : layer.weights) {
    paths.push_back(weight.path);
  }
  return paths;
}

TEST(IsKeras, TellsByTheFirstBytes) {
  EXPECT_TRUE(is_keras_file("\x89HDF\r\n\x1a\n and more", "m.h5"));
  EXPECT_TRUE(is_keras_file("PK\x03\x04", "m.keras"));
  EXPECT_FALSE(is_keras_file("PK\x03\x04", "a.npz"));
  EXPECT_FALSE(is_keras_file("\x08\x07onnx", "m.onnx"));
  EXPECT_FALSE(is_keras_file("", "m.keras"));
}

// --- legacy layout ------------------------------------------------------------------------------

TEST(LegacyFile, Weights_ComeInTheOrderOfTheList) {
  const auto model = read_text(testing::legacy_file(kDense, {{"d", kDenseWeights}, {"r", {}}}));
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->keras_version, "2.15.0");
  EXPECT_THAT(names_of(model->layers[1]), ElementsAre("kernel", "bias"));
  EXPECT_THAT(paths_of(model->layers[1]), ElementsAre("d/kernel:0", "d/bias:0"));
  EXPECT_EQ(model->layers[1].weights[0].value.as<float>()[1], 2.0f);
  EXPECT_TRUE(model->layers[2].weights.empty());
}

TEST(LegacyFile, SplitLists_ArePutTogether) {
  made::Object root;
  testing::add_layer(root, "d", kDenseWeights);
  testing::add_layer(root, "r", {});
  root.messages.push_back(made::texts("layer_names0", {"d"}));
  root.messages.push_back(made::texts("layer_names1", {"r"}));
  const auto model = read_text(made::Writer::file(root), kDense);
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->layers[1].weights.size(), 2u);
}

TEST(LegacyFile, Disagreement_NamesLayerAndWeight) {
  const auto read_layers = [](const std::vector<std::pair<std::string, Weights>>& layers) {
    return read_text(testing::legacy_file(kDense, layers));
  };
  EXPECT_THAT(read_layers({{"d", kDenseWeights}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("layer 'r' (ReLU) has no group")));
  EXPECT_THAT(read_layers({{"d", kDenseWeights}, {"r", {}}, {"e", {}}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'e', which is no layer")));

  made::Object root;
  testing::add_layer(root, "d", kDenseWeights);
  testing::add_layer(root, "r", {});
  root.messages.push_back(made::texts("layer_names", {"d", "r"}));
  EXPECT_THAT(read_text(made::Writer::file(root), kDense), IsOk());
  auto lost = root;
  lost["d"]["d"].members.erase("bias:0");
  EXPECT_THAT(read_text(made::Writer::file(lost), kDense),
              FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("'d' (Dense)"),
                                                    HasSubstr("'d/bias:0', which is not there"))));
  auto extra = root;
  extra["r"]["r/alpha:0"] = kArray;
  EXPECT_THAT(
      read_text(made::Writer::file(extra), kDense),
      FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr("'r/alpha:0'"), HasSubstr("'r' (ReLU)"))));
  auto unlisted = root;
  unlisted["r"].messages.clear();
  EXPECT_THAT(read_text(made::Writer::file(unlisted), kDense),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'r' has no list")));
  auto twice = root;
  twice["d"].messages = {made::texts("weight_names", {"d/kernel:0", "d/kernel:0", "d/bias:0"})};
  EXPECT_THAT(read_text(made::Writer::file(twice), kDense),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("twice")));
  auto own = root;
  testing::add_layer(own, "top_level_model_weights", {{"scale:0", kArray}});
  EXPECT_THAT(read_text(made::Writer::file(own), kDense),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("'scale:0'")));
}

TEST(LegacyFile, SlashesInNamesOfLayers_AreGroupsInGroups) {
  const std::string config = R"({"class_name":"Sequential","config":{"name":"s","layers":[
    {"class_name":"InputLayer","config":{"name":"x","batch_input_shape":[null,2]}},
    {"class_name":"Dense","config":{"name":"a"}},{"class_name":"Dense","config":{"name":"a/b"}},
    {"class_name":"Sequential","config":{"name":"n","layers":[
      {"class_name":"InputLayer","config":{"name":"i","batch_input_shape":[null,2]}},
      {"class_name":"Dense","config":{"name":"c/d"}},
      {"class_name":"Dense","config":{"name":"c"}}]}}]}})";
  const auto model = read_text(testing::legacy_file(
      config, {{"a", {{"a/kernel:0", kArray}}},
               {"a/b", {{"a/b/kernel:0", kArray}}},
               {"n", {{"n/c/d/kernel:0", kArray}, {"n/c/kernel:0", kArray}}}}));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(paths_of(model->layers[1]), ElementsAre("a/kernel:0"));
  EXPECT_THAT(paths_of(model->layers[2]), ElementsAre("a/b/kernel:0"));
  const auto& inner = *model->layers[3].inner;
  EXPECT_THAT(paths_of(inner.layers[1]), ElementsAre("n/c/d/kernel:0"));
  EXPECT_THAT(paths_of(inner.layers[2]), ElementsAre("n/c/kernel:0"));
}

/// A network with two layers named alike at two depths, and one with a BatchNormalization in it.
const std::string kNested = R"({"class_name":"Sequential","config":{"name":"s","layers":[
  {"class_name":"InputLayer","config":{"name":"x","batch_input_shape":[null,2]}},
  {"class_name":"Sequential","config":{"name":"block","layers":[
    {"class_name":"InputLayer","config":{"name":"i","batch_input_shape":[null,2]}},
    {"class_name":"Dense","config":{"name":"d"}},
    {"class_name":"QConv2DBatchnorm","config":{"name":"c"}},
    {"class_name":"BatchNormalization","config":{"name":"batch_normalization"}},
    {"class_name":"TimeDistributed","config":{"name":"t","layer":
      {"class_name":"Dense","config":{"name":"td"}}}},
    {"class_name":"Sequential","config":{"name":"deep","layers":[
      {"class_name":"InputLayer","config":{"name":"j","batch_input_shape":[null,2]}},
      {"class_name":"Dense","config":{"name":"d"}}]}}]}}]}})";

TEST(LegacyFile, WeightsOfNestedNetworks_GoToTheirLayers) {
  const auto model = read_text(
      testing::legacy_file(kNested, {{"block",
                                      {{"block/d/kernel:0", kArray},
                                       {"c/batch_normalization/gamma:0", kArray},
                                       {"batch_normalization/gamma:0", kArray},
                                       {"t/kernel:0", kArray},
                                       {"block/deep/d/kernel:0", kArray},
                                       {"c/batch_normalization/moving_mean:0", kArray}}}}));
  ASSERT_THAT(model, IsOk());
  const auto& block = *model->layers[1].inner;
  EXPECT_TRUE(model->layers[1].weights.empty());
  EXPECT_THAT(paths_of(block.layers[1]), ElementsAre("block/d/kernel:0"));
  EXPECT_THAT(paths_of(block.layers[2]),
              ElementsAre("c/batch_normalization/gamma:0", "c/batch_normalization/moving_mean:0"));
  EXPECT_THAT(names_of(block.layers[3]), ElementsAre("gamma"));
  EXPECT_TRUE(block.layers[4].weights.empty());
  EXPECT_THAT(names_of(block.layers[4].inner->layers[0]), ElementsAre("kernel"));
  EXPECT_THAT(paths_of(block.layers[5].inner->layers[1]), ElementsAre("block/deep/d/kernel:0"));
}

TEST(LegacyFile, WeightOfNoOrOfSeveralNestedLayers_IsDataLoss) {
  for (const auto* const path : {"q/kernel:0", "kernel:0"}) {
    EXPECT_THAT(read_text(testing::legacy_file(kNested, {{"block", {{path, kArray}}}})),
                FailsWith(ErrorCode::kDataLoss, AllOf(HasSubstr(path), HasSubstr("'block'"))));
  }
}

TEST(LegacyFile, WrapperWithWeightsOfItsOwn_KeepsAll) {
  const std::string config = R"({"class_name":"Sequential","config":{"name":"s","layers":[
    {"class_name":"InputLayer","config":{"name":"x","batch_input_shape":[null,2]}},
    {"class_name":"QuantizeWrapperV2","config":{"name":"quant_d","layer":
      {"class_name":"Dense","config":{"name":"d"}}}}]}})";
  const auto model = read_text(testing::legacy_file(
      config, {{"quant_d", {{"d/kernel:0", kArray}, {"quant_d/kernel_min:0", kArray}}}}));
  ASSERT_THAT(model, IsOk());
  EXPECT_THAT(names_of(model->layers[1]), ElementsAre("kernel", "kernel_min"));
  EXPECT_TRUE(model->layers[1].inner->layers[0].weights.empty());
}

// --- weights alone ------------------------------------------------------------------------------

std::string weights_alone() {
  made::Object root;
  testing::add_layer(root, "d", kDenseWeights);
  testing::add_layer(root, "r", {});
  root.messages.push_back(made::texts("layer_names", {"d", "r"}));
  return made::Writer::file(root);
}

TEST(WeightsAlone, NeedAConfiguration) {
  EXPECT_THAT(read_text(weights_alone()),
              FailsWith(ErrorCode::kNotFound, HasSubstr("no configuration beside it")));
  EXPECT_THAT(read_text(weights_alone(), kDense), IsOk());
}

TEST(WeightsAlone, ConfigurationIsFoundBesideOrGiven) {
  const auto folder = TemporaryDirectory::create("keras").value();
  const auto at = [&](const char* name) { return folder.path() / name; };
  for (const auto* const name : {"a.h5", "b.weights.h5"}) {
    ASSERT_THAT(write_file(at(name), weights_alone(), Overwrite::kRefuse), IsOk());
    EXPECT_THAT(read(at(name)), FailsWith(ErrorCode::kNotFound, HasSubstr(name)));
  }
  for (const auto* const name : {"a.json", "b.json", "other.json"}) {
    ASSERT_THAT(write_file(at(name), kDense, Overwrite::kRefuse), IsOk());
  }
  EXPECT_THAT(read(at("a.h5")), IsOk());
  EXPECT_THAT(read(at("b.weights.h5")), IsOk());
  EXPECT_THAT(read(at("a.h5"), at("other.json")), IsOk());
  EXPECT_THAT(read(at("a.h5"), at("none.json")),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.json")));
  EXPECT_THAT(read(at("none.h5")), FailsWith(ErrorCode::kNotFound, HasSubstr("none.h5")));
}

// --- bad input ----------------------------------------------------------------------------------

TEST(Read, NeitherFormat_IsDataLoss) {
  EXPECT_THAT(read_text("some text"), FailsWith(ErrorCode::kDataLoss, HasSubstr("neither")));
  EXPECT_THAT(read_text(""), FailsWith(ErrorCode::kDataLoss, HasSubstr("m.h5")));
}

TEST(Read, DeepOrBrokenConfiguration_IsDataLoss) {
  EXPECT_THAT(read_text(testing::legacy_file("{\"class_name\": ", {})),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("model_config")));
  const std::string deep(100000, '[');
  EXPECT_THAT(read_text(weights_alone(), deep),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("configuration beside it")));
}

}  // namespace
}  // namespace tessera::keras
