// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// How optimize() decides, on rows made up for the purpose: no model, no runtime, no clock.
#include "optimize/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace tessera::optimize {
namespace {

using evaluate::RowStatus;
using quantize::Format;
using quantize::Mode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A static row that was measured and timed.
Candidate row(double speedup, double sqnr_db, double half_width = 0.001) {
  Candidate candidate;
  candidate.row.status = RowStatus::kOk;
  candidate.row.scheme.mode = Mode::kStatic;
  candidate.row.scheme.format = Format::kQdq;
  candidate.row.operators = "all";
  candidate.row.accuracy.emplace();
  candidate.row.accuracy->overall.sqnr_db = sqnr_db;
  candidate.row.speedup = {speedup, speedup - half_width, speedup + half_width, 60};
  return candidate;
}

Candidate mix(double speedup, double sqnr_db) {
  auto candidate = row(speedup, sqnr_db);
  candidate.making = Mixed();
  return candidate;
}

Candidate with_kernels(double speedup, double sqnr_db, double half_width = 0.001) {
  auto candidate = row(speedup, sqnr_db, half_width);
  candidate.row.scheme.format = Format::kKernels;
  return candidate;
}

Candidate failed() {
  Candidate candidate;
  candidate.row.status = RowStatus::kFailed;
  candidate.row.scheme.mode = Mode::kStatic;
  return candidate;
}

// --- limits
// ---------------------------------------------------------------------------------------

TEST(DefaultLimits, AreSixDecibelBelowTheMostAccurateIntegerCandidate) {
  const std::vector<Candidate> rows{row(2, 20), row(1.5, 31), row(1.2, 25)};
  const auto limits = default_limits(rows, 40, false);
  EXPECT_EQ(limits.min_sqnr_db, 25);
  EXPECT_FALSE(limits.max_top1_drop);
  EXPECT_FALSE(limits.max_error);
}

TEST(DefaultLimits, AreCappedByWhatIsEnough) {
  const std::vector<Candidate> rows{row(2, 60)};
  EXPECT_EQ(default_limits(rows, 40, false).min_sqnr_db, 40);
  EXPECT_EQ(default_limits(rows, 54, false).min_sqnr_db, 54);
  EXPECT_EQ(default_limits(rows, 55, false).min_sqnr_db, 54);
}

TEST(DefaultLimits, FloatRowsDoNotSetTheMark) {
  auto half = row(1, 90);
  half.row.scheme.mode = Mode::kFloat16;
  auto dynamic = row(1, 30);
  dynamic.row.scheme.mode = Mode::kDynamic;
  const std::vector<Candidate> rows{half, dynamic};
  EXPECT_EQ(default_limits(rows, 40, false).min_sqnr_db, 24);
}

TEST(DefaultLimits, OfAClassifierLeaveOnePointOfTopOne) {
  EXPECT_EQ(default_limits({}, 40, true).max_top1_drop, 1);
}

/// Where no integer candidate ran, nothing is known that could be a limit.
TEST(DefaultLimits, WithoutIntegerRows_AskNothingOfTheSignal) {
  const std::vector<Candidate> rows{failed()};
  EXPECT_FALSE(default_limits(rows, 40, false).min_sqnr_db);
  EXPECT_FALSE(default_limits(rows, 40, false).any());
}

TEST(MissedLimit, JustMetIsMet) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = 20;
  accuracy.overall.l2_per_element = 0.5;
  EXPECT_THAT(missed_limit({.max_error = 0.5, .min_sqnr_db = 20}, accuracy), IsEmpty());
  EXPECT_THAT(missed_limit({.min_sqnr_db = 20.001}, accuracy), HasSubstr("20.0 dB needed"));
  EXPECT_THAT(missed_limit({.max_error = 0.4999}, accuracy), HasSubstr("at most 0.5 allowed"));
}

