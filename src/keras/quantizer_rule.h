// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include "tessera/keras/quantizer.h"

/// The arithmetic of quantizers for one number, in float32 as QKeras does it.
namespace tessera::keras {

/// How a quantizer without a scale from data gets from a number to its code, and back by
/// multiplication with `step`.
struct Rule {
  float m = 1;     ///< codes per unit, 2^(bits without sign)
  float g = 1;     ///< 2^integer
  float step = 1;  ///< from one code to the next
  float low = 0;   ///< codes end here
  float high = 0;
  /// Below zero, of a ReLU with a slope: so many codes at most; 0 without one.
  float slope_codes = 0;
  /// Every result is a code times the step; a code beyond 2^24 is not.
  bool affine = true;
};

/// keras.backend.epsilon()
constexpr float kEpsilon = 1e-7F;
/// np.log(2.0) beside a float32 tensor
constexpr float kLogOfTwo = 0.69314718055994530942F;

/// Up to here float32 has every whole number.
constexpr float kMostCodes = 16777216.0F;

/// 2^exponent.
[[nodiscard]] float power_of_two(int exponent);
/// Half to even. Without a call of the mathematics library, which takes most of the time else.
[[nodiscard]] inline float round_even(float value) {
  // Above 2^23 every float32 is whole; below, adding it leaves no place for a fraction.
  constexpr float kWhole = 8388608.0F;
  const float magnitude = std::fabs(value);
  const float rounded = magnitude + kWhole - kWhole;
  return magnitude < kWhole ? std::copysign(rounded, value) : value;
}
/// The number, or zero for a denormal.
[[nodiscard]] inline float flushed(float value) {
  return std::fabs(value) < std::numeric_limits<float>::min() ? 0.0F : value;
}
/// Is the scale taken from the data?
[[nodiscard]] bool scales_by_data(const Quantizer& quantizer);

/// Of quantized_bits, _linear, _relu, _tanh, _sigmoid, _hswish and of binary and ternary with a
/// fixed scale. `integer` replaces that of the quantizer.
[[nodiscard]] Rule rule_of(const Quantizer& quantizer, int integer);

/// The code of a number under such a rule.
[[nodiscard]] float code_of(const Quantizer& quantizer, const Rule& rule, float value);
/// A code as a number; with an upper bound of a ReLU.
[[nodiscard]] float value_of(const Quantizer& quantizer, const Rule& rule, float code);

/// Least and largest exponent of a power of two; with `quadratic` the square root's.
struct Exponents {
  int low = 0;
  int high = 0;
};
[[nodiscard]] Exponents exponents_of(const Quantizer& quantizer);
/// The exponent of a magnitude.
[[nodiscard]] int exponent_of(const Quantizer& quantizer, float magnitude);
/// A number as a power of two.
[[nodiscard]] float po2_of(const Quantizer& quantizer, float value);

/// Results of quantized_ulaw, by round(sigmoid * m): m + 1 of them.
[[nodiscard]] std::vector<float> ulaw_values(const Quantizer& quantizer);
[[nodiscard]] float ulaw_of(const Quantizer& quantizer, const std::vector<float>& values,
                            float value);

[[nodiscard]] float hard_sigmoid(float value);
[[nodiscard]] float function_value(ActivationFunction function, float value);
/// x * clip(x + shift, 0, bound) / bound
[[nodiscard]] float hard_swish(const Quantizer& quantizer, float value);

}  // namespace tessera::keras
