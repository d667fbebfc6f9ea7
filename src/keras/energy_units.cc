// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "keras/energy_units.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tessera::keras {
namespace {

constexpr std::string_view kHorowitz =
    "M. Horowitz, Computing's energy problem (and what we can do about it), ISSCC 2014, figure "
    "1.1.9";
constexpr std::string_view kFit = "curve of QTools (QKeras 0.9.0) through those of ISSCC 2014";
constexpr std::string_view kProcess = "45 nm, 0.9 V";
constexpr std::string_view kRough = "the source states none and one or two digits: a factor of 2";
constexpr std::string_view kGate =
    "the estimate of QTools, against an adder: a factor of 2 at least";

constexpr std::array<EnergyConstant, 9> kConstants = {{
    {"integer addition", "0.003125 b", kFit, kProcess, kRough},
    {"integer multiplication", "0.002994791667 b^2 + 0.001041666667 b", kFit, kProcess, kRough},
    {"float16 addition and multiplication", "0.4 and 1.1", kHorowitz, kProcess, kRough},
    {"float32 addition and multiplication", "0.9 and 3.7", kHorowitz, kProcess, kRough},
    {"mux of a ternary number, of a sign", "0.6 and 0.3 of an addition", kGate, kProcess, kRough},
    {"xor of two signs", "0.3 of an addition of one bit", kGate, kProcess, kRough},
    {"and with {0, 1}", "0.1 of an addition", kGate, kProcess, kRough},
    {"SRAM, a bit of a memory of 2^x bits", "0.000902427321 x^3 - 0.0268847858 x^2 + 0.208900804 x",
     "curve of QTools through 8 KB: 10 pJ, 32 KB: 20 pJ, 1 MB: 100 pJ for 64 bits, ISSCC 2014; no "
     "smaller memory than 8 KB",
     kProcess, kRough},
    {"DRAM, a bit", "20.3125", "1.3 nJ for 64 bits, the lower end of 1.3 to 2.6 nJ, ISSCC 2014",
     kProcess, "up to twice as much"},
}};

// The figures of the table above, in pJ.
constexpr double kAdditionBit = 0.003125;
constexpr double kProductSquare = 0.002994791667;
constexpr double kProductBit = 0.001041666667;
constexpr double kDramBit = 20.3125;
constexpr double kWord = 64;
/// 8 KB: the least memory that the figures know. The curve rises again below.
constexpr double kLeastKnownSram = 65536;

double float_addition(double bits) {
  return bits > 16 ? 0.9 : 0.4;
}

double float_product(double bits) {
  return bits > 16 ? 3.7 : 1.1;
}

double sram_bit(double size_bits) {
  if (size_bits <= 0) {
    return 0;
  }
  const double x = std::log2(size_bits);
  return std::max(0.0, ((9.02427321e-04 * x - 2.68847858e-02) * x + 2.08900804e-01) * x);
}

double sram(double bits, const EnergyOptions& options) {
  if (options.rules == EnergyRules::kQtools) {
    // The defect: the curve is pJ per bit, and is taken times words.
    return std::ceil(bits / kWord) * sram_bit(std::max(bits, options.least_sram_bits));
  }
  return bits * sram_bit(std::max({bits, options.least_sram_bits, kLeastKnownSram}));
}

}  // namespace

std::span<const EnergyConstant> energy_constants() noexcept {
  return kConstants;
}

double addition(const NumberType& type) {
  return type.is_float() ? float_addition(type.bits) : kAdditionBit * type.bits;
}

double energy_of(const Operation& operation) {
  const double bits = operation.gate_bits;
  const bool product = operation.circuit == Circuit::kMultiplier;
  if (operation.output.is_float()) {
    const double wide = operation.output.bits;
    return operation.gate_factor * (product ? float_product(wide) : float_addition(wide));
  }
  if (product) {
    return operation.gate_factor * (kProductSquare * bits * bits + kProductBit * bits);
  }
  return operation.gate_factor * kAdditionBit * bits;
}

double moving(const Traffic& traffic, MemoryKind memory, const EnergyOptions& options) {
  if (traffic.of_network) {
    memory = options.io_through_dram ? MemoryKind::kDram : MemoryKind::kSram;
  }
  switch (memory) {
    case MemoryKind::kFixed:
      return 0;
    case MemoryKind::kSram:
      return sram(traffic.bits, options);
    case MemoryKind::kDram:
      // What comes from DRAM passes SRAM once.
      return kDramBit * traffic.bits + (options.io_through_dram ? sram(traffic.bits, options) : 0);
  }
  return 0;
}

}  // namespace tessera::keras
