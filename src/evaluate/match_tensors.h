// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/graph/graph.h"

namespace tessera::evaluate {

/// A value inside of a reference that counterparts are looked for: floats, and the integers of
/// integer operators where the file says their scale.
[[nodiscard]] bool is_compared(const graph::Graph& graph, graph::TensorId value);

}  // namespace tessera::evaluate
