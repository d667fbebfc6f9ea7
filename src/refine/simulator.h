// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/numerics/qparams.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::refine {

/// How a value is rounded to integers and back.
struct Rounder {
  DType dtype = DType::kUInt8;
  numerics::QParams qparams;
};

/// A model with a tap at every value of interest: what flows there can be looked at, rounded, and
/// changed by the visitor before the next operator reads it.
class Simulator final : private runtime::TensorTap {
 public:
  /// The index into tensors(), its shape and its values.
  using Visit =
      std::function<void(std::size_t point, std::span<const std::int64_t> shape, std::span<float>)>;

  /// Taps at `tensors` (inputs of the model or results of operators).
  static Result<std::unique_ptr<Simulator>> open(
      const std::shared_ptr<const runtime::Library>& library, const onnx::Model& model,
      std::vector<std::string> tensors);
  ~Simulator() override;

  [[nodiscard]] const std::vector<std::string>& tensors() const noexcept { return tensors_; }
  [[nodiscard]] std::optional<std::size_t> point_of(std::string_view tensor) const;
  /// From now on, until it is changed; nullopt: left as it is.
  void round(std::size_t point, const std::optional<Rounder>& rounder);
  void round_nothing();

  enum class Look : std::uint8_t { kBeforeRounding, kAfterRounding };
  /// Runs one sample. The visitor must not throw.
  Status run(const data::Sample& sample, const Visit& visit, Look look = Look::kAfterRounding);

 private:
  explicit Simulator(std::vector<std::string> tensors);
  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override;
  void round_in_place(const Rounder& rounder, std::span<float> values);

  std::vector<std::string> tensors_;
  std::map<std::string, std::size_t, std::less<>> points_;
  std::vector<std::optional<Rounder>> rounders_;
  std::vector<std::byte> scratch_;
  const Visit* visitor_ = nullptr;
  Look look_ = Look::kAfterRounding;
  std::optional<runtime::Session> session_;  // last: it may call back until it is gone
};

/// The float32 values by which the error of a model's outputs is judged: its floating outputs, for
/// others (classes, maps) the nearest floating value behind them, and what a Softmax or Sigmoid
/// reads instead of what it gives.
/// Errors: kUnimplemented if there is none.
[[nodiscard]] Result<std::vector<std::string>> judged_values(const onnx::Model& model);

/// Measures how far the outputs are from those of the float model, on a fixed set of samples.
class Judge {
 public:
  /// Two parts without a sample in common (if there are two): what was chosen on one is not proved
  /// by it.
  enum class Part : std::uint8_t { kSearch, kProof };
  /// `values` must be among the taps of every simulator that error() gets; `reference` is the
  /// unrounded model. `limit` 0: from 4 samples for large models to 64 for small ones.
  static Result<Judge> make(Simulator& reference, std::vector<std::string> values,
                            const data::SampleSet& samples, std::int64_t limit, Part part);

  /// Mean over the values of sum (y - y')^2 / sum y^2, over all samples. Infinite if something is
  /// not finite.
  Result<double> error(Simulator& simulator) const;

  [[nodiscard]] std::int64_t samples() const noexcept { return std::ssize(samples_); }

 private:
  std::vector<std::string> values_;
  std::vector<data::Sample> samples_;
  std::vector<std::vector<std::vector<float>>> reference_;  // sample, value
  std::vector<double> signal_;                              // value
};

/// -10 log10(error).
[[nodiscard]] double decibel(double error) noexcept;

}  // namespace tessera::refine
