// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tessera/noise/fit.h"

namespace tessera::report {

/// A drawing and the file it goes to.
struct NamedChart {
  std::string file;  ///< "polynomial-2.svg"
  std::string svg;
};

/// Predicted against measured errors: one drawing per alternative, named after it, and
/// "panel.svg" with all of them.
[[nodiscard]] Result<std::vector<NamedChart>> fit_charts(const noise::FitReport& report);

}  // namespace tessera::report
