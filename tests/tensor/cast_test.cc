// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "support/matchers.h"
#include "tessera/tensor/tensor.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

template <class T>
Result<Tensor> cast_values(const std::vector<T>& values, DType dtype) {
  return cast(Tensor::of(values, {static_cast<std::int64_t>(values.size())}).view(), dtype);
}

TEST(Cast, WholeNumbers_BecomeIntegers) {
  const auto tensor = cast_values<float>({-128, 0, 127}, DType::kInt8);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_THAT(tensor->as<std::int8_t>(), ElementsAre(-128, 0, 127));
}

TEST(Cast, ValuesThatDoNotFit_AreNamed) {
  EXPECT_THAT(
      cast_values<float>({1, 128}, DType::kInt8),
      FailsWith(ErrorCode::kInvalidArgument, HasSubstr("element 1 is 128, which is no int8")));
  EXPECT_THAT(cast_values<float>({0.5f}, DType::kInt64),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("0.5")));
  EXPECT_THAT(cast_values<float>({std::numeric_limits<float>::quiet_NaN()}, DType::kInt32),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("nan")));
  EXPECT_THAT(cast_values<double>({9223372036854775808.0}, DType::kInt64),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("no int64")));
  EXPECT_THAT(cast_values<std::int64_t>({-1}, DType::kUInt64),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("-1")));
  EXPECT_THAT(cast_values<std::int64_t>({2}, DType::kBool),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("2")));
  EXPECT_THAT(cast_values<float>({1}, DType::kString),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("string")));
}

TEST(Cast, LargeIntegers_KeepEveryDigit) {
  const std::int64_t large = (std::int64_t{1} << 62) + 1;
  const auto tensor = cast_values<std::int64_t>({large}, DType::kUInt64);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->as<std::uint64_t>()[0], static_cast<std::uint64_t>(large));
}

/// Through float first, 1 + 2^-11 + 2^-40 would be a tie and round down.
TEST(Cast, DoubleToHalf_RoundsOnce) {
  const auto tensor =
      cast_values<double>({1 + std::ldexp(1.0, -11) + std::ldexp(1.0, -40)}, DType::kFloat16);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->as<std::uint16_t>()[0], 0x3c01);
}

RC_GTEST_PROP(Cast, HalfToFloatAndBack_IsExact, (const std::vector<std::uint16_t>& patterns)) {
  Tensor half(DType::kFloat16, {static_cast<std::int64_t>(patterns.size())});
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    half.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(patterns[i] & 0xfbff);  // finite
  }
  const auto wide = cast(half.view(), DType::kFloat32);
  RC_ASSERT(wide.has_value());
  const auto back = cast(wide->view(), DType::kFloat16);
  RC_ASSERT(back.has_value());
  RC_ASSERT(std::ranges::equal(back->bytes(), half.bytes()));
}

}  // namespace
}  // namespace tessera
