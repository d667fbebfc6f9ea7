// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/latency_model.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "tessera/core/timing.h"

namespace tessera::profile {
namespace {

using Cell = LatencyModel::Cell;

// A unit's context is precision * 6 + layout of its inputs * 2 + consumers; that of its conversions
// precision * 18 + layout * 6 + readers * 2 + their layout.
constexpr std::size_t kInteger = kUnitContexts / 2;
constexpr std::size_t kIntegerConversion = kConversionContexts / 2;

/// Observations of one context of one unit.
struct Seen {
  double us = 0;
  double kernels = 0;
  std::int64_t plans = 0;

  void add(double time_us, double count) {
    us += time_us;
    kernels += count;
    ++plans;
  }
  [[nodiscard]] double mean_us() const { return us / static_cast<double>(plans); }
  [[nodiscard]] double mean_kernels() const { return kernels / static_cast<double>(plans); }
};
using SeenUnit = std::array<Seen, kUnitContexts>;
using SeenConversion = std::array<Seen, kConversionContexts>;

/// How a unit's time follows from its neighbourhood where a cell was not seen: a level for each
/// precision, and what blocked or channels-last inputs and other consumers add to either.
using Effects = Eigen::Matrix<double, 8, 1>;
constexpr Eigen::Index kEffects = 4;

Effects design(std::size_t context) {
  const auto layout = static_cast<Layout>(context % kInteger / 2);
  Effects row = Effects::Zero();
  row.segment<kEffects>(context >= kInteger ? kEffects : 0) << 1,
      layout == Layout::kBlocked ? 1.0 : 0.0, layout == Layout::kChannelsLast ? 1.0 : 0.0,
      context % 2 == 1 ? 1.0 : 0.0;
  return row;
}

/// Least squares on what was seen, drawn towards `prior` by `weight` observations.
Effects fit_effects(const SeenUnit& seen, const Effects& prior, double weight, double Seen::*what) {
  Eigen::Matrix<double, 8, 8> normal = Eigen::Matrix<double, 8, 8>::Identity() * weight;
  Effects right = prior * weight;
  for (std::size_t context = 0; context < kUnitContexts; ++context) {
    if (seen[context].plans > 0) {
      const auto row = design(context);
      normal += static_cast<double>(seen[context].plans) * row * row.transpose();
      right += seen[context].*what * row;
    }
  }
  return normal.ldlt().solve(right);
}

class Fitter {
 public:
  Fitter(const Units& units, std::span<const PlanTimes> plans)
      : units_(units), own_(units.size() + 1), conversion_(units.size() + 1) {
    for (const auto& plan : plans) {
      const auto around = neighbourhood_of(units, plan.states);
      for (std::size_t i = 0; i <= units.size(); ++i) {
        if (i < units.size()) {
          own_[i][around.own[i]].add(plan.unit_us[i], plan.unit_kernels[i]);
        }
        conversion_[i][around.conversion[i]].add(plan.conversion_us[i], plan.conversion_kernels[i]);
      }
    }
  }

  LatencyModel fit() {
    learn_types();
    learn_conversions();
    LatencyModel model;
    for (std::size_t i = 0; i <= units_.size(); ++i) {
      LatencyModel::Row row;
      if (i < units_.size()) {
        row.unit = units_.units[i].name;
        fill_own(i, row);
      }
      fill_conversions(i, row);
      model.rows.push_back(std::move(row));
    }
    return model;
  }

 private:
  /// A unit's time in float32: what its other times are measured by.
  [[nodiscard]] double float_us(std::size_t unit) const {
    double us = 0;
    std::int64_t plans = 0;
    for (std::size_t context = 0; context < kInteger; ++context) {
      us += own_[unit][context].us;
      plans += own_[unit][context].plans;
    }
    return plans > 0 ? us / static_cast<double>(plans) : 0;
  }

