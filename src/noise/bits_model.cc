// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "noise/bits_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/evaluate/lab.h"
#include "tessera/keras/quantizer.h"
#include "tessera/onnx/model.h"

namespace tessera::noise {
namespace {

/// Powers of two that a grid may end at: the one beyond the largest value, and two below, which cut
/// values off and have finer steps instead.
constexpr int kEnds = 3;
/// QKeras 0.9.0 does not end with fewer bits left of the point: TensorFlow has no 2^-1 of integers.
constexpr int kLeastInteger = 0;

/// What is done to activations as they pass, and learnt of them.
class Rounding final : public runtime::TensorTap {
 public:
  enum class Task : std::uint8_t { kNothing, kRange, kErrors, kRound };

  struct Site {
    float low = std::numeric_limits<float>::infinity();
    float high = -std::numeric_limits<float>::infinity();
    std::vector<std::array<Grid, kEnds>> tried;    ///< by width
    std::vector<std::array<double, kEnds>> error;  ///< squares, by width
    std::optional<Grid> grid;
  };

  void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> /*shape*/,
             std::span<std::byte> data) noexcept override {
    if (dtype != DType::kFloat32) {
      return;
    }
    auto& site = sites[static_cast<std::size_t>(tag)];
    const std::span values(reinterpret_cast<float*>(data.data()), data.size() / sizeof(float));
    switch (task) {
      case Task::kNothing:
        return;
      case Task::kRange:
        for (const float value : values) {
          if (std::isfinite(value)) {
            site.low = std::min(site.low, value);
            site.high = std::max(site.high, value);
          }
        }
        return;
      case Task::kErrors:
        add_errors(site, values);
        return;
      case Task::kRound:
        if (site.grid) {
          const Grid grid = *site.grid;
          for (float& value : values) {
            value = rounded(value, grid);
          }
        }
        return;
    }
  }

  Task task = Task::kNothing;
  std::vector<Site> sites;

 private:
  static void add_errors(Site& site, std::span<const float> values) noexcept {
    for (std::size_t width = 0; width < site.tried.size(); ++width) {
      for (std::size_t end = 0; end < kEnds; ++end) {
        const Grid grid = site.tried[width][end];
        double error = 0;
        for (const float value : values) {
          const double off = static_cast<double>(value) - static_cast<double>(rounded(value, grid));
          error += off * off;
        }
        site.error[width][end] += std::isfinite(error) ? error : 0;
      }
    }
  }
};

/// Weights with the axis of the scales last, and the other way.
std::vector<float> moved(std::span<const float> values, const WeightSite& site, bool back) {
  std::vector<float> result(values.size());
  for (std::size_t i = 0; i < site.before; ++i) {
    for (std::size_t c = 0; c < site.channels; ++c) {
      for (std::size_t j = 0; j < site.behind; ++j) {
        const auto here = (i * site.channels + c) * site.behind + j;
        const auto there = (i * site.behind + j) * site.channels + c;
        result[back ? here : there] = values[back ? there : here];
      }
    }
  }
  return result;
}

std::string weight_quantizer(int bits, const std::string& alpha, bool depthwise) {
  // QKeras takes one scale for all channels of a depthwise kernel unless it is told the axis.
  return fmt::format("quantized_bits({},0,1,alpha='{}'{})", bits, alpha,
                     depthwise ? ",scale_axis=2" : "");
}

std::string activation_quantizer(int bits, const Grid& grid, const Knob& knob,
                                 const ActivationSite& site) {
  if (knob.is_signed) {
    return fmt::format("quantized_bits({},{},0,alpha=1.0)", bits, grid.integer);
  }
  if (site.at_most && std::ldexp(1.0F, grid.integer) > *site.at_most) {
    return fmt::format("quantized_relu({},{},relu_upper_bound={},is_quantized_clip=False)", bits,
                       grid.integer, *site.at_most);
  }
  return fmt::format("quantized_relu({},{})", bits, grid.integer);
}

/// What is quantized already starts as it is.
Knob knob_of(std::string name, std::vector<int> widths, std::optional<int> given) {
  std::ranges::sort(widths, std::greater{});
  const auto again = std::ranges::unique(widths);
  widths.erase(again.begin(), again.end());
  Knob knob{.name = std::move(name)};
  if (given) {
    std::erase_if(widths, [&](int bits) { return bits >= *given; });
    widths.insert(widths.begin(), *given);
    knob.first_is_given = true;
  }
  knob.widths = std::move(widths);
  return knob;
}

}  // namespace

