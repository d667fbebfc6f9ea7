// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keras/energy.h"

namespace tessera::keras {

/// pJ of one addition of such numbers.
[[nodiscard]] double addition(const NumberType& type);
/// pJ of one operation, by its circuit.
[[nodiscard]] double energy_of(const Operation& operation);

/// A tensor that is moved.
struct Traffic {
  double bits = 0;
  bool of_network = false;  ///< an input or an output of the network
};
/// pJ of reading it once from where it lies, or of writing it there: both cost the same.
[[nodiscard]] double moving(const Traffic& traffic, MemoryKind memory,
                            const EnergyOptions& options);

}  // namespace tessera::keras
