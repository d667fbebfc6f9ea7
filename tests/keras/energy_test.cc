// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/energy.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/energy_units.h"
#include "support/matchers.h"

namespace tessera::keras {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::HasSubstr;

NumberType type(const char* text) {
  return type_of(parse_quantizer(Json(text), "test").value().value());
}

// --- widths ----------------------------------------------------------------------------------

TEST(NumberTypes, Products_AreAsWideAsBothFactors) {
  const auto product = multiply(type("quantized_bits(4,0,1)"), type("quantized_relu(6,2)"));
  EXPECT_EQ(product.circuit, Circuit::kMultiplier);
  EXPECT_EQ(product.output.bits, 10);
  EXPECT_EQ(product.output.int_bits, 2);
  EXPECT_TRUE(product.output.is_signed);
  EXPECT_DOUBLE_EQ(product.gate_bits, std::sqrt(24.0));
}

TEST(NumberTypes, CircuitsFollowTheNarrowerFactor) {
  const auto circuit = [](const char* weight, const char* input) {
    return multiply(type(weight), type(input)).circuit;
  };
  EXPECT_EQ(circuit("quantized_po2(4)", "quantized_bits(4)"), Circuit::kShifter);
  EXPECT_EQ(circuit("quantized_po2(4)", "quantized_relu_po2(4)"), Circuit::kAdder);
  EXPECT_EQ(circuit("ternary()", "quantized_bits(4)"), Circuit::kMux);
  EXPECT_EQ(circuit("quantized_bits(4)", "binary()"), Circuit::kMux);
  EXPECT_EQ(circuit("binary()", "binary()"), Circuit::kXor);
  EXPECT_EQ(circuit("binary(use_01=True)", "quantized_bits(4)"), Circuit::kAnd);
  EXPECT_EQ(multiply(float_type(32), type("binary()")).circuit, Circuit::kMultiplier);
}

TEST(NumberTypes, ShiftsWidenByTheExponents) {
  // Exponents -4 to 3: four bits to the right, three to the left.
  const auto product = multiply(type("quantized_po2(4)"), type("quantized_bits(8,1,1)"));
  EXPECT_EQ(product.output.bits, 8 + 4 + 3);
  EXPECT_EQ(product.output.int_bits, 1 + 3);
}

TEST(NumberTypes, SumsGrowWithTheirTerms) {
  const auto product = fixed_type(10, 2, true);
  EXPECT_EQ(accumulate(64, product).bits, 16);
  EXPECT_EQ(accumulate(65, product).bits, 17);
  EXPECT_EQ(accumulate(1, product).bits, 10);
  EXPECT_EQ(add(product, fixed_type(4, 3, false)).int_bits, 4);
  EXPECT_TRUE(add(product, float_type(16)).is_float());
}

TEST(NumberTypes, DivisionByFewBits_IsRefused) {
  EXPECT_THAT(divide(fixed_type(8, 0, true), type("ternary()")),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("ternary")));
}

// --- units -----------------------------------------------------------------------------------

TEST(EnergyUnits, ArithmeticIsThatOfIsscc2014) {
  const Operation product{.output = fixed_type(16, 0, true), .gate_bits = 8};
  EXPECT_NEAR(energy_of(product), 0.2, 1e-3);
  EXPECT_NEAR(addition(fixed_type(32, 0, true)), 0.1, 1e-9);
  EXPECT_EQ(addition(float_type(32)), 0.9);
  EXPECT_EQ(addition(float_type(16)), 0.4);
}

TEST(EnergyUnits, PhysicalMemory_CostsWhatItsSourceSays) {
  const EnergyOptions options{.io_through_dram = false};
  const auto word = [&](double size) {
    return moving({size}, MemoryKind::kSram, options) / size * 64;
  };
  EXPECT_NEAR(word(65536), 10, 0.05);        // 8 KB
  EXPECT_NEAR(word(262144), 20, 0.05);       // 32 KB
  EXPECT_NEAR(word(8388608), 100, 0.2);      // 1 MB
  EXPECT_NEAR(word(64), word(65536), 1e-9);  // no smaller memory is known
  EXPECT_NEAR(moving({64}, MemoryKind::kDram, options), 1300, 1e-9);
  EXPECT_EQ(moving({64}, MemoryKind::kFixed, options), 0);
}

TEST(EnergyUnits, QtoolsTakesWordsForBits) {
  const EnergyOptions physical{.io_through_dram = false};
  auto qtools = physical;
  qtools.rules = EnergyRules::kQtools;
  const Traffic traffic{.bits = 1048576};
  EXPECT_NEAR(moving(traffic, MemoryKind::kSram, physical),
              64 * moving(traffic, MemoryKind::kSram, qtools), 1e-6);
}

TEST(EnergyUnits, EveryConstant_SaysWhereItIsFrom) {
  EXPECT_FALSE(energy_constants().empty());
  for (const auto& constant : energy_constants()) {
    EXPECT_FALSE(constant.name.empty() || constant.value.empty() || constant.source.empty() ||
                 constant.process.empty() || constant.uncertainty.empty());
  }
}

