// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/quantizer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "keras/quantizer_rule.h"
#include "keras/quantizer_scale.h"

namespace tessera::keras {
namespace {

/// Values of a quantizer and, on an affine grid, their codes.
struct Evaluation {
  Tensor values;
  std::optional<ScaledCodes> codes;
  bool published = false;
};

Tensor values_of(const ScaledCodes& grid, const Shape& shape) {
  Tensor result(DType::kFloat32, shape);
  const auto values = result.as<float>();
  for_each_in_group(grid.groups, values.size(), [&](std::size_t i, std::size_t group) {
    values[i] = grid.codes[i] * grid.scales[group];
  });
  return result;
}

/// One rule, or one per channel.
struct Rules {
  std::vector<Rule> rules;
  Groups groups;
};

Result<Rules> rules_of(const Quantizer& quantizer, const Shape& shape) {
  if (quantizer.channel_integers.empty()) {
    return Rules{{rule_of(quantizer, quantizer.integer)}, whole()};
  }
  if (shape.empty() || std::cmp_not_equal(shape.back(), quantizer.channel_integers.size())) {
    return fail(ErrorCode::kInvalidArgument, "{} has bits for {} channels; the values are {}",
                quantizer.name, quantizer.channel_integers.size(), tessera::to_string(shape));
  }
  Rules rules{.groups = along(shape, std::ssize(shape) - 1)};
  for (const int integer : quantizer.channel_integers) {
    rules.rules.push_back(rule_of(quantizer, integer));
  }
  return rules;
}

Evaluation by_rules(const Quantizer& quantizer, std::span<const float> inputs, const Rules& rules,
                    const Shape& shape) {
  Evaluation result{.values = Tensor(DType::kFloat32, shape)};
  const auto values = result.values.as<float>();
  ScaledCodes codes{.groups = rules.groups};
  codes.codes.resize(inputs.size());
  for_each_in_group(rules.groups, inputs.size(), [&](std::size_t i, std::size_t group) {
    const auto& rule = rules.rules[group];
    codes.codes[i] = code_of(quantizer, rule, inputs[i]);
    values[i] = std::isnan(inputs[i]) ? inputs[i] : value_of(quantizer, rule, codes.codes[i]);
  });
  const auto& first = rules.rules.front();
  codes.low = first.low;
  codes.high = first.high;
  for (const auto& rule : rules.rules) {
    codes.scales.push_back(rule.step);
  }
  if (std::ranges::all_of(rules.rules, &Rule::affine)) {
    result.codes = std::move(codes);
  }
  return result;
}

Evaluation off_grid(const Quantizer& quantizer, std::span<const float> inputs, const Shape& shape) {
  Evaluation result{.values = Tensor(DType::kFloat32, shape)};
  const auto each = [&](const auto& function) {
    std::ranges::transform(inputs, result.values.as<float>().begin(), function);
  };
  if (quantizer.kind == QuantizerKind::kUlaw) {
    const auto law = ulaw_values(quantizer);
    each([&](float x) { return std::isnan(x) ? x : ulaw_of(quantizer, law, x); });
  } else if (quantizer.kind == QuantizerKind::kFunction) {
    each([&](float x) { return function_value(quantizer.function, x); });
  } else {
    each([&](float x) { return std::isnan(x) ? x : po2_of(quantizer, x); });
  }
  return result;
}

/// Looks at all of them, several at once, instead of ending at the first.
bool all_finite(std::span<const float> values) {
  int others = 0;
  for (const float value : values) {
    others |= static_cast<int>(!(std::fabs(value) <= std::numeric_limits<float>::max()));
  }
  return others == 0;
}

/// Denormals and negative zeros.
bool any_to_flush(std::span<const float> values) {
  std::uint32_t changed = 0;
  for (const float value : values) {
    changed |= std::bit_cast<std::uint32_t>(flushed(value)) ^ std::bit_cast<std::uint32_t>(value);
  }
  return changed != 0;
}

/// What the quantizer is applied to. `own` holds it where it is not what stands in the view.
Result<std::span<const float>> inputs_of(const Quantizer& quantizer, const TensorView& view,
                                         std::vector<float>& own) {
  const bool swish = quantizer.kind == QuantizerKind::kHardSwish;
  if (view.dtype == DType::kFloat32 && !swish && !any_to_flush(view.as<float>())) {
    return view.as<float>();
  }
  TESSERA_TRY(own, to_float32(view));
  std::ranges::for_each(own, [&](float& x) {
    x = flushed(x);
    x = swish ? hard_swish(quantizer, x) : x;
  });
  return std::span<const float>(own);
}

Result<Evaluation> evaluate(const Quantizer& quantizer, const TensorView& view,
                            bool must_be_finite) {
  if (!is_floating(view.dtype)) {
    return fail(ErrorCode::kUnimplemented, "{} of {} values; expected floats", quantizer.name,
                to_string(view.dtype));
  }
  std::vector<float> own;
  TESSERA_TRY(const auto inputs, inputs_of(quantizer, view, own));
  const bool by_data = scales_by_data(quantizer);
  if ((must_be_finite || by_data) && !all_finite(inputs)) {
    return fail(ErrorCode::kDataLoss, "values for {} have NaN or infinities", quantizer.name)
        .hint("the network was not trained to an end: look at it where it was made");
  }
  const Shape shape(view.shape.begin(), view.shape.end());
  if (by_data) {
    TESSERA_TRY(auto codes, scaled_codes(quantizer, inputs, shape));
    auto values = values_of(codes, shape);
    return Evaluation{std::move(values), std::move(codes), true};
  }
  switch (quantizer.kind) {
    case QuantizerKind::kUlaw:
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
    case QuantizerKind::kFunction:
      return off_grid(quantizer, inputs, shape);
    case QuantizerKind::kBits:
    case QuantizerKind::kLinear:
    case QuantizerKind::kBinary:
    case QuantizerKind::kTernary:
    case QuantizerKind::kRelu:
    case QuantizerKind::kTanh:
    case QuantizerKind::kSigmoid:
    case QuantizerKind::kHardSwish:
      break;
  }
  TESSERA_TRY(const auto rules, rules_of(quantizer, shape));
  return by_rules(quantizer, inputs, rules, shape);
}

DType narrowest(float low, float high) {
  if (low >= -128 && high <= 127) {
    return DType::kInt8;
  }
  if (low >= 0 && high <= 255) {
    return DType::kUInt8;
  }
  if (low >= -32768 && high <= 32767) {
    return DType::kInt16;
  }
  return low >= 0 && high <= 65535 ? DType::kUInt16 : DType::kInt32;
}

template <class T>
void convert(const std::vector<float>& codes, Tensor& integers) {
  std::ranges::transform(codes, integers.as<T>().begin(),
                         [](float code) { return static_cast<T>(code); });
}

/// Whole codes within the ends of their grid, as tensors hold them.
Codes to_codes(const Quantizer& quantizer, ScaledCodes grid, const Shape& shape) {
  const auto dtype = narrowest(grid.low, grid.high);
  Tensor integers(dtype, shape);
  if (dtype == DType::kInt8) {
    convert<std::int8_t>(grid.codes, integers);
  } else if (dtype == DType::kUInt8) {
    convert<std::uint8_t>(grid.codes, integers);
  } else if (dtype == DType::kInt16) {
    convert<std::int16_t>(grid.codes, integers);
  } else if (dtype == DType::kUInt16) {
    convert<std::uint16_t>(grid.codes, integers);
  } else {
    convert<std::int32_t>(grid.codes, integers);
  }
  return Codes{.integers = std::move(integers),
               .scales = std::move(grid.scales),
               .axis = grid.groups.axis,
               .bits = quantizer.bits,
               .low = static_cast<std::int64_t>(grid.low),
               .high = static_cast<std::int64_t>(grid.high)};
}

std::string alpha_text(const Quantizer& quantizer) {
  switch (quantizer.scale) {
    case ScaleRule::kNone:
      return "";
    case ScaleRule::kFixed:
      return fmt::format("alpha={}", quantizer.alpha);
    case ScaleRule::kAuto:
      return "alpha='auto'";
    case ScaleRule::kAutoPo2:
      return "alpha='auto_po2'";
  }
  return "";
}

/// Arguments by which the quantizer differs from its defaults, after those by place.
std::vector<std::string> arguments_of(const Quantizer& quantizer) {
  std::vector<std::string> list;
  const auto add = [&](bool given, std::string text) {
    if (given) {
      list.push_back(std::move(text));
    }
  };
  const bool has_integer =
      quantizer.kind == QuantizerKind::kBits || quantizer.kind == QuantizerKind::kLinear ||
      quantizer.kind == QuantizerKind::kRelu || quantizer.kind == QuantizerKind::kUlaw ||
      quantizer.kind == QuantizerKind::kHardSwish;
  const bool one_or_two_bits =
      quantizer.kind == QuantizerKind::kBinary || quantizer.kind == QuantizerKind::kTernary;
  const bool by_place = quantizer.kind == QuantizerKind::kBits ||
                        quantizer.kind == QuantizerKind::kLinear ||
                        quantizer.kind == QuantizerKind::kHardSwish;
  const bool po2 =
      quantizer.kind == QuantizerKind::kPo2 || quantizer.kind == QuantizerKind::kReluPo2;
  add(!one_or_two_bits, std::to_string(quantizer.bits));
  add(has_integer && quantizer.channel_integers.empty(), std::to_string(quantizer.integer));
  add(!quantizer.channel_integers.empty(),
      fmt::format("[{}]", fmt::join(quantizer.channel_integers, ",")));
  add(by_place, quantizer.symmetric ? "1" : "0");
  add(!by_place && quantizer.symmetric, "symmetric=1");
  add(!quantizer.keep_negative, "keep_negative=False");
  add(quantizer.zero_one, "use_01=1");
  add(quantizer.max_value.has_value(),
      fmt::format("max_value={}", quantizer.max_value.value_or(0)));
  add(quantizer.use_sigmoid, "use_sigmoid=1");
  add(quantizer.negative_slope != 0, fmt::format("negative_slope={}", quantizer.negative_slope));
  add(quantizer.upper_bound.has_value(), fmt::format("relu_upper_bound={},is_quantized_clip=False",
                                                     quantizer.upper_bound.value_or(0)));
  add(po2 && quantizer.quadratic, "quadratic_approximation=1");
  add(po2 && quantizer.floor_log2, "log2_rounding='floor'");
  add(quantizer.kind == QuantizerKind::kTernary && quantizer.threshold != 0.33F,
      fmt::format("threshold={}", quantizer.threshold));
  add(quantizer.kind == QuantizerKind::kTernary && quantizer.unrolls != 5,
      fmt::format("number_of_unrolls={}", quantizer.unrolls));
  add(quantizer.kind == QuantizerKind::kTanh && quantizer.real, "use_real_tanh=1");
  add(quantizer.kind == QuantizerKind::kSigmoid && quantizer.real, "use_real_sigmoid=1");
  add(quantizer.kind == QuantizerKind::kUlaw && quantizer.mu != 255,
      fmt::format("u={}", quantizer.mu));
  add(quantizer.kind == QuantizerKind::kHardSwish,
      fmt::format("relu_shift={},relu_upper_bound={}", quantizer.shift, quantizer.bound));
  add(quantizer.scale_axis.has_value(),
      fmt::format("scale_axis={}", quantizer.scale_axis.value_or(0)));
  add(quantizer.min_exponent.has_value(),
      fmt::format("min_po2_exponent={}", quantizer.min_exponent.value_or(0)));
  add(quantizer.max_exponent.has_value(),
      fmt::format("max_po2_exponent={}", quantizer.max_exponent.value_or(0)));
  add(!quantizer.trained_scale.empty(),
      fmt::format("post_training_scale=[{}]", fmt::join(quantizer.trained_scale, ",")));
  add(quantizer.scale != ScaleRule::kNone, alpha_text(quantizer));
  return list;
}

}  // namespace

std::string to_string(const Quantizer& quantizer) {
  if (quantizer.kind == QuantizerKind::kFunction) {
    return quantizer.name;
  }
  return fmt::format("{}({})", quantizer.name, fmt::join(arguments_of(quantizer), ","));
}

Quantizer as_used(Quantizer quantizer, WeightUse use) {
  switch (use) {
    case WeightUse::kBias:
    case WeightUse::kBeta:
    case WeightUse::kMean:
      return quantizer;
    case WeightUse::kKernel:
    case WeightUse::kDepthwiseKernel:
    case WeightUse::kGamma:
    case WeightUse::kVariance:
      break;
  }
  if (quantizer.scale != ScaleRule::kNone) {
    return quantizer;
  }
  switch (quantizer.kind) {
    case QuantizerKind::kBits:
    case QuantizerKind::kLinear:
    case QuantizerKind::kHardSwish:
      quantizer.symmetric = true;
      quantizer.scale = ScaleRule::kAutoPo2;
      return quantizer;
    case QuantizerKind::kBinary:
    case QuantizerKind::kTernary:
      quantizer.scale = ScaleRule::kAutoPo2;
      return quantizer;
    case QuantizerKind::kRelu:
    case QuantizerKind::kUlaw:
    case QuantizerKind::kTanh:
    case QuantizerKind::kSigmoid:
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
    case QuantizerKind::kFunction:
      return quantizer;
  }
  return quantizer;
}

Result<QuantizedWeight> quantize_weight(const Quantizer& quantizer, const TensorView& weight,
                                        WeightUse use) {
  const auto used = as_used(quantizer, use);
  if (used.scale == ScaleRule::kAutoPo2 && used.bits < 2 &&
      (used.kind == QuantizerKind::kBits || used.kind == QuantizerKind::kHardSwish)) {
    return fail(ErrorCode::kUnimplemented,
                "{} with one bit and a scale from data gives NaN in QKeras", used.name)
        .hint("give it alpha=1, or train with binary(alpha='auto_po2')");
  }
  TESSERA_TRY(auto result, evaluate(used, weight, true));
  const Shape shape(weight.shape.begin(), weight.shape.end());
  QuantizedWeight quantized{.values = std::move(result.values)};
  if (!result.codes) {
    return quantized;
  }
  if (result.published) {
    quantized.published_scale = result.codes->scales;
    std::ranges::for_each(quantized.published_scale,
                          [&](float& scale) { scale *= result.codes->published; });
  }
  if (result.codes->low >= -kMostCodes && result.codes->high < kMostCodes) {
    quantized.codes = to_codes(used, std::move(*result.codes), shape);
  }
  return quantized;
}

Result<Tensor> apply(const Quantizer& quantizer, const TensorView& values) {
  return evaluate(quantizer, values, false).map([](Evaluation result) {
    return std::move(result.values);
  });
}

}  // namespace tessera::keras
