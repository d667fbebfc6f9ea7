// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tessera/cluster/cluster.h"

namespace tessera::cluster {

/// By machine: a way leads there from the inputs, and on to where outputs are wanted.
[[nodiscard]] std::vector<bool> useful(const Cluster& cluster);

}  // namespace tessera::cluster
