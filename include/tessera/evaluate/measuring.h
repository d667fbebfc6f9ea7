// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "tessera/core/monitor.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/runtime/session.h"

/// How the figures of measurements come about.
namespace tessera::evaluate {

[[nodiscard]] KernelSummary summarize_kernels(std::span<const runtime::KernelTime> kernels);

/// CPU time where one thread of the CPU does all the work, else wall time. Contestants on
/// `others`, with the session's threads, are timed with the same clock.
[[nodiscard]] Timer timer_for(const runtime::SessionOptions& session,
                              std::span<const runtime::ProviderChoice> others = {});
[[nodiscard]] Clock clock_of(Timer timer);

/// Warns (provider-unused) of every provider that no kernel of its rows ran on: some take what they
/// can and silently leave the rest, or everything, to the CPU.
void warn_of_unused_providers(std::span<const Measurement> rows, Monitor& monitor);

}  // namespace tessera::evaluate
