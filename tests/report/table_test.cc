// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

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

/// As converters of .tflite files make them.
Table joined_names() {
  Table table({{.header = "layer", .align = Align::kLeft, .elastic = true},
               {.header = "ms"},
               {.header = "why", .align = Align::kLeft, .wraps = true}});
  const std::string end =
      ";model/batch_normalization/FusedBatchNormV3;model/conv2d/BiasAdd/resource";
  table.add_row({"model/activation_1/Relu" + end, "3", "because model/activation_1/Relu" + end});
  table.add_row({"model/activation_2/Relu" + end, "2"});
  table.add_row({"model/add", "1"});
  return table;
}

TEST(Table_Test, LongNames_AreShortenedForPeople) {
  EXPECT_THAT(joined_names().text(0, 2),
              ::testing::StartsWith("layer                      ms  why\n"
                                    "model/activation_1/Relu;\u2026   3  because model/"));
  EXPECT_THAT(joined_names().text(), ::testing::HasSubstr("\nmodel/add                   1\n"));
}

TEST(Table_Test, LongNamesInANarrowTable_CanStillBeToldApart) {
  const auto text = joined_names().text(70);
  EXPECT_THAT(text, ::testing::HasSubstr("\nmodel/activation_1/"));
  EXPECT_THAT(text, ::testing::HasSubstr("\nmodel/activation_2/"));
  const auto narrow = joined_names().text(40);
  EXPECT_THAT(narrow, ::testing::HasSubstr("\nmode\u2026rce#2 "));
  EXPECT_THAT(narrow, ::testing::HasSubstr("\nmode\u2026rce#3 "));
}

TEST(Table_Test, LongNames_StayWholeInWhatIsRead) {
  const auto whole =
      "model/activation_1/Relu;model/batch_normalization/FusedBatchNormV3;"
      "model/conv2d/BiasAdd/resource";
  for (const auto& text :
       {joined_names().csv(), joined_names().jsonl(), joined_names().markdown()}) {
    EXPECT_THAT(text, ::testing::HasSubstr(whole));
  }
}

