// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace tessera::report {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

noise::SweepSummary sweep() {
  noise::SweepSummary summary;
  summary.sweep.header.images = 4;
  summary.sweep.header.layers = {{"quiet", "Conv", 1'500'000, "qdq-u8s8", 1e-6, 1},
                                 {"loud", "Gemm", {}, "qdq-u8s8", 1e-2, 1},
                                 {"silent", "Conv", 0, "qdq-u8s8", 0, 1}};
  const auto record = [](std::int64_t index, std::vector<std::string> layers, double error) {
    noise::SweepRecord made;
    made.index = index;
    made.layers = std::move(layers);
    made.error = error;
    return made;
  };
  summary.sweep.records = {record(0, {"quiet"}, 1e-5), record(1, {"loud"}, 3e-4),
                           record(2, {"quiet", "loud"}, 4e-4), record(3, {}, kNan)};
  summary.measured = 2;
  summary.cpu_us = 8000;
  summary.setup_us = 1'000'000;
  summary.work.runs = 30;
  summary.work.runs_unshared = 100;
  return summary;
}

TEST(SweepText, LayersByTheirErrorAlone_ThenThoseThatHaveNone) {
  EXPECT_EQ(sweep_text(sweep(), "s.jsonl", {}, 0),
            "layer   type  scheme      MACs  own SQNR dB  error alone\n"
            "loud    Gemm  qdq-u8s8       -         20.0     0.000300\n"
            "quiet   Conv  qdq-u8s8  1.50 M         60.0     1.00e-05\n"
            "silent  Conv  qdq-u8s8       0            -            -\n"
            "\n"
            "error (|x-y| / elements): median 0.000300, 10 % below 6.80e-05, 90 % below 0.000380\n"
            "1.00 ms per subset and sample (1.01 s of CPU in all); 30 of 100 parts run\n"
            "wrote s.jsonl: 4 subsets of 3 layers, 4 samples\n");
}

TEST(SweepText, ResumedWithNothingLeft_SaysSo) {
  auto summary = sweep();
  summary.measured = 0;
  summary.resumed = 4;
  summary.sweep.records.erase(summary.sweep.records.begin(), summary.sweep.records.end() - 1);
  EXPECT_THAT(sweep_text(summary, "s.jsonl", {}, 1),
              HasSubstr("... 2 more (--top 0 shows all)\n"
                        "\n"
                        "no subset has an error that is a number\n"
                        "wrote s.jsonl: 1 subsets of 3 layers, 4 samples (4 were there)\n"));
}

noise::CheckRow row(std::vector<std::string> layers, double built, double engine) {
  noise::CheckRow made;
  made.layers = std::move(layers);
  made.built_error = built;
  made.engine_error = engine;
  made.built_sqnr_db = 30;
  made.engine_sqnr_db = 31;
  return made;
}

TEST(CheckText, WorstFirst_EitherWay) {
  noise::Check check;
  check.rows = {row({"a"}, 1e-3, 1.01e-3), row({"a", "b"}, 2e-3, 1.8e-3)};
  check.images = 2;
  check.engine = {0.055, 0.1, 0.1, kNan};
  check.built_cpu_us = 5e6;
  check.engine_cpu_us = 2500;
  EXPECT_EQ(
      check_text(check, {}, 0),
      "layers in integers  n     built     sweep  deviation %  built SQNR dB  sweep SQNR dB\n"
      "a,b                 2  0.002000  0.001800        -10.0          30.00          31.00\n"
      "a                   1  0.001000  0.001010         1.00          30.00          31.00\n"
      "\n"
      "2 built models, 2 samples: the sweep's error deviates by 5.50 % (median), 10.0 % (95 of "
      "100), 10.0 % (worst); Spearman -\n"
      "CPU per model: 5.00 s built, 2.50 ms by the sweep\n");
}

}  // namespace
}  // namespace tessera::report
