// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/quantizer_onnx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "keras/quantizer_powers.h"
#include "keras/quantizer_rule.h"
#include "tessera/tensor/make.h"

namespace tessera::keras {
namespace {

constexpr float kLeastNormal = std::numeric_limits<float>::min();

std::optional<DType> type_for(float low, float high, bool sixteen_bits) {
  // Kernels are fastest, and on some machines only exact, with u8 for what has no sign.
  if (low >= 0 && high <= 255) {
    return DType::kUInt8;
  }
  if (low >= -128 && high <= 127) {
    return DType::kInt8;
  }
  if (!sixteen_bits) {
    return std::nullopt;
  }
  if (low >= 0 && high <= 65535) {
    return DType::kUInt16;
  }
  return low >= -32768 && high <= 32767 ? std::optional(DType::kInt16) : std::nullopt;
}

std::pair<std::int64_t, std::int64_t> ends_of(DType type) {
  const bool narrow = bits_of(type) == 8;
  if (type == DType::kInt8 || type == DType::kInt16) {
    return narrow ? std::pair<std::int64_t, std::int64_t>{-128, 127}
                  : std::pair<std::int64_t, std::int64_t>{-32768, 32767};
  }
  return {0, narrow ? 255 : 65535};
}

/// Operators one after the other, each with a name of its own.
class Chain {
 public:
  Chain(onnx::Model& model, std::string_view name) : model_(model), name_(name) {}

  [[nodiscard]] std::int64_t opset() const { return model_.opset().value_or(0); }

  std::string constant(Tensor value, std::string_view what) {
    auto name = model_.unique_name(fmt::format("{}/{}", name_, what));
    model_.set_initializer(name, std::move(value));
    return name;
  }
  std::string number(float value, std::string_view what) {
    return constant(Tensor::scalar(value), what);
  }
  std::string numbers(const std::vector<float>& values, std::string_view what) {
    return constant(Tensor::of(values, {std::ssize(values)}), what);
  }
  std::string add(const char* type, std::vector<std::string> inputs,
                  std::vector<onnx::NamedAttribute> attributes = {}) {
    auto output = model_.unique_name(fmt::format("{}/{}", name_, type));
    model_.add_node({.name = output,
                     .op_type = type,
                     .inputs = std::move(inputs),
                     .outputs = {output},
                     .attributes = std::move(attributes)});
    return output;
  }
  std::string clip(std::string value, float low, float high) {
    return add("Clip", {std::move(value), number(low, "low"), number(high, "high")});
  }
  /// Nothing for a factor of 1.
  std::string times(std::string value, float factor) {
    return factor == 1 ? value : add("Mul", {std::move(value), number(factor, "factor")});
  }
  std::string plus(std::string value, float term) {
    return add("Add", {std::move(value), number(term, "term")});
  }
  /// clip(slope * x + 1/2, 0, 1)
  std::string sigmoid(std::string value, float slope) {
    return clip(plus(times(std::move(value), slope), 0.5F), 0, 1);
  }
  std::string integers(std::string value) {
    return add("Cast", {std::move(value)}, {{"to", static_cast<std::int64_t>(DType::kInt64)}});
  }