TEST(Table_Test, NamesAreShownAlike_HoweverManyRowsAre) {
  Table table({{.header = "layer", .align = Align::kLeft, .elastic = true}});
  const std::string middle(80, 'x');
  table.add_row({"relu;" + middle + ";a"});
  table.add_row({"relu;" + middle + ";b"});
  EXPECT_EQ(table.text(0, 1), "layer\nrelu;\u2026;a\n... 1 more (--top 0 shows all)\n");
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
  EXPECT_EQ(wrap_lines("a long first column  and text\n", 24), "a long first column and\n  text\n")
      << "a column beyond a third of the width leaves no room for text";
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

// --- odd input -----------------------------------------------------------------------------------

TEST(Table_Test, MissingCellsAreEmpty_SurplusOnesAreDropped) {
  Table table({{.header = "a", .align = Align::kLeft}, {.header = "b"}});
  table.add_row({"1"});
  table.add_row({"1", "2", "3"});
  EXPECT_EQ(table.text(), "a  b\n1\n1  2\n");
  EXPECT_EQ(table.csv(), "a,b\r\n1,\r\n1,2\r\n");
  EXPECT_EQ(table.jsonl(), "{\"a\":\"1\",\"b\":null}\n{\"a\":\"1\",\"b\":2}\n");
  EXPECT_EQ(table.rows(), 2U);
}

TEST(Table_Test, OfNothing_IsItsHeaderOrNothing) {
  EXPECT_EQ(Table({{.header = "a"}}).text(20), "a\n");
  EXPECT_EQ(Table({{.header = "a"}}).markdown(), "| a |\n|---:|\n");
  EXPECT_EQ(Table({{.header = "a"}}).jsonl(), "");
  EXPECT_EQ(Table(std::vector<Column>{}).text(20), "\n");
}

TEST(Table_Test, TotalIsSetApartAndStaysWhenRowsGo) {
  Table table({{.header = "name", .align = Align::kLeft}, {.header = "ms"}});
  table.add_row({"a", "1"});
  table.add_row({"b", "2"});
  table.set_total({"all layers", "3"});
  EXPECT_EQ(table.text({}, 1),
            "name        ms\n"
            "a            1\n"
            "... 1 more (--top 0 shows all)\n"
            "--------------\n"
            "all layers   3\n");
  EXPECT_EQ(table.text({0, true}, 1),
            "| name | ms |\n|---|---:|\n| a | 1 |\n| all layers | 3 |\n"
            "\n... 1 more (--top 0 shows all)\n");
  EXPECT_EQ(table.text({}, 2), table.text({}, 0));
  EXPECT_EQ(table.text({}, 99), table.text({}, 0));
  EXPECT_EQ(table.csv(), "name,ms\r\na,1\r\nb,2\r\n") << "a sheet is rows alone";
}

Table with_name(const std::string& name) {
  Table table({{.header = "name", .align = Align::kLeft, .elastic = true}, {.header = "n"}});
  table.add_row({name, "1"});
  return table;
}

TEST(Table_Test, NamesOfAnyBytes_StayInTheirRow) {
  const std::string name = "a\nb\r\t\x1b[31m|\\|\xff";
  EXPECT_EQ(with_name(name).text(),
            "name            n\n"
            "a b  \uFFFD[31m|\\|\uFFFD  1\n");
  EXPECT_EQ(with_name(name).markdown(),
            "| name | n |\n|---|---:|\n| a b  \uFFFD[31m\\|\\\\\\|\uFFFD | 1 |\n");
  EXPECT_EQ(with_name(name).csv(), "name,n\r\na b  \uFFFD[31m|\\|\uFFFD,1\r\n");
  EXPECT_EQ(with_name(name).jsonl(), "{\"name\":\"a\\nb\\r\\t\\u001b[31m|\\\\|\uFFFD\",\"n\":1}\n");
}

TEST(Table_Test, LongNames_AreShortenedInTextAlone) {
  const std::string name(5000, 'x');
  EXPECT_EQ(with_name(name).text(), "name" + std::string(62, ' ') + "n\n" + std::string(32, 'x') +
                                        "\u2026" + std::string(31, 'x') + "  1\n");
  Table other({{.header = "why", .align = Align::kLeft}});
  other.add_row({name});
  EXPECT_EQ(other.text(), "why\n" + std::string(200, 'x') + "\u2026\n") << "what is no name";
  EXPECT_THAT(with_name(name).csv(), ::testing::HasSubstr(name));
  EXPECT_THAT(with_name(name).jsonl(), ::testing::HasSubstr(name));
}

TEST(Table_Test, WidthIsThatOfCharacters_NotOfBytes) {
  EXPECT_EQ(with_name("\u00e9\u5c42").text(), "name  n\n\u00e9\u5c42    1\n");
  EXPECT_EQ(with_name("e\u0301").text(), "name  n\ne\u0301     1\n") << "combining marks take none";
}

TEST(Table_Test, JsonLines_NamesStayNames) {
  for (const auto* name : {"12", "1e5", "-0", "true", "null", "[1]"}) {
    EXPECT_EQ(with_name(name).jsonl(), "{\"name\":\"" + std::string(name) + "\",\"n\":1}\n");
  }
  Table figures({{.header = "x"}});
  for (const auto* cell : {"1.5", "1e3", "-2", "exact", "1.63x", "-", "nan", "1 2", ""}) {
    figures.add_row({cell});
  }
  EXPECT_EQ(figures.jsonl(),
            "{\"x\":1.5}\n{\"x\":1000.0}\n{\"x\":-2}\n{\"x\":\"exact\"}\n{\"x\":\"1.63x\"}\n"
            "{\"x\":\"-\"}\n{\"x\":\"nan\"}\n{\"x\":\"1 2\"}\n{\"x\":null}\n");
}

TEST(Table_Test, TooNarrowForAnything_ShortensAndSaysSo) {
  const auto text = ranked().text(1);
  EXPECT_THAT(text, ::testing::HasSubstr("too\n"));
  EXPECT_THAT(text, ::testing::HasSubstr("spread"));
  EXPECT_THAT(text, ::testing::HasSubstr("12.5")) << "figures are not shortened";
}

// --- properties ----------------------------------------------------------------------------------

rc::Gen<std::string> any_cell() {
  return rc::gen::container<std::string>(rc::gen::element('a', 'b', ' ', ',', '"', '|', '\\', '\n',
                                                          '\r', '\xc3', '\xa9', '\x1b', '7'));
}

/// Rows of a sheet as RFC 4180 says to read them.
std::vector<std::vector<std::string>> read_csv(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  while (!text.empty()) {
    auto& row = rows.emplace_back();
    for (bool more = true; more;) {
      auto& cell = row.emplace_back();
      if (text.starts_with('"')) {
        text.remove_prefix(1);
        while (!text.starts_with('"') || text.starts_with("\"\"")) {
          cell += text.front();
          text.remove_prefix(text.starts_with("\"\"") ? 2 : 1);
        }
        text.remove_prefix(1);
      } else {
        const auto end = text.find_first_of(",\r");
        cell = text.substr(0, end);
        text.remove_prefix(end);
      }
      more = text.starts_with(',');
      text.remove_prefix(more ? 1 : 2);
    }
  }
  return rows;
}

RC_GTEST_PROP(Table_Property, SheetsAreReadAgain, ()) {
  const auto columns = *rc::gen::inRange<std::size_t>(1, 4);
  Table table(std::vector<Column>(columns, Column{.header = "x"}));
  std::vector<std::vector<std::string>> expected{std::vector<std::string>(columns, "x")};
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i) {
    const auto cells = *rc::gen::container<std::vector<std::string>>(columns, any_cell());
    table.add_row(cells);
    auto& row = expected.emplace_back();
    for (const auto& cell : cells) {
      row.push_back(printable(cell));
    }
  }
  RC_ASSERT(read_csv(table.csv()) == expected);
}

