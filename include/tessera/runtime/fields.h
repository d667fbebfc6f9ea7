// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::runtime {

[[nodiscard]] Fields<struct SessionMemory> fields_of(const struct SessionMemory* memory);

}  // namespace tessera::runtime
