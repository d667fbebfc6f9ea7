// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/watch.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <string>
#include <utility>

namespace tessera::runtime {
namespace {

/// Set once, before sessions and their threads exist.
WatchBoard* board = nullptr;
FatalSessions& fatal_sessions() {
  static FatalSessions sessions;
  return sessions;
}

/// Threads take the slots in turn. Beyond their number they share them, and one note may hide
/// another: it is a hint, not a ledger.
std::size_t slot_of_thread() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t slot = next++ % WatchBoard::kSlots;
  return slot;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15U;
  return a ^ (b + kGolden + (a << 6U) + (a >> 2U));
}

std::uint64_t key_of(std::uint64_t model, const SessionOptions& options) {
  auto key = mix(model, static_cast<std::uint64_t>(options.opt_level));
  key = mix(key, std::hash<std::string>()(options.provider));
  key = mix(key, options.tap != nullptr ? 1 : 0);
  return std::max<std::uint64_t>(key, 1);
}

}  // namespace

std::vector<std::uint64_t> WatchBoard::keys() const {
  std::vector<std::uint64_t> found;
  for (const auto& slot : inside) {
    if (const auto key = slot.load(); key != 0) {
      found.push_back(key);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

void WatchBoard::clear() noexcept {
  for (auto& slot : inside) {
    slot = 0;
  }
}

void watch_sessions(WatchBoard* watched, FatalSessions fatal) {
  board = watched;
  fatal_sessions() = std::move(fatal);
}

std::uint64_t session_key(std::string_view bytes, const SessionOptions& options) {
  return board == nullptr ? 0 : key_of(std::hash<std::string_view>()(bytes), options);
}

std::uint64_t session_key(const std::filesystem::path& file, const SessionOptions& options) {
  if (board == nullptr) {
    return 0;
  }
  constexpr std::size_t kLookedAt = std::size_t{1} << 20U;
  std::string head(kLookedAt, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<std::size_t>(std::max<std::streamsize>(stream.gcount(), 0)));
  std::error_code ignored;
  const auto size = std::filesystem::file_size(file, ignored);
  return key_of(mix(std::hash<std::string>()(head), ignored ? 0 : size), options);
}

Status refuse_fatal(std::uint64_t key) {
  const auto& fatal = fatal_sessions();
  const auto found = key == 0 ? fatal.end() : fatal.find(key);
  if (found == fatal.end()) {
    return {};
  }
  return fail(ErrorCode::kUnavailable,
              "the runtime ended the process ({}) when it opened or ran this model", found->second)
      .hint(
          "a defect of the runtime or of the model: look at it with tessera inspect, or take "
          "another version of the runtime with --runtime");
}

Inside::Inside(std::uint64_t key) noexcept {
  if (board != nullptr && key != 0) {
    slot_ = &board->inside[slot_of_thread()];
    before_ = slot_->exchange(key);
  }
}

Inside::~Inside() {
  if (slot_ != nullptr) {
    slot_->store(before_);
  }
}

}  // namespace tessera::runtime
