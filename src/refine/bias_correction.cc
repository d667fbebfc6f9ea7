// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/bias_correction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <string_view>

#include "refine/layers.h"
#include "refine/quantized.h"

namespace tessera::refine {
namespace {

/// A layer whose bias can be changed.
struct Target {
  onnx::NodeId node;
  std::string output;
  std::int64_t channels = 0;
  bool conv = false;
  double beta = 1;  ///< what a Gemm multiplies its bias by
  /// Only the positive part matters to whoever reads it.
  bool rectified = false;
};

/// Mean of a channel, or of its positive part; and how much of it follows a shift of the channel.
struct Mean {
  double value = 0;
  double share = 1;
};
using Means = std::vector<std::vector<Mean>>;  // by target, channel
using Shifts = std::vector<std::vector<double>>;

std::size_t plane_of(const Target& target, std::span<const std::int64_t> shape) {
  std::size_t plane = 1;
  for (std::size_t i = 2; target.conv && i < shape.size(); ++i) {
    plane *= static_cast<std::size_t>(shape[i]);
  }
  return plane;
}

/// Adds up what counts of a plane, in eight columns so that vectors can do it.
void add_plane(std::span<const float> values, float least, Mean& mean) {
  constexpr std::size_t kColumns = 8;
  std::array<double, kColumns> sums{};
  std::array<double, kColumns> counts{};
  const auto add = [&](std::size_t column, float value) {
    const bool counted = value > least;
    sums[column] += counted ? double{value} : 0;
    counts[column] += counted ? 1 : 0;
  };
  std::size_t at = 0;
  for (; at + kColumns <= values.size(); at += kColumns) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      add(i, values[at + i]);
    }
  }
  for (; at < values.size(); ++at) {
    add(0, values[at]);
  }
  mean.value += std::accumulate(sums.begin(), sums.end(), 0.0);
  mean.share += std::accumulate(counts.begin(), counts.end(), 0.0);
}

std::vector<Mean> channel_means(const Target& target, std::span<const std::int64_t> shape,
                                std::span<const float> values) {
  std::vector<Mean> means(static_cast<std::size_t>(target.channels), Mean{0, 0});
  const auto plane = plane_of(target, shape);
  for (std::size_t at = 0; at * plane < values.size(); ++at) {
    constexpr float kAll = -std::numeric_limits<float>::infinity();
    add_plane(values.subspan(at * plane, plane), target.rectified ? 0 : kAll,
              means[at % means.size()]);
  }
  const auto per_channel = std::max<std::size_t>(values.size() / means.size(), 1);
  const auto count = static_cast<double>(per_channel);
  for (auto& mean : means) {
    mean.value /= count;
    mean.share /= count;
  }
  return means;
}

void add_to_channels(const Target& target, std::span<const std::int64_t> shape,
                     const std::vector<double>& shift, std::span<float> values) {
  const auto plane = plane_of(target, shape);
  for (std::size_t at = 0; at * plane < values.size(); ++at) {
    const auto by = static_cast<float>(shift[at % shift.size()]);
    for (std::size_t k = 0; k < plane; ++k) {
      values[at * plane + k] += by;
    }
  }
}

class BiasCorrection {
 public:
  BiasCorrection(const StepContext& context, Draft& state) : context_(context), state_(state) {}

  Result<std::int64_t> run() {
    auto options = context_.quantizing;
    options.weights = &state_.weights;
    TESSERA_TRY(details_, quantize::describe_static(state_.model, state_.assignment, state_.ranges,
                                                    options, context_.monitor));
    find_targets();
    if (targets_.empty()) {
      return 0;
    }
    TESSERA_TRY(const auto wanted, float_means());
    TESSERA_TRY(const auto shift, estimate(wanted));
    return apply_best_part(shift);
  }

 private:
  struct Trial {
    onnx::Model model;
    Hearing hearing;
  };

  /// All of it, a half or a quarter, whichever brings the outputs closest; nothing if none does.
  Result<std::int64_t> apply_best_part(const Shifts& shift) {
    TESSERA_TRY(auto best, open_trial(shift, 0));
    std::int64_t changed = 0;
    for (const double part : {1.0, 0.5, 0.25}) {
      TESSERA_TRY(auto trial, open_trial(shift, part));
      TESSERA_TRY(const bool closer, context_.judge.is_closer(trial.hearing, best.hearing));
      if (closer) {
        best = std::move(trial);
        changed = std::ssize(targets_);
      }
    }
    state_.model = std::move(best.model);
    return changed;
  }

