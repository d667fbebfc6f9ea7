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
#include "tessera/numerics/range_estimator.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/library.h"

namespace tessera::calibrate {

struct CalibrateOptions {
  std::vector<numerics::RangeMethod> methods;  ///< empty: all
  numerics::EstimatorOptions estimator;
  int threads = 1;
};

/// What a model's inputs want to be fed, from its types. A symbolic batch (the first of several
/// extents) becomes 1, other symbolic extents stay open (-1).
/// Errors: kUnimplemented naming an input that is no tensor; kInvalidArgument for unknown rank.
[[nodiscard]] Result<std::vector<data::InputSpec>> input_specs(const onnx::Model& model);

/// Streams every sample once through the model and measures the ranges of all its floating
/// activations, graph inputs included. Tensors are consumed in place inside the run and never
/// gathered: memory is that of plain inference plus at most 32 KiB per tensor.
///
/// Where one tensor is another's values in another order (Reshape, Transpose, ...) or those of
/// several together (Concat), its range follows from theirs, exactly; all others are measured.
/// Infinities, and the lowest float32 number as padding, are passed over with a warning
/// `infinite-activations`; tensors without a finite value get no range.
///
/// `options.threads` samples run at a time, each in a session with one thread; the result does not
/// depend on it. Memory grows with it.
/// The model's types must have been inferred.
/// Errors: kDataLoss naming the tensor and the sample where a NaN first appears; kInvalidArgument
/// for options out of range; those of data and runtime.
[[nodiscard]] Result<Ranges> calibrate(const onnx::Model& model, const data::SampleSet& samples,
                                       const std::shared_ptr<const runtime::Library>& library,
                                       const CalibrateOptions& options, Monitor& monitor);

/// One of `shard_count` parts of the work: `samples` are those of shard `shard_index`. The result
/// of a tessera.calibrate-shard document, which merge_shards takes.
[[nodiscard]] Result<Json> calibrate_shard(const onnx::Model& model, const data::SampleSet& samples,
                                           std::int64_t shard_index, std::int64_t shard_count,
                                           const std::shared_ptr<const runtime::Library>& library,
                                           const CalibrateOptions& options, Monitor& monitor);

/// Documents of calibrate-shard runs, in any order, become the ranges that one run over all
/// samples would have given, bit for bit. `threads` tensors are searched at a time.
/// Errors: kInvalidArgument for a missing, doubled or foreign shard (another model, other options);
/// kDataLoss for a damaged one.
[[nodiscard]] Result<Ranges> merge_shards(std::span<const Json> documents, int threads,
                                          Monitor& monitor);

}  // namespace tessera::calibrate
