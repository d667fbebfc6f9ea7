// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "report/frame.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr double kEdge = 14;
constexpr double kGap = 8;
constexpr double kLongestLabel = 0.34;  ///< of the width
constexpr double kLongestNote = 0.22;
/// Above so many rows bars get thinner, and the axis is repeated at the top.
constexpr std::size_t kManyRows = 40;

struct Drawable {
  std::vector<BarRow> rows;  ///< bars that are not finite are gone
  Extent values;
  std::size_t left_out = 0;
};

Result<Drawable> select(const BarChart& chart) {
  Drawable selected;
  for (auto row : chart.rows) {
    row.bars.resize(chart.series.size());
    for (auto& bar : row.bars) {
      if (!bar) {
        continue;
      }
      if (!is_drawable(bar->value)) {
        ++selected.left_out;
        bar.reset();
        continue;
      }
      TESSERA_CHECK(selected.values.add(chart.value, bar->value, row.label));
      if (is_drawable(bar->spread, chart.value)) {
        selected.values.add(bar->spread->lower);
        selected.values.add(bar->spread->upper);
      } else {
        bar->spread.reset();
      }
    }
    selected.rows.push_back(std::move(row));
  }
  return selected;
}

std::string describe(const BarChart& chart, const Drawable& selected) {
  if (selected.values.empty()) {
    return "Bar chart without data.";
  }
  return fmt::format("Bar chart of {} rows, {} series; {} from {} to {}.", selected.rows.size(),
                     chart.series.size(), axis_title(chart.value),
                     value_text(selected.values.lower()), value_text(selected.values.upper()));
}

/// Sizes that follow from the number of rows and series.
struct Rhythm {
  double bar = 0;    ///< thickness
  double pitch = 0;  ///< from row to row
};

Rhythm rhythm_of(const BarChart& chart) {
  const bool many = chart.rows.size() > kManyRows;
  const auto series = static_cast<double>(std::max<std::size_t>(1, chart.series.size()));
  const double bar = series <= 1 ? (many ? 9 : 14) : (many ? 6 : 9);
  return {bar, std::max(series * bar + (many ? 5 : 8), kSmallSize + 3)};
}

/// The widest of some texts, at most `most`.
template <class Texts, class Get>
double widest(const Texts& texts, Get get, double most) {
  double wide = 0;
  for (const auto& text : texts) {
    wide = std::max(wide, text_width(get(text), kSmallSize));
  }
  return std::min(wide, most);
}

void draw_bar(Svg& svg, const BarChart& chart, const Scale& scale, const BarRow& row, std::size_t s,
              double middle, double thickness) {
  const auto& bar = *row.bars[s];
  const auto color = color_index(chart.series[s].color, s);
  const auto& series = chart.series[s].name;
  const auto tooltip =
      fmt::format("{}{}{}: {}{}", shorten(row.label, 80), series.empty() ? "" : ", ", series,
                  value_text(bar.value, chart.value), spread_text(bar.spread));
  const auto end = scale(bar.value);
  if (scale.is_log()) {
    svg.line({scale(scale.lower()), middle}, {end, middle}, fmt::format("e s{}", color));
    svg.mark({end, middle}, s, std::min(4.0, thickness / 2), fmt::format("f{}", color), tooltip);
  } else {
    // Without zero on the axis a bar starts at the axis.
    const auto zero = scale(std::clamp(0.0, scale.lower(), scale.upper()));
    // A value that rounds to nothing still shows that it is there.
    constexpr double kThinnest = 0.75;
    const auto left = std::min(zero, end);
    svg.rect({left, middle - thickness / 2, std::max(std::max(zero, end), left + kThinnest),
              middle + thickness / 2},
             fmt::format("f{}", color), tooltip);
  }
  if (bar.spread) {
    const auto lower = scale(bar.spread->lower);
    const auto upper = scale(bar.spread->upper);
    const auto cap = std::min(3.0, thickness / 2 - 0.5);
    svg.line({lower, middle}, {upper, middle}, "e");
    svg.line({lower, middle - cap}, {lower, middle + cap}, "e");
    svg.line({upper, middle - cap}, {upper, middle + cap}, "e");
  }
}

}  // namespace

