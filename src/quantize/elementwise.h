// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/onnx/model.h"

/// Operators that compute each element of their result of the elements at the same place.
namespace tessera::quantize {

/// One number per input of the operator, NaN for an input that is absent.
using ScalarFunction = std::function<double(std::span<const double>)>;

/// What an element-wise operator computes, in double precision; nothing if it is none, or one that
/// is not known. Attributes are those of `node`.
[[nodiscard]] std::optional<ScalarFunction> scalar_function(const onnx::Model& model,
                                                            onnx::NodeId node);

/// Types of the standard domain that scalar_function() knows, sorted.
[[nodiscard]] const std::vector<std::string>& elementwise_types();
[[nodiscard]] bool is_elementwise(std::string_view type);

}  // namespace tessera::quantize
