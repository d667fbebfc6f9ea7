// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <vector>

#include "tessera/evaluate/compare.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/metrics.h"
#include "tessera/tensor/tensor.h"

namespace tessera::evaluate {

/// Where two models that run at the same time meet, tensor by tensor.
///
/// Tag k is the k-th pair. The side that makes a tensor first leaves a copy and goes on; the other
/// compares it with its own and drops it. A side that is too far ahead waits, so that copies stay
/// few; it does not when the other one waits too (their orders of operators may differ).
class LockStep {
 public:
  enum class Side : std::uint8_t { kReference = 0, kCandidate = 1 };

  explicit LockStep(std::vector<TensorPair> pairs, std::size_t max_backlog_bytes = 64 << 20);

  /// What to give a session as its tap.
  [[nodiscard]] runtime::TensorTap& tap(Side side) noexcept {
    return taps_[static_cast<std::size_t>(side)];
  }
  /// Before both sides run a sample.
  void begin();
  /// A side has run its sample, or failed to: the other one need not wait for it.
  void finish(Side side);

  /// kResourceExhausted if a copy or a comparison found no memory: errors() lack tensors then.
  [[nodiscard]] Status status() const;
  /// Pairs that met with equal shapes at least once, in the order of the pairs.
  [[nodiscard]] std::vector<TensorError> errors() const;
  /// Most bytes that were kept for the other side at a time.
  [[nodiscard]] std::size_t peak_backlog_bytes() const noexcept { return peak_backlog_bytes_; }

 private:
  struct Arrival {
    Side side;
    Tensor tensor;
  };
  class Tap : public runtime::TensorTap {
   public:
    void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
               std::span<std::byte> data) noexcept override {
      try {
        owner->arrive(side, tag, {dtype, shape, data});
      } catch (const std::bad_alloc&) {
        owner->out_of_memory_ = true;
      }
    }
    LockStep* owner = nullptr;
    Side side = Side::kReference;
  };

  void arrive(Side side, std::int64_t tag, const TensorView& tensor);
  void leave(Side side, std::size_t tag, const TensorView& tensor);
  /// The other side has fetched a copy. Called with the mutex held.
  void taken(const Arrival& arrival);
  void compare(std::size_t tag, const TensorView& reference, const TensorView& found);

  std::vector<TensorPair> pairs_;
  std::vector<ErrorAccumulator> errors_;
  std::vector<bool> mismatched_;  ///< guarded by mutex_
  std::size_t max_backlog_bytes_;
  std::array<Tap, 2> taps_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::optional<Arrival>> arrivals_;
  std::array<std::size_t, 2> backlog_bytes_{};
  std::array<bool, 2> waiting_{};
  std::array<bool, 2> finished_{};
  std::size_t peak_backlog_bytes_ = 0;
  std::atomic<bool> out_of_memory_{false};
};

}  // namespace tessera::evaluate
