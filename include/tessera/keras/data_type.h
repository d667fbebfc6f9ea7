// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/keras/quantizer.h"

/// Types of hardware numbers as QTools (QKeras 0.9.0, qtools/quantized_operators) derives them: how
/// wide a product, a sum and a quotient are, and by what circuit it is computed.
namespace tessera::keras {

/// In the order of QTools' tables.
enum class NumberClass : std::uint8_t {
  kFixedPoint,
  kPowerOfTwo,
  kTernary,
  kSign,  ///< -1 and 1
  kGate,  ///< 0 and 1
  kFloat,
};

[[nodiscard]] std::string_view to_string(NumberClass number) noexcept;

struct NumberType {
  NumberClass number = NumberClass::kFixedPoint;
  std::string name = "quantized_bits";  ///< of the quantizer that it comes from
  double bits = 0;                      ///< whole; of powers of two, beyond what an int holds
  double int_bits = -1;                 ///< left of the point, without the sign
  bool is_signed = true;
  bool is_po2 = false;
  double max_value = -1;  ///< of a power of two; -1: none was given

  [[nodiscard]] bool is_float() const { return number == NumberClass::kFloat; }
};

[[nodiscard]] NumberType float_type(double bits);
[[nodiscard]] NumberType fixed_type(double bits, double int_bits, bool is_signed);
[[nodiscard]] NumberType type_of(const Quantizer& quantizer);
/// QTools knows the quantizer; for others (quantized_sigmoid, quantized_linear, quantized_hswish)
/// it fails.
[[nodiscard]] bool known_to_qtools(const Quantizer& quantizer);
/// As QTools hands a type on from one layer to the next: quantized_tanh, quantized_ulaw and
/// stochastic_binary arrive as ternary numbers.
[[nodiscard]] NumberType handed_on(const NumberType& type);

enum class Circuit : std::uint8_t { kMultiplier, kAdder, kShifter, kMux, kXor, kAnd };
[[nodiscard]] std::string_view to_string(Circuit circuit) noexcept;

/// An operation: what comes out, and what its energy is counted by.
struct Operation {
  NumberType output;
  Circuit circuit = Circuit::kMultiplier;
  double gate_factor = 1;  ///< its energy against that of an adder, or of a multiplier
  double gate_bits = 0;
};

[[nodiscard]] Operation multiply(const NumberType& weight, const NumberType& input);
/// Errors: kUnimplemented for a denominator of one or two bits.
[[nodiscard]] Result<Operation> divide(const NumberType& numerator, const NumberType& denominator);
[[nodiscard]] NumberType add(const NumberType& a, const NumberType& b);
/// The sum of `terms` products.
[[nodiscard]] NumberType accumulate(double terms, const NumberType& product);
/// A power of two with an exponent of so many bits as a fixed-point number.
[[nodiscard]] NumberType fixed_point_of(const NumberType& power);

}  // namespace tessera::keras
