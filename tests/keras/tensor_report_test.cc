// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/tensor_report.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "keras/lower.h"
#include "keras/network_builder.h"
#include "keras/reports.h"
#include "support/matchers.h"

namespace tessera::keras {
namespace {

using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Tensor floats(const std::vector<float>& values) {
  return Tensor::of(values, {std::ssize(values)});
}

Quantizer parsed(const char* text) {
  return parse_quantizer(Json(text), "test").value().value();
}

/// Of numbers behind a quantizer that stays as it is.
Result<TensorReport> reported(const char* quantizer, const Tensor& values) {
  const auto used = parsed(quantizer);
  TESSERA_TRY(const auto after, quantize_weight(used, values.view(), WeightUse::kBias));
  return report_of("a", "bias", used, values.view(), after);
}

TEST(TensorReport, GridUse_CountsWhatIsIdleAndWhatIsClipped) {
  // Steps of 1/128; the largest used code is 32 of 127.
  const auto idle = reported("quantized_bits(8,0,1)", floats({0.25F, -0.1F, 0}));
  ASSERT_THAT(idle, IsOk());
  ASSERT_TRUE(idle->grid.has_value());
  EXPECT_EQ(idle->grid->used_low, -13);
  EXPECT_EQ(idle->grid->used_high, 32);
  EXPECT_EQ(idle->grid->needed_bits, 7);
  EXPECT_EQ(idle->grid->clipped, 0);
  const auto clipped = reported("quantized_relu(4,0)", floats({0.9F, 0.95F, 2, 3}));
  ASSERT_THAT(clipped, IsOk());
  EXPECT_EQ(clipped->grid->clipped, 0.5);  // 0.95 is 15 of 15, and no further
  EXPECT_EQ(clipped->grid->needed_bits, 4);
}

TEST(TensorReport, ScalesPerChannel_CountByTheirOwn) {
  // Columns of an axis with scales; the second one's largest is beyond 7 steps of its power of two.
  const auto weight = Tensor::of(std::vector<float>{0.875F, 15, 0.25F, 1}, {2, 2});
  const auto used = as_used(parsed("quantized_bits(4,0,1,alpha='auto_po2')"), WeightUse::kKernel);
  const auto after = quantize_weight(used, weight.view(), WeightUse::kKernel).value();
  const auto report = report_of("a", "kernel", used, weight.view(), after);
  ASSERT_THAT(report, IsOk());
  ASSERT_TRUE(report->grid.has_value());
  EXPECT_THAT(report->grid->scales, ElementsAre(0.125F, 2));
  EXPECT_EQ(report->grid->used_high, 7);
  EXPECT_EQ(report->grid->clipped, 0);
  auto moved = after;
  moved.codes->scales = {0.125F, 1};
  EXPECT_EQ(report_of("a", "kernel", used, weight.view(), moved)->grid->clipped, 0.25);
}

TEST(TensorReport, PowersOfTwo_HaveNoGrid) {
  const auto report = reported("quantized_po2(4)", floats({1, 2}));
  ASSERT_THAT(report, IsOk());
  EXPECT_FALSE(report->grid.has_value());
  EXPECT_EQ(report->least, 1);
  EXPECT_EQ(report->most, 2);
  EXPECT_FALSE(report->sqnr_db.has_value());
  EXPECT_TRUE(to_json(*report)["sqnr_db"].is_null());
}

/// Of a file, or a network made in code.
Result<std::vector<TensorReport>> reports_of(const Model& model) {
  return lower(model, {.reports = true}).map([](Imported one) { return std::move(one.tensors); });
}

std::vector<std::string> names(const std::vector<TensorReport>& reports) {
  std::vector<std::string> names;
  for (const auto& one : reports) {
    names.push_back(one.layer + "/" + one.what);
  }
  return names;
}

const Json kFolded = {{"filters", 2},
                      {"kernel_size", 1},
                      {"kernel_quantizer", "quantized_bits(4,1,0,alpha=1)"},
                      {"bias_quantizer", "quantized_bits(8,2,0)"},
                      {"use_bias", false},
                      {"epsilon", 0.0}};

NetworkBuilder folded() {
  return NetworkBuilder()
      .input("x", {4, 4, 1})
      .layer("c", "QConv2DBatchnorm", kFolded, {"x"})
      .with_weight("kernel", Tensor::of(std::vector<float>{1, 1}, {1, 1, 1, 2}))
      .with_weight("gamma", floats({0.5F, 1}))
      .with_weight("beta", floats({1, 2}))
      .with_weight("moving_mean", floats({1, 0}))
      .with_weight("moving_variance", floats({1, 4}))
      .output("c");
}

TEST(TensorReports, FoldedLayers_AreThoseBehindTheNormalization) {
  const auto network = NetworkBuilder()
                           .input("x", {4, 4, 1})
                           .layer("outer", "Functional", {}, {"x"})
                           .with_inner(folded().build())
                           .output("outer")
                           .build();
  const auto reports = reports_of(network);
  ASSERT_THAT(reports, IsOk());
  ASSERT_THAT(names(*reports), ElementsAre("outer/c/kernel", "outer/c/bias"));
  EXPECT_EQ((*reports)[0].most, 0.5);   // 1 * 0.5 / 1 and 1 * 1 / 2
  EXPECT_EQ((*reports)[1].least, 0.5);  // 0.5 * (0 - 1) + 1
  EXPECT_EQ((*reports)[1].most, 2);
  const auto json = to_json((*reports)[0]);
  EXPECT_EQ(json["grid"]["scales"].get<std::vector<float>>(), std::vector<float>{0.25F});
}

TEST(TensorReports, LayersWithoutQuantizers_HaveNone) {
  const auto reports = reports_of(
      NetworkBuilder()
          .input("x", {4})
          .layer("d", "Dense", {{"units", 2}, {"use_bias", false}}, {"x"}, {{"kernel", {4, 2}}})
          .output("d")
          .build());
  ASSERT_THAT(reports, IsOk());
  EXPECT_THAT(*reports, IsEmpty());
}

TEST(TensorReports, LayerCalledTwice_IsThereOnce) {
  const Json config = {
      {"units", 4}, {"use_bias", false}, {"kernel_quantizer", "quantized_bits(4,0,1)"}};
  const auto network = NetworkBuilder()
                           .input("x", {4})
                           .layer("d", "QDense", config, {"x"}, {{"kernel", {4, 4}}})
                           .call("d", {"d"})
                           .output("d")
                           .build();
  const auto reports = reports_of(network);
  ASSERT_THAT(reports, IsOk());
  EXPECT_THAT(names(*reports), ElementsAre("d/kernel"));
  EXPECT_THAT(lower(network)->tensors, IsEmpty());  // not asked for
}

TEST(TensorReports, ActivationsInsideOfALayer_AreTwo) {
  const auto reports = reports_of(
      NetworkBuilder()
          .input("x", {6, 6, 2})
          .layer("s", "QSeparableConv2D",
                 {{"filters", 3},
                  {"kernel_size", 3},
                  {"use_bias", false},
                  {"depthwise_quantizer", "quantized_bits(4,0,1)"},
                  {"pointwise_quantizer", "quantized_bits(5,0,1)"},
                  {"depthwise_activation", "quantized_relu(6,2)"},
                  {"activation", "quantized_relu(3,1)"}},
                 {"x"}, {{"depthwise_kernel", {3, 3, 2, 1}}, {"pointwise_kernel", {1, 1, 2, 3}}})
          .output("s")
          .build());
  ASSERT_THAT(reports, IsOk());
  ASSERT_THAT(names(*reports), ElementsAre("s/depthwise_kernel", "s/pointwise_kernel",
                                           "s/depthwise_activation", "s/activation"));
  EXPECT_EQ((*reports)[1].bits, 5);
  EXPECT_EQ((*reports)[2].bits, 6);
}

TEST(TensorReports, File_HasItsWeightsAndGridsOfActivations) {
  const auto folder = std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/fixtures/keras";
  const auto imported = import(folder / "q8.h5", {.reports = true});
  ASSERT_THAT(imported, IsOk());
  const auto& reports = imported->tensors;
  const auto find = [&](std::string_view layer, std::string_view what) {
    return std::find_if(reports.begin(), reports.end(),
                        [&](const auto& one) { return one.layer == layer && one.what == what; });
  };
  ASSERT_NE(find("c1", "kernel"), reports.end());
  EXPECT_EQ(find("c1", "kernel")->bits, 8);
  EXPECT_EQ(find("c1", "kernel")->elements, 3 * 3 * 2 * 8);
  ASSERT_NE(find("d2", "depthwise_kernel"), reports.end());
  ASSERT_NE(find("a1", "activation"), reports.end());
  const auto& grid = find("a1", "activation")->grid;
  ASSERT_TRUE(grid.has_value());
  EXPECT_EQ(grid->high, 255);
  EXPECT_EQ(grid->scales.front(), 4.0F / 256);
}

}  // namespace
}  // namespace tessera::keras
