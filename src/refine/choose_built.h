// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/refine/choose_method.h"
#include "tessera/runtime/library.h"

namespace tessera::refine {

/// choose_method() for networks whose roundings are not simulated: candidates are built and run,
/// by the kernels that the library takes at level all. Errors: those of choose_method(), and of
/// building.
[[nodiscard]] Result<MethodChoice> choose_by_building(
    const MethodQuestion& question, const std::shared_ptr<const runtime::Library>& library,
    Monitor& monitor);

}  // namespace tessera::refine
