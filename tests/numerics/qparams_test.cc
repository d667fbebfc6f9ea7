// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/qparams.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "support/matchers.h"

namespace tessera::numerics {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr DType kTypes[] = {DType::kUInt8, DType::kInt8,  DType::kUInt16,
                            DType::kInt16, DType::kUInt4, DType::kInt4};

/// What onnxruntime.quantization 1.32 `compute_data_quant_params` returns: scale as the bits of
/// the stored type.
struct Golden {
  DType dtype;
  bool symmetric;
  bool reduce_range;
  double min;
  double max;
  double min_real_range;
  DType scale_dtype;
  std::uint32_t scale_bits;
  std::int32_t zero_point;
};

void PrintTo(const Golden& golden, std::ostream* out) {
  *out << to_string(golden.dtype) << (golden.symmetric ? " symmetric" : "")
       << (golden.reduce_range ? " reduced" : "") << " [" << golden.min << ", " << golden.max
       << "] m=" << golden.min_real_range << " " << to_string(golden.scale_dtype);
}

constexpr Golden kGolden[] = {
#include "numerics/qparams_golden.inc"
};

void expect_golden(const Golden& golden) {
  const auto qparams = compute_qparams(
      {golden.min, golden.max},
      {.dtype = golden.dtype, .symmetric = golden.symmetric, .reduce_range = golden.reduce_range},
      {.min_real_range = golden.min_real_range, .scale_dtype = golden.scale_dtype});
  ASSERT_THAT(qparams, IsOk());
  const std::uint32_t bits = golden.scale_dtype == DType::kFloat16
                                 ? float32_to_float16(qparams->scale)
                                 : std::bit_cast<std::uint32_t>(qparams->scale);
  EXPECT_EQ(bits, golden.scale_bits) << qparams->scale;
  EXPECT_EQ(qparams->zero_point, golden.zero_point);
}

TEST(ComputeQParams, IsTheReferenceBitForBit) {
  for (const Golden& golden : kGolden) {
    SCOPED_TRACE(::testing::PrintToString(golden));
    expect_golden(golden);
  }
}

TEST(WorkingRange, ReducedComesBeforeSymmetric) {
  EXPECT_EQ(working_range({.dtype = DType::kInt8, .symmetric = true}), (IntegerRange{-127, 127}));
  EXPECT_EQ(working_range({.dtype = DType::kInt16, .symmetric = true}),
            (IntegerRange{-32767, 32767}));
  EXPECT_EQ(working_range({.dtype = DType::kInt4, .symmetric = true}), (IntegerRange{-8, 7}));
  EXPECT_EQ(working_range({.dtype = DType::kInt8, .symmetric = true, .reduce_range = true}),
            (IntegerRange{-64, 64}));
  EXPECT_EQ(working_range({.dtype = DType::kUInt8, .reduce_range = true}), (IntegerRange{0, 127}));
  EXPECT_EQ(working_range({.dtype = DType::kUInt16, .reduce_range = true}),
            (IntegerRange{0, 32767}));
  EXPECT_EQ(working_range({.dtype = DType::kInt4, .reduce_range = true}), (IntegerRange{-4, 3}));
  EXPECT_EQ(working_range({.dtype = DType::kUInt4, .reduce_range = true}), (IntegerRange{0, 7}));
}

TEST(ComputeQParams, Float16Range_IsRoundedBeforeTheScale) {
  // -1.0004 is -1 in float16: the zero point is the middle, not 7 steps off.
  const auto qparams =
      compute_qparams({-1.0004, 1}, {.dtype = DType::kUInt16}, {.scale_dtype = DType::kFloat16});
  ASSERT_THAT(qparams, IsOk());
  EXPECT_EQ(qparams->zero_point, 32768);
}

TEST(ComputeQParams, RangeThatIsNotFinite_IsRefused) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const RealRange range : {RealRange{nan, 1}, RealRange{0, nan}, RealRange{-infinity, 1},
                                RealRange{infinity, 1}, RealRange{0, 1e39}}) {
    EXPECT_THAT(compute_qparams(range, {}),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr("not finite in float32")));
  }
  EXPECT_THAT(compute_qparams({0, 70000}, {}, {.scale_dtype = DType::kFloat16}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("not finite in float16")));
}

TEST(ComputeQParams, TypeThatIsNoInteger_IsRefused) {
  EXPECT_THAT(compute_qparams({0, 1}, {.dtype = DType::kFloat32}),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("float32")));
}

QuantSpec any_spec() {
  return {.dtype = *rc::gen::elementOf(std::vector<DType>(std::begin(kTypes), std::end(kTypes))),
          .symmetric = *rc::gen::arbitrary<bool>(),
          .reduce_range = *rc::gen::arbitrary<bool>()};
}

double any_real() {
  const int mantissa = *rc::gen::inRange(-1'000'000, 1'000'000);
  return std::ldexp(mantissa, *rc::gen::inRange(-120, 60));
}

RC_GTEST_PROP(ComputeQParams, ZeroIsALevelAndTheRangeIsCovered, ()) {
  const QuantSpec spec = any_spec();
  const double a = any_real();
  const double b = any_real();
  const RealRange range{std::min(a, b), std::max(a, b)};
  const auto qparams = compute_qparams(range, spec);
  RC_ASSERT(qparams.has_value());
  const IntegerRange full = full_range(spec.dtype);
  RC_ASSERT(qparams->scale > 0);
  RC_ASSERT(qparams->zero_point >= full.min);
  RC_ASSERT(qparams->zero_point <= full.max);
  if (qparams->scale == 1.0F && qparams->zero_point == 0) {
    return;  // nothing but 0 in the range
  }
  // The working range covers the real one up to rounding of zero point and scale: one step.
  const IntegerRange working = working_range(spec);
  const double step = double{qparams->scale} * 1.0001;
  const double low = step * static_cast<double>(working.min - 1 - qparams->zero_point);
  const double high = step * static_cast<double>(working.max + 1 - qparams->zero_point);
  RC_ASSERT(low <= range.min);
  RC_ASSERT(high >= range.max);
}

RC_GTEST_PROP(ComputeQParams, SymmetricSignedHasZeroPointZero, ()) {
  const DType dtype = *rc::gen::element(DType::kInt8, DType::kInt16, DType::kInt4);
  const double a = any_real();
  const auto qparams = compute_qparams(
      {-std::abs(a), std::abs(a)},
      {.dtype = dtype, .symmetric = true, .reduce_range = *rc::gen::arbitrary<bool>()});
  RC_ASSERT(qparams.has_value());
  RC_ASSERT(qparams->zero_point == 0);
}

}  // namespace
}  // namespace tessera::numerics
