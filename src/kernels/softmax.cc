// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/dispatch.h"
#include "kernels/lookup.h"
#include "kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
#include "kernels/vectors-inl.h"
HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

void round_products(const Softmax& what, const float* values, const float* factors,
                    std::uint8_t* to, std::size_t count) {
  const hn::ScalableTag<float> d;
  const hn::RebindToSigned<decltype(d)> di;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const auto most = hn::Set(d, static_cast<float>(255 - what.zero_y));
  const auto zero = hn::Set(di, what.zero_y);
  const auto flip = hn::Set(d8, what.flip);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    const auto exact = hn::Mul(hn::LoadU(d, values + i), hn::LoadU(d, factors + i));
    const auto steps = hn::Add(nearest(hn::Min(exact, most)), zero);
    hn::StoreU(hn::Xor(hn::DemoteTo(d8, steps), flip), d8, to + i);
  }
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace tessera::kernels {
namespace {

constexpr std::size_t kColumns = SoftmaxShape::kColumns;
constexpr std::size_t kCodes = 256;

TESSERA_KERNELS_TABLE(round_products_for, round_products)

/// What an exponential is multiplied by.
float factor_of(const Softmax& what, std::uint64_t sum) {
  return static_cast<float>(1 / (static_cast<double>(sum) * what.scale_y));
}

/// Results are one of 256: those of a row by a table.
void softmax_row(Target target, const Softmax& what, const std::uint8_t* x, std::uint8_t* y,
                 std::size_t count) {
  std::uint8_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    largest = std::max(largest, static_cast<std::uint8_t>(x[i] ^ what.flip));
  }
  const auto* const whole = what.whole.data() + 255 - largest;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += whole[x[i] ^ what.flip];
  }
  float factors[kCodes];
  std::fill_n(factors, kCodes, factor_of(what, sum));
  std::uint8_t numbers[kCodes];
  round_products_for(target)(what, what.real.data() + 255 - largest, factors, numbers, kCodes);
  std::uint8_t table[kCodes];  // by byte
  std::memcpy(table + what.flip, numbers, kCodes / 2);
  std::memcpy(table + (what.flip ^ 0x80), numbers + kCodes / 2, kCodes / 2);
  lookup(target, {.from = x, .to = y, .count = 1, .width = count}, table);
}

/// Up to 64 columns that lie side by side; rows are `step` bytes apart.
void softmax_columns(Target target, const Softmax& what, std::size_t axis, std::size_t step,
                     const std::uint8_t* x, std::uint8_t* y, std::size_t count) {
  std::uint8_t largest[kColumns] = {};
  for (std::size_t row = 0; row < axis; ++row) {
    for (std::size_t c = 0; c < count; ++c) {
      largest[c] = std::max(largest[c], static_cast<std::uint8_t>(x[row * step + c] ^ what.flip));
    }
  }
  std::uint64_t sums[kColumns] = {};
  for (std::size_t row = 0; row < axis; ++row) {
    for (std::size_t c = 0; c < count; ++c) {
      sums[c] += what.whole[255U - largest[c] + (x[row * step + c] ^ what.flip)];
    }
  }
  float factors[kColumns] = {};
  for (std::size_t c = 0; c < count; ++c) {
    factors[c] = factor_of(what, sums[c]);
  }
  const auto round = round_products_for(target);
  float values[kColumns] = {};
  std::uint8_t rounded[kColumns];
  for (std::size_t row = 0; row < axis; ++row) {
    for (std::size_t c = 0; c < count; ++c) {
      values[c] = what.real[255U - largest[c] + (x[row * step + c] ^ what.flip)];
    }
    round(what, values, factors, rounded, kColumns);
    std::memcpy(y + row * step, rounded, count);
  }
}

}  // namespace

Softmax softmax_of(Quantization x, Quantization y, bool is_signed) {
  constexpr double kOne = 1 << 22;
  Softmax what;
  for (std::size_t i = 0; i < kCodes; ++i) {
    const double below = static_cast<double>(255 - i) * static_cast<double>(x.scale);
    const double rounded = std::nearbyint(std::exp(-below) * kOne);
    what.whole[i] = static_cast<std::uint32_t>(rounded);
    what.real[i] = static_cast<float>(rounded);
  }
  what.flip = is_signed ? 0x80 : 0;
  what.scale_y = static_cast<double>(y.scale);
  what.zero_y = y.zero + what.flip;
  return what;
}

void softmax(Target target, const Softmax& what, const SoftmaxShape& shape, const std::uint8_t* x,
             std::uint8_t* y, std::size_t begin, std::size_t end) {
  if (shape.inner == 1) {
    for (std::size_t row = begin; row < end; ++row) {
      softmax_row(target, what, x + row * shape.axis, y + row * shape.axis, shape.axis);
    }
    return;
  }
  const std::size_t parts = shape.parts() / shape.outer;
  for (std::size_t part = begin; part < end; ++part) {
    const std::size_t column = part % parts * kColumns;
    const std::size_t first = part / parts * shape.axis * shape.inner + column;
    softmax_columns(target, what, shape.axis, shape.inner, x + first, y + first,
                    std::min(kColumns, shape.inner - column));
  }
}

void round_products(Target target, const Softmax& what, const float* values, const float* factors,
                    std::uint8_t* to, std::size_t count) {
  round_products_for(target)(what, values, factors, to, count);
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
