// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "optimize/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace tessera::optimize {

using evaluate::RowStatus;
using quantize::Mode;
using quantize::Scheme;

namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

bool is_tied(const Speedup& fastest, const Speedup& other) {
  return other.median >= fastest.median * (1 - kTie) ||
         (other.median >= fastest.median * (1 - kLooseTie) && other.high >= fastest.low);
}

/// Where the scheme of a row goes, but for operators that are dynamic; null of others.
const Uniform* rest_of(const Candidate& candidate) {
  if (const auto* combined = std::get_if<Combined>(&candidate.making)) {
    return &combined->rest;
  }
  return std::get_if<Uniform>(&candidate.making);
}

/// Where some operators have a dynamic form only, the base that gives it to them is tried first,
/// if it is the faster one.
bool better_base(const Candidate& a, const Candidate& b) {
  if (a.row.scheme.per_channel != b.row.scheme.per_channel) {
    return a.row.scheme.per_channel;
  }
  if (std::holds_alternative<Combined>(a.making) != std::holds_alternative<Combined>(b.making)) {
    return a.row.speedup.median > b.row.speedup.median;
  }
  if (a.row.scheme.format != b.row.scheme.format) {
    return a.row.speedup.median > b.row.speedup.median;
  }
  return sqnr_of(a.row) > sqnr_of(b.row);
}

}  // namespace

double sqnr_of(const Measurement& row) {
  return row.accuracy ? row.accuracy->overall.sqnr_db : kNothing;
}

bool is_integer(const quantize::Scheme& scheme) {
  return scheme.mode == Mode::kStatic || scheme.mode == Mode::kDynamic;
}

std::string missed_limit(const Limits& limits, const Accuracy& accuracy) {
  const auto& overall = accuracy.overall;
  if (limits.max_error && !(overall.l2_per_element <= *limits.max_error)) {
    return fmt::format("error {:.3g}, at most {:.3g} allowed", overall.l2_per_element,
                       *limits.max_error);
  }
  if (limits.min_sqnr_db && !(overall.sqnr_db >= *limits.min_sqnr_db)) {
    return fmt::format("SQNR {:.1f} dB, {:.1f} dB needed", overall.sqnr_db, *limits.min_sqnr_db);
  }
  if (limits.max_top1_drop) {
    const auto drop = accuracy.top1 ? accuracy.top1->drop() : std::nullopt;
    if (!drop) {
      return "top-1 unknown";
    }
    if (*drop > *limits.max_top1_drop) {
      return fmt::format("top-1 drops {:.1f} points, {:.1f} allowed", *drop, *limits.max_top1_drop);
    }
  }
  return {};
}

Limits default_limits(std::span<const Candidate> candidates, double enough_sqnr_db,
                      bool classifies) {
  double best = kNothing;
  for (const auto& candidate : candidates) {
    if (is_integer(candidate.row.scheme)) {
      best = std::max(best, sqnr_of(candidate.row));
    }
  }
  Limits limits;
  if (best > kNothing) {
    limits.min_sqnr_db = std::min(best - kSqnrSlackDb, enough_sqnr_db);
  }
  if (classifies) {
    limits.max_top1_drop = kTop1Slack;
  }
  return limits;
}

std::string verdict_of(const Measurement& row, const Limits& limits) {
  if (row.status != RowStatus::kOk) {
    return std::string(to_string(row.status));
  }
  // They count in no sum of errors: the others may be exact.
  if (const auto lost = row.accuracy->overall.non_finite; lost > 0) {
    return fmt::format("{} output values are infinite or NaN on one side only", lost);
  }
  return missed_limit(limits, *row.accuracy);
}

bool is_near(const Measurement& row, const Limits& limits) {
  auto relaxed = limits;
  if (relaxed.min_sqnr_db) {
    *relaxed.min_sqnr_db -= kRefiningDb;
  }
  if (relaxed.max_error) {
    *relaxed.max_error *= std::pow(10, kRefiningDb / 20);
  }
  return verdict_of(row, relaxed).empty();
}

bool is_timed(const Candidate& candidate, const Limits& given) {
  return candidate.row.status == RowStatus::kOk &&
         (candidate.verdict.empty() || !given.any() || is_near(candidate.row, given));
}

bool may_win(const Candidate& candidate) {
  return candidate.row.status == RowStatus::kOk && candidate.verdict.empty() &&
         candidate.row.speedup.median > 1;
}

void sort_by_speed(std::vector<Candidate>& candidates) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) {
                     return a.row.speedup.median > b.row.speedup.median;
                   });
}

