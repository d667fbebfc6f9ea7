// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "report/svg_checks.h"
#include "support/matchers.h"
#include "tessera/core/text.h"

namespace tessera::report {
namespace {

using profile::Layer;
using profile::Profile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

Timing timing(double us) {
  return {.median_us = us, .p10_us = 0.9 * us, .p90_us = 1.1 * us, .n = 7, .warmup = 1};
}

profile::PrecisionCost cost(double us, std::vector<std::string> kernels, double conversion = 0) {
  profile::PrecisionCost made;
  made.time = timing(us);
  made.conversion = timing(conversion);
  made.kernels = std::move(kernels);
  return made;
}

Profile two_layers() {
  Profile made;
  Layer conv;
  conv.name = "conv";
  conv.type = "Conv";
  conv.ops = {"conv", "bias"};
  conv.macs = 3'000'000;
  conv.weight_bytes = 4000;
  conv.input_bytes = 1000;
  conv.output_bytes = 1000;
  conv.quantizable = true;
  conv.precisions = {{"fp32", cost(1000, {"Conv"})},
                     {"int8", cost(400, {"QLinearConv", "Q"}, 100)}};
  conv.speedup = 2;
  Layer relu;
  relu.name = "relu";
  relu.type = "Relu";
  relu.precisions = {{"fp32", cost(50, {"Relu"})}, {"int8", cost(0, {})}};
  relu.why = "it is folded";
  Layer slow = conv;
  slow.name = "12";
  slow.macs = 0;
  slow.precisions["fp32"] = cost(2000, {"Conv"});
  slow.precisions["int8"] = cost(2500, {"Conv"});
  slow.speedup.reset();
  made.layers = {conv, relu, slow};
  made.whole["fp32"].latency = timing(3000);
  made.whole["fp32"].speedup = {1, 1, 1, 20};
  made.whole["fp32"].explained_us = 3030;
  made.whole["int8"].scheme = "qdq-u8s8";
  made.whole["int8"].latency = timing(2900);
  made.whole["int8"].speedup = {1.03, 1.01, 1.05, 20};
  made.whole["int8"].explained_us = 2900;
  made.fastest = {2500, {"conv"}, {"12"}};
  made.stability = {20, 1, 0.021, true};
  return made;
}

TEST(LayerTable, DearestInFloatFirst_WithTotals) {
  EXPECT_EQ(layer_table(two_layers()).text(),
            "layer       type  MMACs  fp32 us  int8 us  speed-up  runs as        why not faster\n"
            "12          Conv    0.0     2000     2500         -  Conv\n"
            "conv        Conv    3.0     1000      500     2.00x  QLinearConv+Q\n"
            "relu        Relu    0.0       50   folded         -                 it is folded\n"
            "----------------------------------------------------------------------------------\n"
            "all layers          3.0     3050     3000     1.03x\n");
}

TEST(LayerSheet, HasEveryFieldInTheOrderOfTheModel) {
  const auto sheet = layer_sheet(two_layers());
  const auto text = sheet.csv();
  const auto lines = split(text, '\n');
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[1],
            "conv,Conv,conv bias,3000000,4000,1000,1000,1000,1,1000,900,1100,0,Conv,400,360,440,"
            "100,QLinearConv+Q,2,,,\r");
  const auto json = sheet.jsonl();
  EXPECT_THAT(json, HasSubstr("{\"name\":\"12\",\"type\":\"Conv\"")) << "a name stays one";
  EXPECT_THAT(json, HasSubstr("\"fp32_median_us\":2000"));
}

TEST(ProfileText, WholeModelsFirst) {
  const auto text = profile_text(two_layers(), {}, 1);
  EXPECT_THAT(
      text,
      ::testing::StartsWith(
          "whole        fp32                 3.00 ms, 1.00x (1.00 to 1.00); layers and conversions "
          "explain 3.03 ms (+1.0 %)\n"
          "whole        int8 qdq-u8s8        2.90 ms, 1.03x (1.01 to 1.05); layers and conversions "
          "explain 2.90 ms (+0.0 %)\n"
          "prediction   not judged: the model has too few layers for mixes\n"
          "fastest mix  1 layers in integers, 1 left in float: 2.50 ms predicted, 1.20x\n"));
  EXPECT_THAT(text, HasSubstr("stability    stable: 1 of 20 runs disturbed and left out, float32 "
                              "varied by 2.1 %\n"));
  EXPECT_THAT(text, HasSubstr("... 2 more (--top 0 shows all)\n"));
  EXPECT_THAT(text, Not(HasSubstr("roofline")));
}

TEST(ProfileText, EverythingThatMayBeThere) {
  auto input = two_layers();
  input.validation.points = {{1, 2600, 2500, 2400}, {2, 2700, 2800, 0}};
  input.validation.median_abs_error = 0.04;
  input.validation.p95_abs_error = 0.05;
  input.validation.spearman = 0.9;
  input.validation.inside_interval = 1;
  input.validation.isolated_median_abs_error = 0.2;
  input.validation.isolated_p95_abs_error = 0.3;
  input.model.interval = 0.06;
  input.gain_only = {{"isolated", 2, 1.5, {1.1, 1, 1.2, 20}}};
  input.roofline.emplace();
  input.roofline->fp32_gflops = 98;
  input.roofline->int8_gops = 370;
  input.roofline->bandwidth_bytes_per_s = 12.5e9;
  input.cut_off = {"curve", "roofline"};
  input.curve = {{0, "", 3000, 3010, 1, 0, 0}, {1, "conv", 2500, 2600, 1.15, 31.26, 2e-6}};
  input.stability.stable = false;
  const auto text = profile_text(input, {}, 0);
  EXPECT_THAT(text,
              HasSubstr("prediction   2 mixed plans it had not seen: median error 4.0 %, p95 "
                        "5.0 %, Spearman 0.900, 100 % within its interval of +-6.0 %\n"
                        "             by layers timed alone: median error 20.0 %, p95 30.0 %\n"
                        "gain only    2 layers in integers (isolated): predicted 1.50x, "
                        "really 1.10x\n"));
  EXPECT_THAT(text, HasSubstr("roofline     98 GFLOP/s float32, 370 GOP/s int8, 12.5 GB/s\n"));
  EXPECT_THAT(text, HasSubstr("stability    NOT STABLE: 1 of 20"));
  EXPECT_THAT(text, HasSubstr("cut off      by the time budget (--budget): curve; roofline\n"));
  EXPECT_THAT(text, HasSubstr("k  k-th layer  measured ms  predicted ms  speed-up  SQNR dB  "
                              "L2/element\n"
                              "0                     3.01          3.00     1.00x    exact    "
                              "0.00e+00\n"
                              "1  conv               2.60          2.50     1.15x     31.3    "
                              "2.00e-06\n"));
}

TEST(ProfileText, Interrupted_IsItsLayersAlone) {
  auto input = two_layers();
  input.interrupted = true;
  EXPECT_THAT(profile_text(input, {}, 0),
              ::testing::StartsWith("stability    NOT STABLE: interrupted\n\nlayer "));
}

TEST(ProfileCharts, OnesThatTheRecordHas) {
  auto input = two_layers();
  const auto names = [&] {
    std::vector<std::string> files;
    const auto charts = profile_charts(input, "m.onnx");
    EXPECT_THAT(charts, IsOk());
    for (const auto& chart : *charts) {
      files.push_back(chart.name);
      EXPECT_TRUE(is_well_formed(chart.svg)) << chart.name;
      EXPECT_THAT(chart.svg, HasSubstr("m.onnx")) << chart.name;
    }
    return files;
  };
  EXPECT_THAT(names(), ElementsAre("layers.svg", "prediction.svg"));
  input.roofline.emplace();
  input.roofline->fp32_gflops = 98;
  input.roofline->int8_gops = 370;
  input.roofline->bandwidth_bytes_per_s = 12.5e9;
  input.curve = {{0, "", 3000, 3010, 1, 0, 0}, {1, "conv", 2500, 2600, 1.15, 31.26, 2e-6}};
  input.stability.stable = false;
  EXPECT_THAT(names(), ElementsAre("layers.svg", "prediction.svg", "roofline.svg", "curve.svg"));
  const auto charts = *profile_charts(input, "m.onnx");
  EXPECT_THAT(charts[0].svg, HasSubstr("m.onnx; NOT STABLE"));
  EXPECT_THAT(charts[0].svg, HasSubstr("conv, int8: 500 us, 460 to 540")) << "with conversions";
  EXPECT_THAT(charts[3].svg, HasSubstr(">k = 1<")) << "the fastest is marked";
}

TEST(ProfileTrace, EventsAreNamedByLayerAndKernel) {
  auto input = two_layers();
  input.events = {{"fp32", "conv", "Conv", 0, 5}, {"fp32", "", "Reorder", 5, 1}};
  const auto trace = Json::parse(profile_trace(input));
  std::vector<std::string> names;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "X") {
      names.push_back(event["name"]);
    }
  }
  EXPECT_THAT(names, ElementsAre("conv Conv", "Reorder"));
}

}  // namespace
}  // namespace tessera::report
