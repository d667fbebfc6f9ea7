// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tessera::testing {

/// A file of the shared data ("keras/k1_convnet.k2.h5"); empty where it is not there.
inline std::filesystem::path shared_file(const std::string& name) {
  const char* const given = std::getenv("TESSERA_SHARED");
  const auto shared = given != nullptr ? std::filesystem::path(given)
                                       : std::filesystem::path(TESSERA_SOURCE_DIR) / "../shared";
  auto path = shared / "data" / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace tessera::testing
