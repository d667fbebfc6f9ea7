// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tessera::cli {

/// Runs the program on its arguments (without the program's name) and returns its exit code.
[[nodiscard]] int run(const std::vector<std::string>& arguments);

}  // namespace tessera::cli
