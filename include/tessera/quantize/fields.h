// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::quantize {

[[nodiscard]] Fields<struct OpOutcome> fields_of(const struct OpOutcome* outcome);
[[nodiscard]] Fields<struct QuantizeReport> fields_of(const struct QuantizeReport* report);

}  // namespace tessera::quantize
