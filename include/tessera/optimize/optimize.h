// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/host.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/graph/graph.h"
#include "tessera/network/network.h"
#include "tessera/optimize/record.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/kernels_use.h"
#include "tessera/quantize/recipe.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::optimize {

using quantize::KernelsUse;

struct OptimizeOptions {
  Limits limits;
  runtime::SessionOptions session;  ///< provider, threads
  quantize::Selection selection;    ///< operators that may be quantized
  /// Samples that ranges were measured on: for refining the fastest integer candidates (see
  /// refine.h). Not those that errors are measured on. Not owned; null: nothing is refined.
  const data::SampleSet* calibration = nullptr;
  /// Candidates with the operators of libtessera_kernels, which whoever runs the result then has to
  /// load.
  KernelsUse kernels = KernelsUse::kPortable;
  bool mixed = true;  ///< also mixes of float32 and integers, layer by layer
  /// A mix that was found elsewhere, by a plan: measured, timed and chosen as those found here.
  std::optional<quantize::Recipe> proposed;
  /// Without limits: closer to float32 than this is close enough, however close others come.
  double enough_sqnr_db = 40;
  double budget_us = 300e6;       ///< for everything; what is left out then is named
  double spent_us = 0;            ///< of the budget, before: for calibration
  std::int64_t memory_bytes = 0;  ///< for sessions open at once; 0: a quarter of the machine's
  bool requantize = false;        ///< see evaluate::LabSetup
  /// Rows of an interrupted run: not measured again.
  std::vector<Measurement> known;
  /// Where finalists are written to be timed as files; empty: a folder of its own, gone afterwards.
  std::filesystem::path folder;
  /// Called for every model before it is written, with the name of its row: to leave a mark in the
  /// metadata.
  std::function<void(network::Network&, std::string_view)> mark;
  std::uint64_t seed = 0;
};

/// Which combinations are worth trying: the candidates of optimize() before range methods.
struct CandidatePlan {
  std::vector<Candidate> candidates;  ///< nothing measured yet
  std::vector<Exclusion> excluded;
};
/// What a format's dialect names.
[[nodiscard]] CandidatePlan plan_candidates(const quantize::Candidates& named);
/// Rules, from the instruction set and what the runtime's kernels are known to do: see
/// docs/optimize.md. `provider` as in SessionOptions, `kernels` as in OptimizeOptions.
[[nodiscard]] CandidatePlan plan_candidates(const Host& host, const graph::Graph& graph,
                                            const std::string& provider,
                                            KernelsUse kernels = KernelsUse::kPortable);

/// Finds the fastest model that keeps the limits.
///
/// 1. plan_candidates(); 2. for each type pair and granularity, the range method of least error on
/// 32 of `samples`; 3. error of every candidate on `samples`, those far beyond a limit are
/// dropped; 4. the rest race round-robin against float32; 5. with the scheme of a static candidate
/// (see docs/optimize.md), a latency model is fitted (profile::Study), mixes of float and integer
/// layers that it takes for fast at several prices of error are built and measured, and what they
/// really took is learned before further rounds (of providers whose layers cannot be told apart:
/// mixes that leave the noisiest layers in float); 6. the fastest integer candidates, up to the
/// first that keeps the limits, are refined on the calibration samples, those before it only if
/// they miss given limits by at most 2 dB;
/// 7. the fastest is confirmed in a race with float32 and the fastest
/// uniform candidate, as files that are written and read again, and gives way to either if it is
/// not faster beyond noise and by 2 %. Without limits a candidate must come within 6 dB of the most
/// accurate uniform integer candidate, or be close enough (and lose at most 1 point of top-1, given
/// labels). Among those within 2 % of the fastest, the most accurate is taken.
///
/// A candidate that cannot be built, opened or run is a row with the reason. A user who stops it
/// gets what was measured by then (OptimizeResult::interrupted).
///
/// With KernelsUse::kShown one more candidate is measured, the twin of the fastest uniform one with
/// the operators of libtessera_kernels: never chosen, mixed or refined, see
/// OptimizeResult::with_kernels.
///
/// `ranges` should hold all methods, measured on other samples than `samples` where there are
/// enough. Errors: those of opening and running the float model; kInvalidArgument for a limit on
/// top-1 without labels; those of try_kernels() where kernels are to be taken; kCancelled.
[[nodiscard]] Result<OptimizeResult> optimize(const network::Network& model,
                                              const data::SampleSet& samples,
                                              const calibrate::Ranges& ranges,
                                              std::shared_ptr<const runtime::Library> library,
                                              const OptimizeOptions& options, Monitor& monitor);

}  // namespace tessera::optimize
