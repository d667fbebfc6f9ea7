// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/quantizer_rule.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace tessera::keras {
namespace {

/// The logarithm of a float32, rounded once: what does not depend on a mathematics library.
float log_of(float value) {
  return static_cast<float>(std::log(static_cast<double>(value)));
}

float clip(float value, float low, float high) {
  return std::min(std::max(value, low), high);
}

float sign_of(float value) {
  return value < 0 ? -1.0F : 1.0F;
}

/// The exponent of a root, rounded. `rounded` is that of its float32 logarithm, whose last bit must
/// not decide at the root of 2^odd, where two exponents meet: half to even there, as where that
/// logarithm is exact, and neighbours fall to no other side than their own.
float exponent_of_root(float root, float rounded) {
  constexpr float kRootOfTwo = 1.41421356237309504880F;
  int exponent = 0;
  const float mantissa = 2 * std::frexp(root, &exponent);  // 1 to 2
  const auto below = static_cast<float>(exponent - 1);
  const float half_way = round_even(below + 0.5F);
  if (mantissa == kRootOfTwo) {
    return half_way;
  }
  return mantissa < kRootOfTwo ? std::min(rounded, half_way) : std::max(rounded, half_way);
}

Rule rule_of_bits(const Quantizer& quantizer, int integer) {
  const int sign = quantizer.keep_negative ? 1 : 0;
  const int unsigned_bits = quantizer.bits - sign;
  Rule rule{.m = power_of_two(unsigned_bits), .g = power_of_two(integer)};
  if (unsigned_bits == 0) {
    // One bit is a sign, whatever the bits left of the point.
    rule.step = quantizer.alpha;
    rule.low = -1;
    rule.high = 1;
    return rule;
  }
  rule.step = quantizer.alpha * rule.g / rule.m;
  rule.low = quantizer.keep_negative ? (quantizer.symmetric ? 1.0F : 0.0F) - rule.m : 0.0F;
  rule.high = rule.m - 1;
  return rule;
}

Rule rule_of_linear(const Quantizer& quantizer, int integer) {
  const int sign = quantizer.keep_negative ? 1 : 0;
  Rule rule{.m = power_of_two(quantizer.bits - sign), .g = power_of_two(integer)};
  rule.step = quantizer.alpha * power_of_two(integer - quantizer.bits + sign);
  if (quantizer.bits == 1 && quantizer.keep_negative) {
    rule.step /= 2;  // -q/2 and q/2
    rule.low = -1;
    rule.high = 1;
    return rule;
  }
  rule.low = quantizer.keep_negative ? (quantizer.symmetric ? 1.0F : 0.0F) - rule.m : 0.0F;
  rule.high = rule.m - 1;
  return rule;
}

Rule rule_of_relu(const Quantizer& quantizer, int integer) {
  const float slope = quantizer.negative_slope;
  Rule rule{.m = power_of_two(quantizer.bits - (slope != 0 ? 1 : 0)), .g = power_of_two(integer)};
  rule.step = rule.g / rule.m;
  rule.high = (1 - 1 / rule.m) * rule.m;
  rule.slope_codes = slope * rule.m;
  rule.low = -rule.slope_codes;
  // With less than one code below zero the lowest value lies between two.
  rule.affine = slope == 0 || rule.slope_codes >= 1;
  if (quantizer.upper_bound) {
    const float most = *quantizer.upper_bound / rule.step;
    rule.affine = rule.affine && (most >= rule.high || most == std::floor(most));
    rule.high = std::min(rule.high, std::floor(most));
  }
  return rule;
}

float code_of_relu(const Quantizer& quantizer, const Rule& rule, float value) {
  const float slope = quantizer.negative_slope;
  const float m = rule.m;
  // A bound between two codes cuts values only.
  const float high = (1 - 1 / m) * m;
  const float p = quantizer.use_sigmoid ? hard_sigmoid(value / rule.g) * m : value * m / rule.g;
  const float above = quantizer.use_sigmoid ? 2 * round_even(p) - m : round_even(p);
  const float positive = clip(above, 0, rule.affine ? rule.high : high);
  if (slope == 0) {
    return positive;
  }
  const float below =
      quantizer.use_sigmoid ? 2 * round_even(p * slope) - slope * m : round_even(p * slope);
  return positive + clip(below, -slope * m, 0);
}

}  // namespace

