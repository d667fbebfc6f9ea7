// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/network/network.h"
#include "tessera/onnx/model.h"

namespace tessera::network {

/// The model as it is now: in memory, or in files of its own beyond 2 GiB.
[[nodiscard]] Result<SessionSourcePtr> onnx_source(const onnx::Model& model);

}  // namespace tessera::network
