// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/tensor_report.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "keras/weight_reports.h"
#include "support/matchers.h"

namespace tessera::keras {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Tensor floats(const std::vector<float>& values) {
  return Tensor::of(values, {std::ssize(values)});
}

Quantizer parsed(const char* text) {
  return parse_quantizer(Json(text), "test").value().value();
}

TEST(TensorReport, GridUse_CountsWhatIsIdleAndWhatIsClipped) {
  // Steps of 1/128; the largest used code is 32 of 127.
  const auto idle =
      report_activation("a", parsed("quantized_bits(8,0,1)"), floats({0.25F, -0.1F, 0}).view());
  ASSERT_THAT(idle, IsOk());
  ASSERT_TRUE(idle->grid.has_value());
  EXPECT_EQ(idle->grid->used_low, -13);
  EXPECT_EQ(idle->grid->used_high, 32);
  EXPECT_EQ(idle->grid->needed_bits, 7);
  EXPECT_EQ(idle->grid->clipped, 0);
  const auto clipped =
      report_activation("a", parsed("quantized_relu(4,0)"), floats({0.9F, 0.95F, 2, 3}).view());
  ASSERT_THAT(clipped, IsOk());
  EXPECT_EQ(clipped->grid->clipped, 0.5);  // 0.95 is 15 of 15, and no further
  EXPECT_EQ(clipped->grid->needed_bits, 4);
}

TEST(TensorReport, PowersOfTwo_HaveNoGrid) {
  const auto report = report_activation("a", parsed("quantized_po2(4)"), floats({1, 2}).view());
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->grid.has_value());
  EXPECT_EQ(report->least, 1);
  EXPECT_EQ(report->most, 2);
  EXPECT_FALSE(report->sqnr_db.has_value());
  EXPECT_TRUE(to_json(*report)["sqnr_db"].is_null());
}

Layer folded_layer() {
  return {.name = "c",
          .class_name = "QConv2DBatchnorm",
          .config = {{"kernel_quantizer", "quantized_bits(4,1,0,alpha=1)"},
                     {"bias_quantizer", "quantized_bits(8,2,0)"},
                     {"epsilon", 0.0}},
          .weights = {{"kernel", "k", Tensor::of(std::vector<float>{1, 1}, {1, 1, 1, 2})},
                      {"gamma", "g", floats({0.5F, 1})},
                      {"beta", "b", floats({1, 2})},
                      {"moving_mean", "m", floats({1, 0})},
                      {"moving_variance", "v", floats({1, 4})}}};
}

TEST(WeightReports, FoldedLayers_AreThoseBehindTheNormalization) {
  Model inner{.layers = {folded_layer()}};
  const Model model{.layers = {{.name = "outer",
                                .class_name = "Functional",
                                .inner = std::make_shared<const Model>(inner)}}};
  const auto reports = weight_reports(model);
  ASSERT_THAT(reports, IsOk());
  ASSERT_EQ(reports->size(), 2U);
  EXPECT_EQ((*reports)[0].layer, "outer/c");
  EXPECT_EQ((*reports)[0].most, 0.5);  // 1 * 0.5 / 1 and 1 * 1 / 2
  EXPECT_EQ((*reports)[1].what, "bias");
  EXPECT_EQ((*reports)[1].least, 0.5);  // 0.5 * (0 - 1) + 1
  EXPECT_EQ((*reports)[1].most, 2);
  const auto json = to_json((*reports)[0]);
  EXPECT_EQ(json["grid"]["scales"].get<std::vector<float>>(), std::vector<float>{0.25F});
}

TEST(WeightReports, WeightsThatDoNotFit_AreNamed) {
  auto layer = folded_layer();
  layer.weights[1].value = floats({1});
  EXPECT_THAT(weight_reports({.layers = {layer}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("gamma has 1")));
  layer = folded_layer();
  layer.weights.pop_back();
  EXPECT_THAT(weight_reports({.layers = {layer}}),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("layer 'c'")));
}

TEST(WeightReports, LayersWithoutQuantizers_HaveNone) {
  const Model model{
      .layers = {{.name = "d", .class_name = "Dense", .weights = {{"kernel", "k", floats({1})}}}}};
  const auto reports = weight_reports(model);
  ASSERT_THAT(reports, IsOk());
  EXPECT_TRUE(reports->empty());
}

}  // namespace
}  // namespace tessera::keras
