// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/network.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/kernels_use.h"
#include "tessera/quantize/recipe.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {

/// Which combinations are measured. Empty lists mean those that are usual.
struct BenchOptions {
  /// Of the networks' format.
  quantize::Trials usual = quantize::dialect_of(network::FileFormat::kOnnx)->trials();
  std::vector<std::string> formats;        ///< float32 float16 dynamic weight-only qdq ...
  std::vector<std::string> types;          ///< u8u8 u8s8 s8u8 s8s8 s16s8
  std::vector<std::string> granularities;  ///< tensor channel
  std::vector<runtime::OptLevel> levels;   ///< disabled basic extended all
  /// Rows with the operators of libtessera_kernels where `formats` names none: at level all, on the
  /// CPU provider, of the base's types. Unless they are to be taken, they are not the best.
  quantize::KernelsUse kernels = quantize::KernelsUse::kPortable;
  quantize::Scheme base;            ///< of every row, but for what is an axis
  quantize::Selection selection;    ///< operators that are quantized
  runtime::SessionOptions session;  ///< provider of the float32 that all are compared with; threads
  /// Every combination runs on each of these too, in the same rounds.
  std::vector<runtime::ProviderChoice> other_providers;
  double budget_us = 60e6;         ///< for everything; rows that do not fit are left out and named
  double spent_us = 0;             ///< of the budget, before: for calibration
  bool requantize = false;         ///< see LabSetup
  std::vector<Measurement> known;  ///< rows of an interrupted run: not measured again
  std::int64_t memory_bytes = 0;   ///< for sessions open at once; 0: a quarter of the machine's
  std::uint64_t seed = 0;
};

struct BenchResult {
  std::vector<Measurement> rows;    ///< in the order of the table: as planned, not by speed
  std::optional<std::size_t> best;  ///< the fastest row that runs
  /// The fastest row with the operators of libtessera_kernels, where these are only shown and it is
  /// faster than the best one beyond noise.
  std::optional<std::size_t> with_kernels;
  std::int64_t samples = 0;  ///< on which errors were measured
  Timer timer = Timer::kWall;
  std::vector<std::string> cut_off;  ///< rows that the budget left out, with their levels
  bool interrupted = false;          ///< the user stopped it; the rows say what was measured
  graph::Quantization quantization;  ///< of the model as it was given
  bool requantize = false;           ///< BenchOptions::requantize
};

/// The rows that a bench of these options has, nothing measured yet. float32 at level all is
/// always among them: it is what the others are compared with. qdq-inputs is not planned for the
/// CPU provider unless `formats` names it.
/// Errors: kInvalidArgument naming an unknown format, type or granularity.
[[nodiscard]] Result<std::vector<Measurement>> plan_bench(const BenchOptions& options);

/// Measures every combination on this machine: builds each scheme's model once, opens it at each
/// optimization level, measures its error against float32 on `samples`, asks the runtime's profiler
/// what really ran, then times the rows round-robin in one process. What cannot be built or run is
/// a row with the reason.
///
/// Sessions are held open under a memory budget; beyond it the rows are timed in batches, each of
/// which contains float32, so that speed-ups stay comparable (they are ratios within a round).
/// `ranges` are needed if a static scheme is asked for.
/// Errors: those of opening and running the float model on the first provider; kUnavailable if the
/// library lacks one of the others; those of network::try_kernels() where kernels are to be taken;
/// kCancelled before the first row is ready (later the result says
/// that it was interrupted).
[[nodiscard]] Result<BenchResult> bench(const network::Network& model,
                                        const data::SampleSet& samples,
                                        const calibrate::Ranges* ranges,
                                        std::shared_ptr<const runtime::Library> library,
                                        const BenchOptions& options, Monitor& monitor);

/// {rows[], best, with_kernels, isa_explanation, error_samples, timer, cut_off[], interrupted,
/// quantization{}}.
[[nodiscard]] Json to_json(const BenchResult& result);

/// {state, kept}: what a model was quantized to before, and whether that stays.
[[nodiscard]] Json given_json(const graph::Quantization& quantization, bool requantize);

/// Of the rows that there will be, as far as options tell: what has to be calibrated for. None
/// where they are refused.
[[nodiscard]] std::vector<quantize::Scheme> planned_schemes(const BenchOptions& options);

}  // namespace tessera::evaluate
