// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/profile/record.h"
#include "tessera/runtime/library.h"

namespace tessera::profile {

struct RooflineOptions {
  double budget_us = 2e6;  ///< of CPU time; a fifth of it goes to each of five measurements
};

/// Measures with one thread on the CPU provider, by CPU time of the thread, so that other programs
/// cost little but what they take of caches and memory. Best of repeated runs, since a peak is
/// asked for. Takes about `budget_us`, and up to 800 MB of memory (less where the machine has
/// less than eight times that).
/// Errors: those of Network::open() and Session::run(); kCancelled.
[[nodiscard]] Result<Roofline> measure_roofline(
    network::FileFormat format, const std::shared_ptr<const runtime::Library>& library,
    const RooflineOptions& options, Monitor& monitor);

}  // namespace tessera::profile
