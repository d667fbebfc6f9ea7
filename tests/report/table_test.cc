// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

#include "tessera/core/text.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

Table sample() {
  Table table({{.header = "layer", .align = Align::kLeft, .elastic = true}, {.header = "ms"}});
  table.add_row({"conv_with_a_long_name", "12.5"});
  table.add_row({"relu, \"quoted\"", "1"});
  return table;
}

TEST(Table_Test, AlignsNumbersRight) {
  EXPECT_EQ(sample().text(),
            "layer                    ms\n"
            "conv_with_a_long_name  12.5\n"
            "relu, \"quoted\"            1\n");
}

TEST(Table_Test, ShortensElasticColumnsInTheMiddle) {
  EXPECT_EQ(sample().text(18),
            "layer           ms\n"
            "conv_w\u2026_name  12.5\n"
            "relu, \u2026oted\"     1\n");
}

TEST(Table_Test, CountsWhatIsLeftOut) {
  EXPECT_EQ(sample().text(0, 1),
            "layer                    ms\n"
            "conv_with_a_long_name  12.5\n"
            "... 1 more (--top 0 shows all)\n");
}

Table ranked() {
  Table table({{.header = "name", .align = Align::kLeft, .elastic = true},
               {.header = "ms"},
               {.header = "spread %", .rank = 2},
               {.header = "size", .rank = 1},
               {.header = "why", .align = Align::kLeft, .wraps = true}});
  table.add_row({"conv", "12.5", "3", "1 KiB", "no integer kernel is known for this one"});
  table.set_total({"all", "12.5"});
  return table;
}

TEST(Table_Test, TooWide_ColumnsGoByRankAndTextIsWrapped) {
  EXPECT_EQ(ranked().text(46),
            "name    ms   size  why\n"
            "conv  12.5  1 KiB  no integer kernel is known\n"
            "                   for this one\n"
            "----------------------------------------------\n"
            "all   12.5\n"
            "too narrow for: spread %\n");
  EXPECT_THAT(ranked().text(36), ::testing::HasSubstr("too narrow for: spread %, size"));
}

TEST(Table_Test, AsWideAsNeeded_NothingIsLeftOut) {
  EXPECT_THAT(ranked().text(200), ::testing::Not(::testing::HasSubstr("too narrow")));
  EXPECT_EQ(ranked().text(200), ranked().text(0));
}

RC_GTEST_PROP(Table_Test, ATableWithRoomForItsLeastFits, ()) {
  const auto width = *rc::gen::inRange<std::size_t>(34, 120);
  const auto text = ranked().text(width);
  for (const auto line : split(text, '\n')) {
    RC_ASSERT(display_width(line) <= width);
  }
}

TEST(Table_Test, JsonLines_NumbersAreNumbers) {
  EXPECT_EQ(sample().jsonl(),
            "{\"layer\":\"conv_with_a_long_name\",\"ms\":12.5}\n"
            "{\"layer\":\"relu, \\\"quoted\\\"\",\"ms\":1}\n");
}

TEST(Text_Test, ProseGoesOnBelowItsSecondColumn) {
  EXPECT_EQ(wrap_lines("why       it is so and not otherwise\nshort\n", 34),
            "why       it is so and not\n          otherwise\nshort\n");
  EXPECT_EQ(wrap_lines("one two three four\n", 9), "one two\n  three\n  four\n");
  EXPECT_EQ(wrap_lines("  tessera compare a.onnx b.onnx\n", 10),
            "  tessera compare a.onnx b.onnx\n");
  EXPECT_EQ(wrap_lines("anything that is long\n", 0), "anything that is long\n");
}

TEST(Text_Test, MarkdownKeepsProseAsItIs) {
  EXPECT_EQ(fence_prose("a  b\n\n| x |\n|---|\n| 1 |\nend\n"),
            "```text\na  b\n```\n\n\n| x |\n|---|\n| 1 |\n```text\nend\n```\n\n");
}

TEST(Table_Test, QuotesCsvAndEscapesMarkdown) {
  EXPECT_EQ(sample().csv(),
            "layer,ms\r\nconv_with_a_long_name,12.5\r\n\"relu, \"\"quoted\"\"\",1\r\n");
  Table table({{.header = "a|b"}});
  EXPECT_EQ(table.markdown(), "| a\\|b |\n|---:|\n");
}

RC_GTEST_PROP(Table_Test, ElidedTextHasTheWantedWidth, ()) {
  const auto text = *rc::gen::string<std::string>();
  const auto width = *rc::gen::inRange<std::size_t>(1, 20);
  RC_PRE(display_width(text) > width);
  std::string ascii;
  for (const char c : text) {
    ascii += static_cast<char>('a' + static_cast<unsigned char>(c) % 26);
  }
  RC_ASSERT(display_width(elide_middle(ascii, width)) == width);
}

TEST(Format_Test, KeepsThreeDigits) {
  EXPECT_EQ(number(0.0012345), "0.00123");
  EXPECT_EQ(number(12.345), "12.3");
  EXPECT_EQ(number(1234.5), "1234");
  EXPECT_EQ(number(1.5e-9), "1.50e-09");
  EXPECT_EQ(number(0), "0");
  EXPECT_EQ(number(std::nan("")), "-");
  EXPECT_EQ(number(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(Format_Test, ChoosesTheUnit) {
  EXPECT_EQ(duration(842), "842 us");
  EXPECT_EQ(duration(12345), "12.3 ms");
  EXPECT_EQ(duration(1.5e6), "1.50 s");
  EXPECT_EQ(bytes(512), "512 B");
  EXPECT_EQ(bytes(1.5 * 1024 * 1024), "1.50 MiB");
  EXPECT_EQ(count(999), "999");
  EXPECT_EQ(count(1234567), "1.23 M");
}

}  // namespace
}  // namespace tessera::report
