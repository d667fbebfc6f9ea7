// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace tessera::noise {

/// Which layers of a sweep are quantized: places in its list of them (operators in one of their
/// schemes, see entries.h), ascending, each once, at most one of each operator.
using LayerSet = std::vector<std::int32_t>;

}  // namespace tessera::noise
