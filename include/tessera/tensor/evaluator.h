// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/tensor/tensor.h"

namespace tessera {

/// Runs a serialized model without inputs somewhere that can (an inference runtime), exactly as it
/// is written, and returns its outputs in order. What is no tensor of numbers comes back with an
/// undefined element type. `external_data_folder` is where external tensors lie.
using Evaluator = std::function<Result<std::vector<Tensor>>(
    std::string_view model, const std::filesystem::path& external_data_folder)>;

}  // namespace tessera
