// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
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
#include "tessera/graph/graph.h"
#include "tessera/network/network.h"
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
      const std::shared_ptr<const runtime::Library>& library, const network::Network& model,
      std::vector<std::string> tensors);
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
  /// Runs one sample. The visitor may throw std::bad_alloc and nothing else.
  /// Errors: kResourceExhausted then; those of the session.
  Status run(const data::Sample& sample, const Visit& visit, Look look = Look::kAfterRounding);

 private:
  explicit Simulator(std::vector<std::string> tensors);
  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
             std::span<std::byte> data) noexcept override;
  void look_at(std::size_t point, std::span<const std::int64_t> shape, std::span<float> values);
  void round_in_place(const Rounder& rounder, std::span<float> values);

  std::vector<std::string> tensors_;
  std::map<std::string, std::size_t, std::less<>> points_;
  std::vector<std::optional<Rounder>> rounders_;
  std::vector<std::byte> scratch_;
  const Visit* visitor_ = nullptr;
  Look look_ = Look::kAfterRounding;
  bool out_of_memory_ = false;
  std::optional<runtime::Session> session_;  // last: it may call back until it is gone
};

/// The value that a final Softmax or Sigmoid squeezes, else the same: what it makes of it says
/// little where it is near 0 or 1, so that a few samples would decide everything.
[[nodiscard]] graph::TensorId before_squeezing(const graph::Graph& graph, graph::TensorId value);

/// The float32 values by which the error of a model's outputs is judged: its floating outputs, for
/// others (classes, maps) the nearest floating value behind them, and what a Softmax or Sigmoid
/// reads instead of what it gives.
/// Errors: kUnimplemented if there is none.
[[nodiscard]] Result<std::vector<std::string>> judged_values(const graph::Graph& model,
                                                             const std::filesystem::path& path);

/// The same indices in an order of which every beginning is spread evenly over the whole.
[[nodiscard]] std::vector<std::int64_t> evenly_from_the_start(std::vector<std::int64_t> indices);

/// How many values pass the taps for one sample: what a run costs, apart from its arithmetic.
[[nodiscard]] Result<std::int64_t> values_per_run(Simulator& model, const data::Sample& sample);

/// How far outputs are from those of the float model.
struct Verdict {
  /// Mean over the judged values of sum (y - y')^2 / sum y^2, over all samples. Infinite if
  /// something is not finite that should be.
  double error = 0;
  std::vector<double> by_sample;  ///< the same of each sample alone
};

/// Whether `after` is less by more than chance: the error fell, and so did that of the samples on
/// average by more than the standard error of that average (one sample alone: by a tenth).
[[nodiscard]] bool is_clearly_less(const Verdict& after, const Verdict& before);

/// Whether `after` is less in sum and on average over the samples, be it by chance. Enough for a
/// change that is known to do good on average.
[[nodiscard]] bool is_less(const Verdict& after, const Verdict& before);

/// A simulator, and its noise on the samples that a judge has heard of it so far.
struct Hearing {
  std::unique_ptr<Simulator> simulator;
  std::vector<std::vector<double>> noise;  ///< by sample, judged value
};

/// Measures how far the outputs are from those of the float model, on a fixed set of samples.
class Judge {
 public:
  /// `values` must be among the taps of every simulator that is judged; `reference` is the
  /// unrounded model, `indices` those of the samples. Elements that are not finite there are passed
  /// over.
  static Result<Judge> make(Simulator& reference, std::vector<std::string> values,
                            const data::SampleSet& samples,
                            const std::vector<std::int64_t>& indices);

  Result<double> error(Simulator& simulator) const;
  Result<Verdict> verdict(Simulator& simulator) const;
  /// By value: the squared error of one sample.
  Result<std::vector<double>> noise(Simulator& simulator, std::size_t sample) const;
  /// Of the samples from `first` on whose noise is given.
  [[nodiscard]] Verdict verdict_of(std::span<const std::vector<double>> noise,
                                   std::size_t first = 0) const;

  /// Whether `one` is closer to the float model than `other`: by the error on the first 8, 16, 32,
  /// ... samples as soon as the samples' errors differ by three standard errors, else by that on
  /// all. No more samples are heard than that takes.
  Result<bool> is_closer(Hearing& one, Hearing& other) const;

  [[nodiscard]] std::int64_t samples() const noexcept { return std::ssize(samples_); }

 private:
  Status hear(Hearing& hearing, std::size_t count) const;

  std::vector<std::string> values_;
  std::vector<data::Sample> samples_;
  std::vector<std::vector<std::vector<float>>> reference_;  // sample, value
  std::vector<std::vector<double>> signal_;                 // sample, value
};

/// -10 log10(error).
[[nodiscard]] double decibel(double error) noexcept;

}  // namespace tessera::refine
