// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::refine {

[[nodiscard]] Fields<struct Step> fields_of(const struct Step* step);
[[nodiscard]] Fields<struct RefineReport> fields_of(const struct RefineReport* report);
[[nodiscard]] Fields<struct RefineOptions> fields_of(const struct RefineOptions* options);
[[nodiscard]] Fields<struct MethodTrial> fields_of(const struct MethodTrial* trial);
[[nodiscard]] Fields<struct MethodMix> fields_of(const struct MethodMix* mix);
[[nodiscard]] Fields<struct MethodChoice> fields_of(const struct MethodChoice* choice);

}  // namespace tessera::refine
