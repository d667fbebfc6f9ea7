// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::report {

enum class Align : std::uint8_t { kLeft, kRight };

struct Column {
  std::string header;  ///< with the unit: "median ms"
  Align align = Align::kRight;
  /// May be shortened in the middle when the table is too wide.
  bool elastic = false;
};

/// A table of text cells; rows are in the order they should be read (worst or best first).
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// Missing cells are empty; surplus ones are dropped.
  void add_row(std::vector<std::string> cells);
  /// A last row set apart by a rule.
  void set_total(std::vector<std::string> cells) { total_ = std::move(cells); }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_.size(); }

  /// Aligned text of at most `width` columns (0: no limit) with the first `top` rows (0: all);
  /// what was left out is counted in a last line.
  [[nodiscard]] std::string text(std::size_t width = 0, std::size_t top = 0) const;
  /// RFC 4180, all rows.
  [[nodiscard]] std::string csv() const;
  /// GitHub-flavoured Markdown, all rows.
  [[nodiscard]] std::string markdown() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::string> total_;
};

/// Display width of UTF-8 text: one column per code point, none for combining marks.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// Shortens to `width` columns by replacing the middle with an ellipsis.
[[nodiscard]] std::string elide_middle(std::string_view text, std::size_t width);

}  // namespace tessera::report
