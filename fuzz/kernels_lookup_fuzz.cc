// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "kernels/lookup.h"
#include "kernels/reference.h"
#include "kernels_input.h"

/// Rows of any number, width and distance: every target writes what the reference writes, and
/// touches nothing else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  tessera::fuzz::Numbers numbers(data, size);
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
  return 0;
}
