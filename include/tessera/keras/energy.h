// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/keras/data_type.h"

/// What one inference of a quantized network takes in hardware that is made for it: an estimate
/// from widths and counts alone, layer by layer.
namespace tessera::keras {

enum class EnergyRules : std::uint8_t {
  /// As QTools of QKeras 0.9.0 counts, digit by digit: energy of SRAM 64 times too low, none for
  /// operations of folded layers and of averages, quantized_tanh taken for ternary behind a layer.
  kQtools,
  /// The same widths and constants with those defects mended, and every part counted.
  kPhysical,
};

[[nodiscard]] std::string_view to_string(EnergyRules rules) noexcept;

enum class MemoryKind : std::uint8_t {
  kFixed,  ///< wired in: free to read
  kSram,
  kDram,
};

[[nodiscard]] std::string_view to_string(MemoryKind memory) noexcept;

struct EnergyOptions {
  EnergyRules rules = EnergyRules::kPhysical;
  MemoryKind weights = MemoryKind::kDram;
  MemoryKind activations = MemoryKind::kDram;
  double least_sram_bits = 0;   ///< no SRAM is smaller: more bits cost more each
  bool io_through_dram = true;  ///< inputs and outputs of the network go through DRAM
  std::string source = "quantized_bits(8,0,1)";  ///< what the inputs of the network are
};

/// One call of a layer. Energies in pJ.
struct LayerEnergy {
  std::string name;
  std::string class_name;
  std::vector<NumberType> inputs;
  std::optional<NumberType> weight;
  std::optional<NumberType> bias;
  std::optional<Operation> product;  ///< of a weight and an input; of a merge
  std::optional<NumberType> sum;     ///< the accumulator
  NumberType output;
  std::int64_t operations = 0;  ///< products, or sums where there are none
  double read = 0;              ///< inputs
  double written = 0;           ///< outputs
  double parameters = 0;        ///< weights and biases, read once
  double computed = 0;          ///< operations
  double counted = 0;           ///< what enters the sum

  /// Every part, whether it enters the sum or not.
  [[nodiscard]] double total() const { return read + written + parameters + computed; }
};

struct EnergyTable {
  EnergyOptions options;            ///< what it was counted with
  std::vector<LayerEnergy> layers;  ///< in the order in which they are computed
  std::int64_t operations = 0;      ///< of all layers
  double counted = 0;               ///< pJ; the sum by the rules
  double total = 0;                 ///< pJ; every part of every layer
};

/// A constant that the table rests on.
struct EnergyConstant {
  std::string_view name;
  std::string_view value;  ///< in pJ
  std::string_view source;
  std::string_view process;
  std::string_view uncertainty;
};
[[nodiscard]] std::span<const EnergyConstant> energy_constants() noexcept;

/// Energy of one inference of one sample of the network in a Keras or QKeras file. `config` is the
/// architecture of a file with weights alone, else empty.
/// Errors: those of reading the file; kUnimplemented for extents that are open, for nested networks
/// and wrapped layers, for layers with weights whose operations these rules do not know
/// (kPhysical), for divisions that QTools does not know, and for 2^53 operations or more; those of
/// lowering the network, from which shapes are taken, and of parsing quantizers.
/// Cost: that of import().
[[nodiscard]] Result<EnergyTable> estimate_energy(const std::filesystem::path& file,
                                                  const EnergyOptions& options = {},
                                                  const std::filesystem::path& config = {});

/// {rules, memory, source, operations, counted_pj, total_pj, layers[], constants[]}.
[[nodiscard]] Json to_json(const EnergyTable& table);

}  // namespace tessera::keras
