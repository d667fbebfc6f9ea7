// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/race.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
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

TEST(Race, WhoIsKnownWellEnough_LeavesTheRoundsToTheOthers) {
  FakeTime time;
  const Contestant wavering = [&](std::int64_t round) {
    return time.takes(round % 2 == 0 ? 40e3 : 80e3)(round);
  };
  const std::vector contestants = {time.takes(60e3), time.takes(55e3), wavering};
  const auto options = options_with(time);
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_EQ((*tracks)[0].timing.n, options.max_rounds);
  EXPECT_EQ((*tracks)[1].timing.n, options.settle_rounds);
  EXPECT_EQ((*tracks)[2].timing.n, options.max_rounds);
  EXPECT_EQ(speedup_of((*tracks)[0], (*tracks)[1]).rounds, options.settle_rounds);
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

TEST(Speedup, OfOneRound_IsKnownAndNotCertain) {
  const auto speedup = speedup_of(track_of({30}), track_of({10}));
  EXPECT_EQ(speedup.rounds, 1);
  EXPECT_DOUBLE_EQ(speedup.median, 3);
  EXPECT_DOUBLE_EQ(speedup.low, 3);
  EXPECT_DOUBLE_EQ(speedup.high, 3);
  EXPECT_FALSE(speedup.certain());
}

TEST(Speedup, IsCertainFromSixRoundsOn_IfAllOfTheIntervalIsFaster) {
  EXPECT_FALSE((Speedup{2, 1.9, 2.1, 5}.certain()));
  EXPECT_TRUE((Speedup{2, 1.9, 2.1, 6}.certain()));
  EXPECT_FALSE((Speedup{2, 1, 3, 60}.certain()));
  EXPECT_FALSE((Speedup{0.5, 0.4, 0.6, 60}.certain()));
  EXPECT_THAT((Speedup{2, 1.9, 2.1, 6}.half_width()), DoubleNear(0.05, 1e-12));
  EXPECT_EQ(Speedup().half_width(), 0);
}

TEST(Speedup, LoadOnBoth_DoesNotWidenTheInterval) {
  // Rounds from idle to ten times as busy, and always twice as fast.
  Track slow;
  Track fast;
  for (int round = 1; round <= 20; ++round) {
    slow.rounds_us.push_back(100.0 * (1 + round % 10));
    fast.rounds_us.push_back(50.0 * (1 + round % 10));
  }
  const auto speedup = speedup_of(slow, fast);
  EXPECT_DOUBLE_EQ(speedup.median, 2);
  EXPECT_DOUBLE_EQ(speedup.low, 2);
  EXPECT_DOUBLE_EQ(speedup.high, 2);
}

TEST(Speedup, IsARatioOfMedians_WhichFewOutliersDoNotMove) {
  EXPECT_DOUBLE_EQ(speedup_of(track_of({10, 10, 10, 10, 900}), track_of({5, 5, 5, 5, 5})).median,
                   2);
  // Of an even number the mean of the middle two.
  EXPECT_DOUBLE_EQ(speedup_of(track_of({10, 20}), track_of({5, 5})).median, 3);
}

TEST(Speedup, IsTheSameForTheSameTimes_AndTurnsAroundWithThem) {
  Random random(5);
  Track a;
  Track b;
  for (int round = 0; round < 25; ++round) {
    a.rounds_us.push_back(100 * std::exp(0.2 * random.normal()));
    b.rounds_us.push_back(70 * std::exp(0.2 * random.normal()));
  }
  const auto one = speedup_of(a, b);
  const auto two = speedup_of(a, b);
  EXPECT_EQ(one.low, two.low);
  EXPECT_EQ(one.high, two.high);
  EXPECT_LT(one.low, one.median);
  EXPECT_GT(one.high, one.median);
  const auto turned = speedup_of(b, a);
  EXPECT_THAT(turned.median, DoubleNear(1 / one.median, 1e-12));
  EXPECT_THAT(turned.low, DoubleNear(1 / one.high, 0.01));
}

/// The interval holds the true ratio about 19 times of 20.
TEST(Speedup, IntervalCoversTheTruth) {
  Random random(23);
  constexpr int kTrials = 600;
  int covered = 0;
  for (int trial = 0; trial < kTrials; ++trial) {
    Track a;
    Track b;
    for (int round = 0; round < 40; ++round) {
      const double load = std::exp(0.3 * random.normal());  // of both
      a.rounds_us.push_back(150 * load * std::exp(0.05 * random.normal()));
      b.rounds_us.push_back(100 * load * std::exp(0.05 * random.normal()));
    }
    const auto speedup = speedup_of(a, b);
    covered += speedup.low <= 1.5 && 1.5 <= speedup.high ? 1 : 0;
  }
  EXPECT_GT(covered, kTrials * 90 / 100);
}

TEST(Race, EveryoneRunsTheSameRound_InAnotherOrderEachTime) {
  FakeTime time;
  std::vector<std::string> turns(8);
  const auto noting = [&](char who) -> Contestant {
    return [&, who, work = time.takes(60e3)](std::int64_t round) {
      turns[static_cast<std::size_t>(round)] += who;
      return work(round);
    };
  };
  auto options = options_with(time);
  options.warmup = 1;
  options.min_rounds = options.max_rounds = 8;
  const std::vector contestants = {noting('a'), noting('b'), noting('c')};
  ASSERT_THAT(race(contestants, options, "", Monitor::silent()), IsOk());
  turns[0] = turns[0].substr(3);  // the warm-up is of round 0, too
  std::set<std::string> orders;
  for (auto turn : turns) {
    orders.insert(turn);
    std::sort(turn.begin(), turn.end());
    EXPECT_EQ(turn, "abc");
  }
  EXPECT_GT(orders.size(), 2U);
}

TEST(Race, SameSeed_IsTheSameOrder) {
  const auto order = [](std::uint64_t seed) {
    FakeTime time;
    std::string turns;
    std::vector<Contestant> contestants;
    for (const char who : {'a', 'b', 'c', 'd'}) {
      contestants.push_back([&turns, who, work = time.takes(60e3)](std::int64_t round) {
        turns += who;
        return work(round);
      });
    }
    auto options = options_with(time);
    options.seed = seed;
    options.max_rounds = 6;
    EXPECT_THAT(race(contestants, options, "", Monitor::silent()), IsOk());
    return turns;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

TEST(Race, ContestantThatFailsLater_KeepsItsRounds) {
  FakeTime time;
  const Contestant breaking = [&, work = time.takes(30e3)](std::int64_t round) -> Status {
    if (round == 4) {
      return fail(ErrorCode::kUnavailable, "worn out");
    }
    return work(round);
  };
  auto options = options_with(time);
  options.min_rounds = options.max_rounds = 9;
  const std::vector contestants = {time.takes(60e3), breaking};
  const auto tracks = race(contestants, options, "", Monitor::silent());
  ASSERT_THAT(tracks, IsOk());
  EXPECT_THAT((*tracks)[1].status, FailsWith(ErrorCode::kUnavailable, HasSubstr("worn out")));
  EXPECT_EQ((*tracks)[1].timing.n, 4);
  EXPECT_EQ((*tracks)[0].timing.n, 9);
  EXPECT_DOUBLE_EQ(speedup_of((*tracks)[0], (*tracks)[1]).median, 2);
}

/// Says no after so many questions.
class Patience final : public Monitor {
 public:
  explicit Patience(int questions) : left_(questions) {}
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return left_-- <= 0; }

 private:
  mutable int left_;
};

TEST(Race, CancelledAfterRounds_KeepsThem_BeforeThem_IsCancelled) {
  const auto rounds_within = [](int questions) {
    FakeTime time;
    Patience monitor(questions);
    const std::vector contestants = {time.takes(60e3), time.takes(30e3)};
    auto options = options_with(time);
    options.wanted_precision = -1;
    return race(contestants, options, "", monitor);
  };
  // Two questions before the warm-ups, two in each round.
  EXPECT_THAT(rounds_within(3), FailsWith(ErrorCode::kCancelled, ::testing::_));
  const auto two = rounds_within(6);
  ASSERT_THAT(two, IsOk());
  EXPECT_EQ((*two)[0].timing.n, 2);
  EXPECT_EQ((*two)[1].timing.n, 2);
  // In the middle of the third: who had its turn keeps it.
  const auto more = rounds_within(7);
  ASSERT_THAT(more, IsOk());
  EXPECT_EQ((*more)[0].timing.n + (*more)[1].timing.n, 5);
  EXPECT_EQ(speedup_of((*more)[0], (*more)[1]).rounds, 2);
}

TEST(Race, WithoutWarmUp_RunsOnceAllTheSame) {
  FakeTime time;
  int calls = 0;
  const Contestant counting = [&, work = time.takes(60e3)](std::int64_t round) {
    ++calls;
    return work(round);
  };
  auto options = options_with(time);
  options.warmup = 0;
  options.min_rounds = options.max_rounds = 3;
  const std::vector contestants = {counting};
  ASSERT_THAT(race(contestants, options, "", Monitor::silent()), IsOk());
  EXPECT_EQ(calls, 1 + 3);
}

}  // namespace
}  // namespace tessera::evaluate
