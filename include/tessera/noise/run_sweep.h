// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tessera/core/file.h"
#include "tessera/core/monitor.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/noise/subsets.h"
#include "tessera/noise/sweep.h"
#include "tessera/noise/switchable.h"

namespace tessera::noise {

struct SweepOptions {
  std::vector<LayerSet> subsets;  ///< in the order of the design
  std::string design;             ///< what they came from, compact JSON text of an object
  /// Output -> factor by which it is multiplied before errors are taken; 1 where absent.
  std::map<std::string, double> weights;
  /// Every output is divided by its root mean square over the samples, besides its weight.
  bool normalize = false;
  std::string metric_command;  ///< see docs/error.md; empty: none
  std::int64_t shard_index = 0;
  std::int64_t shard_count = 1;
  std::filesystem::path output;  ///< the journal stands beside it until all is done
  Overwrite overwrite = Overwrite::kRefuse;
  bool resume = false;
};

struct SweepSummary {
  Sweep sweep;
  std::int64_t measured = 0;  ///< records made by this run
  std::int64_t resumed = 0;   ///< records that were there
  SwitchableModel::Work work;
  double cpu_us = 0;    ///< of this thread, for the subsets alone
  double setup_us = 0;  ///< likewise, for cutting the model, quantizing and the reference
};

/// Where unfinished records are kept: OUTPUT.part.
[[nodiscard]] std::filesystem::path journal_of(const std::filesystem::path& output);

/// Measures every subset on every sample and writes the file of the sweep.
///
/// Records are appended to the journal as they are complete, whole blocks of subsets that share
/// their first layers at a time; when all are there, the output is written by index and the journal
/// removed. An interrupted sweep goes on with `resume`, on any machine: model, layers, schemes,
/// data, seed and design are compared first. Shards get neighbouring subsets, so that sharing
/// loses nothing; their files merge by read_sweep() into what one run would have written.
///
/// The header lists entries_of(setup.switches), which subsets are made of. `envelope` is asked for
/// when the header is written, so that it holds the warnings until then.
/// Errors: kCancelled (hint: --resume); kAlreadyExists for an output or a journal that may not be
/// replaced; kInvalidArgument for weights of outputs that are not there and for a foreign journal;
/// kFailedPrecondition if every subset gives NaN, or `normalize` finds all outputs zero; those of
/// SwitchableModel; kUnavailable if the metric command ends.
[[nodiscard]] Result<SweepSummary> run_sweep(SwitchableSetup setup, const data::SampleSet& samples,
                                             const SweepOptions& options,
                                             const std::function<Envelope()>& envelope,
                                             Monitor& monitor);

}  // namespace tessera::noise
