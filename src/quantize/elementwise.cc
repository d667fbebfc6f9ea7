// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/elementwise.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <numeric>

#include "tessera/onnx/domains.h"
#include "tessera/onnx/query.h"

namespace tessera::quantize {
namespace {

using Numbers = std::span<const double>;

/// Attributes of an operator.
struct Settings {
  const onnx::Model& model;
  onnx::NodeId node;

  [[nodiscard]] double number(std::string_view name, double fallback) const {
    const auto value = onnx::attribute_as<float>(model, node, name);
    return value ? double{*value} : fallback;
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    return onnx::attribute_as<std::string>(model, node, name).value_or("");
  }
};

using Maker = std::function<ScalarFunction(const Settings&)>;

/// Of one number.
template <class F>
Maker unary(F f) {
  return [f](const Settings&) { return [f](Numbers x) { return f(x[0]); }; };
}

/// Of any number of inputs, from left to right.
template <class F>
Maker folded(F f) {
  return [f](const Settings&) {
    return [f](Numbers x) { return std::accumulate(x.begin() + 1, x.end(), x[0], f); };
  };
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

double softplus(double x) {
  return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}

double gelu(double x) {
  return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
}

double gelu_by_tanh(double x) {
  const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}

/// Half to even, whatever the rounding mode is.
double round_to_even(double x) {
  const double down = std::floor(x);
  const double rest = x - down;
  const bool up = rest > 0.5 || (rest == 0.5 && std::fmod(down, 2) != 0);
  return up ? down + 1 : down;
}

double clipped(double x, double low, double high) {
  if (!std::isnan(low)) {
    x = std::max(x, low);
  }
  return std::isnan(high) ? x : std::min(x, high);
}

ScalarFunction make_clip(const Settings& settings) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  const double least = settings.number("min", kNone);
  const double most = settings.number("max", kNone);
  return [least, most](Numbers x) {
    return clipped(x[0], x.size() > 1 ? x[1] : least, x.size() > 2 ? x[2] : most);
  };
}

ScalarFunction make_gelu(const Settings& settings) {
  const bool by_tanh = settings.text("approximate") == "tanh";
  return [by_tanh](Numbers x) { return by_tanh ? gelu_by_tanh(x[0]) : gelu(x[0]); };
}

ScalarFunction make_elu(const Settings& settings) {
  const double alpha = settings.number("alpha", 1);
  return [alpha](Numbers x) { return x[0] >= 0 ? x[0] : alpha * std::expm1(x[0]); };
}

ScalarFunction make_celu(const Settings& settings) {
  const double alpha = settings.number("alpha", 1);
  return [alpha](Numbers x) {
    return std::max(0.0, x[0]) + std::min(0.0, alpha * std::expm1(x[0] / alpha));
  };
}

ScalarFunction make_selu(const Settings& settings) {
  const double alpha = settings.number("alpha", 1.67326319217681884765625);
  const double gamma = settings.number("gamma", 1.05070102214813232421875);
  return [alpha, gamma](Numbers x) { return gamma * (x[0] > 0 ? x[0] : alpha * std::expm1(x[0])); };
}

ScalarFunction make_leaky_relu(const Settings& settings) {
  const double alpha = settings.number("alpha", double{0.01F});
  return [alpha](Numbers x) { return x[0] < 0 ? alpha * x[0] : x[0]; };
}

ScalarFunction make_thresholded_relu(const Settings& settings) {
  const double alpha = settings.number("alpha", 1);
  return [alpha](Numbers x) { return x[0] > alpha ? x[0] : 0; };
}

ScalarFunction make_hard_sigmoid(const Settings& settings) {
  const double alpha = settings.number("alpha", double{0.2F});
  const double beta = settings.number("beta", 0.5);
  return [alpha, beta](Numbers x) { return std::clamp(alpha * x[0] + beta, 0.0, 1.0); };
}

ScalarFunction make_quick_gelu(const Settings& settings) {
  const double alpha = settings.number("alpha", double{1.702F});
  return [alpha](Numbers x) { return x[0] * sigmoid(alpha * x[0]); };
}

const std::map<std::string, Maker, std::less<>>& standard() {
  static const std::map<std::string, Maker, std::less<>> table = {
      {"Abs", unary([](double x) { return std::abs(x); })},
      {"Add", folded([](double a, double b) { return a + b; })},
      {"Ceil", unary([](double x) { return std::ceil(x); })},
      {"Celu", make_celu},
      {"Clip", make_clip},
      {"Cos", unary([](double x) { return std::cos(x); })},
      {"Div", folded([](double a, double b) { return a / b; })},
      {"Elu", make_elu},
      {"Erf", unary([](double x) { return std::erf(x); })},
      {"Exp", unary([](double x) { return std::exp(x); })},
      {"Floor", unary([](double x) { return std::floor(x); })},
      {"Gelu", make_gelu},
      {"HardSigmoid", make_hard_sigmoid},
      {"HardSwish", unary([](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); })},
      {"LeakyRelu", make_leaky_relu},
      {"Log", unary([](double x) { return std::log(x); })},
      {"Max", folded([](double a, double b) { return std::max(a, b); })},
      {"Min", folded([](double a, double b) { return std::min(a, b); })},
      {"Mish", unary([](double x) { return x * std::tanh(softplus(x)); })},
      {"Mul", folded([](double a, double b) { return a * b; })},
      {"Neg", unary([](double x) { return -x; })},
      {"PRelu", folded([](double x, double slope) { return x < 0 ? slope * x : x; })},
      {"Pow", folded([](double x, double power) { return std::pow(x, power); })},
      {"Reciprocal", unary([](double x) { return 1 / x; })},
      {"Relu", unary([](double x) { return std::max(x, 0.0); })},
      {"Round", unary(round_to_even)},
      {"Selu", make_selu},
      {"Sigmoid", unary(sigmoid)},
      {"Sin", unary([](double x) { return std::sin(x); })},
      {"Softplus", unary(softplus)},
      {"Softsign", unary([](double x) { return x / (1 + std::abs(x)); })},
      {"Sqrt", unary([](double x) { return std::sqrt(x); })},
      {"Sub", folded([](double a, double b) { return a - b; })},
      {"Tanh", unary([](double x) { return std::tanh(x); })},
      {"ThresholdedRelu", make_thresholded_relu},
  };
  return table;
}

/// Of com.microsoft.
const std::map<std::string, Maker, std::less<>>& contributed() {
  static const std::map<std::string, Maker, std::less<>> table = {{"Gelu", unary(gelu)},
                                                                  {"QuickGelu", make_quick_gelu}};
  return table;
}

}  // namespace

std::optional<ScalarFunction> scalar_function(const onnx::Model& model, onnx::NodeId node) {
  const auto& domain = model.domain(node);
  if ((!domain.empty() && domain != onnx::kMicrosoftDomain) || model.inputs(node).empty()) {
    return std::nullopt;
  }
  const auto& table = domain.empty() ? standard() : contributed();
  const auto found = table.find(model.op_type(node));
  return found == table.end() ? std::nullopt : std::optional(found->second({model, node}));
}

const std::vector<std::string>& elementwise_types() {
  static const auto types = [] {
    std::vector<std::string> names;
    for (const auto& [type, maker] : standard()) {
      names.push_back(type);
    }
    return names;
  }();
  return types;
}

bool is_elementwise(std::string_view type) {
  return standard().contains(type);
}

}  // namespace tessera::quantize
