// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cfenv>

#include "kernels/binary.h"
#include "kernels/broadcast.h"
#include "kernels/cases.h"
#include "kernels/reference.h"

namespace tessera::kernels {
namespace {

using testing::Bytes;
using testing::Cases;
using testing::constant;
using testing::feed;
using ::testing::HasSubstr;
using testing::number_of;
using testing::OneNode;
using testing::real_of;
using testing::scalar;

constexpr std::size_t kSizes[] = {0, 1, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 1000, 4099};

/// The nearest step of what lies within `margin` of the exact result.
void expect_near(double exact, int steps, double margin, bool is_signed) {
  const double low = is_signed ? -128 : 0;
  ASSERT_LE(std::abs(std::clamp(exact, low, low + 255) - steps), 0.5 + margin)
      << exact << " became " << steps;
}

template <class Plan, class Reference, class Loops, class Exact>
void check(Outcome<Plan> (*make)(Quantization, Quantization, Quantization, bool),
           const Reference& reference, const Loops& loops, const Exact& exact) {
  Cases cases(1);
  for (int round = 0; round < 400; ++round) {
    const bool is_signed = round % 2 == 1;
    const auto a = cases.quantization(is_signed);
    const auto b = cases.quantization(is_signed);
    const auto y = cases.quantization(is_signed);
    const auto plan = make(a, b, y, is_signed);
    if (!plan) {
      continue;
    }
    const std::size_t count = kSizes[static_cast<std::size_t>(round) % std::size(kSizes)];
    const std::size_t offset = static_cast<std::size_t>(cases.integer(0, 3));
    const auto bytes_a = cases.bytes(count + offset);
    const auto bytes_b = cases.bytes(count);
    Bytes expected(count);
    reference(*plan, bytes_a.data() + offset, bytes_b.data(), expected.data(), count);
    for (std::size_t i = 0; i < count; ++i) {
      exact(bytes_a[offset + i], a, bytes_b[i], b, y, number_of(expected[i], is_signed), is_signed);
      if (::testing::Test::HasFatalFailure()) {
        return;
      }
    }
    for (const auto target : targets()) {
      Bytes found(count + 1, 0x5A);
      loops(target, *plan, bytes_a.data() + offset, bytes_b.data(), found.data(), count);
      ASSERT_EQ(found.back(), 0x5A) << name_of(target);
      found.pop_back();
      ASSERT_EQ(found, expected) << name_of(target) << ", " << count;
    }
  }
}

TEST(Binary, SumsAreTheNearestSteps_TheSameOnEveryTarget) {
  check(sum_of, reference::add, add,
        [](std::uint8_t a, Quantization qa, std::uint8_t b, Quantization qb, Quantization y,
           int steps, bool is_signed) {
          const double by_a = static_cast<double>(qa.scale) / static_cast<double>(y.scale);
          const double by_b = static_cast<double>(qb.scale) / static_cast<double>(y.scale);
          const double exact = (real_of(a, qa, is_signed) + real_of(b, qb, is_signed)) /
                                   static_cast<double>(y.scale) +
                               y.zero;
          // Two weights of 15 bits, each off by half of its last one.
          const double margin = 255 * std::max(std::max(by_a, by_b) / 16384, 0x1p-22) + 1e-9;
          expect_near(exact, steps, margin, is_signed);
        });
}

TEST(Binary, ProductsAreTheNearestSteps_TheSameOnEveryTarget) {
  check(product_of, reference::multiply, multiply,
        [](std::uint8_t a, Quantization qa, std::uint8_t b, Quantization qb, Quantization y,
           int steps, bool is_signed) {
          const double exact =
              real_of(a, qa, is_signed) * real_of(b, qb, is_signed) / static_cast<double>(y.scale) +
              y.zero;
          expect_near(exact, steps, std::abs(exact) * 0x1p-21 + 1e-6, is_signed);
        });
}

TEST(Binary, EveryPairOfBytes) {
  Bytes a(65536);
  Bytes b(65536);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<std::uint8_t>(i >> 8);
    b[i] = static_cast<std::uint8_t>(i);
  }
  const auto sum = *sum_of({0.5F, 3}, {0.25F, 200}, {0.6F, 100}, false);
  const auto product = *product_of({0.5F, -3}, {0.25F, 100}, {40.F, -128}, true);
  Bytes sums(a.size());
  Bytes products(a.size());
  reference::add(sum, a.data(), b.data(), sums.data(), a.size());
  reference::multiply(product, a.data(), b.data(), products.data(), a.size());
  for (const auto target : targets()) {
    Bytes y(a.size());
    add(target, sum, a.data(), b.data(), y.data(), y.size());
    EXPECT_EQ(y, sums) << name_of(target);
    multiply(target, product, a.data(), b.data(), y.data(), y.size());
    EXPECT_EQ(y, products) << name_of(target);
  }
}

TEST(Binary, ScalesTooFarApartAreRefused) {
  EXPECT_THAT(sum_of({1e6F, 0}, {1, 0}, {1, 0}, false).error(), HasSubstr("16000 steps"));
  EXPECT_THAT(sum_of({1, 0}, {1e30F, 0}, {1e-30F, 0}, false).error(), HasSubstr("16000 steps"));
  EXPECT_THAT(product_of({1e20F, 0}, {1e20F, 0}, {1, 0}, false).error(), HasSubstr("16000 steps"));
  EXPECT_TRUE(sum_of({1e-30F, 0}, {1e-30F, 0}, {1, 0}, false));
  EXPECT_EQ(sum_of({16000, 0}, {16000, 0}, {1, 255}, false)->shift, 1);
}

// --- broadcasting -------------------------------------------------------------------------------

using Shape = std::vector<std::int64_t>;

std::size_t offset_of(const Shape& shape, const Shape& index) {
  std::size_t offset = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto at = index[index.size() - shape.size() + axis];
    offset = offset * static_cast<std::size_t>(shape[axis]) +
             static_cast<std::size_t>(shape[axis] == 1 ? 0 : at);
  }
  return offset;
}

