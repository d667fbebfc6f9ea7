// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {

/// The output whose largest element is the class: the first floating one of which all extents but
/// one are 1 (unknown extents count as 1 where they stand first), as in [1, 1000] and
/// [1, 1000, 1, 1]. Absent for other models.
[[nodiscard]] std::optional<std::size_t> classifier_output(
    const std::vector<runtime::ValueInfo>& outputs);

struct BaselineOptions {
  /// Inputs and reference outputs are kept up to so many bytes; what does not fit is decoded and
  /// run again for every candidate.
  std::int64_t cache_bytes = std::int64_t{512} << 20;
};

/// A reference model's answers on a sample set, against which any number of candidates are
/// measured. Memory: at most BaselineOptions::cache_bytes and one sample.
class Baseline {
 public:
  /// Runs the reference once over all samples. `reference` and `samples` are not owned and outlive
  /// the object.
  /// Errors: those of SampleSet::load and Session::run; kInvalidArgument for a label beyond the
  /// classes of the classifier output; kCancelled.
  [[nodiscard]] static Result<Baseline> measure(runtime::Session& reference,
                                                const data::SampleSet& samples,
                                                const BaselineOptions& options, Monitor& monitor);
  Baseline(Baseline&&) noexcept;
  Baseline& operator=(Baseline&&) noexcept;
  ~Baseline();

  /// Runs a candidate over the same samples. Its inputs and floating outputs are those of the
  /// reference by name, or by place where a name differs; floating inputs of another width are
  /// cast. Outputs that are no floating tensors do not take part (see
  /// network::expose_judged_values). `at_most`: only so many samples, evenly spread (sequences:
  /// from the first step on); 0: all.
  /// Errors: kInvalidArgument if inputs or outputs cannot be matched or differ in shape.
  [[nodiscard]] Result<Accuracy> evaluate(runtime::Session& candidate, Monitor& monitor,
                                          std::int64_t at_most = 0) const;

  /// The same where samples are steps that follow each other (data::SampleSet::states), with the
  /// states that the candidate computes for itself: errors add up as they do in use. None where
  /// no sample follows another.
  [[nodiscard]] Result<std::optional<Accuracy>> free_running(runtime::Session& candidate,
                                                             Monitor& monitor) const;

  /// The reference against itself, without running it again.
  [[nodiscard]] const Accuracy& itself() const noexcept;
  /// Top-1 of the reference alone in percent, if there are labels and a classifier output.
  [[nodiscard]] std::optional<double> reference_top1_percent() const noexcept;
  [[nodiscard]] std::int64_t samples() const noexcept;

 private:
  enum class States : std::uint8_t { kOfTheReference, kItsOwn };
  struct State;
  [[nodiscard]] Result<Accuracy> run(runtime::Session& candidate, Monitor& monitor,
                                     std::int64_t at_most, States states) const;
  explicit Baseline(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Feeds of a session from the tensors of a sample, cast where the session wants another floating
/// type, and quantized where it wants integers for real numbers. The casts are kept in `casts`,
/// which must outlive the feeds, as must the sample. Errors: kInvalidArgument if the sample lacks
/// an input.
[[nodiscard]] Result<std::vector<runtime::Feed>> feeds_of(
    const data::Sample& sample, const std::vector<runtime::ValueInfo>& inputs,
    std::vector<Tensor>& casts);

}  // namespace tessera::evaluate
