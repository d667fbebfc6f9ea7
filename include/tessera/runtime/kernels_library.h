// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "tessera/core/result.h"

namespace tessera::runtime {

/// The library of operators that sessions load by themselves: libtessera_kernels, from beside the
/// program, where it is installed, or as TESSERA_KERNELS says.
/// Errors: kUnavailable where there is none.
[[nodiscard]] Result<std::filesystem::path> kernels_library();

}  // namespace tessera::runtime
