// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/network/network.h"
#include "tessera/onnx/model.h"

namespace tessera::network {

/// The model as it is now: in memory, or in files of its own beyond 2 GiB.
[[nodiscard]] Result<SessionSourcePtr> onnx_source(const onnx::Model& model);
/// A session of the file as it lies there.
[[nodiscard]] Result<runtime::Session> open_onnx_file(
    std::shared_ptr<const runtime::Library> library, const std::filesystem::path& path,
    const runtime::SessionOptions& options);

}  // namespace tessera::network
