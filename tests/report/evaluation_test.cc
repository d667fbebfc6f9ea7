// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tessera/core/text.h"

namespace tessera::report {
namespace {

using evaluate::Measurement;
using evaluate::RowStatus;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Timing timing(double us) {
  return {.median_us = us, .p10_us = us - us / 8, .p90_us = us + us / 8, .n = 20, .warmup = 2};
}

Measurement row(quantize::Mode mode, double us, double speedup, double sqnr_db) {
  Measurement made;
  made.scheme.mode = mode;
  made.status = RowStatus::kOk;
  made.latency = timing(us);
  made.speedup = {speedup, 0.98 * speedup, 1.02 * speedup, 20};
  made.accuracy.emplace();
  made.accuracy->samples = 8;
  made.accuracy->overall.sqnr_db = sqnr_db;
  made.accuracy->overall.l2_per_element = 1.5e-6;
  made.size_bytes = 2048;
  return made;
}

std::vector<Measurement> rows() {
  std::vector<Measurement> made{row(quantize::Mode::kFloat32, 10'000, 1, kInfinity),
                                row(quantize::Mode::kStatic, 5'200, 2, 31.5)};
  made[1].kernels.emplace();
  made[1].kernels->kernels = 12;
  made[1].kernels->integer_kernels = 9;
  made[1].kernels->quantize_kernels = 1;
  made[1].kernels->dequantize_kernels = 2;
  Measurement failed;
  failed.scheme.mode = quantize::Mode::kFloat16;
  failed.status = RowStatus::kUnsupported;
  failed.reason = "no kernel";
  made.push_back(failed);
  return made;
}

TEST(MeasurementTable, FastestFirst_TimesThatAgreeWithTheSpeedUp) {
  const auto table = measurement_table(rows());
  EXPECT_EQ(
      table.text(),
      "row       level    ms  spread %  speed-up  SQNR dB  L2/element      size  int kernels  "
      "Q/DQ left\n"
      "qdq-u8s8  all    5.00        25     2.00x     31.5    1.50e-06  2.00 KiB         9/12  "
      "        3\n"
      "float32   all    10.0        25     1.00x    exact    1.50e-06  2.00 KiB            -  "
      "        -\n");
}

TEST(MeasurementTable, Top1Column_NamesWhatItHolds) {
  auto input = rows();
  input[1].accuracy->top1 = evaluate::Top1{{}, {}, 87.5, 8, 0};
  EXPECT_THAT(measurement_table(input).text(), HasSubstr("same top-1 %"));
  EXPECT_THAT(measurement_table(input).text(), HasSubstr("87.5"));
  input[1].accuracy->top1->candidate_percent = 62.5;
  const auto text = measurement_table(input).text();
  EXPECT_THAT(text, HasSubstr("top-1 %"));
  EXPECT_THAT(text, Not(HasSubstr("same")));
  EXPECT_THAT(text, HasSubstr("62.5"));
}

TEST(MeasurementTable, OfNoRows_IsItsHeader) {
  EXPECT_EQ(measurement_table({}).rows(), 0U);
  EXPECT_EQ(measurement_sheet({}).rows(), 0U);
  EXPECT_EQ(failures_text({}), "");
}

TEST(MeasurementSheet, HasAllRowsInTheOrderGiven_AndEmptyCellsForWhatIsNone) {
  auto input = rows();
  input[1].why = "it rounds";
  const auto sheet = measurement_sheet(input).csv();
  const auto lines = split(sheet, '\n');
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[1],
            "float32,float32,,,,,,all,all,ok,,10000,8750,11250,20,1,0.98,1.02,inf,1.5e-06,,,2048,"
            ",,,,,,,,,,,\r");
  EXPECT_EQ(lines[2],
            "qdq-u8s8,static,qdq,u8,s8,tensor,minmax,all,all,ok,,5200,4550,5850,20,2,1.96,"
            "2.04,31.5,1.5e-06,,,2048,9,12,1,2,,,,,0,0,0,it rounds\r");
  EXPECT_EQ(lines[3],
            "float16,float16,,,,,,all,all,unsupported,no kernel,,,,,,,,,,,,,,,,,,,,,,,,\r");
}

TEST(ReasonsText, OfTheRowsThatAreShown_FastestFirst) {
  auto input = rows();
  EXPECT_EQ(reasons_text(input, 0), "");
  input[0].why = "few kernels";
  input[1].why = "it rounds";
  input[2].why = "it did not run";
  EXPECT_EQ(reasons_text(input, 0),
            "why:\n"
            "  [all] qdq-u8s8: it rounds\n"
            "  [all] float32: few kernels\n");
  EXPECT_EQ(reasons_text(input, 1),
            "why:\n"
            "  [all] qdq-u8s8: it rounds\n");
  input[1].provider = runtime::ProviderChoice{"openvino", {}};
  EXPECT_THAT(reasons_text(input, 1), HasSubstr("  [all] qdq-u8s8 on openvino: it rounds\n"));
}

TEST(BenchText, ReasonsStandBehindTheTable) {
  evaluate::BenchResult result;
  result.rows = rows();
  result.rows[1].why = "it rounds";
  EXPECT_THAT(bench_text(result, {}, 0),
              HasSubstr("speed-up\n\nwhy:\n  [all] qdq-u8s8: it rounds\n\ndid not run:\n"));
}

TEST(FailuresText, LevelsThatFailAlike_ShareALine) {
  auto input = rows();
  input.push_back(input.back());
  input.back().opt_level = runtime::OptLevel::kBasic;
  input.push_back(input.back());
  input.back().reason = "another reason";
  EXPECT_EQ(failures_text(input),
            "did not run:\n"
            "  [all+basic] float16: unsupported: no kernel\n"
            "  [basic] float16: unsupported: another reason\n");
}

TEST(BenchText, NamesTheFastestAgainstWhatItIsComparedWith) {
  evaluate::BenchResult result;
  result.rows = rows();
  result.best = 1;
  EXPECT_THAT(bench_text(result, {}, 0),
              HasSubstr("\nfastest: qdq-u8s8 at level all: 2.00x (1.96 to 2.04, 20 rounds) "
                        "against float32 at level all\n"));
  EXPECT_THAT(bench_text(result, {}, 0),
              HasSubstr("times are wall time; ms are those of float32 divided by the speed-up\n"));
  result.quantization.state = graph::QuantizationState::kQdq;
  result.timer = evaluate::Timer::kThreadCpu;
  const auto text = bench_text(result, {}, 1);
  EXPECT_THAT(text, ::testing::StartsWith("given     quantized already (qdq); that stays, the rest "
                                          "is offered (--requantize: all of it)\n"));
  EXPECT_THAT(text, HasSubstr("against as given (qdq) at level all\n"));
  EXPECT_THAT(text, HasSubstr("times are CPU time of the one thread"));
  EXPECT_THAT(text, HasSubstr("... 1 more (--top 0 shows all)\n"));
}

TEST(BenchText, SeveralProviders_AreNamedEverywhere) {
  evaluate::BenchResult result;
  result.rows = rows();
  result.rows[0].provider = runtime::ProviderChoice{"cpu", {}};
  result.rows[1].provider = runtime::ProviderChoice{"openvino", {}};
  result.rows[1].kernels->providers = {{"openvino", 12}};
  result.rows[1].kernels->copies = 4;
  result.rows[1].open_us = 1500;
  result.best = 1;
  const auto text = bench_text(result, {}, 0);
  EXPECT_THAT(text, HasSubstr("row       provider  level"));
  EXPECT_THAT(text, HasSubstr("ran on    open ms  first run ms  copies\n"));
  EXPECT_THAT(text, HasSubstr("openvino     1.50             0       4\n"));
  EXPECT_THAT(text, HasSubstr("fastest: qdq-u8s8 at level all on openvino: "));
  EXPECT_THAT(text, HasSubstr("against float32 at level all on cpu\n"));
  EXPECT_THAT(text, HasSubstr("float16 on -: unsupported"));
}

optimize::OptimizeResult optimized() {
  optimize::OptimizeResult result;
  const auto measured = rows();
  result.baseline = measured[0];
  result.candidates.resize(2);
  result.candidates[0].row = measured[1];
  result.candidates[0].on_front = true;
  result.candidates[0].verdict = "chosen";
  result.candidates[1].row = row(quantize::Mode::kDynamic, 20'000, 0.5, 40);
  result.candidates[1].verdict = "slower than float32";
  result.chosen = 0;
  result.reason = "the fastest within the limits";
  result.confirmation = evaluate::Speedup{1.95, 1.9, 2, 30};
  result.confirmed_baseline_latency = timing(9'750);
  result.confirmed_latency = timing(5'100);
  result.written = {{}, 5, 7, 9};
  return result;
}

TEST(OptimizeText, SaysWhatWasChosenAndWhy) {
  const auto text = optimize_text(optimized(), {}, 0);
  EXPECT_THAT(
      text, ::testing::StartsWith(
                "chosen    qdq-u8s8, minmax ranges\n"
                "why       the fastest within the limits\n"
                "latency   9.75 ms -> 5.00 ms, 1.95x (1.90 to 2.00, 30 rounds)\n"
                "timer     wall time\n"
                "error     SQNR 31.5 dB, L2 per element 1.50e-06 (over 8 samples)\n"
                "size      2.00 KiB -> 2.00 KiB\n"
                "file      written, read again and timed: 5 of 5 planned products run in integers\n"
                "runs as   9 of 12 kernels on integers, 3 Q/DQ left over, 0 % of the time in "
                "conversions\n"));
  EXPECT_THAT(text, HasSubstr("qdq-u8s8      minmax"));
  const auto chosen = text.find("qdq-u8s8      minmax");
  const auto baseline = text.find("\nfloat32 ");
  EXPECT_LT(chosen, baseline) << "float32 stands where it belongs by speed";
  EXPECT_LT(baseline, text.find("slower than float32"));
}

TEST(OptimizeText, SaysWhatKernelsWouldBring) {
  auto result = optimized();
  EXPECT_THAT(optimize_text(result, {}, 0), ::testing::Not(HasSubstr("kernels   ")));
  result.with_kernels = {"kernels-u8s8", 2.06, 11.8, 1.95};
  EXPECT_THAT(
      optimize_text(result, {}, 0),
      HasSubstr("\nkernels   with --kernels tessera: 2.06x at 11.8 dB (portable: 1.95x)\n"));
}

TEST(BenchText, SaysWhatKernelsWouldBring) {
  evaluate::BenchResult result;
  result.rows = rows();
  result.rows.push_back(result.rows[1]);
  result.rows.back().speedup = {2.5, 2.4, 2.6, 20};
  result.best = 1;
  result.with_kernels = result.rows.size() - 1;
  EXPECT_THAT(bench_text(result, {}, 0),
              HasSubstr("\nwith --kernels tessera: 2.50x at 31.5 dB (portable: 2.00x)\n"));
}

TEST(OptimizeText, Unchanged_AndInterrupted) {
  auto result = optimized();
  result.chosen.reset();
  result.reason = "nothing is faster";
  EXPECT_THAT(
      optimize_text(result, {}, 0),
      ::testing::StartsWith("chosen    float32, unchanged\nwhy       nothing is faster\n\n"));
  result.interrupted = true;
  result.cut_off = {{"mixes", "time"}};
  result.excluded = {{"s8s8", "slow here"}};
  result.candidates.clear();
  const auto text = optimize_text(result, {}, 0);
  EXPECT_THAT(text, ::testing::StartsWith("chosen    nothing\n"));
  EXPECT_THAT(text, HasSubstr("\ncut off by the time budget (--budget):\n  mixes\n"
                              "\nnot tried on this machine:\n  s8s8: slow here\n"));
}

TEST(OptimizeText, Accuracy_WithIntervalAndTop1) {
  auto result = optimized();
  auto& accuracy = *result.candidates[0].row.accuracy;
  accuracy.sqnr_interval_db = evaluate::Interval{30, 33};
  accuracy.top1 = evaluate::Top1{75, 74, 96, 8, 8};
  accuracy.samples = 1;
  EXPECT_THAT(optimize_text(result, {}, 0),
              HasSubstr("error     SQNR 31.5 dB (30.0 to 33.0), L2 per element 1.50e-06, same "
                        "top-1 in 96.0 %, top-1 75.0 % -> 74.0 % (over 1 sample)\n"));
}

}  // namespace
}  // namespace tessera::report
