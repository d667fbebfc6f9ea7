// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>

#include "kernels/depthwise.h"
#include "kernels/reference.h"
#include "kernels_input.h"

namespace {

using tessera::fuzz::Numbers;
using tessera::kernels::ConvAxis;

ConvAxis axis_of(Numbers& numbers) {
  ConvAxis axis = {.input = numbers.in(1, 14),
                   .kernel = numbers.in(1, 7),
                   .stride = numbers.in(1, 3),
                   .dilation = numbers.in(1, 3),
                   .pad = numbers.in(0, 6)};
  const std::size_t padded = axis.input + axis.pad + numbers.in(0, 6);
  const std::size_t reach = (axis.kernel - 1) * axis.dilation + 1;
  axis.output = padded < reach ? 0 : (padded - reach) / axis.stride + 1;
  return axis;
}

}  // namespace

/// Convolutions of any extents, steps, scales and biases, in two parts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::kernels;  // NOLINT(google-build-using-namespace)
  Numbers numbers(data, size);
  const bool is_signed = numbers.in(0, 1) == 1;
  const ConvShape shape = {.batch = numbers.in(0, 2),
                           .channels = numbers.in(1, 80),
                           .y = axis_of(numbers),
                           .x = axis_of(numbers)};
  const auto zero = [&] { return std::int32_t{numbers.byte()} - (is_signed ? 128 : 0); };
  const Quantization x = {1, zero()};
  const Quantization y = {1, zero()};
  std::vector<float> scale(shape.channels, numbers.scale() / 64);
  scale.back() = numbers.scale();
  std::vector<std::int32_t> bias(shape.channels);
  for (auto& value : bias) {
    value = static_cast<std::int32_t>(numbers.byte()) * 1000 - 100'000;
  }
  bias.front() = numbers.in(0, 7) == 0 ? INT32_MIN : bias.front();
  const auto bytes = numbers.bytes(shape.channels * shape.y.kernel * shape.x.kernel);
  const std::vector<std::int8_t> weights(bytes.begin(), bytes.end());
  const auto what = depthwise_of(shape.channels, shape.y.kernel, shape.x.kernel, weights.data(),
                                 bias.data(), scale, x, y, is_signed);
  const auto image = numbers.bytes(shape.batch * shape.y.input * shape.x.input * shape.channels);
  const std::size_t rows = shape.batch * shape.y.output;
  const std::size_t middle = std::min(rows, numbers.in(0, 20));
  std::vector<std::uint8_t> expected(rows * shape.x.output * shape.channels);
  reference::depthwise(what, shape, image.data(), expected.data(), 0, rows, 0);
  for (const auto target : targets()) {
    const PackedDepthwise packed(target, what, shape.x.stride, shape.x.dilation);
    std::vector<std::uint8_t> found(expected.size());
    packed.run(shape, image.data(), found.data(), middle, rows);
    packed.run(shape, image.data(), found.data(), 0, middle);
    if (found != expected) {
      std::abort();
    }
  }
  return 0;
}
