// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tessera/calibrate/ranges.h"

namespace tessera::calibrate {

/// The finite extrema of every channel of one tensor [N, C, ...].
class ChannelExtrema {
 public:
  /// Values in memory order. From a tensor without channels, or with another number of them than
  /// before, nothing is known any more. Cost: one pass.
  void add(std::span<const float> values, std::span<const std::int64_t> shape);
  /// As if the other's values had been added here.
  void merge(const ChannelExtrema& other);

  /// Empty if nothing is known.
  [[nodiscard]] ChannelRanges ranges() const;

  [[nodiscard]] Json to_json() const;
  /// Errors: kDataLoss.
  [[nodiscard]] static Result<ChannelExtrema> from_json(const Json& json, std::string_view what);

 private:
  struct Channel {
    float min = 0;
    float max = 0;
    bool seen = false;

    void add(float low, float high);
  };

  /// Whether this many channels can be added.
  bool fits(std::size_t channels);

  std::vector<Channel> channels_;
  bool comparable_ = true;
};

/// {"min": [...], "max": [...]}.
[[nodiscard]] Json to_json(const ChannelRanges& ranges);
/// Errors: kDataLoss.
[[nodiscard]] Result<ChannelRanges> channel_ranges_from_json(const Json& json,
                                                             std::string_view what);

}  // namespace tessera::calibrate
