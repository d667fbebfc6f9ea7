// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "report/frame.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr std::size_t kManyPoints = 80;
constexpr double kCap = 3;  ///< half the width of the ends of an error bar

struct Drawable : Extents {
  std::vector<std::vector<Point>> series;  ///< finite points only, spreads that can be drawn
};

Result<Drawable> select(const LineChart& chart) {
  Drawable selected;
  for (const auto& series : chart.series) {
    auto& points = selected.series.emplace_back();
    for (auto point : series.points) {
      TESSERA_TRY(const bool taken, selected.take(point, chart.x, chart.y, series.name));
      if (taken) {
        points.push_back(std::move(point));
      }
    }
  }
  for (const auto& guide : chart.guides) {
    if (!is_drawable(guide.value)) {
      ++selected.left_out;
      continue;
    }
    const bool on_x = guide.at == Guide::At::kX;
    TESSERA_CHECK(
        (on_x ? selected.x : selected.y).add(on_x ? chart.x : chart.y, guide.value, guide.label));
  }
  if (chart.x_cover) {
    TESSERA_CHECK(selected.x.add(chart.x, *chart.x_cover, "range to cover"));
  }
  return selected;
}

std::size_t count_points(const Drawable& selected) {
  std::size_t points = 0;
  for (const auto& series : selected.series) {
    points += series.size();
  }
  return points;
}

std::string describe(const LineChart& chart, const Drawable& selected) {
  const auto points = count_points(selected);
  if (points == 0) {
    return "Line chart without data.";
  }
  return fmt::format(
      "Line chart, {} series, {} points; {} from {} to {}; {} from {} to {}.", chart.series.size(),
      points, axis_title(chart.x), value_text(selected.x.lower()), value_text(selected.x.upper()),
      axis_title(chart.y), value_text(selected.y.lower()), value_text(selected.y.upper()));
}

void draw_band(Frame& frame, const std::vector<Point>& points, std::size_t color) {
  std::vector<Position> outline;
  for (const auto& point : points) {
    if (point.spread) {
      outline.push_back({frame.x(point.x), frame.y(point.spread->upper)});
    }
  }
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    if (point->spread) {
      outline.push_back({frame.x(point->x), frame.y(point->spread->lower)});
    }
  }
  if (outline.size() > 2) {
    frame.svg.polygon(outline, fmt::format("b f{}", color));
  }
}

void draw_spread(Frame& frame, const Point& point, std::size_t color) {
  const auto x = frame.x(point.x);
  const auto upper = frame.y(point.spread->upper);
  const auto lower = frame.y(point.spread->lower);
  const auto css = fmt::format("e s{}", color);
  frame.svg.line({x, upper}, {x, lower}, css);
  frame.svg.line({x - kCap, upper}, {x + kCap, upper}, css);
  frame.svg.line({x - kCap, lower}, {x + kCap, lower}, css);
}

/// The marks with the corners between them.
std::vector<Position> with_steps(const std::vector<Position>& marks, Steps steps) {
  if (steps == Steps::kNone) {
    return marks;
  }
  std::vector<Position> line;
  for (const auto& mark : marks) {
    if (!line.empty()) {
      const auto& before = line.back();
      line.push_back(steps == Steps::kAfter ? Position{mark.x, before.y}
                                            : Position{before.x, mark.y});
    }
    line.push_back(mark);
  }
  return line;
}

void draw_series(Frame& frame, const LineChart& chart, const Series& series,
                 const std::vector<Point>& points, std::size_t index) {
  const auto color = color_index(series.color, index);
  if (series.band) {
    draw_band(frame, points, color);
  }
  std::vector<Position> line;
  line.reserve(points.size());
  for (const auto& point : points) {
    line.push_back({frame.x(point.x), frame.y(point.y)});
  }
  if (line.size() > 1) {
    frame.svg.polyline(with_steps(line, series.steps),
                       fmt::format("l s{}{}", color, series.dashed ? " d" : ""));
  }
  // A band is a model's: its marks are there for the tooltips only.
  const auto radius = series.band || points.size() > kManyPoints ? 1.5 : 3.0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto& point = points[i];
    if (point.spread && !series.band) {
      draw_spread(frame, point, color);
    }
    const auto& name = point.label.empty() ? series.name : point.label;
    frame.svg.mark(line[i], index, radius, fmt::format("f{}", color),
                   fmt::format("{}{}{} {}: {}{}", shorten(name, 80), name.empty() ? "" : ", ",
                               chart.x.title, value_text(point.x, chart.x),
                               value_text(point.y, chart.y), spread_text(point.spread)));
  }
}

void draw_guide(Frame& frame, const Guide& guide, LabelPlacer& labels) {
  if (!is_drawable(guide.value)) {
    return;
  }
  const auto& area = frame.area;
  if (guide.at == Guide::At::kX) {
    const auto x = frame.x(guide.value);
    frame.svg.line({x, area.top}, {x, area.bottom}, "r");
    labels.avoid_line({x, area.top}, {x, area.bottom});
    if (!labels.place(frame.svg, {x, area.top + 10}, 1, guide.label)) {
      frame.svg.text({x + 4, area.top + 10}, fit_text(guide.label, kSmallSize, area.right - x - 4),
                     "t w");
    }
  } else {
    const auto y = frame.y(guide.value);
    frame.svg.line({area.left, y}, {area.right, y}, "r");
    labels.avoid_line({area.left, y}, {area.right, y});
    // At the right end, or at the left one where curves take the room, or over them.
    if (!labels.place(frame.svg, {area.right - 2, y}, 1, guide.label) &&
        !labels.place(frame.svg, {area.left + 2, y}, 1, guide.label)) {
      frame.svg.text({area.right - 4, y - 4}, fit_text(guide.label, kSmallSize, area.width() / 2),
                     "t w", Anchor::kEnd);
    }
  }
}

}  // namespace

Result<Chart> draw(const LineChart& chart) {
  TESSERA_TRY(const auto selected, select(chart));
  std::vector<LegendEntry> legend;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const auto& series = chart.series[i];
    legend.push_back(
        {series.name, LegendEntry::Kind::kLine, color_index(series.color, i), i, series.dashed});
  }
  auto frame = make_frame({chart.heading, chart.x, chart.y, selected.x, selected.y,
                           std::move(legend), selected.left_out, chart.width_px, chart.height_px, 0,
                           count_points(selected) == 0, chart.plot_left_px});
  LabelPlacer labels({frame.area.left, frame.area.top - 2, frame.area.right, frame.area.bottom});
  for (const auto& points : selected.series) {
    for (const auto& point : points) {
      labels.avoid_mark({frame.x(point.x), frame.y(point.y)}, 3);
    }
  }
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    draw_series(frame, chart, chart.series[i], selected.series[i], i);
  }
  for (const auto& guide : chart.guides) {
    draw_guide(frame, guide, labels);
  }
  return finish(std::move(frame.svg), chart.heading, describe(chart, selected), chart.width_px,
                chart.height_px, selected.left_out, frame.area.left);
}

}  // namespace tessera::report
