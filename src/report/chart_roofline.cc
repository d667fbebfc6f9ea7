// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "report/frame.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr double kEdge = 14;
constexpr double kSmallestMark = 2.5;
constexpr double kLargestMark = 11;
constexpr double kListWidth = 250;
constexpr double kListGap = 24;
constexpr double kListPitch = 18;

struct Placed {
  const RooflinePoint* point = nullptr;
  std::size_t series = 0;
};

struct Drawable {
  std::vector<Placed> points;  ///< longest time first
  Extent x;
  Extent y;
  double longest_us = 0;
  std::size_t left_out = 0;
};

Axis intensity_axis() {
  return {.title = "arithmetic intensity", .unit = "op/byte", .scale = AxisScale::kLog};
}

Axis speed_axis() {
  return {.title = "speed", .unit = "Gop/s", .scale = AxisScale::kLog};
}

Status check(const RooflineChart& chart) {
  const auto positive = [](double value) { return is_drawable(value) && value > 0; };
  if (!positive(chart.bandwidth_gb_per_s)) {
    return fail(ErrorCode::kInvalidArgument, "a roofline with a bandwidth of {} GB/s",
                chart.bandwidth_gb_per_s)
        .hint("measure the machine first");
  }
  for (const auto& ceiling : chart.ceilings) {
    if (!positive(ceiling.gops_per_s)) {
      return fail(ErrorCode::kInvalidArgument, "the ceiling '{}' of a roofline is {} Gop/s",
                  shorten(ceiling.name, kTooltipLength), ceiling.gops_per_s)
          .hint("measure the machine first");
    }
  }
  return {};
}

Result<Drawable> select(const RooflineChart& chart) {
  Drawable selected;
  const auto x_axis = intensity_axis();
  const auto y_axis = speed_axis();
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    for (const auto& point : chart.series[s].points) {
      if (!is_drawable(point.ops_per_byte) || !is_drawable(point.gops_per_s)) {
        ++selected.left_out;
        continue;
      }
      TESSERA_CHECK(selected.x.add(x_axis, point.ops_per_byte, point.label));
      TESSERA_CHECK(selected.y.add(y_axis, point.gops_per_s, point.label));
      selected.points.push_back({&point, s});
      if (is_drawable(point.time_us)) {
        selected.longest_us = std::max(selected.longest_us, point.time_us);
      }
    }
  }
  // Largest first, so that no mark hides a smaller one.
  std::stable_sort(selected.points.begin(), selected.points.end(),
                   [](const Placed& a, const Placed& b) {
                     return is_drawable(a.point->time_us) && is_drawable(b.point->time_us)
                                ? a.point->time_us > b.point->time_us
                                : is_drawable(a.point->time_us) && !is_drawable(b.point->time_us);
                   });
  // Both sides of every ridge are seen, whatever the layers.
  for (const auto& ceiling : chart.ceilings) {
    const auto ridge = ceiling.gops_per_s / chart.bandwidth_gb_per_s;
    selected.x.add(ridge / 4);
    selected.x.add(ridge * 4);
    selected.y.add(ceiling.gops_per_s);
    selected.y.add(ceiling.gops_per_s / 4);
  }
  return selected;
}

double radius_of(const RooflinePoint& point, double longest_us) {
  if (!is_drawable(point.time_us) || point.time_us <= 0) {
    return kSmallestMark;
  }
  return std::max(kSmallestMark, kLargestMark * std::sqrt(point.time_us / longest_us));
}

/// Text along the slope, in the part that lies inside the plot.
void draw_slope(Frame& frame, const RooflineChart& chart, double highest, LabelPlacer& labels) {
  const auto bandwidth = chart.bandwidth_gb_per_s;
  const auto first = std::max(frame.x.lower(), frame.y.lower() / bandwidth);
  const auto last = std::min(frame.x.upper(), highest / bandwidth);
  if (first >= last) {
    return;
  }
  const Position from{frame.x(first), frame.y(first * bandwidth)};
  const Position to{frame.x(last), frame.y(last * bandwidth)};
  frame.svg.line(from, to, "l s6");
  labels.avoid_line(from, to);
  const auto angle = std::atan2(from.y - to.y, to.x - from.x);
  const auto text = fmt::format("{} GB/s", number(bandwidth));
  constexpr double kAway = 7;
  const Position at{from.x + 0.25 * (to.x - from.x) - kAway * std::sin(angle),
                    from.y + 0.25 * (to.y - from.y) - kAway * std::cos(angle)};
  frame.svg.turned_text(at, angle * 180 / std::numbers::pi, text, "t m w");
  const Position end{at.x + std::cos(angle) * text_width(text, kSmallSize),
                     at.y - std::sin(angle) * text_width(text, kSmallSize)};
  labels.avoid_line(at, end);
}

void draw_ceilings(Frame& frame, const RooflineChart& chart, LabelPlacer& labels) {
  for (std::size_t i = 0; i < chart.ceilings.size(); ++i) {
    const auto& ceiling = chart.ceilings[i];
    const auto ridge = ceiling.gops_per_s / chart.bandwidth_gb_per_s;
    const Position from{frame.x(std::max(ridge, frame.x.lower())), frame.y(ceiling.gops_per_s)};
    const Position to{frame.area.right, from.y};
    frame.svg.line(from, to, fmt::format("l s{}", color_index(ceiling.color, i)));
    labels.avoid_line(from, to);
  }
}

