// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

namespace tessera {
namespace {

TEST(ParallelFor, EveryIndex_IsCalledOnce) {
  for (const int threads : {0, 1, 4}) {
    std::vector<std::atomic<int>> calls(100);
    parallel_for(threads, 100, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
    for (const auto& count : calls) {
      EXPECT_EQ(count, 1);
    }
  }
  parallel_for(4, 0, [](std::int64_t) { FAIL(); });
}

TEST(ParallelFor, Exceptions_ReachTheCallerFromAnyThread) {
  for (const int threads : {1, 4}) {
    std::atomic<int> running{0};
    EXPECT_THROW(parallel_for(threads, 1000,
                              [&](std::int64_t) {
                                ++running;
                                throw std::bad_alloc();
                              }),
                 std::bad_alloc);
    EXPECT_LE(running, threads) << "the others stop";
    EXPECT_THROW(parallel_for(threads, 8,
                              [](std::int64_t i) {
                                if (i == 7) {
                                  throw std::runtime_error("the last one");
                                }
                              }),
                 std::runtime_error);
  }
}

TEST(ParallelFor, OddCounts_CallNothingAndEnd) {
  for (const int threads : {-3, 0, 1, 8}) {
    parallel_for(threads, 0, [](std::int64_t) { FAIL(); });
    parallel_for(threads, -5, [](std::int64_t) { FAIL(); });
  }
}

TEST(ParallelFor, NoMoreThreadsThanThereIsWork) {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  parallel_for(16, 3, [&](std::int64_t) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  EXPECT_LE(seen.size(), 3U);
  seen.clear();
  parallel_for(1, 100, [&](std::int64_t) { seen.insert(std::this_thread::get_id()); });
  EXPECT_EQ(seen, std::set{std::this_thread::get_id()}) << "the caller's alone";
}

TEST(ParallelFor, SeveralThreads_WorkAtTheSameTime) {
  // Each of two waits for the other, for as long as one thread after the other would never meet.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::atomic<int> arrived{0};
  std::atomic<int> met{0};
  parallel_for(2, 2, [&](std::int64_t) {
    ++arrived;
    while (arrived < 2 && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
    met += arrived == 2 ? 1 : 0;
  });
  EXPECT_EQ(met, 2);
}

}  // namespace
}  // namespace tessera
