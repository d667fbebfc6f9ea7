// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/evaluate/compare.h"

namespace tessera::evaluate {

/// Errors: kInvalidArgument if a gate needs labels or a classifier and there are none.
[[nodiscard]] Result<std::vector<GateResult>> check_gates(const std::vector<Gate>& gates,
                                                          const Accuracy& accuracy);

}  // namespace tessera::evaluate
