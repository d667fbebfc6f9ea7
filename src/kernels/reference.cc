// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/reference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

namespace tessera::kernels::reference {
namespace {

/// Where a tap reads along an axis; nothing in the padding.
std::optional<std::size_t> place(const ConvAxis& axis, std::size_t output, std::size_t tap) {
  const std::size_t padded = output * axis.stride + tap * axis.dilation;
  if (padded < axis.pad || padded - axis.pad >= axis.input) {
    return std::nullopt;
  }
  return padded - axis.pad;
}

std::uint8_t quantized(const Depthwise& what, std::uint32_t sum, std::size_t channel) {
  const auto zero = static_cast<float>(what.zero_y);
  const float exact = static_cast<float>(static_cast<std::int32_t>(sum)) * what.scale[channel];
  const float steps = std::nearbyint(std::clamp(exact, -zero, 255 - zero));
  return static_cast<std::uint8_t>((static_cast<std::int32_t>(steps) + what.zero_y) ^ what.flip);
}

/// One pixel of the output, of which `y` is the first channel.
void depthwise_pixel(const Depthwise& what, const ConvShape& shape, const std::uint8_t* image,
                     std::size_t at_y, std::size_t at_x, std::uint8_t* y, std::size_t first) {
  for (std::size_t c = first; c < what.channels; ++c) {
    auto sum = static_cast<std::uint32_t>(what.bias[c]);
    for (std::size_t tap = 0; tap < what.kernel_y * what.kernel_x; ++tap) {
      const auto in_y = place(shape.y, at_y, tap / what.kernel_x);
      const auto in_x = place(shape.x, at_x, tap % what.kernel_x);
      const std::int32_t value =
          in_y && in_x ? image[(*in_y * shape.x.input + *in_x) * what.channels + c] ^ what.flip
                       : what.zero_x;
      sum += static_cast<std::uint32_t>(value * what.weights[tap * what.channels + c]);
    }
    y[c] = quantized(what, sum, c);
  }
}

/// Whole pixels, the channels of each behind each other.
void lookup_pixels(const ChannelLookup& work, std::size_t begin, std::size_t end) {
  for (; begin < end; begin += work.channels) {
    const auto* const from = work.from + begin;
    auto* const to = work.to + begin;
    const auto* table = work.tables;
    for (std::size_t c = 0; c < work.channels; ++c, table += kTableSize) {
      to[c] = table[from[c] ^ work.flip];
    }
  }
}

}  // namespace

void lookup(const Rows& rows, const std::uint8_t* table) {
  for (std::size_t row = 0; row < rows.count && rows.width > 0; ++row) {
    const auto* const from = rows.from + row * rows.from_step;
    auto* const to = rows.to + row * rows.to_step;
    for (std::size_t i = 0; i < rows.width; ++i) {
      to[i] = table[from[i]];
    }
  }
}

void copy(const Rows& rows) {
  for (std::size_t row = 0; row < rows.count && rows.width > 0; ++row) {
    std::memmove(rows.to + row * rows.to_step, rows.from + row * rows.from_step, rows.width);
  }
}

void lookup_channels(const ChannelLookup& work, std::size_t begin, std::size_t end) {
  if (work.inner == 1) {
    return lookup_pixels(work, begin, end);
  }
  std::size_t row = begin / work.inner;
  std::size_t channel = row % work.channels;
  while (begin < end) {
    const auto* const table = work.tables + channel * kTableSize;
    for (const std::size_t row_end = std::min(end, ++row * work.inner); begin < row_end; ++begin) {
      work.to[begin] = table[work.from[begin] ^ work.flip];
    }
    channel = channel + 1 == work.channels ? 0 : channel + 1;
  }
}

void add(const Sum& sum, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
         std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t a_i = a[i] ^ sum.flip;
    const std::int32_t b_i = b[i] ^ sum.flip;
    const std::int32_t steps = (a_i * sum.by_a + b_i * sum.by_b + sum.offset) >> sum.shift;
    y[i] = static_cast<std::uint8_t>(std::clamp(steps, 0, 255) ^ sum.flip);
  }
}

void multiply(const Product& product, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
              std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::int32_t a_i = (a[i] ^ product.flip) - product.zero_a;
    const std::int32_t b_i = (b[i] ^ product.flip) - product.zero_b;
    const float exact = static_cast<float>(a_i * b_i) * product.scale;
    const auto steps = static_cast<std::int32_t>(std::nearbyint(exact)) + product.zero_y;
    y[i] = static_cast<std::uint8_t>(std::clamp(steps, 0, 255) ^ product.flip);
  }
}

void largest(const std::uint8_t* const* rows, std::size_t row_count, std::uint8_t* to,
             std::size_t count, std::uint8_t flip) {
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t value = 0;
    for (std::size_t row = 0; row < row_count; ++row) {
      value = std::max(value, static_cast<std::uint8_t>(rows[row][i] ^ flip));
    }
    to[i] = value ^ flip;
  }
}

void round_products(const Softmax& what, const float* values, const float* factors,
                    std::uint8_t* to, std::size_t count) {
  const auto most = static_cast<float>(255 - what.zero_y);
  for (std::size_t i = 0; i < count; ++i) {
    const float steps = std::nearbyint(std::min(values[i] * factors[i], most));
    to[i] = static_cast<std::uint8_t>((static_cast<std::int32_t>(steps) + what.zero_y) ^ what.flip);
  }
}

void depthwise(const Depthwise& what, const ConvShape& shape, const std::uint8_t* x,
               std::uint8_t* y, std::size_t begin, std::size_t end, std::size_t first) {
  for (std::size_t row = begin; row < end; ++row) {
    const auto* const image =
        x + row / shape.y.output * shape.y.input * shape.x.input * what.channels;
    for (std::size_t at_x = 0; at_x < shape.x.output; ++at_x) {
      depthwise_pixel(what, shape, image, row % shape.y.output, at_x,
                      y + (row * shape.x.output + at_x) * what.channels, first);
    }
  }
}

}  // namespace tessera::kernels::reference
