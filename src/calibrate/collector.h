// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "calibrate/plan.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/numerics/range_estimator.h"
#include "tessera/runtime/session.h"

namespace tessera::calibrate {

/// Runs samples through one session and keeps what is seen of every measured tensor.
class Collector final : private runtime::TensorTap {
 public:
  /// `tapped` is the serialized model with taps, `folder` where its external data lies.
  [[nodiscard]] static Result<std::unique_ptr<Collector>> open(
      const std::shared_ptr<const runtime::Library>& library, std::string_view tapped,
      const std::filesystem::path& folder, const Plan& plan,
      const numerics::EstimatorOptions& options);

  /// Errors: kDataLoss naming the tensor where a NaN first appears; those of the session.
  [[nodiscard]] Status run(const data::Sample& sample, std::int64_t order);

  /// One per measured tensor of the plan.
  [[nodiscard]] std::vector<numerics::RangeEstimator> take() { return std::move(estimators_); }

 private:
  Collector(const Plan& plan, const numerics::EstimatorOptions& options);

  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override;
  void look_at(std::size_t measured, DType dtype, std::span<const std::byte> bytes);
  [[nodiscard]] Status check(const data::Sample& sample) const;

  const Plan& plan_;
  std::vector<numerics::RangeEstimator> estimators_;
  numerics::EstimatorScratch scratch_;
  std::vector<float> converted_;
  std::int64_t order_ = 0;
  std::optional<std::size_t> first_nan_;
  std::optional<runtime::Session> session_;  // last: it may call back until it is gone
};

}  // namespace tessera::calibrate