  /// Effects of every type of unit, relative to the time in float32.
  void learn_types() {
    std::map<std::string, SeenUnit> by_type;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const auto level = float_us(i);
      if (!units_.units[i].quantizable || level <= 0) {
        continue;
      }
      auto& pooled = by_type[units_.units[i].type];
      for (std::size_t context = 0; context < kUnitContexts; ++context) {
        const auto& seen = own_[i][context];
        pooled[context].us += seen.us / level;
        pooled[context].kernels += seen.kernels;
        pooled[context].plans += seen.plans;
      }
    }
    constexpr double kWeight = 0.1;
    Effects nothing = Effects::Zero();
    nothing[0] = nothing[kEffects] = 1;
    for (const auto& [type, seen] : by_type) {
      types_[type] = {fit_effects(seen, nothing, kWeight, &Seen::us),
                      fit_effects(seen, nothing, kWeight, &Seen::kernels)};
    }
  }

  void fill_own(std::size_t unit, LatencyModel::Row& row) const {
    const auto level = float_us(unit);
    TypeEffects type;
    if (const auto found = types_.find(units_.units[unit].type); found != types_.end()) {
      type = found->second;
    } else {
      type.us[0] = type.us[kEffects] = type.kernels[0] = type.kernels[kEffects] = 1;
    }
    constexpr double kWeight = 0.3;
    const auto us = fit_effects(own_[unit], type.us * level, kWeight, &Seen::us);
    const auto kernels = fit_effects(own_[unit], type.kernels, kWeight, &Seen::kernels);
    for (std::size_t context = 0; context < kUnitContexts; ++context) {
      row.own[context] = blend(own_[unit][context], std::max(design(context).dot(us), 0.0),
                               std::max(design(context).dot(kernels), 0.0));
    }
  }

  /// What was seen, drawn a little towards the estimate: more so the less often it was seen.
  static Cell blend(const Seen& seen, double us, double kernels) {
    constexpr double kWeight = 0.25;
    const auto plans = static_cast<double>(seen.plans);
    return {(seen.us + kWeight * us) / (plans + kWeight),
            (seen.kernels + kWeight * kernels) / (plans + kWeight), seen.plans};
  }

  /// Conversions cost by the byte: the rate of every context over all units that showed it.
  void learn_conversions() {
    for (std::size_t context = 0; context < kConversionContexts; ++context) {
      double us = 0;
      double kernels = 0;
      double bytes = 0;
      double plans = 0;
      for (std::size_t i = 0; i < units_.size(); ++i) {
        const auto& seen = conversion_[i][context];
        us += seen.us;
        kernels += seen.kernels;
        bytes += static_cast<double>(units_.units[i].output_bytes * seen.plans);
        plans += static_cast<double>(seen.plans);
      }
      us_per_byte_[context] = bytes > 0 ? us / bytes : 0;
      kernels_per_value_[context] = plans > 0 ? kernels / plans : 0;
    }
  }

  void fill_conversions(std::size_t unit, LatencyModel::Row& row) const {
    const auto bytes =
        unit < units_.size() ? static_cast<double>(units_.units[unit].output_bytes) : 0;
    for (std::size_t context = 0; context < kConversionContexts; ++context) {
      row.conversion[context] = blend(conversion_[unit][context], us_per_byte_[context] * bytes,
                                      kernels_per_value_[context]);
    }
  }

  struct TypeEffects {
    Effects us = Effects::Zero();
    Effects kernels = Effects::Zero();
  };

