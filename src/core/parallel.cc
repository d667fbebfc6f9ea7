// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace tessera {
namespace {

/// Keeps the first of the exceptions of several threads.
class FirstException {
 public:
  void keep(std::exception_ptr problem) noexcept {
    const std::lock_guard lock(mutex_);
    if (!first_) {
      first_ = std::move(problem);
    }
    seen_ = true;
  }
  [[nodiscard]] bool seen() const noexcept { return seen_; }
  void rethrow() const {
    if (first_) {
      std::rethrow_exception(first_);
    }
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;
  std::atomic<bool> seen_{false};
};

}  // namespace

void parallel_for(int threads, std::int64_t count, const std::function<void(std::int64_t)>& body) {
  std::atomic<std::int64_t> next{0};
  FirstException problem;
  const auto work = [&] {
    try {
      for (auto i = next.fetch_add(1); i < count && !problem.seen(); i = next.fetch_add(1)) {
        body(i);
      }
    } catch (...) {
      problem.keep(std::current_exception());
    }
  };
  {
    std::vector<std::jthread> helpers;
    const auto wanted = std::min<std::int64_t>(threads, count) - 1;
    helpers.reserve(static_cast<std::size_t>(std::max<std::int64_t>(wanted, 0)));
    try {
      for (std::int64_t i = 0; i < wanted; ++i) {
        helpers.emplace_back(work);
      }
    } catch (const std::system_error&) {
      // The system gives no more threads: those that there are do the work.
    }
    work();
  }
  problem.rethrow();
}

}  // namespace tessera
