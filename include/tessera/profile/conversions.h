// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/profile/record.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {

/// Times the conversion kernels of the runtime alone, of networks of that format, from 1 Ki to 4 Mi
/// elements, one tensor per call. What the library has no operator for has no points. `session`:
/// provider and threads. Cost: about a second.
[[nodiscard]] Result<ConversionCosts> measure_conversions(
    network::FileFormat format, const std::shared_ptr<const runtime::Library>& library,
    const runtime::SessionOptions& session, Monitor& monitor);

}  // namespace tessera::profile
