// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/kernels.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "numerics/simd.h"
#include "support/matchers.h"
#include "tessera/core/random.h"

namespace tessera::numerics {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr DType kTypes[] = {DType::kUInt8, DType::kInt8,  DType::kUInt16,
                            DType::kInt16, DType::kUInt4, DType::kInt4};

/// Runs the body under every instruction set of this build and processor.
template <class F>
void on_every_target(F body) {
  for (const simd::Target& target : simd::targets()) {
    SCOPED_TRACE(target.name);
    simd::force_target(target.id);
    body();
  }
  simd::force_target(0);
}

/// The definition, one element at a time.
std::int64_t slow_quantize(float value, const QParams& qparams, DType dtype) {
  const IntegerRange levels = full_range(dtype);
  const float ratio = value / qparams.scale;
  if (std::isnan(ratio)) {
    return qparams.zero_point;
  }
  const double steps = std::nearbyint(double{ratio}) + qparams.zero_point;
  return static_cast<std::int64_t>(
      std::min(std::max(steps, static_cast<double>(levels.min)), static_cast<double>(levels.max)));
}

std::int64_t element(std::span<const std::byte> bytes, DType dtype, std::size_t i) {
  const auto as = [&]<class T>(T) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    return std::int64_t{value};
  };
  switch (dtype) {
    case DType::kUInt8:
      return as(std::uint8_t{});
    case DType::kInt8:
      return as(std::int8_t{});
    case DType::kUInt16:
      return as(std::uint16_t{});
    case DType::kInt16:
      return as(std::int16_t{});
    case DType::kInt32:
      return as(std::int32_t{});
    default: {
      const auto byte = std::to_integer<int>(bytes[i / 2]);
      const int nibble = (i % 2 == 0 ? byte : byte >> 4) & 0xF;
      return dtype == DType::kInt4 && nibble >= 8 ? nibble - 16 : nibble;
    }
  }
}

std::vector<float> noise(std::size_t count, std::uint64_t seed, double scale = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = static_cast<float>(random.normal() * scale);
  }
  return values;
}

