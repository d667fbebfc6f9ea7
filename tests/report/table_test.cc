// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/table.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>

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
