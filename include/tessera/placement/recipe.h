// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/result.h"
#include "tessera/placement/plan.h"
#include "tessera/quantize/recipe.h"

namespace tessera::placement {

/// The precisions of a plan for `tessera quantize --recipe`: a rule for each that some operator is
/// in, float32 included. What machines it is for is not in it.
/// Errors: kFailedPrecondition without a plan, or where a profile does not say the fields of a
/// scheme (those of earlier versions).
[[nodiscard]] Result<quantize::Recipe> recipe_of(const Setting& setting, const Planned& planned);

}  // namespace tessera::placement
