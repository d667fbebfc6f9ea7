// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/energy.h"
#include "keras/read.h"
#include "support/matchers.h"
#include "support/shared_data.h"
#include "tessera/core/json.h"

// Energy by the rules of QTools against what QTools itself says.
namespace tessera::keras {
namespace {

using ::testing::DoubleNear;
using testing::IsOk;

MemoryKind memory(const Json& json) {
  return json == "fixed"  ? MemoryKind::kFixed
         : json == "sram" ? MemoryKind::kSram
                          : MemoryKind::kDram;
}

class QtoolsTables : public ::testing::TestWithParam<const char*> {};

TEST_P(QtoolsTables, QtoolsRules_GiveTheTableOfQtools) {
  const auto base = testing::shared_path(std::string("data/qkeras/") + GetParam()).string();
  TESSERA_NEEDS_SHARED(base + ".qtools.json");
  const auto document = read_json(base + ".qtools.json");
  ASSERT_THAT(document, IsOk());
  const auto model = read(base + ".h5");
  ASSERT_THAT(model, IsOk());
  const auto& settings = (*document)["settings"];
  for (const auto& [run, expected] : (*document)["energy"].items()) {
    SCOPED_TRACE(run);
    const auto& setting = settings["runs"][run];
    const auto table =
        energy_of(*model, {.rules = EnergyRules::kQtools,
                           .weights = memory(setting[0]),
                           .activations = memory(setting[1]),
                           .least_sram_bits = setting[2].get<double>(),
                           .io_through_dram = setting[3].get<bool>(),
                           .source = settings["source_quantizer"].get<std::string>()});
    ASSERT_THAT(table, IsOk());
    EXPECT_EQ(table->layers.size(), expected["layers"].size());
    for (const auto& layer : table->layers) {
      SCOPED_TRACE(layer.name);
      ASSERT_TRUE(expected["layers"].contains(layer.name));
      const auto& theirs = expected["layers"][layer.name];
      EXPECT_EQ(layer.class_name, theirs["class"].get<std::string>());
      const auto& op = theirs["op"];
      EXPECT_THAT(layer.read, DoubleNear(op["inputs"].get<double>(), 0.005001));
      EXPECT_THAT(layer.written, DoubleNear(op["outputs"].get<double>(), 0.005001));
      EXPECT_THAT(layer.parameters, DoubleNear(op["parameters"].get<double>(), 0.005001));
      EXPECT_THAT(layer.computed, DoubleNear(op["op_cost"].get<double>(), 0.005001));
      EXPECT_THAT(layer.counted, DoubleNear(theirs["counted_pJ"].get<double>(), 0.0151));
      const auto& types = (*document)["types"][layer.name];
      EXPECT_EQ(layer.output.bits, types["output_quantizer"]["bits"].get<double>());
      if (types.contains("accumulator") && layer.sum) {
        EXPECT_EQ(layer.sum->bits, types["accumulator"]["bits"].get<double>());
      }
      if (types.contains("operation_count") && layer.class_name != "MaxPooling2D" &&
          layer.operations != 0) {
        EXPECT_EQ(layer.operations, types["operation_count"].get<std::int64_t>());
      }
    }
    EXPECT_NEAR(table->counted, expected["sum_pJ"].get<double>(), 1.0);
    EXPECT_NEAR(table->total, expected["total_cost"].get<double>(), 1.0);
  }
}

TEST_P(QtoolsTables, PhysicalRules_CountEveryLayer) {
  const auto base = testing::shared_path(std::string("data/qkeras/") + GetParam()).string();
  TESSERA_NEEDS_SHARED(base + ".h5");
  const auto model = read(base + ".h5");
  ASSERT_THAT(model, IsOk());
  const auto table = energy_of(*model);
  ASSERT_THAT(table, IsOk());
  double sum = 0;
  for (const auto& layer : table->layers) {
    EXPECT_TRUE(std::isfinite(layer.counted)) << layer.name;
    const bool multiplies = layer.class_name.find("Conv") != std::string::npos ||
                            layer.class_name.find("Dense") != std::string::npos;
    EXPECT_EQ(multiplies, multiplies && layer.computed > 0 && layer.parameters > 0) << layer.name;
    sum += layer.counted;
  }
  EXPECT_DOUBLE_EQ(sum, table->counted);
  EXPECT_NEAR(table->total, table->counted, 1e-9 * table->total);
}

INSTANTIATE_TEST_SUITE_P(Files, QtoolsTables,
                         ::testing::Values("s1_mlp", "s2_cnn", "s3_residual", "s4_depthwise",
                                           "s5_bnfold", "s6_conv1d", "s8_adaptive"));

}  // namespace
}  // namespace tessera::keras
