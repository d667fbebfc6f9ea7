// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/latency_model.h"

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "profile/forms_json.h"
#include "tessera/core/timing.h"

namespace tessera::profile {
namespace {

using Cell = LatencyModel::Cell;

// A unit's context is state * 6 + layout of its inputs * 2 + consumers; that of its conversions
// state * 18 + layout * 6 + readers * 2 + their layout.

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
using SeenAll = std::vector<Seen>;  ///< by context

/// How a unit's time follows from its neighbourhood where a cell was not seen: a level for each
/// state, and what blocked or channels-last inputs and other consumers add to it.
using Effects = Eigen::VectorXd;
constexpr Eigen::Index kEffects = 4;

Effects design(std::size_t context, Eigen::Index effects) {
  const auto state = static_cast<Eigen::Index>(context / kUnitContexts);
  const auto layout = static_cast<Layout>(context % kUnitContexts / 2);
  Effects row = Effects::Zero(effects);
  row.segment<kEffects>(kEffects * state) << 1, layout == Layout::kBlocked ? 1.0 : 0.0,
      layout == Layout::kChannelsLast ? 1.0 : 0.0, context % 2 == 1 ? 1.0 : 0.0;
  return row;
}

/// Least squares on what was seen, drawn towards `prior` by `weight` observations.
Effects fit_effects(const SeenAll& seen, const Effects& prior, double weight, double Seen::*what) {
  Eigen::MatrixXd normal = Eigen::MatrixXd::Identity(prior.size(), prior.size()) * weight;
  Effects right = prior * weight;
  for (std::size_t context = 0; context < seen.size(); ++context) {
    if (seen[context].plans > 0) {
      const auto row = design(context, prior.size());
      normal += static_cast<double>(seen[context].plans) * row * row.transpose();
      right += seen[context].*what * row;
    }
  }
  return normal.ldlt().solve(right);
}

class Fitter {
 public:
  Fitter(const Units& units, std::span<const PlanTimes> plans, const Forms& forms)
      : units_(units),
        forms_(forms),
        own_(units.size() + 1, SeenAll(forms.size() * kUnitContexts)),
        conversion_(units.size() + 1, SeenAll(forms.size() * kConversionContexts)) {
    for (const auto& plan : plans) {
      const auto around = neighbourhood_of(units, plan.states, forms);
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
    model.forms = forms_;
    for (std::size_t i = 0; i <= units_.size(); ++i) {
      LatencyModel::Row row{.unit = {},
                            .own = std::vector<Cell>(own_[i].size()),
                            .conversion = std::vector<Cell>(conversion_[i].size())};
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
    for (std::size_t context = 0; context < kUnitContexts; ++context) {
      us += own_[unit][context].us;
      plans += own_[unit][context].plans;
    }
    return plans > 0 ? us / static_cast<double>(plans) : 0;
  }

  /// Effects of every type of unit, relative to the time in float32.
  void learn_types() {
    std::map<std::string, SeenAll> by_type;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const auto level = float_us(i);
      if (!units_.units[i].quantizable() || level <= 0) {
        continue;
      }
      auto& pooled = by_type[units_.units[i].type];
      pooled.resize(own_[i].size());
      for (std::size_t context = 0; context < own_[i].size(); ++context) {
        const auto& seen = own_[i][context];
        pooled[context].us += seen.us / level;
        pooled[context].kernels += seen.kernels;
        pooled[context].plans += seen.plans;
      }
    }
    constexpr double kWeight = 0.1;
    const auto nothing = nothing_known();
    for (const auto& [type, seen] : by_type) {
      types_[type] = {fit_effects(seen, nothing, kWeight, &Seen::us),
                      fit_effects(seen, nothing, kWeight, &Seen::kernels)};
    }
  }

  /// As long as in float32, one kernel, wherever it stands.
  [[nodiscard]] Effects nothing_known() const {
    Effects effects = Effects::Zero(kEffects * static_cast<Eigen::Index>(forms_.size()));
    for (Eigen::Index level = 0; level < effects.size(); level += kEffects) {
      effects[level] = 1;
    }
    return effects;
  }

  void fill_own(std::size_t unit, LatencyModel::Row& row) const {
    const auto level = float_us(unit);
    TypeEffects type{nothing_known(), nothing_known()};
    if (const auto found = types_.find(units_.units[unit].type); found != types_.end()) {
      type = found->second;
    }
    constexpr double kWeight = 0.3;
    const auto us = fit_effects(own_[unit], type.us * level, kWeight, &Seen::us);
    const auto kernels = fit_effects(own_[unit], type.kernels, kWeight, &Seen::kernels);
    for (std::size_t context = 0; context < row.own.size(); ++context) {
      const auto effects = design(context, us.size());
      row.own[context] = blend(own_[unit][context], std::max(effects.dot(us), 0.0),
                               std::max(effects.dot(kernels), 0.0));
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
    const auto contexts = forms_.size() * kConversionContexts;
    us_per_byte_.resize(contexts);
    kernels_per_value_.resize(contexts);
    for (std::size_t context = 0; context < contexts; ++context) {
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
    for (std::size_t context = 0; context < row.conversion.size(); ++context) {
      row.conversion[context] = blend(conversion_[unit][context], us_per_byte_[context] * bytes,
                                      kernels_per_value_[context]);
    }
  }

  struct TypeEffects {
    Effects us;
    Effects kernels;
  };

  const Units& units_;
  const Forms& forms_;
  std::vector<SeenAll> own_;
  std::vector<SeenAll> conversion_;
  std::map<std::string, TypeEffects> types_;
  std::vector<double> us_per_byte_;        ///< by context
  std::vector<double> kernels_per_value_;  ///< by context
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

std::vector<Trait> traits_of(const Units& units) {
  std::vector<Trait> traits;
  for (const auto& unit : units.units) {
    traits.push_back(trait_of(unit));
  }
  return traits;
}

/// What will really be computed on integers: operators that only move values follow an integer
/// producer, or their only reader, whatever was asked of them.
void make_effective(const Units& units, std::span<const Trait> traits, const Forms& forms,
                    States& states) {
  const auto passes_on = [&](std::size_t unit) {
    return states[unit] != 0 && is_integer(forms[states[unit]].values);
  };
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& unit = units.units[i];
    if (traits[i].lets_integers_pass && !unit.producers.empty() &&
        passes_on(unit.producers.front())) {
      states[i] = states[unit.producers.front()];
    }
  }
  for (auto i = units.size(); i-- > 0;) {
    const auto& unit = units.units[i];
    if (traits[i].lets_integers_pass && unit.consumers.size() == 1 && !unit.makes_output &&
        passes_on(unit.consumers.front())) {
      states[i] = states[unit.consumers.front()];
    }
  }
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

Json cells_json(std::span<const Cell> cells) {
  auto json = Json::array();
  for (const auto& cell : cells) {
    json.push_back({cell.us, cell.kernels, cell.plans});
  }
  return json;
}

Result<std::vector<Cell>> cells_from(const Json& json, std::size_t count) {
  if (!json.is_array() || json.size() != count) {
    return fail(ErrorCode::kDataLoss, "a row of the latency model does not have {} cells", count);
  }
  std::vector<Cell> cells;
  for (const auto& item : json) {
    if (!item.is_array() || item.size() != 3 || !item[0].is_number() || !item[1].is_number() ||
        !whole_number(item[2])) {
      return fail(ErrorCode::kDataLoss, "a cell of the latency model is not [us, kernels, plans]");
    }
    cells.push_back({item[0].get<double>(), item[1].get<double>(), integer_from(item[2])});
  }
  return cells;
}

}  // namespace

Trait trait_of(const Unit& unit) {
  return {lets_integers_pass(unit.type), keeps_layout(unit.type), unit.type == "Conv"};
}

Layout result_layout(const Trait& trait, const Form& form, Layout inputs) {
  if (trait.convolution) {
    return form.convolution;
  }
  const bool floats = form.values == DType::kFloat32;
  const bool kept = trait.keeps_layout && (floats || inputs != Layout::kBlocked);
  return kept ? inputs : Layout::kPlain;
}

std::uint8_t own_context(std::size_t state, Layout inputs, bool has_other_readers) {
  return static_cast<std::uint8_t>(state * kUnitContexts + static_cast<std::size_t>(inputs) * 2 +
                                   (has_other_readers ? 1 : 0));
}

std::uint8_t Readers::context() const {
  const std::size_t mix = other_ ? (same_ ? 2 : 1) : 0;
  return static_cast<std::uint8_t>(state_ * kConversionContexts +
                                   static_cast<std::size_t>(layout_) * 6 + mix * 2 +
                                   (other_layout_ ? 1 : 0));
}

std::string digits_of(const States& states) {
  std::string digits;
  for (const auto state : states) {
    digits += static_cast<char>('0' + state);
  }
  return digits;
}

Result<States> states_from(std::string_view digits) {
  if (digits.find_first_not_of("0123456789") != std::string_view::npos) {
    return fail(ErrorCode::kDataLoss, "'{}' are not the states of a plan", digits);
  }
  States states;
  for (const char digit : digits) {
    states.push_back(static_cast<std::uint8_t>(digit - '0'));
  }
  return states;
}

Form form_of(const quantize::Scheme& scheme) {
  switch (scheme.mode) {
    case quantize::Mode::kStatic:
      // As Q/DQ around the inputs alone, results stay float.
      return scheme.format == quantize::Format::kQdqInputs
                 ? Form{}
                 : Form{scheme.activation, Layout::kChannelsLast};
    case quantize::Mode::kFloat16:
      return {DType::kFloat16, Layout::kPlain};
    case quantize::Mode::kFloat32:
    case quantize::Mode::kWeightOnly:
      return {DType::kFloat32, Layout::kBlocked};
    case quantize::Mode::kDynamic:
      return {DType::kFloat32, Layout::kPlain};
  }
  return {};
}

const Forms& float_and_integers() {
  static const Forms forms = {{DType::kFloat32, Layout::kBlocked},
                              {DType::kUInt8, Layout::kChannelsLast}};
  return forms;
}

bool PlanTimes::fits(std::size_t units) const noexcept {
  const auto inside = [units](const SharedKernel& kernel) {
    return kernel.units.size() == kernel.us.size() && !kernel.units.empty() &&
           std::all_of(kernel.units.begin(), kernel.units.end(),
                       [units](auto unit) { return unit < units; });
  };
  return states.size() == units && unit_us.size() == units && unit_kernels.size() == units &&
         conversion_us.size() == units + 1 && conversion_kernels.size() == units + 1 &&
         std::all_of(shared.begin(), shared.end(), inside);
}

void PlanTimes::share_by(std::span<const double> weights) {
  for (auto& kernel : shared) {
    double sum = 0;
    for (const auto unit : kernel.units) {
      sum += weights[unit];
    }
    const double total = std::accumulate(kernel.us.begin(), kernel.us.end(), 0.0);
    for (std::size_t i = 0; i < kernel.units.size(); ++i) {
      const auto unit = kernel.units[i];
      const double share =
          sum > 0 ? weights[unit] / sum : 1 / static_cast<double>(kernel.units.size());
      unit_us[unit] = std::max(unit_us[unit] + share * total - kernel.us[i], 0.0);
      kernel.us[i] = share * total;
    }
  }
}

void PlanTimes::scale_by(double factor) {
  const auto scale = [factor](std::vector<double>& values) {
    for (auto& value : values) {
      value *= factor;
    }
  };
  scale(unit_us);
  scale(conversion_us);
  for (auto& kernel : shared) {
    scale(kernel.us);
  }
}

double PlanTimes::kernel_us() const {
  return std::accumulate(unit_us.begin(), unit_us.end(), 0.0) +
         std::accumulate(conversion_us.begin(), conversion_us.end(), 0.0);
}

double PlanTimes::kernels() const {
  return std::accumulate(unit_kernels.begin(), unit_kernels.end(), 0.0) +
         std::accumulate(conversion_kernels.begin(), conversion_kernels.end(), 0.0);
}

Neighbourhood neighbourhood_of(const Units& units, const States& asked, const Forms& forms) {
  return Predictor(units, forms).look_around(asked);
}

Predictor::Predictor(const Units& units, const Forms& forms)
    : units_(units), forms_(forms), traits_(traits_of(units)) {}

const Neighbourhood& Predictor::look_around(const States& asked) {
  const auto count = units_.size();
  states_ = asked;
  make_effective(units_, traits_, forms_, states_);
  around_.layout.resize(count);
  around_.own.resize(count);
  around_.conversion.resize(count + 1);
  inputs_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    inputs_[i] = input_layout(units_.units[i], around_.layout);
    around_.layout[i] = result_layout(traits_[i], forms_[states_[i]], inputs_[i]);
  }
  const auto values = [&](std::size_t unit) { return forms_[states_[unit]].values; };
  Readers of_inputs(0, DType::kFloat32, Layout::kPlain);
  for (std::size_t i = 0; i < count; ++i) {
    const auto& unit = units_.units[i];
    Readers readers(states_[i], values(i), around_.layout[i]);
    for (const auto consumer : unit.consumers) {
      readers.add(values(consumer), around_.layout[consumer]);
    }
    if (unit.makes_output) {
      readers.add(DType::kFloat32, Layout::kPlain);
    }
    if (unit.reads_input) {
      of_inputs.add(values(i), around_.layout[i]);
    }
    around_.own[i] = own_context(states_[i], inputs_[i], readers.has_other());
    around_.conversion[i] = readers.context();
  }
  around_.conversion[count] = of_inputs.context();
  return around_;
}

double Predictor::us(const LatencyModel& model, const States& states) {
  const auto& around = look_around(states);
  double us = 0;
  for (std::size_t i = 0; i < model.rows.size(); ++i) {
    us += model.share_us(i, around);
  }
  return us;
}

double LatencyModel::share_us(std::size_t row, const Neighbourhood& around) const {
  const auto& conversion = rows[row].conversion[around.conversion[row]];
  double us = conversion.us;
  double kernels = conversion.kernels;
  if (row < around.own.size()) {
    us += rows[row].own[around.own[row]].us;
    kernels += rows[row].own[around.own[row]].kernels;
  }
  return scale * us + overhead_us_per_kernel * kernels;
}

std::vector<double> LatencyModel::own_us(const Units& units, const States& states) const {
  const auto around = neighbourhood_of(units, states, forms);
  std::vector<double> us;
  for (std::size_t i = 0; i < units.size(); ++i) {
    us.push_back(rows[i].own[around.own[i]].us);
  }
  return us;
}

LatencyModel::Prediction LatencyModel::predict(const Units& units, const States& states) const {
  const double us = Predictor(units, forms).us(*this, states);
  return {us, us * (1 - interval), us * (1 + interval)};
}

Result<LatencyModel> fit_latency(const Units& units, std::span<const PlanTimes> plans,
                                 const Forms& forms) {
  const auto all_integers = integers_in(uniform_states(units, 1));
  const bool has_float = std::any_of(plans.begin(), plans.end(), [](const PlanTimes& plan) {
    return integers_in(plan.states) == 0;
  });
  const bool has_integer = std::any_of(plans.begin(), plans.end(), [&](const PlanTimes& plan) {
    return integers_in(plan.states) >= all_integers;
  });
  if (!has_float || !has_integer) {
    return fail(ErrorCode::kInvalidArgument,
                "a latency model needs the times of the float and of the all-integer model");
  }
  auto model = Fitter(units, plans, forms).fit();
  if (std::all_of(plans.begin(), plans.end(),
                  [](const PlanTimes& plan) { return plan.shared.empty(); })) {
    return model;
  }
  constexpr int kTurns = 20;
  std::vector<PlanTimes> divided(plans.begin(), plans.end());
  for (int turn = 0; turn < kTurns; ++turn) {
    for (auto& plan : divided) {
      plan.share_by(model.own_us(units, plan.states));
    }
    model = Fitter(units, divided, forms).fit();
  }
  return model;
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
  return {{"scheme", model.schemes.front()},
          {"schemes", forms_json(model.schemes, model.forms)},
          {"scale", model.scale},
          {"overhead_us_per_kernel", model.overhead_us_per_kernel},
          {"centre", model.centre},
          {"interval", model.interval},
          {"rows", rows}};
}

Result<LatencyModel> latency_model_from_json(const Json& json) {
  LatencyModel model;
  try {
    model.schemes = {json.at("scheme").get<std::string>()};
    // Documents of a time when there was one scheme have none.
    if (const auto schemes = json.find("schemes"); schemes != json.end()) {
      TESSERA_CHECK(read_forms(*schemes, model.schemes, model.forms));
    }
    model.scale = json.at("scale").get<double>();
    model.overhead_us_per_kernel = json.at("overhead_us_per_kernel").get<double>();
    model.centre = json.at("centre").get<double>();
    model.interval = json.at("interval").get<double>();
    for (const auto& item : json.at("rows")) {
      LatencyModel::Row row;
      row.unit = item.at("unit").get<std::string>();
      const auto states = model.forms.size();
      TESSERA_TRY(row.own, cells_from(item.at("own"), states * kUnitContexts));
      TESSERA_TRY(row.conversion, cells_from(item.at("conversion"), states * kConversionContexts));
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
  const auto schemes = units.size() == 0 ? 0 : units.units.front().takes.size();
  const auto draw = [&]() -> std::size_t {
    if (random.uniform() >= density) {
      return 0;
    }
    return schemes > 1 ? 1 + random.below(schemes) : 1;
  };
  States states(units.size(), 0);
  auto state = draw();
  for (std::size_t i = 0; i < units.size(); ++i) {
    const auto& takes = units.units[i].takes;
    if (!units.units[i].quantizable()) {
      continue;
    }
    if (state > 0) {
      const auto first =
          static_cast<std::size_t>(std::find(takes.begin(), takes.end(), true) - takes.begin());
      states[i] = static_cast<std::uint8_t>(takes[state - 1] ? state : 1 + first);
    }
    if (random.uniform() * length < 1) {
      state = draw();
    }
  }
  return states;
}

}  // namespace tessera::profile
