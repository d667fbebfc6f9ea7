// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/text.h"

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

std::string nested(std::size_t levels) {
  return std::string(levels, '[') + std::string(levels, ']');
}

TEST(ParseJson_Test, NestingEndsWhereTheDocumentationSays) {
  EXPECT_THAT(parse_json(nested(200), "text"), IsOk());
  EXPECT_THAT(parse_json(nested(202), "text"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("nested deeper than 200 levels")));
}

TEST(ParseJson_Test, KeysAreComparedWithinTheirObjectOnly) {
  EXPECT_THAT(parse_json(R"({"a": {"a": [{"a": 1}, {"a": 2}]}})", "text"), IsOk());
  EXPECT_THAT(parse_json(R"({"a": {"b": 1}, "b": 2, "a": 3})", "text"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'a' appears twice")));
  EXPECT_THAT(parse_json(R"({"a": 1, "\u0061": 2})", "text"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("'a' appears twice")))
      << "written in another way";
}

TEST(ParseJson_Test, WhatOtherReadersTake_IsRefused) {
  for (const auto* text : {"NaN", "Infinity", "[1,]", "{'a': 1}", "// note\n1", "01", "+1",
                           "\"\x01\"", "\"a\xff\"", "[1 2]", "nul"}) {
    EXPECT_THAT(parse_json(text, "text"), FailsWith(ErrorCode::kDataLoss, HasSubstr("line 1")))
        << text;
  }
}

TEST(ParseJson_Test, TheEndOfTheTextIsAPlace) {
  EXPECT_THAT(parse_json("{\n\n\"a\": [", "text"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("line 3, column 7")));
}

TEST(WholeNumber, EndsWhereDoublesStopBeingExact) {
  EXPECT_EQ(whole_number(Json(9007199254740992.0)), std::int64_t{1} << 53);
  EXPECT_EQ(whole_number(Json(-9007199254740992.0)), -(std::int64_t{1} << 53));
  EXPECT_EQ(whole_number(Json(9007199254740994.0)), std::nullopt);
  EXPECT_EQ(whole_number(Json(-0.0)), 0);
  EXPECT_EQ(whole_number(Json(std::nan(""))), std::nullopt);
  EXPECT_EQ(whole_number(Json(std::numeric_limits<double>::infinity())), std::nullopt);
  EXPECT_EQ(whole_number_at(Json{{"n", 3}}, "n"), 3);
  EXPECT_EQ(whole_number_at(Json{{"n", "3"}}, "n"), std::nullopt);
  EXPECT_EQ(whole_number_at(Json::array({3}), "n"), std::nullopt);
}

TEST(OrNull, WhatIsUnknownOrNotFinite_IsNull) {
  EXPECT_EQ(or_null(std::optional<double>(0.5)), Json(0.5));
  EXPECT_TRUE(or_null(std::optional<double>()).is_null());
  EXPECT_EQ(or_null(std::optional<std::int64_t>(0)), Json(0));
  EXPECT_TRUE(or_null(std::optional<std::int64_t>()).is_null());
  EXPECT_EQ(finite_or_null(-1.5), Json(-1.5));
  EXPECT_TRUE(finite_or_null(std::nan("")).is_null());
  EXPECT_TRUE(finite_or_null(-std::numeric_limits<double>::infinity()).is_null());
}

/// A document of any form: `depth` levels at most.
Json any_json(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 0 ? 7 : 5);
  switch (kind) {
    case 0:
      return nullptr;
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<std::int64_t>();
    case 3:
      return *rc::gen::arbitrary<double>();
    case 4:
      return valid_utf8(*rc::gen::string<std::string>());
    case 5: {
      auto list = Json::array();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        list.push_back(any_json(depth - 1));
      }
      return list;
    }
    default: {
      auto object = Json::object();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        object[valid_utf8(*rc::gen::string<std::string>())] = any_json(depth - 1);
      }
      return object;
    }
  }
}

RC_GTEST_PROP(Json_Test, WhatIsWrittenIsReadAgain, ()) {
  const auto json = any_json(3);
  for (const auto& text : {to_text(json), compact_text(json)}) {
    const auto again = parse_json(text, "text");
    RC_ASSERT(again.has_value());
    RC_ASSERT(again->dump() == json.dump());
  }
  RC_ASSERT(compact_text(json).find('\n') == std::string::npos);
}

TEST(Json_Test, FilesAreWrittenAndRead) {
  const auto folder = TemporaryDirectory::create("tessera-json-test");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "a.json";
  ASSERT_THAT(write_json(path, {{"a", {1, nullptr}}}, Overwrite::kRefuse), IsOk());
  EXPECT_EQ(*read_file(path), "{\n  \"a\": [\n    1,\n    null\n  ]\n}\n");
  EXPECT_EQ(read_json(path)->dump(), R"({"a":[1,null]})");
  EXPECT_THAT(write_json(path, 1, Overwrite::kRefuse),
              FailsWith(ErrorCode::kAlreadyExists, HasSubstr("a.json")));
  ASSERT_THAT(write_file(path, "{\"a\": ", Overwrite::kReplace), IsOk());
  EXPECT_THAT(read_json(path), FailsWith(ErrorCode::kDataLoss, HasSubstr("a.json' is not valid")));
  EXPECT_THAT(read_json(folder->path() / "none.json"),
              FailsWith(ErrorCode::kNotFound, HasSubstr("none.json")));
}

}  // namespace
}  // namespace tessera
