// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/noise/observations.h"
#include "tessera/noise/sweep.h"

/// Files of lines: sweeps, and lists of subsets that users write.
namespace tessera::noise {

struct Line {
  std::string_view text;  ///< without blanks at both ends, not empty
  std::size_t number = 0;
  std::string place;       ///< "file:12"
  bool cut_short = false;  ///< the last one, without its newline
};

/// Blank lines are left out, but counted.
[[nodiscard]] std::vector<Line> lines_of(std::string_view text, std::string_view what);

[[nodiscard]] Failure malformed_sweep(std::string_view what, std::string_view detail);

[[nodiscard]] Result<std::vector<SweepText>> read_texts(
    std::span<const std::filesystem::path> paths);

struct SweepLine {
  SweepRecord record;
  std::string place;
};

/// One file of a sweep.
struct SweepFile {
  std::string document;  ///< the header line, compact JSON text
  SweepHeader header;
  std::vector<SweepLine> lines;
  bool truncated = false;  ///< the last line was cut off by an interruption and is left out
};

/// Whether a record may be silent about its error, which is then NaN.
enum class MissingError : bool { kRefused, kAllowed };

/// Errors: kDataLoss naming the line.
[[nodiscard]] Result<SweepFile> parse_sweep_file(const SweepText& file, MissingError missing);

/// A layer as a user wrote it.
struct WrittenLayer {
  std::string name;
  std::string precision;  ///< empty if none was written
};

/// A subset as a user wrote it.
struct WrittenSubset {
  std::vector<WrittenLayer> layers;
  double error = 0;  ///< NaN if none was written
  std::size_t line = 0;
  std::string place;
};

/// One subset per line: names separated by commas, a JSON list of layers, or an object with
/// `layers` and possibly `error`. The header of a sweep and lines that begin with '#' are passed
/// over. Errors: kDataLoss naming the line.
[[nodiscard]] Result<std::vector<WrittenSubset>> parse_written_subsets(std::string_view text,
                                                                       std::string_view what);

/// Layers of the subset. One that is written with a precision is the operator in the scheme of that
/// name if there is one; else a float one is left out, and "int8" is the operator in its first
/// scheme. Errors: those of LayerIndex::find, with the place; kInvalidArgument for a scheme that
/// the operator was not swept in.
[[nodiscard]] Result<LayerSet> find_layers(const WrittenSubset& subset, const LayerIndex& index);

}  // namespace tessera::noise
