// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "tessera/core/result.h"
#include "tessera/litert/content.h"

namespace tessera::litert {

struct Read {
  Content content;
  /// Why it cannot be written again without loss.
  std::optional<Error> not_writable;
};

/// Takes a file apart; weights stay where they are, kept by `owner`. What it gives has still to be
/// checked for sense, see check.h.
/// Errors: those of Model::parse().
[[nodiscard]] Result<Read> read_content(std::span<const std::byte> bytes,
                                        std::shared_ptr<const void> owner);

}  // namespace tessera::litert
