// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tessera/core/json.h"

namespace tessera {

/// The document on one line, without a final newline: for lines of logs and values within others.
/// As to_text(), it replaces bytes that are not UTF-8 and writes null for NaN and infinities.
[[nodiscard]] std::string compact_text(const Json& json);

}  // namespace tessera
