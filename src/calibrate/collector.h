// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "calibrate/channels.h"
#include "calibrate/plan.h"
#include "tessera/calibrate/calibrate.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/numerics/range_estimator.h"
#include "tessera/runtime/session.h"

namespace tessera::calibrate {

/// Runs samples through one session and keeps what is seen of every measured tensor.
class Collector final : private runtime::TensorTap {
 public:
  /// `tapped` is the model with the taps of the plan.
  [[nodiscard]] static Result<std::unique_ptr<Collector>> open(
      const network::SessionSource& tapped, const std::shared_ptr<const runtime::Library>& library,
      const Plan& plan, const CalibrateOptions& options, std::size_t parts = 1);

  /// What is seen goes to the estimators of `part`, below the number of parts that open() was
  /// given. Errors: those of the session.
  [[nodiscard]] Status run(const data::Sample& sample, std::int64_t order, std::size_t part = 0);

  /// One per measured tensor of the plan.
  [[nodiscard]] std::vector<numerics::RangeEstimator> take(std::size_t part = 0) {
    return std::move(estimators_[part]);
  }

  /// One per measured tensor of the plan; nothing in those that are not looked at by channel.
  [[nodiscard]] std::vector<ChannelExtrema> take_channels(std::size_t part = 0) {
    return std::move(channels_[part]);
  }

  /// The first NaN that was seen.
  struct FirstNan {
    std::int64_t order = 0;  ///< of the sample
    std::string sample;
    std::size_t measured = 0;
  };
  [[nodiscard]] const std::optional<FirstNan>& first_nan() const noexcept { return first_nan_; }

 private:
  Collector(const Plan& plan, const CalibrateOptions& options, std::size_t parts);

  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override;
  void find_outputs();
  void look_at(std::size_t measured, const TensorView& values);

  const Plan& plan_;
  std::vector<std::size_t> tapped_;  // by tag: index of the measured tensor
  std::vector<std::pair<std::size_t, std::size_t>> outputs_;  // measured tensors, their outputs
  bool by_channel_;
  std::vector<std::vector<numerics::RangeEstimator>> estimators_;  // by part
  std::vector<std::vector<ChannelExtrema>> channels_;              // by part
  numerics::EstimatorScratch scratch_;
  std::vector<float> converted_;
  const data::Sample* sample_ = nullptr;  // that is running
  std::int64_t order_ = 0;
  bool out_of_memory_ = false;
  std::size_t part_ = 0;
  std::optional<FirstNan> first_nan_;
  std::optional<runtime::Session> session_;  // last: it may call back until it is gone
};

}  // namespace tessera::calibrate
