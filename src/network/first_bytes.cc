// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "network/first_bytes.h"

#include <fstream>
#include <system_error>

namespace tessera::network {

std::optional<std::string> first_bytes(const std::filesystem::path& path) {
  constexpr std::size_t kBytes = 8;
  std::error_code unknown;
  if (!std::filesystem::is_regular_file(path, unknown)) {
    return std::nullopt;
  }
  std::string bytes(kBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

}  // namespace tessera::network