// --- networks --------------------------------------------------------------------------------

Layer input_layer(const Json& shape) {
  return {.name = "in",
          .class_name = "InputLayer",
          .config = {{"name", "in"}, {"batch_input_shape", shape}, {"dtype", "float32"}},
          .calls = {Call{}}};
}

Layer dense_layer() {
  return {.name = "fc",
          .class_name = "QDense",
          .config = {{"name", "fc"},
                     {"units", 2},
                     {"use_bias", true},
                     {"activation", "linear"},
                     {"kernel_quantizer", "quantized_bits(4,0,1,alpha=1)"},
                     {"bias_quantizer", "quantized_bits(8,0,1)"}},
          .weights = {{"kernel", "fc/kernel:0", Tensor(DType::kFloat32, {3, 2})},
                      {"bias", "fc/bias:0", Tensor(DType::kFloat32, {2})}},
          .calls = {Call{.inputs = {{0, 0, 0}}}}};
}

Model network() {
  return {.name = "n",
          .keras_version = "2.15.0",
          .layers = {input_layer({nullptr, 3}), dense_layer()},
          .inputs = {{0, 0, 0}},
          .outputs = {{1, 0, 0}}};
}

TEST(QtoolsEnergy, ADenseLayer_IsCountedByHand) {
  const auto model = network();
  const auto table = energy_of(
      model,
      {.weights = MemoryKind::kSram, .activations = MemoryKind::kSram, .io_through_dram = false});
  ASSERT_THAT(table, IsOk());
  ASSERT_EQ(table->layers.size(), 1U);
  const auto& layer = table->layers[0];
  EXPECT_EQ(layer.operations, 6);
  EXPECT_EQ(layer.product->output.bits, 12);
  EXPECT_EQ(layer.sum->bits, 14);  // 3 products and a bias
  const double product = 0.002994791667 * 32 + 0.001041666667 * std::sqrt(32.0);
  EXPECT_NEAR(layer.computed, 6 * (product + 0.003125 * 14), 1e-9);
  EXPECT_NEAR(layer.parameters, (6 * 4 + 2 * 8) * 10.0 / 64, 0.05);
  EXPECT_NEAR(layer.read, 3 * 8 * 10.0 / 64, 0.05);
  EXPECT_NEAR(layer.written, 2 * 14 * 10.0 / 64, 0.05);
  EXPECT_DOUBLE_EQ(table->counted, table->total);
}

TEST(QtoolsEnergy, AnActivationOfTheLayer_SaysWhatIsWritten) {
  auto model = network();
  model.layers[1].config["activation"] = "quantized_relu(6,2)";
  const auto table = energy_of(model);
  ASSERT_THAT(table, IsOk());
  EXPECT_EQ(table->layers[0].output.bits, 6);
  EXPECT_EQ(table->layers[0].sum->bits, 14);
}

/// An activation of its own for each of so many inputs of these extents.
Model activations(std::size_t count, const Json& shape) {
  Model model{.name = "n", .keras_version = "2.15.0"};
  for (std::size_t i = 0; i < count; ++i) {
    const auto n = std::to_string(i);
    auto input = input_layer(shape);
    input.name = "in" + n;
    input.config["name"] = input.name;
    const auto place = model.layers.size();
    model.layers.push_back(std::move(input));
    model.layers.push_back({.name = "act" + n,
                            .class_name = "Activation",
                            .config = {{"name", "act" + n}, {"activation", "relu"}},
                            .calls = {Call{.inputs = {{place, 0, 0}}}}});
    model.inputs.push_back({place, 0, 0});
    model.outputs.push_back({place + 1, 0, 0});
  }
  return model;
}

TEST(QtoolsEnergy, CountsThatNoNumberHolds_AreRefused) {
  const auto table = energy_of(activations(2, {nullptr, 65536, 65536, 1024}));
  ASSERT_THAT(table, IsOk());
  EXPECT_EQ(table->operations, std::int64_t{1} << 43);
  EXPECT_EQ(to_json(*table).at("operations"), table->operations);
  EXPECT_THAT(energy_of(activations(1, {nullptr, 2147483647, 2147483647, 2147483647})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("layer 'act0'")));
  // Each can be counted, but not both.
  EXPECT_THAT(energy_of(activations(2, {nullptr, 65536, 65536, 1048576})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("layer 'act1'")));
}

TEST(QtoolsEnergy, WhatCannotBeCounted_IsRefusedByName) {
  auto open = network();
  open.layers[0] = input_layer({nullptr, nullptr, 3});
  EXPECT_THAT(energy_of(open), FailsWith(ErrorCode::kUnimplemented, HasSubstr("open")));
  EXPECT_THAT(energy_of(network(), {.source = "quantized_wavelet(3)"}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("quantized_wavelet")));
}

}  // namespace
}  // namespace tessera::keras