Grid grid_of(int bits, int integer, bool is_signed) {
  const int magnitude = bits - (is_signed ? 1 : 0);
  const float count = std::ldexp(1.0F, magnitude);
  return {.step = std::ldexp(1.0F, integer - magnitude),
          .low = is_signed ? -count : 0.0F,
          .high = count - 1,
          .integer = integer};
}

float rounded(float value, const Grid& grid) noexcept {
  // Adding this number leaves no bits behind the point of anything below 2^22.
  constexpr float kWhole = 12582912.0F;
  const float cut = std::min(std::max(value / grid.step, grid.low), grid.high);
  return (cut + kWhole - kWhole) * grid.step;
}

struct BitsModel::State {
  Sites sites;
  std::vector<Knob> knobs;
  std::string alpha;
  std::unique_ptr<Rounding> tap = std::make_unique<Rounding>();
  std::optional<runtime::Session> session;
  std::vector<runtime::ValueInfo> inputs;  ///< that samples feed
  std::vector<data::Sample> samples;
  std::vector<std::vector<std::vector<float>>> reference;  ///< by sample and output
  std::map<std::pair<std::size_t, int>, Tensor> weights;   ///< by knob and place of its width
  std::int64_t runs = 0;

  /// A clone whose weights are inputs.
  Result<network::Network> prepared(const network::Network& given) const;
  Status open(const BitsSetup& setup);
  Status choose_grids(const data::SampleSet& samples, Monitor& monitor);
  Result<TensorView> weights_at(std::size_t knob, int place);
  Result<runtime::Outputs> run(const data::Sample& sample, const Widths& widths);
  Status keep_reference(const data::SampleSet& set, Monitor& monitor);
  Result<std::vector<std::vector<float>>> answers(const runtime::Outputs& outputs) const;
};

Result<network::Network> BitsModel::State::prepared(const network::Network& given) const {
  auto model = given.clone();
  TESSERA_CHECK(network::expose_judged_values(model).map([](bool) {}));
  auto& onnx = *model.onnx();
  for (const auto& site : sites.weights) {
    const ValueType type{DType::kFloat32, [&] {
                           std::vector<Dim> dims;
                           for (const auto extent : site.values.shape()) {
                             dims.push_back(Dim{extent, {}});
                           }
                           return dims;
                         }()};
    if (const auto producer = onnx.producer(site.tensor)) {
      onnx.remove_node(*producer);
    } else {
      onnx.remove_initializer(site.tensor);
    }
    if (onnx.is_input(site.tensor)) {
      onnx.remove_input(site.tensor);
    }
    onnx.add_input(site.tensor, type);
  }
  onnx.remove_unused_initializers();
  return model;
}

Status BitsModel::State::open(const BitsSetup& setup) {
  TESSERA_TRY(const auto model, prepared(*setup.model));
  std::vector<std::string> taps;
  for (const auto& site : sites.activations) {
    taps.push_back(site.tensor);
  }
  tap->sites.resize(taps.size());
  auto options = setup.session;
  options.tap = tap.get();
  // What the file quantizes is computed as the floats that it stands for.
  options.config.insert_or_assign("session.disable_quant_qdq", "1");
  TESSERA_TRY(session, model.open(setup.library, options, taps));
  for (const auto& input : session->inputs()) {
    if (std::ranges::find(sites.weights, input.name, &WeightSite::tensor) == sites.weights.end()) {
      inputs.push_back(input);
    }
  }
  return {};
}

