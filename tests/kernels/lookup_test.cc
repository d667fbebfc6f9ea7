// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "kernels/lookup.h"
#include "kernels/sessions.h"

namespace tessera::kernels {
namespace {

using testing::constant;
using testing::feed;
using ::testing::HasSubstr;
using testing::OneNode;
using testing::value;
using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  Bytes bytes(count);
  for (auto& byte : bytes) {
    byte = static_cast<std::uint8_t>(random());
  }
  return bytes;
}

std::vector<std::int8_t> as_signed(const Bytes& bytes) {
  return {bytes.begin(), bytes.end()};
}

/// Rows with gaps around them, in buffers that end where the last row does.
struct Strided {
  std::size_t count;
  std::size_t width;
  std::size_t from_step;
  std::size_t to_step;
};

std::vector<Strided> row_shapes() {
  std::vector<Strided> all = {{0, 5, 5, 5}, {3, 0, 4, 4}};
  for (const std::size_t width :
       {1U, 15U, 16U, 17U, 31U, 33U, 63U, 64U, 65U, 127U, 255U, 256U, 257U, 1000U}) {
    all.push_back({1, width, width, width});
    all.push_back({3, width, width, width});
    all.push_back({5, width, width + 7, width + 3});
  }
  return all;
}

template <class Do>
void expect_rows(const Bytes& table, const Do& work) {
  std::uint32_t seed = 0;
  for (const auto& shape : row_shapes()) {
    for (const std::size_t offset : {0U, 1U, 13U}) {
      SCOPED_TRACE(std::to_string(shape.count) + " rows of " + std::to_string(shape.width));
      const auto size = [&](std::size_t step) {
        return offset + (shape.count == 0 ? 0 : (shape.count - 1) * step + shape.width);
      };
      const auto from = random_bytes(size(shape.from_step), ++seed);
      Bytes to(size(shape.to_step), 0xA5);
      auto expected = to;
      for (std::size_t row = 0; row < shape.count; ++row) {
        for (std::size_t i = 0; i < shape.width; ++i) {
          expected[offset + row * shape.to_step + i] =
              table[from[offset + row * shape.from_step + i]];
        }
      }
      work(Rows{from.data() + offset, shape.from_step, to.data() + offset, shape.to_step,
                shape.count, shape.width});
      ASSERT_EQ(to, expected);
    }
  }
}

TEST(Lookup, EveryTargetGivesTheEntryOfEveryByte) {
  for (const auto target : targets()) {
    SCOPED_TRACE(name_of(target));
    for (const std::uint32_t seed : {1U, 2U, 3U}) {
      const auto table = random_bytes(kTableSize, seed);
      expect_rows(table, [&](const Rows& rows) { lookup(target, rows, table.data()); });
    }
  }
}

TEST(Lookup, CopyTouchesNothingElse) {
  Bytes same(kTableSize);
  std::iota(same.begin(), same.end(), std::uint8_t{0});
  for (const auto target : targets()) {
    SCOPED_TRACE(name_of(target));
    expect_rows(same, [&](const Rows& rows) { copy(target, rows); });
  }
}

TEST(Lookup, WorksInPlace) {
  const auto table = random_bytes(kTableSize, 4);
  for (const auto target : targets()) {
    for (const std::size_t count : {1U, 63U, 64U, 65U, 1000U}) {
      auto bytes = random_bytes(count, 5);
      auto expected = bytes;
      for (auto& byte : expected) {
        byte = table[byte];
      }
      lookup(target, {bytes.data(), count, bytes.data(), count, 1, count}, table.data());
      EXPECT_EQ(bytes, expected) << name_of(target) << ' ' << count;
    }
  }
}

/// [outer][channels][inner], cut at two places, in buffers of exactly its size.
struct Channeled {
  std::size_t outer;
  std::size_t channels;
  std::size_t inner;
};

Bytes by_channel(const Channeled& shape, const Bytes& from, const Bytes& tables,
                 std::uint8_t flip) {
  Bytes to(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    to[i] = tables[i / shape.inner % shape.channels * kTableSize + (from[i] ^ flip)];
  }
  return to;
}

void expect_channels(Target target, const Channeled& shape, std::uint32_t seed) {
  SCOPED_TRACE(std::to_string(shape.outer) + "x" + std::to_string(shape.channels) + "x" +
               std::to_string(shape.inner));
  const auto tables = random_bytes(shape.channels * kTableSize, seed);
  const auto from = random_bytes(shape.outer * shape.channels * shape.inner, seed + 1);
  for (const auto flip : {std::uint8_t{0}, std::uint8_t{0x80}}) {
    const auto expected = by_channel(shape, from, tables, flip);
    const std::size_t unit = shape.inner == 1 ? shape.channels : 1;
    const std::size_t cuts[] = {0, from.size() / unit / 3 * unit, from.size() / unit / 2 * unit,
                                from.size()};
    for (const bool in_place : {false, true}) {
      auto to = in_place ? from : Bytes(from.size(), 0xA5);
      const ChannelLookup work = {.from = in_place ? to.data() : from.data(),
                                  .to = to.data(),
                                  .channels = shape.channels,
                                  .inner = shape.inner,
                                  .tables = tables.data(),
                                  .flip = flip};
      for (std::size_t i = 1; i < std::size(cuts); ++i) {
        lookup_channels(target, work, cuts[i - 1], cuts[i]);
      }
      ASSERT_EQ(to, expected) << int{flip} << in_place;
    }
  }
}

TEST(Lookup, EachChannelByItsOwnTable_OnEveryTarget) {
  std::vector<Channeled> shapes;
  for (const std::size_t channels : {1U,  2U,  3U,  7U,  8U,  15U, 16U,  17U,  24U,  31U,
                                     32U, 33U, 48U, 63U, 64U, 65U, 100U, 128U, 192U, 390U}) {
    for (const std::size_t outer : {1U, 3U, 15U, 16U, 49U, 64U, 65U, 200U}) {
      shapes.push_back({outer, channels, 1});
    }
  }
  // Pixels enough for several of them to count as one.
  for (const std::size_t channels : {1U, 2U, 3U, 4U, 5U, 8U, 20U, 27U}) {
    shapes.push_back({4000, channels, 1});
  }
  for (const std::size_t inner : {2U, 3U, 16U, 49U, 64U, 65U, 196U, 300U}) {
    shapes.push_back({1, 1, inner});
    shapes.push_back({1, 5, inner});
    shapes.push_back({3, 7, inner});
  }
  std::uint32_t seed = 100;
  for (const auto target : targets()) {
    SCOPED_TRACE(name_of(target));
    for (const auto& shape : shapes) {
      expect_channels(target, shape, ++seed);
    }
  }
}

// --- in the runtime -----------------------------------------------------------------------------

OneNode node(testing::Value x, testing::Value table) {
  return {"Lookup", "ai.tessera", {feed(std::move(x)), constant(std::move(table))}, {}};
}

TEST(LookupOperator, EntryIsTheDistanceFromTheLowestValue) {
  const auto x = random_bytes(1000, 6);
  const auto table = random_bytes(kTableSize, 7);
  for (const bool x_signed : {false, true}) {
    for (const bool table_signed : {false, true}) {
      const auto model = node(x_signed ? value({10, 100}, as_signed(x)) : value({10, 100}, x),
                              table_signed ? value({256}, as_signed(table)) : value({256}, table));

      const auto y = testing::run(model);
      EXPECT_EQ(y.type, table_signed ? ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8
                                     : ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8);
      EXPECT_EQ(y.shape, (testing::Extents{10, 100}));
      const auto bytes = y.as<std::uint8_t>();
      for (std::size_t i = 0; i < x.size(); ++i) {
        const int number = x_signed ? static_cast<std::int8_t>(x[i]) + 128 : x[i];
        ASSERT_EQ(bytes[i], table[static_cast<std::size_t>(number)]) << i;
      }
    }
  }
}

TEST(LookupOperator, EachChannelByItsOwnTable) {
  constexpr std::size_t kChannels = 5;
  const auto x = random_bytes(7 * kChannels, 8);
  const auto tables = random_bytes(kChannels * kTableSize, 9);
  for (const bool is_signed : {false, true}) {
    const auto y = testing::run(node(
        is_signed ? value({7, 1, 5}, as_signed(x)) : value({7, 1, 5}, x), value({5, 256}, tables)));
    const auto bytes = y.as<std::uint8_t>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const int number = is_signed ? static_cast<std::int8_t>(x[i]) + 128 : x[i];
      ASSERT_EQ(bytes[i], tables[i % kChannels * kTableSize + static_cast<std::size_t>(number)]);
    }
  }
}

