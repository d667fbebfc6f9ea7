// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::graph {

[[nodiscard]] Fields<struct Quantization> fields_of(const struct Quantization* quantization);
[[nodiscard]] Fields<struct TypeTotal> fields_of(const struct TypeTotal* total);

}  // namespace tessera::graph
