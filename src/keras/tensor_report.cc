// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/tensor_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "keras/layer_config.h"
#include "keras/read.h"
#include "keras/weight_reports.h"
#include "tessera/keras/quantizer_onnx.h"

namespace tessera::keras {
namespace {

/// Bits of a grid of the same kind that just holds the codes.
int needed_bits(const Codes& codes, std::int64_t low, std::int64_t high) {
  const bool symmetric = codes.low == -codes.high;
  for (int bits = codes.low < 0 ? 2 : 1; bits < codes.bits; ++bits) {
    const std::int64_t most = (std::int64_t{1} << (codes.low < 0 ? bits - 1 : bits)) - 1;
    const std::int64_t least = codes.low < 0 ? (symmetric ? -most : -most - 1) : 0;
    if (low >= least && high <= most) {
      return bits;
    }
  }
  return codes.bits;
}

std::size_t inner_of(const Shape& shape, const std::optional<std::int64_t>& axis) {
  std::size_t inner = 1;
  for (auto i = axis ? static_cast<std::size_t>(*axis) + 1 : shape.size(); i < shape.size(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  return inner;
}

Result<GridUse> use_of(const Codes& codes, const Shape& shape, const std::vector<float>& before) {
  GridUse use{.scales = codes.scales, .low = codes.low, .high = codes.high};
  TESSERA_TRY(const auto integers, to_float32(codes.integers.view()));
  const auto inner = std::max<std::size_t>(inner_of(shape, codes.axis), 1);
  std::int64_t clipped = 0;
  for (std::size_t i = 0; i < integers.size(); ++i) {
    const auto code = static_cast<std::int64_t>(integers[i]);
    use.used_low = i == 0 ? code : std::min(use.used_low, code);
    use.used_high = i == 0 ? code : std::max(use.used_high, code);
    const float scale = codes.scales[i / inner % codes.scales.size()];
    const float beyond = std::fabs(before[i]) - std::fabs(integers[i] * scale);
    const bool at_end = code == codes.low || code == codes.high;
    clipped += at_end && beyond > scale / 2 ? 1 : 0;
  }
  use.needed_bits = needed_bits(codes, use.used_low, use.used_high);
  use.clipped =
      integers.empty() ? 0 : static_cast<double>(clipped) / static_cast<double>(integers.size());
  return use;
}

struct Part {
  const char* what;
  const char* quantizer;
  WeightUse use;
};

constexpr std::array kParts = {
    Part{"kernel", "kernel_quantizer", WeightUse::kKernel},
    Part{"depthwise_kernel", "depthwise_quantizer", WeightUse::kDepthwiseKernel},
    Part{"pointwise_kernel", "pointwise_quantizer", WeightUse::kKernel},
    Part{"recurrent_kernel", "recurrent_quantizer", WeightUse::kKernel},
    Part{"bias", "bias_quantizer", WeightUse::kBias},
    Part{"gamma", "gamma_quantizer", WeightUse::kGamma},
    Part{"beta", "beta_quantizer", WeightUse::kBeta},
    Part{"moving_mean", "mean_quantizer", WeightUse::kMean},
    Part{"moving_variance", "variance_quantizer", WeightUse::kVariance},
};

const Weight* weight_of(const Layer& layer, std::string_view name) {
  const auto found = std::ranges::find(layer.weights, name, &Weight::name);
  return found == layer.weights.end() ? nullptr : &*found;
}

bool folded(const Layer& layer) {
  return layer.class_name.ends_with("Batchnorm");
}

Result<std::vector<float>> numbers_or(const Layer& layer, const char* name, std::size_t count,
                                      float otherwise) {
  const auto* const weight = weight_of(layer, name);
  if (weight == nullptr) {
    return std::vector<float>(count, otherwise);
  }
  TESSERA_TRY(auto values, to_float32(weight->value.view()));
  if (values.size() != count) {
    return fail(ErrorCode::kDataLoss, "layer '{}': {} has {} elements; expected {}", layer.name,
                name, values.size(), count);
  }
  return values;
}

struct Folded {
  Tensor kernel;
  Tensor bias;
};

/// The weights of a convolution with its batch normalization in them.
Result<Folded> fold(const Layer& layer) {
  const auto* kernel = weight_of(layer, "kernel");
  kernel = kernel == nullptr ? weight_of(layer, "depthwise_kernel") : kernel;
  const auto* const variance = weight_of(layer, "moving_variance");
  if (kernel == nullptr || variance == nullptr || variance->value.size() < 1 ||
      kernel->value.size() % variance->value.size() != 0) {
    return fail(ErrorCode::kDataLoss,
                "layer '{}' ({}): a kernel and a moving_variance that fit; expected both",
                layer.name, layer.class_name);
  }
  const auto channels = static_cast<std::size_t>(variance->value.size());
  TESSERA_TRY(const auto spread, numbers_or(layer, "moving_variance", channels, 1));
  TESSERA_TRY(const auto mean, numbers_or(layer, "moving_mean", channels, 0));
  TESSERA_TRY(const auto gamma, numbers_or(layer, "gamma", channels, 1));
  TESSERA_TRY(const auto beta, numbers_or(layer, "beta", channels, 0));
  TESSERA_TRY(auto bias, numbers_or(layer, "bias", channels, 0));
  TESSERA_TRY(auto values, to_float32(kernel->value.view()));
  TESSERA_TRY(const auto epsilon, LayerConfig(layer).number("epsilon", 1e-3F));
  std::vector<float> inverse(channels);
  for (std::size_t i = 0; i < channels; ++i) {
    inverse[i] = gamma[i] / std::sqrt(spread[i] + epsilon);
    bias[i] = inverse[i] * (bias[i] - mean[i]) + beta[i];
  }
  // Channels are the last axes of either kernel.
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] *= inverse[i % channels];
  }
  const Shape width{static_cast<std::int64_t>(channels)};
  return Folded{Tensor::of(values, kernel->value.shape()), Tensor::of(bias, width)};
}

Status add_report(const Layer& layer, const std::string& name, const Part& part,
                  const TensorView& before, std::vector<TensorReport>& reports) {
  const auto where = fmt::format("layer '{}': {}", name, part.quantizer);
  TESSERA_TRY(const auto parsed, parse_quantizer(LayerConfig(layer).at(part.quantizer), where));
  if (!parsed) {
    return {};
  }
  const auto used = as_used(*parsed, part.use);
  TESSERA_TRY(const auto after, quantize_weight(used, before, part.use).map_error(in_file(where)));
  TESSERA_TRY(auto report, report_of(name, part.what, used, before, after));
  reports.push_back(std::move(report));
  return {};
}

/// The grid of a layer's activation, without data.
Status add_activation(const Layer& layer, const std::string& name,
                      std::vector<TensorReport>& reports) {
  const auto found =
      layer.config.is_object() ? layer.config.find("activation") : layer.config.end();
  if (layer.class_name == "QAdaptiveActivation" || !layer.config.is_object() ||
      found == layer.config.end() || !names_quantizer(*found)) {
    return {};
  }
  TESSERA_TRY(const auto quantizer,
              parse_quantizer(*found, fmt::format("layer '{}': activation", name)));
  if (!quantizer || quantizer->kind == QuantizerKind::kFunction) {
    return {};
  }
  TensorReport report{.layer = name,
                      .what = "activation",
                      .quantizer = to_string(*quantizer),
                      .bits = quantizer->bits};
  if (const auto grid = grid_of(*quantizer)) {
    report.grid = GridUse{.scales = {grid->scale},
                          .low = grid->low,
                          .high = grid->high,
                          .used_low = grid->low,
                          .used_high = grid->high,
                          .needed_bits = quantizer->bits};
    report.least = static_cast<double>(grid->low) * static_cast<double>(grid->scale);
    report.most = static_cast<double>(grid->high) * static_cast<double>(grid->scale);
  }
  reports.push_back(std::move(report));
  return {};
}

Status add_layer(const Layer& layer, const std::string& name, std::vector<TensorReport>& reports) {
  if (!layer.class_name.starts_with("Q")) {
    return {};
  }
  Folded inside;
  if (folded(layer)) {
    TESSERA_TRY(inside, fold(layer));
  }
  for (const auto& part : kParts) {
    const std::string_view what = part.what;
    const auto* weight = weight_of(layer, what);
    if (folded(layer)) {
      const bool kernel = what == "kernel" || what == "depthwise_kernel";
      if (what == "bias" || (kernel && weight != nullptr)) {
        TESSERA_CHECK(
            add_report(layer, name, part, (kernel ? inside.kernel : inside.bias).view(), reports));
      }
    } else if (weight != nullptr) {
      TESSERA_CHECK(add_report(layer, name, part, weight->value.view(), reports));
    }
  }
  return add_activation(layer, name, reports);
}

Status add_model(const Model& model, const std::string& prefix, int depth,
                 std::vector<TensorReport>& reports) {
  if (depth > 64) {
    return fail(ErrorCode::kUnimplemented, "networks nested more than 64 deep");
  }
  for (const auto& layer : model.layers) {
    const auto name = prefix + layer.name;
    TESSERA_CHECK(add_layer(layer, name, reports));
    if (layer.inner) {
      TESSERA_CHECK(add_model(*layer.inner, name + "/", depth + 1, reports));
    }
  }
  return {};
}

}  // namespace

Result<TensorReport> report_of(std::string layer, std::string what, const Quantizer& quantizer,
                               const TensorView& before, const QuantizedWeight& after) {
  TensorReport report{.layer = std::move(layer),
                      .what = std::move(what),
                      .quantizer = to_string(quantizer),
                      .bits = quantizer.bits,
                      .elements = after.values.size()};
  TESSERA_TRY(const auto values, to_float32(before));
  const auto on_grid = after.values.as<float>();
  if (values.size() != on_grid.size()) {
    return fail(ErrorCode::kInternal, "{} numbers became {}", values.size(), on_grid.size());
  }
  double signal = 0;
  double noise = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = values[i];
    const double lost = x - static_cast<double>(on_grid[i]);
    signal += x * x;
    noise += lost * lost;
  }
  if (!on_grid.empty()) {
    report.least = *std::ranges::min_element(on_grid);
    report.most = *std::ranges::max_element(on_grid);
  }
  if (noise > 0 && signal > 0) {
    report.sqnr_db = 10 * std::log10(signal / noise);
  }
  if (after.codes) {
    TESSERA_TRY(report.grid, use_of(*after.codes, after.values.shape(), values));
  }
  return report;
}

