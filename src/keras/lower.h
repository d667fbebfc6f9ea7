// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "keras/model.h"
#include "tessera/core/result.h"
#include "tessera/keras/keras.h"

namespace tessera::keras {

/// What the result of a call is called: after the layer, of a second call with _1. `prefix`: of the
/// networks that the layer is in.
[[nodiscard]] std::string call_name(const std::string& prefix, const Layer& layer,
                                    std::size_t call);

/// A network as an ONNX model; see import(). Errors: as there, and kDataLoss for a network whose
/// references lead nowhere or in a circle.
[[nodiscard]] Result<Imported> lower(const Model& model, const ImportOptions& options = {});

}  // namespace tessera::keras
