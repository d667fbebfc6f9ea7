// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

/// Domains of operators besides the standard one.
namespace tessera::onnx {

/// What ONNX Runtime brings along.
inline constexpr std::string_view kMicrosoftDomain = "com.microsoft";
/// What libtessera_kernels brings; see docs/kernels.md.
inline constexpr std::string_view kKernelsDomain = "ai.tessera";
inline constexpr std::int64_t kKernelsOpset = 1;

}  // namespace tessera::onnx
