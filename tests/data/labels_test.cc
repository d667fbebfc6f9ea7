// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/labels.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/matchers.h"

namespace tessera::data {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Labels> parse(std::string_view text) {
  return Labels::parse(text, "labels.csv", "/data");
}

TEST(Labels, ExtraColumnsQuotesAndCrlf_AreTolerated) {
  const auto labels = parse(
      "\xef\xbb\xbfname,file,class_index\r\n"
      "\"tench, a fish\",a.jpg,0\r\n"
      "\r\n"
      "\"says \"\"boo\"\"\",\"b, c.jpg\", 17 \r\n");
  ASSERT_THAT(labels, IsOk());
  EXPECT_EQ(labels->find("/data/a.jpg"), 0);
  EXPECT_EQ(labels->find("/elsewhere/b, c.jpg"), 17);
  EXPECT_EQ(labels->find("/data/none.jpg"), std::nullopt);
}

TEST(Labels, PathsWithFolders_AreToldApart) {
  const auto labels = parse("file,class_index\ncat/1.jpg,3\ndog/1.jpg,4\ndog/2.jpg,4\n");
  ASSERT_THAT(labels, IsOk());
  EXPECT_EQ(labels->find("/data/cat/1.jpg"), 3);
  EXPECT_EQ(labels->find("/data/./dog/../dog/1.jpg"), 4);
  EXPECT_EQ(labels->find("/other/1.jpg"), std::nullopt);  // which of the two?
  EXPECT_EQ(labels->find("/other/2.jpg"), 4);
}

TEST(Labels, Mistakes_NameTheLine) {
  const auto is = [](const char* text) { return FailsWith(ErrorCode::kDataLoss, HasSubstr(text)); };
  EXPECT_THAT(parse(""), is("labels.csv: the label file is empty"));
  EXPECT_THAT(parse("a.jpg,3\n"), is("column 'file' is missing"));
  EXPECT_THAT(parse("file,label\na.jpg,3\n"), is("column 'class_index' is missing"));
  EXPECT_THAT(parse("file,class_index\na.jpg,3\nb.jpg\n"), is("line 3 has 1 fields"));
  EXPECT_THAT(parse("file,class_index\na.jpg,cat\n"), is("line 2: 'cat' is no class index"));
  EXPECT_THAT(parse("file,class_index\na.jpg,-1\n"), is("'-1' is no class index"));
  EXPECT_THAT(parse("file,class_index\na.jpg,1\na.jpg,2\n"),
              is("line 3: 'a.jpg' already has label 1"));
  EXPECT_THAT(parse("file,class_index\n\"a.jpg,1\n"), is("never closed"));
}

RC_GTEST_PROP(Csv, QuotedFields_RoundTrip, (const std::vector<std::string>& fields)) {
  RC_PRE(fields.size() > 1);
  std::string text;
  for (const auto& field : fields) {
    text += text.empty() ? "\"" : ",\"";
    for (const char c : field) {
      text += c == '"' ? std::string("\"\"") : std::string(1, c);
    }
    text += '"';
  }
  const auto records = parse_csv(text + "\n");
  RC_ASSERT(records.has_value() && records->size() == 1u);
  RC_ASSERT((*records)[0].fields == fields);
}

}  // namespace
}  // namespace tessera::data