Result<Chart> draw(const BarChart& chart) {
  TESSERA_TRY(const auto selected, select(chart));
  std::vector<LegendEntry> legend;
  legend.reserve(chart.series.size());
  for (std::size_t s = 0; s < chart.series.size(); ++s) {
    legend.push_back(
        {chart.series[s].name, LegendEntry::Kind::kBar, color_index(chart.series[s].color, s), s});
  }
  const auto& rows = selected.rows;
  const auto [thickness, pitch] = rhythm_of(chart);
  const bool many = rows.size() > kManyRows;
  const auto labels = widest(
      rows, [](const BarRow& row) { return row.label; }, chart.width_px * kLongestLabel);
  const auto notes =
      std::max(widest(
                   rows, [](const BarRow& row) { return row.note; }, chart.width_px * kLongestNote),
               std::min(text_width(chart.note_title, kSmallSize), chart.width_px * kLongestNote));

  Svg svg;
  Scale scale(chart.value, selected.values);
  Box area;
  const auto head = draw_head(svg, chart.heading, legend, chart.width_px);
  area.top = head + (many || notes > 0 ? 26 : 12);
  area.left = kEdge + labels + kGap;
  const auto last_label = text_width(scale.labels().back(), kSmallSize) / 2;
  area.right = std::max(area.left + 1, chart.width_px - kEdge - std::max(8.0, last_label) -
                                           (notes > 0 ? notes + kGap : 0));
  area.bottom = area.top + std::max(1.0, static_cast<double>(rows.size())) * pitch + 4;
  const auto note = left_out_note(selected.left_out);
  const auto height = area.bottom + 34 + kEdge + (note.empty() ? 0 : 18);
  scale.set_pixels(area.left, area.right);
  for (std::size_t r = 1; many && r < rows.size(); r += 2) {
    // Leads the eye from the name to its bar.
    const auto top = area.top + 2 + static_cast<double>(r) * pitch;
    svg.rect({kEdge, top, chart.width_px - kEdge, top + pitch}, "z");
  }
  draw_x_axis(svg, scale, chart.value, area);
  if (many) {
    draw_x_labels(svg, scale, area.top - kGap);
  }
  if (notes > 0) {
    svg.text({chart.width_px - kEdge, area.top - kGap},
             fit_text(chart.note_title, kSmallSize, notes), "t m", Anchor::kEnd);
  }
  const auto group = static_cast<double>(chart.series.size()) * thickness;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto middle = area.top + 2 + (static_cast<double>(r) + 0.5) * pitch;
    svg.text({area.left - kGap, middle + 4}, fit_text(rows[r].label, kSmallSize, labels), "t",
             Anchor::kEnd);
    for (std::size_t s = 0; s < chart.series.size(); ++s) {
      if (rows[r].bars[s]) {
        draw_bar(svg, chart, scale, rows[r], s,
                 middle - group / 2 + (static_cast<double>(s) + 0.5) * thickness, thickness - 1);
      }
    }
    svg.text({chart.width_px - kEdge, middle + 4}, fit_text(rows[r].note, kSmallSize, notes), "t",
             Anchor::kEnd);
  }
  if (!scale.is_log() && scale.lower() < 0 && scale.upper() > 0) {
    svg.line({scale(0), area.top}, {scale(0), area.bottom}, "a");
  }
  if (selected.values.empty()) {
    svg.text({(area.left + area.right) / 2, (area.top + area.bottom) / 2 + 4}, "no data", "m w",
             Anchor::kMiddle);
  }
  draw_note(svg, note, height - kEdge + 2, chart.width_px);
  return finish(std::move(svg), chart.heading, describe(chart, selected), chart.width_px, height,
                selected.left_out);
}

}  // namespace tessera::report
