// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/tensor/affine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "support/matchers.h"

namespace tessera {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Tensor floats(const std::vector<float>& values) {
  return Tensor::of(values, {std::ssize(values)});
}

TEST(Affine, RoundsHalfAwayFromZeroAndClips) {
  const auto tensor = quantized(
      floats({0.24F, 0.25F, -0.25F, -0.24F, 1e9F, -1e9F, std::numeric_limits<float>::infinity()})
          .view(),
      {0.5, 3}, DType::kInt8);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->dtype(), DType::kInt8);
  EXPECT_THAT(tensor->as<std::int8_t>(), ElementsAre(3, 4, 2, 3, 127, -128, 127));
}

TEST(Affine, NanIsTheZeroPoint) {
  const auto tensor = quantized(floats({std::nanf("")}).view(), {0.5, 7}, DType::kUInt8);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_THAT(tensor->as<std::uint8_t>(), ElementsAre(7));
}

/// Integers come back as they were, whatever the scale: samples travel as real numbers.
TEST(Affine, IntegersSurviveTheWayThere) {
  for (const auto dtype : {DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16}) {
    const bool wide = bits_of(dtype) == 16;
    Tensor integers(dtype, {wide ? 65536 : 256});
    for (std::size_t i = 0; i < (wide ? 65536U : 256U); ++i) {
      if (wide) {
        integers.as<std::uint16_t>()[i] = static_cast<std::uint16_t>(i);
      } else {
        integers.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i);
      }
    }
    for (const double scale : {1.0 / 255, 0.1, 3.7e-9, 12345.678}) {
      const AffineQuantization quantization{static_cast<double>(static_cast<float>(scale)), 11};
      const auto real = dequantized(integers.view(), quantization);
      ASSERT_THAT(real, IsOk());
      const auto again = quantized(real->view(), quantization, dtype);
      ASSERT_THAT(again, IsOk());
      EXPECT_TRUE(std::equal(again->bytes().begin(), again->bytes().end(),
                             std::as_const(integers).bytes().begin()))
          << to_string(dtype) << " " << scale;
    }
  }
}

TEST(Affine, TellsWhatATypeCanStandFor) {
  const auto pixels = range_of({1.0, -128}, DType::kInt8);
  EXPECT_EQ(pixels.low, 0);
  EXPECT_EQ(pixels.high, 255);
  const auto wide = range_of({2.0, 0}, DType::kUInt16);
  EXPECT_EQ(wide.low, 0);
  EXPECT_EQ(wide.high, 131070);
}

TEST(Affine, OtherTypesAreRefused) {
  EXPECT_THAT(quantized(floats({1}).view(), {}, DType::kInt32),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("int32")));
}

}  // namespace
}  // namespace tessera
