// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/network/layout.h"

#include "tessera/onnx/layout_names.h"

namespace tessera::network {

std::optional<std::string> channels_last_name(FileFormat format, const std::string& value) {
  return format == FileFormat::kOnnx ? std::optional(onnx::channels_last_name(value))
                                     : std::nullopt;
}

}  // namespace tessera::network
