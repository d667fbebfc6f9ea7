// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "tessera/network/driver.h"
#include "tessera/onnx/model.h"

namespace tessera::network {

[[nodiscard]] std::unique_ptr<Driver> onnx_driver(onnx::Model model);

/// Whether a file is one of Keras, by its first bytes and, for .keras, its name.
[[nodiscard]] bool is_keras_file(const std::filesystem::path& path);

}  // namespace tessera::network