Result<TensorReport> report_activation(std::string layer, const Quantizer& quantizer,
                                       const TensorView& before) {
  // As a bias the quantizer stays as it is.
  TESSERA_TRY(const auto after, quantize_weight(quantizer, before, WeightUse::kBias));
  return report_of(std::move(layer), "activation", quantizer, before, after);
}

Result<std::vector<TensorReport>> weight_reports(const Model& model) {
  std::vector<TensorReport> reports;
  TESSERA_CHECK(add_model(model, "", 0, reports));
  return reports;
}

Result<std::vector<TensorReport>> tensor_reports(const std::filesystem::path& file,
                                                 const std::filesystem::path& config) {
  TESSERA_TRY(const auto model, config.empty() ? read(file) : read(file, config));
  return weight_reports(model).map_error(in_file(file.string()));
}

Json to_json(const TensorReport& report) {
  Json json = {{"layer", report.layer},
               {"what", report.what},
               {"quantizer", report.quantizer},
               {"bits", report.bits},
               {"elements", report.elements},
               {"least", finite_or_null(report.least)},
               {"most", finite_or_null(report.most)},
               {"sqnr_db", or_null(report.sqnr_db)}};
  if (report.grid) {
    const auto& grid = *report.grid;
    json["grid"] = {{"scales", grid.scales},       {"low", grid.low},
                    {"high", grid.high},           {"used_low", grid.used_low},
                    {"used_high", grid.used_high}, {"needed_bits", grid.needed_bits},
                    {"clipped", grid.clipped}};
  }
  return json;
}

}  // namespace tessera::keras
