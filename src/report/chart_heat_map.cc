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

constexpr double kEdge = 14;
constexpr double kGap = 8;
constexpr double kSmallestCell = 4;
constexpr double kLargestCell = 40;
constexpr double kCellWithNumber = 34;
/// Below, cells have no tooltips and are drawn by shade.
constexpr double kCellToPointAt = 7;
constexpr std::size_t kShades = 64;
constexpr double kLongestLabel = 0.26;  ///< of the width
constexpr double kLegendWidth = 14;
constexpr double kLegendHeight = 180;
constexpr int kLegendSteps = 36;

struct Rgb {
  double red = 0;
  double green = 0;
  double blue = 0;
};

/// Corners of the colour scales: one hue from light to dark, or vermillion - neutral - blue, which
/// every kind of colour vision tells apart. Cells bring their colours with them: the same on light
/// and dark ground, since the scale beside them says what they mean.
constexpr std::array kSequential{Rgb{240, 246, 251}, Rgb{104, 174, 219}, Rgb{0, 114, 178},
                                 Rgb{0, 40, 66}};
constexpr std::array kDiverging{Rgb{122, 48, 0}, Rgb{213, 94, 0}, Rgb{238, 236, 233},
                                Rgb{0, 114, 178}, Rgb{0, 46, 76}};

template <std::size_t N>
Rgb between(const std::array<Rgb, N>& corners, double along) {
  const auto place = std::clamp(along, 0.0, 1.0) * static_cast<double>(N - 1);
  const auto i = std::min(static_cast<std::size_t>(place), N - 2);
  const auto part = place - static_cast<double>(i);
  const auto mix = [&](double a, double b) { return a + part * (b - a); };
  return {mix(corners[i].red, corners[i + 1].red), mix(corners[i].green, corners[i + 1].green),
          mix(corners[i].blue, corners[i + 1].blue)};
}

class ColorScale {
 public:
  explicit ColorScale(const Extent& extent)
      : diverging_(!extent.empty() && extent.lower() < 0 && extent.upper() > 0) {
    auto lower = extent.empty() ? 0 : extent.lower();
    auto upper = extent.empty() ? 1 : extent.upper();
    if (diverging_) {
      upper = std::max(-lower, upper);
      lower = -upper;
    }
    ticks_ = linear_ticks(lower, upper);
  }
  [[nodiscard]] Rgb operator()(double value) const {
    const auto along = (value - ticks_.front()) / (ticks_.back() - ticks_.front());
    return diverging_ ? between(kDiverging, along) : between(kSequential, along);
  }
  [[nodiscard]] const std::vector<double>& ticks() const { return ticks_; }

 private:
  bool diverging_ = false;
  std::vector<double> ticks_;
};

std::string hex(const Rgb& color) {
  const auto byte = [](double part) { return static_cast<int>(std::lround(part)); };
  return fmt::format("#{:02x}{:02x}{:02x}", byte(color.red), byte(color.green), byte(color.blue));
}

/// Whether white text is easier to read on it than black (relative luminance of WCAG, roughly).
bool is_dark(const Rgb& color) {
  return 0.299 * color.red + 0.587 * color.green + 0.114 * color.blue < 140;
}

struct Layout {
  double cell = 0;
  double row_labels = 0;
  double column_labels = 0;
  Box area;
};

double widest(const std::vector<std::string>& labels, double most) {
  double wide = 0;
  for (const auto& label : labels) {
    wide = std::max(wide, text_width(label, kSmallSize));
  }
  return std::min(wide, most);
}

Layout lay_out(const HeatMap& chart, double head, double legend) {
  Layout layout;
  layout.row_labels = widest(chart.rows, chart.width_px * kLongestLabel);
  layout.column_labels = widest(chart.columns, chart.width_px * kLongestLabel * 0.75);
  const auto room = chart.width_px - 2 * kEdge - layout.row_labels - kGap - legend;
  const auto columns = static_cast<double>(std::max<std::size_t>(1, chart.columns.size()));
  layout.cell = std::clamp(room / columns, kSmallestCell, kLargestCell);
  layout.area.left = kEdge + layout.row_labels + kGap;
  layout.area.top = head + layout.column_labels + 2 * kGap;
  layout.area.right = layout.area.left + columns * layout.cell;
  layout.area.bottom =
      layout.area.top +
      static_cast<double>(std::max<std::size_t>(1, chart.rows.size())) * layout.cell;
  return layout;
}

void draw_labels(Svg& svg, const HeatMap& chart, const Layout& layout) {
  const auto stride = static_cast<std::size_t>(std::ceil((kSmallSize + 1) / layout.cell));
  const auto middle = [&](std::size_t i) { return (static_cast<double>(i) + 0.5) * layout.cell; };
  for (std::size_t r = 0; r < chart.rows.size(); r += stride) {
    svg.text({layout.area.left - kGap, layout.area.top + middle(r) + 4},
             fit_text(chart.rows[r], kSmallSize, layout.row_labels), "t", Anchor::kEnd);
  }
  for (std::size_t c = 0; c < chart.columns.size(); c += stride) {
    svg.turned_text({layout.area.left + middle(c) + 4, layout.area.top - kGap}, 90,
                    fit_text(chart.columns[c], kSmallSize, layout.column_labels), "t");
  }
}

Box cell_box(const Layout& layout, std::size_t row, std::size_t column, double gap) {
  const auto left = layout.area.left + static_cast<double>(column) * layout.cell;
  const auto top = layout.area.top + static_cast<double>(row) * layout.cell;
  return {left + gap, top + gap, left + layout.cell - gap, top + layout.cell - gap};
}

