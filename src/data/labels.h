// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"

namespace tessera::data {

/// Class indices by file, from a CSV file whose header names the columns file and class_index.
class Labels {
 public:
  /// Errors: kDataLoss naming the line; kNotFound.
  [[nodiscard]] static Result<Labels> read(const std::filesystem::path& path);
  /// `folder` is what relative paths of the file are relative to.
  [[nodiscard]] static Result<Labels> parse(std::string_view text, std::string_view what,
                                            const std::filesystem::path& folder);

  /// The label of a file: by its whole path, else by its name if that is unique in the table.
  [[nodiscard]] std::optional<std::int64_t> find(const std::filesystem::path& file) const;

 private:
  std::map<std::string, std::int64_t> by_path_;
  std::map<std::string, std::optional<std::int64_t>> by_name_;  ///< absent value: ambiguous
};

/// Records of a CSV text (RFC 4180: quoted fields, doubled quotes, LF or CRLF). Blank lines are
/// skipped. Absent if a quote is never closed.
struct CsvRecord {
  std::int64_t line = 0;
  std::vector<std::string> fields;
};
[[nodiscard]] std::optional<std::vector<CsvRecord>> parse_csv(std::string_view text);

}  // namespace tessera::data
