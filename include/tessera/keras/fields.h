// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// Members of this room's records in documents: see core/fields.h.
namespace tessera::keras {

[[nodiscard]] Fields<struct NumberType> fields_of(const struct NumberType* type);
[[nodiscard]] Fields<struct Operation> fields_of(const struct Operation* operation);
[[nodiscard]] Fields<struct EnergyOptions> fields_of(const struct EnergyOptions* options);
[[nodiscard]] Fields<struct EnergyConstant> fields_of(const struct EnergyConstant* constant);
[[nodiscard]] Fields<struct LayerEnergy> fields_of(const struct LayerEnergy* layer);

}  // namespace tessera::keras
