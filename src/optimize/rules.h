// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/optimize/optimize.h"

/// How optimize() decides: by what the rows say and nothing else. No runtime, no model, no clock.
namespace tessera::optimize {

/// Speeds closer than this are the same speed, as are those up to kLooseTie apart whose intervals
/// overlap; the more accurate candidate is taken.
inline constexpr double kTie = 0.02;
inline constexpr double kLooseTie = 0.05;
/// Without limits: how far from the most accurate integer candidate one may be.
inline constexpr double kSqnrSlackDb = 6;
inline constexpr double kTop1Slack = 1;
/// A layer's form has to be so much closer, or faster by more than kTie, to be worth a place beside
/// that of the base.
inline constexpr double kPartnerDb = 1;
inline constexpr std::size_t kMostPartners = 2;
/// What refining takes off the error of most models, and more. What misses a limit by no more is
/// worth a try; of so many, the fastest first.
inline constexpr double kRefiningDb = 2;
inline constexpr std::ptrdiff_t kMostRefined = 3;
/// Those within this share of the fastest meet once more, and no more than so many.
inline constexpr double kNear = 0.1;
inline constexpr std::size_t kMostFinalists = 6;

/// Verdict of what keeps the limits and is only shown.
inline constexpr std::string_view kNeedsLibrary = "needs libtessera_kernels.so (--kernels tessera)";

/// -infinity where nothing was measured.
[[nodiscard]] double sqnr_of(const Measurement& row);
[[nodiscard]] bool is_integer(const quantize::Scheme& scheme);

/// The documented rule for runs without limits: within kSqnrSlackDb of the most accurate integer
/// candidate or at `enough_sqnr_db`; and, for a classifier, at most kTop1Slack points of top-1
/// lost.
[[nodiscard]] Limits default_limits(std::span<const Candidate> candidates, double enough_sqnr_db,
                                    bool classifies);
/// What a row that was measured misses, or why it was not; empty if it keeps the limits. Values
/// that are infinite or NaN where the float model's are not keep no limit.
[[nodiscard]] std::string verdict_of(const Measurement& row, const Limits& limits);
/// It misses no limit by more than kRefiningDb.
[[nodiscard]] bool is_near(const Measurement& row, const Limits& limits);
/// With limits only those near them are timed; without, all are, to show the front.
[[nodiscard]] bool is_timed(const Candidate& candidate, const Limits& given);
/// It keeps the limits and was faster than float32.
[[nodiscard]] bool may_win(const Candidate& candidate);

/// Fastest first; equals stay in their order.
void sort_by_speed(std::vector<Candidate>& candidates);
/// Of candidates by speed: those to which no other is both faster and closer. float32 ends the
/// front: nothing is closer to itself. What needs a library takes no portable one's place.
void mark_front(std::span<Candidate> candidates);

/// Of candidates by speed, those that meet in a last race: what may win, near the fastest of them.
[[nodiscard]] std::vector<std::size_t> finalists_of(std::span<const Candidate> candidates);
/// Of candidates by speed: the fastest that may win, ties to the more accurate.
[[nodiscard]] std::optional<std::size_t> pick(std::span<const Candidate> candidates);
/// The same of those that need no library.
[[nodiscard]] std::optional<std::size_t> pick_portable(std::span<const Candidate> candidates);
/// The same of those that are no mixes, without ties.
[[nodiscard]] std::optional<std::size_t> fastest_uniform(std::span<const Candidate> candidates);
/// A mix must earn its keep: the simpler model wins where a race of the two cannot tell them apart,
/// unless the mix is the more accurate one.
[[nodiscard]] bool gives_way(const Measurement& mix, const Measurement& uniform);
/// Why a confirmed row is not taken: it is not faster beyond noise, or by too little. Empty if it
/// is taken.
[[nodiscard]] std::string shortfall(const Speedup& speedup);

/// It runs only where libtessera_kernels is loaded.
[[nodiscard]] bool needs_library(const Candidate& candidate);
/// Of those that keep the limits, the fastest uniform static one, however slow, ties to the more
/// accurate: whose twin with the kernels of tessera is worth a look. Null if there is none.
[[nodiscard]] const Candidate* twin_base(std::span<const Candidate> candidates);
/// What a twin that keeps the limits brings beside what was chosen (null: float32 stays); nothing
/// within noise and a tie.
[[nodiscard]] std::optional<OptimizeResult::WithKernels> gain_of_kernels(
    const Candidate& twin, const std::optional<Speedup>& chosen);

/// The static ones to refine, the fastest first: up to the first that keeps the limits, and of
/// those before it, which only come near limits that were given, no more than kMostRefined. Those
/// that need the library only where its kernels are taken.
[[nodiscard]] std::vector<const Candidate*> to_refine(std::span<const Candidate> candidates,
                                                      const Limits& given, KernelsUse kernels);
/// The static candidate whose scheme the integer layers of mixes get: per channel where that
/// exists, because mixes live from accuracy as much as from speed. As Q/DQ, or with the kernels of
/// tessera where these are taken and no Q/DQ form is known to be faster. Null if none runs.
[[nodiscard]] const Candidate* mixing_base(std::span<const Candidate> candidates,
                                           KernelsUse kernels);

/// Schemes that mixes draw from besides the base's, with its range method: of the uniform models
/// those that are faster than it beyond a tie and beyond noise, or, where they are not static,
/// closer by kPartnerDb; the closest of each mode. Static ones whose activations are rounded as the
/// base's are; of others every border would be a conversion. No more than kMostPartners, since each
/// costs the search as much again.
[[nodiscard]] std::vector<quantize::Scheme> mixing_partners(std::span<const Candidate> candidates,
                                                            const Candidate& base);

/// What is said of a candidate that kept the limits and was not chosen. `chosen`: null if none was.
[[nodiscard]] std::string loser_verdict(const Candidate& candidate, const Candidate* chosen,
                                        const std::string& reference);

}  // namespace tessera::optimize
