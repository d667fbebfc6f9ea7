// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

namespace tessera {

/// Unpacks one zlib stream (RFC 1950) of at most `most_bytes` content, which may be fewer; memory
/// is taken for what it really holds. `what` names it in errors. Errors: kDataLoss if it is
/// damaged, cut short or unpacks to more.
[[nodiscard]] Result<std::vector<std::byte>> inflate_zlib(std::span<const std::byte> source,
                                                          std::uint64_t most_bytes,
                                                          std::string_view what);

}  // namespace tessera
