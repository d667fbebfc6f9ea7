// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::onnx {

/// A model of some operators alone. What they read from the rest becomes an input of the inferred
/// type, what the rest (or the caller) reads of them an output; initializers and Constant operators
/// come along. The model's types must have been inferred.
/// Errors: kUnimplemented naming a value whose type is unknown.
/// Cost: a clone of the model.
[[nodiscard]] Result<Model> extract(const Model& model, std::span<const NodeId> nodes);

}  // namespace tessera::onnx
