// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax.h"

#include <cstdlib>

#include "kernels_input.h"

/// Rows and columns of any extents, in two parts that meet anywhere, in place or not: every target
/// writes what the scalar one writes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  tessera::fuzz::Numbers numbers(data, size);
  const bool is_signed = numbers.in(0, 1) == 1;
  const Quantization x{numbers.scale(), 0};
  const auto zero = static_cast<std::int32_t>(numbers.byte()) - (is_signed ? 128 : 0);
  const auto what = softmax_of(x, {numbers.scale(), zero}, is_signed);
  const SoftmaxShape shape{numbers.in(1, 9), numbers.in(1, 200),
                           numbers.in(0, 1) == 0 ? 1 : numbers.in(1, 150)};
  const std::size_t count = shape.outer * shape.axis * shape.inner;
  const std::size_t middle = numbers.in(0, 255) % (shape.parts() + 1);
  const bool in_place = numbers.in(0, 1) == 1;
  const auto from = numbers.bytes(count);
  std::vector<std::uint8_t> wanted(count);
  softmax(Target::kScalar, what, shape, from.data(), wanted.data(), 0, shape.parts());
  for (const auto target : targets()) {
    auto found = in_place ? from : std::vector<std::uint8_t>(count);
    const auto* const read = in_place ? found.data() : from.data();
    softmax(target, what, shape, read, found.data(), middle, shape.parts());
    softmax(target, what, shape, read, found.data(), 0, middle);
    if (found != wanted) {
      std::abort();
    }
  }
  return 0;
}
