// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"

/// What a sweep says: the error of many subsets of quantized layers. Records only; see
/// run_sweep.h for how they are measured, docs/error.md for the file.
namespace tessera::noise {

/// An operator in a scheme that the sweep switches it to.
struct SweepLayer {
  std::string name;
  std::string type;
  std::optional<std::int64_t> macs;  ///< multiply-accumulates, as far as they are known
  std::string scheme;                ///< quantize::to_string(): "qdq-u8s8-channel"
  /// Mean square of what the scheme adds at the layer's own output, everything before it in float.
  double noise_power = 0;
  double signal_power = 0;  ///< mean square of that output in float
  std::string op;           ///< the operator, where `name` is not its name; empty otherwise

  bool operator==(const SweepLayer&) const = default;
};

/// An output that errors are measured on.
struct SweepOutput {
  std::string name;
  std::int64_t elements = 0;  ///< of one sample
  double power = 0;           ///< mean square in float, over the samples
  double weight = 1;          ///< the output was multiplied by it before errors were taken

  bool operator==(const SweepOutput&) const = default;
};

/// Error of one output under one subset.
struct SweepOutputError {
  std::string name;
  double error = 0;    ///< as SweepRecord::error, of this output alone and without its weight
  double sqnr_db = 0;  ///< +inf: equal; -inf: the reference is zero and the candidate is not

  bool operator==(const SweepOutputError&) const = default;
};

/// One subset. Figures are of all outputs together, each multiplied by its weight.
struct SweepRecord {
  std::int64_t index = 0;           ///< place in the design, from 0; -1 if a line does not say it
  std::vector<std::string> layers;  ///< that are quantized, in the order of the header
  /// Mean over the samples of |x - y|_2 / elements. NaN if the subset gave values that are none.
  double error = 0;
  double sqnr_db = 0;      ///< of the signal and noise of all samples together
  double cosine = 1;       ///< likewise
  double relative_l2 = 0;  ///< likewise; +inf for a zero reference
  std::int64_t images = 0;
  std::int64_t non_finite = 0;  ///< elements that are NaN or infinite on one side
  std::vector<SweepOutputError> outputs;
  std::optional<double> agreement;  ///< samples with the class of the float model, percent
  std::optional<double> metric;     ///< what the user's metric command said

  bool operator==(const SweepRecord&) const = default;
};

/// The `result` of the header line, and what of its envelope the readers need.
struct SweepHeader {
  std::optional<ModelInfo> model;
  std::uint64_t seed = 0;
  std::vector<SweepLayer> layers;
  std::int64_t images = 0;
  std::string metric;  ///< "l2_per_element", or the user's command
  std::vector<SweepOutput> outputs;
  /// What the metric command says of the float model, if there is one.
  std::optional<double> reference_metric;
  std::string data;    ///< SampleSet::describe() as compact JSON text
  std::string design;  ///< {subsets, sizes, count, shard?} as compact JSON text
};

struct Sweep {
  SweepHeader header;
  std::vector<SweepRecord> records;  ///< by index, each once
  std::string document;              ///< the header line, compact JSON text
};

/// The `result` of the header line.
[[nodiscard]] Json to_json(const SweepHeader& header);
/// One line. Infinities and NaN become null.
[[nodiscard]] Json to_json(const SweepRecord& record);
[[nodiscard]] Result<SweepHeader> header_from_json(const Json& document, std::string_view what);

/// Compact text of one line with its newline.
[[nodiscard]] std::string to_line(const Json& json);

/// A file's content; `what` names it in errors.
struct SweepText {
  std::string what;
  std::string text;
};

/// Reads sweep files, shards of one sweep in any order among them. A last line that was cut off by
/// an interruption is passed over. Records that stand in several files count once.
/// Errors: kNotFound; kDataLoss naming file and line; kInvalidArgument if the files are of
/// different models, layers, data, seeds or designs, or contradict each other.
[[nodiscard]] Result<Sweep> read_sweep(std::span<const std::filesystem::path> paths);
[[nodiscard]] Result<Sweep> parse_sweep(std::span<const SweepText> files);

/// How two sweeps differ so that their records cannot stand in one file; ok if they do not. The
/// machine may differ. `what` names the second.
/// Errors: kInvalidArgument naming both values (hint: how to go on).
[[nodiscard]] Status check_same_sweep(const SweepHeader& expected, const SweepHeader& actual,
                                      std::string_view what);

/// Header line and records as one file, by index, by way of a temporary file.
[[nodiscard]] Status write_sweep(const std::filesystem::path& path, std::string_view document,
                                 std::span<const SweepRecord> records, Overwrite overwrite);

}  // namespace tessera::noise