void expect_broadcast(const Shape& a, const Shape& b) {
  const auto broadcast = *Broadcast::of(a, b);
  Cases cases(7);
  const auto count = [](const Shape& shape) {
    std::size_t product = 1;
    for (const auto extent : shape) {
      product *= static_cast<std::size_t>(extent);
    }
    return product;
  };
  const auto bytes_a = cases.bytes(count(a));
  const auto bytes_b = cases.bytes(count(b));
  Bytes y(count(broadcast.shape()), 0);
  Bytes visits(y.size(), 0);
  for (std::size_t task = 0; task < broadcast.tasks(); ++task) {
    broadcast.run(task, bytes_a.data(), bytes_b.data(), y.data(),
                  [&](const std::uint8_t* some_a, const std::uint8_t* some_b, std::uint8_t* some_y,
                      std::size_t n) {
                    for (std::size_t i = 0; i < n; ++i) {
                      some_y[i] = static_cast<std::uint8_t>(some_a[i] * 3 + some_b[i]);
                      ++visits[static_cast<std::size_t>(some_y - y.data()) + i];
                    }
                  });
  }
  Shape index(broadcast.shape().size(), 0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    ASSERT_EQ(visits[i], 1);
    ASSERT_EQ(y[i], static_cast<std::uint8_t>(bytes_a[offset_of(a, index)] * 3 +
                                              bytes_b[offset_of(b, index)]));
    for (std::size_t axis = index.size(); axis-- > 0;) {
      if (++index[axis] < broadcast.shape()[axis]) {
        break;
      }
      index[axis] = 0;
    }
  }
}

