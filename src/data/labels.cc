// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "data/labels.h"

#include <algorithm>
#include <charconv>

#include "tessera/core/file.h"
#include "tessera/core/text.h"

namespace tessera::data {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string key_of(const fs::path& path) {
  std::error_code ignored;
  const auto absolute = fs::absolute(path, ignored);
  return (ignored ? path : absolute).lexically_normal().string();
}

std::optional<std::int64_t> parse_index(std::string_view text) {
  text = trim(text);
  std::int64_t value = -1;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && rest == text.data() + text.size();
  return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

std::optional<std::size_t> column_of(const CsvRecord& header, std::string_view name) {
  const auto found = std::find(header.fields.begin(), header.fields.end(), name);
  if (found == header.fields.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - header.fields.begin());
}

}  // namespace

std::optional<std::vector<CsvRecord>> parse_csv(std::string_view text) {
  std::vector<CsvRecord> records;
  CsvRecord record{1, {""}};
  std::int64_t line = 1;
  bool quoted = false;
  const auto end_record = [&] {
    if (record.fields.size() > 1 || !record.fields[0].empty()) {
      records.push_back(std::move(record));
    }
    record = {line, {""}};
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    line += c == '\n' ? 1 : 0;
    if (quoted) {
      if (c != '"') {
        record.fields.back() += c;
      } else if (text.substr(i).starts_with("\"\"")) {
        record.fields.back() += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && record.fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      record.fields.emplace_back();
    } else if (c == '\n') {
      end_record();
    } else if (c != '\r' || !text.substr(i).starts_with("\r\n")) {
      record.fields.back() += c;
    }
  }
  if (quoted) {
    return std::nullopt;
  }
  end_record();
  return records;
}

Result<Labels> Labels::parse(std::string_view text, std::string_view what, const fs::path& folder) {
  constexpr auto kForm = "the first line must name the columns: file,class_index";
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  const auto records = parse_csv(text);
  if (!records) {
    return fail(ErrorCode::kDataLoss, "{}: a quoted field is never closed", what).hint(kForm);
  }
  if (records->empty()) {
    return fail(ErrorCode::kDataLoss, "{}: the label file is empty", what).hint(kForm);
  }
  const auto file_column = column_of(records->front(), "file");
  const auto index_column = column_of(records->front(), "class_index");
  if (!file_column || !index_column) {
    return fail(ErrorCode::kDataLoss, "{}: column '{}' is missing", what,
                file_column ? "class_index" : "file")
        .hint(kForm);
  }
  Labels labels;
  for (std::size_t i = 1; i < records->size(); ++i) {
    const auto& record = (*records)[i];
    if (record.fields.size() <= std::max(*file_column, *index_column)) {
      return fail(ErrorCode::kDataLoss, "{}: line {} has {} fields; the header has {}", what,
                  record.line, record.fields.size(), records->front().fields.size())
          .hint(kForm);
    }
    const auto index = parse_index(record.fields[*index_column]);
    if (!index) {
      return fail(ErrorCode::kDataLoss, "{}: line {}: '{}' is no class index", what, record.line,
                  record.fields[*index_column])
          .hint("class indices are whole numbers from 0");
    }
    const fs::path file = record.fields[*file_column];
    const auto [at, is_new] = labels.by_path_.emplace(key_of(folder / file), *index);
    if (!is_new && at->second != *index) {
      return fail(ErrorCode::kDataLoss, "{}: line {}: '{}' already has label {}", what, record.line,
                  file.string(), at->second)
          .hint("give every file one label");
    }
    if (is_new) {
      const auto [name, first] = labels.by_name_.emplace(file.filename().string(), *index);
      if (!first) {
        name->second.reset();
      }
    }
  }
  return labels;
}

Result<Labels> Labels::read(const fs::path& path) {
  constexpr std::int64_t kMaxBytes = std::int64_t{1} << 30;
  TESSERA_TRY(const auto text, read_file(path, kMaxBytes));
  return parse(text, path.string(), path.parent_path());
}

std::optional<std::int64_t> Labels::find(const fs::path& file) const {
  if (const auto found = by_path_.find(key_of(file)); found != by_path_.end()) {
    return found->second;
  }
  const auto found = by_name_.find(file.filename().string());
  return found == by_name_.end() ? std::nullopt : found->second;
}

}  // namespace tessera::data