  const Units& units_;
  std::vector<SeenUnit> own_;
  std::vector<SeenConversion> conversion_;
  std::map<std::string, TypeEffects> types_;
  std::array<double, kConversionContexts> us_per_byte_{};
  std::array<double, kConversionContexts> kernels_per_value_{};
};

/// Types that work on a feature map in whatever layout it comes.
bool keeps_layout(const std::string& type) {
  constexpr std::array<std::string_view, 16> kTypes = {
      "Add",       "AveragePool", "BatchNormalization",
      "Clip",      "Concat",      "GlobalAveragePool",
      "LeakyRelu", "MaxPool",     "Mul",
      "Relu",      "Resize",      "Sigmoid",
      "SiLU",      "Sum",         "Tanh",
      "Upsample"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

/// Types that the runtime moves Quantize and Dequantize across (its QDQPropagation pass).
bool lets_integers_pass(const std::string& type) {
  constexpr std::array<std::string_view, 6> kTypes = {"MaxPool", "Reshape",   "Slice",
                                                      "Squeeze", "Transpose", "Unsqueeze"};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

/// What will really be computed on integers: operators that only move values follow an integer
/// producer, or their only reader, whatever was asked of them.
States effective(const Units& units, States states) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units.units[i];
    if (lets_integers_pass(unit.type) && !unit.producers.empty() &&
        states[unit.producers.front()]) {
      states[i] = true;
    }
  }
  for (auto i = units.size(); i-- > 0;) {
    const auto& unit = units.units[i];
    if (lets_integers_pass(unit.type) && unit.consumers.size() == 1 && !unit.makes_output &&
        states[unit.consumers.front()]) {
      states[i] = true;
    }
  }
  return states;
}

/// The layout that all inputs of a unit have; plain if they differ.
Layout input_layout(const Unit& unit, const std::vector<Layout>& layouts) {
  if (unit.reads_input || unit.producers.empty()) {
    return Layout::kPlain;
  }
  const auto first = layouts[unit.producers.front()];
  const bool same = std::all_of(unit.producers.begin(), unit.producers.end(),
                                [&](std::size_t producer) { return layouts[producer] == first; });
  return same ? first : Layout::kPlain;
}

Layout result_layout(const Unit& unit, bool integers, Layout inputs) {
  if (unit.type == "Conv") {
    return integers ? Layout::kChannelsLast : Layout::kBlocked;
  }
  const bool kept = keeps_layout(unit.type) && !(integers && inputs == Layout::kBlocked);
  return kept ? inputs : Layout::kPlain;
}

/// Who reads a result, against how it is made.
class ReaderMix {
 public:
  ReaderMix(bool integers, Layout layout) : integers_(integers), layout_(layout) {}

  void add(bool integers, Layout layout) {
    (integers == integers_ ? same_ : other_) = true;
    other_layout_ = other_layout_ || layout != layout_;
  }
  [[nodiscard]] bool has_other() const { return other_; }
  [[nodiscard]] std::uint8_t context() const {
    const std::size_t mix = other_ ? (same_ ? 2 : 1) : 0;
    return static_cast<std::uint8_t>((integers_ ? kIntegerConversion : 0) +
                                     static_cast<std::size_t>(layout_) * 6 + mix * 2 +
                                     (other_layout_ ? 1 : 0));
  }

 private:
  bool integers_;
  Layout layout_;
  bool same_ = false;
  bool other_ = false;
  bool other_layout_ = false;
};

Json cells_json(std::span<const Cell> cells) {
  auto json = Json::array();
  for (const auto& cell : cells) {
    json.push_back({cell.us, cell.kernels, cell.plans});
  }
  return json;
}

Status read_cells(const Json& json, std::span<Cell> cells) {
  if (!json.is_array() || json.size() != cells.size()) {
    return fail(ErrorCode::kDataLoss, "a row of the latency model does not have {} cells",
                cells.size());
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto& item = json[i];
    if (!item.is_array() || item.size() != 3 || !item[0].is_number() || !item[1].is_number() ||
        !whole_number(item[2])) {
      return fail(ErrorCode::kDataLoss, "a cell of the latency model is not [us, kernels, plans]");
    }
    cells[i] = {item[0].get<double>(), item[1].get<double>(), integer_from(item[2])};
  }
  return {};
}

}  // namespace

std::string bits_of(const States& states) {
  std::string bits;
  for (const bool state : states) {
    bits += state ? '1' : '0';
  }
  return bits;
}

States states_from(std::string_view bits) {
  States states;
  for (const char bit : bits) {
    states.push_back(bit == '1');
  }
  return states;
}

Status check_bits(std::string_view bits) {
  if (bits.find_first_not_of("01") != std::string_view::npos) {
    return fail(ErrorCode::kDataLoss, "'{}' are not the states of a plan", bits);
  }
  return {};
}

bool PlanTimes::fits(std::size_t units) const noexcept {
  return states.size() == units && unit_us.size() == units && unit_kernels.size() == units &&
         conversion_us.size() == units + 1 && conversion_kernels.size() == units + 1;
}

double PlanTimes::kernel_us() const {
  return std::accumulate(unit_us.begin(), unit_us.end(), 0.0) +
         std::accumulate(conversion_us.begin(), conversion_us.end(), 0.0);
}

double PlanTimes::kernels() const {
  return std::accumulate(unit_kernels.begin(), unit_kernels.end(), 0.0) +
         std::accumulate(conversion_kernels.begin(), conversion_kernels.end(), 0.0);
}

Neighbourhood neighbourhood_of(const Units& units, const States& asked) {
  Neighbourhood around;
  const auto states = effective(units, asked);
  const auto count = units.size();
  around.layout.resize(count);
  around.own.resize(count);
  std::vector<Layout> inputs(count);
  for (std::size_t i = 0; i < count; ++i) {
    inputs[i] = input_layout(units.units[i], around.layout);
    around.layout[i] = result_layout(units.units[i], states[i], inputs[i]);
  }
  ReaderMix of_inputs(false, Layout::kPlain);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& unit = units.units[i];
    ReaderMix readers(states[i], around.layout[i]);
    for (const auto consumer : unit.consumers) {
      readers.add(states[consumer], around.layout[consumer]);
    }
    if (unit.makes_output) {
      readers.add(false, Layout::kPlain);
    }
    if (unit.reads_input) {
      of_inputs.add(states[i], around.layout[i]);
    }
    around.own[i] = static_cast<std::uint8_t>((states[i] ? kInteger : 0) +
                                              static_cast<std::size_t>(inputs[i]) * 2 +
                                              (readers.has_other() ? 1 : 0));
    around.conversion.push_back(readers.context());
  }
  around.conversion.push_back(of_inputs.context());
  return around;
}

