// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/host.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/lab.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/graph/graph.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/network.h"
#include "tessera/profile/profile.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/recipe.h"
#include "tessera/refine/refine.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::optimize {

using evaluate::Accuracy;
using evaluate::Measurement;
using evaluate::Speedup;
using evaluate::Timer;

/// What the chosen model may lose against float32. Absent: no limit.
struct Limits {
  std::optional<double> max_error;      ///< l2_per_element over all outputs
  std::optional<double> min_sqnr_db;    ///< over all outputs
  std::optional<double> max_top1_drop;  ///< points of top-1; needs labels
  [[nodiscard]] bool any() const noexcept { return max_error || min_sqnr_db || max_top1_drop; }
};
/// The limit that an accuracy misses, in words; empty if it keeps all.
[[nodiscard]] std::string missed_limit(const Limits& limits, const Accuracy& accuracy);

struct OptimizeOptions {
  Limits limits;
  runtime::SessionOptions session;  ///< provider, threads
  quantize::Selection selection;    ///< operators that may be quantized
  /// Samples that ranges were measured on: for refining the fastest integer candidate (see
  /// refine.h). Not those that errors are measured on. Not owned; null: nothing is refined.
  const data::SampleSet* calibration = nullptr;
  bool mixed = true;  ///< also mixes of float32 and integers, layer by layer
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

/// A combination that is not tried on this machine, and why.
struct Exclusion {
  std::string what;
  std::string why;
};

/// The scheme of the row wherever it goes.
struct Uniform {
  std::vector<std::string> op_types;  ///< operators of these types alone; empty: of all

  [[nodiscard]] bool everywhere() const noexcept { return op_types.empty(); }
};
/// float32 as the quantizer rewrites it before anything else: paddings, batch normalisation and the
/// like folded.
struct Folded {};
/// A static scheme, and some operators dynamic: those that have no static form (recurrent layers),
/// or that are closer to float32 so (matrix products).
struct Combined {
  Uniform rest;
  std::vector<std::string> dynamic;  ///< names of operators
};
/// A mix that was searched for.
struct Mixed {};
/// How a candidate's model is made of the one as given.
using Making = std::variant<Uniform, Folded, Combined, Mixed>;

struct Candidate {
  Measurement row;
  Making making;
  /// Of combinations and mixes: the scheme of every operator, by OpId, and the recipe that says so.
  /// Of a combination, once its range method is known.
  quantize::Assignment assignment;
  quantize::Recipe recipe;
  /// Of a refined candidate: the model, and what refining did.
  std::shared_ptr<const network::Network> made;
  std::optional<refine::RefineReport> refinement;
  std::optional<double> predicted_us;  ///< by the latency model, before it was built
  /// As sessions are opened from it, while memory for that is left.
  std::shared_ptr<const evaluate::Built> built;
  std::vector<bool> quantized;  ///< by OpId: computed in integers, as built
  /// SQNR by every range method that was tried, so that the choice of method can be followed.
  std::vector<std::pair<numerics::RangeMethod, double>> methods;
  bool on_front = false;  ///< no other candidate is both faster and closer to float32
  std::string verdict;    ///< "chosen", "SQNR 9.1 dB, 20 dB asked", "slower than float32", ...
};

/// Which combinations are worth trying: the candidates of optimize() before range methods.
struct CandidatePlan {
  std::vector<Candidate> candidates;  ///< nothing measured yet
  std::vector<Exclusion> excluded;
};
/// Rules, from the instruction set and what the runtime's kernels are known to do: see
/// docs/optimize.md. `provider` as in SessionOptions.
[[nodiscard]] CandidatePlan plan_candidates(const Host& host, const graph::Graph& graph,
                                            const std::string& provider);

struct OptimizeResult {
  Measurement baseline;               ///< float32 at level all
  std::vector<Candidate> candidates;  ///< fastest first, failed ones last
  std::optional<std::size_t> chosen;  ///< index into candidates; absent: float32 stays
  std::string reason;                 ///< why this one, in one sentence
  /// The chosen one against float32 once more, alone: what the selection cannot have biased.
  std::optional<Speedup> confirmation;
  Timing confirmed_latency;
  Timing confirmed_baseline_latency;
  std::vector<Exclusion> excluded;
  std::vector<Exclusion> cut_off;  ///< what the budget left out
  bool interrupted = false;  ///< the user stopped it: nothing is chosen, rows say what is known
  graph::Quantization quantization;  ///< of the model as it was given
  bool requantize = false;           ///< OptimizeOptions::requantize
  Limits applied;                    ///< those given, or those of the rule without limits
  /// The chosen model's file, as it was opened and confirmed.
  struct Written {
    std::filesystem::path file;
    std::int64_t planned = 0;  ///< products (convolutions, matrix products, LSTM) in integers
    std::int64_t ran = 0;      ///< of those, integer kernels that ran
    std::int64_t integer_kernels = 0;
  };
  std::optional<Written> written;
  Timer timer = Timer::kWall;
  /// The search for mixed candidates, if there was one.
  struct Mixing {
    std::string scheme;
    std::vector<std::string> further;  ///< schemes that they draw from besides
    profile::Validation validation;    ///< of the latency model behind it
    std::int64_t proposals = 0;        ///< built and measured
    double best_predicted_us = 0;      ///< of the proposal that was measured fastest ...
    double best_measured_us = 0;       ///< ... and what it took
  };
  std::optional<Mixing> mixing;
  /// The model to deploy: the chosen candidate's, or the float one. Absent if it is float32.
  std::optional<network::Network> model;
};

/// Finds the fastest model that keeps the limits.
///
/// 1. plan_candidates(); 2. for each type pair and granularity, the range method of least error on
/// 32 of `samples`; 3. error of every candidate on `samples`, those beyond a limit are dropped; 4.
/// the rest race round-robin against float32; 5. with the scheme of the fastest static candidate, a
/// latency model is fitted (profile::Study), mixes of float and integer layers that it takes for
/// fast at several prices of error are built and measured, and what they really took is learned
/// before a second round (of providers whose layers cannot be told apart: mixes that leave the
/// noisiest layers in float); 6. the fastest integer candidate is refined on the calibration
/// samples;
/// 7. the fastest is confirmed in a race with float32 and the fastest
/// uniform candidate, as files that are written and read again, and gives way to either if it is
/// not faster beyond noise and by 2 %. Without limits a candidate must come within 6 dB of the most
/// accurate uniform integer candidate, or be close enough (and lose at most 1 point of top-1, given
/// labels). Among those within 2 % of the fastest, the most accurate is taken.
///
/// A candidate that cannot be built, opened or run is a row with the reason. A user who stops it
/// gets what was measured by then (OptimizeResult::interrupted).
///
/// `ranges` should hold all methods, measured on other samples than `samples` where there are
/// enough. Errors: those of opening and running the float model; kInvalidArgument for a limit on
/// top-1 without labels; kCancelled.
[[nodiscard]] Result<OptimizeResult> optimize(const network::Network& model,
                                              const data::SampleSet& samples,
                                              const calibrate::Ranges& ranges,
                                              std::shared_ptr<const runtime::Library> library,
                                              const OptimizeOptions& options, Monitor& monitor);

/// {chosen, candidates[], baseline, speedup, error, reason, confirmation, excluded[], cut_off[],
/// interrupted, quantization{}, applied_limits{}, written{}}.
[[nodiscard]] Json to_json(const OptimizeResult& result);

}  // namespace tessera::optimize
