// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include "kernels/lookup.h"
#include "kernels/reference.h"
#include "kernels_input.h"

namespace {

using tessera::fuzz::Numbers;

/// A tensor [outer][channels][inner] of any extents, in two parts that meet anywhere.
void look_up_channels(Numbers& numbers) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  const std::size_t outer = numbers.in(0, 90);
  const std::size_t channels = numbers.in(1, 140);
  const std::size_t inner = numbers.in(0, 1) == 0 ? 1 : numbers.in(1, 200);
  const std::size_t unit = inner == 1 ? channels : 1;
  const std::size_t count = outer * channels * inner;
  if (count > 100'000) {
    return;
  }
  const std::size_t middle = std::min(count, numbers.in(0, 90) * numbers.in(1, 90) * unit);
  const std::uint8_t flip = numbers.in(0, 1) == 0 ? 0 : 0x80;
  const auto tables = numbers.bytes(channels * kTableSize);
  const auto from = numbers.bytes(count);
  std::vector<std::uint8_t> to(count);
  ChannelLookup work = {.from = from.data(),
                        .to = to.data(),
                        .channels = channels,
                        .inner = inner,
                        .tables = tables.data(),
                        .flip = flip};
  reference::lookup_channels(work, 0, count);
  for (const auto target : targets()) {
    std::vector<std::uint8_t> found(count);
    work.to = found.data();
    lookup_channels(target, work, middle, count);
    lookup_channels(target, work, 0, middle);
    if (found != to) {
      std::abort();
    }
  }
}

}  // namespace

/// Rows of any number, width and distance, and channels with a table each: every target writes what
/// the reference writes, and touches nothing else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  Numbers numbers(data, size);
  const std::size_t count = numbers.in(0, 40);
  const std::size_t width = numbers.in(0, 255) * numbers.in(1, 3);
  const std::size_t from_step = width + numbers.in(0, 1) * numbers.in(0, 20);
  const std::size_t to_step = width + numbers.in(0, 1) * numbers.in(0, 20);
  const auto size_of = [&](std::size_t step) {
    return count == 0 ? 0 : (count - 1) * step + width;
  };
  const auto table = numbers.bytes(kTableSize);
  const auto from = numbers.bytes(size_of(from_step));
  const auto before = numbers.bytes(size_of(to_step));
  auto looked_up = before;
  auto copied = before;
  reference::lookup({from.data(), from_step, looked_up.data(), to_step, count, width},
                    table.data());
  reference::copy({from.data(), from_step, copied.data(), to_step, count, width});
  for (const auto target : targets()) {
    auto to = before;
    lookup(target, {from.data(), from_step, to.data(), to_step, count, width}, table.data());
    if (to != looked_up) {
      std::abort();
    }
    to = before;
    copy(target, {from.data(), from_step, to.data(), to_step, count, width});
    if (to != copied) {
      std::abort();
    }
  }
  look_up_channels(numbers);
  return 0;
}
