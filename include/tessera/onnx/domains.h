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

/// Key of a model's metadata: a JSON array of the 8-bit values whose channels have scales of their
/// own in the weights and tables around them, so that the one scale with which they are read says
/// nothing.
inline constexpr std::string_view kChannelScalesKey = "tessera.channel_scales";

}  // namespace tessera::onnx
