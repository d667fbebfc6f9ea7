// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <regex>

namespace tessera {
namespace {

using ::testing::ElementsAre;

TEST(Split, EmptyParts_AreKept) {
  EXPECT_THAT(split("a,b", ','), ElementsAre("a", "b"));
  EXPECT_THAT(split(",a,", ','), ElementsAre("", "a", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(Trim, BlanksWithin_AreKept) {
  EXPECT_EQ(trim(" \ta b\r"), "a b");
  EXPECT_EQ(trim(" \t"), "");
}

TEST(ValidUtf8, BytesThatBelongToNoCharacter_AreReplacedOneByOne) {
  EXPECT_EQ(valid_utf8("a\u00e9\u4e16\U0001F600\n"), "a\u00e9\u4e16\U0001F600\n");
  EXPECT_EQ(valid_utf8("\xff\xfe"), "\uFFFD\uFFFD");
  EXPECT_EQ(valid_utf8("a\xc3"), "a\uFFFD") << "cut off";
  EXPECT_EQ(valid_utf8("\xc0\xaf"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
  EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond Unicode";
}

TEST(Printable, ControlCharacters_AreReplaced) {
  EXPECT_EQ(printable("a\x1b[31mb\x07"), "a\uFFFD[31mb\uFFFD");
  EXPECT_EQ(printable("a\n\tb\r"), "a  b ");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\uFFFDb");
  EXPECT_EQ(printable("\u0085x\u009b31m"), "\uFFFDx\uFFFD31m") << "as one character, too";
  EXPECT_EQ(printable("a\u202eb"), "a\uFFFDb") << "turns the direction of what follows";
  EXPECT_EQ(printable("a\u2028b"), "a b");
  EXPECT_EQ(printable_lines("a\nb\x1b"), "a\nb\uFFFD");
}

TEST(Clipped, LongText_EndsInAnEllipsisWithinTheLimit) {
  EXPECT_EQ(clipped("abc", 3), "abc");
  EXPECT_EQ(clipped("abcd", 3), "abc\u2026");
  EXPECT_EQ(clipped("ab\u00e9d", 3), "ab\u2026") << "no character is torn";
}

TEST(PrintableMessage, LongNames_AreClippedAndTheRestStays) {
  const std::string name(60000, 'A');
  const auto shown = std::string(kLongestShownName, 'A') + "\u2026";
  EXPECT_EQ(printable_message("node '" + name + "' (Relu) fails"),
            "node '" + shown + "' (Relu) fails");
  EXPECT_EQ(printable_message("type " + name + " is unknown"), "type " + shown + " is unknown");
}

TEST(PrintableMessage, LongNamesWithBlanks_AreClippedWithinTheirQuotes) {
  std::string name;
  for (int i = 0; i < 5000; ++i) {
    name += "ab ";
  }
  const auto message = printable_message("it can't: '" + name + "x' and 'b' don't match");
  EXPECT_LT(message.size(), 300U);
  EXPECT_TRUE(message.ends_with("\u2026' and 'b' don't match")) << message;
}

TEST(PrintableMessage, WithoutEnd_IsClippedAsAWhole) {
  std::string words;
  for (int i = 0; i < 50000; ++i) {
    words += "' ";
  }
  EXPECT_LT(printable_message(words).size(), 4100U);
}

TEST(PrintableText, LayoutStays) {
  EXPECT_EQ(printable_text("a   b\n\n  c\n"), "a   b\n\n  c\n");
  EXPECT_LT(printable_text(std::string(60000, 'x')).size(), 1100U);
}

/// Whether all of it is characters of table 3-7 of the Unicode standard: by patterns, not by bits.
bool is_valid_utf8(const std::string& text) {
  static const std::regex kCharacters(
      "([\\x01-\\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|"
      "[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|"
      "\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})*");
  return std::regex_match(text, kCharacters);
}

/// Bytes, with those that begin and go on characters more often than others.
rc::Gen<std::string> any_bytes() {
  const auto byte = rc::gen::oneOf(
      rc::gen::inRange(1, 256), rc::gen::inRange(0x80, 0xC0),
      rc::gen::element(0x20, 0x27, 0x7F, 0xC2, 0xE0, 0xE2, 0xED, 0xEF, 0xF0, 0xF4, 0x0A));
  return rc::gen::container<std::string>(
      rc::gen::map(byte, [](int value) { return static_cast<char>(value); }));
}

RC_GTEST_PROP(ValidUtf8, OfAnyBytes_IsValidAndOnlyThen_Unchanged, ()) {
  const auto text = *any_bytes();
  const auto valid = valid_utf8(text);
  RC_ASSERT(is_valid_utf8(valid));
  RC_ASSERT((valid == text) == is_valid_utf8(text));
  RC_ASSERT(valid_utf8(valid) == valid);
}

RC_GTEST_PROP(Printable, OfAnyBytes_HasNoControlsAndIsStable, ()) {
  const auto text = *any_bytes();
  const auto shown = printable(text);
  RC_ASSERT(is_valid_utf8(shown));
  RC_ASSERT(std::none_of(shown.begin(), shown.end(),
                         [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }));
  RC_ASSERT(printable(shown) == shown);
  auto lines = printable_lines(text);
  std::replace(lines.begin(), lines.end(), '\n', ' ');
  RC_ASSERT(lines == shown);  // line feeds are all that differs
}

RC_GTEST_PROP(Clipped, OfValidText_IsABeginningOfItAndValid, ()) {
  const auto text = valid_utf8(*any_bytes());
  const auto limit = *rc::gen::inRange<std::size_t>(0, 40);
  const auto shown = clipped(text, limit);
  RC_ASSERT(is_valid_utf8(shown));
  if (text.size() <= limit) {
    RC_ASSERT(shown == text);
  } else {
    constexpr std::string_view kEllipsis = "\u2026";
    RC_ASSERT(shown.ends_with(kEllipsis));
    const auto head = shown.substr(0, shown.size() - kEllipsis.size());
    RC_ASSERT(text.starts_with(head));
    RC_ASSERT(head.size() <= limit && head.size() + 3 >= limit);
  }
}

RC_GTEST_PROP(Split, Joined_IsTheText, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', ','));
  const auto parts = split(text, ',');
  RC_ASSERT(parts.size() ==
            1U + static_cast<std::size_t>(std::count(text.begin(), text.end(), ',')));
  std::string joined(parts.front());
  for (std::size_t i = 1; i < parts.size(); ++i) {
    joined += ',';
    joined += parts[i];
  }
  RC_ASSERT(joined == text);
}

RC_GTEST_PROP(PrintableMessage, OfAnyBytes_IsShortAndPrintable, ()) {
  const auto text = *any_bytes();
  const auto shown = printable_message(text);
  RC_ASSERT(printable(shown) == shown);
  RC_ASSERT(shown.size() < 4010U);
  if (printable(text).size() <= kLongestShownName) {
    RC_ASSERT(shown == printable(text));  // nothing to clip
  }
}

TEST(PrintableMessage, TwoLongQuotations_AreClippedEach) {
  const std::string a(300, 'a');
  const std::string b(300, 'b');
  const auto cut = [](char c) { return std::string(kLongestShownName, c) + "\u2026"; };
  EXPECT_EQ(printable_message("'" + a + "' is not '" + b + "'."),
            "'" + cut('a') + "' is not '" + cut('b') + "'.");
  EXPECT_EQ(printable_message("'x': '" + a + "'"), "'x': '" + cut('a') + "'");
}

TEST(PrintableText, LongWords_AreClippedAndTheirLinesStay) {
  const std::string word(1500, 'w');
  EXPECT_EQ(printable_text("a " + word + "\n" + word + " b"),
            "a " + std::string(1000, 'w') + "\u2026\n" + std::string(1000, 'w') + "\u2026 b");
}

}  // namespace
}  // namespace tessera
