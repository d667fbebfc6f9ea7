// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "runtime/overheard.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <mutex>

namespace tessera::runtime {
namespace {

/// Where the calling thread's words go; null: to the terminal.
thread_local std::string* listener = nullptr;

#ifdef __GLIBC__

constexpr std::size_t kMost = std::size_t{64} << 10U;

ssize_t keep_or_print(void*, const char* text, std::size_t size) {
  if (listener != nullptr) {
    listener->append(text, std::min(size, kMost - std::min(kMost, listener->size())));
    return static_cast<ssize_t>(size);
  }
  return ::write(STDERR_FILENO, text, size);
}

/// Stands in for `stderr` as long as somebody listens. Never closed: another thread may be about
/// to print to it.
std::FILE* stand_in() {
  static auto* const stream = [] {
    cookie_io_functions_t functions{};
    functions.write = keep_or_print;
    auto* made = ::fopencookie(nullptr, "w", functions);
    if (made != nullptr) {
      std::setvbuf(made, nullptr, _IONBF, 0);
    }
    return made;
  }();
  return stream;
}

struct Listeners {
  std::mutex mutex;
  int count = 0;
  std::FILE* real = nullptr;
};
Listeners& listeners() {
  static auto* all = new Listeners;
  return *all;
}

void listen() {
  auto& all = listeners();
  const std::lock_guard lock(all.mutex);
  if (all.count++ == 0 && stand_in() != nullptr) {
    all.real = stderr;
    stderr = stand_in();
  }
}

void stop_listening() {
  auto& all = listeners();
  const std::lock_guard lock(all.mutex);
  if (--all.count == 0 && stderr == stand_in()) {
    stderr = all.real;
  }
}

#else

void listen() {}
void stop_listening() {}

#endif

}  // namespace

Overheard::Overheard() : before_(listener) {
  listener = &text_;
  listen();
}

Overheard::~Overheard() {
  stop_listening();
  listener = before_;
}

}  // namespace tessera::runtime
