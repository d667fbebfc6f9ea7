// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/weight_rounding.h"

#include <fmt/format.h>

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "refine/layers.h"
#include "refine/quantized.h"
#include "tessera/numerics/kernels.h"
#include "tessera/refine/adaptive_rounding.h"

namespace tessera::refine {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::int64_t kMomentBytes = std::int64_t{256} << 20;

/// Second moments of a layer's input, per group. About zero, even where biases are corrected
/// afterwards: a mean error that never arises is better than one that is estimated and taken off.
struct Moments {
  std::vector<Matrix> gram;
  /// Of the input, a power of two, so that no square leaves the range of float32: only the moments'
  /// relation to each other matters. 0 until something other than 0 was seen.
  float factor = 0;

  explicit Moments(const Layer& layer)
      : gram(static_cast<std::size_t>(layer.groups), Matrix::Zero(layer.columns, layer.columns)) {}

  void add(const Layer& layer, std::int64_t count, std::vector<float>& sampled) {
    normalize(sampled);
    for (std::int64_t group = 0; group < layer.groups; ++group) {
      const Eigen::Map<const Matrix> x(sampled.data() + group * count * layer.columns, count,
                                       layer.columns);
      gram[static_cast<std::size_t>(group)].selfadjointView<Eigen::Lower>().rankUpdate(
          x.transpose());
    }
  }

  void normalize(std::vector<float>& sampled) {
    if (factor == 0) {
      const auto magnitude = numerics::find_min_max(sampled);
      const float largest = std::max(std::abs(magnitude.min), std::abs(magnitude.max));
      if (magnitude.finite == 0 || !(largest > 0)) {
        return;
      }
      constexpr int kMost = 126;  // the factor itself stays in the range, too
      factor = std::ldexp(1.0F, std::clamp(-std::ilogb(largest), -kMost, kMost));
    }
    for (float& value : sampled) {
      value *= factor;
    }
  }

  [[nodiscard]] Matrix of_group(std::int64_t group) const {
    return gram[static_cast<std::size_t>(group)].selfadjointView<Eigen::Lower>();
  }
};

std::int64_t bytes_of_moments(const Layer& layer) {
  return layer.groups * layer.columns * layer.columns * static_cast<std::int64_t>(sizeof(float));
}

/// As many layers, from `first`, as fit the memory for moments; at least one.
std::size_t end_of_batch(const std::vector<Layer>& layers, std::size_t first) {
  std::int64_t bytes = 0;
  std::size_t end = first;
  while (end < layers.size() &&
         (end == first || bytes + bytes_of_moments(layers[end]) <= kMomentBytes)) {
    bytes += bytes_of_moments(layers[end++]);
  }
  return end;
}

class WeightRounding {
 public:
  WeightRounding(const StepContext& context, Draft& state, const RefineOptions& options)
      : context_(context), state_(state), options_(options) {}

  Result<std::int64_t> run() {
    TESSERA_TRY(details_,
                quantize::describe_static(*state_.model.onnx(), state_.assignment, state_.ranges,
                                          context_.quantizing, context_.monitor));
    TESSERA_TRY(rounded_, quantize::with_rounded_weights(*state_.model.onnx(), details_, {}));
    find_layers();
    if (options_.rounding == Rounding::kDescent) {
      keep_affordable();
    }
    std::int64_t changed = 0;
    for (std::size_t first = 0; first < layers_.size();) {
      const auto end = end_of_batch(layers_, first);
      TESSERA_TRY(const auto moments, gather(first, end));
      for (std::size_t i = first; i < end; ++i) {
        context_.monitor.progress("rounding weights", static_cast<std::int64_t>(i),
                                  std::ssize(layers_));
        TESSERA_CHECK(context_.monitor.check());
        TESSERA_CHECK(round(layers_[i], moments[i - first]));
        ++changed;
      }
      first = end;
    }
    return changed;
  }

 private:
  void find_layers() {
    for (const auto& scale : details_.weights) {
      auto layer = describe_layer(*state_.model.onnx(), scale);
      if (!layer) {
        context_.skipped.push_back("rounding: " + layer.error().message);
      } else if (!layer->alone) {
        context_.skipped.push_back(
            fmt::format("rounding: '{}': its weight has several readers", layer->name));
      } else {
        layers_.push_back(*std::move(layer));
      }
    }
  }

