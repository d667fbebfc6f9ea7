// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/lockstep.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "tessera/core/random.h"

namespace tessera::evaluate {
namespace {

using Side = LockStep::Side;

std::vector<TensorPair> pairs_of(std::size_t count) {
  std::vector<TensorPair> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    pairs.push_back({"t" + std::to_string(i), "c" + std::to_string(i), "Conv", std::nullopt});
  }
  return pairs;
}

void visit(LockStep& meeting, Side side, std::size_t tag, const Tensor& tensor) {
  Tensor copy = tensor;
  meeting.tap(side).visit(static_cast<std::int64_t>(tag), copy.dtype(), copy.shape(), copy.bytes());
}

Tensor filled(std::size_t count, float value) {
  return Tensor::of(std::vector<float>(count, value), {static_cast<std::int64_t>(count)});
}

/// Whatever the two orders are and however little may be kept, every pair meets, nothing hangs,
/// and the figures do not depend on timing.
RC_GTEST_PROP(LockStep, AnyOrders_Meet, (std::uint64_t seed)) {
  constexpr std::size_t kTensors = 12;
  constexpr std::size_t kElements = 100;
  Random random(seed);
  const auto shuffled = [&] {
    std::vector<std::size_t> order(kTensors);
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t i = kTensors; i > 1; --i) {
      std::swap(order[i - 1], order[random.below(i)]);
    }
    return order;
  };
  LockStep meeting(pairs_of(kTensors), random.below(4) * kElements * sizeof(float));
  for (int sample = 0; sample < 3; ++sample) {
    const auto first = shuffled();
    const auto second = shuffled();
    meeting.begin();
    std::thread other([&] {
      for (const auto tag : second) {
        visit(meeting, Side::kCandidate, tag, filled(kElements, static_cast<float>(tag) + 0.5f));
      }
      meeting.finish(Side::kCandidate);
    });
    for (const auto tag : first) {
      visit(meeting, Side::kReference, tag, filled(kElements, static_cast<float>(tag)));
    }
    meeting.finish(Side::kReference);
    other.join();
  }
  const auto errors = meeting.errors();
  RC_ASSERT(errors.size() == kTensors);
  for (std::size_t tag = 0; tag < kTensors; ++tag) {
    RC_ASSERT(errors[tag].error.max_abs == 0.5);
    RC_ASSERT(errors[tag].error.elements == static_cast<std::int64_t>(3 * kElements));
  }
}

TEST(LockStep, SameOrder_KeepsFewCopies) {
  constexpr std::size_t kTensors = 200;
  constexpr std::size_t kElements = 1000;
  constexpr std::size_t kTensorBytes = kElements * sizeof(float);
  LockStep meeting(pairs_of(kTensors), 4 * kTensorBytes);
  meeting.begin();
  const auto run = [&](Side side) {
    for (std::size_t tag = 0; tag < kTensors; ++tag) {
      visit(meeting, side, tag, filled(kElements, 1));
    }
    meeting.finish(side);
  };
  std::thread other([&] { run(Side::kCandidate); });
  run(Side::kReference);
  other.join();
  EXPECT_LE(meeting.peak_backlog_bytes(), 6 * kTensorBytes);
  EXPECT_EQ(meeting.errors().size(), kTensors);
}

TEST(LockStep, SideThatFailed_IsNotWaitedFor) {
  LockStep meeting(pairs_of(3), 0);
  meeting.begin();
  meeting.finish(Side::kCandidate);
  for (std::size_t tag = 0; tag < 3; ++tag) {
    visit(meeting, Side::kReference, tag, filled(10, 1));
  }
  meeting.finish(Side::kReference);
  EXPECT_TRUE(meeting.errors().empty());
}

TEST(LockStep, Integers_AreDequantized) {
  auto pairs = pairs_of(1);
  pairs[0].quantization = graph::AffineQuantization{0.5, 128};
  LockStep meeting(pairs);
  meeting.begin();
  visit(meeting, Side::kReference, 0, Tensor::of(std::vector<float>{-64, 0, 1}, {3}));
  visit(meeting, Side::kCandidate, 0, Tensor::of(std::vector<std::uint8_t>{0, 128, 131}, {3}));
  ASSERT_EQ(meeting.errors().size(), 1u);
  EXPECT_EQ(meeting.errors()[0].error.max_abs, 0.5);
}

TEST(LockStep, OtherShapeOrUnknownIntegers_AreLeftOut) {
  LockStep meeting(pairs_of(2));
  meeting.begin();
  visit(meeting, Side::kReference, 0, filled(4, 1));
  visit(meeting, Side::kCandidate, 0, filled(5, 1));
  visit(meeting, Side::kReference, 1, filled(1, 1));
  visit(meeting, Side::kCandidate, 1, Tensor::of(std::vector<std::uint8_t>{1}, {1}));
  EXPECT_TRUE(meeting.errors().empty());
}

}  // namespace
}  // namespace tessera::evaluate
