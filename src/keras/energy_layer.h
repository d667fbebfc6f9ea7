// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "keras/energy.h"
#include "tessera/tensor/tensor.h"

namespace tessera::keras {

/// A call of a layer, as its energy is counted.
struct EnergySite {
  const Layer& layer;
  const EnergyOptions& options;
  std::vector<NumberType> inputs;
  std::vector<Shape> input_shapes;  ///< behind the batch, in Keras' order
  Shape output_shape;
  bool first = false;  ///< reads an input of the network
  bool last = false;   ///< makes an output

  [[nodiscard]] bool physical() const { return options.rules == EnergyRules::kPhysical; }
};

/// Widths, counts and energies of the call.
/// Errors: see estimate_energy().
[[nodiscard]] Result<LayerEnergy> energy_of_layer(const EnergySite& site);

/// A count as a whole number. Errors: kUnimplemented from 2^53 on, where doubles leave some out.
[[nodiscard]] Result<std::int64_t> whole(double count, const std::string& layer);

/// The quantizer that the layer ends with; none where it has none, or one that has no name in
/// QKeras.
[[nodiscard]] Result<std::optional<Quantizer>> own_quantizer(const Layer& layer);

}  // namespace tessera::keras
