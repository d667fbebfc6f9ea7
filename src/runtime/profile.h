// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/session.h"

namespace tessera::runtime {

/// Kernel calls of a profile in the trace event format, in order of start. Session-level events,
/// fences and whatever else the runtime notes are left out.
[[nodiscard]] Result<std::vector<KernelTime>> read_profile(const std::filesystem::path& path);

}  // namespace tessera::runtime
