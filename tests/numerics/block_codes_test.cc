// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/numerics/block_codes.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <cmath>
#include <limits>

#include "support/matchers.h"
#include "tessera/core/random.h"

namespace tessera::numerics {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

std::vector<float> random_values(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  Random random(seed);
  for (auto& value : values) {
    value = static_cast<float>(random.normal());
  }
  return values;
}

TEST(QuantizeBlocks, Asymmetric_MapsExtremaToTheEnds) {
  const std::vector<float> values{0, 5, 10, 15};
  BlockSpec spec;
  spec.block_size = 16;
  const auto codes = quantize_blocks({values, 4, 1, false}, spec, 1);
  ASSERT_THAT(codes, IsOk());
  EXPECT_THAT(codes->codes, ElementsAre(0, 5, 10, 15));
  EXPECT_THAT(codes->scales, ElementsAre(1.0F));
  EXPECT_THAT(codes->zero_points, ElementsAre(0));
}

TEST(QuantizeBlocks, Symmetric_GivesTheLargestMagnitudeTheFirstCode) {
  const std::vector<float> values{8, -4, 0, 1};
  BlockSpec spec;
  spec.block_size = 16;
  spec.symmetric = true;
  const auto codes = quantize_blocks({values, 4, 1, false}, spec, 1);
  ASSERT_THAT(codes, IsOk());
  EXPECT_THAT(codes->scales, ElementsAre(-1.0F));
  EXPECT_THAT(codes->codes, ElementsAre(0, 12, 8, 7));
}

TEST(QuantizeBlocks, Zeros_StayZero) {
  const std::vector<float> values(40, 0.0F);
  for (const bool symmetric : {false, true}) {
    BlockSpec spec;
    spec.block_size = 16;
    spec.symmetric = symmetric;
    spec.search = true;
    const auto codes = quantize_blocks({values, 40, 1, false}, spec, 1);
    ASSERT_THAT(codes, IsOk());
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(codes->codes[i], codes->zero_points[i / 16]);
    }
  }
}

TEST(QuantizeBlocks, NotFinite_IsRefused) {
  const std::vector<float> values{0, std::numeric_limits<float>::infinity()};
  EXPECT_THAT(quantize_blocks({values, 2, 1, false}, {}, 1),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("NaN or infinite")));
}

TEST(QuantizeBlocks, AnyMatrix_ComesBackWithinHalfAStep) {
  rc::check([] {
    const auto rows = *rc::gen::inRange<std::int64_t>(1, 70);
    const auto columns = *rc::gen::inRange<std::int64_t>(1, 40);
    BlockSpec spec;
    spec.bits = *rc::gen::element(4, 8);
    spec.block_size = *rc::gen::element<std::int64_t>(16, 32);
    spec.rounding =
        *rc::gen::element(BlockRounding::kWithZeroPoint, BlockRounding::kBeforeZeroPoint);
    const bool transposed = *rc::gen::arbitrary<bool>();
    const auto matrix = random_values(rows * columns, *rc::gen::arbitrary<std::uint64_t>());
    const auto threads = *rc::gen::inRange(1, 4);
    const MatrixView view{matrix, rows, columns, transposed};
    const auto codes = quantize_blocks(view, spec, threads);
    RC_ASSERT(codes.has_value());
    for (std::int64_t n = 0; n < columns; ++n) {
      for (std::int64_t k = 0; k < rows; ++k) {
        const auto block = static_cast<std::size_t>(n * codes->blocks + k / spec.block_size);
        const double step = double{codes->scales[block]};
        const int shifted =
            codes->codes[static_cast<std::size_t>(n * rows + k)] - codes->zero_points[block];
        // The ends of an asymmetric range move by up to half a step with its rounded zero point.
        RC_ASSERT(std::abs(step * shifted - double{view.at(k, n)}) <= 1.001 * step + 1e-30);
      }
    }
    const auto again = quantize_blocks(view, spec, 1);
    RC_ASSERT(again->codes == codes->codes);
  });
}

double squared_error(const std::vector<float>& matrix, const BlockCodes& codes,
                     std::int64_t block_size) {
  double sum = 0;
  for (std::int64_t n = 0; n < codes.columns; ++n) {
    for (std::int64_t k = 0; k < codes.rows; ++k) {
      const auto block = static_cast<std::size_t>(n * codes.blocks + k / block_size);
      const int shifted =
          codes.codes[static_cast<std::size_t>(n * codes.rows + k)] - codes.zero_points[block];
      const double value = double{matrix[static_cast<std::size_t>(k * codes.columns + n)]};
      sum += std::pow(double{codes.scales[block]} * shifted - value, 2);
    }
  }
  return sum;
}

TEST(QuantizeBlocks, Search_LowersTheError) {
  const auto matrix = random_values(std::int64_t{256} * 64, 7);
  for (const bool symmetric : {false, true}) {
    BlockSpec spec;
    spec.symmetric = symmetric;
    const MatrixView view{matrix, 256, 64, false};
    const auto plain = quantize_blocks(view, spec, 1).value();
    spec.search = true;
    const auto searched = quantize_blocks(view, spec, 1).value();
    EXPECT_LT(squared_error(matrix, searched, spec.block_size),
              0.95 * squared_error(matrix, plain, spec.block_size))
        << "symmetric " << symmetric;
  }
}

}  // namespace
}  // namespace tessera::numerics
