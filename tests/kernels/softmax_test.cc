// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "kernels/softmax.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/cases.h"
#include "kernels/reference.h"

namespace tessera::kernels {
namespace {

using testing::Bytes;
using testing::Cases;
using testing::constant;
using testing::Extents;
using testing::feed;
using ::testing::HasSubstr;
using testing::int_attribute;
using testing::number_of;
using testing::OneNode;
using testing::scalar;

/// Scales at which neither one step decides all nor all are alike, now and then others.
Quantization input_scale(Cases& cases, bool is_signed) {
  const double magnitude = cases.integer(0, 7) == 0 ? cases.real(-12, 6) : cases.real(-6, -2);
  return {static_cast<float>(std::exp2(magnitude)),
          is_signed ? cases.integer(-128, 127) : cases.integer(0, 255)};
}

Quantization output_scale(Cases& cases, bool is_signed) {
  const bool whole = cases.integer(0, 2) > 0;
  return {static_cast<float>(whole ? 1.0 / 255 : std::exp2(cases.real(-20, 0))),
          (is_signed ? -128 : 0) + (whole ? 0 : cases.integer(0, 255))};
}

/// In double precision, unrounded: steps of y.
std::vector<double> exact(const SoftmaxShape& shape, const Bytes& x, Quantization qx,
                          Quantization qy, bool is_signed) {
  std::vector<double> y(x.size());
  for (std::size_t row = 0; row < shape.outer * shape.inner; ++row) {
    const std::size_t first = row / shape.inner * shape.axis * shape.inner + row % shape.inner;
    const auto number = [&](std::size_t i) {
      return number_of(x[first + i * shape.inner], is_signed);
    };
    int largest = -128;
    for (std::size_t i = 0; i < shape.axis; ++i) {
      largest = std::max(largest, number(i));
    }
    const auto power = [&](std::size_t i) {
      return std::exp(static_cast<double>(qx.scale) * (number(i) - largest));
    };
    double sum = 0;
    for (std::size_t i = 0; i < shape.axis; ++i) {
      sum += power(i);
    }
    for (std::size_t i = 0; i < shape.axis; ++i) {
      y[first + i * shape.inner] = power(i) / sum / static_cast<double>(qy.scale) + qy.zero;
    }
  }
  return y;
}

TEST(Softmax, IsTheNearestStep_TheSameOnEveryTarget) {
  Cases cases(1);
  for (int round = 0; round < 300; ++round) {
    const bool is_signed = round % 2 == 1;
    const auto qx = input_scale(cases, is_signed);
    const auto qy = output_scale(cases, is_signed);
    const auto extent = [&](int most) { return static_cast<std::size_t>(cases.integer(1, most)); };
    const SoftmaxShape shape = {extent(4), extent(round % 5 == 0 ? 900 : 70),
                                round % 3 == 0 ? 1 : extent(150)};
    const auto x = cases.bytes(shape.outer * shape.axis * shape.inner);
    const auto what = softmax_of(qx, qy, is_signed);
    Bytes expected;
    for (const auto target : targets()) {
      Bytes y(x.size() + 1, 0x5A);
      softmax(target, what, shape, x.data(), y.data(), 0, shape.parts());
      ASSERT_EQ(y.back(), 0x5A);
      y.pop_back();
      if (expected.empty()) {
        expected = y;
      }
      ASSERT_EQ(y, expected) << name_of(target) << ' ' << round;
      auto in_place = x;
      softmax(target, what, shape, in_place.data(), in_place.data(), 0, shape.parts());
      ASSERT_EQ(in_place, expected) << name_of(target) << ' ' << round;
    }
    const double low = is_signed ? -128 : 0;
    const auto wanted = exact(shape, x, qx, qy, is_signed);
    for (std::size_t i = 0; i < x.size(); ++i) {
      // Each exponential is off by half a unit of its last place, the sum by as much an element.
      const double steps = std::abs(wanted[i] - qy.zero);
      const double margin = 1e-6 * steps + 0x1p-22 / static_cast<double>(qy.scale);
      ASSERT_LE(std::abs(std::clamp(wanted[i], low, low + 255) - number_of(expected[i], is_signed)),
                0.5 + margin)
          << round << ' ' << i;
    }
  }
}

TEST(Softmax, HalvesAreRoundedToEven_AndWhatIsTooLargeIsClamped) {
  const auto what = softmax_of({1, 0}, {1, 100}, false);
  std::vector<float> values = {0, 0.5F, 1.5F, 2.5F, 154, 154.5F, 155, 1e9F};
  values.resize(64);
  const std::vector<float> ones(64, 1);
  Bytes wanted = {100, 100, 102, 102, 254, 254, 255, 255};
  wanted.resize(64, 100);
  for (const auto target : targets()) {
    Bytes y(64);
    round_products(target, what, values.data(), ones.data(), y.data(), y.size());
    EXPECT_EQ(y, wanted) << name_of(target);
  }
}

/// com.microsoft QLinearSoftmax of a tensor that is fed.
OneNode node(const Extents& shape, Cases& cases, bool is_signed, Quantization qx, Quantization qy,
             std::int64_t axis, std::int64_t opset) {
  std::size_t count = 1;
  for (const auto extent : shape) {
    count *= static_cast<std::size_t>(extent);
  }
  return {"QLinearSoftmax",
          "ai.tessera",
          {feed(testing::value_of(shape, cases.bytes(count), is_signed)),
           constant(scalar(qx.scale)), constant(testing::zero_of(qx, is_signed)),
           constant(scalar(qy.scale)), constant(testing::zero_of(qy, is_signed))},
          {int_attribute("axis", axis), int_attribute("opset", opset)}};
}

TEST(SoftmaxOperator, IsAStepFromTheRuntimesOwn_AtMost) {
  Cases cases(2);
  for (int round = 0; round < 80; ++round) {
    const bool is_signed = round % 2 == 1;
    const Quantization qx = {static_cast<float>(cases.real(0.02, 0.2)), is_signed ? 3 : 130};
    const Quantization qy = {1.0F / 256, is_signed ? -128 : 0};
    const Extents shape = {cases.integer(1, 3), cases.integer(1, 20), cases.integer(1, 90),
                           cases.integer(1, 90)};
    const auto axis = cases.integer(-4, 3);
    const auto model = node(shape, cases, is_signed, qx, qy, axis, round % 4 == 0 ? 12 : 13);
    const auto wanted = testing::run(testing::stock(model));
    const auto got = testing::run(model);
    ASSERT_EQ(got.shape, wanted.shape);
    ASSERT_LE(testing::difference(got, wanted).largest, 1) << round << ' ' << axis;
  }
}

TEST(SoftmaxOperator, ThreadsChangeNothing) {
  Cases cases(3);
  const Quantization qx = {0.05F, 10};
  const Quantization qy = {1.0F / 256, 0};
  for (const std::int64_t axis : {1, 3}) {
    const auto model = node({2, 16, 60, 90}, cases, false, qx, qy, axis, 13);
    EXPECT_EQ(testing::run(model, 1), testing::run(model, 4));
  }
}

TEST(SoftmaxOperator, BadInputsAreRefusedByName) {
  Cases cases(4);
  const Quantization good = {0.5F, 0};
  const auto refusal = [&](Quantization qx, Quantization qy, std::int64_t axis) {
    return testing::refusal(node({2, 3}, cases, false, qx, qy, axis, 13));
  };
  EXPECT_EQ(refusal(good, good, 1), "");
  EXPECT_EQ(testing::refusal(node({2, 0}, cases, false, good, good, 1, 13)), "");
  EXPECT_THAT(refusal(good, good, 2), HasSubstr("axis 2"));
  EXPECT_THAT(refusal({-1, 0}, good, 1),
              HasSubstr("node 'the_node' of type ai.tessera.QLinearSoftmax: X_scale is -1"));
  EXPECT_THAT(refusal(good, {0, 0}, 1), HasSubstr("Y_scale is 0"));
}

}  // namespace
}  // namespace tessera::kernels