Result<TensorView> BitsModel::State::weights_at(std::size_t knob, int place) {
  const auto& site = sites.weights[knobs[knob].site];
  if (knobs[knob].is_given(place)) {
    return site.values.view();
  }
  const auto found = weights.find({knob, place});
  if (found != weights.end()) {
    return found->second.view();
  }
  const int bits = knobs[knob].widths[static_cast<std::size_t>(place)];
  TESSERA_TRY(const auto quantizer,
              keras::parse_quantizer(Json(weight_quantizer(bits, alpha, false)), site.name));
  const auto rows = static_cast<std::int64_t>(site.before * site.behind);
  const auto last = Tensor::of(moved(site.values.as<float>(), site, false),
                               {rows, static_cast<std::int64_t>(site.channels)});
  TESSERA_TRY(const auto made,
              keras::quantize_weight(*quantizer, last.view(), keras::WeightUse::kKernel));
  auto values = Tensor::of(moved(made.values.as<float>(), site, true), site.values.shape());
  return weights.emplace(std::pair{knob, place}, std::move(values)).first->second.view();
}

Result<runtime::Outputs> BitsModel::State::run(const data::Sample& sample, const Widths& widths) {
  std::vector<Tensor> casts;
  TESSERA_TRY(auto feeds, evaluate::feeds_of(sample, inputs, casts));
  for (std::size_t i = 0; i < sites.weights.size(); ++i) {
    TESSERA_TRY(const auto values, weights_at(i, widths[i]));
    feeds.push_back({sites.weights[i].tensor, values});
  }
  for (std::size_t i = sites.weights.size(); i < knobs.size(); ++i) {
    auto& grid = tap->sites[knobs[i].site].grid;
    grid = knobs[i].is_given(widths[i])
               ? std::nullopt
               : std::optional<Grid>(knobs[i].grids[static_cast<std::size_t>(widths[i])]);
  }
  return session->run(feeds);
}

Status BitsModel::State::choose_grids(const data::SampleSet& set, Monitor& monitor) {
  const Widths as_it_is(knobs.size(), -1);
  for (const auto task : {Rounding::Task::kRange, Rounding::Task::kErrors}) {
    tap->task = task;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      TESSERA_CHECK(monitor.check());
      monitor.progress("finding grids", i, set.size());
      TESSERA_TRY(const auto sample, set.load(i));
      TESSERA_CHECK(run(sample, as_it_is).map([](const auto&) {}));
    }
    if (task == Rounding::Task::kErrors) {
      break;
    }
    for (auto& knob : knobs) {
      if (knob.is_weight) {
        continue;
      }
      auto& site = tap->sites[knob.site];
      const float largest = std::max({std::abs(site.low), std::abs(site.high), 1e-30F});
      const int end = std::isfinite(largest) ? static_cast<int>(std::ceil(std::log2(largest))) : 0;
      const auto& made = sites.activations[knob.site];
      // A grid of the file has no sign where nothing below zero came out of it.
      knob.is_signed = site.low < 0 || !(made.relu || made.given);
      for (const int bits : knob.widths) {
        auto& tried = site.tried.emplace_back();
        for (int less = 0; less < kEnds; ++less) {
          tried[static_cast<std::size_t>(less)] =
              grid_of(bits, std::clamp(end - less, kLeastInteger, 60), knob.is_signed);
        }
        site.error.emplace_back();
      }
    }
  }
  for (auto& knob : knobs) {
    for (std::size_t width = 0; !knob.is_weight && width < knob.widths.size(); ++width) {
      const auto& site = tap->sites[knob.site];
      const auto best = std::ranges::min_element(site.error[width]) - site.error[width].begin();
      knob.grids.push_back(site.tried[width][static_cast<std::size_t>(best)]);
    }
  }
  tap->task = Rounding::Task::kRound;
  return {};
}

Result<std::vector<std::vector<float>>> BitsModel::State::answers(
    const runtime::Outputs& outputs) const {
  std::vector<std::vector<float>> result;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& info = session->outputs()[i];
    if (!info.is_real()) {
      continue;
    }
    TESSERA_TRY(const auto real, runtime::as_real(outputs[i], info));
    TESSERA_TRY(auto values, to_float32(real.view()));
    result.push_back(std::move(values));
  }
  return result;
}

