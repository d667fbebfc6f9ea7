// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/record.h"
#include "tessera/core/result.h"
#include "tessera/numerics/range_estimator.h"

namespace tessera::calibrate {

/// Activation ranges of a model by every method: what `calibrate` measures and `quantize` needs.
struct Ranges {
  std::vector<numerics::RangeMethod> methods;
  std::int64_t samples = 0;
  /// tensor -> method -> range. Ordered, so that files are stable.
  std::map<std::string, std::map<numerics::RangeMethod, numerics::RealRange>, std::less<>> tensors;
  /// The model they were measured on.
  std::optional<ModelInfo> model;
  std::string data;  ///< SampleSet::describe() as compact JSON text; empty if not known
  double wall_us = 0;
  std::int64_t peak_rss_bytes = 0;

  [[nodiscard]] std::optional<numerics::RealRange> find(std::string_view tensor,
                                                        numerics::RangeMethod method) const;
};

/// Whether the ranges were measured on this model, as far as both are known.
/// Errors: kInvalidArgument naming both models.
[[nodiscard]] Status check_model(const Ranges& ranges, const ModelInfo& model);

/// The `result` part of a tessera.calibrate document.
[[nodiscard]] Json to_json(const Ranges& ranges);
[[nodiscard]] Result<Ranges> ranges_from_json(const Json& result, std::string_view what);
/// A tessera.calibrate document, or a bare {"tensors": {...}}.
[[nodiscard]] Result<Ranges> read_ranges(const std::filesystem::path& path);

}  // namespace tessera::calibrate
