// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/graph/graph.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/scheme.h"

namespace tessera::quantize {

/// What a model that is quantized in part keeps: operators that are quantized already (see
/// graph::quantized_operators) get float32 in `assignment`, that is, stay as they are. Returns how
/// many had been given another scheme.
std::int64_t keep_quantized(const graph::Graph& graph, Assignment& assignment);

}  // namespace tessera::quantize