void mark_front(std::span<Candidate> candidates) {
  double best = kNothing;
  double best_portable = kNothing;
  for (auto& candidate : candidates) {
    const double sqnr_db = sqnr_of(candidate.row);
    const bool portable = !needs_library(candidate);
    candidate.on_front =
        candidate.row.speedup.median > 1 && sqnr_db > (portable ? best_portable : best);
    best = std::max(best, sqnr_db);
    best_portable = portable ? std::max(best_portable, sqnr_db) : best_portable;
  }
}

std::vector<std::size_t> finalists_of(std::span<const Candidate> candidates) {
  std::vector<std::size_t> finalists;
  double fastest = 0;
  for (std::size_t i = 0; i < candidates.size() && finalists.size() < kMostFinalists; ++i) {
    const double speedup = candidates[i].row.speedup.median;
    if (may_win(candidates[i]) && speedup >= fastest * (1 - kNear)) {
      fastest = std::max(fastest, speedup);
      finalists.push_back(i);
    }
  }
  return finalists;
}

namespace {

std::optional<std::size_t> pick_of(std::span<const Candidate> candidates,
                                   bool (*wanted)(const Candidate&)) {
  std::optional<std::size_t> fastest;
  std::optional<std::size_t> picked;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (!wanted(candidates[i])) {
      continue;
    }
    fastest = fastest.value_or(i);
    picked = picked.value_or(i);
    const bool tied = is_tied(candidates[*fastest].row.speedup, candidates[i].row.speedup);
    if (tied && sqnr_of(candidates[i].row) > sqnr_of(candidates[*picked].row)) {
      picked = i;
    }
  }
  return picked;
}

}  // namespace

std::optional<std::size_t> pick(std::span<const Candidate> candidates) {
  return pick_of(candidates, may_win);
}

std::optional<std::size_t> pick_portable(std::span<const Candidate> candidates) {
  return pick_of(candidates, [](const Candidate& candidate) {
    return may_win(candidate) && !needs_library(candidate);
  });
}

std::optional<std::size_t> fastest_uniform(std::span<const Candidate> candidates) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (may_win(candidates[i]) && !std::holds_alternative<Mixed>(candidates[i].making)) {
      return i;
    }
  }
  return std::nullopt;
}

bool gives_way(const Measurement& mix, const Measurement& uniform) {
  if (mix.speedup.median < uniform.speedup.median * (1 - kTie)) {
    return true;
  }
  return mix.speedup.median <= uniform.speedup.median && sqnr_of(mix) <= sqnr_of(uniform);
}

std::string shortfall(const Speedup& speedup) {
  if (!speedup.certain()) {
    return "not faster beyond noise";
  }
  return speedup.median < 1 + kTie ? "faster by too little" : "";
}

bool needs_library(const Candidate& candidate) {
  return candidate.row.scheme.mode == Mode::kStatic &&
         candidate.row.scheme.format == quantize::Format::kKernels;
}

const Candidate* twin_base(std::span<const Candidate> candidates) {
  std::vector<const Candidate*> order;
  for (const auto& candidate : candidates) {
    const auto& row = candidate.row;
    const auto* where = std::get_if<Uniform>(&candidate.making);
    if (row.status == RowStatus::kOk && candidate.verdict.empty() && row.speedup.rounds > 0 &&
        row.scheme.mode == Mode::kStatic && where != nullptr && where->everywhere()) {
      order.push_back(&candidate);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->row.speedup.median > b->row.speedup.median;
  });
  const Candidate* best = nullptr;
  for (const auto* candidate : order) {
    const bool tied = is_tied(order.front()->row.speedup, candidate->row.speedup);
    if (tied && (best == nullptr || sqnr_of(candidate->row) > sqnr_of(best->row))) {
      best = candidate;
    }
  }
  return best;
}

std::optional<OptimizeResult::WithKernels> gain_of_kernels(const Candidate& twin,
                                                           const std::optional<Speedup>& chosen) {
  const auto& speedup = twin.row.speedup;
  const double portable = chosen ? chosen->median : 1;
  const bool beyond_noise = speedup.rounds > 0 && speedup.low > (chosen ? chosen->high : 1);
  if (!beyond_noise || speedup.median < portable * (1 + kTie)) {
    return std::nullopt;
  }
  return OptimizeResult::WithKernels{.name = twin.row.name(),
                                     .speedup = speedup.median,
                                     .sqnr_db = sqnr_of(twin.row),
                                     .portable_speedup = portable};
}

std::vector<const Candidate*> to_refine(std::span<const Candidate> candidates, const Limits& given,
                                        KernelsUse kernels) {
  std::vector<const Candidate*> order;
  for (const auto& candidate : candidates) {
    const auto& row = candidate.row;
    const bool near = candidate.verdict.empty() || (given.any() && is_near(row, given));
    const bool only_shown = needs_library(candidate) && kernels != KernelsUse::kTaken;
    if (near && !only_shown && row.scheme.mode == Mode::kStatic && row.speedup.median > 1) {
      order.push_back(&candidate);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->row.speedup.median > b->row.speedup.median;
  });
  const auto keeps = std::ranges::find_if(
      order, may_win, [](const auto* one) -> auto& { return *one; });
  const auto before = std::min(keeps - order.begin(), kMostRefined);
  std::vector<const Candidate*> wanted(order.begin(), order.begin() + before);
  if (keeps != order.end()) {
    wanted.push_back(*keeps);
  }
  return wanted;
}