/// A comparison with NaN is false both ways: it must not count as kept.
TEST(MissedLimit, NotANumberKeepsNoLimit) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = std::numeric_limits<double>::quiet_NaN();
  accuracy.overall.l2_per_element = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(missed_limit({.min_sqnr_db = -100}, accuracy), "");
  EXPECT_NE(missed_limit({.max_error = 1e9}, accuracy), "");
}

TEST(MissedLimit, InfiniteSqnrKeepsEveryLimit) {
  Accuracy accuracy;
  accuracy.overall.sqnr_db = kInfinity;
  EXPECT_THAT(missed_limit({.min_sqnr_db = 300}, accuracy), IsEmpty());
}

TEST(MissedLimit, TopOneThatIsNotKnownKeepsNoLimitOnIt) {
  EXPECT_EQ(missed_limit({.max_top1_drop = 100}, Accuracy{}), "top-1 unknown");
}

TEST(MissedLimit, TopOneDropsJustAsFarAsAllowed) {
  Accuracy accuracy;
  accuracy.top1.emplace();
  accuracy.top1->reference_percent = 80;
  accuracy.top1->candidate_percent = 79;
  ASSERT_EQ(accuracy.top1->drop(), 1);
  EXPECT_THAT(missed_limit({.max_top1_drop = 1}, accuracy), IsEmpty());
  EXPECT_THAT(missed_limit({.max_top1_drop = 0.99}, accuracy), HasSubstr("drops 1.0 points"));
}

TEST(VerdictOf, RowThatDidNotRunSaysSo) {
  EXPECT_EQ(verdict_of(failed().row, {.min_sqnr_db = 1}), "failed");
  EXPECT_THAT(verdict_of(row(2, 9).row, {.min_sqnr_db = 20}), HasSubstr("SQNR 9.0 dB"));
  EXPECT_THAT(verdict_of(row(2, 21).row, {.min_sqnr_db = 20}), IsEmpty());
}

/// Their error counts in no sum, so that the rest may look exact.
TEST(VerdictOf, ValuesThatAreNoNumbersKeepNoLimit) {
  auto broken = row(2, kInfinity);
  broken.row.accuracy->overall.non_finite = 3;
  EXPECT_THAT(verdict_of(broken.row, {}), HasSubstr("3 output values"));
}

TEST(IsTimed, WithLimitsOnlyThoseNearThem) {
  const Limits limits{.min_sqnr_db = 20};
  auto loser = row(2, 17.9);
  loser.verdict = "SQNR 17.9 dB, 20.0 dB needed";
  EXPECT_TRUE(is_timed(loser, {}));
  EXPECT_FALSE(is_timed(loser, limits));
  auto near = row(2, 18.1);
  near.verdict = "SQNR 18.1 dB, 20.0 dB needed";
  EXPECT_TRUE(is_timed(near, limits));
  EXPECT_TRUE(is_timed(row(2, 30), limits));
  EXPECT_FALSE(is_timed(failed(), {}));
}

TEST(IsNear, ByTwoDecibelsOfErrorOrOfItsRatio) {
  EXPECT_TRUE(is_near(row(2, 28).row, {.min_sqnr_db = 30}));
  EXPECT_FALSE(is_near(row(2, 27.9).row, {.min_sqnr_db = 30}));
  auto candidate = row(2, 30);
  candidate.row.accuracy->overall.l2_per_element = 1.25;
  EXPECT_TRUE(is_near(candidate.row, {.max_error = 1}));
  candidate.row.accuracy->overall.l2_per_element = 1.27;
  EXPECT_FALSE(is_near(candidate.row, {.max_error = 1}));
}

/// Refining brings back no lost class.
TEST(IsNear, KnowsNoSlackOfTop1) {
  EXPECT_FALSE(is_near(row(2, 30).row, {.max_top1_drop = 1}));
}

// --- order and front
// ------------------------------------------------------------------------------

TEST(SortBySpeed, EqualsStayInTheirOrder) {
  std::vector<Candidate> rows{row(1, 1), row(2, 2), row(2, 3), row(3, 4)};
  sort_by_speed(rows);
  std::vector<double> sqnr;
  for (const auto& one : rows) {
    sqnr.push_back(sqnr_of(one.row));
  }
  EXPECT_THAT(sqnr, ElementsAre(4, 2, 3, 1));
}

