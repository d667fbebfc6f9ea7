// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string_view>

#include "tessera/core/result.h"

namespace tessera::cli {

/// Fails if a file says that it is another of our documents than `kind` ("error-fit"). One that
/// says nothing passes: its reader knows better what is wrong with it.
/// Errors: kDataLoss naming both kinds, with the command that makes the wanted one.
[[nodiscard]] Status expect_kind(const std::filesystem::path& path, std::string_view kind);

}  // namespace tessera::cli
