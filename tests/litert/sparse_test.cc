// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/litert/sparse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "support/litert_builder.h"
#include "support/matchers.h"
#include "tessera/core/random.h"

namespace tessera::litert {
namespace {

using testing::data_of;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

constexpr std::uint8_t kInt32Vector = 1;
constexpr std::uint8_t kUint16Vector = 2;
constexpr std::uint8_t kUint8Vector = 3;

Options numbers(std::uint8_t type, const std::vector<std::int64_t>& values) {
  Options options(TableUnion::kIndices, type);
  EXPECT_TRUE(options.set_ints(0, values));
  return options;
}

SparseDimension dense(std::int32_t extent) {
  return {.format = 0, .dense_size = extent};
}

SparseDimension compressed(const std::vector<std::int64_t>& segments,
                           const std::vector<std::int64_t>& indices,
                           std::uint8_t type = kInt32Vector) {
  return {.format = 1, .segments = numbers(type, segments), .indices = numbers(type, indices)};
}

Tensor tensor_of(std::vector<std::int32_t> shape, Sparsity sparsity) {
  Tensor tensor;
  tensor.name = "w";
  tensor.shape = std::move(shape);
  tensor.sparsity = std::move(sparsity);
  return tensor;
}

std::vector<float> floats_of(const std::vector<std::byte>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

/// 3x4 with values at (0,1), (0,3), (2,0).
Tensor rows() {
  return tensor_of({3, 4}, {{0, 1}, {}, {dense(3), compressed({0, 2, 2, 3}, {1, 3, 0})}});
}

TEST(Sparse, Rows_StandWhereTheirIndicesSay) {
  const auto dense = dense_bytes(rows(), data_of<float>({1, 2, 3}));
  ASSERT_THAT(dense, IsOk());
  EXPECT_THAT(floats_of(*dense), ElementsAre(0, 1, 0, 2, 0, 0, 0, 0, 3, 0, 0, 0));
}

TEST(Sparse, Columns_AreTraversedFirstWhereTheOrderSaysSo) {
  // By columns: column 1 has row 0, column 3 has rows 0 and 2.
  const auto tensor =
      tensor_of({3, 4}, {{1, 0}, {}, {dense(4), compressed({0, 0, 1, 1, 3}, {0, 0, 2})}});
  const auto dense = dense_bytes(tensor, data_of<float>({1, 2, 3}));
  ASSERT_THAT(dense, IsOk());
  EXPECT_THAT(floats_of(*dense), ElementsAre(0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3));
}

TEST(Sparse, Blocks_AreWithinTheirDimension) {
  // 2x4 in blocks of 1x2: the second block of the first row, the first of the second.
  const auto tensor =
      tensor_of({2, 4}, {{0, 1, 2}, {1}, {dense(2), compressed({0, 1, 2}, {1, 0}), dense(2)}});
  const auto dense = dense_bytes(tensor, data_of<float>({1, 2, 3, 4}));
  ASSERT_THAT(dense, IsOk());
  EXPECT_THAT(floats_of(*dense), ElementsAre(0, 0, 1, 2, 3, 4, 0, 0));
}

TEST(Sparse, SmallIndices_HaveNoSign) {
  for (const auto type : {kUint8Vector, kUint16Vector}) {
    const auto tensor =
        tensor_of({1, 250}, {{0, 1}, {}, {dense(1), compressed({0, 1}, {200}, type)}});
    const auto dense = dense_bytes(tensor, data_of<float>({5}));
    ASSERT_THAT(dense, IsOk());
    EXPECT_EQ(floats_of(*dense)[200], 5);
  }
}

/// Any matrix, stored by rows, comes back.
TEST(Sparse, RandomMatrices_ComeBack) {
  Random random(7);
  for (int round = 0; round < 50; ++round) {
    const auto height = static_cast<std::int32_t>(1 + random.below(6));
    const auto width = static_cast<std::int32_t>(1 + random.below(6));
    std::vector<float> matrix;
    std::vector<float> stored;
    std::vector<std::int64_t> segments{0};
    std::vector<std::int64_t> indices;
    for (std::int32_t y = 0; y < height; ++y) {
      for (std::int32_t x = 0; x < width; ++x) {
        const bool present = random.uniform() < 0.4;
        matrix.push_back(present ? static_cast<float>(random.normal()) : 0);
        if (present) {
          stored.push_back(matrix.back());
          indices.push_back(x);
        }
      }
      segments.push_back(static_cast<std::int64_t>(indices.size()));
    }
    const auto tensor =
        tensor_of({height, width}, {{0, 1}, {}, {dense(height), compressed(segments, indices)}});
    const auto dense = dense_bytes(tensor, data_of(stored));
    ASSERT_THAT(dense, IsOk());
    EXPECT_EQ(floats_of(*dense), matrix);
  }
}

TEST(Sparse, WhatDoesNotFit_IsNamed) {
  const auto stored = data_of<float>({1, 2, 3});
  const std::vector<std::pair<std::function<void(Tensor&)>, std::string>> cases{
      {[](Tensor& t) { t.sparsity->traversal_order = {0}; }, "levels"},
      {[](Tensor& t) {
         t.sparsity->traversal_order = {0, 0};
       },
       "order of traversal"},
      {[](Tensor& t) {
         t.sparsity->traversal_order = {0, 7};
       },
       "order of traversal"},
      {[](Tensor& t) { t.sparsity->dimensions.pop_back(); }, "levels"},
      {[](Tensor& t) { t.sparsity->dimensions[0].dense_size = 4; }, "not as long"},
      {[](Tensor& t) { t.sparsity->dimensions[0].format = 9; }, "form"},
      {[](Tensor& t) {
         t.sparsity->dimensions[1] = compressed({0, 2, 2, 3}, {1, 4, 0});
       },
       "index is outside"},
      {[](Tensor& t) {
         t.sparsity->dimensions[1] = compressed({0, 2, 2, 4}, {1, 3, 0});
       },
       "segments"},
      {[](Tensor& t) {
         t.sparsity->dimensions[1] = compressed({2, 0, 2, 3}, {1, 3, 0});
       },
       "segments"},
      {[](Tensor& t) {
         t.sparsity->dimensions[1] = compressed({0, 2, 3}, {1, 3, 0});
       },
       "too few segments"},
      {[](Tensor& t) {
         t.sparsity->dimensions[1] = compressed({0, 2, 2, 2}, {1, 3, 0});
       },
       "stand nowhere"},
      {[](Tensor& t) {
         t.sparsity->dimensions[1] = compressed({0, 2, 3, 4}, {1, 3, 0, 2});
       },
       "fewer values"},
      {[](Tensor& t) { t.sparsity->block_map = {5}; }, "levels"},
      {[](Tensor& t) {
         t.shape = {{0, 4}};
       },
       "no elements"},
      {[](Tensor& t) {
         t.shape = {{-3, 4}};
       },
       "shape"}};
  for (const auto& [damage, why] : cases) {
    auto tensor = rows();
    damage(tensor);
    EXPECT_THAT(dense_bytes(tensor, stored), FailsWith(ErrorCode::kDataLoss, HasSubstr(why)));
  }
}

TEST(Sparse, BlocksThatDoNotFit_AreNamed) {
  const auto stored = data_of<float>({1, 2, 3, 4});
  const auto blocked = [](std::int32_t dim, std::int32_t block, std::vector<std::int32_t> shape) {
    return tensor_of(std::move(shape),
                     {{0, 1, 2}, {dim}, {dense(2), compressed({0, 1, 2}, {1, 0}), dense(block)}});
  };
  EXPECT_THAT(dense_bytes(blocked(5, 2, {2, 4}), stored),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("its blocks")));
  EXPECT_THAT(dense_bytes(blocked(1, 0, {2, 4}), stored),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("its blocks")));
  EXPECT_THAT(dense_bytes(blocked(1, 2, {2, 5}), stored),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no multiple of its blocks")));
}

/// Outer levels without end above a level without elements, and a gigabyte from one value.
TEST(Sparse, SmallFiles_NeitherHangNorFillTheMemory) {
  constexpr std::int32_t kMany = 2147483647;
  const auto endless =
      tensor_of({kMany, kMany, kMany, 0},
                {{0, 1, 2, 3}, {}, {dense(kMany), dense(kMany), dense(kMany), dense(0)}});
  EXPECT_THAT(dense_bytes(endless, data_of<float>({})),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no elements")));
  const auto vast = tensor_of({1, 1 << 28}, {{0, 1}, {}, {dense(1), compressed({0, 1}, {0})}});
  EXPECT_THAT(dense_bytes(vast, data_of<float>({1})),
              FailsWith(ErrorCode::kResourceExhausted, HasSubstr("with its zeros")));
}

TEST(Sparse, ElementsOfHalfAByte_AreRefused) {
  auto tensor = rows();
  tensor.type = ElementType::kInt4;
  EXPECT_THAT(dense_bytes(tensor, data_of<float>({1, 2, 3})),
              FailsWith(ErrorCode::kUnimplemented, HasSubstr("int4")));
}

}  // namespace
}  // namespace tessera::litert