RC_GTEST_PROP(Table_Property, MarkdownHasALinePerRowAndABarPerCell, ()) {
  const auto columns = *rc::gen::inRange<std::size_t>(1, 4);
  const auto rows = *rc::gen::inRange<std::size_t>(0, 5);
  Table table(std::vector<Column>(columns, Column{.header = "x"}));
  for (std::size_t i = 0; i < rows; ++i) {
    table.add_row(*rc::gen::container<std::vector<std::string>>(columns, any_cell()));
  }
  const auto text = table.markdown();
  const auto lines = split(text, '\n');
  RC_ASSERT(lines.size() == rows + 3);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    std::size_t bars = 0;
    bool escaped = false;
    for (const char c : lines[i]) {
      bars += !escaped && c == '|' ? 1U : 0U;
      escaped = !escaped && c == '\\';
    }
    RC_ASSERT(bars == columns + 1);
  }
}

rc::Gen<std::string> any_prose() {
  return rc::gen::container<std::string>(
      rc::gen::element('a', 'b', 'c', ' ', ' ', '\n', '\xc3', '\xa9'));
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : std::string(text) + " ") {
    if (c != ' ' && c != '\n') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

RC_GTEST_PROP(Text_Property, WrappingKeepsEveryWordAndTheWidth, ()) {
  const auto text = *any_prose();
  const auto width = *rc::gen::inRange<std::size_t>(1, 30);
  const auto paragraph = printable(text);
  std::string joined;
  for (const auto& line : wrap(paragraph, width)) {
    RC_ASSERT(display_width(line) <= width || words_of(line).size() == 1);
    joined += line + "\n";
  }
  RC_ASSERT(words_of(joined) == words_of(paragraph));
  const auto lines = wrap_lines(valid_utf8(text), width);
  RC_ASSERT(words_of(lines) == words_of(valid_utf8(text)));
}

}  // namespace
}  // namespace tessera::report