namespace {

/// Of those in a format whose scheme goes everywhere.
const Candidate* best_base(std::span<const Candidate> candidates, bool kernels) {
  const Candidate* base = nullptr;
  for (const auto& candidate : candidates) {
    const auto& row = candidate.row;
    const auto* where = rest_of(candidate);
    const bool everywhere = where != nullptr && where->everywhere();
    const bool form =
        kernels ? needs_library(candidate) : !quantize::has_integer_operators(row.scheme.format);
    const bool fits =
        row.status == RowStatus::kOk && row.scheme.mode == Mode::kStatic && form && everywhere;
    if (fits && (base == nullptr || better_base(candidate, *base))) {
      base = &candidate;
    }
  }
  return base;
}

}  // namespace

const Candidate* mixing_base(std::span<const Candidate> candidates, KernelsUse kernels) {
  const auto* portable = best_base(candidates, false);
  const auto* ours = kernels == KernelsUse::kTaken ? best_base(candidates, true) : nullptr;
  if (portable == nullptr || ours == nullptr) {
    return ours == nullptr ? portable : ours;
  }
  const auto& theirs = portable->row.speedup;
  const bool slower = theirs.rounds > 0 && ours->row.speedup.rounds > 0 &&
                      theirs.median > ours->row.speedup.median * (1 + kTie);
  return slower ? portable : ours;
}

namespace {

/// Static layers of two schemes stand side by side without a conversion only where their
/// activations are rounded alike; closer than the base they are not, then.
bool is_partner(const Candidate& candidate, const Candidate& base) {
  const auto& row = candidate.row;
  const auto& scheme = row.scheme;
  const auto* where = std::get_if<Uniform>(&candidate.making);
  if (row.status != RowStatus::kOk || where == nullptr || !where->everywhere() ||
      scheme.mode == Mode::kFloat32 || scheme == base.row.scheme) {
    return false;
  }
  const bool timed = row.speedup.rounds > 0 && base.row.speedup.rounds > 0;
  const bool faster = timed && row.speedup.low > base.row.speedup.high &&
                      row.speedup.median > base.row.speedup.median * (1 + kTie);
  if (scheme.mode == Mode::kStatic) {
    return faster && scheme.format == base.row.scheme.format &&
           scheme.activation == base.row.scheme.activation &&
           scheme.activation_symmetric == base.row.scheme.activation_symmetric;
  }
  // float32 is exact: what is not faster than that has nothing to give.
  const bool beats_float = row.speedup.rounds == 0 || row.speedup.median > 1;
  return faster || (beats_float && sqnr_of(row) >= sqnr_of(base.row) + kPartnerDb);
}

}  // namespace

std::vector<Scheme> mixing_partners(std::span<const Candidate> candidates, const Candidate& base) {
  std::vector<const Candidate*> order;
  for (const auto& candidate : candidates) {
    if (is_partner(candidate, base)) {
      order.push_back(&candidate);
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return sqnr_of(a->row) > sqnr_of(b->row); });
  std::vector<Scheme> partners;
  for (const auto* candidate : order) {
    auto scheme = candidate->row.scheme;
    scheme.method = base.row.scheme.method;
    const bool known = std::any_of(partners.begin(), partners.end(),
                                   [&](const auto& other) { return other.mode == scheme.mode; });
    if (!known && partners.size() < kMostPartners) {
      partners.push_back(scheme);
    }
  }
  return partners;
}

std::string loser_verdict(const Candidate& candidate, const Candidate* chosen,
                          const std::string& reference) {
  const auto& row = candidate.row;
  if (row.speedup.rounds == 0) {
    return "not timed";
  }
  if (row.speedup.median <= 1) {
    return "not faster than " + reference;
  }
  if (chosen == nullptr) {
    return "not chosen";
  }
  // Where the intervals meet, noise alone may have made the order.
  const auto& best = chosen->row;
  if (row.speedup.high < best.speedup.low) {
    const double percent = 100 * (best.speedup.median / row.speedup.median - 1);
    return fmt::format("slower by {:.{}f} %", percent, percent < 10 ? 1 : 0);
  }
  if (sqnr_of(row) < sqnr_of(best)) {
    return "as fast, less accurate";
  }
  return row.size_bytes > best.size_bytes ? "as fast, larger" : "as fast, no more accurate";
}

}  // namespace tessera::optimize