OneNode along(testing::Value x, testing::Value tables, std::int64_t axis) {
  auto model = node(std::move(x), std::move(tables));
  model.attributes.push_back(testing::int_attribute("axis", axis));
  return model;
}

TEST(LookupOperator, ChannelsLieAlongAnyAxis) {
  const testing::Extents shape = {2, 3, 5, 7};
  const auto x = random_bytes(2 * 3 * 5 * 7, 20);
  for (std::int64_t axis = -4; axis < 4; ++axis) {
    const auto at = static_cast<std::size_t>(axis < 0 ? axis + 4 : axis);
    const Channeled what = {1, static_cast<std::size_t>(shape[at]),
                            std::size_t{at == 0   ? 105U
                                        : at == 1 ? 35U
                                        : at == 2 ? 7U
                                                  : 1U}};
    const auto tables = random_bytes(what.channels * kTableSize, 21);
    const auto rows = value({shape[at], 256}, tables);
    const auto y = testing::run(along(value(shape, x), rows, axis));
    EXPECT_EQ(y.shape, shape);
    EXPECT_EQ(y.as<std::uint8_t>(), by_channel(what, x, tables, 0)) << axis;
    EXPECT_EQ(testing::run(along(value(shape, as_signed(x)), rows, axis)).as<std::uint8_t>(),
              by_channel(what, x, tables, 0x80))
        << axis;
  }
}

