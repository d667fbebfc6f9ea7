// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "tessera/core/result.h"
#include "tessera/keras/keras.h"

namespace tessera::keras {

/// The network without its quantizers: the floats that they were made of, and the functions that
/// they round (max(x, 0) of quantized_relu, clip(x / 2 + 1/2, 0, 1) of quantized_sigmoid). What
/// quantized networks are timed against.
/// Errors: those of import(); kUnimplemented for layers in wrappers of TensorFlow Model
/// Optimization.
[[nodiscard]] Result<Imported> import_float(const std::filesystem::path& file,
                                            const ImportOptions& options = {});

}  // namespace tessera::keras