float power_of_two(int exponent) {
  return std::ldexp(1.0F, exponent);
}

bool scales_by_data(const Quantizer& quantizer) {
  return quantizer.scale == ScaleRule::kAuto || quantizer.scale == ScaleRule::kAutoPo2;
}

float hard_sigmoid(float value) {
  return clip(0.5F * value + 0.5F, 0, 1);
}

float function_value(ActivationFunction function, float value) {
  const float smooth = clip(0.1875F * value + 0.5F, 0, 1);
  switch (function) {
    case ActivationFunction::kHardSigmoid:
      return hard_sigmoid(value);
    case ActivationFunction::kSmoothSigmoid:
      return smooth;
    case ActivationFunction::kBinarySigmoid:
      return round_even(hard_sigmoid(value));
    case ActivationFunction::kHardTanh:
      return 2 * hard_sigmoid(value) - 1;
    case ActivationFunction::kSmoothTanh:
      return 2 * smooth - 1;
    case ActivationFunction::kBinaryTanh:
      return 2 * round_even(hard_sigmoid(value)) - 1;
  }
  return value;
}

float hard_swish(const Quantizer& quantizer, float value) {
  return value * clip(value + quantizer.shift, 0, quantizer.bound) / quantizer.bound;
}

Rule rule_of(const Quantizer& quantizer, int integer) {
  Rule rule;
  switch (quantizer.kind) {
    case QuantizerKind::kBits:
    case QuantizerKind::kHardSwish:
      rule = rule_of_bits(quantizer, integer);
      break;
    case QuantizerKind::kLinear:
      rule = rule_of_linear(quantizer, integer);
      break;
    case QuantizerKind::kBinary:
      rule = {.step = quantizer.alpha, .low = quantizer.zero_one ? 0.0F : -1.0F, .high = 1};
      break;
    case QuantizerKind::kTernary:
      rule = {.step = quantizer.alpha, .low = -1, .high = 1};
      break;
    case QuantizerKind::kRelu:
      rule = rule_of_relu(quantizer, integer);
      break;
    case QuantizerKind::kTanh:
      rule.m = power_of_two(quantizer.bits - 1);
      rule.step = 1 / rule.m;
      rule.low = (quantizer.symmetric ? 1.0F : 0.0F) - rule.m;
      rule.high = (1 - 1 / rule.m) * rule.m;
      break;
    case QuantizerKind::kSigmoid:
      rule.m = power_of_two(quantizer.bits);
      rule.step = 1 / rule.m;
      rule.low = quantizer.symmetric ? 1 : 0;
      rule.high = (1 - 1 / rule.m) * rule.m;
      break;
    case QuantizerKind::kUlaw:
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
    case QuantizerKind::kFunction:
      rule.affine = false;
      break;
  }
  rule.affine = rule.affine && rule.low >= -kMostCodes && rule.high < kMostCodes;
  return rule;
}

