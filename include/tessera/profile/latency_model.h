// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/random.h"
#include "tessera/core/result.h"
#include "tessera/profile/units.h"

namespace tessera::profile {

/// A kernel that computes several units at once, as those of a delegate do: only the sum is
/// measured.
struct SharedKernel {
  std::vector<std::size_t> units;
  std::vector<double> us;  ///< what is taken to be that of each; the kernel's own time in all
};

/// One plan, run and taken apart: what every unit took, and what changing the type or layout of
/// its result took. Times are those of one inference, free of drift (see profile()).
struct PlanTimes {
  States states;                      ///< as built, not as asked for
  std::vector<double> unit_us;        ///< by unit
  std::vector<double> conversion_us;  ///< by unit that makes the value; last: the model's inputs
  std::vector<double> unit_kernels;   ///< how many kernels that was
  std::vector<double> conversion_kernels;
  std::vector<SharedKernel> shared = {};  ///< counted in unit_us and unit_kernels by their parts

  /// Divides the time of every shared kernel anew, in proportion to the weights of its units (by
  /// unit, not negative); evenly where these are all 0.
  void share_by(std::span<const double> weights);
  void scale_by(double factor);
  [[nodiscard]] double kernel_us() const;  ///< sum over all
  [[nodiscard]] double kernels() const;
  /// Every list is as long as `units` ask for.
  [[nodiscard]] bool fits(std::size_t units) const noexcept;
};

/// A digit for every unit.
[[nodiscard]] std::string digits_of(const States& states);
/// Errors: kDataLoss for anything but digits.
[[nodiscard]] Result<States> states_from(std::string_view digits);

/// How the runtime lays a feature map out in memory: plain (NCHW), blocked (NCHWc) behind float
/// convolutions, channels last (NHWC) behind integer ones. Pools and element-wise operators keep
/// the layout that all their inputs have, whatever their own precision; blocked maps are float.
enum class Layout : std::uint8_t { kPlain, kBlocked, kChannelsLast };

/// How results of a scheme's units lie in memory, which is what their neighbours see of it.
struct Form {
  DType values = DType::kFloat32;
  Layout convolution = Layout::kPlain;  ///< of a convolution's result

  [[nodiscard]] bool operator==(const Form&) const = default;
};
/// By state: float32, then the schemes.
using Forms = std::vector<Form>;
[[nodiscard]] Form form_of(const quantize::Scheme& scheme);
/// float32 and one scheme of integers.
[[nodiscard]] const Forms& float_and_integers();

/// How a type of unit treats what it reads.
struct Trait {
  bool lets_integers_pass = false;
  bool keeps_layout = false;
  bool convolution = false;
};
[[nodiscard]] Trait trait_of(const Unit& unit);
/// The layout of a result whose inputs all have `inputs` (plain if they differ).
[[nodiscard]] Layout result_layout(const Trait& trait, const Form& form, Layout inputs);
/// Of Neighbourhood::own.
[[nodiscard]] std::uint8_t own_context(std::size_t state, Layout inputs, bool has_other_readers);

/// Who reads a result, against how it is made.
class Readers {
 public:
  Readers(std::size_t state, DType values, Layout layout)
      : state_(state), values_(values), layout_(layout) {}

  void add(DType values, Layout layout) {
    (values == values_ ? same_ : other_) = true;
    other_layout_ = other_layout_ || layout != layout_;
  }
  [[nodiscard]] bool has_other() const { return other_; }
  /// Of Neighbourhood::conversion.
  [[nodiscard]] std::uint8_t context() const;

