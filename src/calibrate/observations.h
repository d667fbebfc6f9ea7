// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "calibrate/channels.h"
#include "tessera/calibrate/calibrate.h"

namespace tessera::calibrate {

/// Everything that was seen of a model's tensors in some of the samples. What ranges are made of,
/// and what shards exchange.
struct Observations {
  std::vector<numerics::RangeMethod> methods;
  numerics::EstimatorOptions estimator;
  std::int64_t samples = 0;
  /// Measured tensors by name.
  std::map<std::string, numerics::RangeEstimator, std::less<>> tensors;
  /// Of measured tensors that were looked at by channel.
  std::map<std::string, ChannelExtrema, std::less<>> channels;
  /// Tensors whose values are those of the named measured ones together.
  std::map<std::string, std::vector<std::string>, std::less<>> derived;

  /// Adds what was seen in the samples that follow. Same model, methods and options.
  void append(const Observations& later);
  /// Adds what was seen in other samples of the same run, whose places in the order are known.
  void add(const Observations& beside);

  [[nodiscard]] Json to_json() const;
  /// Errors: kDataLoss.
  [[nodiscard]] static Result<Observations> from_json(const Json& json, std::string_view what);
};

/// Ranges of all tensors by all methods, `threads` tensors at a time.
[[nodiscard]] Result<Ranges> to_ranges(const Observations& observations, int threads,
                                       Monitor& monitor);

/// Errors: kInvalidArgument for a value out of range.
[[nodiscard]] Status check_options(const numerics::EstimatorOptions& options);

}  // namespace tessera::calibrate