  /// The cheapest, within the effort; in the order of the model.
  void keep_affordable() {
    std::vector<std::pair<double, std::size_t>> by_cost;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      by_cost.emplace_back(macs_of(layers_[i]), i);
    }
    std::sort(by_cost.begin(), by_cost.end());
    double left = options_.effort_s * kMacsPerSecond;
    std::vector<bool> kept(layers_.size(), false);
    for (const auto& [macs, i] : by_cost) {
      left -= macs;
      kept[i] = left >= 0;
      if (!kept[i]) {
        context_.skipped.push_back(
            fmt::format("rounding: '{}': takes more than is left of the effort", layers_[i].name));
      }
    }
    std::vector<Layer> some;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (kept[i]) {
        some.push_back(std::move(layers_[i]));
      }
    }
    layers_ = std::move(some);
  }

  /// Of the moments and of the descent.
  [[nodiscard]] double macs_of(const Layer& layer) const {
    const auto rows = rows_wanted(layer) * context_.samples.size();
    const auto square = static_cast<double>(layer.columns) * static_cast<double>(layer.columns);
    // Errors, slopes and moves are in double precision and not in blocks.
    constexpr std::int64_t kDescent = 12;
    return square * static_cast<double>(layer.groups * rows + kDescent * layer.outputs);
  }

  /// Moments of layers [first, end), one pass over all samples.
  Result<std::vector<Moments>> gather(std::size_t first, std::size_t end) {
    std::vector<std::string> inputs;
    std::vector<Moments> moments;
    for (std::size_t i = first; i < end; ++i) {
      inputs.push_back(layers_[i].input);
      moments.emplace_back(layers_[i]);
    }
    TESSERA_TRY(const auto simulator,
                Simulator::open(context_.library, *rounded_, taps_of(details_, inputs)));
    round_activations(*simulator, details_);
    std::vector<std::vector<std::size_t>> readers(simulator->tensors().size());
    for (std::size_t i = first; i < end; ++i) {
      readers[*simulator->point_of(layers_[i].input)].push_back(i);
    }
    std::vector<float> sampled;
    for (std::int64_t index = 0; index < context_.samples.size(); ++index) {
      context_.monitor.progress("second moments", index, context_.samples.size());
      TESSERA_CHECK(context_.monitor.check());
      TESSERA_TRY(const auto sample, context_.samples.load(index));
      TESSERA_CHECK(simulator->run(
          sample,
          [&](std::size_t point, std::span<const std::int64_t> shape, std::span<float> values) {
            for (const auto i : readers[point]) {
              const auto count =
                  sample_rows(layers_[i], shape, values, rows_wanted(layers_[i]), index, sampled);
              moments[i - first].add(layers_[i], count, sampled);
            }
          }));
    }
    return moments;
  }

  /// A few times the number of unknowns over all samples, within the limit.
  [[nodiscard]] std::int64_t rows_wanted(const Layer& layer) const {
    constexpr std::int64_t kTimes = 6;
    constexpr std::int64_t kLeast = 16;
    const auto wanted = kTimes * layer.columns / context_.samples.size() + 1;
    return std::clamp(wanted, std::min(kLeast, options_.rows_per_sample), options_.rows_per_sample);
  }

  Status round(const Layer& layer, const Moments& moments) {
    TESSERA_TRY(const auto values, state_.model.onnx()->initializer(layer.scale.initializer));
    const auto rows = as_rows(layer, values.as<float>());
    auto scales = layer.scale.qparams;
    std::vector<Matrix> grams;
    grams.reserve(static_cast<std::size_t>(layer.groups));
    for (std::int64_t group = 0; group < layer.groups; ++group) {
      grams.push_back(moments.of_group(group));
    }
    if (options_.scales) {
      search_scales(layer, rows, grams, scales);
    }
    std::vector<std::int32_t> integers;
    for (std::int64_t group = 0; group < layer.groups; ++group) {
      const auto by_row = scales_of_group(layer, group, scales, 1);
      const auto problem = problem_of(layer, group, rows, grams, by_row);
      const auto part = rounded(problem);
      integers.insert(integers.end(), part.begin(), part.end());
    }
    const auto placed = from_rows<std::int32_t>(layer, integers);
    state_.weights[layer.scale.initializer] = {layer.scale.dtype, layer.scale.axis, scales,
                                               pack(layer.scale.dtype, placed, values.shape)};
    return {};
  }

  [[nodiscard]] std::vector<std::int32_t> rounded(const RoundingProblem& problem) const {
    switch (options_.rounding) {
      case Rounding::kNearest:
        return nearest_rounding(problem);
      case Rounding::kDescent:
        return descended_rounding(problem);
      case Rounding::kAdaptive:
        return adaptive_rounding(problem);
    }
    return {};
  }

  /// Scales of the rows of a group, times `factor`.
  static std::vector<numerics::QParams> scales_of_group(const Layer& layer, std::int64_t group,
                                                        const std::vector<numerics::QParams>& all,
                                                        float factor) {
    const auto count = static_cast<std::size_t>(layer.outputs / layer.groups);
    std::vector<numerics::QParams> result(count, all.front());
    for (std::size_t i = 0; all.size() > 1 && i < count; ++i) {
      result[i] = all[static_cast<std::size_t>(group) * count + i];
    }
    for (auto& one : result) {
      one.scale *= factor;
    }
    return result;
  }

  static RoundingProblem problem_of(const Layer& layer, std::int64_t group,
                                    std::span<const float> rows, const std::vector<Matrix>& grams,
                                    std::span<const numerics::QParams> scales) {
    const auto count = layer.outputs / layer.groups;
    const auto& gram = grams[static_cast<std::size_t>(group)];
    return {count,
            layer.columns,
            rows.subspan(static_cast<std::size_t>(group * count * layer.columns),
                         static_cast<std::size_t>(count * layer.columns)),
            scales,
            layer.scale.levels,
            {gram.data(), static_cast<std::size_t>(gram.size())}};
  }

  /// Clipping the largest weights may be worth a finer step for all others: each scale (the one
  /// scale) by the error of the layer's result.
  void search_scales(const Layer& layer, std::span<const float> rows,
                     const std::vector<Matrix>& grams,
                     std::vector<numerics::QParams>& scales) const {
    constexpr std::array<float, 9> kFactors = {1.0F,  0.98F, 0.95F, 0.92F, 0.89F,
                                               0.85F, 0.8F,  0.75F, 0.7F};
    std::vector<double> least(scales.size(), std::numeric_limits<double>::infinity());
    auto best = scales;
    const auto count = static_cast<std::size_t>(layer.outputs / layer.groups);
    for (const float factor : kFactors) {
      std::vector<double> errors(scales.size(), 0);
      for (std::int64_t group = 0; group < layer.groups; ++group) {
        const auto by_row = scales_of_group(layer, group, scales, factor);
        const auto problem = problem_of(layer, group, rows, grams, by_row);
        const auto by_rows = row_errors(problem, nearest_rounding(problem));
        for (std::size_t i = 0; i < count; ++i) {
          errors[scales.size() > 1 ? static_cast<std::size_t>(group) * count + i : 0] += by_rows[i];
        }
      }
      for (std::size_t i = 0; i < scales.size(); ++i) {
        if (errors[i] < least[i]) {
          least[i] = errors[i];
          best[i].scale = scales[i].scale * factor;
        }
      }
    }
    scales = std::move(best);
  }

  static Tensor pack(DType dtype, const std::vector<std::int32_t>& integers,
                     std::span<const std::int64_t> shape) {
    std::vector<float> reals(integers.begin(), integers.end());
    Tensor result(dtype, Shape(shape.begin(), shape.end()));
    numerics::quantize(reals, {1, 0}, dtype, result.bytes());
    return result;
  }

  const StepContext& context_;
  Draft& state_;
  const RefineOptions& options_;
  quantize::StaticDetails details_;
  std::optional<onnx::Model> rounded_;
  std::vector<Layer> layers_;
};

}  // namespace

Result<std::int64_t> round_weights(const StepContext& context, Draft& state,
                                   const RefineOptions& options) {
  return WeightRounding(context, state, options).run();
}

}  // namespace tessera::refine