std::vector<double> LatencyModel::shares_us(const Units& units, const States& states) const {
  const auto around = neighbourhood_of(units, states);
  std::vector<double> shares(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& conversion = rows[i].conversion[around.conversion[i]];
    double us = conversion.us;
    double kernels = conversion.kernels;
    if (i < units.size()) {
      us += rows[i].own[around.own[i]].us;
      kernels += rows[i].own[around.own[i]].kernels;
    }
    shares[i] = scale * us + overhead_us_per_kernel * kernels;
  }
  return shares;
}

LatencyModel::Prediction LatencyModel::predict(const Units& units, const States& states) const {
  const auto shares = shares_us(units, states);
  const double us = std::accumulate(shares.begin(), shares.end(), 0.0);
  return {us, us * (1 - interval), us * (1 + interval)};
}

Result<LatencyModel> fit_latency(const Units& units, std::span<const PlanTimes> plans) {
  const auto count_integers = [](const PlanTimes& plan) {
    return std::count(plan.states.begin(), plan.states.end(), true);
  };
  const auto quantizable = std::count_if(units.units.begin(), units.units.end(),
                                         [](const Unit& unit) { return unit.quantizable; });
  const bool has_float = std::any_of(
      plans.begin(), plans.end(), [&](const PlanTimes& plan) { return count_integers(plan) == 0; });
  const bool has_integer = std::any_of(plans.begin(), plans.end(), [&](const PlanTimes& plan) {
    return count_integers(plan) == quantizable;
  });
  if (!has_float || !has_integer) {
    return fail(ErrorCode::kInvalidArgument,
                "a latency model needs the times of the float and of the all-integer model");
  }
  return Fitter(units, plans).fit();
}

