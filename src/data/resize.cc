// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <utility>

// Separable resampling with a triangle filter that widens with the reduction, in 22-bit fixed point
// and rounded to 8 bits between the passes, the horizontal one first: the arithmetic of Pillow's
// Image.resize(BILINEAR), bit for bit, so that a network sees what it saw in training.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
// 32-bit products have no instruction before SSE4.1; the rest vectorizes everywhere.
#define TESSERA_CLONES __attribute__((target_clones("avx2", "sse4.1", "default")))
#else
#define TESSERA_CLONES
#endif

namespace tessera::data {
namespace {

constexpr int kPrecisionBits = 22;
constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

/// The source pixels that one output pixel is a weighted mean of.
struct Tap {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t weights = 0;  ///< offset in Taps::weights
};

struct Taps {
  std::vector<Tap> taps;
  std::size_t widest = 0;             ///< most source pixels of one of them
  std::vector<std::int32_t> weights;  ///< in units of 2^-22
  std::size_t first = 0;              ///< source pixels in use: [first, last)
  std::size_t last = 0;
};

/// Half up, then towards zero: what Pillow's casts do, also below zero and one step under one half.
std::int64_t round_like_pillow(double value) {
  return static_cast<std::int64_t>(value + 0.5);  // NOLINT(bugprone-incorrect-roundings): see above
}

Taps make_taps(std::int64_t source_size, std::int64_t target_size, std::int64_t begin,
               std::int64_t count) {
  const double scale = static_cast<double>(source_size) / static_cast<double>(target_size);
  const double support = std::max(scale, 1.0);
  Taps result;
  result.first = static_cast<std::size_t>(source_size);
  std::vector<double> weights;
  for (std::int64_t i = begin; i < begin + count; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto low = std::max<std::int64_t>(0, round_like_pillow(center - support));
    const auto high = std::min(source_size, round_like_pillow(center + support));
    double sum = 0;
    weights.clear();
    for (std::int64_t x = low; x < high; ++x) {
      const double distance = std::fabs((static_cast<double>(x) - center + 0.5) * (1 / support));
      weights.push_back(std::max(0.0, 1.0 - distance));
      sum += weights.back();
    }
    const Tap tap{static_cast<std::size_t>(low), weights.size(), result.weights.size()};
    for (const double weight : weights) {
      const double scaled = weight / sum * (1 << kPrecisionBits);
      result.weights.push_back(static_cast<std::int32_t>(round_like_pillow(scaled)));
    }
    result.taps.push_back(tap);
    result.first = std::min(result.first, tap.first);
    result.last = std::max(result.last, tap.first + tap.count);
    result.widest = std::max(result.widest, tap.count);
  }
  return result;
}

/// All taps with as many source pixels as the widest, by weights of 0: a loop whose length does not
/// change from pixel to pixel is foreseen by the processor.
Taps evened(Taps taps, std::size_t source_size) {
  std::vector<std::int32_t> weights;
  for (auto& tap : taps.taps) {
    const auto first = std::min(tap.first, source_size - taps.widest);
    const auto offset = weights.size();
    weights.resize(offset + taps.widest);
    std::copy_n(taps.weights.begin() + static_cast<std::ptrdiff_t>(tap.weights), tap.count,
                weights.begin() + static_cast<std::ptrdiff_t>(offset + tap.first - first));
    tap = {first, taps.widest, offset};
    taps.first = std::min(taps.first, first);
    taps.last = std::max(taps.last, first + taps.widest);
  }
  taps.weights = std::move(weights);
  return taps;
}

/// A sum of products, back in 0..255. It cannot be negative; it can pass 255 by a rounding.
inline std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::min(sum >> kPrecisionBits, 255));
}

/// Red, green, blue, and the red of the next pixel, which nobody looks at.
using Lanes = std::int32_t __attribute__((vector_size(16)));

/// One row: RGB bytes in, RGB bytes out. `wide` is scratch of one number per source byte and one
/// more.
TESSERA_CLONES
void resize_row(const std::uint8_t* source, const Taps& taps, std::int32_t* __restrict wide,
                std::uint8_t* __restrict target) {
  for (std::size_t i = 3 * taps.first; i < 3 * taps.last; ++i) {
    wide[i] = source[i];
  }
  const auto count = taps.widest;
  const std::int32_t* weights = taps.weights.data();
  for (const auto& tap : taps.taps) {
    Lanes sum = {kHalf, kHalf, kHalf, kHalf};
    const std::int32_t* pixel = wide + 3 * tap.first;
    for (std::size_t k = 0; k < count; ++k, pixel += 3) {
      Lanes value;
      std::memcpy(&value, pixel, sizeof value);
      sum += value * *weights++;
    }
    for (std::size_t channel = 0; channel < 3; ++channel) {
      *target++ = to_byte(sum[channel]);
    }
  }
}

/// One output row from `count` rows of `row_bytes`. `sum` is scratch of one number per byte.
TESSERA_CLONES
void mix_rows(const std::uint8_t* rows, std::size_t row_bytes, const std::int32_t* weights,
              std::size_t count, std::int32_t* __restrict sum, std::uint8_t* __restrict target) {
  std::fill_n(sum, row_bytes, kHalf);
  for (std::size_t k = 0; k < count; ++k, rows += row_bytes) {
    const std::int32_t weight = weights[k];
    for (std::size_t i = 0; i < row_bytes; ++i) {
      sum[i] += weight * rows[i];
    }
  }
  for (std::size_t i = 0; i < row_bytes; ++i) {
    target[i] = to_byte(sum[i]);
  }
}

/// `source` holds the rows from taps.first on, each of `row_bytes`.
void resize_columns(const std::vector<std::uint8_t>& source, std::size_t row_bytes,
                    const Taps& taps, std::uint8_t* target) {
  std::vector<std::int32_t> sum(row_bytes);
  for (const auto& tap : taps.taps) {
    mix_rows(source.data() + (tap.first - taps.first) * row_bytes, row_bytes,
             taps.weights.data() + tap.weights, tap.count, sum.data(), target);
    target += row_bytes;
  }
}

}  // namespace

Image resize_window(const Image& image, std::int64_t width, std::int64_t height,
                    const Window& window) {
  const auto horizontal = evened(make_taps(image.width, width, window.x, window.width),
                                 static_cast<std::size_t>(image.width));
  const auto vertical = make_taps(image.height, height, window.y, window.height);
  const auto source_row_bytes = static_cast<std::size_t>(image.width) * 3;
  const auto row_bytes = static_cast<std::size_t>(window.width) * 3;
  std::vector<std::uint8_t> rows((vertical.last - vertical.first) * row_bytes);
  std::vector<std::int32_t> wide(static_cast<std::size_t>(image.width) * 3 + 1);
  for (std::size_t y = vertical.first; y < vertical.last; ++y) {
    resize_row(image.pixels.data() + y * source_row_bytes, horizontal, wide.data(),
               rows.data() + (y - vertical.first) * row_bytes);
  }
  Image result{window.width, window.height, {}};
  result.pixels.resize(static_cast<std::size_t>(window.height) * row_bytes);
  resize_columns(rows, row_bytes, vertical, result.pixels.data());
  return result;
}

Image resize_bilinear(const Image& image, std::int64_t width, std::int64_t height) {
  if (width == image.width && height == image.height) {
    return image;
  }
  return resize_window(image, width, height, {0, 0, width, height});
}

}  // namespace tessera::data
