// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/timing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

namespace tessera {
namespace {

TEST(Summarize, OfKnownSamples) {
  const std::vector<double> samples{50, 10, 40, 20, 30, 0, 100, 60, 70, 80, 90};
  const auto timing = summarize(samples, 5);
  EXPECT_EQ(to_json(timing).dump(),
            R"({"median_us":50.0,"p10_us":10.0,"p90_us":90.0,"n":11,"warmup":5})");
  EXPECT_DOUBLE_EQ(timing.spread(), 1.6);
}

TEST(Summarize, OfOneAndOfNone) {
  const auto one = summarize(std::vector<double>{7.5}, 0);
  EXPECT_EQ(one.median_us, 7.5);
  EXPECT_EQ(one.p10_us, 7.5);
  EXPECT_EQ(one.p90_us, 7.5);
  EXPECT_EQ(one.spread(), 0);
  const auto none = summarize({}, 3);
  EXPECT_EQ(to_json(none).dump(),
            R"({"median_us":0.0,"p10_us":0.0,"p90_us":0.0,"n":0,"warmup":3})");
  EXPECT_EQ(none.spread(), 0) << "not 0 / 0";
}

rc::Gen<std::vector<double>> sorted_samples() {
  return rc::gen::map(rc::gen::nonEmpty(rc::gen::container<std::vector<double>>(rc::gen::map(
                          rc::gen::inRange(-1000, 1000), [](int x) { return x / 8.0; }))),
                      [](std::vector<double> values) {
                        std::sort(values.begin(), values.end());
                        return values;
                      });
}

RC_GTEST_PROP(Quantile, IsMonotoneAndMeetsEverySample, ()) {
  const auto sorted = *sorted_samples();
  double before = sorted.front();
  for (int i = 0; i <= 20; ++i) {
    const auto value = quantile(sorted, i / 20.0);
    RC_ASSERT(value >= before - 1e-9 && value <= sorted.back() + 1e-9);
    before = value;
  }
  const auto last = static_cast<double>(sorted.size() - 1);
  for (std::size_t i = 0; i < sorted.size() && last > 0; ++i) {
    RC_ASSERT(std::abs(quantile(sorted, static_cast<double>(i) / last) - sorted[i]) < 1e-9 * 1000);
  }
}

/// Type 7 of Hyndman and Fan: the same from the other side for the mirrored samples.
RC_GTEST_PROP(Quantile, IsMirroredWithTheSamples, ()) {
  const auto sorted = *sorted_samples();
  auto mirrored = sorted;
  std::transform(sorted.rbegin(), sorted.rend(), mirrored.begin(), [](double x) { return -x; });
  for (const double p : {0.1, 0.25, 0.5, 0.9}) {
    RC_ASSERT(std::abs(quantile(sorted, p) + quantile(mirrored, 1 - p)) < 1e-9 * 1000);
  }
}

TEST(Clocks, RunForwardsAndCountThisThread) {
  const auto clock = steady_clock_us();
  const auto wall = clock();
  const auto thread = thread_cpu_us();
  const auto process = process_cpu_us();
  // Until the coarsest of the three has moved by a millisecond.
  while (thread_cpu_us() - thread < 1000) {
  }
  EXPECT_GE(clock() - wall, 900) << "CPU time of one thread is not ahead of the wall";
  EXPECT_GE(process_cpu_us() - process, 900);
}

TEST(UtcNow, IsInTheFormOfIso8601) {
  EXPECT_THAT(utc_now(),
              ::testing::MatchesRegex(
                  "20[0-9][0-9]-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z"));
}

}  // namespace
}  // namespace tessera