void fit_overheads(LatencyModel& model, std::span<const PlanTimes> plans,
                   std::span<const double> whole_us) {
  if (plans.empty()) {
    return;
  }
  // Relative errors count alike for fast and slow plans: every row is divided by its whole time.
  Eigen::MatrixXd left(static_cast<Eigen::Index>(plans.size()), 2);
  const Eigen::VectorXd right = Eigen::VectorXd::Ones(static_cast<Eigen::Index>(plans.size()));
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    left(row, 0) = plans[i].kernel_us() / whole_us[i];
    left(row, 1) = plans[i].kernels() / whole_us[i];
  }
  const Eigen::Vector2d solved = left.colPivHouseholderQr().solve(right);
  model.scale = solved[0];
  model.overhead_us_per_kernel = solved[1];
  // The second is negative where the profiler itself adds more to a kernel than the runtime does
  // between two.
  if (plans.size() < 3 || solved[0] <= 0) {
    // Too alike to tell the two apart: a factor alone.
    model.scale = left.col(0).sum() / left.col(0).squaredNorm();
    model.overhead_us_per_kernel = 0;
  }
}

void fit_interval(LatencyModel& model, const Units& units, std::span<const WholeTime> plans) {
  if (plans.empty()) {
    return;
  }
  std::vector<double> ratios;
  ratios.reserve(plans.size());
  for (const auto& plan : plans) {
    ratios.push_back(plan.us / model.predict(units, plan.states).us);
  }
  std::sort(ratios.begin(), ratios.end());
  const auto centre = quantile(ratios, 0.5);
  model.centre = centre;
  model.scale *= centre;
  model.overhead_us_per_kernel *= centre;
  std::vector<double> deviations;
  deviations.reserve(ratios.size());
  for (const auto ratio : ratios) {
    deviations.push_back(std::abs(ratio / centre - 1));
  }
  std::sort(deviations.begin(), deviations.end());
  // Split conformal: the ceil((n + 1) 0.9)-th smallest deviation (Vovk et al. 2005).
  const auto n = deviations.size();
  const auto rank = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(n + 1)));
  model.interval = deviations[std::min(rank, n) - 1];
}

Json to_json(const LatencyModel& model) {
  auto rows = Json::array();
  for (const auto& row : model.rows) {
    rows.push_back({{"unit", row.unit},
                    {"own", cells_json(row.own)},
                    {"conversion", cells_json(row.conversion)}});
  }
  return {{"scheme", model.scheme},
          {"scale", model.scale},
          {"overhead_us_per_kernel", model.overhead_us_per_kernel},
          {"centre", model.centre},
          {"interval", model.interval},
          {"rows", rows}};
}

Result<LatencyModel> latency_model_from_json(const Json& json) {
  LatencyModel model;
  try {
    model.scheme = json.at("scheme").get<std::string>();
    model.scale = json.at("scale").get<double>();
    model.overhead_us_per_kernel = json.at("overhead_us_per_kernel").get<double>();
    model.centre = json.at("centre").get<double>();
    model.interval = json.at("interval").get<double>();
    for (const auto& item : json.at("rows")) {
      LatencyModel::Row row;
      row.unit = item.at("unit").get<std::string>();
      TESSERA_CHECK(read_cells(item.at("own"), row.own));
      TESSERA_CHECK(read_cells(item.at("conversion"), row.conversion));
      model.rows.push_back(std::move(row));
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the latency model is damaged: {}", problem.what());
  }
  if (model.rows.empty()) {
    return fail(ErrorCode::kDataLoss, "the latency model has no rows");
  }
  return model;
}

States random_states(const Units& units, Random& random) {
  constexpr std::array<double, 5> kRunLengths = {1, 2, 4, 8, 16};
  const double density = 0.1 + 0.8 * random.uniform();
  const double length = kRunLengths[random.below(kRunLengths.size())];
  States states(units.size(), false);
  bool state = random.uniform() < density;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (!units.units[i].quantizable) {
      continue;
    }
    states[i] = state;
    if (random.uniform() * length < 1) {
      state = random.uniform() < density;
    }
  }
  return states;
}

}  // namespace tessera::profile
