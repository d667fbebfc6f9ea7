// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "quantize/litert_plan.h"
#include "tessera/core/result.h"
#include "tessera/litert/content.h"
#include "tessera/quantize/quantize.h"

namespace tessera::quantize {

/// Rewrites the network as planned. Operators that stay keep their ids; values keep their names,
/// inputs and outputs their types, unless `options.io` says otherwise. Notes in `work` what was
/// adjusted. Errors: kDataLoss naming a constant with NaN or infinities.
/// Cost: one pass over the weights that change.
[[nodiscard]] Status write_litert(litert::Content& content, const LitertConstants& constants,
                                  const LitertPlan& plan, const std::vector<LitertWork>& work,
                                  const QuantizeOptions& options);

}  // namespace tessera::quantize
