// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tessera::onnx {

/// What write_channels_last() calls the channels-last form of a value, where that name is free.
[[nodiscard]] inline std::string channels_last_name(std::string_view value) {
  return std::string(value) + "_nhwc";
}

}  // namespace tessera::onnx
