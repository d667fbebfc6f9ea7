// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace tessera::network {

/// The 8 bytes by which formats are told, or all of a shorter file; none of what is no file.
[[nodiscard]] std::optional<std::string> first_bytes(const std::filesystem::path& path);

}  // namespace tessera::network
