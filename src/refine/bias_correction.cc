// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/bias_correction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>

#include "refine/quantized.h"

namespace tessera::refine {
namespace {

using quantize::Product;

/// Mean of a channel, or of its positive part; and how much of it follows a shift of the channel.
struct Mean {
  double value = 0;
  double share = 1;
};
using Means = std::vector<std::vector<Mean>>;  // by target, channel
using Shifts = std::vector<std::vector<double>>;

std::size_t plane_of(const Product& product, std::span<const std::int64_t> shape) {
  std::size_t plane = 1;
  for (std::size_t i = 2; !product.channels_last && i < shape.size(); ++i) {
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

/// The same of values whose channels lie beside each other.
void add_rows(std::span<const float> values, float least, std::vector<Mean>& means) {
  for (std::size_t at = 0; at + means.size() <= values.size(); at += means.size()) {
    for (std::size_t c = 0; c < means.size(); ++c) {
      const bool counted = values[at + c] > least;
      means[c].value += counted ? double{values[at + c]} : 0;
      means[c].share += counted ? 1 : 0;
    }
  }
}

std::vector<Mean> channel_means(const Product& product, std::span<const std::int64_t> shape,
                                std::span<const float> values) {
  std::vector<Mean> means(static_cast<std::size_t>(product.channels), Mean{0, 0});
  constexpr float kAll = -std::numeric_limits<float>::infinity();
  const auto least = product.rectified ? 0 : kAll;
  const auto plane = plane_of(product, shape);
  if (plane == 1) {
    add_rows(values, least, means);
  }
  for (std::size_t at = 0; plane > 1 && at * plane < values.size(); ++at) {
    add_plane(values.subspan(at * plane, plane), least, means[at % means.size()]);
  }
  const auto per_channel = std::max<std::size_t>(values.size() / means.size(), 1);
  const auto count = static_cast<double>(per_channel);
  for (auto& mean : means) {
    mean.value /= count;
    mean.share /= count;
  }
  return means;
}

void add_to_channels(const Product& product, std::span<const std::int64_t> shape,
                     const std::vector<double>& shift, std::span<float> values) {
  const auto plane = plane_of(product, shape);
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
    TESSERA_TRY(auto simulation,
                simulate(context_, state_.model, state_.assignment, state_.ranges, state_.weights));
    for (const auto& name : simulation.without_biases) {
      context_.skipped.push_back(fmt::format("bias-correction: '{}' has no constant bias", name));
    }
    targets_ = std::move(simulation.products);
    if (targets_.empty()) {
      return 0;
    }
    TESSERA_TRY(const auto wanted, float_means());
    TESSERA_TRY(const auto shift, estimate(simulation, wanted));
    return apply_best_part(shift);
  }

 private:
  struct Trial {
    network::Network model;
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
      auto by = shift[i];
      std::for_each(by.begin(), by.end(), [part](double& one) { one *= part; });
      TESSERA_CHECK(context_.dialect.add_to_bias(model, targets_[i], by));
    }
    TESSERA_TRY(auto simulator,
                open_quantized(context_, model, state_.assignment, state_.ranges, state_.weights));
    return Trial{std::move(model), {std::move(simulator), {}}};
  }

  [[nodiscard]] std::vector<std::string> results() const {
    std::vector<std::string> names;
    names.reserve(targets_.size());
    for (const auto& target : targets_) {
      names.push_back(target.result);
    }
    return names;
  }

  /// By point of the simulator: the target whose result passes there.
  [[nodiscard]] std::vector<std::optional<std::size_t>> places(const Simulator& simulator) const {
    std::vector<std::optional<std::size_t>> result(simulator.tensors().size());
    for (std::size_t i = 0; i < targets_.size(); ++i) {
      result[*simulator.point_of(targets_[i].result)] = i;
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
    TESSERA_TRY(const auto open, context_.dialect.lay_open(state_.model));
    TESSERA_TRY(const auto simulator, Simulator::open(context_.library, open, results()));
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

  Result<Shifts> estimate(const quantize::Simulation& simulation,
                          const std::vector<Means>& wanted) {
    TESSERA_TRY(const auto simulator, Simulator::open(context_.library, simulation.network,
                                                      taps_of(simulation.rounded, results())));
    round_activations(*simulator, simulation.rounded);
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

  const StepContext& context_;
  Draft& state_;
  std::vector<Product> targets_;
};

}  // namespace

Result<std::int64_t> correct_biases(const StepContext& context, Draft& state) {
  return BiasCorrection(context, state).run();
}

}  // namespace tessera::refine
