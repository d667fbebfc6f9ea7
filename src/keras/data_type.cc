// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/data_type.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace tessera::keras {
namespace {

using enum NumberClass;

struct ExponentBits {
  double below = 0;  ///< right of the point
  double above = 0;
};

ExponentBits exponent_bits(const NumberType& power) {
  const double bits = power.bits - (power.is_signed ? 1 : 0);
  double most = std::exp2(bits - 1) - 1;
  if (power.max_value != -1) {
    most = power.max_value <= 0 ? 0 : std::min(std::ceil(std::log2(power.max_value)), most);
  }
  return {std::exp2(bits - 1), std::max(0.0, most)};
}

NumberType power_type(double bits, bool is_signed) {
  NumberType type{.number = kPowerOfTwo, .bits = bits, .int_bits = bits, .is_signed = is_signed};
  type.name = is_signed ? "quantized_po2" : "quantized_relu_po2";
  type.is_po2 = true;
  return type;
}

NumberType ternary_type(std::string name) {
  return {.number = kTernary, .name = std::move(name), .bits = 2, .int_bits = 2};
}

NumberType sign_type(std::string name, bool zero_one) {
  return {.number = zero_one ? kGate : kSign,
          .name = std::move(name),
          .bits = 1,
          .int_bits = 1,
          .is_signed = !zero_one};
}

/// The type that QTools' table has for a product, before its bits are known.
NumberType product_type(NumberClass weight, NumberClass input) {
  if (weight == kFloat || input == kFloat) {
    return float_type(0);
  }
  if (weight == kFixedPoint || input == kFixedPoint) {
    return fixed_type(-1, -1, true);
  }
  if (weight == kPowerOfTwo || input == kPowerOfTwo) {
    return power_type(-1, true);
  }
  if (weight == kSign && input == kSign) {
    return sign_type("binary", false);
  }
  return weight == kGate && input == kGate ? sign_type("binary", true) : ternary_type("ternary");
}

Circuit circuit_of(NumberClass weight, NumberClass input) {
  if (weight == kFloat || input == kFloat) {
    return Circuit::kMultiplier;
  }
  if (weight == kGate || input == kGate) {
    return Circuit::kAnd;
  }
  if (weight == kSign && input == kSign) {
    return Circuit::kXor;
  }
  const auto narrow = [](NumberClass number) { return number == kTernary || number == kSign; };
  if (narrow(weight) || narrow(input)) {
    return Circuit::kMux;
  }
  if (weight == kPowerOfTwo && input == kPowerOfTwo) {
    return Circuit::kAdder;
  }
  return weight == kPowerOfTwo || input == kPowerOfTwo ? Circuit::kShifter : Circuit::kMultiplier;
}

bool has(const std::string& name, std::string_view part) {
  return name.find(part) != std::string::npos;
}

double limit_of(const NumberType& weight, const NumberType& input) {
  return has(weight.name, "po2") ? weight.max_value : input.max_value;
}

void name_power(NumberType& type) {
  type.name = type.is_signed ? "quantized_po2" : "quantized_relu_po2";
}

/// One of two that chooses 0, the other number, or its negative.
void finish_mux(Operation& product, const NumberType& weight, const NumberType& input) {
  const bool by_weight = has(weight.name, "binary") || has(weight.name, "ternary");
  const auto& chosen = by_weight ? input : weight;
  const auto& choosing = by_weight ? weight : input;
  auto& output = product.output;
  output.bits = chosen.bits + (!chosen.is_signed && choosing.is_signed ? 1 : 0);
  output.int_bits = chosen.int_bits;
  const bool one_bit = by_weight ? has(weight.name, "binary") : input.name == "binary";
  product.gate_factor = one_bit ? 0.3 : 2 * 0.3;
  product.gate_bits = chosen.bits;
  if (has(output.name, "po2")) {
    name_power(output);
    output.max_value = limit_of(weight, input);
    output.int_bits = output.bits;
  }
}

void finish_and(Operation& product, const NumberType& weight, const NumberType& input) {
  auto& output = product.output;
  if (output.name != "ternary") {
    output.bits = std::max(weight.bits, input.bits);
    output.is_signed = weight.is_signed || input.is_signed;
    output.int_bits =
        weight.name == "binary" && weight.number == kGate ? input.int_bits : weight.int_bits;
    if (has(output.name, "po2")) {
      name_power(output);
      output.max_value = limit_of(weight, input);
    }
  }
  product.gate_bits = output.bits;
  product.gate_factor = 0.1;
}

/// A fixed-point number moved by the exponents of a power of two: `below` to the right, `above` to
/// the left.
void finish_shift(Operation& result, const NumberType& number, const NumberType& power,
                  double below, double above) {
  auto& output = result.output;
  output.bits = number.bits + above + below + (!number.is_signed && power.is_signed ? 1 : 0);
  output.int_bits = number.int_bits + above;
  output.is_signed = number.is_signed || power.is_signed;
  const double gates = std::sqrt(std::exp2(power.bits) * number.bits);
  result.gate_bits = gates * std::log10(gates);
}

}  // namespace

