// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keras/model.h"
#include "tessera/keras/energy.h"

namespace tessera::keras {

/// estimate_energy() of a network that was read: cost that of lowering, errors too.
[[nodiscard]] Result<EnergyTable> energy_of(const Model& model, const EnergyOptions& options = {});

}  // namespace tessera::keras