  Result<Trial> open_trial(const Shifts& shift, double part) {
    TESSERA_CHECK(context_.monitor.check());
    auto model = state_.model.clone();
    for (std::size_t i = 0; i < targets_.size() && part > 0; ++i) {
      TESSERA_CHECK(apply(model, targets_[i], shift[i], part));
    }
    TESSERA_TRY(auto simulator,
                open_quantized(context_, model, state_.assignment, state_.ranges, state_.weights));
    return Trial{std::move(model), {std::move(simulator), {}}};
  }

  void find_targets() {
    std::set<std::uint32_t> seen;
    for (const auto& scale : details_.weights) {
      if (!seen.insert(scale.node.value).second) {
        continue;
      }
      if (auto target = target_of(scale)) {
        targets_.push_back(*std::move(target));
      }
    }
  }

  std::optional<Target> target_of(const quantize::WeightScale& scale) {
    const auto& model = state_.model;
    const auto& type = model.op_type(scale.node);
    const auto inputs = model.inputs(scale.node);
    const auto weight = model.initializer_type(scale.initializer);
    const bool has_bias = inputs.size() > 2 && !inputs[2].empty();
    const bool fixed = has_bias && !model.is_constant(inputs[2]);
    if ((type != "Conv" && type != "Gemm") || scale.input != 1 || fixed || !weight ||
        !weight->shape || weight->shape->size() < 2) {
      context_.skipped.push_back(
          fmt::format("bias-correction: '{}' has no constant bias", model.name(scale.node)));
      return std::nullopt;
    }
    Target target{scale.node, model.outputs(scale.node).front(),
                  0,          type == "Conv",
                  1,          is_rectified(model.outputs(scale.node).front())};
    const auto axis = type == "Conv" || model.int_attribute(scale.node, "transB", 0) != 0 ? 0 : 1;
    target.channels = (*weight->shape)[static_cast<std::size_t>(axis)].value;
    if (const auto beta = model.attribute(scale.node, "beta")) {
      const auto* number = std::get_if<float>(&*beta);
      target.beta = number != nullptr ? double{*number} : 1;
    }
    const auto bias = has_bias ? model.initializer_type(inputs[2]) : std::nullopt;
    std::int64_t elements = 1;
    for (std::size_t i = 0; bias && i < bias->shape->size(); ++i) {
      elements *= (*bias->shape)[i].value;
    }
    if (target.beta == 0 || (bias && elements != target.channels && elements != 1)) {
      return std::nullopt;
    }
    return target;
  }

  /// Relu and those that come near it. SiLU is a Sigmoid and a Mul.
  [[nodiscard]] bool is_rectified(const std::string& value) const {
    constexpr std::array<std::string_view, 8> kTypes = {"Relu",      "Clip", "Sigmoid",   "Mul",
                                                        "LeakyRelu", "Gelu", "HardSwish", "PRelu"};
    const auto readers = state_.model.consumers(value);
    bool sigmoid_or_relu = false;
    for (const auto reader : readers) {
      const auto& type = state_.model.op_type(reader);
      if (std::find(kTypes.begin(), kTypes.end(), type) == kTypes.end()) {
        return false;
      }
      sigmoid_or_relu = sigmoid_or_relu || type != "Mul";
    }
    return sigmoid_or_relu && !state_.model.is_output(value);
  }

  [[nodiscard]] std::vector<std::string> outputs() const {
    std::vector<std::string> names;
    names.reserve(targets_.size());
    for (const auto& target : targets_) {
      names.push_back(target.output);
    }
    return names;
  }

