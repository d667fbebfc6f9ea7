// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <new>
#include <stdexcept>
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

}  // namespace
}  // namespace tessera
