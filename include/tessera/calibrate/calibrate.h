// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/numerics/range_estimator.h"
#include "tessera/runtime/library.h"

namespace tessera::calibrate {

struct CalibrateOptions {
  std::vector<numerics::RangeMethod> methods;  ///< empty: all
  numerics::EstimatorOptions estimator;
  int threads = 1;
  /// The graph as it is written: in a session without optimization, whose sums are in the order of
  /// the graph and not of the machine's kernels, and constants that operators make too, sample by
  /// sample like any activation.
  bool as_written = false;
  /// Ranges::channels, too: of values [N, C, ...] that convolutions make or read and whose C does
  /// not change from sample to sample. Not of .tflite, whose channels come last and for which
  /// nobody asks. Memory: 12 bytes a channel.
  bool channels = false;
};

/// Runs the model as it is for data::SampleOptions::step, one thread, sharing nothing with other
/// steps but the session. Errors: kInvalidArgument where an output of a link is none of the
/// model's; those of opening it.
[[nodiscard]] Result<data::StepFunction> step_function(
    const network::Network& model, const std::vector<data::StateLink>& links,
    const std::shared_ptr<const runtime::Library>& library);

/// Streams every sample once through the model and measures the ranges of all its floating
/// activations, graph inputs included. Memory is that of plain inference plus at most 32 KiB per
/// tensor, and of .tflite the values inside if they take at most 32 MiB: docs/calibrate.md.
///
/// Where one tensor is another's values in another order (Reshape, Transpose, ...) or those of
/// several together (Concat), its range follows from theirs, exactly; all others are measured.
/// NaN and infinities, the lowest float32 number among them, are passed over with a warning and
/// counted in Ranges::unusual; tensors without a finite value get no range.
///
/// `options.threads` samples run at a time, each in a session with one thread; the result does not
/// depend on it. Memory grows with it.
/// The model's types must have been inferred.
/// Warnings: nan-activations (with the first tensor and sample), infinite-activations,
/// empty-activations. Errors: kInvalidArgument for options; those of data and runtime.
[[nodiscard]] Result<Ranges> calibrate(const network::Network& model,
                                       const data::SampleSet& samples,
                                       const std::shared_ptr<const runtime::Library>& library,
                                       const CalibrateOptions& options, Monitor& monitor);

/// One of `shard_count` parts of the work: `samples` are those of shard `shard_index`. The result
/// of a tessera.calibrate-shard document, which merge_shards takes.
[[nodiscard]] Result<Json> calibrate_shard(const network::Network& model,
                                           const data::SampleSet& samples, std::int64_t shard_index,
                                           std::int64_t shard_count,
                                           const std::shared_ptr<const runtime::Library>& library,
                                           const CalibrateOptions& options, Monitor& monitor);

/// Documents of calibrate-shard runs, in any order, become the ranges that one run over all
/// samples would have given, bit for bit. `threads` tensors are searched at a time.
/// Errors: kInvalidArgument for a missing, doubled or foreign shard (another model, other options);
/// kDataLoss for a damaged one.
[[nodiscard]] Result<Ranges> merge_shards(std::span<const Json> documents, int threads,
                                          Monitor& monitor);

}  // namespace tessera::calibrate