 private:
  onnx::Model& model_;
  std::string name_;
};

/// Where a float becomes a code: round(x / scale), or x * factor for a scale of channels.
float input_step(const Quantizer& quantizer, const Rule& rule) {
  // A fixed alpha scales the result alone.
  return quantizer.kind == QuantizerKind::kLinear ? rule.step : rule.g / rule.m;
}

std::string quantize_linear(Chain& chain, std::string value, float in, const Rule& rule,
                            DType type) {
  const auto [least, most] = ends_of(type);
  auto low = static_cast<std::int32_t>(rule.low);
  auto high = static_cast<std::int32_t>(rule.high);
  const bool narrower = low > least || high < most;
  if (narrower && bits_of(type) == 16) {
    // ONNX Runtime has no Clip of 16-bit integers. The ends of the grid round to themselves.
    value = chain.clip(std::move(value), rule.low * in, rule.high * in);
  }
  // Bytes have no sign, whatever the grid: kernels on integers read and write one type.
  std::int32_t middle = 0;
  if (type == DType::kInt8) {
    middle = 128;
    type = DType::kUInt8;
    low += middle;
    high += middle;
  }
  const auto zero = chain.constant(integer_tensor(type, std::array{middle}, {}), "zero_point");
  auto code = chain.add("QuantizeLinear", {std::move(value), chain.number(in, "scale"), zero});
  if (narrower && bits_of(type) == 8) {
    code = chain.add(
        "Clip", {std::move(code), chain.constant(integer_tensor(type, std::array{low}, {}), "low"),
                 chain.constant(integer_tensor(type, std::array{high}, {}), "high")});
  }
  return chain.add("DequantizeLinear", {std::move(code), chain.number(rule.step, "step"), zero});
}

std::string quantize_float(Chain& chain, std::string value, const Quantizer& quantizer, float in,
                           const Rule& rule) {
  if (quantizer.kind == QuantizerKind::kLinear) {
    // The quotient, as QKeras has it; the inverse of a scale is rounded.
    value = chain.add("Div", {std::move(value), chain.number(in, "scale")});
  } else {
    value = chain.times(std::move(value), 1 / in);
  }
  auto code = chain.clip(chain.add("Round", {std::move(value)}), rule.low, rule.high);
  return chain.times(std::move(code), rule.step);
}

std::string quantize_affine(Chain& chain, std::string value, const Quantizer& quantizer,
                            const Rule& rule, float in) {
  const auto type = type_for(rule.low, rule.high, chain.opset() >= kOpsetOf16Bits);
  return type ? quantize_linear(chain, std::move(value), in, rule, *type)
              : quantize_float(chain, std::move(value), quantizer, in, rule);
}

/// Bits left of the point that differ from channel to channel.
std::string quantize_channels(Chain& chain, std::string value, const Quantizer& quantizer,
                              const QuantizerPlacement& placement) {
  std::vector<float> factors;
  std::vector<float> steps;
  for (const int integer : quantizer.channel_integers) {
    const auto rule = rule_of(quantizer, integer);
    factors.push_back(rule.m / rule.g);
    steps.push_back(rule.step);
  }
  Shape shape(static_cast<std::size_t>(placement.rank - placement.channel_axis), 1);
  shape.front() = std::ssize(factors);
  const auto rule = rule_of(quantizer, quantizer.integer);
  const auto factor = chain.constant(Tensor::of(factors, shape), "factor");
  auto code = chain.add("Round", {chain.add("Mul", {std::move(value), factor})});
  code = chain.clip(std::move(code), rule.low, rule.high);
  return chain.add("Mul", {std::move(code), chain.constant(Tensor::of(steps, shape), "step")});
}

/// value > threshold ? above : below
std::string step_at(Chain& chain, const std::string& value, float threshold, float above,
                    std::string below) {
  const auto condition = chain.add("Greater", {value, chain.number(threshold, "threshold")});
  return chain.add("Where", {condition, chain.number(above, "above"), std::move(below)});
}

/// One bit of a sign. A number that is denormal counts as zero, and zero as positive.
std::string sign(Chain& chain, const std::string& value, float above, float below) {
  return step_at(chain, value, -kLeastNormal, above, chain.number(below, "below"));
}

/// The largest float that quantized_linear of one bit rounds down.
float last_below(const Quantizer& quantizer, const Rule& rule) {
  float low = -2 * rule.step;
  float high = 0;
  while (std::nextafter(low, high) < high) {
    const float middle = low / 2 + high / 2;
    const bool halves = middle > low && middle < high;
    const float at = halves ? middle : std::nextafter(low, high);
    (code_of(quantizer, rule, at) < 0 ? low : high) = at;
  }
  return low;
}

std::string ternary(Chain& chain, const std::string& value, const Quantizer& quantizer,
                    const Rule& rule) {
  const float threshold = std::max(quantizer.threshold, kLeastNormal);
  const auto below = chain.add("LessOrEqual", {value, chain.number(-threshold, "minus_threshold")});
  const auto negative =
      chain.add("Where", {below, chain.number(-rule.step, "below"), chain.number(0.0F, "zero")});
  const auto above = chain.add("GreaterOrEqual", {value, chain.number(threshold, "threshold")});
  return chain.add("Where", {above, chain.number(rule.step, "above"), negative});
}

/// A ReLU that is no rounding of one line: a sigmoid, or a slope of less than a code.
std::string uneven_relu(Chain& chain, const std::string& value, const Quantizer& quantizer,
                        const Rule& rule) {
  const float m = rule.m;
  const float slope = quantizer.negative_slope;
  const float high = rule.affine ? rule.high : (1 - 1 / m) * m;
  const auto scaled = quantizer.use_sigmoid
                          ? chain.times(chain.sigmoid(chain.times(value, 1 / rule.g), 0.5F), m)
                          : chain.times(value, m / rule.g);
  const auto rounded = [&](const std::string& p, float range) {
    auto code = chain.add("Round", {p});
    return quantizer.use_sigmoid ? chain.plus(chain.times(std::move(code), 2), -range) : code;
  };
  auto code = chain.clip(rounded(scaled, m), 0, high);
  if (slope != 0) {
    const auto below = chain.clip(rounded(chain.times(scaled, slope), slope * m), -slope * m, 0);
    code = chain.add("Add", {code, below});
  }
  return chain.times(std::move(code), rule.step);
}

std::string relu(Chain& chain, std::string value, const Quantizer& quantizer, const Rule& rule) {
  const bool bounded = quantizer.upper_bound && !rule.affine;
  if (quantizer.use_sigmoid || !rule.affine) {
    auto result = uneven_relu(chain, value, quantizer, rule);
    return bounded ? chain.add("Min", {result, chain.number(*quantizer.upper_bound, "bound")})
                   : result;
  }
  if (quantizer.negative_slope != 0) {
    value = chain.add("LeakyRelu", {std::move(value)}, {{"alpha", quantizer.negative_slope}});
  }
  return quantize_affine(chain, std::move(value), quantizer, rule, rule.step);
}

std::string function(Chain& chain, const std::string& value, ActivationFunction function) {
  const bool smooth =
      function == ActivationFunction::kSmoothSigmoid || function == ActivationFunction::kSmoothTanh;
  auto result = chain.sigmoid(value, smooth ? 0.1875F : 0.5F);
  if (function == ActivationFunction::kBinarySigmoid ||
      function == ActivationFunction::kBinaryTanh) {
    result = chain.add("Round", {result});
  }
  const bool sigmoid = function == ActivationFunction::kHardSigmoid ||
                       function == ActivationFunction::kSmoothSigmoid ||
                       function == ActivationFunction::kBinarySigmoid;
  return sigmoid ? result : chain.plus(chain.times(std::move(result), 2), -1);
}

std::string ulaw(Chain& chain, const std::string& value, const Quantizer& quantizer) {
  const auto values = ulaw_values(quantizer);
  const auto scaled = chain.times(value, 1 / power_of_two(quantizer.integer));
  const auto p = chain.times(chain.sigmoid(scaled, 0.5F), static_cast<float>(values.size() - 1));
  const auto place = chain.integers(chain.add("Round", {p}));
  return chain.add("Gather", {chain.numbers(values, "law"), place});
}

/// The exponent by logarithm, which is right but for numbers beside a threshold, put right there.
std::string power(Chain& chain, const std::string& magnitude, const PowerTable& table) {
  const auto least = chain.number(kLeastNormal, "least");
  const auto log = chain.add("Log", {chain.add("Max", {magnitude, least})});
  const auto place =
      chain.add("Floor", {chain.plus(chain.times(log, table.per_log), table.offset)});
  const auto last = static_cast<float>(table.values.size() - 1);
  const auto guess = chain.integers(chain.clip(place, 0, last));
  auto ends = table.begins;
  ends.erase(ends.begin());
  ends.push_back(std::numeric_limits<float>::infinity());
  const auto begin = chain.add("Gather", {chain.numbers(table.begins, "begins"), guess});
  const auto end = chain.add("Gather", {chain.numbers(ends, "ends"), guess});
  const auto low = chain.integers(chain.add("Less", {magnitude, begin}));
  const auto high = chain.integers(chain.add("GreaterOrEqual", {magnitude, end}));
  const auto exact = chain.add("Add", {chain.add("Sub", {guess, low}), high});
  return chain.add("Gather", {chain.numbers(table.values, "powers"), exact});
}

std::string powers(Chain& chain, const std::string& value, const Quantizer& quantizer) {
  const auto table = power_table(quantizer);
  const bool relu = quantizer.kind == QuantizerKind::kReluPo2;
  const float slope = quantizer.negative_slope;
  if (relu && slope == 0) {
    return power(chain, chain.add("Relu", {value}), table);
  }
  const auto magnitude =
      relu ? chain.add("Abs", {chain.add("LeakyRelu", {value}, {{"alpha", slope}})})
           : chain.add("Abs", {value});
  const auto positive = power(chain, magnitude, table);
  const auto condition = chain.add("Greater", {value, chain.number(-kLeastNormal, "minus_least")});
  return chain.add("Where", {condition, positive, chain.add("Neg", {positive})});
}

std::string emit(Chain& chain, std::string value, const Quantizer& quantizer,
                 const QuantizerPlacement& placement) {
  const auto rule = rule_of(quantizer, quantizer.integer);
  const bool one_bit = quantizer.bits == 1 && quantizer.keep_negative;
  switch (quantizer.kind) {
    case QuantizerKind::kHardSwish: {
      const auto cut = chain.clip(chain.plus(value, quantizer.shift), 0, quantizer.bound);
      const auto product = chain.add("Mul", {value, cut});
      value = chain.add("Div", {product, chain.number(quantizer.bound, "bound")});
      break;
    }
    case QuantizerKind::kBits:
    case QuantizerKind::kLinear:
      break;
    case QuantizerKind::kBinary:
      return sign(chain, value, rule.step, rule.low * rule.step);
    case QuantizerKind::kTernary:
      return ternary(chain, value, quantizer, rule);
    case QuantizerKind::kRelu:
      if (quantizer.channel_integers.empty()) {
        return relu(chain, std::move(value), quantizer, rule);
      }
      break;
    case QuantizerKind::kUlaw:
      return ulaw(chain, value, quantizer);
    case QuantizerKind::kTanh:
      value = quantizer.real ? chain.add("Tanh", {value})
                             : chain.plus(chain.times(chain.sigmoid(value, 0.5F), 2), -1);
      return quantize_affine(chain, std::move(value), quantizer, rule, rule.step);
    case QuantizerKind::kSigmoid:
      value = quantizer.real ? chain.add("Sigmoid", {value}) : chain.sigmoid(value, 0.5F);
      return quantize_affine(chain, std::move(value), quantizer, rule, rule.step);
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
      return powers(chain, value, quantizer);
    case QuantizerKind::kFunction:
      return function(chain, value, quantizer.function);
  }
  if (!quantizer.channel_integers.empty()) {
    if (quantizer.negative_slope != 0) {
      value = chain.add("LeakyRelu", {std::move(value)}, {{"alpha", quantizer.negative_slope}});
    }
    return quantize_channels(chain, std::move(value), quantizer, placement);
  }
  if (one_bit && quantizer.kind == QuantizerKind::kLinear) {
    return step_at(chain, value, last_below(quantizer, rule), rule.step,
                   chain.number(-rule.step, "below"));
  }
  if (one_bit) {
    return sign(chain, value, rule.step, -rule.step);
  }
  return quantize_affine(chain, std::move(value), quantizer, rule, input_step(quantizer, rule));
}

Status check_channels(const Quantizer& quantizer, const QuantizerPlacement& placement,
                      std::string_view name) {
  if (quantizer.channel_integers.empty()) {
    return {};
  }
  if (placement.channel_axis < 0 || placement.channel_axis >= placement.rank) {
    return fail(ErrorCode::kInternal, "'{}': channels in axis {} of {}", name,
                placement.channel_axis, placement.rank);
  }
  const bool sign = quantizer.bits == 1 && quantizer.keep_negative;
  if (!rule_of(quantizer, quantizer.integer).affine || quantizer.upper_bound || sign) {
    return fail(
        ErrorCode::kUnimplemented,
        "'{}': {} has bits per channel and a bound, one bit, or a slope of less than a code", name,
        to_string(quantizer));
  }
  return {};
}

}  // namespace

std::optional<ActivationGrid> grid_of(const Quantizer& quantizer) {
  const auto rule = rule_of(quantizer, quantizer.integer);
  if (!rule.affine || scales_by_data(quantizer) || !quantizer.channel_integers.empty()) {
    return std::nullopt;
  }
  return ActivationGrid{.scale = rule.step,
                        .low = static_cast<std::int64_t>(rule.low),
                        .high = static_cast<std::int64_t>(rule.high),
                        .dtype = type_for(rule.low, rule.high, true).value_or(DType::kInt32)};
}

Result<std::string> add_quantizer(onnx::Model& model, const Quantizer& quantizer,
                                  std::string_view value, std::string_view name,
                                  const QuantizerPlacement& placement) {
  if (scales_by_data(quantizer)) {
    return fail(ErrorCode::kUnimplemented,
                "'{}': {} takes its scale from the values of a batch; expected a fixed scale", name,
                to_string(quantizer))
        .hint("what is computed would depend on what else is in the batch: train with alpha=1");
  }
  TESSERA_CHECK(check_channels(quantizer, placement, name));
  Chain chain(model, name);
  return emit(chain, std::string(value), quantizer, placement);
}

}  // namespace tessera::keras