/// Over the marks, which may lie beyond a ceiling of another precision.
void draw_ceiling_names(Frame& frame, const RooflineChart& chart, LabelPlacer& labels) {
  for (const auto& ceiling : chart.ceilings) {
    const auto text = fit_text(fmt::format("{} {} Gop/s", ceiling.name, number(ceiling.gops_per_s)),
                               kSmallSize, frame.area.width() / 2);
    const Position end{frame.area.right - 4, frame.y(ceiling.gops_per_s) - 6};
    frame.svg.text(end, text, "t w", Anchor::kEnd);
    labels.avoid({end.x - text_width(text, kSmallSize), end.y - 11, end.x + 4, end.y + 6});
  }
}

void draw_points(Frame& frame, const RooflineChart& chart, const Drawable& selected,
                 LabelPlacer& labels) {
  const auto position = [&](const RooflinePoint& point) {
    return Position{frame.x(point.ops_per_byte), frame.y(point.gops_per_s)};
  };
  for (const auto& [point, series] : selected.points) {
    const auto radius = radius_of(*point, selected.longest_us);
    const auto at = position(*point);
    labels.avoid_mark(at, radius);
    frame.svg.mark(at, series, radius,
                   fmt::format("p f{} v", color_index(chart.series[series].color, series)),
                   fmt::format("{}, {}: {} op/byte, {} Gop/s, {}", shorten(point->label, 80),
                               chart.series[series].name, number(point->ops_per_byte),
                               number(point->gops_per_s), duration(point->time_us)));
  }
}

std::size_t numbered(const RooflineChart& chart, const Drawable& selected) {
  return std::min(chart.labelled, selected.points.size());
}

void draw_numbers(Frame& frame, const RooflineChart& chart, const Drawable& selected,
                  LabelPlacer& labels) {
  for (std::size_t i = 0; i < numbered(chart, selected); ++i) {
    const auto& point = *selected.points[i].point;
    const Position at{frame.x(point.ops_per_byte), frame.y(point.gops_per_s)};
    const auto text = fmt::format("{}", i + 1);
    const auto radius = radius_of(point, selected.longest_us);
    if (!labels.place(frame.svg, at, radius, text)) {
      frame.svg.text({at.x, at.y + 4}, text, "t w", Anchor::kMiddle);
    }
  }
}

/// Number, colour, name and time of the longest, in a column right of the plot.
void draw_list(Frame& frame, const RooflineChart& chart, const Drawable& selected) {
  constexpr double kNumber = 18;
  constexpr double kMark = 14;
  constexpr double kTime = 58;
  const auto left = chart.width_px - kEdge - kListWidth;
  auto y = frame.area.top + 4;
  if (numbered(chart, selected) > 0) {
    frame.svg.text({left + kNumber, y}, "longest", "t m");
  }
  for (std::size_t i = 0; i < numbered(chart, selected); ++i) {
    const auto& [point, series] = selected.points[i];
    y += kListPitch;
    frame.svg.text({left + kNumber - 6, y}, fmt::format("{}", i + 1), "t", Anchor::kEnd);
    frame.svg.mark({left + kNumber + 4, y - 4}, series, 4,
                   fmt::format("f{}", color_index(chart.series[series].color, series)), {});
    frame.svg.text({left + kNumber + kMark, y},
                   fit_text(point->label, kSmallSize, kListWidth - kNumber - kMark - kTime), "t");
    frame.svg.text({left + kListWidth, y}, duration(point->time_us), "t m", Anchor::kEnd);
  }
}

std::string describe(const RooflineChart& chart, const Drawable& selected) {
  auto text = fmt::format("Roofline of {} layers, {} GB/s", selected.points.size(),
                          number(chart.bandwidth_gb_per_s));
  for (const auto& ceiling : chart.ceilings) {
    text += fmt::format(", {} {} Gop/s", ceiling.name, number(ceiling.gops_per_s));
  }
  return text + ".";
}

}  // namespace

Result<Chart> draw(const RooflineChart& chart) {
  TESSERA_CHECK(check(chart));
  TESSERA_TRY(const auto selected, select(chart));
  std::vector<LegendEntry> legend;
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    const auto& series = chart.series[s];
    legend.push_back({series.name, LegendEntry::Kind::kMark, color_index(series.color, s), s});
  }
  const auto x_axis = intensity_axis();
  const auto y_axis = speed_axis();
  const auto count = static_cast<double>(numbered(chart, selected));
  const auto aside = count > 0 ? kListWidth + kListGap : 0;
  const auto height = std::max(chart.height_px, 180 + count * kListPitch);
  auto frame =
      make_frame({chart.heading, x_axis, y_axis, selected.x, selected.y, legend, selected.left_out,
                  chart.width_px, height, aside, selected.points.empty()});
  LabelPlacer labels(frame.area);
  double highest = 0;
  for (const auto& ceiling : chart.ceilings) {
    highest = std::max(highest, ceiling.gops_per_s);
  }
  draw_slope(frame, chart, highest > 0 ? highest : frame.y.upper(), labels);
  draw_ceilings(frame, chart, labels);
  draw_points(frame, chart, selected, labels);
  draw_ceiling_names(frame, chart, labels);
  draw_numbers(frame, chart, selected, labels);
  draw_list(frame, chart, selected);
  return finish(std::move(frame.svg), chart.heading, describe(chart, selected), chart.width_px,
                height, selected.left_out);
}

}  // namespace tessera::report
