// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/binary.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/dispatch.h"
#include "kernels/reference.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/binary.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#if HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
#include "kernels/vectors-inl.h"
HWY_BEFORE_NAMESPACE();
namespace tessera::kernels::HWY_NAMESPACE {
namespace {

using Bytes = hn::ScalableTag<std::uint8_t>;
using Shorts = hn::Repartition<std::int16_t, Bytes>;
using Ints = hn::Repartition<std::int32_t, Bytes>;
using Floats = hn::Repartition<float, Bytes>;

/// The loop around an operation on vectors of two inputs.
template <class Operation>
HWY_INLINE void for_each(const Operation& operation, const std::uint8_t* a, const std::uint8_t* b,
                         std::uint8_t* y, std::size_t count) {
  const Bytes d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(operation(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
  }
  if (i < count) {
    const std::size_t rest = count - i;
    const auto value = operation(load_first(d, a + i, rest), load_first(d, b + i, rest));
    store_first(value, d, y + i, rest);
  }
}

template <bool kSigned>
class Adder {
 public:
  explicit Adder(const Sum& sum)
      : flip_(hn::Set(Bytes(), sum.flip)),
        // Pairs of weights, for a and for b.
        weights_(hn::BitCast(Shorts(), hn::Set(Ints(), (sum.by_b << 16) | sum.by_a))),
        offset_(hn::Set(Ints(), sum.offset)),
        shift_(hn::Set(Ints(), sum.shift)) {}

  HWY_INLINE hn::Vec<Bytes> operator()(hn::Vec<Bytes> a, hn::Vec<Bytes> b) const {
    const Bytes d;
    if constexpr (kSigned) {
      a = hn::Xor(a, flip_);
      b = hn::Xor(b, flip_);
    }
    const auto low = hn::InterleaveLower(d, a, b);
    const auto high = hn::InterleaveUpper(d, a, b);
    const auto y = narrow(narrow(first(low), second(low)), narrow(first(high), second(high)));
    return kSigned ? hn::Xor(y, flip_) : y;
  }

 private:
  HWY_INLINE hn::Vec<Ints> first(hn::Vec<Bytes> pairs) const {
    return steps(hn::InterleaveLower(Bytes(), pairs, hn::Zero(Bytes())));
  }
  HWY_INLINE hn::Vec<Ints> second(hn::Vec<Bytes> pairs) const {
    return steps(hn::InterleaveUpper(Bytes(), pairs, hn::Zero(Bytes())));
  }
  HWY_INLINE hn::Vec<Ints> steps(hn::Vec<Bytes> pairs) const {
    const auto shorts = hn::BitCast(Shorts(), pairs);
#if HWY_TARGET == HWY_AVX3_DL
    const hn::Vec<Ints> sum{_mm512_dpwssd_epi32(offset_.raw, shorts.raw, weights_.raw)};
#else
    const auto sum = hn::Add(multiply_pairs(shorts, weights_), offset_);
#endif
    // One count for all would be an instruction of two, one of them for the busiest port.
    return hn::Shr(sum, shift_);
  }

  hn::Vec<Bytes> flip_;
  hn::Vec<Shorts> weights_;
  hn::Vec<Ints> offset_;
  hn::Vec<Ints> shift_;
};

template <bool kSigned>
class Multiplier {
 public:
  explicit Multiplier(const Product& product)
      : flip_(hn::Set(Bytes(), product.flip)),
        zero_a_(hn::Set(Shorts(), static_cast<std::int16_t>(product.zero_a))),
        zero_b_(hn::Set(Shorts(), static_cast<std::int16_t>(product.zero_b))),
        zero_y_(hn::Set(Shorts(), static_cast<std::int16_t>(product.zero_y))),
        scale_(hn::Set(Floats(), product.scale)) {}

  HWY_INLINE hn::Vec<Bytes> operator()(hn::Vec<Bytes> a, hn::Vec<Bytes> b) const {
    const Bytes d;
    const auto zero = hn::Zero(d);
    if constexpr (kSigned) {
      a = hn::Xor(a, flip_);
      b = hn::Xor(b, flip_);
    }
    const auto low = steps(hn::InterleaveLower(d, a, zero), hn::InterleaveLower(d, b, zero));
    const auto high = steps(hn::InterleaveUpper(d, a, zero), hn::InterleaveUpper(d, b, zero));
    const auto y = narrow(low, high);
    return kSigned ? hn::Xor(y, flip_) : y;
  }

 private:
  HWY_INLINE hn::Vec<Shorts> steps(hn::Vec<Bytes> a_bytes, hn::Vec<Bytes> b_bytes) const {
    const Shorts d;
    const auto a = hn::Sub(hn::BitCast(d, a_bytes), zero_a_);
    const auto b = hn::Sub(hn::BitCast(d, b_bytes), zero_b_);
    const auto low = hn::Mul(a, b);
    const auto high = hn::MulHigh(a, b);
    const auto first = rounded(hn::BitCast(Ints(), hn::InterleaveLower(d, low, high)));
    const auto second = rounded(hn::BitCast(Ints(), hn::InterleaveUpper(d, low, high)));
    return hn::SaturatedAdd(narrow(first, second), zero_y_);
  }
  HWY_INLINE hn::Vec<Ints> rounded(hn::Vec<Ints> product) const {
    return nearest(hn::Mul(hn::ConvertTo(Floats(), product), scale_));
  }

  hn::Vec<Bytes> flip_;
  hn::Vec<Shorts> zero_a_;
  hn::Vec<Shorts> zero_b_;
  hn::Vec<Shorts> zero_y_;
  hn::Vec<Floats> scale_;
};

void add(const Sum& sum, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
         std::size_t count) {
  sum.flip != 0 ? for_each(Adder<true>(sum), a, b, y, count)
                : for_each(Adder<false>(sum), a, b, y, count);
}

void multiply(const Product& product, const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y,
              std::size_t count) {
  product.flip != 0 ? for_each(Multiplier<true>(product), a, b, y, count)
                    : for_each(Multiplier<false>(product), a, b, y, count);
}

}  // namespace
}  // namespace tessera::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#if HWY_ONCE
namespace tessera::kernels {
namespace {

/// Keeps all sums of 15-bit weights and 8-bit values, and a zero point at the largest shift, within
/// 31 bits.
constexpr double kLargestWeight = 32767;
constexpr int kLargestShift = 22;
constexpr double kLargestRatio = 16000;

TESSERA_KERNELS_TABLE(add_of, add)
TESSERA_KERNELS_TABLE(multiply_of, multiply)

std::int32_t unsigned_zero(Quantization q, bool is_signed) {
  return q.zero + (is_signed ? 128 : 0);
}

std::uint8_t flip_of(bool is_signed) {
  return is_signed ? 0x80 : 0;
}

}  // namespace

Outcome<Sum> sum_of(Quantization a, Quantization b, Quantization y, bool is_signed) {
  const double ratio_a = static_cast<double>(a.scale) / static_cast<double>(y.scale);
  const double ratio_b = static_cast<double>(b.scale) / static_cast<double>(y.scale);
  const double larger = std::max(ratio_a, ratio_b);
  if (!(larger <= kLargestRatio)) {
    return problem("a step of an input is more than 16000 steps of the output");
  }
  Sum sum;
  sum.flip = flip_of(is_signed);
  sum.shift = kLargestShift;
  while (std::round(std::ldexp(larger, sum.shift)) > kLargestWeight) {
    --sum.shift;
  }
  sum.by_a = static_cast<std::int32_t>(std::round(std::ldexp(ratio_a, sum.shift)));
  sum.by_b = static_cast<std::int32_t>(std::round(std::ldexp(ratio_b, sum.shift)));
  sum.offset = (unsigned_zero(y, is_signed) << sum.shift) + (1 << (sum.shift - 1)) -
               unsigned_zero(a, is_signed) * sum.by_a - unsigned_zero(b, is_signed) * sum.by_b;
  return sum;
}

Outcome<Product> product_of(Quantization a, Quantization b, Quantization y, bool is_signed) {
  const float scale = a.scale * b.scale / y.scale;
  if (!(static_cast<double>(scale) <= kLargestRatio)) {
    return problem("a step of the inputs is more than 16000 steps of the output");
  }
  return Product{.zero_a = unsigned_zero(a, is_signed),
                 .zero_b = unsigned_zero(b, is_signed),
                 .zero_y = unsigned_zero(y, is_signed),
                 .scale = scale,
                 .flip = flip_of(is_signed)};
}

void add(Target target, const Sum& sum, const std::uint8_t* a, const std::uint8_t* b,
         std::uint8_t* y, std::size_t count) {
  add_of(target)(sum, a, b, y, count);
}

void multiply(Target target, const Product& product, const std::uint8_t* a, const std::uint8_t* b,
              std::uint8_t* y, std::size_t count) {
  multiply_of(target)(product, a, b, y, count);
}

}  // namespace tessera::kernels
#endif  // HWY_ONCE