float code_of(const Quantizer& quantizer, const Rule& rule, float value) {
  switch (quantizer.kind) {
    case QuantizerKind::kBits:
    case QuantizerKind::kHardSwish:
      if (quantizer.bits == 1 && quantizer.keep_negative) {
        return sign_of(value);
      }
      return clip(round_even(value * rule.m / rule.g), rule.low, rule.high);
    case QuantizerKind::kLinear:
      if (quantizer.bits == 1 && quantizer.keep_negative) {
        const float clipped = clip(value / (2 * rule.step), -0.5F, 0.5F);
        return 2 * round_even(clipped - 0.5F) + 1;
      }
      return round_even(clip(value / rule.step, rule.low, rule.high));
    case QuantizerKind::kBinary:
      return quantizer.zero_one ? (sign_of(value) + 1) / 2 : sign_of(value);
    case QuantizerKind::kTernary:
      return std::fabs(value) >= quantizer.threshold && value != 0 ? sign_of(value) : 0.0F;
    case QuantizerKind::kRelu:
      return code_of_relu(quantizer, rule, value);
    case QuantizerKind::kTanh: {
      const float p = quantizer.real ? std::tanh(value) : 2 * hard_sigmoid(value) - 1;
      return clip(round_even(p * rule.m), rule.low, rule.high);
    }
    case QuantizerKind::kSigmoid: {
      const float p = quantizer.real ? 1 / (1 + std::exp(-value)) : hard_sigmoid(value);
      return clip(round_even(p * rule.m), rule.low, rule.high);
    }
    case QuantizerKind::kUlaw:
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
    case QuantizerKind::kFunction:
      break;
  }
  return value;
}

float value_of(const Quantizer& quantizer, const Rule& rule, float code) {
  const float value = code * rule.step;
  return quantizer.upper_bound ? std::min(value, *quantizer.upper_bound) : value;
}

Exponents exponents_of(const Quantizer& quantizer) {
  const int sign = quantizer.kind == QuantizerKind::kPo2 ? 1 : 0;
  const int exponent_sign = !quantizer.max_value || *quantizer.max_value > 1 ? 1 : 0;
  const int range = 1 << std::max(quantizer.bits - sign - exponent_sign, 0);
  const int high = range - 1;
  return {-range, quantizer.quadratic ? 2 * (high / 2) : high};
}

int exponent_of(const Quantizer& quantizer, float magnitude) {
  const auto [low, high] = exponents_of(quantizer);
  if (magnitude < kEpsilon) {
    return low;  // not doubled, as QKeras has it
  }
  const float limited = quantizer.max_value ? std::min(magnitude, *quantizer.max_value) : magnitude;
  const float base = quantizer.quadratic ? std::sqrt(limited) : limited;
  const float log2 = log_of(base) / kLogOfTwo;
  float rounded = quantizer.floor_log2 ? std::floor(log2) : round_even(log2);
  if (quantizer.quadratic && !quantizer.floor_log2) {
    rounded = exponent_of_root(base, rounded);
  }
  const float kept = clip(rounded, static_cast<float>(low), static_cast<float>(high));
  return static_cast<int>(kept) * (quantizer.quadratic ? 2 : 1);
}

float po2_of(const Quantizer& quantizer, float value) {
  const auto power = [&](float magnitude) {
    return power_of_two(exponent_of(quantizer, magnitude));
  };
  if (quantizer.kind == QuantizerKind::kPo2) {
    return sign_of(value) * power(std::fabs(value));
  }
  if (value >= 0 || quantizer.negative_slope == 0) {
    return power(std::max(value, 0.0F));
  }
  return -power(-value * quantizer.negative_slope);
}

std::vector<float> ulaw_values(const Quantizer& quantizer) {
  const int m = 1 << (quantizer.bits - 1);
  const auto count = static_cast<float>(m);
  const float g = power_of_two(quantizer.integer);
  const float low = -1 + (quantizer.symmetric ? 1 / count : 0.0F);
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(m) + 1);
  for (int i = 0; i <= m; ++i) {
    const float rounded = 2 * (static_cast<float>(i) / count) - 1;
    const float law = log_of(1 + quantizer.mu * std::fabs(rounded)) / log_of(1 + quantizer.mu);
    const float signed_law = rounded == 0 ? 0.0F : std::copysign(law, rounded);
    values.push_back(g * clip(signed_law, low, 1 - 1 / count));
  }
  return values;
}

float ulaw_of(const Quantizer& quantizer, const std::vector<float>& values, float value) {
  const auto m = static_cast<float>(values.size() - 1);
  const float p = hard_sigmoid(value / power_of_two(quantizer.integer)) * m;
  return values[static_cast<std::size_t>(round_even(p))];
}

}  // namespace tessera::keras
