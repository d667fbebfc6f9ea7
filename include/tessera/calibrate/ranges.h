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

/// What a tensor was that is not all finite, or was empty in every sample.
struct Unusual {
  std::int64_t finite = 0;  ///< values that ranges are made of; 0 of everything: always empty
  std::int64_t nan = 0;
  /// Infinities and the largest and lowest number of float32, which stand for them.
  std::int64_t infinite = 0;

  [[nodiscard]] bool always_empty() const noexcept {
    return finite == 0 && nan == 0 && infinite == 0;
  }
  bool operator==(const Unusual&) const = default;
};

/// The finite extrema of every channel of a tensor [N, C, ...], over all samples. A channel without
/// a finite value has [0, 0].
using ChannelRanges = std::vector<numerics::RealRange>;

/// Activation ranges of a model by every method: what `calibrate` measures and `quantize` needs.
struct Ranges {
  std::vector<numerics::RangeMethod> methods;
  std::int64_t samples = 0;
  /// tensor -> method -> range. Ordered, so that files are stable.
  std::map<std::string, std::map<numerics::RangeMethod, numerics::RealRange>, std::less<>> tensors;
  /// Tensors that held NaN or infinities, or never held anything. Those without a finite value have
  /// no entry in `tensors`.
  std::map<std::string, Unusual, std::less<>> unusual;
  /// Of what convolutions make and read, if CalibrateOptions::channels asked for it.
  std::map<std::string, ChannelRanges, std::less<>> channels;
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
