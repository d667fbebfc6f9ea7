// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/float_form.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "support/matchers.h"
#include "tessera/keras/tensor_report.h"

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

TEST(FloatForm, NetworkWithoutQuantizers_StaysAsItIs) {
  const auto plain = import(fixture("conv.keras"));
  const auto imported = import_float(fixture("conv.keras"));
  ASSERT_THAT(imported, IsOk());
  EXPECT_EQ(imported->model.serialize().value(), plain->model.serialize().value());
}

TEST(TensorReports, File_HasItsWeightsAndGridsOfActivations) {
  const auto reports = tensor_reports(fixture("q8.h5"));
  ASSERT_THAT(reports, IsOk());
  const auto find = [&](std::string_view layer, std::string_view what) {
    return std::find_if(reports->begin(), reports->end(),
                        [&](const auto& one) { return one.layer == layer && one.what == what; });
  };
  ASSERT_NE(find("c1", "kernel"), reports->end());
  EXPECT_EQ(find("c1", "kernel")->bits, 8);
  EXPECT_EQ(find("c1", "kernel")->elements, 3 * 3 * 2 * 8);
  ASSERT_NE(find("d2", "depthwise_kernel"), reports->end());
  ASSERT_NE(find("a1", "activation"), reports->end());
  const auto& grid = find("a1", "activation")->grid;
  ASSERT_TRUE(grid.has_value());
  EXPECT_EQ(grid->high, 255);
  EXPECT_EQ(grid->scales.front(), 4.0F / 256);
  EXPECT_TRUE(tensor_reports(fixture("conv.keras"))->empty());
}

}  // namespace
}  // namespace tessera::keras
