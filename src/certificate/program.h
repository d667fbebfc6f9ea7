// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tessera::certificate {

/// What the program tessera-check-plan says to arguments, its own name the first.
struct Answer {
  int exit_code = 0;  ///< 0 accepted, 1 rejected, 2 usage, 3 unreadable
  std::string out;
  std::string err;
};
[[nodiscard]] Answer answer(const std::vector<std::string>& command);

}  // namespace tessera::certificate
