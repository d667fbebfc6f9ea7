// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

/// Real networks and golden values that stand beside the project and are no part of it.
namespace tessera::testing {

/// Where a file or folder of them would be: "cases", "data/models/vww.tflite".
inline std::filesystem::path shared_path(const std::string& name) {
  const char* const given = std::getenv("TESSERA_SHARED");
  const auto shared = given != nullptr ? std::filesystem::path(given)
                                       : std::filesystem::path(TESSERA_SOURCE_DIR) / "../shared";
  return shared / name;
}

/// A file of the data ("keras/k1_convnet.k2.h5"); empty where it is not there.
inline std::filesystem::path shared_file(const std::string& name) {
  auto path = shared_path("data/" + name);
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace tessera::testing

/// Ends a test as skipped, and says so, where a path of them is not there.
#define TESSERA_NEEDS_SHARED(path)                                                  \
  if (!std::filesystem::exists(path)) {                                             \
    GTEST_SKIP() << "NOT TESTED: there is no " << (path) << "; set TESSERA_SHARED"; \
  }                                                                                 \
  static_assert(true)
