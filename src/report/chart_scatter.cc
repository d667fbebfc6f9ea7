// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "report/frame.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr std::size_t kManyPoints = 250;
constexpr double kCornerLine = 16;
constexpr double kCornerPadding = 8;

struct Placed {
  Point point;
  std::size_t series = 0;
};

struct Drawable : Extents {
  std::vector<Placed> points;
};

Result<Drawable> select(const ScatterChart& chart) {
  Drawable selected;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    for (auto point : chart.series[s].points) {
      TESSERA_TRY(const bool taken, selected.take(point, chart.x, chart.y, chart.series[s].name));
      if (taken) {
        selected.points.push_back({std::move(point), s});
      }
    }
  }
  if (chart.cover) {
    TESSERA_CHECK(selected.x.add(chart.x, *chart.cover, "range to cover"));
    TESSERA_CHECK(selected.y.add(chart.y, *chart.cover, "range to cover"));
  }
  if (chart.identity && !selected.points.empty()) {
    selected.x.add(selected.y.lower());
    selected.x.add(selected.y.upper());
    selected.y.add(selected.x.lower());
    selected.y.add(selected.x.upper());
  }
  return selected;
}

std::string describe(const ScatterChart& chart, const Drawable& selected) {
  if (selected.points.empty()) {
    return "Scatter chart without data.";
  }
  auto text = fmt::format(
      "Scatter chart of {} points; {} from {} to {}; {} from {} to {}.", selected.points.size(),
      axis_title(chart.x), value_text(selected.x.lower()), value_text(selected.x.upper()),
      axis_title(chart.y), value_text(selected.y.lower()), value_text(selected.y.upper()));
  for (const auto& line : chart.corner) {
    text += fmt::format(" {}.", line);
  }
  return text;
}

/// Where the figures hide the fewest points: upper left first, as y = x leaves it free.
Box emptiest_corner(const Box& area, double width, double height, const std::vector<Position>& at) {
  constexpr double kInset = 6;
  const std::array corners{Box{area.left + kInset, area.top + kInset, 0, 0},
                           Box{area.right - kInset - width, area.bottom - kInset - height, 0, 0},
                           Box{area.left + kInset, area.bottom - kInset - height, 0, 0},
                           Box{area.right - kInset - width, area.top + kInset, 0, 0}};
  Box best;
  std::ptrdiff_t fewest = -1;
  for (auto corner : corners) {
    corner.right = corner.left + width;
    corner.bottom = corner.top + height;
    const auto hidden = std::count_if(at.begin(), at.end(), [&](const Position& point) {
      return corner.overlaps({point.x - 4, point.y - 4, point.x + 4, point.y + 4});
    });
    if (fewest < 0 || hidden < fewest) {
      best = corner;
      fewest = hidden;
    }
  }
  return best;
}

void draw_corner(Frame& frame, const std::vector<std::string>& lines, const Box& box) {
  frame.svg.rect(box, "bg o");
  auto y = box.top + kCornerPadding + 10;
  for (const auto& line : lines) {
    frame.svg.text({box.left + kCornerPadding, y}, fit_text(line, kTextSize, frame.area.width()),
                   "k");
    y += kCornerLine;
  }
}

void label_farthest(const ScatterChart& chart, Frame& frame, const Drawable& selected,
                    const std::vector<Position>& at, LabelPlacer& labels) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (!selected.points[i].point.label.empty()) {
      order.push_back(i);
    }
  }
  const auto distance = [&](std::size_t i) {
    const auto& point = selected.points[i].point;
    return std::abs(frame.y(point.y) - frame.y(chart.identity ? point.x : frame.y.lower()));
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return distance(a) > distance(b); });
  order.resize(std::min(order.size(), chart.labelled));
  for (const auto i : order) {
    labels.place(frame.svg, at[i], 4, selected.points[i].point.label);
  }
}

}  // namespace

Result<Chart> draw(const ScatterChart& chart) {
  TESSERA_TRY(const auto selected, select(chart));
  std::vector<LegendEntry> legend;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const auto& series = chart.series[s];
    legend.push_back({series.name, LegendEntry::Kind::kMark, color_index(series.color, s), s});
  }
  const auto framed = [&](double height) {
    return make_frame({chart.heading, chart.x, chart.y, selected.x, selected.y, legend,
                       selected.left_out, chart.width_px, height, 0, selected.points.empty()});
  };
  auto height = chart.height_px;
  auto frame = framed(height);
  if (chart.identity) {
    // A square plot, so that y = x is the diagonal whatever the heading takes.
    height += frame.area.width() - frame.area.height();
    frame = framed(height);
  }
  std::vector<Position> at;
  LabelPlacer labels(frame.area);
  if (chart.identity) {
    const Position from{frame.area.left, frame.area.bottom};
    const Position to{frame.area.right, frame.area.top};
    frame.svg.line(from, to, "r");
    labels.avoid_line(from, to);
  }
  for (const auto& [point, series] : selected.points) {
    at.push_back({frame.x(point.x), frame.y(point.y)});
    labels.avoid_mark(at.back(), 3);
  }
  const bool many = at.size() > kManyPoints;
  for (std::size_t i = 0; i < at.size(); ++i) {
    const auto& [point, series] = selected.points[i];
    const auto color = color_index(chart.series[series].color, series);
    if (point.spread) {
      frame.svg.line({at[i].x, frame.y(point.spread->upper)},
                     {at[i].x, frame.y(point.spread->lower)}, fmt::format("e s{}", color));
    }
    const auto& name = point.label.empty() ? chart.series[series].name : point.label;
    frame.svg.mark(at[i], series, many ? 2.25 : 3.5, fmt::format("{} f{}", many ? "q" : "p", color),
                   fmt::format("{}{}{} {}, {} {}{}", shorten(name, 80), name.empty() ? "" : ": ",
                               chart.x.title, value_text(point.x, chart.x), chart.y.title,
                               value_text(point.y, chart.y), spread_text(point.spread)));
  }
  if (!chart.corner.empty()) {
    double widest = 0;
    for (const auto& line : chart.corner) {
      widest = std::max(widest, text_width(line, kTextSize));
    }
    const auto box = emptiest_corner(
        frame.area, std::min(widest, frame.area.width()) + 2 * kCornerPadding,
        static_cast<double>(chart.corner.size()) * kCornerLine + 2 * kCornerPadding - 4, at);
    labels.avoid(box);
    draw_corner(frame, chart.corner, box);
  }
  label_farthest(chart, frame, selected, at, labels);
  return finish(std::move(frame.svg), chart.heading, describe(chart, selected), chart.width_px,
                height, selected.left_out);
}

}  // namespace tessera::report
