// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// The file, of another format, that a model was made from: path and SHA-256 of Model::info() are
/// the file's from now on, also in copies, however they are rewritten. Errors: those of opening it.
[[nodiscard]] Status set_source_file(Model& model, const std::filesystem::path& file);

}  // namespace tessera::onnx
