// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>

namespace tessera::report {
namespace {

constexpr std::size_t kMinElasticWidth = 8;
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

/// Byte offset of each code point, and the end.
std::vector<std::size_t> code_points(std::string_view text) {
  std::vector<std::size_t> offsets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_code_point(text[i])) {
      offsets.push_back(i);
    }
  }
  offsets.push_back(text.size());
  return offsets;
}

std::string pad(const std::string& cell, std::size_t width, Align align) {
  const auto used = display_width(cell);
  const std::string blanks(width > used ? width - used : 0, ' ');
  return align == Align::kLeft ? cell + blanks : blanks + cell;
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) {
    return cell;
  }
  std::string quoted = "\"";
  for (const char c : cell) {
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  }
  return quoted + "\"";
}

std::string markdown_cell(const std::string& cell) {
  std::string escaped;
  for (const char c : cell) {
    escaped += c == '|' ? "\\|" : std::string(1, c);
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

std::string Table::text(std::size_t width, std::size_t top) const {
  const auto shown = top == 0 ? rows_.size() : std::min(top, rows_.size());
  auto total = total_;
  total.resize(columns_.size());

  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    auto widest = std::max(display_width(columns_[c].header), display_width(total[c]));
    for (std::size_t r = 0; r < shown; ++r) {
      widest = std::max(widest, display_width(rows_[r][c]));
    }
    widths.push_back(widest);
  }
  const auto full = [&] {
    return std::accumulate(widths.begin(), widths.end(), std::size_t{0}) +
           kGap.size() * (widths.empty() ? 0 : widths.size() - 1);
  };
  for (std::size_t c = 0; c < columns_.size() && width > 0; ++c) {
    if (columns_[c].elastic && full() > width) {
      const auto excess = full() - width;
      widths[c] -= std::min(excess, widths[c] - std::min(widths[c], kMinElasticWidth));
    }
  }

  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string row;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      row += c == 0 ? "" : kGap;
      row += pad(elide_middle(cells[c], widths[c]), widths[c], columns_[c].align);
    }
    row.erase(row.find_last_not_of(' ') + 1);
    out += row + "\n";
  };
  std::vector<std::string> headers;
  std::transform(columns_.begin(), columns_.end(), std::back_inserter(headers),
                 [](const Column& column) { return column.header; });
  line(headers);
  for (std::size_t r = 0; r < shown; ++r) {
    line(rows_[r]);
  }
  if (shown < rows_.size()) {
    out += fmt::format("... {} more (--top 0 shows all)\n", rows_.size() - shown);
  }
  if (!total_.empty()) {
    out += std::string(full(), '-') + "\n";
    line(total);
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

std::string Table::markdown() const {
  std::string out = "|";
  std::string rule = "|";
  for (const auto& column : columns_) {
    out += fmt::format(" {} |", markdown_cell(column.header));
    rule += column.align == Align::kRight ? "---:|" : "---|";
  }
  out += "\n" + rule + "\n";
  for (const auto& row : rows_) {
    out += "|";
    for (const auto& cell : row) {
      out += fmt::format(" {} |", markdown_cell(cell));
    }
    out += "\n";
  }
  return out;
}

}  // namespace tessera::report
