// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include "kernels/pool.h"
#include "kernels_input.h"

/// Largest values of any windows, in two parts: every target gives what the reference gives.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  tessera::fuzz::Numbers numbers(data, size);
  const auto axis = [&] {
    ConvAxis a = {.input = numbers.in(1, 14),
                  .kernel = numbers.in(1, 13),
                  .stride = numbers.in(1, 3),
                  .dilation = numbers.in(1, 3),
                  .pad = numbers.in(0, 20)};
    const std::size_t padded = a.input + a.pad + numbers.in(0, 20);
    const std::size_t reach = (a.kernel - 1) * a.dilation + 1;
    a.output = padded < reach ? 0 : (padded - reach) / a.stride + 1;
    return a;
  };
  const auto flip = static_cast<std::uint8_t>(numbers.in(0, 1) * 0x80);
  const std::size_t channels = numbers.in(1, 140);
  const auto y_axis = axis();
  const auto x_axis = axis();
  const ConvShape shape = {
      .batch = numbers.in(0, 2), .channels = channels, .y = y_axis, .x = x_axis};
  const auto image = numbers.bytes(shape.batch * y_axis.input * x_axis.input * channels);
  const std::size_t rows = shape.batch * y_axis.output;
  const std::size_t middle = std::min(rows, numbers.in(0, 20));
  std::vector<std::uint8_t> expected(rows * x_axis.output * channels);
  max_pool(Target::kScalar, shape, flip, image.data(), expected.data(), 0, rows);
  for (const auto target : targets()) {
    std::vector<std::uint8_t> found(expected.size());
    max_pool(target, shape, flip, image.data(), found.data(), middle, rows);
    max_pool(target, shape, flip, image.data(), found.data(), 0, middle);
    if (found != expected) {
      std::abort();
    }
  }
  return 0;
}
