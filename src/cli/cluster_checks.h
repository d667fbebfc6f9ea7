// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/cluster/cluster.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"

/// `cluster check` and `plan` refuse the same files, with the same words.
namespace tessera::cli {

/// What the file says of operators and inputs, against the network.
/// Errors: kDataLoss for patterns that match no operator, and codecs of inputs that the network
/// does not have.
[[nodiscard]] Status check_against(const cluster::Cluster& cluster, const network::Network& model);

}  // namespace tessera::cli
