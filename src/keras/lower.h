// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "keras/model.h"
#include "tessera/core/result.h"
#include "tessera/keras/keras.h"

namespace tessera::keras {

/// A network as an ONNX model; see import(). Errors: as there, and kDataLoss for a network whose
/// references lead nowhere or in a circle.
[[nodiscard]] Result<Imported> lower(const Model& model, const ImportOptions& options = {});

}  // namespace tessera::keras
