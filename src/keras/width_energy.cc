// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/width_energy.h"

#include "keras/energy_units.h"
#include "tessera/keras/data_type.h"

namespace tessera::keras {

double product_energy(const ProductWidths& widths) {
  const auto weight = fixed_type(widths.weight_bits, 0, true);
  const auto input = fixed_type(widths.input_bits, 0, widths.signed_input);
  const auto product = multiply(weight, input);
  return energy_of(product) + addition(accumulate(widths.terms, product.output));
}

double moving_energy(double bits, BitStore store) {
  // Between layers nothing leaves the chip: what DRAM costs is DRAM alone.
  const EnergyOptions options{.io_through_dram = false};
  return moving({bits, false}, store == BitStore::kDram ? MemoryKind::kDram : MemoryKind::kSram,
                options);
}

}  // namespace tessera::keras
