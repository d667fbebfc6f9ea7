// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include "kernels/binary.h"
#include "kernels/broadcast.h"
#include "kernels/reference.h"
#include "kernels_input.h"

namespace {

using tessera::fuzz::Numbers;
using tessera::kernels::Quantization;
using Bytes = std::vector<std::uint8_t>;
using Shape = std::vector<std::int64_t>;

std::size_t count_of(const Shape& shape) {
  std::size_t count = 1;
  for (const auto extent : shape) {
    count *= static_cast<std::size_t>(extent);
  }
  return count;
}

Shape shape_of(Numbers& numbers) {
  Shape shape(numbers.in(0, 4));
  for (auto& extent : shape) {
    extent = static_cast<std::int64_t>(numbers.in(0, 3) == 0 ? 1 : numbers.in(0, 20));
  }
  return shape;
}

Quantization quantization_of(Numbers& numbers, bool is_signed) {
  const float scale = numbers.scale();
  return {scale, static_cast<std::int32_t>(numbers.byte()) - (is_signed ? 128 : 0)};
}

/// Each target's result is the reference's, elements in the order of the broadcast.
template <class Reference, class Loops>
void compare(const tessera::kernels::Broadcast& broadcast, const Bytes& a, const Bytes& b,
             const Reference& reference, const Loops& loops) {
  const auto run = [&](const auto& work) {
    Bytes y(count_of(broadcast.shape()));
    for (std::size_t task = 0; task < broadcast.tasks(); ++task) {
      broadcast.run(task, a.data(), b.data(), y.data(), work);
    }
    return y;
  };
  const auto expected = run(reference);
  for (const auto target : tessera::kernels::targets()) {
    const auto found =
        run([&](const std::uint8_t* some_a, const std::uint8_t* some_b, std::uint8_t* some_y,
                std::size_t count) { loops(target, some_a, some_b, some_y, count); });
    if (found != expected) {
      std::abort();
    }
  }
}

}  // namespace

/// Sums and products of operands of any shapes, scales and zero points.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  Numbers numbers(data, size);
  const bool is_signed = numbers.in(0, 1) == 1;
  const auto shape_a = shape_of(numbers);
  const auto shape_b = numbers.in(0, 1) == 0 ? shape_a : shape_of(numbers);
  const auto a = quantization_of(numbers, is_signed);
  const auto b = quantization_of(numbers, is_signed);
  const auto y = quantization_of(numbers, is_signed);
  const auto broadcast = Broadcast::of(shape_a, shape_b);
  if (!broadcast || count_of(broadcast->shape()) > 100'000) {
    return 0;
  }
  const auto bytes_a = numbers.bytes(count_of(shape_a));
  const auto bytes_b = numbers.bytes(count_of(shape_b));
  if (const auto sum = sum_of(a, b, y, is_signed)) {
    compare(
        *broadcast, bytes_a, bytes_b, [&](auto... operands) { reference::add(*sum, operands...); },
        [&](Target target, auto... operands) { add(target, *sum, operands...); });
  }
  if (const auto product = product_of(a, b, y, is_signed)) {
    compare(
        *broadcast, bytes_a, bytes_b,
        [&](auto... operands) { reference::multiply(*product, operands...); },
        [&](Target target, auto... operands) { multiply(target, *product, operands...); });
  }
  return 0;
}
