// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/float_form.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "keras/keras_files.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/keras/quantizer.h"
#include "tessera/onnx/query.h"

namespace tessera::keras {
namespace {

using testing::IsOk;

std::filesystem::path fixture(const char* name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/keras" / name;
}

std::int64_t count(const onnx::Model& model, std::string_view type) {
  const auto nodes = model.nodes();
  return std::count_if(nodes.begin(), nodes.end(),
                       [&](const auto node) { return model.op_type(node) == type; });
}

TEST(FloatForm, Quantizers_AreTheFunctionsThatTheyRound) {
  const auto imported = import_float(fixture("q8.h5"));
  ASSERT_THAT(imported, IsOk());
  const auto& model = imported->model;
  EXPECT_EQ(count(model, "QuantizeLinear"), 0);
  EXPECT_EQ(count(model, "DequantizeLinear"), 0);
  EXPECT_EQ(count(model, "Conv"), 3);
  // quantized_relu twice; quantized_bits is nothing.
  EXPECT_EQ(count(model, "Relu"), 2);
}

/// The float form of one activation layer without weights.
Result<Imported> activation(const std::string& class_name, const std::string& config) {
  const auto folder = TemporaryDirectory::create("float-form").value();
  const auto file = folder.path() / "a.h5";
  const std::string network = R"({"class_name":"Sequential","config":{"name":"s","layers":[
    {"class_name":"InputLayer","config":{"name":"x","batch_input_shape":[null,3]}},
    {"class_name":")" + class_name +
                              R"(","config":{"name":"a",)" + config + "}}]}}";
  TESSERA_CHECK(
      write_file(file, testing::legacy_file(network, {{"x", {}}, {"a", {}}}), Overwrite::kRefuse));
  return import_float(file);
}

/// Operator and slope of a network of one node.
std::pair<std::string, float> only_node(const Result<Imported>& imported) {
  EXPECT_THAT(imported, IsOk());
  if (!imported || imported->model.nodes().size() != 1) {
    return {};
  }
  const auto& model = imported->model;
  const auto node = model.nodes().front();
  return {model.op_type(node), onnx::attribute_as<float>(model, node, "alpha").value_or(0)};
}

TEST(FloatForm, Rectifiers_KeepTheirSlopes) {
  using Node = std::pair<std::string, float>;
  EXPECT_EQ(only_node(activation("QActivation", R"j("activation":"quantized_relu(24,8,1)")j")),
            Node("Relu", 0));
  EXPECT_EQ(only_node(activation("QActivation",
                                 R"j("activation":"quantized_relu(24,8,1,negative_slope=0.25)")j")),
            Node("LeakyRelu", 0.25F));
  const std::string adaptive = R"("total_bits":24,"activation":)";
  EXPECT_EQ(only_node(activation("QAdaptiveActivation", adaptive + R"("quantized_relu",
                                 "relu_neg_slope":0.5)")),
            Node("LeakyRelu", 0.5F));
  EXPECT_EQ(only_node(activation("QAdaptiveActivation", adaptive + R"("quantized_bits",
                                 "note":"no quantized_relu")")),
            Node("Identity", 0));
}

/// What the float forms above are: quantizers with so many bits that rounding does not show.
TEST(FloatForm, QuantizersOfManyBits_AreTheRectifier) {
  const std::vector<float> values{-300, -3, -0.5F, 0, 0.5F, 3, 100};
  for (const float slope : {0.0F, 0.25F}) {
    for (const int sigmoid : {0, 1}) {
      const auto text = "quantized_relu(24,8," + std::to_string(sigmoid) +
                        ",negative_slope=" + std::to_string(slope) + ")";
      const auto quantizer = parse_quantizer(Json(text), "test").value().value();
      const auto result = apply(quantizer, Tensor::of(values, {7}).view());
      ASSERT_THAT(result, IsOk());
      for (std::size_t i = 1; i < values.size(); ++i) {
        const float expected = values[i] < 0 ? values[i] * slope : values[i];
        EXPECT_NEAR(result->as<float>()[i], expected, 1e-3) << text;
      }
    }
  }
}

TEST(FloatForm, NetworkWithoutQuantizers_StaysAsItIs) {
  const auto plain = import(fixture("conv.keras"));
  const auto imported = import_float(fixture("conv.keras"));
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->model.serialize().value(), plain->model.serialize().value());
}

}  // namespace
}  // namespace tessera::keras