TEST(Broadcast, VisitsEveryElementOnceWithItsOperands) {
  expect_broadcast({2, 3, 4}, {2, 3, 4});
  expect_broadcast({}, {});
  expect_broadcast({5}, {});
  expect_broadcast({200'000}, {200'000});
  expect_broadcast({200'000}, {1});
  expect_broadcast({1, 40, 50, 24}, {24});
  expect_broadcast({1, 100, 100, 24}, {1, 1, 1, 24});
  expect_broadcast({3, 40, 50, 24}, {3, 1, 1, 24});
  expect_broadcast({3, 1, 1, 24}, {3, 40, 50, 24});
  expect_broadcast({2, 30, 40, 24}, {2, 30, 40, 1});
  expect_broadcast({2, 1, 3, 1}, {1, 5, 1, 7});
  expect_broadcast({4, 1, 1}, {1, 1, 90'000});
  expect_broadcast({70'000, 1}, {1, 3});
  expect_broadcast({0, 4}, {1, 4});
  expect_broadcast({2, 0}, {1});
}

TEST(Broadcast, RandomShapes) {
  Cases cases(8);
  for (int round = 0; round < 300; ++round) {
    Shape a(static_cast<std::size_t>(cases.integer(0, 5)));
    for (auto& extent : a) {
      extent = cases.integer(1, 6);
    }
    Shape b = a;
    if (!b.empty() && cases.integer(0, 2) == 0) {
      b.erase(b.begin(), b.begin() + cases.integer(0, static_cast<int>(b.size())));
    }
    for (std::size_t i = 0; i < b.size(); ++i) {
      (cases.integer(0, 1) == 0 ? b[i] : a[a.size() - b.size() + i]) = 1;
    }
    expect_broadcast(a, b);
    expect_broadcast(b, a);
  }
}

TEST(Broadcast, UnequalExtentsAreRefused) {
  EXPECT_EQ(Broadcast::of(Shape{2, 3}, Shape{2, 4}).error(),
            "extents 3 and 4 of axis 1 cannot be broadcast: equal ones were expected, or 1");
  EXPECT_FALSE(Broadcast::of(Shape{0}, Shape{2}));
}

// --- in the runtime -----------------------------------------------------------------------------

struct Operands {
  Shape a;
  Shape b;
  Quantization quantization_a;
  Quantization quantization_b;
  Quantization quantization_y;
  bool is_signed = false;
};

OneNode node(const char* type, const Operands& o, Cases& cases) {
  const auto tensor = [&](const Shape& shape) {
    std::size_t count = 1;
    for (const auto extent : shape) {
      count *= static_cast<std::size_t>(extent);
    }
    return feed(testing::value_of(shape, cases.bytes(count), o.is_signed));
  };
  const auto scale = [](Quantization q) { return constant(scalar(q.scale)); };
  const auto zero = [&](Quantization q) { return constant(testing::zero_of(q, o.is_signed)); };
  return {type,
          "ai.tessera",
          {tensor(o.a), scale(o.quantization_a), zero(o.quantization_a), tensor(o.b),
           scale(o.quantization_b), zero(o.quantization_b), scale(o.quantization_y),
           zero(o.quantization_y)},
          {}};
}

TEST(BinaryOperator, IsAtMostAStepFromTheRuntimesOwn) {
  Cases cases(9);
  const std::pair<Shape, Shape> shapes[] = {{{1, 14, 14, 24}, {1, 14, 14, 24}},
                                            {{2, 7, 7, 24}, {2, 1, 1, 24}},
                                            {{5, 33}, {33}},
                                            {{5, 33}, {}},
                                            {{}, {}},
                                            {{3, 1, 5}, {1, 4, 1}},
                                            {{0, 3}, {1, 3}}};
  for (const auto* type : {"QLinearAdd", "QLinearMul"}) {
    std::size_t differences = 0;
    std::size_t total = 0;
    for (int round = 0; round < 60; ++round) {
      const auto& [a, b] = shapes[static_cast<std::size_t>(round) % std::size(shapes)];
      const bool is_signed = round % 2 == 0;
      const Operands operands = {a,
                                 b,
                                 cases.quantization(is_signed),
                                 cases.quantization(is_signed),
                                 cases.quantization(is_signed),
                                 is_signed};
      const auto model = node(type, operands, cases);
      const auto y = testing::run(model);
      const auto other = testing::run(testing::stock(model));
      const auto difference = testing::difference(y, other);
      ASSERT_LE(difference.largest, 1) << type << " in round " << round;
      differences += difference.count;
      total += y.bytes.size();
    }
    std::printf("%s: %zu of %zu differ by a step\n", type, differences, total);
    EXPECT_LT(differences * 100, total) << type;
  }
}

TEST(BinaryOperator, ThreadsChangeNothing) {
  Cases cases(10);
  for (const auto* type : {"QLinearAdd", "QLinearMul"}) {
    for (const auto& b : {Shape{4, 100, 100, 24}, Shape{4, 1, 1, 24}, Shape{1}}) {
      const auto model =
          node(type, {{4, 100, 100, 24}, b, {0.02F, 100}, {0.03F, 120}, {0.04F, 90}, false}, cases);
      EXPECT_EQ(testing::run(model, 1), testing::run(model, 4));
    }
  }
}

TEST(BinaryOperator, ZeroPointsMayBeLeftOut) {
  Cases cases(11);
  auto model = node("QLinearAdd", {{300}, {300}, {0.02F, 0}, {0.03F, 0}, {0.04F, 0}, false}, cases);
  const auto with = testing::run(model);
  model.inputs[2] = testing::absent();
  model.inputs[5] = testing::absent();
  model.inputs[7] = testing::absent();
  EXPECT_EQ(testing::run(model), with);
  model.inputs.pop_back();
  EXPECT_EQ(testing::run(model), with);
}

TEST(BinaryOperator, BadInputsAreRefusedByName) {
  Cases cases(12);
  const auto good =
      node("QLinearAdd", {{3, 4}, {3, 4}, {0.02F, 1}, {0.03F, 2}, {0.04F, 3}, false}, cases);
  ASSERT_EQ(testing::refusal(good), "");
  const auto with = [&](std::size_t input, testing::Input other) {
    auto model = good;
    model.inputs[input] = std::move(other);
    return testing::refusal(model);
  };
  EXPECT_THAT(with(1, constant(scalar(0.0F))),
              HasSubstr("node 'the_node' of type ai.tessera.QLinearAdd: A_scale is 0.000000; a "
                        "finite number above 0 was expected"));
  EXPECT_THAT(with(4, constant(scalar(std::nanf("")))), HasSubstr("B_scale is nan"));
  EXPECT_THAT(with(6, constant(scalar(-1.0F))), HasSubstr("C_scale is -1"));
  EXPECT_THAT(with(6, constant(scalar(HUGE_VALF))), HasSubstr("C_scale is inf"));
  EXPECT_THAT(with(1, constant(scalar(1e6F))), HasSubstr("16000 steps"));
  EXPECT_THAT(with(1, feed(scalar(0.5F))),
              HasSubstr("input A_scale is computed at run time; a constant"));
  EXPECT_THAT(with(4, constant(testing::value<float>({2}, {1, 2}))),
              HasSubstr("B_scale has the shape 2; one float32 was expected"));
  EXPECT_THAT(with(7, constant(testing::value<std::uint8_t>({2}, {1, 2}))),
              HasSubstr("C_zero_point has the shape 2"));
  EXPECT_THAT(with(3, feed(testing::value<std::int8_t>({1}, {1}))), Not(::testing::IsEmpty()));
  EXPECT_THAT(with(3, feed(testing::value<std::uint8_t>({5}, {1, 2, 3, 4, 5}))),
              HasSubstr("extents 4 and 5 of axis 1 cannot be broadcast"));
  EXPECT_THAT(with(6, testing::absent()), Not(::testing::IsEmpty()));
}

}  // namespace
}  // namespace tessera::kernels
