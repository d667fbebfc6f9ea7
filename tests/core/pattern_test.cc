// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/pattern.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "support/matchers.h"

namespace tessera {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;

bool matches(std::string_view pattern, std::string_view name) {
  return NamePattern::compile(pattern)->matches(name);
}

TEST(NamePattern, Name_MustMatchAsAWhole) {
  EXPECT_TRUE(matches("head.*", "head/conv"));
  EXPECT_FALSE(matches("head", "head/conv"));
  EXPECT_TRUE(matches(R"(/layer\.[0-9]+/(conv|fc))", "/layer.12/fc"));
  EXPECT_TRUE(matches(".*", "two\nlines"));
}

TEST(NamePattern, BytesThatAreNoUtf8_MatchAsTheyAreShown) {
  EXPECT_TRUE(matches("a.b",
                      "a\xff"
                      "b"));
  EXPECT_TRUE(matches("a.b", "a\u00e9b")) << "one character, two bytes";
}

TEST(NamePattern, LongNames_AreHarmless) {
  EXPECT_TRUE(matches(".*", std::string(60000, 'a')));
  EXPECT_TRUE(matches("(a|b)*", std::string(60000, 'a')));
}

TEST(NamePattern, ExponentialPatterns_AreHarmless) {
  EXPECT_FALSE(matches("(a*)*b", std::string(60000, 'a')));
  EXPECT_FALSE(matches("(a|aa)+b", std::string(60000, 'a')));
  EXPECT_FALSE(matches("(.*)*(.*)*x", std::string(60000, 'a')));
}

TEST(NamePattern, WhatIsNone_IsRefusedWithAdvice) {
  EXPECT_THAT(NamePattern::compile("("), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'('")));
  EXPECT_THAT(NamePattern::compile("a\xff"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("")));
  const auto ahead = NamePattern::compile("(?!head).*");
  EXPECT_THAT(ahead, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("regular expression")));
  EXPECT_THAT(ahead.error().hint, HasSubstr("look-ahead"));
  EXPECT_THAT(NamePattern::compile("((a{100}){100}){100}"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("regular expression")));
  EXPECT_THAT(NamePattern::compile(std::string(5000, 'a')),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("too long")));
}

RC_GTEST_PROP(NamePattern, QuotedName_MatchesItselfAndNoOther, ()) {
  const auto letters = rc::gen::container<std::string>(
      rc::gen::element('a', '.', '*', '(', ')', '[', ']', '\\', '+', '?', '|', '^', '$', '{', '/'));
  const auto name = *letters;
  const auto other = *letters;
  std::string quoted;
  for (const char c : name) {
    quoted += c == 'a' ? "a" : std::string("\\") + c;
  }
  RC_ASSERT(matches(quoted, name));
  RC_ASSERT(matches(quoted, other) == (name == other));
}

TEST(NamePattern, Empty_MatchesTheEmptyNameAlone) {
  EXPECT_TRUE(matches("", ""));
  EXPECT_FALSE(matches("", "a"));
  EXPECT_TRUE(matches("a|", "")) << "either side as a whole";
  EXPECT_FALSE(matches("a|b", "ab"));
}

TEST(NamePattern, Moved_StillMatches) {
  auto pattern = NamePattern::compile("a+");
  auto other = NamePattern::compile("b");
  *other = std::move(*pattern);
  EXPECT_TRUE(other->matches("aaa"));
  EXPECT_FALSE(other->matches("b"));
}

}  // namespace
}  // namespace tessera
