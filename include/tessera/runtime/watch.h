// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace tessera::runtime {

/// Where a process notes what it is doing inside the runtime, for whoever started it: the runtime
/// ends the process on some models (an exception in a thread without a catch, a failed assertion),
/// and a note in memory that both share tells which. Plain memory, all zero at first.
struct WatchBoard {
  static constexpr std::size_t kSlots = 64;
  /// Per thread, the key of the session that is being opened or run; 0 outside.
  std::array<std::atomic<std::uint64_t>, kSlots> inside{};

  /// Keys that are there, each once.
  [[nodiscard]] std::vector<std::uint64_t> keys() const;
  void clear() noexcept;
};

/// Why a session is not to be opened, by its key. Keys are made of the model's bytes, the
/// optimization level, the provider and whether it is tapped: the same in every run.
using FatalSessions = std::map<std::uint64_t, std::string>;

/// From now on sessions note on `board` (not owned, outlives them; null: nowhere) when they are
/// inside the runtime, and those of `fatal` are refused with kUnavailable. For the whole process,
/// as what it guards against is; to be called before the first session.
void watch_sessions(WatchBoard* board, FatalSessions fatal);

}  // namespace tessera::runtime