TEST(MarkFront, HasWhatNoOtherBeatsTwice) {
  std::vector<Candidate> rows{row(3, 10), row(2.5, 9), row(2, 20), row(1.5, 20), row(1.1, 30)};
  mark_front(rows);
  std::vector<bool> front;
  for (const auto& one : rows) {
    front.push_back(one.on_front);
  }
  EXPECT_THAT(front, ElementsAre(true, false, true, false, true));
}

TEST(MarkFront, EndsAtFloat32AndForgetsWhatItSaidBefore) {
  std::vector<Candidate> rows{row(1, 80), row(0.9, 90)};
  rows.front().on_front = true;
  mark_front(rows);
  EXPECT_FALSE(rows[0].on_front);
  EXPECT_FALSE(rows[1].on_front);
}

TEST(MarkFront, RowWithoutErrorIsOnNoFront) {
  std::vector<Candidate> rows{row(2, 30)};
  rows.front().row.accuracy.reset();
  mark_front(rows);
  EXPECT_FALSE(rows.front().on_front);
}

// --- finalists and the pick
// -----------------------------------------------------------------------

TEST(Finalists, AreThoseWithinATenthOfTheFastestThatMayWin) {
  std::vector<Candidate> rows{row(3, 5), row(2, 20), row(1.9, 22), row(1.81, 23), row(1.79, 24)};
  rows[0].verdict = "SQNR 5.0 dB, 18.0 dB needed";
  EXPECT_THAT(finalists_of(rows), ElementsAre(1, 2, 3));
}

