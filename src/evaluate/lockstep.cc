// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "evaluate/lockstep.h"

#include <algorithm>

#include "evaluate/correspondence.h"
#include "evaluate/float_view.h"

namespace tessera::evaluate {
namespace {

std::size_t index_of(LockStep::Side side) {
  return static_cast<std::size_t>(side);
}

LockStep::Side other(LockStep::Side side) {
  return side == LockStep::Side::kReference ? LockStep::Side::kCandidate
                                            : LockStep::Side::kReference;
}

}  // namespace

LockStep::LockStep(std::vector<TensorPair> pairs, std::size_t max_backlog_bytes)
    : pairs_(std::move(pairs)),
      errors_(pairs_.size()),
      mismatched_(pairs_.size()),
      max_backlog_bytes_(max_backlog_bytes),
      arrivals_(pairs_.size()) {
  taps_[0].owner = this;
  taps_[1].owner = this;
  taps_[1].side = Side::kCandidate;
}

void LockStep::begin() {
  const std::lock_guard lock(mutex_);
  std::fill(arrivals_.begin(), arrivals_.end(), std::nullopt);
  backlog_bytes_ = {};
  waiting_ = {};
  finished_ = {};
}

void LockStep::finish(Side side) {
  const std::lock_guard lock(mutex_);
  finished_[index_of(side)] = true;
  changed_.notify_all();
}

void LockStep::arrive(Side side, std::int64_t tag, const TensorView& tensor) {
  const auto place = static_cast<std::size_t>(tag);
  if (tag < 0 || place >= pairs_.size()) {
    return;
  }
  std::optional<Arrival> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (arrivals_[place] && arrivals_[place]->side != side) {
      waiting.swap(arrivals_[place]);
      taken(*waiting);
    }
  }
  if (!waiting) {
    leave(side, place, tensor);
  } else if (side == Side::kReference) {
    compare(place, tensor, waiting->tensor.view());
  } else {
    compare(place, waiting->tensor.view(), tensor);
  }
}

void LockStep::taken(const Arrival& arrival) {
  const auto owner = index_of(arrival.side);
  backlog_bytes_[owner] -= arrival.tensor.bytes().size();
  if (backlog_bytes_[owner] <= max_backlog_bytes_) {
    waiting_[owner] = false;  // it may go on, even if it has not woken up yet
    changed_.notify_all();
  }
}

void LockStep::leave(Side side, std::size_t tag, const TensorView& tensor) {
  Tensor copy(tensor);
  std::unique_lock lock(mutex_);
  if (arrivals_[tag]) {  // the other side came while the copy was made
    auto waiting = std::move(*arrivals_[tag]);
    arrivals_[tag].reset();
    taken(waiting);
    lock.unlock();
    if (side == Side::kReference) {
      compare(tag, copy.view(), waiting.tensor.view());
    } else {
      compare(tag, waiting.tensor.view(), copy.view());
    }
    return;
  }
  const auto self = index_of(side);
  backlog_bytes_[self] += copy.bytes().size();
  peak_backlog_bytes_ = std::max(peak_backlog_bytes_, backlog_bytes_[0] + backlog_bytes_[1]);
  arrivals_[tag] = Arrival{side, std::move(copy)};
  const auto may_go_on = [&] {
    const auto opposite = index_of(other(side));
    return backlog_bytes_[self] <= max_backlog_bytes_ || finished_[opposite] || waiting_[opposite];
  };
  if (may_go_on()) {
    return;
  }
  waiting_[self] = true;
  changed_.notify_all();
  changed_.wait(lock, may_go_on);
  waiting_[self] = false;
}

void LockStep::compare(std::size_t tag, const TensorView& reference, const TensorView& found) {
  const auto& pair = pairs_[tag];
  std::optional<Tensor> moved;
  if (pair.channels_last) {
    auto copy = transposed(found, kToChannelsFirst);
    if (!copy) {
      const std::lock_guard lock(mutex_);
      mismatched_[tag] = true;
      return;
    }
    moved = *std::move(copy);
  }
  const auto candidate = moved ? moved->view() : found;
  const auto expected = FloatView::of(reference, {.quantization = pair.reference_quantization});
  const auto actual = FloatView::of(candidate, {.quantization = pair.quantization});
  const bool same_shape = std::equal(reference.shape.begin(), reference.shape.end(),
                                     candidate.shape.begin(), candidate.shape.end());
  const bool real = (is_floating(candidate.dtype) || pair.quantization) &&
                    (is_floating(reference.dtype) || pair.reference_quantization);
  if (!same_shape || !real || !expected || !actual) {
    const std::lock_guard lock(mutex_);
    mismatched_[tag] = true;
    return;
  }
  // Only one side compares a tensor of a sample, and samples follow each other: no lock needed.
  errors_[tag].add(expected->span(), actual->span());
}

Status LockStep::status() const {
  if (out_of_memory_) {
    return fail(ErrorCode::kResourceExhausted, "out of memory while tensors were compared")
        .hint("compare without --tensors, or on a machine with more memory");
  }
  return {};
}

std::vector<TensorError> LockStep::errors() const {
  std::vector<TensorError> result;
  for (std::size_t tag = 0; tag < pairs_.size(); ++tag) {
    const auto metrics = errors_[tag].metrics();
    if (!mismatched_[tag] && metrics.elements > 0) {
      result.push_back({pairs_[tag], metrics});
    }
  }
  return result;
}

}  // namespace tessera::evaluate
