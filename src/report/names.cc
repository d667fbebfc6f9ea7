// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "tessera/report/table.h"

namespace tessera::report {
namespace {

constexpr std::string_view kEllipsis = "\u2026";
constexpr std::string_view kJoint = ", ";

/// What is left of a name: its beginning and its end.
struct Ends {
  std::string_view head;
  std::string_view tail;

  [[nodiscard]] std::string text() const { return fmt::format("{}{}{}", head, kEllipsis, tail); }
  [[nodiscard]] std::size_t width() const { return display_width(head) + 1 + display_width(tail); }
};

/// The distinct names of a list, and what of each is shown.
class Shortened {
 public:
  Shortened(std::set<std::string, std::less<>> names, std::size_t width)
      : names_(std::move(names)), width_(width) {
    for (const auto& name : names_) {
      if (display_width(name) <= width_) {
        shown_.emplace(name, name);
        taken_.insert(name);
      }
    }
    for (const auto& name : names_) {
      if (!shown_.contains(name)) {
        const auto& text = shown_.emplace(name, shortened(name)).first->second;
        taken_.insert(text);
      }
    }
  }

  [[nodiscard]] const std::string& of(const std::string& name) const { return shown_.at(name); }

 private:
  [[nodiscard]] std::string shortened(std::string_view name) const {
    if (const auto ends = by_parts(name)) {
      return ends->text();
    }
    if (const auto ends = by_columns(name)) {
      return ends->text();
    }
    for (std::size_t count = 2;; ++count) {
      const auto number = fmt::format("#{}", count);
      auto text = elide_middle(name, width_ - number.size()) + number;
      if (!taken_.contains(text)) {
        return text;
      }
    }
  }

  /// "model/add/add;...", or with the last part behind it.
  [[nodiscard]] std::optional<Ends> by_parts(std::string_view name) const {
    const auto first = name.find(';');
    if (first == std::string_view::npos) {
      return std::nullopt;
    }
    const Ends one{name.substr(0, first + 1), {}};
    const Ends both{one.head, name.substr(name.rfind(';'))};
    for (const auto& ends : {one, both}) {
      if (ends.width() <= width_ && is_only(ends)) {
        return ends;
      }
    }
    return std::nullopt;
  }

  /// As much of the end as of the beginning, or more of one where the other does not tell.
  [[nodiscard]] std::optional<Ends> by_columns(std::string_view name) const {
    const auto starts = code_points(name);
    const auto length = starts.size() - 1;
    const auto kept = width_ - 1;
    const auto split = [&](std::size_t head) {
      return Ends{name.substr(0, starts[head]), name.substr(starts[length - (kept - head)])};
    };
    for (std::size_t step = 0; step <= kept; ++step) {
      // The middle, then ever further from it to either side.
      const auto away = (step + 1) / 2;
      const auto middle = width_ / 2;
      const bool right = step % 2 == 1;
      if ((right && middle + away > kept) || (!right && away > middle)) {
        continue;
      }
      const auto ends = split(right ? middle + away : middle - away);
      if (is_only(ends)) {
        return ends;
      }
    }
    return std::nullopt;
  }

  /// Whether one name of the list alone begins and ends so.
  [[nodiscard]] bool is_only(const Ends& ends) const {
    std::size_t found = 0;
    for (auto name = names_.lower_bound(ends.head);
         name != names_.end() && name->starts_with(ends.head) && found < 2; ++name) {
      found += name->size() >= ends.head.size() + ends.tail.size() && name->ends_with(ends.tail)
                   ? 1U
                   : 0U;
    }
    return found == 1 && !taken_.contains(ends.text());
  }

  std::set<std::string, std::less<>> names_;
  std::size_t width_;
  std::map<std::string, std::string, std::less<>> shown_;
  std::set<std::string, std::less<>> taken_;
};

std::vector<std::string> names_in(const std::string& cell) {
  std::vector<std::string> names;
  std::size_t begin = 0;
  for (auto end = cell.find(kJoint); end != std::string::npos; end = cell.find(kJoint, begin)) {
    names.push_back(cell.substr(begin, end - begin));
    begin = end + kJoint.size();
  }
  names.push_back(cell.substr(begin));
  return names;
}

}  // namespace

std::vector<std::size_t> code_points(std::string_view text) {
  std::vector<std::size_t> offsets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) {
      offsets.push_back(i);
    }
  }
  offsets.push_back(text.size());
  return offsets;
}

std::vector<std::string> shorten_names(const std::vector<std::string>& cells, std::size_t width) {
  std::set<std::string, std::less<>> names;
  for (const auto& cell : cells) {
    const auto more = names_in(cell);
    names.insert(more.begin(), more.end());
  }
  const Shortened shortened(std::move(names), width);
  std::vector<std::string> shown;
  shown.reserve(cells.size());
  for (const auto& cell : cells) {
    auto parts = names_in(cell);
    std::transform(parts.begin(), parts.end(), parts.begin(),
                   [&](const std::string& name) { return shortened.of(name); });
    shown.push_back(fmt::format("{}", fmt::join(parts, kJoint)));
  }
  return shown;
}

}  // namespace tessera::report
