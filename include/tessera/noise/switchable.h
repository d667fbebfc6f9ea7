// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/network.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/metrics.h"

namespace tessera::noise {

/// A layer and what it can be computed by, besides float32.
struct Switch {
  std::string op;  ///< name in the model's view
  std::vector<quantize::Scheme> schemes;
  /// It does not take the scheme that layers have unless said otherwise: all of its own are further
  /// ones, whose entries are named with the scheme (see entries.h).
  bool only_further = false;
};

/// Position of every switch: 0 for float32, k for the k-th of its schemes.
using Setting = std::vector<std::uint8_t>;

struct SwitchableSetup {
  const network::Network* model = nullptr;  ///< float, types inferred
  std::shared_ptr<const runtime::Library> library;
  runtime::SessionOptions session;  ///< provider, threads, level
  const calibrate::Ranges* ranges = nullptr;
  std::vector<Switch> switches;
  /// For intermediate results that are kept for later settings, besides the one of every part
  /// that was computed last.
  std::int64_t memory_bytes = std::int64_t{256} << 20;
  /// Outputs are handed to the visitor as tensors, not only as sums.
  bool tensors = false;
};

/// What one setting gives on one sample.
struct SettingResult {
  std::vector<ErrorSums> outputs;      ///< against all switches at 0, by outputs()
  std::optional<std::int64_t> chosen;  ///< class, if the model has a classifier's output
  std::vector<TensorView> tensors;     ///< with SwitchableSetup::tensors, during the visit
};

/// What a layer's scheme does to its own result.
struct LayerNoise {
  double noise = 0;   ///< sum of squares of what is added
  double signal = 0;  ///< sum of squares in float
  std::int64_t elements = 0;
};

/// One model under any number of settings of its switches, in far less time than building each.
///
/// Operators are grouped by the switches that their values depend on. Every group is a model of
/// its own: in float and, if a switch is in it, as tessera's quantizer writes it for each position,
/// so that rounding, scales, clipping and integer kernels are those of a model built with that
/// setting. Settings are walked in the order of a trie over the switches in depth order; a group is
/// run once for all settings that agree on what it depends on, and its result is dropped as soon as
/// no later setting needs it. Errors are summed where an output's values are made, before they are
/// joined and reordered. Layers that with Format::kKernels round by each other's settings are one
/// group, with a model for each combination of these that is measured. See docs/error.md.
///
/// Equal to the built model up to what the runtime's fusions across the borders of groups change
/// in the last bits. Two neighbours whose scales come from different methods or symmetries are the
/// exception (warning `mixed-scales`), and so are layers of other formats beside some of kKernels
/// (warning `mixed-formats`).
class SwitchableModel {
 public:
  /// Errors: kInvalidArgument for a switch that is no operator (with the nearest names), stands
  /// twice, cannot be quantized by itself in one of its schemes (with the reason) or would go by
  /// another operator's name in one; kFailedPrecondition if no output depends on any switch; those
  /// of quantize and runtime.
  [[nodiscard]] static Result<SwitchableModel> open(const SwitchableSetup& setup, Monitor& monitor);
  SwitchableModel(SwitchableModel&&) noexcept;
  SwitchableModel& operator=(SwitchableModel&&) noexcept;
  ~SwitchableModel();

  /// Names of the floating outputs that errors are measured on.
  [[nodiscard]] const std::vector<std::string>& outputs() const noexcept;
  /// The output whose largest element is the class.
  [[nodiscard]] std::optional<std::size_t> classifier() const noexcept;
  /// Switches that reach no measured output.
  [[nodiscard]] std::vector<std::string> idle_switches() const;

  /// Visits settings in the order that shares most; `index` is a place in `settings`. The visitor
  /// stops the walk by an error. Progress is left to the visitor.
  /// Errors: those of the visitor and of the runtime; kCancelled.
  using Visitor = std::function<Status(std::size_t index, const SettingResult& result)>;
  [[nodiscard]] Status measure(const data::Sample& sample, std::span<const Setting> settings,
                               const Visitor& visit, Monitor& monitor);

  /// By switch and, within it, by scheme: what that adds at the layer's own output (behind the Relu
  /// or Clip that rounding may take the place of), everything before in float.
  [[nodiscard]] Result<std::vector<LayerNoise>> layer_noise(const data::Sample& sample,
                                                            Monitor& monitor);

  /// The order in which measure() walks settings.
  [[nodiscard]] std::vector<std::size_t> order_of(std::span<const Setting> settings) const;

  struct Work {
    std::int64_t segments = 0;       ///< groups of operators
    std::int64_t sessions = 0;       ///< opened so far
    std::int64_t runs = 0;           ///< of groups, in measure()
    std::int64_t runs_unshared = 0;  ///< what they would be without any sharing
    std::int64_t kept_bytes = 0;     ///< most that was kept at a time
  };
  [[nodiscard]] const Work& work() const noexcept;

  struct State;

 private:
  explicit SwitchableModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace tessera::noise
