// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>

#include "tessera/litert/model.h"
#include "tessera/network/network.h"

namespace tessera::network {

/// The model as it is now; `graph` is its view. A tap is the value's place in `taps`. `extents`: of
/// inputs that leave some open; those that are not known there are 1.
[[nodiscard]] Result<SessionSourcePtr> litert_source(const litert::Model& model,
                                                     const graph::Graph& graph,
                                                     std::span<const std::string> taps,
                                                     const litert::AssumedShapes& extents);

}  // namespace tessera::network
