// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "quantize/passes.h"

namespace tessera::quantize {

/// What onnxruntime.transformers.float16.convert_float_to_float16 (1.32) makes of the model, node
/// for node; operators without work are its blocked nodes. Bodies are left alone.
[[nodiscard]] Status apply_ort_float16(onnx::Model& model, const std::vector<Work>& work,
                                       const QuantizeOptions& options);

}  // namespace tessera::quantize
