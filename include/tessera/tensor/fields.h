// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera {

[[nodiscard]] Fields<struct ErrorMetrics> fields_of(const struct ErrorMetrics* metrics);

}  // namespace tessera