NumberType float_type(double bits) {
  return {.number = kFloat, .name = "floating_point", .bits = bits, .int_bits = -1};
}

NumberType fixed_type(double bits, double int_bits, bool is_signed) {
  return {.bits = bits, .int_bits = int_bits, .is_signed = is_signed};
}

bool known_to_qtools(const Quantizer& quantizer) {
  return quantizer.name != "quantized_sigmoid" && quantizer.name != "quantized_linear" &&
         quantizer.name != "quantized_hswish" && quantizer.kind != QuantizerKind::kFunction;
}

NumberType type_of(const Quantizer& quantizer) {
  NumberType type{.name = quantizer.name,
                  .bits = static_cast<double>(quantizer.bits),
                  .int_bits = static_cast<double>(quantizer.integer)};
  switch (quantizer.kind) {
    case QuantizerKind::kBits:
    case QuantizerKind::kLinear:
    case QuantizerKind::kHardSwish:
      type.is_signed = quantizer.keep_negative;
      return type;
    case QuantizerKind::kUlaw:
      return type;
    case QuantizerKind::kTanh:
      type.int_bits = -1;
      return type;
    case QuantizerKind::kSigmoid:
      type.is_signed = false;
      return type;
    case QuantizerKind::kBinary:
      return sign_type(quantizer.name, quantizer.zero_one);
    case QuantizerKind::kTernary:
      return ternary_type(quantizer.name);
    case QuantizerKind::kRelu:
      type.is_signed = quantizer.negative_slope != 0;
      type.number = quantizer.bits == 1 && quantizer.integer == 1 ? kGate : kFixedPoint;
      return type;
    case QuantizerKind::kPo2:
    case QuantizerKind::kReluPo2:
      type = power_type(quantizer.bits, quantizer.kind == QuantizerKind::kPo2);
      type.max_value = quantizer.max_value.value_or(-1);
      return type;
    case QuantizerKind::kFunction:
      return float_type(32);
  }
  return type;
}

NumberType handed_on(const NumberType& type) {
  static constexpr std::array<std::string_view, 3> kForgotten = {"quantized_tanh", "quantized_ulaw",
                                                                 "stochastic_binary"};
  return std::ranges::find(kForgotten, type.name) == kForgotten.end()
             ? type
             : ternary_type("stochastic_ternary");
}

std::string_view to_string(NumberClass number) noexcept {
  switch (number) {
    case NumberClass::kFixedPoint:
      return "fixed-point";
    case NumberClass::kPowerOfTwo:
      return "power-of-two";
    case NumberClass::kTernary:
      return "ternary";
    case NumberClass::kSign:
      return "sign";
    case NumberClass::kGate:
      return "zero-or-one";
    case NumberClass::kFloat:
      return "float";
  }
  return "";
}

std::string_view to_string(Circuit circuit) noexcept {
  switch (circuit) {
    case Circuit::kMultiplier:
      return "multiplier";
    case Circuit::kAdder:
      return "adder";
    case Circuit::kShifter:
      return "shifter";
    case Circuit::kMux:
      return "mux";
    case Circuit::kXor:
      return "xor";
    case Circuit::kAnd:
      return "and";
  }
  return "multiplier";
}

