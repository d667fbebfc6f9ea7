// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "keras/layers.h"
#include "keras/reports.h"
#include "tessera/keras/quantizer.h"
#include "tessera/keras/quantizer_onnx.h"

namespace tessera::keras {
namespace {

constexpr float kSqrtHalf = 0.70710678118654752F;
constexpr float kSqrtTwoByPi = 0.79788456080286536F;
/// Of jax.nn.leaky_relu, tf.nn.leaky_relu and keras.activations.leaky_relu alike.
constexpr float kLeakyFunctionSlope = 0.2F;
constexpr float kLeakyLayerSlope = 0.3F;

/// An element by element function of a value, given by its name.
using Function = std::function<std::string(Lowering&, const Site&, const std::string&)>;

Function plain(std::string type, std::vector<onnx::NamedAttribute> attributes = {}) {
  return [type = std::move(type), attributes = std::move(attributes)](
             Lowering& lowering, const Site& site, const std::string& x) {
    return lowering.op(site, type, {x}, attributes);
  };
}

std::string times_sigmoid(Lowering& lowering, const Site& site, const std::string& x) {
  return lowering.op(site, "Mul", {x, lowering.op(site, "Sigmoid", {x})});
}

std::string hard_sigmoid(Lowering& lowering, const Site& site, const std::string& x) {
  // Keras 3 has another slope than Keras 2.
  const float alpha = site.generation >= 3 ? 1.0F / 6.0F : 0.2F;
  return lowering.op(site, "HardSigmoid", {x}, {{"alpha", alpha}, {"beta", 0.5F}});
}

std::string mish(Lowering& lowering, const Site& site, const std::string& x) {
  const auto softplus = lowering.op(site, "Softplus", {x});
  return lowering.op(site, "Mul", {x, lowering.op(site, "Tanh", {softplus})});
}

/// x/2 * (1 + erf(x / sqrt(2)))
std::string gelu(Lowering& lowering, const Site& site, const std::string& x) {
  const auto scaled = lowering.op(site, "Mul", {x, lowering.number(site, "sqrt_half", kSqrtHalf)});
  const auto erf = lowering.op(site, "Erf", {scaled});
  const auto more = lowering.op(site, "Add", {erf, lowering.number(site, "one", 1)});
  const auto half = lowering.op(site, "Mul", {x, lowering.number(site, "half", 0.5F)});
  return lowering.op(site, "Mul", {half, more});
}

/// x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
std::string approximate_gelu(Lowering& lowering, const Site& site, const std::string& x) {
  const auto square = lowering.op(site, "Mul", {x, x});
  const auto cube = lowering.op(site, "Mul", {square, x});
  const auto part = lowering.op(site, "Mul", {cube, lowering.number(site, "cubic", 0.044715F)});
  const auto sum = lowering.op(site, "Add", {x, part});
  const auto inner =
      lowering.op(site, "Mul", {sum, lowering.number(site, "sqrt_two_by_pi", kSqrtTwoByPi)});
  const auto more = lowering.op(
      site, "Add", {lowering.op(site, "Tanh", {inner}), lowering.number(site, "one", 1)});
  const auto half = lowering.op(site, "Mul", {x, lowering.number(site, "half", 0.5F)});
  return lowering.op(site, "Mul", {half, more});
}

std::string log_sigmoid(Lowering& lowering, const Site& site, const std::string& x) {
  const auto softplus = lowering.op(site, "Softplus", {lowering.op(site, "Neg", {x})});
  return lowering.op(site, "Neg", {softplus});
}

std::string clipped(Lowering& lowering, const Site& site, const std::string& x, float low,
                    float high) {
  return lowering.op(site, "Clip",
                     {x, lowering.number(site, fmt::format("low_{}", low), low),
                      lowering.number(site, fmt::format("high_{}", high), high)});
}

const std::map<std::string, Function, std::less<>>& functions() {
  static const std::map<std::string, Function, std::less<>> kFunctions = {
      {"relu", plain("Relu")},
      {"relu6", [](Lowering& lowering, const Site& site,
                   const std::string& x) { return clipped(lowering, site, x, 0, 6); }},
      {"leaky_relu", plain("LeakyRelu", {{"alpha", kLeakyFunctionSlope}})},
      {"elu", plain("Elu", {{"alpha", 1.0F}})},
      {"selu", plain("Selu")},
      {"celu", plain("Celu", {{"alpha", 1.0F}})},
      {"gelu", gelu},
      {"gelu_approximate", approximate_gelu},  // as KerasHub registers it
      {"swish", times_sigmoid},
      {"silu", times_sigmoid},
      {"softplus", plain("Softplus")},
      {"softsign", plain("Softsign")},
      {"tanh", plain("Tanh")},
      {"sigmoid", plain("Sigmoid")},
      {"hard_sigmoid", hard_sigmoid},
      {"hard_silu", plain("HardSwish")},
      {"hard_swish", plain("HardSwish")},
      {"hard_tanh", [](Lowering& lowering, const Site& site,
                       const std::string& x) { return clipped(lowering, site, x, -1, 1); }},
      {"exponential", plain("Exp")},
      {"mish", mish},
      {"log_sigmoid", log_sigmoid},
  };
  return kFunctions;
}

Result<Value> softmax_over(Lowering& lowering, const Site& site, Value value, std::int64_t axis,
                           std::string_view type = "Softmax") {
  if (value.layout == Layout::kFlatChannelsFirst) {
    value = lowering.keras_order(site, value);
  }
  value.name = lowering.op(site, type, {value.name}, {{"axis", value.stored_axis(axis)}});
  return value;
}

Result<Value> apply_named(Lowering& lowering, const Site& site, Value value,
                          const std::string& name) {
  if (name == "linear") {
    return value;
  }
  if (name == "softmax" || name == "log_softmax") {
    if (value.rank() < 2) {
      return fail(ErrorCode::kUnimplemented, "{}: {} of a value without axes", site.title(), name);
    }
    return softmax_over(lowering, site, std::move(value),
                        static_cast<std::int64_t>(value.rank()) - 1,
                        name == "softmax" ? "Softmax" : "LogSoftmax");
  }
  const auto found = functions().find(name);
  if (found == functions().end()) {
    std::vector<std::string> known{"linear", "log_softmax", "softmax"};
    for (const auto& [one, function] : functions()) {
      known.push_back(one);
    }
    return fail(ErrorCode::kUnimplemented, "{}: activation '{}' is not known", site.title(), name)
        .hint("known are {}", fmt::join(known, ", "));
  }
  value.name = found->second(lowering, site, value.name);
  return value;
}

/// An activation that is a layer with a configuration of its own: {"class_name": "LeakyReLU", ...}.
Result<Value> apply_layer(Lowering& lowering, const Site& site, Value value,
                          const Json& activation) {
  const auto& inner = lowering.keep({.name = site.layer.name,
                                     .class_name = activation.at("class_name").get<std::string>(),
                                     .config = activation.at("config")});
  const auto* const known = find_layer(inner.class_name);
  if (known == nullptr || known->least_inputs != 1) {
    return fail(ErrorCode::kUnimplemented, "{}: activation {} is not known", site.title(),
                inner.class_name)
        .hint("use one of Keras' own activations");
  }
  const Call call;
  const Site inside{inner, call, site.name, {std::move(value)}, site.generation};
  TESSERA_TRY(auto values, known->lower(lowering, inside));
  return std::move(values.front());
}

Result<Value> quantized(Lowering& lowering, const Site& site, Value value,
                        const Quantizer& quantizer, std::string_view what) {
  // Functions without parameters have no grid.
  if (quantizer.kind != QuantizerKind::kFunction) {
    TESSERA_CHECK(lowering.report(site, what, [&] {
      return Result<TensorReport>(report_of_grid(site.name, std::string(what), quantizer));
    }));
  }
  const auto rank = static_cast<std::int64_t>(value.rank());
  TESSERA_TRY(value.name,
              add_quantizer(lowering.model(), quantizer, value.name, site.name,
                            {.channel_axis = value.stored_axis(rank - 1), .rank = rank}));
  return value;
}

Result<Value> apply_activation(Lowering& lowering, const Site& site, Value value,
                               const Json& activation, std::string_view what) {
  if (activation.is_null()) {
    return value;
  }
  TESSERA_TRY(const auto quantizer,
              activation_quantizer(site.layer, activation, site.title() + ": activation"));
  if (quantizer) {
    return quantized(lowering, site, std::move(value), *quantizer, what);
  }
  if (activation.is_string()) {
    return apply_named(lowering, site, std::move(value), activation.get<std::string>());
  }
  if (!activation.is_object()) {
    return site.config().wrong("activation", "a name or an object");
  }
  // {"class_name": "function", "config": "relu"}: a function of Keras 3.
  const auto class_name = activation.find("class_name");
  const auto config = activation.find("config");
  if (class_name == activation.end() || !class_name->is_string() || config == activation.end()) {
    return site.config().wrong("activation", "an object with class_name and config");
  }
  if (config->is_string()) {
    return apply_named(lowering, site, std::move(value), config->get<std::string>());
  }
  if (*class_name == Json("QuantizeAwareActivation") && config->contains("activation")) {
    return apply_activation(lowering, site, std::move(value), config->at("activation"), what);
  }
  if (*class_name == Json("NoOpActivation")) {
    return value;
  }
  return apply_layer(lowering, site, std::move(value), activation);
}

/// Behind the range that was trained for that place, if there is one.
Result<Value> at_trained_range(Lowering& lowering, const Site& site, Value value,
                               std::string_view place) {
  if (site.trained == nullptr) {
    return value;
  }
  if (const auto found = site.trained->find(place); found != site.trained->end()) {
    TESSERA_TRY(value.name,
                add_fake_quantizer(lowering.model(), found->second, value.name, site.name)
                    .map_error(in_file(site.title())));
  }
  return value;
}

}  // namespace

Result<Value> activate(Lowering& lowering, const Site& site, Value value, const Json& activation,
                       std::string_view what) {
  TESSERA_TRY(value, at_trained_range(lowering, site, std::move(value), "pre_activation"));
  TESSERA_TRY(value, apply_activation(lowering, site, std::move(value), activation, what));
  return at_trained_range(lowering, site, std::move(value), "post_activation");
}

Result<Values> activated(Lowering& lowering, const Site& site, Value value) {
  TESSERA_TRY(value, activate(lowering, site, std::move(value), site.config().at("activation")));
  return Values{std::move(value)};
}

std::string rectify(Lowering& lowering, const Site& site, const std::string& value,
                    const Rectifier& how) {
  const bool plain_threshold = how.threshold == 0;
  if (plain_threshold && how.negative_slope != 0 && !how.max_value) {
    return lowering.op(site, "LeakyRelu", {value}, {{"alpha", how.negative_slope}});
  }
  std::string positive;
  if (!plain_threshold) {
    const auto threshold = lowering.number(site, "threshold", how.threshold);
    positive = lowering.op(site, "Where",
                           {lowering.op(site, "Greater", {value, threshold}), value,
                            lowering.number(site, "zero", 0)});
  }
  if (how.max_value) {
    positive = clipped(lowering, site, plain_threshold ? value : positive, 0, *how.max_value);
  } else if (plain_threshold) {
    positive = lowering.op(site, "Relu", {value});
  }
  if (how.negative_slope == 0) {
    return positive;
  }
  const auto below =
      plain_threshold
          ? lowering.op(site, "Neg", {value})
          : lowering.op(site, "Sub", {lowering.number(site, "threshold", how.threshold), value});
  const auto scaled = lowering.op(site, "Mul",
                                  {lowering.op(site, "Relu", {below}),
                                   lowering.number(site, "negative_slope", how.negative_slope)});
  return lowering.op(site, "Sub", {positive, scaled});
}

namespace lower_layer {

Result<Values> activation(Lowering& lowering, const Site& site) {
  return activated(lowering, site, site.input());
}

Result<Values> relu(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  Rectifier how;
  TESSERA_TRY(how.negative_slope, config.number("negative_slope", 0));
  TESSERA_TRY(how.threshold, config.number("threshold", 0));
  if (config.has("max_value")) {
    TESSERA_TRY(how.max_value, config.number("max_value", 0));
  }
  auto value = site.input();
  value.name = rectify(lowering, site, value.name, how);
  return Values{std::move(value)};
}

Result<Values> leaky_relu(Lowering& lowering, const Site& site) {
  const auto config = site.config();
  TESSERA_TRY(const auto slope,
              config.number(config.has("alpha") ? "alpha" : "negative_slope", kLeakyLayerSlope));
  auto value = site.input();
  value.name = lowering.op(site, "LeakyRelu", {value.name}, {{"alpha", slope}});
  return Values{std::move(value)};
}

Result<Values> prelu(Lowering& lowering, const Site& site) {
  auto value = site.input();
  if (value.layout == Layout::kFlatChannelsFirst) {
    value = lowering.keras_order(site, value);
  }
  TESSERA_TRY(const auto shared,
              site.config().has("shared_axes")
                  ? site.config().integers("shared_axes")
                  : Result<std::vector<std::int64_t>>(std::vector<std::int64_t>()));
  Shape shape;
  for (std::size_t i = 1; i < value.rank(); ++i) {
    shape.push_back(value.shape[i].known() ? value.shape[i].value : -1);
  }
  for (const auto axis : shared) {
    if (axis < 1 || axis >= static_cast<std::int64_t>(value.rank())) {
      return site.config().wrong("shared_axes", "axes behind the batch");
    }
    shape[static_cast<std::size_t>(axis) - 1] = 1;
  }
  TESSERA_TRY(const auto weights, weights_of(site, {{"alpha", shape}}));
  const bool first = value.channels_first();
  const auto slope = lowering.weight(site, first ? "alpha_channels_first" : "alpha", [&] {
    Tensor alpha(weights[0]);
    auto extents = alpha.shape();
    extents.insert(extents.begin(), 1);
    alpha.reshape(std::move(extents));
    return first ? permuted(alpha.view(), to_channels_first(value.rank())) : alpha;
  });
  value.name = lowering.op(site, "PRelu", {value.name, slope});
  return Values{std::move(value)};
}

Result<Values> elu(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto alpha, site.config().number("alpha", 1));
  auto value = site.input();
  value.name = lowering.op(site, "Elu", {value.name}, {{"alpha", alpha}});
  return Values{std::move(value)};
}

Result<Values> softmax(Lowering& lowering, const Site& site) {
  std::vector<std::int64_t> axes{-1};
  if (site.config().has("axis")) {
    TESSERA_TRY(axes, site.config().integers("axis"));
  }
  const auto rank = static_cast<std::int64_t>(site.input().rank());
  if (axes.size() != 1) {
    return fail(ErrorCode::kUnimplemented, "{}: axis has {} entries; expected one", site.title(),
                axes.size());
  }
  const auto axis = axes.front() < 0 ? axes.front() + rank : axes.front();
  if (axis < 0 || axis >= rank) {
    return site.config().wrong("axis", "an axis of the input");
  }
  TESSERA_TRY(auto value, softmax_over(lowering, site, site.input(), axis));
  return Values{std::move(value)};
}

Result<Values> thresholded_relu(Lowering& lowering, const Site& site) {
  TESSERA_TRY(const auto theta, site.config().number("theta", 1));
  auto value = site.input();
  value.name = lowering.op(
      site, "Where",
      {lowering.op(site, "Greater", {value.name, lowering.number(site, "theta", theta)}),
       value.name, lowering.number(site, "zero", 0)});
  return Values{std::move(value)};
}

}  // namespace lower_layer
}  // namespace tessera::keras