TEST(Finalists, AreNoMoreThanSix) {
  const std::vector<Candidate> rows(9, row(2, 20));
  EXPECT_THAT(finalists_of(rows), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(Finalists, NothingSlowerThanFloat32) {
  const std::vector<Candidate> rows{row(1, 90), row(0.99, 99), failed()};
  EXPECT_THAT(finalists_of(rows), IsEmpty());
}

TEST(Pick, TiesGoToTheMoreAccurate) {
  // 1.97 is within 2 % of 2; 1.9 is not, and its interval does not reach.
  const std::vector<Candidate> rows{row(2, 20), row(1.97, 25), row(1.9, 40)};
  EXPECT_EQ(pick(rows), 1);
}

TEST(Pick, EqualAccuracyStaysWithTheFaster) {
  const std::vector<Candidate> rows{row(2, 20), row(1.99, 20)};
  EXPECT_EQ(pick(rows), 0);
}

/// Up to 5 % apart, if noise alone may have made the order.
TEST(Pick, OverlappingIntervalsAreATie) {
  auto fast = row(2, 20, 0.06);
  EXPECT_EQ(pick(std::vector{fast, row(1.92, 25, 0.03)}), 1);
  EXPECT_EQ(pick(std::vector{fast, row(1.92, 25, 0.01)}), 0);  // 1.93 < 1.94
  EXPECT_EQ(pick(std::vector{fast, row(1.89, 25, 0.3)}), 0);   // further than 5 %
}

/// A chain of ties would end far below the fastest.
TEST(Pick, TiesAreWithTheFastestAndNotWithThePicked) {
  const std::vector<Candidate> rows{row(2, 20), row(1.97, 25), row(1.94, 30)};
  EXPECT_EQ(pick(rows), 1);
}

TEST(Pick, PassesOverWhatMayNotWin) {
  auto inaccurate = row(3, 5);
  inaccurate.verdict = "SQNR";
  EXPECT_EQ(pick(std::vector{inaccurate, failed(), row(1.5, 20)}), 2);
  EXPECT_EQ(pick(std::vector{inaccurate, row(1, 50)}), std::nullopt);
  EXPECT_EQ(pick({}), std::nullopt);
}

TEST(FastestUniform, IsNoMix) {
  const std::vector<Candidate> rows{mix(2, 30), row(1.8, 20), row(1.7, 20)};
  EXPECT_EQ(fastest_uniform(rows), 1);
  EXPECT_EQ(fastest_uniform(std::vector{mix(2, 30)}), std::nullopt);
}

TEST(GivesWay, MixMustBeFasterOrCloser) {
  EXPECT_FALSE(gives_way(mix(2.01, 10).row, row(2, 30).row));  // faster
  EXPECT_TRUE(gives_way(mix(2, 30).row, row(2, 30).row));      // as good in both
  EXPECT_FALSE(gives_way(mix(2, 31).row, row(2, 30).row));     // as fast, closer
  EXPECT_FALSE(gives_way(mix(1.97, 31).row, row(2, 30).row));  // within a tie, closer
  EXPECT_TRUE(gives_way(mix(1.95, 60).row, row(2, 30).row));   // slower, however close
}

TEST(Shortfall, WantsCertaintyAndTwoPercent) {
  EXPECT_EQ(shortfall({1.5, 1.4, 1.6, 60}), "");
  EXPECT_EQ(shortfall({1.02, 1.01, 1.03, 60}), "");
  EXPECT_EQ(shortfall({1.019, 1.01, 1.03, 60}), "faster by too little");
  EXPECT_EQ(shortfall({1.5, 0.99, 1.9, 60}), "not faster beyond noise");
  EXPECT_EQ(shortfall({1.5, 1.4, 1.6, 5}), "not faster beyond noise");  // too few rounds to say
}

// --- bases of further work
// ------------------------------------------------------------------------

/// Places in `rows`.
std::vector<std::ptrdiff_t> refined_of(const std::vector<Candidate>& rows, const Limits& given) {
  std::vector<std::ptrdiff_t> places;
  for (const auto* one : to_refine(rows, given, KernelsUse::kShown)) {
    places.push_back(one - rows.data());
  }
  return places;
}

TEST(ToRefine, IsTheFastestStaticOneThatKeepsTheLimits) {
  auto dynamic = row(3, 30);
  dynamic.row.scheme.mode = Mode::kDynamic;
  auto inaccurate = row(2.5, 3);
  inaccurate.verdict = "SQNR";
  const std::vector<Candidate> rows{dynamic, inaccurate, row(1.5, 20), row(2, 20), row(0.9, 40)};
  EXPECT_THAT(refined_of(rows, {}), ElementsAre(3));
  EXPECT_THAT(refined_of({dynamic, row(0.9, 40)}, {}), IsEmpty());
}

TEST(ToRefine, AreThreeFasterOnesNearTheLimitsBeforeIt) {
  std::vector<Candidate> rows;
  for (const double speedup : {2.0, 2.1, 2.2, 2.3, 1.5}) {
    rows.push_back(row(speedup, 29));
    rows.back().verdict = "SQNR 29.0 dB, 30.0 dB needed";
  }
  rows.push_back(row(1.8, 31));
  EXPECT_THAT(refined_of(rows, {.min_sqnr_db = 30}), ElementsAre(3, 2, 1, 5));
  rows.pop_back();
  EXPECT_THAT(refined_of(rows, {.min_sqnr_db = 30}), ElementsAre(3, 2, 1));
  EXPECT_THAT(refined_of(rows, {.min_sqnr_db = 32}), IsEmpty());
}

/// What is only shown is not worked on.
TEST(ToRefine, AreNoneThatNeedALibraryNobodyAskedFor) {
  auto shown = with_kernels(3, 40);
  shown.verdict = kNeedsLibrary;
  auto near = with_kernels(3, 29);
  near.verdict = "SQNR 29.0 dB, 30.0 dB needed";
  const std::vector<Candidate> rows{shown, near};
  EXPECT_THAT(refined_of(rows, {.min_sqnr_db = 30}), IsEmpty());
  EXPECT_THAT(to_refine(rows, {.min_sqnr_db = 30}, KernelsUse::kTaken), Not(IsEmpty()));
}

TEST(MixingBase, IsOfTesserasKernelsWhereTheseAreTaken) {
  const std::vector<Candidate> rows{row(1.5, 30), with_kernels(2, 20)};
  EXPECT_EQ(mixing_base(rows, KernelsUse::kTaken), &rows[1]);
  EXPECT_EQ(mixing_base(rows, KernelsUse::kShown), &rows[0]);
  const std::vector<Candidate> slower{row(2, 30), with_kernels(1.9, 30)};
  EXPECT_EQ(mixing_base(slower, KernelsUse::kTaken), &slower[0]);
  auto untimed = with_kernels(0, 20);
  untimed.row.speedup.rounds = 0;
  const std::vector<Candidate> unknown{row(2, 30), untimed};
  EXPECT_EQ(mixing_base(unknown, KernelsUse::kTaken), &unknown[1]);
}

TEST(MixingBase, IsPerChannelBeforeAnythingElse) {
  auto channel = row(1.2, 20);
  channel.row.scheme.per_channel = true;
  auto matrix_only = row(3, 50);
  matrix_only.making = Uniform{{"Conv", "Gemm", "MatMul"}};
  matrix_only.row.scheme.per_channel = true;
  auto integer_operators = row(3, 50);
  integer_operators.row.scheme.format = Format::kQOperator;
  const std::vector<Candidate> rows{row(2, 40), matrix_only, integer_operators, channel};
  EXPECT_EQ(mixing_base(rows, KernelsUse::kPortable), &rows[3]);
}

TEST(MixingBase, OfTwoAlikeTheMoreAccurate) {
  const std::vector<Candidate> rows{row(2, 20), row(1.5, 30)};
  EXPECT_EQ(mixing_base(rows, KernelsUse::kPortable), &rows[1]);
}

/// Providers that compile: they fuse by themselves in one format and not in the other.
TEST(MixingBase, OfTwoFormatsTheFaster) {
  auto inputs = row(2, 20);
  inputs.row.scheme.format = Format::kQdqInputs;
  const std::vector<Candidate> rows{row(1.5, 30), inputs};
  EXPECT_EQ(mixing_base(rows, KernelsUse::kPortable), &rows[1]);
}

TEST(MixingBase, WithDynamicLayersOnlyWhereThatIsFaster) {
  auto with_dynamic = row(2, 20);
  with_dynamic.making = Combined{{}, {"lstm"}};
  const std::vector<Candidate> slower{row(2.1, 20), with_dynamic};
  EXPECT_EQ(mixing_base(slower, KernelsUse::kPortable), &slower[0]);
  const std::vector<Candidate> faster{row(1.9, 20), with_dynamic};
  EXPECT_EQ(mixing_base(faster, KernelsUse::kPortable), &faster[1]);
}

TEST(MixingBase, WithDynamicLayersOnlyIfTheRestIsEverywhere) {
  auto products = row(3, 40);
  products.making = Combined{{{"Conv", "Gemm", "MatMul"}}, {"lstm"}};
  EXPECT_EQ(mixing_base(std::vector{products}, KernelsUse::kPortable), nullptr);
}

TEST(MixingBase, OfNothingThatRunsIsNone) {
  EXPECT_EQ(mixing_base(std::vector{failed()}, KernelsUse::kPortable), nullptr);
}

TEST(MixingPartners, AreCloserOrFasterAndMixByLayer) {
  auto base = row(2, 30);
  base.row.scheme.per_channel = true;
  auto dynamic = row(1.5, 31);  // closer by just enough
  dynamic.row.scheme.mode = Mode::kDynamic;
  auto closer_twin = row(1.2, 30.9);
  closer_twin.row.scheme.mode = Mode::kFloat16;
  auto faster = row(2.05, 20);
  const auto modes_of = [&](const std::vector<Candidate>& rows) {
    std::vector<Mode> modes;
    for (const auto& scheme : mixing_partners(rows, base)) {
      modes.push_back(scheme.mode);
    }
    return modes;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(modes_of({base, dynamic, closer_twin, faster}),
              ElementsAre(Mode::kDynamic, Mode::kStatic));
  EXPECT_THAT(modes_of({base, closer_twin}), ::testing::IsEmpty());
  dynamic.row.speedup.median = 0.99;  // float32 is closer still, and faster
  EXPECT_THAT(modes_of({base, dynamic}), ::testing::IsEmpty());
  EXPECT_THAT(modes_of({row(2.04, 29)}), ::testing::IsEmpty());       // a tie
  EXPECT_THAT(modes_of({row(2.2, 29, 0.25)}), ::testing::IsEmpty());  // not beyond noise
  EXPECT_THAT(modes_of({row(1.9, 40)}), ::testing::IsEmpty());        // closer, but static
  EXPECT_THAT(modes_of({failed()}), ::testing::IsEmpty());
}

/// On squeezenet, mixes of two range methods were 8 % slower and 5 dB farther from float32.
TEST(MixingPartners, RoundActivationsAsTheBaseDoes) {
  auto base = row(2, 30);
  base.row.scheme.per_channel = true;
  base.row.scheme.method = numerics::RangeMethod::kPercentile;
  auto tensor = row(2.2, 20);
  tensor.row.scheme.method = numerics::RangeMethod::kMse;
  auto symmetric = row(2.3, 25);
  symmetric.row.scheme.activation_symmetric = true;
  auto other_type = row(2.3, 25);
  other_type.row.scheme.activation = DType::kInt8;
  const auto partners = mixing_partners(std::vector{symmetric, other_type, tensor}, base);
  ASSERT_EQ(partners.size(), 1U);
  EXPECT_FALSE(partners[0].per_channel);
  EXPECT_FALSE(partners[0].activation_symmetric);
  EXPECT_EQ(partners[0].activation, base.row.scheme.activation);
  EXPECT_EQ(partners[0].method, numerics::RangeMethod::kPercentile);
}

TEST(MixingPartners, OfOneModeTheClosest) {
  const auto base = row(2, 30);
  auto near = row(1.5, 35);
  near.row.scheme.mode = Mode::kDynamic;
  auto nearer = near;
  nearer.row.scheme.weight = DType::kUInt8;
  nearer.row.accuracy = row(1, 38).row.accuracy;
  const auto partners = mixing_partners(std::vector{near, nearer}, base);
  ASSERT_EQ(partners.size(), 1U);
  EXPECT_EQ(partners[0].weight, DType::kUInt8);
}

TEST(MixingPartners, OfOtherFormatsAndOfSomeOperatorsAreNone) {
  auto base = row(2, 30);
  base.row.scheme.per_channel = true;
  auto integer_operators = row(3, 50);
  integer_operators.row.scheme.format = Format::kQOperator;
  auto some = row(3, 50);
  some.making = Uniform{{"Conv", "Gemm", "MatMul"}};
  auto untimed = row(3, 30);
  untimed.row.speedup = {};
  EXPECT_TRUE(mixing_partners(std::vector{integer_operators, some, untimed}, base).empty());
}

TEST(MixingPartners, AreNoMoreThanTheSearchCanPayFor) {
  const auto base = row(2, 30);
  std::vector<Candidate> rows;
  for (const auto mode : {Mode::kDynamic, Mode::kFloat16, Mode::kWeightOnly}) {
    rows.push_back(row(1.5, 40 + static_cast<double>(rows.size())));
    rows.back().row.scheme.mode = mode;
  }
  const auto partners = mixing_partners(rows, base);
  ASSERT_EQ(partners.size(), kMostPartners);
  EXPECT_EQ(partners[0].mode, Mode::kWeightOnly);
  EXPECT_EQ(partners[1].mode, Mode::kFloat16);
}

// --- verdicts
// -------------------------------------------------------------------------------------

TEST(LoserVerdict, SaysInWhichWayItLost) {
  const auto chosen = row(2, 30);
  auto untimed = row(0, 30);
  untimed.row.speedup = {};
  EXPECT_EQ(loser_verdict(untimed, &chosen, "float32"), "not timed");
  EXPECT_EQ(loser_verdict(row(0.8, 30), &chosen, "float32"), "not faster than float32");
  EXPECT_EQ(loser_verdict(row(1.5, 30), nullptr, "float32"), "not chosen");
  EXPECT_EQ(loser_verdict(row(1.9, 30), &chosen, "float32"), "slower by 5.3 %");
  EXPECT_EQ(loser_verdict(row(1, 30, 0), &chosen, "float32"), "not faster than float32");
  EXPECT_EQ(loser_verdict(row(1.25, 30), &chosen, "float32"), "slower by 60 %");
  EXPECT_EQ(loser_verdict(row(2, 20), &chosen, "float32"), "as fast, less accurate");
  auto larger = row(2, 30);
  larger.row.size_bytes = 10;
  EXPECT_EQ(loser_verdict(larger, &chosen, "float32"), "as fast, larger");
  EXPECT_EQ(loser_verdict(row(2, 30), &chosen, "float32"), "as fast, no more accurate");
}

/// Slower by what the intervals do not tell apart is not said to be slower.
TEST(LoserVerdict, WithinNoiseIsAsFast) {
  const auto chosen = row(2, 30, 0.1);
  EXPECT_EQ(loser_verdict(row(1.9, 20, 0.05), &chosen, "float32"), "as fast, less accurate");
}

// --- kernels of tessera ---------------------------------------------------------------------

TEST(TwinBase, IsTheFastestUniformModel_TiesToTheMoreAccurate) {
  auto missed = row(3, 5);
  missed.verdict = "SQNR 5 dB, 20 dB asked";
  auto partly = row(2.5, 30);
  partly.making = Uniform{{"Conv"}};
  const std::vector<Candidate> rows{missed,     mix(2.7, 30),  partly,
                                    row(2, 20), row(1.99, 25), row(1.2, 40)};
  EXPECT_EQ(twin_base(rows), &rows[4]);
  const std::vector<Candidate> slow{row(0.8, 20), failed()};
  EXPECT_EQ(twin_base(slow), slow.data()) << "what float32 beats may win by other operators";
  EXPECT_EQ(twin_base({}), nullptr);
}

TEST(PickPortable, PassesOverWhatNeedsALibrary) {
  const std::vector<Candidate> rows{with_kernels(2, 30), row(1.7, 30), row(1.2, 30)};
  EXPECT_EQ(pick(rows), 0U);
  EXPECT_EQ(pick_portable(rows), 1U);
  EXPECT_EQ(pick_portable(std::span(rows).first(1)), std::nullopt);
}

TEST(GainOfKernels, IsSaidBeyondNoiseAndTie) {
  const auto twin = with_kernels(2.06, 11.8);
  const auto gain = gain_of_kernels(twin, Speedup{1.01, 1.0, 1.02, 60});
  ASSERT_TRUE(gain);
  EXPECT_EQ(gain->speedup, 2.06);
  EXPECT_EQ(gain->sqnr_db, 11.8);
  EXPECT_EQ(gain->portable_speedup, 1.01);
  EXPECT_EQ(gain_of_kernels(twin, std::nullopt)->portable_speedup, 1);
  EXPECT_FALSE(gain_of_kernels(twin, Speedup{2.03, 2.02, 2.04, 60})) << "a tie";
  EXPECT_FALSE(gain_of_kernels(with_kernels(2.06, 12, 0.3), Speedup{1.8, 1.7, 1.9, 60})) << "noise";
  EXPECT_FALSE(gain_of_kernels(with_kernels(0.9, 12), std::nullopt));
}

TEST(Front, WhatNeedsALibraryTakesNoPortableModelsPlace) {
  std::vector<Candidate> rows{with_kernels(2.1, 30), row(1.7, 28), with_kernels(1.6, 29),
                              row(1.5, 29)};
  mark_front(rows);
  EXPECT_TRUE(rows[0].on_front);
  EXPECT_TRUE(rows[1].on_front);
  EXPECT_FALSE(rows[2].on_front);
  EXPECT_TRUE(rows[3].on_front);
}

}  // namespace
}  // namespace tessera::optimize