TEST(FindMinMax, NonFiniteValues_AreCountedAndPassedOver) {
  std::vector<float> values = noise(10'001, 1);
  values[17] = -9;
  values[9'999] = 11;
  values[3] = kNan;
  values[5'000] = kInfinity;
  values[10'000] = -kInfinity;
  on_every_target([&] {
    const MinMax found = find_min_max(values);
    EXPECT_EQ(found.min, -9);
    EXPECT_EQ(found.max, 11);
    EXPECT_EQ(found.nan, 1);
    EXPECT_EQ(found.infinite, 2);
    EXPECT_EQ(found.finite, 9'998);
  });
}

TEST(FindMinMax, NothingFinite_GivesZeros) {
  const std::vector<float> values = {kNan, kInfinity};
  const MinMax found = find_min_max(values);
  EXPECT_EQ(found.finite, 0);
  EXPECT_EQ(found.min, 0);
  EXPECT_EQ(found.max, 0);
  EXPECT_EQ(find_min_max({}).finite, 0);
}

TEST(FindMinMax, EveryLengthAndPosition) {
  on_every_target([] {
    for (std::size_t count = 1; count < 140; ++count) {
      std::vector<float> values(count, 1.0F);
      values[count - 1] = 2;
      values[0] = count == 1 ? 2.0F : -1.0F;
      const MinMax found = find_min_max(values);
      EXPECT_EQ(found.finite, static_cast<std::int64_t>(count));
      EXPECT_EQ(found.max, 2);
      EXPECT_EQ(found.min, count == 1 ? 2.0F : -1.0F);
    }
  });
}

/// Halves of a step are where a quotient that is wrong by its last bit rounds to another level.
TEST(Quantize, QuotientsBesideHalves_RoundAsADivisionDoes) {
  Random random(11);
  on_every_target([&] {
    for (int round = 0; round < 400; ++round) {
      const auto exponent = static_cast<int>(random.below(240)) - 120;
      const auto mantissa = static_cast<float>(1 + random.uniform());
      const QParams qparams{.scale = std::ldexp(round == 0 ? 0x1.fffffep0F : mantissa, exponent),
                            .zero_point = 0};
      std::vector<float> values;
      for (int half = -255; half <= 255; half += 2) {
        const float value = static_cast<float>(half) / 2 * qparams.scale;
        for (const float to : {-kInfinity, value, kInfinity}) {
          values.push_back(std::nextafter(value, to));
        }
      }
      std::vector<std::int8_t> out(values.size());
      simd::quantize<std::int8_t>(values, qparams, full_range(DType::kInt8), out);
      for (std::size_t i = 0; i < values.size(); ++i) {
        ASSERT_EQ(out[i], slow_quantize(values[i], qparams, DType::kInt8))
            << values[i] << " / " << qparams.scale;
      }
    }
  });
}

RC_GTEST_PROP(Quantize, EqualsTheDefinitionOnEveryTarget, ()) {
  const DType dtype = *rc::gen::elementOf(std::vector<DType>(std::begin(kTypes), std::end(kTypes)));
  const QuantSpec spec{.dtype = dtype, .symmetric = *rc::gen::arbitrary<bool>()};
  const auto count = static_cast<std::size_t>(*rc::gen::inRange(0, 5000));
  std::vector<float> values = noise(count, *rc::gen::arbitrary<std::uint64_t>(), 3);
  // Values far out of the range, exact halves and non-numbers.
  for (std::size_t i = 0; i < values.size(); i += 97) {
    constexpr float kSpecial[] = {kNan, kInfinity, -kInfinity, 1e30F, -1e30F, 0.0F, -0.0F};
    values[i] = kSpecial[(i / 97) % std::size(kSpecial)];
  }
  const auto qparams = compute_qparams({-*rc::gen::inRange(0, 50) / 10.0, 2.5}, spec);
  RC_ASSERT(qparams.has_value());
  for (std::size_t i = 1; i < values.size(); i += 89) {
    values[i] = (static_cast<float>(i % 7) + 0.5F) * qparams->scale;
  }
  std::vector<std::byte> out(static_cast<std::size_t>(bytes_of(dtype, std::ssize(values))));
  std::vector<float> back(count);
  on_every_target([&] {
    quantize(values, *qparams, dtype, out);
    dequantize(out, *qparams, dtype, back);
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t expected = slow_quantize(values[i], *qparams, dtype);
      RC_ASSERT(element(out, dtype, i) == expected);
      RC_ASSERT(back[i] == static_cast<float>(expected - qparams->zero_point) * qparams->scale);
    }
  });
}

RC_GTEST_PROP(Quantize, ErrorWithinTheRangeIsAtMostHalfAStep, ()) {
  const DType dtype = *rc::gen::elementOf(std::vector<DType>(std::begin(kTypes), std::end(kTypes)));
  const std::vector<float> values =
      noise(static_cast<std::size_t>(*rc::gen::inRange(1, 2000)),
            *rc::gen::arbitrary<std::uint64_t>(), std::ldexp(1.0, *rc::gen::inRange(-20, 20)));
  const MinMax extrema = find_min_max(values);
  const auto qparams = compute_qparams({extrema.min, extrema.max}, {.dtype = dtype});
  RC_ASSERT(qparams.has_value());
  std::vector<std::byte> out(static_cast<std::size_t>(bytes_of(dtype, std::ssize(values))));
  std::vector<float> back(values.size());
  quantize(values, *qparams, dtype, out);
  dequantize(out, *qparams, dtype, back);
  const double scale = double{qparams->scale};
  for (std::size_t i = 0; i < values.size(); ++i) {
    // Half a step inside; at the ends the rounded zero point may cost another half. The last term
    // is float32 rounding of the operands.
    const bool at_end =
        double{values[i]} <
            scale * static_cast<double>(full_range(dtype).min - qparams->zero_point) ||
        double{values[i]} >
            scale * static_cast<double>(full_range(dtype).max - qparams->zero_point);
    const double bound = scale * (at_end ? 1.001 : 0.501) + std::abs(double{values[i]}) * 1e-6;
    RC_ASSERT(std::abs(double{back[i]} - double{values[i]}) <= bound);
  }
}

TEST(Quantize, OddCountOfFourBitValues_LeavesTheHighHalfZero) {
  const std::vector<float> values = {1, -1, 3};
  std::vector<std::byte> out(2, std::byte{0xFF});
  quantize(values, {.scale = 1, .zero_point = 0}, DType::kInt4, out);
  EXPECT_EQ(std::to_integer<int>(out[0]), 0xF1);
  EXPECT_EQ(std::to_integer<int>(out[1]), 0x03);
}

TEST(Quantize, Int32_RoundsInDoublePrecisionAndSaturates) {
  const std::vector<float> values = {16'777'216.0F, 0.5F, 1.5F, -2.5F, 1e20F, -1e20F};
  std::vector<std::byte> out(values.size() * 4);
  quantize(values, {.scale = 1, .zero_point = 0}, DType::kInt32, out);
  std::vector<std::int64_t> integers;
  for (std::size_t i = 0; i < values.size(); ++i) {
    integers.push_back(element(out, DType::kInt32, i));
  }
  EXPECT_THAT(integers, ElementsAre(16'777'216, 0, 2, -2, std::numeric_limits<std::int32_t>::max(),
                                    std::numeric_limits<std::int32_t>::min()));
}

Tensor weights_of(Shape shape, std::uint64_t seed) {
  return Tensor::of(noise(static_cast<std::size_t>(element_count(shape)), seed), shape);
}

/// Channel by channel with the definition.
void expect_channels_quantized(const Tensor& weights, const QuantSpec& spec, int axis) {
  const auto quantized = quantize_weights(weights.view(), spec, axis);
  ASSERT_THAT(quantized, IsOk());
  const Shape& shape = weights.shape();
  std::int64_t inner = 1;
  for (std::size_t d = static_cast<std::size_t>(axis) + 1; d < shape.size(); ++d) {
    inner *= shape[d];
  }
  const std::int64_t channels = shape[static_cast<std::size_t>(axis)];
  ASSERT_EQ(std::ssize(quantized->qparams), channels);
  const auto values = weights.as<float>();
  std::vector<RealRange> extrema(static_cast<std::size_t>(channels), {1e30, -1e30});
  const auto channel_of = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<std::int64_t>(i) / inner % channels);
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    RealRange& range = extrema[channel_of(i)];
    range.min = std::min(range.min, double{values[i]});
    range.max = std::max(range.max, double{values[i]});
  }
  for (std::size_t c = 0; c < extrema.size(); ++c) {
    EXPECT_EQ(*compute_qparams(extrema[c], spec), quantized->qparams[c]);
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(element(quantized->values.bytes(), spec.dtype, i),
              slow_quantize(values[i], quantized->qparams[channel_of(i)], spec.dtype));
  }
}

TEST(QuantizeWeights, EveryAxisTypeAndTarget) {
  const Tensor weights = weights_of({5, 3, 7, 40}, 3);
  on_every_target([&] {
    for (const DType dtype : kTypes) {
      for (int axis = 0; axis < 4; ++axis) {
        expect_channels_quantized(weights, {.dtype = dtype, .symmetric = true}, axis);
        expect_channels_quantized(weights, {.dtype = dtype}, axis);
      }
    }
  });
}

TEST(QuantizeWeights, PerTensor_HasOneScale) {
  const Tensor weights = weights_of({4, 5}, 4);
  const auto quantized =
      quantize_weights(weights.view(), {.dtype = DType::kInt8, .symmetric = true}, -1);
  ASSERT_THAT(quantized, IsOk());
  EXPECT_EQ(quantized->axis, -1);
  EXPECT_EQ(quantized->qparams.size(), 1U);
  EXPECT_EQ(quantized->qparams[0].zero_point, 0);
  EXPECT_EQ(*weight_qparams(weights.view(), {.dtype = DType::kInt8, .symmetric = true}, -1),
            quantized->qparams);
}

TEST(QuantizeWeights, Float16_ScaleIsAFloat16Number) {
  std::vector<std::uint16_t> halves;
  for (const float value : noise(64, 5)) {
    halves.push_back(float32_to_float16(value));
  }
  const TensorView view{DType::kFloat16, std::vector<std::int64_t>{64}, {}};
  const Shape shape{64};
  const auto quantized = quantize_weights({view.dtype, shape, std::as_bytes(std::span(halves))},
                                          {.dtype = DType::kInt8, .symmetric = true}, -1);
  ASSERT_THAT(quantized, IsOk());
  const float scale = quantized->qparams[0].scale;
  EXPECT_EQ(float16_to_float32(float32_to_float16(scale)), scale);
}

TEST(QuantizeWeights, ZeroSize_GivesScaleOne) {
  const Tensor empty(DType::kFloat32, {3, 0});
  const auto quantized = quantize_weights(empty.view(), {.dtype = DType::kInt8}, 0);
  ASSERT_THAT(quantized, IsOk());
  EXPECT_THAT(quantized->qparams, ElementsAre(QParams{}, QParams{}, QParams{}));
  EXPECT_EQ(quantized->values.size(), 0);
  const Tensor none(DType::kFloat32, {0, 3});
  EXPECT_THAT(quantize_weights(none.view(), {.dtype = DType::kInt4}, 0), IsOk());
  EXPECT_THAT(quantize_weights(none.view(), {.dtype = DType::kInt4}, -1), IsOk());
}

TEST(QuantizeWeights, UnalignedMemory_IsRead) {
  const std::vector<float> values = noise(33, 6);
  std::vector<std::byte> memory(values.size() * 4 + 1);
  std::memcpy(memory.data() + 1, values.data(), values.size() * 4);
  const Shape shape{33};
  const auto quantized =
      quantize_weights({DType::kFloat32, shape, std::span(memory).subspan(1)}, {}, -1);
  const auto expected = quantize_weights(Tensor::of(values, shape).view(), {}, -1);
  ASSERT_THAT(quantized, IsOk());
  EXPECT_EQ(quantized->qparams, expected->qparams);
}

TEST(QuantizeWeights, BadArguments_AreRefused) {
  Tensor weights = weights_of({2, 40}, 7);
  EXPECT_THAT(quantize_weights(weights.view(), {}, 2),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("axis 2 is out of range")));
  EXPECT_THAT(quantize_weights_with(weights.view(), DType::kInt8, std::vector<QParams>(3), 0),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("3 scales for 2 channels")));
  EXPECT_THAT(quantize_weights(weights.view(), {.dtype = DType::kFloat32}, 0),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("float32")));
  EXPECT_THAT(quantize_weights(Tensor(DType::kInt64, {2}).view(), {}, -1),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("int64")));
  weights.as<float>()[41] = kNan;
  EXPECT_THAT(quantize_weights(weights.view(), {}, 0),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("NaN")));
  EXPECT_THAT(quantize_weights(weights.view(), {}, 1),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("NaN")));
}

}  // namespace
}  // namespace tessera::numerics
