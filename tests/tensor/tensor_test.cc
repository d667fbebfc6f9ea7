// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/tensor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "support/matchers.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;

TEST(DType, BytesOf_PackedType_RoundsUp) {
  EXPECT_EQ(bytes_of(DType::kInt4, 0), 0);
  EXPECT_EQ(bytes_of(DType::kInt4, 3), 2);
  EXPECT_EQ(bytes_of(DType::kUInt4, 4), 2);
  EXPECT_EQ(bytes_of(DType::kFloat16, 5), 10);
  EXPECT_EQ(bytes_of(DType::kString, 5), 0);
}

TEST(DType, Families_AreDisjoint) {
  EXPECT_TRUE(is_floating(DType::kBFloat16));
  EXPECT_FALSE(is_floating(DType::kInt8));
  EXPECT_TRUE(is_integer(DType::kUInt4));
  EXPECT_FALSE(is_integer(DType::kBool));
  EXPECT_FALSE(is_integer(DType::kFloat8E5M2));
}

TEST(Shape, ElementCount_KnowsItsLimits) {
  EXPECT_EQ(element_count(Shape{}), 1);
  EXPECT_EQ(element_count(Shape{2, 3, 4}), 24);
  EXPECT_EQ(element_count(Shape{std::int64_t{1} << 62, 4, 0}), 0);
  EXPECT_EQ(element_count(Shape{std::int64_t{1} << 32, std::int64_t{1} << 31}), -1);
  EXPECT_EQ(element_count(Shape{2, -1}), -1);
  EXPECT_EQ(to_string(Shape{1, 3, 8}), "1x3x8");
  EXPECT_EQ(to_string(Shape{}), "scalar");
}

TEST(Tensor, New_IsZeroAndAligned) {
  const Tensor tensor(DType::kFloat32, {3, 5});
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.bytes().data()) % 64, 0u);
  for (const float value : tensor.as<float>()) {
    EXPECT_EQ(value, 0.0f);
  }
  EXPECT_EQ(tensor.size(), 15);
}

TEST(Tensor, Copy_IsDeep) {
  auto first = Tensor::of(std::vector<float>{1, 2, 3}, {3});
  Tensor second = first;
  second.as<float>()[0] = 9;
  EXPECT_EQ(first.as<float>()[0], 1);
  first = second;
  EXPECT_EQ(first.as<float>()[0], 9);
  const Tensor empty;
  first = empty;
  EXPECT_EQ(first.dtype(), DType::kUndefined);
}

TEST(Tensor, Huge_ThrowsBadAlloc) {
  EXPECT_THROW(Tensor(DType::kFloat32, {std::int64_t{1} << 62}), std::bad_alloc);
}

TEST(ToFloat32, FourBit_UnpacksLowHalfFirst) {
  const std::vector<std::byte> bytes{std::byte{0x8f}, std::byte{0x07}};
  const Shape shape{3};
  EXPECT_THAT(to_float32({DType::kInt4, shape, bytes}), IsOkAndHolds(ElementsAre(-1, -8, 7)));
  EXPECT_THAT(to_float32({DType::kUInt4, shape, bytes}), IsOkAndHolds(ElementsAre(15, 8, 7)));
}

TEST(ToFloat32, Integers_AreConverted) {
  EXPECT_THAT(to_float32(Tensor::of(std::vector<std::int8_t>{-128, 127}, {2}).view()),
              IsOkAndHolds(ElementsAre(-128, 127)));
  EXPECT_THAT(to_float32(Tensor::of(std::vector<std::uint16_t>{65535}, {1}).view()),
              IsOkAndHolds(ElementsAre(65535)));
  EXPECT_THAT(to_float32(Tensor::of(std::vector<double>{0.1}, {1}).view()),
              IsOkAndHolds(ElementsAre(0.1f)));
}

TEST(ToFloat32, String_IsRefused) {
  EXPECT_THAT(to_float32({DType::kString, {}, {}}),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("string")));
}

TEST(Float16, EveryFiniteValue_RoundTrips) {
  for (std::uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float16_to_float32(half);
    if (std::isnan(value)) {
      EXPECT_GT(half & 0x7fff, 0x7c00);
      EXPECT_TRUE(std::isnan(float16_to_float32(float32_to_float16(value))));
      continue;
    }
    ASSERT_EQ(float32_to_float16(value), half) << bits;
  }
}

TEST(Float16, KnownValues_AreExact) {
  EXPECT_EQ(float16_to_float32(0x3c00), 1.0f);
  EXPECT_EQ(float16_to_float32(0x0001), std::ldexp(1.0f, -24));
  EXPECT_EQ(float16_to_float32(0x7bff), 65504.0f);
  EXPECT_EQ(float32_to_float16(65519.0f), 0x7bff);
  EXPECT_EQ(float32_to_float16(65520.0f), 0x7c00);
  EXPECT_EQ(float32_to_float16(-std::numeric_limits<float>::infinity()), 0xfc00);
  EXPECT_EQ(float32_to_float16(std::ldexp(1.0f, -25)), 0x0000);  // a tie goes to even
  EXPECT_EQ(float32_to_float16(std::ldexp(3.0f, -25)), 0x0002);  // and here up
  EXPECT_EQ(float32_to_float16(std::ldexp(1.0001f, -25)), 0x0001);
}

/// The nearest of the two half-precision neighbours, by distance; even on a tie.
std::uint16_t nearest_half(float value) {
  std::uint16_t low = 0;
  std::uint16_t high = 0x7c00;
  const float magnitude = std::fabs(value);
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (float16_to_float32(middle) <= magnitude ? low : high) = middle;
  }
  const double above = high == 0x7c00 ? 65536.0 : static_cast<double>(float16_to_float32(high));
  const double to_low =
      static_cast<double>(magnitude) - static_cast<double>(float16_to_float32(low));
  const double to_high = above - static_cast<double>(magnitude);
  const bool up = to_high < to_low || (to_high == to_low && low % 2 == 1);
  return static_cast<std::uint16_t>((up ? high : low) | (std::signbit(value) ? 0x8000 : 0));
}

RC_GTEST_PROP(Float16, AnyFloat_RoundsToNearest, (std::uint32_t bits)) {
  const float value = std::bit_cast<float>(bits);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(float32_to_float16(value) == nearest_half(value));
  int exponent = 0;
  const float mantissa = std::frexp(value, &exponent);
  const float in_range = std::ldexp(mantissa, static_cast<int>(bits % 40) - 25);
  RC_ASSERT(float32_to_float16(in_range) == nearest_half(in_range));
}

RC_GTEST_PROP(BFloat16, AnyFloat_RoundsToNearest, (std::uint32_t bits)) {
  const float value = std::bit_cast<float>(bits);
  const float back = bfloat16_to_float32(float32_to_bfloat16(value));
  if (std::isnan(value)) {
    RC_ASSERT(std::isnan(back));
    return;
  }
  RC_PRE(std::isfinite(value) && std::isfinite(back));
  const double error = std::fabs(static_cast<double>(value) - static_cast<double>(back));
  RC_ASSERT(error <=
            std::max(std::ldexp(std::fabs(static_cast<double>(value)), -8), std::ldexp(1.0, -134)));
}

}  // namespace
}  // namespace tessera
