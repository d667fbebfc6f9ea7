// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tessera/core/fields.h"
#include "tessera/core/file.h"

/// Holds what users read of a record's members against its list (core/fields.h).
namespace tessera::testing {

/// A member of a list, whatever the record is.
struct ListedMember {
  std::string name;
  std::string says;
  FieldPresence presence;
};

/// Those that are a record's own, without the members of records within.
template <class Record>
std::vector<ListedMember> members_of() {
  std::vector<ListedMember> members;
  for (const auto& field : fields_of(static_cast<const Record*>(nullptr))) {
    if (!field.name.empty()) {
      members.push_back({std::string(field.name), std::string(field.says), field.presence});
    }
  }
  return members;
}

inline std::filesystem::path source_file(const std::string& name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / name;
}

/// The object at `pointer` has these properties in this order and with these words, and behind them
/// no more than `added`, which commands put beside the record. What is always written is required.
inline void expect_schema(const std::vector<ListedMember>& members, const std::string& file,
                          const std::string& pointer, const std::vector<std::string>& added = {}) {
  SCOPED_TRACE(fmt::format("schema/{}.schema.json, {}", file, pointer));
  const auto schema = read_json(source_file(fmt::format("schema/{}.schema.json", file)));
  ASSERT_TRUE(schema.has_value());
  const Json::json_pointer place(pointer);
  ASSERT_TRUE(schema->contains(place));
  const auto& object = schema->at(place);
  std::vector<std::string> expected;
  std::vector<std::string> named;
  const auto required = object.value("required", std::vector<std::string>());
  for (const auto& member : members) {
    expected.push_back(member.name);
    const auto& property = object.at("properties").value(member.name, Json::object());
    EXPECT_EQ(property.value("description", ""), member.says) << member.name;
    if (member.presence == FieldPresence::kAlways) {
      EXPECT_THAT(required, ::testing::Contains(member.name));
    } else if (member.presence == FieldPresence::kIfAny) {
      EXPECT_THAT(required, ::testing::Not(::testing::Contains(member.name)));
    }
  }
  expected.insert(expected.end(), added.begin(), added.end());
  for (const auto& [name, property] : object.at("properties").items()) {
    named.push_back(name);
  }
  EXPECT_EQ(named, expected);
  EXPECT_THAT(expected, ::testing::IsSupersetOf(required));
}

/// The table under `heading` is that of the members, row by row.
inline void expect_page(const std::vector<ListedMember>& members, const std::string& page,
                        const std::string& heading) {
  SCOPED_TRACE(fmt::format("{}, {}", page, heading));
  const auto text = read_file(source_file(page));
  ASSERT_TRUE(text.has_value());
  std::string rows = "|---|---|\n";
  for (const auto& member : members) {
    auto says = member.says;
    for (auto at = says.find('|'); at != std::string::npos; at = says.find('|', at + 2)) {
      says.insert(at, "\\");
    }
    rows += fmt::format("| `{}` | {} |\n", member.name, says);
  }
  const auto begin = text->find("\n" + heading + "\n");
  ASSERT_NE(begin, std::string::npos);
  const auto section = text->substr(begin, text->find("\n#", begin + 1) - begin) + "\n";
  EXPECT_THAT(section, ::testing::HasSubstr(rows + "\n"));
}

}  // namespace tessera::testing
