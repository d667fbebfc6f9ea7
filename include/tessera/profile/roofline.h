// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/profile/record.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {

/// How fast a library multiplies.
struct ArithmeticRate {
  double giga_per_s = 0;  ///< 1e9 operations per second, two per MAC
  std::string network;    ///< that reached it: "MatMul 512x512x512"
  std::string types;      ///< of its operands: "u8 x s8"
};

/// The faster of a matrix product and a convolution of that format, in sessions of these options.
/// Best of repeated runs by CPU time of the thread; takes about twice `budget_us`, or six runs.
/// Errors: those of network::matrix_product(), Network::open() and Session::run(); kCancelled.
[[nodiscard]] Result<ArithmeticRate> measure_arithmetic(
    network::FileFormat format, bool integer,
    const std::shared_ptr<const runtime::Library>& library, const runtime::SessionOptions& options,
    double budget_us, Monitor& monitor);

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
