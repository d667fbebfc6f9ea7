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
  /// Names: of long ones (64 columns), or when the table is too wide, something is left out.
  bool elastic = false;
  /// 0: always shown. Of the others those with the highest rank go first when the table is too
  /// wide.
  int rank = 0;
  /// Text: goes on in further lines of its column when the table is too wide.
  bool wraps = false;
};

/// How wide text may be, and in what form tables stand in it. A bare number is a width.
struct Page {
  std::size_t width = 0;  ///< columns, 0: no limit
  bool markdown = false;

  // NOLINTNEXTLINE(google-explicit-constructor): a width is a page
  constexpr Page(std::size_t columns = 0, bool as_markdown = false)
      : width(columns), markdown(as_markdown) {}
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

  /// Aligned text (or Markdown) as wide as the page with the first `top` rows (0: all). Too wide,
  /// columns go by rank, long text is wrapped, then elastic columns are shortened. What was left
  /// out is said in a last line.
  [[nodiscard]] std::string text(Page page = {}, std::size_t top = 0) const;
  /// RFC 4180, all rows without the total.
  [[nodiscard]] std::string csv() const;
  /// GitHub-flavoured Markdown, all rows (0) or the first.
  [[nodiscard]] std::string markdown(std::size_t top = 0) const;
  /// A JSON object per line and row; numbers in columns that are aligned right become numbers.
  [[nodiscard]] std::string jsonl() const;

 private:
  struct Layout;
  [[nodiscard]] Layout lay_out(std::size_t width) const;
  /// The first rows, for people: long names in elastic columns shortened, so that those of the
  /// whole table can still be told apart.
  [[nodiscard]] Table named_within(const std::vector<std::size_t>& widths, std::size_t shown) const;
  /// All rows as text; `more` says what was left out.
  [[nodiscard]] std::string fitted(const Layout& layout, std::size_t width,
                                   const std::string& more) const;
  [[nodiscard]] std::string line(const Layout& layout, const std::vector<std::string>& cells) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::string> total_;
};

/// Display width of UTF-8 text: one column per code point, none for combining marks.
[[nodiscard]] std::size_t display_width(std::string_view text);
/// The words of a paragraph in lines of at most `width` columns; a longer word has its own line.
[[nodiscard]] std::vector<std::string> wrap(std::string_view text, std::size_t width);
/// Lines of prose that are too long go on below, indented as their second column is ("why   text")
/// or by two. Lines that hold a command stay: they are to be copied. 0 columns: nothing changes.
[[nodiscard]] std::string wrap_lines(std::string_view text, std::size_t width);
/// Text with tables in Markdown, what is not one of them between fences, so that it stays as it is.
[[nodiscard]] std::string fence_prose(std::string_view text);
/// Shortens to `width` columns by replacing the middle with an ellipsis.
[[nodiscard]] std::string elide_middle(std::string_view text, std::size_t width);

}  // namespace tessera::report
