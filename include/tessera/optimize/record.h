// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/race.h"
#include "tessera/graph/inspect.h"
#include "tessera/profile/record.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/recipe.h"
#include "tessera/refine/report.h"

namespace tessera::evaluate {
struct Built;
}
namespace tessera::network {
class Network;
}

/// What the search for the fastest model tells.
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

/// A choice that needs no library.
struct PortableChoice {
  std::string name;
  double speedup = 1;             ///< over float32, from the race that confirmed the chosen one
  std::optional<double> sqnr_db;  ///< absent of float32
  std::filesystem::path file;     ///< empty: the model as it was given
};

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
  /// Beside a chosen model that needs libtessera_kernels: the best that needs no library, float32
  /// if none is faster than that.
  std::optional<PortableChoice> portable;
  /// What the operators of libtessera_kernels would bring, where they were only to be shown: the
  /// candidate with them, if it keeps the limits and is faster beyond noise.
  struct WithKernels {
    std::string name;
    double speedup = 1;  ///< over float32
    double sqnr_db = 0;
    double portable_speedup = 1;  ///< of what was chosen; 1 where float32 stays
  };
  std::optional<WithKernels> with_kernels;
  /// The model to deploy: the chosen candidate's, or the float one. Absent if it is float32.
  std::shared_ptr<const network::Network> model;
};

/// {chosen, candidates[], baseline, speedup, error, reason, confirmation, excluded[], cut_off[],
/// interrupted, quantization{}, applied_limits{}, written{}, mixing{}, portable{}, with_kernels{}}.
[[nodiscard]] Json to_json(const OptimizeResult& result);

}  // namespace tessera::optimize
