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
              HasSubstr("the table has 2 channels, and the last extent of X (1x3)"));
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