  /// By point of the simulator: the target whose result passes there.
  [[nodiscard]] std::vector<std::optional<std::size_t>> places(const Simulator& simulator) const {
    std::vector<std::optional<std::size_t>> result(simulator.tensors().size());
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      result[*simulator.point_of(targets_[i].output)] = i;
    }
    return result;
  }

  template <class Visit>
  Status for_samples(std::string_view stage, Simulator& simulator, Visit visit) {
    const auto place = places(simulator);
    for (std::int64_t index = 0; index < context_.samples.size(); ++index) {
      context_.monitor.progress(stage, index, context_.samples.size());
      TESSERA_CHECK(context_.monitor.check());
      TESSERA_TRY(const auto sample, context_.samples.load(index));
      TESSERA_CHECK(simulator.run(
          sample,
          [&](std::size_t point, std::span<const std::int64_t> shape, std::span<float> values) {
            if (place[point]) {
              visit(index, *place[point], shape, values);
            }
          },
          Simulator::Look::kBeforeRounding));
    }
    return {};
  }

  /// By sample.
  Result<std::vector<Means>> float_means() {
    TESSERA_TRY(const auto simulator, Simulator::open(context_.library, state_.model, outputs()));
    std::vector<Means> means(static_cast<std::size_t>(context_.samples.size()),
                             Means(targets_.size()));
    TESSERA_CHECK(for_samples(
        "means of layers", *simulator,
        [&](std::int64_t sample, std::size_t target, auto shape, std::span<float> values) {
          means[static_cast<std::size_t>(sample)][target] =
              channel_means(targets_[target], shape, values);
        }));
    return means;
  }

  /// A channel that is hardly ever active has no mean to speak of.
  static bool worthwhile(double share, std::int64_t samples) {
    constexpr double kLeast = 0.01;
    return share > kLeast * static_cast<double>(samples);
  }

  Result<Shifts> estimate(const std::vector<Means>& wanted) {
    TESSERA_TRY(const auto rounded, with_rounded_weights(state_.model, details_, state_.weights));
    TESSERA_TRY(const auto simulator,
                Simulator::open(context_.library, rounded, taps_of(details_, outputs())));
    round_activations(*simulator, details_);
    Shifts shift;
    for (const auto& target : targets_) {
      shift.emplace_back(static_cast<std::size_t>(target.channels), 0.0);
    }
    // While running, the first pass applies what is known so far, the second what the first found.
    for (const bool learning : {true, false}) {
      Shifts sums = shift;
      Shifts shares = shift;
      for (std::size_t i = 0; i < shift.size(); ++i) {
        std::fill(sums[i].begin(), sums[i].end(), 0.0);
        std::fill(shares[i].begin(), shares[i].end(), 0.0);
      }
      auto next = shift;
      TESSERA_CHECK(for_samples(
          "bias correction", *simulator,
          [&](std::int64_t sample, std::size_t target, auto shape, std::span<float> values) {
            const auto& applied = shift[target];
            add_to_channels(targets_[target], shape, applied, values);
            const auto found = channel_means(targets_[target], shape, values);
            const auto& want = wanted[static_cast<std::size_t>(sample)][target];
            for (std::size_t c = 0; c < found.size(); ++c) {
              // The mean moves by `share` of a shift: Newton's step for all samples together.
              sums[target][c] += want[c].value - found[c].value + found[c].share * applied[c];
              shares[target][c] += found[c].share;
              next[target][c] = worthwhile(shares[target][c], sample + 1)
                                    ? sums[target][c] / shares[target][c]
                                    : 0;
            }
            if (learning) {
              shift[target] = next[target];
            }
          }));
      shift = std::move(next);
    }
    return shift;
  }

  static Status apply(onnx::Model& model, const Target& target, const std::vector<double>& shift,
                      double part) {
    auto inputs = model.inputs(target.node);
    Tensor bias(DType::kFloat32, {target.channels});
    auto values = bias.as<float>();
    const bool has_bias = inputs.size() > 2 && !inputs[2].empty();
    if (has_bias) {
      TESSERA_TRY(const auto old, model.initializer(inputs[2]));
      const auto old_values = old.as<float>();
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = old_values[old_values.size() == 1 ? 0 : i];
      }
      if (old.size() == target.channels) {
        bias.reshape(Shape(old.shape.begin(), old.shape.end()));
      }
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(double{values[i]} + part * shift[i] / target.beta);
    }
    if (!has_bias) {
      inputs.resize(3);
      inputs[2] = model.unique_name(model.name(target.node) + "_bias");
      model.set_initializer(inputs[2], std::move(bias));
      model.set_inputs(target.node, inputs);
      return {};
    }
    replace_constant(model, target.node, 2, std::move(bias));
    return {};
  }

  const StepContext& context_;
  Draft& state_;
  quantize::StaticDetails details_;
  std::vector<Target> targets_;
};

}  // namespace

Result<std::int64_t> correct_biases(const StepContext& context, Draft& state) {
  return BiasCorrection(context, state).run();
}

}  // namespace tessera::refine