/// Cells that can be pointed at: each an element with a tooltip, a stroke where there is no value.
void draw_large_cells(Svg& svg, const HeatMap& chart, const Layout& layout,
                      const ColorScale& colors) {
  const auto gap = layout.cell >= 12 ? 0.5 : 0;
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    for (std::size_t c = 0; c < chart.columns.size(); ++c) {
      const auto value = chart.values[r * chart.columns.size() + c];
      const auto box = cell_box(layout, r, c, gap);
      if (!is_drawable(value)) {
        svg.line({box.left, box.bottom}, {box.right, box.top}, "g");
        continue;
      }
      const auto color = colors(value);
      svg.cell(box, hex(color),
               fmt::format("{} and {}: {}", shorten(chart.rows[r], 64),
                           shorten(chart.columns[c], 64), number(value)));
      if (layout.cell >= kCellWithNumber) {
        svg.text({(box.left + box.right) / 2, (box.top + box.bottom) / 2 + 4}, number(value, 2),
                 is_dark(color) ? "u on-dark" : "u on-light", Anchor::kMiddle);
      }
    }
  }
}

/// One element per shade: a thousand layers squared would not open otherwise.
void draw_small_cells(Svg& svg, const HeatMap& chart, const Layout& layout,
                      const ColorScale& colors) {
  const auto lower = colors.ticks().front();
  const auto range = colors.ticks().back() - lower;
  std::vector<std::vector<Box>> shades(kShades);
  for (std::size_t r = 0; r < chart.rows.size(); ++r) {
    for (std::size_t c = 0; c < chart.columns.size(); ++c) {
      const auto value = chart.values[r * chart.columns.size() + c];
      if (is_drawable(value)) {
        const auto shade = static_cast<std::size_t>((value - lower) / range * kShades);
        shades[std::min(shade, kShades - 1)].push_back(cell_box(layout, r, c, 0));
      }
    }
  }
  for (std::size_t i = 0; i < kShades; ++i) {
    if (!shades[i].empty()) {
      const auto along = (static_cast<double>(i) + 0.5) / static_cast<double>(kShades);
      svg.cells(shades[i], hex(colors(lower + along * range)));
    }
  }
}

void draw_legend(Svg& svg, const HeatMap& chart, const ColorScale& colors, double x, double top,
                 double width) {
  const auto lower = colors.ticks().front();
  const auto upper = colors.ticks().back();
  for (int i = 0; i < kLegendSteps; ++i) {
    const auto step = kLegendHeight / kLegendSteps;
    const auto y = top + step * i;
    const auto along = (kLegendSteps - 0.5 - i) / kLegendSteps;
    // Each reaches to the end and is painted over: no hairlines between the steps.
    svg.cell({x, y, x + kLegendWidth, top + kLegendHeight},
             hex(colors(lower + along * (upper - lower))), {});
  }
  const auto [labels, factor] = tick_labels(colors.ticks(), false);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto along = (colors.ticks()[i] - lower) / (upper - lower);
    const auto y = top + (1 - along) * kLegendHeight;
    svg.line({x + kLegendWidth, y}, {x + kLegendWidth + 4, y}, "a");
    svg.text({x + kLegendWidth + 8, y + 4}, labels[i], "t m");
  }
  svg.text({x, top - kGap - 2},
           fit_text(axis_title({.title = chart.value_title}, factor), kSmallSize, width), "t m");
}

}  // namespace

Result<Chart> draw(const HeatMap& chart) {
  if (chart.values.size() != chart.rows.size() * chart.columns.size()) {
    return fail(ErrorCode::kInvalidArgument, "a heat map of {} x {} cells has {} values",
                chart.rows.size(), chart.columns.size(), chart.values.size());
  }
  Extent extent;
  for (const auto value : chart.values) {
    if (is_drawable(value)) {
      extent.add(value);
    }
  }
  const ColorScale colors(extent);
  double legend = 0;
  const auto [labels, factor] = tick_labels(colors.ticks(), false);
  for (const auto& label : labels) {
    legend = std::max(legend, text_width(label, kSmallSize));
  }
  const auto title = axis_title({.title = chart.value_title}, factor);
  legend = std::max(legend + kLegendWidth + 8, std::min(150.0, text_width(title, kSmallSize)));

  Svg svg;
  const auto head = draw_head(svg, chart.heading, {}, chart.width_px);
  const auto layout = lay_out(chart, head, legend + 3 * kGap);
  if (layout.cell >= kCellToPointAt) {
    draw_large_cells(svg, chart, layout, colors);
  } else {
    draw_small_cells(svg, chart, layout, colors);
  }
  draw_labels(svg, chart, layout);
  const auto width = std::max(chart.width_px, layout.area.right + 3 * kGap + legend + kEdge);
  auto bottom = layout.area.bottom;
  if (extent.empty()) {
    svg.text({(layout.area.left + layout.area.right) / 2, bottom + 16}, "no data", "m",
             Anchor::kMiddle);
    bottom += 20;
  } else {
    draw_legend(svg, chart, colors, layout.area.right + 3 * kGap, layout.area.top, legend);
    bottom = std::max(bottom, layout.area.top + kLegendHeight + 4);
  }
  auto description = extent.empty()
                         ? std::string("Heat map without data.")
                         : fmt::format("Heat map of {} by {} cells; {} from {} to {}.",
                                       chart.rows.size(), chart.columns.size(), chart.value_title,
                                       value_text(extent.lower()), value_text(extent.upper()));
  return finish(std::move(svg), chart.heading, description, width, bottom + kEdge, 0);
}

}  // namespace tessera::report