TEST(LookupOperator, OneTableKnowsNoAxis) {
  const auto x = random_bytes(12, 22);
  const auto table = value({256}, random_bytes(kTableSize, 23));
  EXPECT_EQ(testing::run(along(value({3, 4}, x), table, 9)),
            testing::run(node(value({3, 4}, x), table)));
}

TEST(LookupOperator, AxesThatDoNotFitAreRefused) {
  const auto x = value({2, 3, 5}, random_bytes(30, 24));
  const auto tables = value({3, 256}, random_bytes(3 * kTableSize, 25));
  ASSERT_EQ(testing::refusal(along(x, tables, 1)), "");
  for (const bool declared : {true, false}) {
    const auto refusal = [&](const testing::Value& fed, std::int64_t axis) {
      auto model = along(fed, tables, axis);
      if (!declared) {
        model.inputs[0].declared = {"N", "C", "L"};
      }
      return testing::refusal(model);
    };
    EXPECT_THAT(refusal(x, 2), HasSubstr("node 'the_node' of type ai.tessera.Lookup: the table has "
                                         "3 channels, and X (2x3x5) has 5 along axis 2"));
    EXPECT_THAT(refusal(x, -3), HasSubstr("and X (2x3x5) has 2 along axis -3"));
    EXPECT_THAT(refusal(x, 3), HasSubstr("axis 3 is none of tensors of rank 3"));
    EXPECT_THAT(refusal(x, -4), HasSubstr("axis -4 is none of tensors of rank 3"));
  }
  EXPECT_THAT(testing::refusal(along(value<std::uint8_t>({}, {1}), tables, 0)),
              HasSubstr("axis 0 is none of tensors of rank 0"));
}

TEST(LookupOperator, TakesScalarsAndNothing) {
  const auto table = random_bytes(kTableSize, 10);
  EXPECT_EQ(testing::run(node(value<std::uint8_t>({}, {77}), value({256}, table))),
            value<std::uint8_t>({}, {table[77]}));
  EXPECT_EQ(testing::run(node(value<std::uint8_t>({3, 0, 2}, {}), value({256}, table))),
            value<std::uint8_t>({3, 0, 2}, {}));
  EXPECT_EQ(testing::run(node(value<std::uint8_t>({0, 2}, {}),
                              value({2, 256}, random_bytes(2 * kTableSize, 1)))),
            value<std::uint8_t>({0, 2}, {}));
}

TEST(LookupOperator, ThreadsChangeNothing) {
  const auto x = random_bytes(1'000'003, 11);
  const auto one_table = node(value({1'000'003}, x), value({256}, random_bytes(kTableSize, 12)));
  EXPECT_EQ(testing::run(one_table, 1), testing::run(one_table, 4));
  const auto many = node(value({333'334, 3}, random_bytes(1'000'002, 13)),
                         value({3, 256}, random_bytes(3 * kTableSize, 14)));
  EXPECT_EQ(testing::run(many, 1), testing::run(many, 4));
  const auto planes = along(value({2, 3, 100'001}, random_bytes(600'006, 16)),
                            value({3, 256}, random_bytes(3 * kTableSize, 17)), 1);
  EXPECT_EQ(testing::run(planes, 1), testing::run(planes, 4));
}

TEST(LookupOperator, TableOfARunIsChecked) {
  OneNode model = node(value<std::uint8_t>({2}, {1, 2}), value({256}, random_bytes(256, 15)));
  model.inputs[1] = feed(value({256}, random_bytes(256, 15)));
  const auto y = testing::run(model);
  EXPECT_EQ(y.shape, testing::Extents{2});
  model.inputs[1] = feed(value({255}, random_bytes(255, 15)));
  EXPECT_THAT(testing::refusal(model),
              HasSubstr("node 'the_node' of type ai.tessera.Lookup: the table has the shape 255; "
                        "256 or Cx256 was expected"));
}

TEST(LookupOperator, BadTablesAreRefusedByName) {
  const auto x = value<std::uint8_t>({1, 3}, {1, 2, 3});
  EXPECT_THAT(testing::refusal(node(x, value({128}, random_bytes(128, 1)))),
              HasSubstr("node 'the_node' of type ai.tessera.Lookup: the table has the shape 128"));
  EXPECT_THAT(testing::refusal(node(x, value({1, 1, 256}, random_bytes(256, 1)))),
              HasSubstr("shape 1x1x256"));
  EXPECT_THAT(testing::refusal(node(x, value({2, 256}, random_bytes(512, 1)))),
              HasSubstr("the table has 2 channels, and X (1x3) has 3 along axis -1"));
  auto unknown = node(x, value({2, 256}, random_bytes(512, 1)));
  unknown.inputs[0].declared = {"N", "C"};
  EXPECT_THAT(testing::refusal(unknown), HasSubstr("the table has 2 channels"));
  EXPECT_THAT(testing::refusal(node(value<float>({1}, {1}), value({256}, random_bytes(256, 1)))),
              HasSubstr("tensor(float)"));
  EXPECT_THAT(testing::refusal(node(x, value<float>({256}, std::vector<float>(256)))),
              HasSubstr("tensor(float)"));
}

}  // namespace
}  // namespace tessera::kernels
