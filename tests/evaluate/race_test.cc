// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "support/matchers.h"
#include "tessera/core/random.h"

namespace tessera::evaluate {
namespace {

using ::testing::DoubleNear;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

/// Time that passes only when a contestant works.
class FakeTime {
 public:
  [[nodiscard]] Clock clock() {
    return [this] { return now_us_; };
  }
  Contestant takes(double us) {
    return [this, us](std::int64_t) {
      now_us_ += us * load_;
      return Status();
    };
  }
  /// The machine becomes busier or idler, for whoever runs.
  void set_load(double load) { load_ = load; }

 private:
  double now_us_ = 0;
  double load_ = 1;
};

RaceOptions options_with(FakeTime& time) {
  RaceOptions options;
  options.clock = time.clock();
  options.budget_clock = time.clock();
  options.budget_us = 1e9;
  return options;
}

TEST(Race, MeasuresEachContestant) {
  FakeTime time;
  const std::vector contestants = {time.takes(60e3), time.takes(30e3)};
  const auto tracks = race(contestants, options_with(time), "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_DOUBLE_EQ((*tracks)[0].timing.median_us, 60e3);
  EXPECT_DOUBLE_EQ((*tracks)[1].timing.median_us, 30e3);
  EXPECT_DOUBLE_EQ(speedup_of((*tracks)[0], (*tracks)[1]).median, 2);
}

TEST(Race, DriftOfTheMachine_DoesNotEnterTheSpeedup) {
  FakeTime time;
  Random random(3);
  const auto wobbling = [&](double us) -> Contestant {
    return [&time, us, work = time.takes(us)](std::int64_t round) {
      time.set_load(1 + 0.5 * std::sin(static_cast<double>(round)));
      return work(round);
    };
  };
  auto options = options_with(time);
  options.wanted_precision = 0;  // all rounds
  const std::vector contestants = {wobbling(90e3), wobbling(60e3)};
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  const auto speedup = speedup_of((*tracks)[0], (*tracks)[1]);
  EXPECT_THAT(speedup.median, DoubleNear(1.5, 1e-9));
  EXPECT_THAT(speedup.high - speedup.low, DoubleNear(0, 1e-9));
  EXPECT_GT((*tracks)[0].timing.spread(), 0.3);  // which a comparison of medians would carry
}

TEST(Race, StopsWhenSettled) {
  FakeTime time;
  const std::vector contestants = {time.takes(60e3), time.takes(55e3)};
  const auto options = options_with(time);
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_EQ((*tracks)[0].rounds_us.size(), static_cast<std::size_t>(options.settle_rounds));
}

TEST(Race, BudgetEndsTheRounds_ButNotBeforeTheFewest) {
  FakeTime time;
  const std::vector contestants = {time.takes(60e3), time.takes(55e3)};
  auto options = options_with(time);
  options.budget_us = 1;
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_EQ((*tracks)[1].rounds_us.size(), static_cast<std::size_t>(options.min_rounds));
}

TEST(Race, SlowContestant_RunsLess) {
  FakeTime time;
  const std::vector contestants = {time.takes(60e3), time.takes(55e3), time.takes(600e3)};
  auto options = options_with(time);
  options.wanted_precision = -1;  // never settled
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_EQ((*tracks)[1].timing.n, 60);
  EXPECT_LT((*tracks)[2].timing.n, 25);
  EXPECT_GE((*tracks)[2].timing.n, 5);
  EXPECT_DOUBLE_EQ(speedup_of((*tracks)[0], (*tracks)[2]).median, 0.1);
}

TEST(Race, ShortContestants_RunSeveralTimesPerRound_TheFastestCounts) {
  FakeTime time;
  int calls = 0;
  const Contestant interrupted = [&](std::int64_t round) {
    return time.takes(++calls % 3 == 0 ? 1000 : 4000)(round);
  };
  auto options = options_with(time);
  options.warmup = 3;
  options.min_rounds = options.max_rounds = 7;
  const std::vector contestants = {interrupted};
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_EQ((*tracks)[0].timing.n, 7);
  EXPECT_EQ(calls, 3 + 7 * 6);  // warm-up, then one run and 5 ms of runs of 1 ms in each round
  EXPECT_DOUBLE_EQ((*tracks)[0].timing.p90_us, 1000);
}

TEST(Race, FailingContestant_IsOutWithItsReason) {
  FakeTime time;
  const Contestant broken = [](std::int64_t) -> Status {
    return fail(ErrorCode::kUnavailable, "kaput");
  };
  const std::vector contestants = {time.takes(60e3), broken, time.takes(30e3)};
  const auto tracks = race(contestants, options_with(time), "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_THAT((*tracks)[1].status, FailsWith(ErrorCode::kUnavailable, HasSubstr("kaput")));
  EXPECT_EQ((*tracks)[1].timing.n, 0);
  EXPECT_GT((*tracks)[2].timing.n, 0);
}

class CancelledMonitor final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return true; }
};

TEST(Race, Cancelled_Stops) {
  FakeTime time;
  CancelledMonitor monitor;
  const std::vector contestants = {time.takes(60e3)};
  EXPECT_THAT(race(contestants, options_with(time), "", monitor),
              FailsWith(ErrorCode::kCancelled, ::testing::_));
}

Track track_of(std::vector<double> rounds_us) {
  Track track;
  track.rounds_us = std::move(rounds_us);
  return track;
}

TEST(Speedup, UsesOnlyRoundsThatBothRan) {
  const double out = std::nan("");
  const auto speedup = speedup_of(track_of({10, 20, 30}), track_of({5, out, 15}));
  EXPECT_EQ(speedup.rounds, 2);
  EXPECT_DOUBLE_EQ(speedup.median, 2);
}

TEST(Speedup, NoCommonRound_IsNothing) {
  EXPECT_EQ(speedup_of(track_of({10}), track_of({std::nan("")})).rounds, 0);
}

/// Two contestants of equal speed: the interval must contain 1 about 19 times of 20, so that a
/// gain is hardly ever claimed out of noise.
TEST(Speedup, EqualContestants_AreSeldomCalledFaster) {
  Random random(11);
  int claims = 0;
  constexpr int kTrials = 2000;
  for (int trial = 0; trial < kTrials; ++trial) {
    Track a;
    Track b;
    for (int round = 0; round < 30; ++round) {
      a.rounds_us.push_back(100 * std::exp(0.1 * random.normal()));
      b.rounds_us.push_back(100 * std::exp(0.1 * random.normal()));
    }
    claims += speedup_of(a, b).certain() ? 1 : 0;
  }
  EXPECT_LT(claims, kTrials * 4 / 100);  // one-sided: 2.5 % expected
}

TEST(Speedup, ClearlyFaster_IsCertain) {
  Random random(12);
  Track a;
  Track b;
  for (int round = 0; round < 30; ++round) {
    a.rounds_us.push_back(110 * std::exp(0.03 * random.normal()));
    b.rounds_us.push_back(100 * std::exp(0.03 * random.normal()));
  }
  EXPECT_TRUE(speedup_of(a, b).certain());
  EXPECT_FALSE(speedup_of(b, a).certain());
}

}  // namespace
}  // namespace tessera::evaluate
