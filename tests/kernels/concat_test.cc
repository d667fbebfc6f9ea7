// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cases.h"
#include "kernels/requantize.h"

namespace tessera::kernels {
namespace {

using testing::Bytes;
using testing::Cases;
using testing::constant;
using testing::feed;
using ::testing::HasSubstr;
using testing::OneNode;
using testing::scalar;
using Shape = std::vector<std::int64_t>;

TEST(Requantize, IsTheNearestStep) {
  Cases cases(1);
  for (int round = 0; round < 2000; ++round) {
    const bool is_signed = round % 2 == 0;
    const auto x = cases.quantization(is_signed);
    const auto y = cases.quantization(is_signed);
    std::array<std::uint8_t, kTableSize> table{};
    requantization_table(x, y, is_signed, table);
    for (std::size_t byte = 0; byte < kTableSize; ++byte) {
      const double exact = testing::real_of(static_cast<std::uint8_t>(byte), x, is_signed) /
                               static_cast<double>(y.scale) +
                           y.zero;
      const double low = is_signed ? -128 : 0;
      const double steps = testing::number_of(table[byte], is_signed);
      ASSERT_LE(std::abs(std::clamp(exact, low, low + 255) - steps), 0.5 + 1e-4);
    }
  }
}

struct Tensor {
  Shape shape;
  Quantization quantization;
};

OneNode node(const std::vector<Tensor>& tensors, Quantization y, std::int64_t axis, bool is_signed,
             Cases& cases) {
  OneNode model = {"QLinearConcat",
                   "ai.tessera",
                   {constant(scalar(y.scale)), constant(testing::zero_of(y, is_signed))},
                   {testing::int_attribute("axis", axis)}};
  for (const auto& tensor : tensors) {
    std::size_t count = 1;
    for (const auto extent : tensor.shape) {
      count *= static_cast<std::size_t>(extent);
    }
    model.inputs.push_back(feed(testing::value_of(tensor.shape, cases.bytes(count), is_signed)));
    model.inputs.push_back(constant(scalar(tensor.quantization.scale)));
    model.inputs.push_back(constant(testing::zero_of(tensor.quantization, is_signed)));
  }
  return model;
}

TEST(ConcatOperator, IsTheRuntimesOwn) {
  Cases cases(2);
  for (int round = 0; round < 60; ++round) {
    const bool is_signed = round % 2 == 0;
    const auto rank = static_cast<std::size_t>(cases.integer(1, 4));
    const auto axis = cases.integer(0, static_cast<int>(rank) - 1);
    Shape shape(rank);
    for (auto& extent : shape) {
      extent = cases.integer(1, 40);
    }
    const auto y = cases.quantization(is_signed);
    std::vector<Tensor> tensors(static_cast<std::size_t>(cases.integer(1, 4)));
    for (auto& tensor : tensors) {
      tensor.shape = shape;
      tensor.shape[static_cast<std::size_t>(axis)] = cases.integer(0, 70);
      tensor.quantization = cases.integer(0, 2) == 0 ? y : cases.quantization(is_signed);
    }
    const bool from_behind = cases.integer(0, 1) == 0;
    const auto model =
        node(tensors, y, from_behind ? axis - static_cast<int>(rank) : axis, is_signed, cases);
    const auto found = testing::run(model);
    const auto other = testing::run(testing::stock(model));
    ASSERT_EQ(found.shape, other.shape);
    ASSERT_EQ(found, other) << round;
  }
}

TEST(ConcatOperator, ThreadsChangeNothing) {
  Cases cases(3);
  const auto model = node({{{1, 80, 80, 64}, {0.1F, 3}}, {{1, 80, 80, 33}, {0.2F, 9}}}, {0.2F, 9},
                          -1, false, cases);
  EXPECT_EQ(testing::run(model, 1), testing::run(model, 4));
}

TEST(ConcatOperator, BadInputsAreRefusedByName) {
  Cases cases(4);
  const auto good = node({{{2, 3}, {0.1F, 1}}, {{2, 4}, {0.2F, 2}}}, {0.3F, 3}, 1, false, cases);
  ASSERT_EQ(testing::refusal(good), "");
  const auto changed = [&](const auto& change) {
    auto model = good;
    change(model);
    return testing::refusal(model);
  };
  EXPECT_THAT(
      changed([](OneNode& m) { m.attributes.clear(); }),
      HasSubstr("node 'the_node' of type ai.tessera.QLinearConcat: it has no attribute axis"));
  EXPECT_THAT(changed([](OneNode& m) { m.attributes = {testing::int_attribute("axis", 2)}; }),
              HasSubstr("axis 2 is none of tensors of rank 2"));
  EXPECT_THAT(changed([](OneNode& m) { m.inputs.pop_back(); }), HasSubstr("it has 7 inputs"));
  EXPECT_THAT(changed([](OneNode& m) { m.inputs[3] = constant(scalar(0.0F)); }),
              HasSubstr("tensor 0_scale is 0"));
  EXPECT_THAT(changed([](OneNode& m) { m.inputs[6] = feed(scalar(1.0F)); }),
              HasSubstr("input tensor 1_scale is computed at run time"));
  EXPECT_THAT(
      changed([](OneNode& m) { m.inputs[7] = constant(testing::value<std::int8_t>({}, {1})); }),
      HasSubstr("tensor 1_zero_point"));
  EXPECT_THAT(changed([](OneNode& m) {
                m.inputs[5] = feed(testing::value<std::int8_t>({2, 1}, {1, 2}));
              }),
              HasSubstr("several types"));
  EXPECT_THAT(changed([](OneNode& m) {
                m.inputs[5] = feed(testing::value<std::uint8_t>({3, 1}, {1, 2, 3}));
              }),
              HasSubstr("a tensor of shape 3x1 does not fit one of shape 2x3 along axis 1"));
  EXPECT_THAT(changed([](OneNode& m) {
                m.inputs[5] = feed(testing::value<std::uint8_t>({2}, {1, 2}));
              }),
              HasSubstr("axis 1 is none of tensors of rank 1"));
}

}  // namespace
}  // namespace tessera::kernels
