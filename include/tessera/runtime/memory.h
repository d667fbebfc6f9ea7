// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/record.h"
#include "tessera/runtime/session.h"

namespace tessera::runtime {

/// Of an ONNX model in ONNX Runtime: opens it twice and runs it three times each: once with an
/// allocator that counts, which is exact and the same on every run, once as it is used, for the
/// resident set. Works on the memory of the CPU; what a device holds is not seen.
///
/// One call at a time per process goes to work, others wait. Do not open sessions in other threads
/// meanwhile if `rss_delta_bytes` is to mean something. Cost: two sessions, six runs.
/// Errors: those of open_onnx() and Session::run().
[[nodiscard]] Result<SessionMemory> session_memory(std::shared_ptr<const Library> library,
                                                   const std::filesystem::path& model,
                                                   const SessionOptions& options,
                                                   std::span<const Feed> feeds);
[[nodiscard]] Result<SessionMemory> session_memory(std::shared_ptr<const Library> library,
                                                   std::string_view model,
                                                   const std::filesystem::path& folder,
                                                   const SessionOptions& options,
                                                   std::span<const Feed> feeds);

}  // namespace tessera::runtime
