// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "tessera/evaluate/energy.h"
#include "tessera/report/table.h"

namespace tessera::report {

/// The figure with its source and uncertainty, then the `top` dearest layers (0: all), for a
/// page.
[[nodiscard]] std::string energy_text(const evaluate::ModelEnergy& energy, Page page,
                                      std::size_t top);

}  // namespace tessera::report
