// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "keras/model.h"

namespace tessera::keras {

/// Reads a model as Keras 2 and 3 and QKeras save it:
///  - .h5 with its configuration (legacy format);
///  - .h5 with weights alone, whose configuration (`model.to_json()`) stands beside it under the
///    same name with .json, or for NAME.weights.h5 as NAME.json;
///  - .keras: a zip archive of config.json, metadata.json and model.weights.h5.
///
/// Weights come in the order of the file's own list of them: `weight_names`, or the numbers in
/// `vars`. Those of a nested model stand with the layers in it, those of TimeDistributed and of
/// other wrappers that have none of their own with the wrapped layer, those of Bidirectional
/// (forward first) and of the wrappers of quantization-aware training with the wrapper.
///
/// Errors: kNotFound; kDataLoss for a damaged file, a damaged configuration, and where
/// configuration and weights disagree (both are named); kUnimplemented for what Keras files do not
/// have or this does not read (subclassed models, ragged inputs); kResourceExhausted for arrays
/// that unpack to more than 16 times the file. Cost: one pass over the mapped file; memory of the
/// weights and the configuration.
[[nodiscard]] Result<Model> read(const std::filesystem::path& path);
/// The same, the configuration taken from another file.
[[nodiscard]] Result<Model> read(const std::filesystem::path& path,
                                 const std::filesystem::path& config_path);
/// The same of a file in memory. `config` is the text of a configuration that stands beside it,
/// empty if there is none. `what` names it in errors.
[[nodiscard]] Result<Model> read(std::span<const std::byte> bytes, std::string_view what,
                                 std::string_view config = {});

}  // namespace tessera::keras
