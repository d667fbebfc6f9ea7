// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>

#include "report/names.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/json.h"
#include "tessera/core/text.h"

namespace tessera::report {
namespace {

constexpr std::size_t kMinElasticWidth = 8;
/// So much of a name or a sentence is worth a column of figures.
constexpr std::size_t kReadableWidth = 24;
constexpr std::string_view kGap = "  ";
constexpr std::string_view kEllipsis = "\u2026";

bool starts_code_point(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

bool is_combining(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const auto second = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
  return (first == 0xCC && second >= 0x80) || (first == 0xCD && second <= 0xAF);
}

std::string pad(const std::string& cell, std::size_t width, Align align) {
  const auto used = display_width(cell);
  const std::string blanks(width > used ? width - used : 0, ' ');
  return align == Align::kLeft ? cell + blanks : blanks + cell;
}

/// Cells with the names of a model, which are any bytes.
std::vector<std::string> made_printable(const std::vector<std::string>& cells) {
  std::vector<std::string> shown;
  shown.reserve(cells.size());
  std::transform(cells.begin(), cells.end(), std::back_inserter(shown), printable);
  return shown;
}

/// A sheet may end on a terminal like any other text.
std::string csv_cell(const std::string& text) {
  const auto cell = printable(text);
  if (cell.find_first_of(",\"") == std::string::npos) {
    return cell;
  }
  std::string quoted = "\"";
  for (const char c : cell) {
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  }
  return quoted + "\"";
}

/// A number where a cell of figures is one to the last character, null where a cell is empty, else
/// text: a name stays one, even if it is "12" or "1e5".
Json cell_value(const std::string& cell, const Column& column) {
  if (cell.empty()) {
    return nullptr;
  }
  if (column.align == Align::kLeft) {
    return cell;
  }
  const auto number = Json::parse(cell, nullptr, false);
  return number.is_number() ? number : Json(cell);
}

/// A row is a line, whatever its names hold; a bar would end the cell, and so would one behind a
/// backslash that escapes a backslash.
std::string markdown_cell(const std::string& cell) {
  std::string escaped;
  for (const char c : printable(cell)) {
    escaped += c == '|' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return escaped;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    width += starts_code_point(text[i]) && !is_combining(text, i) ? 1U : 0U;
  }
  return width;
}

std::string elide_middle(std::string_view text, std::size_t width) {
  const auto offsets = code_points(text);
  const auto length = offsets.size() - 1;
  if (length <= width || width == 0) {
    return std::string(text);
  }
  const auto head = width / 2;
  const auto tail = width - head - 1;
  return fmt::format("{}{}{}", text.substr(0, offsets[head]), kEllipsis,
                     text.substr(offsets[length - tail]));
}

void Table::add_row(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t used = 0;
  for (const auto word : split(text, ' ')) {
    const auto length = display_width(word);
    if (length == 0) {
      continue;
    }
    if (lines.empty() || used + 1 + length > width) {
      lines.emplace_back(word);
      used = length;
    } else {
      lines.back() += fmt::format(" {}", word);
      used += 1 + length;
    }
  }
  return lines;
}

namespace {

bool holds_command(std::string_view line) {
  const auto at = line.find_first_not_of(' ');
  const auto rest = at == std::string_view::npos ? std::string_view() : line.substr(at);
  return rest.starts_with("tessera ") || rest.starts_with("next: ");
}

/// In "why       it is so" the text goes on below where it began, else a small step in.
std::string wrap_line(std::string_view line, std::size_t width) {
  auto start = std::min(line.find_first_not_of(' '), line.size());
  auto indent = start + 2;
  if (const auto gap = line.find("  ", start); gap != std::string_view::npos) {
    const auto text = std::min(line.find_first_not_of(' ', gap), line.size());
    if (text <= width / 3) {
      start = text;
      indent = text;
    }
  }
  std::string out(line.substr(0, start));
  auto used = start;
  bool first = true;
  for (const auto word : split(line.substr(start), ' ')) {
    const auto length = display_width(word);
    if (length == 0) {
      continue;
    }
    if (!first && used + 1 + length > width) {
      out += "\n" + std::string(indent, ' ');
      used = indent;
      first = true;
    }
    out += fmt::format("{}{}", first ? "" : " ", word);
    used += length + (first ? 0 : 1);
    first = false;
  }
  return out + "\n";
}

}  // namespace

std::string wrap_lines(std::string_view text, std::size_t width) {
  if (width == 0) {
    return std::string(text);
  }
  std::string out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    out += display_width(line) <= width || holds_command(line) ? std::string(line) + "\n"
                                                               : wrap_line(line, width);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string fence_prose(std::string_view text) {
  std::string out;
  bool fenced = false;
  const auto fence = [&](bool wanted) {
    if (fenced != wanted) {
      out += wanted ? "```text\n" : "```\n\n";
      fenced = wanted;
    }
  };
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (line.empty()) {
      fence(false);
    } else {
      fence(!line.starts_with("|"));
    }
    out += fmt::format("{}\n", line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  fence(false);
  return out;
}

/// What of a table fits.
struct Table::Layout {
  std::vector<std::size_t> columns;  ///< that are shown
  std::vector<std::size_t> widths;   ///< of all
  std::string left_out;              ///< headers of those that are not

  [[nodiscard]] std::size_t full() const {
    const auto sum = [&](std::size_t total, std::size_t c) { return total + widths[c]; };
    return std::accumulate(columns.begin(), columns.end(), std::size_t{0}, sum) +
           kGap.size() * (columns.empty() ? 0 : columns.size() - 1);
  }
};

Table::Layout Table::lay_out(std::size_t width) const {
  Layout layout;
  layout.columns.resize(columns_.size());
  std::iota(layout.columns.begin(), layout.columns.end(), std::size_t{0});
  std::vector<std::size_t> natural;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    auto widest = display_width(columns_[c].header);
    widest = c < total_.size() ? std::max(widest, display_width(total_[c])) : widest;
    for (const auto& row : rows_) {
      widest = std::max(widest, display_width(row[c]));
    }
    natural.push_back(widest);
  }
  layout.widths = natural;
  if (width == 0 || layout.full() <= width) {
    return layout;
  }
  // Columns go until the others have room for what can still be read.
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c].elastic || columns_[c].wraps) {
      layout.widths[c] =
          std::min(natural[c], std::max(kReadableWidth, display_width(columns_[c].header)));
    }
  }
  while (layout.full() > width) {
    const auto last = std::max_element(
        layout.columns.begin(), layout.columns.end(),
        [&](std::size_t a, std::size_t b) { return columns_[a].rank < columns_[b].rank; });
    if (last == layout.columns.end() || columns_[*last].rank == 0) {
      break;
    }
    layout.left_out += (layout.left_out.empty() ? "" : ", ") + columns_[*last].header;
    layout.columns.erase(last);
  }
  // What is left of the width goes to the columns that need it, from the left.
  for (const auto c : layout.columns) {
    const auto full = layout.full();
    if (full < width) {
      layout.widths[c] = std::min(natural[c], layout.widths[c] + width - full);
    } else if (full > width && (columns_[c].elastic || columns_[c].wraps)) {
      const auto least = std::min(layout.widths[c], kMinElasticWidth);
      layout.widths[c] -= std::min(full - width, layout.widths[c] - least);
    }
  }
  return layout;
}

std::string Table::line(const Layout& layout, const std::vector<std::string>& cells) const {
  std::vector<std::vector<std::string>> wrapped;
  std::size_t height = 1;
  for (const auto c : layout.columns) {
    const auto& cell = c < cells.size() ? cells[c] : std::string();
    auto lines = columns_[c].wraps && display_width(cell) > layout.widths[c]
                     ? wrap(cell, layout.widths[c])
                     : std::vector<std::string>{cell};
    height = std::max(height, lines.size());
    wrapped.push_back(std::move(lines));
  }
  std::string out;
  for (std::size_t i = 0; i < height; ++i) {
    std::string row;
    for (std::size_t k = 0; k < layout.columns.size(); ++k) {
      const auto c = layout.columns[k];
      const auto cell = i < wrapped[k].size() ? wrapped[k][i] : std::string();
      row += k == 0 ? "" : kGap;
      row += pad(elide_middle(cell, layout.widths[c]), layout.widths[c], columns_[c].align);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  }
  return out;
}

std::string Table::text(Page page, std::size_t top) const {
  const auto shown = top == 0 ? rows_.size() : std::min(top, rows_.size());
  const auto more = shown < rows_.size()
                        ? fmt::format("... {} more (--top 0 shows all)\n", rows_.size() - shown)
                        : std::string();
  if (page.markdown) {
    return markdown(top) + (more.empty() ? "" : "\n" + more);
  }
  Table whole(columns_);
  whole.total_ = made_printable(total_);
  std::transform(rows_.begin(), rows_.end(), std::back_inserter(whole.rows_), made_printable);
  auto clean = whole.named_within(std::vector(columns_.size(), kWidestName), shown);
  const auto layout = clean.lay_out(page.width);
  if (page.width > 0) {
    clean = whole.named_within(layout.widths, shown);
  }
  return clean.fitted(layout, page.width, more);
}

Table Table::named_within(const std::vector<std::size_t>& widths, std::size_t shown) const {
  Table named(columns_);
  named.total_ = total_;
  named.rows_.assign(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(shown));
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    if (!columns_[c].elastic) {
      continue;
    }
    std::vector<std::string> cells;  // of all rows: what is shown does not depend on --top
    std::transform(rows_.begin(), rows_.end(), std::back_inserter(cells),
                   [&](const auto& row) { return row[c]; });
    const auto width = std::clamp(widths[c], kMinElasticWidth, kWidestName);
    const auto names = shorten_names(cells, width);
    for (std::size_t r = 0; r < shown; ++r) {
      named.rows_[r][c] = names[r];
    }
  }
  const auto clip = [](std::vector<std::string>& row) {
    std::transform(row.begin(), row.end(), row.begin(),
                   [](const std::string& cell) { return clipped(cell); });
  };
  std::for_each(named.rows_.begin(), named.rows_.end(), clip);
  clip(named.total_);
  return named;
}

std::string Table::fitted(const Layout& layout, std::size_t width, const std::string& more) const {
  std::vector<std::string> headers;
  std::transform(columns_.begin(), columns_.end(), std::back_inserter(headers),
                 [](const Column& column) { return column.header; });
  auto out = line(layout, headers);
  for (const auto& row : rows_) {
    out += line(layout, row);
  }
  out += more;
  if (!total_.empty()) {
    out += std::string(layout.full(), '-') + "\n" + line(layout, total_);
  }
  if (!layout.left_out.empty()) {
    out += wrap_lines(fmt::format("too narrow for: {}\n", layout.left_out), width);
  }
  return out;
}

std::string Table::csv() const {
  std::string out;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    out += (c == 0 ? "" : ",") + csv_cell(columns_[c].header);
  }
  out += "\r\n";
  for (const auto& row : rows_) {
    for (std::size_t c = 0; c < row.size(); ++c) {
      out += (c == 0 ? "" : ",") + csv_cell(row[c]);
    }
    out += "\r\n";
  }
  return out;
}

std::string Table::markdown(std::size_t top) const {
  const auto shown = top == 0 ? rows_.size() : std::min(top, rows_.size());
  std::string out = "|";
  std::string rule = "|";
  for (const auto& column : columns_) {
    out += fmt::format(" {} |", markdown_cell(column.header));
    rule += column.align == Align::kRight ? "---:|" : "---|";
  }
  out += "\n" + rule + "\n";
  const auto add = [&](const std::vector<std::string>& row) {
    out += "|";
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      out += fmt::format(" {} |", c < row.size() ? markdown_cell(row[c]) : std::string());
    }
    out += "\n";
  };
  std::for_each(rows_.begin(), rows_.begin() + static_cast<std::ptrdiff_t>(shown), add);
  if (!total_.empty()) {
    add(total_);
  }
  return out;
}

std::string Table::jsonl() const {
  std::string out;
  for (const auto& row : rows_) {
    Json object = Json::object();
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      object[columns_[c].header] = cell_value(row[c], columns_[c]);
    }
    out += compact_text(object) + "\n";
  }
  return out;
}

}  // namespace tessera::report
