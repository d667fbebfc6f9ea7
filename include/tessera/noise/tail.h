// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/evaluate/lab.h"
#include "tessera/noise/observations.h"
#include "tessera/noise/rank.h"
#include "tessera/quantize/recipe.h"

/// The few operators that make most of the error of a model that is quantized as a whole.
namespace tessera::noise {

struct TailOptions {
  double max_float_percent = 5;  ///< of the operators that round; one may stay float in any case
  double max_loss_percent = 5;   ///< of what they all bring
  /// Enough: nothing more is left in float. +inf: as long as it pays.
  double min_sqnr_db = std::numeric_limits<double>::infinity();
  bool time = true;  ///< race the two models
};

/// An operator that is left in float, and what the model is then like, those before it left, too.
struct TailStep {
  std::string layer;
  std::string type;
  double loss = 0;  ///< what the operator would bring in integers, in units of the gains
  double l2_per_element = 0;
  double sqnr_db = 0;
};

/// Errors are over all floating outputs and all samples, of models as the quantizer writes them.
struct Tail {
  std::string gain_unit;    ///< "us" or "macs"
  double gain = 0;          ///< of all operators that round, in integers
  std::int64_t layers = 0;  ///< in integers that round
  std::int64_t samples = 0;
  std::int64_t models = 0;    ///< that were built and run
  double l2_per_element = 0;  ///< with all operators in integers that can be
  double sqnr_db = 0;
  std::vector<TailStep> steps;
  /// Latency of the model with the tail over that of the one without: none without steps, if it was
  /// not wanted, and where the race failed (warning "tail-not-timed").
  std::optional<evaluate::Speedup> slowdown;
  quantize::Recipe recipe;  ///< with the tail
};

/// What layers bring in integers.
using GainsOf = std::function<Result<Gains>(std::span<const ObservedLayer>)>;

/// Leaves operators in float one after the other, always the one that takes most of the error away
/// for what it costs of both limits, until no other takes away kWorthOfStep of it.
///
/// Every model is built and run: an operator in float changes what its neighbours can be. What each
/// takes away is measured with all others in integers, and measured again, after every step, for
/// those that may still be best (Minoux 1978). Operators that only move values or cut them off are
/// not tried.
/// `recipe`: schemes of all operators, without the tail. Deterministic, but for the race.
/// Errors: kInvalidArgument for limits that are none; kFailedPrecondition if nothing is quantized;
/// those of `gains_of`, quantize and runtime; kCancelled.
[[nodiscard]] Result<Tail> find_tail(evaluate::Lab& lab, const quantize::Recipe& recipe,
                                     const GainsOf& gains_of, const TailOptions& options,
                                     Monitor& monitor);

/// What takes less than this part of the error's square away is not worth a step.
inline constexpr double kWorthOfStep = 0.02;

[[nodiscard]] Json to_json(const Tail& tail);

}  // namespace tessera::noise