 private:
  std::size_t state_;
  DType values_;
  Layout layout_;
  bool same_ = false;
  bool other_ = false;
  bool other_layout_ = false;
};

/// What the kernels of every unit depend on besides the unit itself: its neighbourhood in one plan.
/// A pool that gets a plain map can take 60 times as long as one that gets the map channels last,
/// which is decided by convolutions further up.
struct Neighbourhood {
  std::vector<Layout> layout;  ///< by unit, of its result
  /// By unit: own kernels. State; layout of all inputs (plain if they differ); whether a consumer
  /// reads values of another type.
  std::vector<std::uint8_t> own;
  /// By unit, last the model's inputs: conversions of the result. State; layout; readers all of
  /// this type of values, all of another, or some of each; whether a reader wants another layout.
  std::vector<std::uint8_t> conversion;
};
inline constexpr std::size_t kUnitContexts = 6;         ///< of one state
inline constexpr std::size_t kConversionContexts = 18;  ///< of one state
[[nodiscard]] Neighbourhood neighbourhood_of(const Units& units, const States& asked,
                                             const Forms& forms = float_and_integers());

/// Predicts the latency of any mix of float32 and schemes over a model's units, on the machine
/// and with the runtime it was fitted on:
///
///   latency = scale * sum of kernel times + overhead * number of kernels,
///
/// where the kernels of a unit, and the conversions of its result, are those seen in plans that
/// had the unit in the same neighbourhood. Layout, fusion and Q/DQ follow from the neighbours, so
/// they are in these figures; nothing is timed outside of its model. A neighbourhood that was
/// never seen is estimated from the unit's others and from units of its type.
///
/// Plain data: it serialises. Cost of a prediction: linear in the number of units.
struct LatencyModel {
  struct Cell {
    double us = 0;
    double kernels = 0;
    std::int64_t plans = 0;  ///< that showed it; 0: estimated
  };
  struct Row {
    std::string unit;  ///< name; empty for the model's inputs
    std::vector<Cell> own = std::vector<Cell>(2 * kUnitContexts);  ///< by state, then context
    std::vector<Cell> conversion = std::vector<Cell>(2 * kConversionContexts);
  };
  std::vector<std::string> schemes = {""};  ///< by state - 1, "qdq-u8s8-channel"
  Forms forms = float_and_integers();       ///< by state
  std::vector<Row> rows;                    ///< by unit, last the model's inputs
  double scale = 1;
  double overhead_us_per_kernel = 0;
  double centre = 1;  ///< factor in both of the above that centres them on unseen plans
  /// 90 % of plans are within this share of their prediction (split conformal).
  double interval = 0;

  struct Prediction {
    double us = 0;
    double low_us = 0;
    double high_us = 0;
  };
  /// `units` must be those that the model was fitted on.
  [[nodiscard]] Prediction predict(const Units& units, const States& states) const;
  /// What a unit and its conversions add, in microseconds; last the model's inputs. predict() is
  /// the sum of these.
  [[nodiscard]] double share_us(std::size_t row, const Neighbourhood& around) const;
  /// By unit: what its own kernels take in a plan, as the profiler would see it.
  [[nodiscard]] std::vector<double> own_us(const Units& units, const States& states) const;
};

/// Looks at one mix of a model's units after another: what follows from the units alone is found
/// once, and nothing is allocated from the second mix on. Both are kept by reference.
class Predictor {
 public:
  Predictor(const Units& units, const Forms& forms);
  /// As neighbourhood_of(), until the next call.
  const Neighbourhood& look_around(const States& asked);
  /// As LatencyModel::predict(); the model's forms must be those given.
  [[nodiscard]] double us(const LatencyModel& model, const States& states);

 private:
  const Units& units_;
  const Forms& forms_;
  std::vector<Trait> traits_;
  States states_;
  std::vector<Layout> inputs_;
  Neighbourhood around_;
};

/// Fits the cells. Where units share kernels, how their time is divided and what the cells say are
/// found in turns: plans whose kernels begin and end elsewhere tell apart what one kernel does not.
/// Errors: kInvalidArgument without a plan that is float throughout and one in
/// which every unit that takes the first scheme is in integers.
[[nodiscard]] Result<LatencyModel> fit_latency(const Units& units, std::span<const PlanTimes> plans,
                                               const Forms& forms = float_and_integers());

/// A plan's latency as a whole, without the profiler.
struct WholeTime {
  States states;
  double us = 0;
};
/// Fits `scale` and `overhead_us_per_kernel` so that the sums of kernel times explain the whole
/// times of plans of which both are known (same order). Without any, both stay as they are.
void fit_overheads(LatencyModel& model, std::span<const PlanTimes> plans,
                   std::span<const double> whole_us);
/// Centres the model on plans it has not seen and sets `interval` from them.
void fit_interval(LatencyModel& model, const Units& units, std::span<const WholeTime> plans);

[[nodiscard]] Json to_json(const LatencyModel& model);
[[nodiscard]] Result<LatencyModel> latency_model_from_json(const Json& json);

/// A random mixed plan: a density between 10 and 90 % and a mean run length between 1 and 16 units
/// are drawn, then float32 or integers along the topological order (a Markov chain; of several
/// schemes one per stretch, each as likely), so that lonely layers and long stretches both occur.
[[nodiscard]] States random_states(const Units& units, Random& random);

}  // namespace tessera::profile
