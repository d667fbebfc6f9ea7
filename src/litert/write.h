// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tessera/core/result.h"
#include "tessera/litert/content.h"

namespace tessera::litert {

/// A file of this content, which check() has passed. The same content makes the same bytes.
/// Errors: kResourceExhausted above 2 GB; those of moving the archive.
[[nodiscard]] Result<std::string> write_content(const Content& content);

}  // namespace tessera::litert
