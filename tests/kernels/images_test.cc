// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cases.h"
#include "kernels/pool.h"

namespace tessera::kernels {
namespace {

using testing::Bytes;
using testing::Cases;
using testing::constant;
using testing::Extents;
using testing::feed;
using ::testing::HasSubstr;
using testing::int_attribute;
using testing::ints_attribute;
using testing::OneNode;
using testing::value;

TEST(Pool, LargestByteOfEachColumn_OnEveryTarget) {
  Cases cases(1);
  for (const std::size_t count : {0U, 1U, 15U, 16U, 33U, 63U, 64U, 65U, 200U, 1000U}) {
    for (const std::size_t row_count : {0U, 1U, 2U, 7U}) {
      for (const bool is_signed : {false, true}) {
        std::vector<Bytes> rows;
        std::vector<const std::uint8_t*> begins;
        for (std::size_t i = 0; i < row_count; ++i) {
          rows.push_back(cases.bytes(count));
        }
        for (const auto& row : rows) {
          begins.push_back(row.data());
        }
        Bytes expected;
        for (std::size_t i = 0; i < count; ++i) {
          int best = is_signed ? -128 : 0;
          for (const auto& row : rows) {
            best = std::max(best, testing::number_of(row[i], is_signed));
          }
          expected.push_back(static_cast<std::uint8_t>(best));
        }
        for (const auto target : targets()) {
          Bytes to(count + 1, 0x5A);
          largest(target, begins.data(), row_count, to.data(), count,
                  static_cast<std::uint8_t>(is_signed ? 0x80 : 0));
          ASSERT_EQ(to.back(), 0x5A);
          to.pop_back();
          ASSERT_EQ(to, expected) << name_of(target) << ' ' << count << ' ' << row_count;
        }
      }
    }
  }
}

std::size_t count_of(const Extents& shape) {
  std::size_t count = 1;
  for (const auto extent : shape) {
    count *= static_cast<std::size_t>(extent);
  }
  return count;
}

OneNode node(const char* type, const Extents& shape, bool is_signed, Cases& cases,
             std::vector<testing::Message> attributes) {
  return {type,
          "ai.tessera",
          {feed(testing::value_of(shape, cases.bytes(count_of(shape)), is_signed))},
          std::move(attributes)};
}

TEST(MaxPoolOperator, IsTheRuntimesOwn) {
  Cases cases(2);
  for (int round = 0; round < 60; ++round) {
    const Extents shape = {cases.integer(1, 2), cases.integer(6, 14), cases.integer(6, 14),
                           cases.integer(1, 90)};
    const Extents kernel = {cases.integer(1, 5), cases.integer(1, 5)};
    const auto pad = [&](std::size_t axis) {
      return std::int64_t{cases.integer(0, static_cast<int>(kernel[axis]) - 1)};
    };
    const auto model = node("NhwcMaxPool", shape, round % 2 == 0, cases,
                            {ints_attribute("kernel_shape", kernel),
                             ints_attribute("pads", {pad(0), pad(1), pad(0), pad(1)}),
                             ints_attribute("strides", {cases.integer(1, 3), cases.integer(1, 3)}),
                             ints_attribute("dilations", {cases.integer(1, 100) > 80 ? 2 : 1, 1})});
    const auto y = testing::run(model);
    ASSERT_EQ(y, testing::run(testing::stock(model))) << round;
  }
}

TEST(MaxPoolOperator, ThreadsChangeNothing) {
  Cases cases(3);
  const auto model =
      node("NhwcMaxPool", {2, 60, 60, 64}, false, cases,
           {ints_attribute("kernel_shape", {5, 5}), ints_attribute("pads", {2, 2, 2, 2})});
  EXPECT_EQ(testing::run(model, 1), testing::run(model, 4));
}

TEST(MaxPoolOperator, BadAttributesAreRefusedByName) {
  Cases cases(4);
  const auto refusal = [&](std::vector<testing::Message> attributes) {
    return testing::refusal(node("NhwcMaxPool", {1, 4, 4, 3}, false, cases, std::move(attributes)));
  };
  const auto kernel = ints_attribute("kernel_shape", {2, 2});
  EXPECT_EQ(refusal({kernel}), "");
  EXPECT_THAT(refusal({}), HasSubstr("node 'the_node' of type ai.tessera.NhwcMaxPool: it has no "
                                     "attribute kernel_shape"));
  EXPECT_THAT(refusal({ints_attribute("kernel_shape", {5, 2})}),
              HasSubstr("the kernel reaches over 5 pixels, and the padded image has 4"));
  EXPECT_THAT(refusal({kernel, int_attribute("ceil_mode", 1)}), HasSubstr("ceil_mode is not 0"));
  EXPECT_THAT(refusal({ints_attribute("kernel_shape", {2})}), HasSubstr("has 1 numbers"));
  EXPECT_THAT(testing::refusal(node("NhwcMaxPool", {4, 4, 3}, false, cases, {kernel})),
              HasSubstr("X has the shape 4x4x3; NxHxWxC was expected"));
}

TEST(UpsampleOperator, IsTheRuntimesResize) {
  Cases cases(5);
  for (int round = 0; round < 12; ++round) {
    const bool is_signed = round % 2 == 0;
    const Extents shape = {cases.integer(1, 2), cases.integer(1, 9), cases.integer(1, 9),
                           cases.integer(1, 70)};
    const Extents scales = {cases.integer(1, 3), cases.integer(1, 3)};
    const auto model =
        node("NhwcUpsample", shape, is_signed, cases, {ints_attribute("scales", scales)});
    OneNode resize = {"Resize", "", {model.inputs[0], testing::absent()}, {}};
    resize.inputs.push_back(constant(
        value<float>({4}, {1, static_cast<float>(scales[0]), static_cast<float>(scales[1]), 1})));
    resize.attributes = {testing::text_attribute("mode", "nearest"),
                         testing::text_attribute("nearest_mode", "floor"),
                         testing::text_attribute("coordinate_transformation_mode", "asymmetric")};
    ASSERT_EQ(testing::run(model), testing::run(resize)) << round;
    ASSERT_EQ(testing::run(model, 4), testing::run(model));
  }
  EXPECT_THAT(testing::refusal(node("NhwcUpsample", {1, 2, 2, 1}, false, cases, {})),
              HasSubstr("it has no attribute scales"));
  EXPECT_THAT(testing::refusal(node("NhwcUpsample", {1, 2, 2, 1}, false, cases,
                                    {ints_attribute("scales", {2, 0})})),
              HasSubstr("scales has 0"));
}

TEST(SliceOperator, IsTheRuntimesOwn) {
  Cases cases(6);
  for (int round = 0; round < 30; ++round) {
    const Extents shape = {cases.integer(1, 2), cases.integer(1, 30), cases.integer(1, 30),
                           cases.integer(1, 20)};
    const Extents starts = {cases.integer(0, 4), cases.integer(0, 4)};
    const Extents steps = {cases.integer(1, 3), cases.integer(1, 3)};
    const auto model = node("NhwcSlice", shape, round % 2 == 0, cases,
                            {ints_attribute("starts", starts), ints_attribute("steps", steps)});
    const auto numbers = [](const Extents& list) { return constant(value({2}, list)); };
    const OneNode slice = {
        "Slice",
        "",
        {model.inputs[0], numbers(starts), numbers({1000, 1000}), numbers({1, 2}), numbers(steps)},
        {}};
    ASSERT_EQ(testing::run(model), testing::run(slice)) << round;
  }
  const auto large = node("NhwcSlice", {1, 640, 640, 3}, false, cases,
                          {ints_attribute("starts", {1, 0}), ints_attribute("steps", {2, 2})});
  EXPECT_EQ(testing::run(large, 1), testing::run(large, 4));
  EXPECT_THAT(testing::refusal(node("NhwcSlice", {1, 2, 2, 1}, false, cases,
                                    {ints_attribute("starts", {-1, 0})})),
              HasSubstr("starts has -1; 0 to 16777216 was expected"));
}

TEST(DepthToSpaceOperator, PutsTheChannelsOfAPixelInABlock) {
  Cases cases(7);
  for (int round = 0; round < 40; ++round) {
    const Extents blocks = {cases.integer(1, 4), cases.integer(1, 3)};
    const std::int64_t batch = cases.integer(1, 2);
    const std::int64_t height = cases.integer(1, 9);
    const std::int64_t width = cases.integer(1, 20);
    const std::int64_t channels = cases.integer(1, 70);
    const Extents shape = {batch, height, width, blocks[0] * blocks[1] * channels};
    const auto bytes = cases.bytes(count_of(shape));
    const OneNode model = {"NhwcDepthToSpace",
                           "ai.tessera",
                           {feed(testing::value_of(shape, bytes, round % 2 == 0))},
                           {ints_attribute("blocks", blocks)}};
    // The runtime's Transpose of the same bytes, [N, H, W, kh, kw C] to [N, H, kh, W, kw C].
    const OneNode transpose = {
        "Transpose",
        "",
        {feed(testing::value_of({batch, height, width, blocks[0], blocks[1] * channels}, bytes,
                                round % 2 == 0))},
        {ints_attribute("perm", {0, 1, 3, 2, 4})}};
    const auto wanted = testing::run(transpose);
    const auto got = testing::run(model);
    ASSERT_EQ(got.bytes, wanted.bytes) << round;
    ASSERT_EQ(got.shape, (Extents{batch, height * blocks[0], width * blocks[1], channels}));
  }
}

TEST(DepthToSpaceOperator, ThreadsChangeNothing) {
  Cases cases(8);
  const auto model =
      node("NhwcDepthToSpace", {2, 33, 40, 256}, true, cases, {ints_attribute("blocks", {2, 2})});
  EXPECT_EQ(testing::run(model, 1), testing::run(model, 4));
}

TEST(DepthToSpaceOperator, BadBlocksAreRefusedByName) {
  Cases cases(9);
  const auto refusal = [&](const Extents& shape, std::vector<testing::Message> attributes) {
    return testing::refusal(node("NhwcDepthToSpace", shape, false, cases, std::move(attributes)));
  };
  EXPECT_EQ(refusal({1, 2, 2, 8}, {ints_attribute("blocks", {2, 2})}), "");
  EXPECT_EQ(refusal({1, 0, 2, 8}, {ints_attribute("blocks", {2, 2})}), "");
  EXPECT_THAT(refusal({1, 2, 2, 8}, {}), HasSubstr("it has no attribute blocks"));
  EXPECT_THAT(refusal({1, 2, 2, 8}, {ints_attribute("blocks", {0, 2})}), HasSubstr("blocks has 0"));
  EXPECT_THAT(refusal({1, 2, 2, 8}, {ints_attribute("blocks", {3, 1})}),
              HasSubstr("X has 8 channels, and a block has 3 pixels"));
  EXPECT_THAT(refusal({2, 2, 8}, {ints_attribute("blocks", {2, 2})}),
              HasSubstr("X has the shape 2x2x8; NxHxWxC was expected"));
}

}  // namespace
}  // namespace tessera::kernels
