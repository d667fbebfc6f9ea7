// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/text.h"

#include <gmock/gmock.h>

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

}  // namespace
}  // namespace tessera
