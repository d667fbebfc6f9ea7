// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "onnx/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <vector>

#include "support/matchers.h"

namespace tessera::onnx::wire {
namespace {

using testing::FailsWith;

Bytes bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A field of each type as the specification writes it.
std::string field(std::uint32_t number, Type type, const std::string& payload) {
  if (type == Type::kLengthDelimited) {
    return header(number, payload.size()) + payload;
  }
  auto tag = header(number, 0);
  tag.pop_back();  // the length
  tag[0] = static_cast<char>((tag[0] & ~7) | static_cast<int>(type));
  return tag + payload;
}

TEST(Header, OfKnownFields) {
  EXPECT_EQ(header(1, 0), std::string("\x0a\x00", 2));
  EXPECT_EQ(header(15, 127), "\x7a\x7f");
  EXPECT_EQ(header(16, 128), "\x82\x01\x80\x01");
  EXPECT_EQ(header(7, std::uint64_t{1} << 35), "\x3a\x80\x80\x80\x80\x80\x01");
}

TEST(Reader, OfEveryType_GivesPayloadAndWhole) {
  const std::vector<std::pair<Type, std::string>> fields{{Type::kVarint, "\x96\x01"},
                                                         {Type::kFixed64, "12345678"},
                                                         {Type::kLengthDelimited, "abc"},
                                                         {Type::kFixed32, "1234"},
                                                         {Type::kLengthDelimited, ""}};
  std::string message;
  for (std::uint32_t i = 0; i < fields.size(); ++i) {
    message += field(i + 14, fields[i].first, fields[i].second);
  }
  Reader reader(bytes(message));
  std::string copied;
  for (std::uint32_t i = 0; i < fields.size(); ++i) {
    const auto next = reader.next();
    ASSERT_TRUE(next.has_value()) << i;
    EXPECT_EQ(next->number, i + 14);
    EXPECT_EQ(next->type, fields[i].first);
    EXPECT_EQ(text(next->payload), fields[i].second);
    copied += text(next->whole);
  }
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(copied, message);
}

TEST(Reader, OfNothing_IsDone) {
  EXPECT_TRUE(Reader({}).done());
}

TEST(Reader, WhatIsNoMessage_IsRefused) {
  for (const std::string& message : std::vector<std::string>{
           std::string("\x02\x00", 2),        // field 0
           "\x0b",                            // a group
           "\x0c",                            // its end
           "\x0e", "\x0f",                    // types that are none
           "\x08",                            // no value
           "\x08\xff",                        // a value that does not end
           std::string(11, '\xff'),           // a tag that does not end
           "\x08" + std::string(11, '\xff'),  // a value beyond 64 bits
           "\x0a\x05"
           "abcd",                                          // a length beyond the end
           "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  // a length of 2^64 - 1
           "\x09"
           "1234567",
           "\x0d"
           "123"}) {
    Reader reader(bytes(message));
    EXPECT_THAT(reader.next(), FailsWith(ErrorCode::kDataLoss, "malformed or truncated message"));
  }
}

RC_GTEST_PROP(Reader, OfAnyFields_FindsThemAgain, ()) {
  const auto numbers = *rc::gen::container<std::vector<std::uint32_t>>(
      rc::gen::inRange<std::uint32_t>(1, 536870912));
  std::string message;
  for (const auto number : numbers) {
    message += header(number, number % 300) + std::string(number % 300, 'x');
  }
  Reader reader(bytes(message));
  for (const auto number : numbers) {
    const auto next = reader.next();
    RC_ASSERT(next.has_value());
    RC_ASSERT(next->number == number);
    RC_ASSERT(next->payload.size() == number % 300);
  }
  RC_ASSERT(reader.done());
}

RC_GTEST_PROP(Reader, OfAnyBytes_EndsWithinThem, (const std::vector<std::uint8_t>& garbage)) {
  Reader reader(std::as_bytes(std::span(garbage)));
  std::size_t seen = 0;
  while (!reader.done()) {
    const auto next = reader.next();
    if (!next) {
      break;
    }
    RC_ASSERT(next->payload.size() < next->whole.size());
    seen += next->whole.size();
  }
  RC_ASSERT(seen <= garbage.size());
}

TEST(OffsetOfField, IsThatOfTheFirstAtOrBehind) {
  const auto message = header(2, 1) + "a" + header(5, 2) + "bb" + header(9, 0);
  EXPECT_EQ(offset_of_field(message, 1), 0U);
  EXPECT_EQ(offset_of_field(message, 2), 0U);
  EXPECT_EQ(offset_of_field(message, 3), 3U);
  EXPECT_EQ(offset_of_field(message, 5), 3U);
  EXPECT_EQ(offset_of_field(message, 6), 7U);
  EXPECT_EQ(offset_of_field(message, 10), message.size());
  EXPECT_EQ(offset_of_field("", 1), 0U);
}

}  // namespace
}  // namespace tessera::onnx::wire
