// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/noise/observations.h"

/// Subsets of layers that users write down.
namespace tessera::noise {

struct NamedSubset {
  std::string name;
  LayerSet layers;
  double error = std::numeric_limits<double>::quiet_NaN();  ///< measured, if the file says so
};

/// One subset per line: names separated by commas, a JSON list of names, or an object with `layers`
/// and possibly `error`, as the records of a sweep are. Passed over are a sweep's first line, empty
/// lines and those that begin with '#'. Subsets are named by their line.
/// Errors: kDataLoss with file and line; kInvalidArgument for unknown layers and for two schemes of
/// one operator; kNotFound.
[[nodiscard]] Result<std::vector<NamedSubset>> read_subsets(const std::filesystem::path& path,
                                                            const LayerIndex& index);
[[nodiscard]] Result<std::vector<NamedSubset>> parse_subsets(std::string_view text,
                                                             const std::string& what,
                                                             const LayerIndex& index);

/// The layers that a plan runs in integers: `layers` of the document or of its `result`, names or
/// {name, precision}. A precision is a scheme that the operator was swept in; another one is the
/// first scheme of it, unless it is float32, fp32, float16 or fp16.
/// Errors: as read_subsets.
[[nodiscard]] Result<NamedSubset> read_plan(const std::filesystem::path& path,
                                            const LayerIndex& index);
[[nodiscard]] Result<NamedSubset> subset_from_plan(const Json& document, const std::string& what,
                                                   const LayerIndex& index);

}  // namespace tessera::noise
