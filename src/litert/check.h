// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/result.h"
#include "tessera/litert/content.h"

namespace tessera::litert {

/// Whether everything refers to something, and values have the sizes that their shapes say.
/// Errors: kDataLoss; kUnimplemented for what is sound, but of no use as a network.
[[nodiscard]] Status check(const Content& content);

}  // namespace tessera::litert