Status BitsModel::State::keep_reference(const data::SampleSet& set, Monitor& monitor) {
  const Widths as_it_is(knobs.size(), -1);
  for (std::int64_t i = 0; i < set.size(); ++i) {
    TESSERA_CHECK(monitor.check());
    monitor.progress("running the model", i, set.size());
    TESSERA_TRY(auto sample, set.load(i));
    TESSERA_TRY(const auto outputs, run(sample, as_it_is));
    TESSERA_TRY(auto values, answers(outputs));
    samples.push_back(std::move(sample));
    reference.push_back(std::move(values));
  }
  return {};
}

BitsModel::BitsModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
BitsModel::BitsModel(BitsModel&&) noexcept = default;
BitsModel& BitsModel::operator=(BitsModel&&) noexcept = default;
BitsModel::~BitsModel() = default;

Result<BitsModel> BitsModel::open(const BitsSetup& setup, const BitsOptions& options,
                                  Monitor& monitor) {
  if (setup.model->onnx() == nullptr) {
    return fail(ErrorCode::kUnimplemented, "bits are searched for ONNX and Keras models alone")
        .hint("tessera error tail and tessera optimize choose types of .tflite models");
  }
  auto state = std::make_unique<State>();
  state->alpha = options.alpha;
  TESSERA_TRY(const auto graph, setup.model->view());
  TESSERA_TRY(state->sites, find_sites(*setup.model, graph));
  const auto& sites = state->sites;
  for (std::size_t i = 0; i < sites.weights.size(); ++i) {
    auto knob = knob_of(sites.weights[i].name, options.weight_bits, sites.weights[i].given);
    knob.is_weight = true;
    knob.site = i;
    state->knobs.push_back(std::move(knob));
  }
  for (std::size_t i = 0; i < sites.activations.size(); ++i) {
    auto knob =
        knob_of(sites.activations[i].tensor, options.activation_bits, sites.activations[i].given);
    knob.site = i;
    state->knobs.push_back(std::move(knob));
  }
  TESSERA_CHECK(state->open(setup));
  TESSERA_CHECK(state->choose_grids(*setup.calibration, monitor));
  for (auto& knob : state->knobs) {
    for (std::size_t i = 0; i < knob.widths.size(); ++i) {
      const int bits = knob.widths[i];
      knob.quantizers.push_back(
          knob.is_given(static_cast<int>(i)) ? std::string()
          : knob.is_weight
              ? weight_quantizer(bits, options.alpha, sites.weights[knob.site].depthwise)
              : activation_quantizer(bits, knob.grids[i], knob, sites.activations[knob.site]));
    }
  }
  TESSERA_CHECK(state->keep_reference(*setup.samples, monitor));
  return BitsModel(std::move(state));
}

const std::vector<Knob>& BitsModel::knobs() const noexcept {
  return state_->knobs;
}
const Sites& BitsModel::sites() const noexcept {
  return state_->sites;
}

int BitsModel::bits_at(const Widths& widths, std::size_t knob) const {
  return knobs()[knob].widths[static_cast<std::size_t>(widths[knob])];
}
int BitsModel::input_bits(const Widths& widths, std::size_t weights) const {
  int bits = 0;
  for (const auto input : sites().weights[weights].inputs) {
    bits = std::max(bits, bits_at(widths, sites().weights.size() + input));
  }
  return bits == 0 ? kInputBits : bits;
}

Result<BitsError> BitsModel::measure(const Widths& widths, Monitor& monitor) {
  ErrorAccumulator all;
  for (std::size_t i = 0; i < state_->samples.size(); ++i) {
    TESSERA_CHECK(monitor.check());
    TESSERA_TRY(const auto outputs, state_->run(state_->samples[i], widths));
    TESSERA_TRY(const auto values, state_->answers(outputs));
    for (std::size_t output = 0; output < values.size(); ++output) {
      if (values[output].size() != state_->reference[i][output].size()) {
        return fail(ErrorCode::kUnimplemented, "an output changes its shape with the values")
            .hint("search a part of the model whose outputs keep their shapes");
      }
      all.add(state_->reference[i][output], values[output]);
    }
  }
  return BitsError{all.metrics(), all.sums()};
}

}  // namespace tessera::noise
