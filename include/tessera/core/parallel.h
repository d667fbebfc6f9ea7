// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace tessera {

/// Calls `body(i)` once for every i in [0, count) from up to `threads` threads (the caller's is
/// one of them; <= 1 means no other). Order and thread of a call are unspecified, so each call
/// must write to its own place; results are then independent of the number of threads.
/// The first exception of `body` ends the work and is thrown again here, once all threads are done.
void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& body);

}  // namespace tessera