Operation multiply(const NumberType& weight, const NumberType& input) {
  Operation product{.output = product_type(weight.number, input.number),
                    .circuit = circuit_of(weight.number, input.number)};
  auto& output = product.output;
  const bool is_signed = weight.is_signed || input.is_signed;
  switch (product.circuit) {
    case Circuit::kMultiplier:
      if (output.is_float()) {
        output.bits =
            std::max(weight.is_float() ? weight.bits : 0.0, input.is_float() ? input.bits : 0.0);
        product.gate_bits = output.bits;
        return product;
      }
      output = fixed_type(weight.bits + input.bits, weight.int_bits + input.int_bits, is_signed);
      product.gate_bits = std::sqrt(weight.bits * input.bits);
      return product;
    case Circuit::kAdder:
      output.bits = std::max(weight.bits, input.bits) + 1;
      output.int_bits = std::max(weight.int_bits, input.int_bits) + 1;
      output.is_signed = is_signed;
      output.max_value =
          weight.max_value == -1 || input.max_value == -1 ? -1 : weight.max_value * input.max_value;
      name_power(output);
      product.gate_bits = output.bits;
      return product;
    case Circuit::kShifter: {
      const bool by_weight = weight.number == kPowerOfTwo;
      const auto& power = by_weight ? weight : input;
      const auto [below, above] = exponent_bits(power);
      finish_shift(product, by_weight ? input : weight, power, below, above);
      return product;
    }
    case Circuit::kMux:
      output.is_signed = is_signed;
      finish_mux(product, weight, input);
      return product;
    case Circuit::kXor:
      output.bits = std::max(weight.bits, input.bits);
      output.int_bits = std::max(weight.int_bits, input.int_bits);
      output.is_signed = is_signed;
      product.gate_factor = 0.3;
      product.gate_bits = 1;
      return product;
    case Circuit::kAnd:
      finish_and(product, weight, input);
      return product;
  }
  return product;
}

Result<Operation> divide(const NumberType& numerator, const NumberType& denominator) {
  Operation quotient;
  switch (denominator.number) {
    case kFixedPoint:
    case kFloat: {
      const double bits = std::max(numerator.is_float() ? numerator.bits : 0.0,
                                   denominator.is_float() ? denominator.bits : 0.0);
      // A fixed-point denominator gives a float32, but below a float numerator.
      const bool by_operands = denominator.is_float() || numerator.is_float();
      quotient.output = float_type(by_operands ? bits : 32);
      quotient.gate_bits = quotient.output.bits;
      return quotient;
    }
    case kPowerOfTwo:
      break;
    case kTernary:
    case kSign:
    case kGate:
      return fail(ErrorCode::kUnimplemented, "a division by {}; expected other numbers",
                  denominator.name)
          .hint("quantized_bits and quantized_po2 can be divided by");
  }
  if (numerator.is_float()) {
    quotient.output = float_type(numerator.bits);
    quotient.gate_bits = numerator.bits;
    return quotient;
  }
  if (numerator.number == kPowerOfTwo) {
    quotient.circuit = Circuit::kAdder;
    quotient.output = power_type(std::max(numerator.bits, denominator.bits) + 1, true);
    quotient.output.int_bits = std::max(numerator.int_bits, denominator.int_bits) + 1;
    const bool open = numerator.max_value == -1 || denominator.max_value == -1;
    quotient.output.max_value = open ? -1 : numerator.max_value / denominator.max_value;
    quotient.gate_bits = quotient.output.bits;
    return quotient;
  }
  quotient.circuit = Circuit::kShifter;
  const bool narrow = numerator.number == kSign || numerator.number == kGate;
  quotient.output = narrow ? power_type(-1, true) : fixed_type(-1, -1, true);
  // A quotient moves the other way.
  const auto [below, above] = exponent_bits(denominator);
  finish_shift(quotient, numerator, denominator, above, below);
  return quotient;
}

NumberType fixed_point_of(const NumberType& power) {
  const auto [below, above] = exponent_bits(power);
  return fixed_type(below + above + (power.is_signed ? 1 : 0), above, power.is_signed);
}

NumberType add(const NumberType& a, const NumberType& b) {
  if (a.is_float() || b.is_float()) {
    return float_type(std::max(a.bits, b.bits));
  }
  // QTools does not widen a power of two beside {0, 1} where it comes first.
  const bool narrow = a.number == kPowerOfTwo && b.number == kGate;
  const auto left = a.number == kPowerOfTwo && !narrow ? fixed_point_of(a) : a;
  const auto right = b.number == kPowerOfTwo ? fixed_point_of(b) : b;
  return fixed_type(std::max(left.bits, right.bits) + 1,
                    std::max(left.int_bits, right.int_bits) + 1, left.is_signed || right.is_signed);
}

NumberType accumulate(double terms, const NumberType& product) {
  if (product.is_float()) {
    auto sum = float_type(product.bits);
    sum.is_signed = product.is_signed;
    return sum;
  }
  const double growth = std::ceil(std::log2(std::max(terms, 1.0)));
  const auto term = product.is_po2 ? fixed_point_of(product) : product;
  return fixed_type(growth + term.bits, growth + term.int_bits, product.is_signed);
}

}  // namespace tessera::keras
