// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/compact_text.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

TEST(ParseJson_Test, KeepsTheOrderOfMembers) {
  const auto json = parse_json(R"({"b": 1, "a": 2})", "text");
  ASSERT_THAT(json, IsOk());
  EXPECT_EQ(json->dump(), R"({"b":1,"a":2})");
}

TEST(ParseJson_Test, NamesLineAndColumnOfAnError) {
  EXPECT_THAT(parse_json("{\n  \"a\": 1,,\n}", "'r.json'"),
              FailsWith(ErrorCode::kDataLoss,
                        AllOf(HasSubstr("'r.json'"), HasSubstr("line 2, column 10"))));
}

TEST(ParseJson_Test, RefusesAKeyThatAppearsTwice) {
  EXPECT_THAT(parse_json(R"({"a": {"x": 1, "x": 2}})", "text"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'x' appears twice")));
  EXPECT_THAT(parse_json(R"([{"x": 1}, {"x": 2}])", "text"), IsOk());
}

TEST(ParseJson_Test, RefusesBottomlessNestingAndTrailingText) {
  EXPECT_THAT(parse_json(std::string(100000, '['), "text"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("nested deeper")));
  EXPECT_THAT(parse_json("{} x", "text"), FailsWith(ErrorCode::kDataLoss, HasSubstr("JSON")));
  EXPECT_THAT(parse_json("", "text"), FailsWith(ErrorCode::kDataLoss, HasSubstr("JSON")));
  EXPECT_THAT(parse_json("[1e999]", "text"), FailsWith(ErrorCode::kDataLoss, HasSubstr("text")));
}

TEST(WholeNumber, IsOneThatFits) {
  const auto read = [](const char* text) { return whole_number(*parse_json(text, "text")); };
  EXPECT_EQ(read("10"), 10);
  EXPECT_EQ(read("10.0"), 10);
  EXPECT_EQ(read("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(read("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
  for (const auto* text : {"9223372036854775808", "18446744073709551615", "1e58", "-1e58", "2.5",
                           "\"1\"", "true", "null", "[1]"}) {
    EXPECT_EQ(read(text), std::nullopt) << text;
    EXPECT_EQ(whole_number_or(Json{{"n", *parse_json(text, "text")}}, "n", -1), -1) << text;
    EXPECT_THROW((void)integer_from(*parse_json(text, "text")), Json::type_error) << text;
  }
  EXPECT_EQ(whole_number_or(Json::object(), "n", 7), 7);
  EXPECT_EQ(whole_number_or(Json(3), "n", 7), 7);
}

TEST(ToText_Test, WritesNanAsNullAndSurvivesBadUtf8) {
  EXPECT_EQ(to_text(Json(std::nan(""))), "null\n");
  EXPECT_EQ(to_text(Json("a\xff")), "\"a\xEF\xBF\xBD\"\n");
  EXPECT_EQ(compact_text(Json{{"a\xff", {1, 2}}}), "{\"a\xEF\xBF\xBD\":[1,2]}");
}

}  // namespace
}  // namespace tessera
