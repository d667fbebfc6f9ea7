// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "tessera/core/json.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"

namespace tessera::profile {

/// What one core of this machine can do at most, measured: the two slopes of a roofline (Williams,
/// Waterman and Patterson, "Roofline", CACM 2009).
struct Roofline {
  /// 2 x multiply-accumulates per second, in 1e9, of the faster of a large MatMul and a large Conv
  /// through the runtime: what layers can reach there, not what the instruction set could do.
  double fp32_gflops = 0;
  double int8_gops = 0;  ///< the same in u8 x s8, by MatMulInteger and QLinearConv
  /// Triad a = b + s c on arrays well beyond the last-level cache, 24 bytes per element as STREAM
  /// counts them (McCalpin 1995): the read of `a` before it is written is not counted.
  double bandwidth_bytes_per_s = 0;
  std::string method;  ///< which kernels gave the figures, on which sizes

  /// Operations per byte above which arithmetic limits and below which memory does.
  [[nodiscard]] double fp32_ridge() const noexcept;
  [[nodiscard]] double int8_ridge() const noexcept;
};
/// {fp32_gflops, int8_gops, bandwidth_bytes_per_s, fp32_ridge_flop_per_byte,
/// int8_ridge_op_per_byte, method}.
[[nodiscard]] Json to_json(const Roofline& roofline);

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
