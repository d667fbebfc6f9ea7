// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "report/svg_checks.h"
#include "tessera/core/text.h"
#include "tessera/report/table.h"

namespace tessera::report {
namespace {

using ::testing::HasSubstr;

rc::Gen<std::string> any_text() {
  const auto byte = rc::gen::oneOf(rc::gen::inRange(1, 256),
                                   rc::gen::element<int>('<', '>', '&', '"', '\'', 0x0A, 0x09, 0x7F,
                                                         0xC2, 0xE2, 0x80, 0xAE, 0xF0));
  return rc::gen::container<std::string>(
      rc::gen::map(byte, [](int value) { return static_cast<char>(value); }));
}

TEST(CleanText, WhatXmlOrAReaderCannotTake_IsReplaced) {
  EXPECT_EQ(clean_text("a\tb\nc\rd"), "a b c d");
  EXPECT_EQ(clean_text(std::string_view("a\0b", 3)), "a\uFFFDb");
  EXPECT_EQ(clean_text("\x1f\x7f"), "\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\u0085\u009f"), "\uFFFD\uFFFD") << "controls of two bytes";
  EXPECT_EQ(clean_text("\u200e\u200f\u202a\u202e\u2066\u2069"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(clean_text("\uFFFE\uFFFF\uFDD0\uFDEF"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "no characters";
  EXPECT_EQ(clean_text("\u00a0\u200d\uFDF0\u00e9\u5c42\U0001F600"),
            "\u00a0\u200d\uFDF0\u00e9\u5c42\U0001F600");
}

TEST(CleanText, BytesThatAreNoCharacter_AreReplacedOneByOne) {
  EXPECT_EQ(clean_text("\xc3"), "\uFFFD");
  EXPECT_EQ(clean_text("\xe2\x82"), "\uFFFD\uFFFD") << "cut off";
  EXPECT_EQ(clean_text("\xc0\xaf"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond Unicode";
  EXPECT_EQ(clean_text("\xff"), "\uFFFD");
}

RC_GTEST_PROP(CleanText, IsValidUtf8AndStable, ()) {
  const auto text = *any_text();
  const auto clean = clean_text(text);
  RC_ASSERT(valid_utf8(clean) == clean);
  RC_ASSERT(clean_text(clean) == clean);
}

TEST(Escape, EveryCharacterWithAMeaning) {
  EXPECT_EQ(escape("<a b=\"c\" d='e'>&amp;"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;");
}

RC_GTEST_PROP(Escape, OfAnyText_IsContentOfAnElementAndAnAttribute, ()) {
  const auto text = escape(*any_text());
  RC_ASSERT(static_cast<bool>(is_well_formed("<a b=\"" + text + "\">" + text + "</a>")));
}

TEST(Shorten, KeepsMoreOfTheEnd_WhereNamesDiffer) {
  EXPECT_EQ(shorten("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shorten("abcdefghij", 7), "ab\u2026ghij");
  EXPECT_EQ(shorten("abcdefghij", 4), "a\u2026ij");
  EXPECT_EQ(shorten("abcdefghij", 1), "\u2026");
  EXPECT_EQ(shorten("abcdefghij", 0), "\u2026");
  EXPECT_EQ(shorten("", 0), "");
  EXPECT_EQ(shorten("\u00e9\u00e9\u00e9\u00e9", 3), "\u00e9\u2026\u00e9")
      << "characters, not bytes";
}

RC_GTEST_PROP(Shorten, HasAtMostSoManyCharacters, ()) {
  const auto text = *any_text();
  const auto length = *rc::gen::inRange<std::size_t>(1, 30);
  const auto shown = shorten(text, length);
  const auto characters =
      static_cast<std::size_t>(std::count_if(shown.begin(), shown.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
      }));
  RC_ASSERT(characters <= length);
  RC_ASSERT(clean_text(shown) == shown);
}

TEST(TextWidth, GrowsWithSizeAndIsWideForSquares) {
  EXPECT_DOUBLE_EQ(text_width("", 12), 0);
  EXPECT_NEAR(text_width("i", 100), 28, 1e-9);
  EXPECT_NEAR(text_width("W", 100), 99, 1e-9);
  EXPECT_NEAR(text_width(" ~", 10), 3.2 + 8.4, 1e-9) << "both ends of the table";
  EXPECT_NEAR(text_width("\u00e9\u5c42", 10), 8 + 10.5, 1e-9);
}

RC_GTEST_PROP(FitText, IsNoWiderThanItsRoom, ()) {
  const auto text = *any_text();
  const auto room = *rc::gen::inRange(15, 300);
  const auto fitted = fit_text(text, 11, room);
  RC_ASSERT(text_width(fitted, 11) <= room);
  if (text_width(text, 11) <= room) {
    RC_ASSERT(fitted == clean_text(text));
  }
}

TEST(Px, HasTwoDecimalsAtMostAndNoMinusZero) {
  EXPECT_EQ(px(12), "12");
  EXPECT_EQ(px(0.5), "0.5");
  EXPECT_EQ(px(0.126), "0.13");
  EXPECT_EQ(px(100), "100") << "zeros of a whole number stay";
  EXPECT_EQ(px(-0.001), "0");
  EXPECT_EQ(px(-0.0), "0");
  EXPECT_EQ(px(-1.10), "-1.1");
}

TEST(ColorIndex, RunsThroughThePaletteAndBegins_Again) {
  std::set<std::size_t> seen;
  for (std::size_t position = 0; position < 6; ++position) {
    seen.insert(color_index(Color::kAuto, position));
  }
  EXPECT_EQ(seen.size(), 6U);
  EXPECT_EQ(color_index(Color::kAuto, 6), color_index(Color::kAuto, 0));
  EXPECT_EQ(color_index(Color::kBlue, 3), color_index(Color::kAuto, 0));
  EXPECT_EQ(color_index(Color::kGray, 0), 6U) << "never taken unasked";
}

TEST(Svg, ElementsAreOneALine) {
  Svg svg;
  svg.rect({1, 2, 4, 6.5}, "f0", "a < b");
  svg.line({0, 0}, {1.25, -2}, "g");
  svg.polyline({{0, 0}, {1, 1}, {2, 0}}, "l");
  svg.polygon({{0, 0}, {1, 1}}, "b");
  svg.text({1, 2}, "x & y", "t", Anchor::kEnd);
  svg.text({1, 2}, "", "t");
  svg.turned_text({3, 4}, 45, "up", "t", Anchor::kMiddle);
  svg.cells({{0, 0, 2, 1}, {2, 0, 4, 1}}, "#abcdef");
  EXPECT_EQ(std::move(svg).take(),
            "<rect class=\"f0\" x=\"1\" y=\"2\" width=\"3\" height=\"4.5\"><title>a &lt; b</title>"
            "</rect>\n"
            "<path class=\"g\" d=\"M0 0L1.25 -2\"/>\n"
            "<path class=\"l\" d=\"M0 0L1 1L2 0\"/>\n"
            "<path class=\"b\" d=\"M0 0L1 1Z\"/>\n"
            "<text class=\"t ae\" x=\"1\" y=\"2\">x &amp; y</text>\n"
            "<text class=\"t am\" x=\"3\" y=\"4\" transform=\"rotate(-45 3 4)\">up</text>\n"
            "<path fill=\"#abcdef\" d=\"M0 0h2v1h-2zM2 0h2v1h-2z\"/>\n");
}

TEST(Svg, MarksDifferWithoutColourAndRepeatAfterFive) {
  const auto mark = [](std::size_t shape) {
    Svg svg;
    svg.mark({10, 10}, shape, 3, "f0", "tip");
    return std::move(svg).take();
  };
  std::set<std::string> seen;
  for (std::size_t shape = 0; shape < 5; ++shape) {
    seen.insert(mark(shape));
    EXPECT_THAT(mark(shape), HasSubstr("<title>tip</title>"));
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_EQ(mark(7), mark(2));
}

TEST(Svg, TooltipsAreShortened) {
  Svg svg;
  svg.cell({0, 0, 1, 1}, "#000000", std::string(1000, 'x'));
  const auto text = std::move(svg).take();
  EXPECT_LT(text.size(), 300U);
  EXPECT_THAT(text, HasSubstr("x\u2026x"));
}

TEST(Box, OverlapIsOfInsides) {
  const Box box{0, 0, 10, 10};
  EXPECT_TRUE(box.overlaps({5, 5, 15, 15}));
  EXPECT_FALSE(box.overlaps({10, 0, 20, 10})) << "side by side";
  EXPECT_TRUE(box.contains({0, 0, 10, 10}));
  EXPECT_FALSE(box.contains({0, 0, 10, 10.5}));
}

}  // namespace
}  // namespace tessera::report
