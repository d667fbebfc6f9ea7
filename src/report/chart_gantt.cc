// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "report/frame.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr double kEdge = 14;
constexpr double kGap = 8;
constexpr double kLongestName = 0.25;  ///< of the width
constexpr double kTrack = 20;          ///< from one of overlapping spans to the next
constexpr double kRowPad = 4;
constexpr double kTextPad = 4;

struct Placed {
  const GanttSpan* span = nullptr;
  std::size_t track = 0;
  std::optional<double> next_us;  ///< when the track is taken again
};

struct Row {
  std::vector<Placed> spans;
  std::vector<double> busy_until;  ///< by track
  std::vector<std::size_t> last;   ///< by track, of spans
};

struct Drawable {
  std::vector<Row> rows;
  Extent values;  ///< milliseconds
  std::size_t left_out = 0;
  std::size_t spans = 0;
};

Axis time_axis() {
  return {.title = "time", .unit = "ms", .from_zero = true};
}

/// On the first track that is free by then.
void place(Row& row, const GanttSpan& span) {
  const auto free = std::find_if(row.busy_until.begin(), row.busy_until.end(),
                                 [&](double until) { return until <= span.start_us; });
  const auto track = static_cast<std::size_t>(free - row.busy_until.begin());
  if (free == row.busy_until.end()) {
    row.busy_until.push_back(0);
    row.last.push_back(0);
  } else {
    row.spans[row.last[track]].next_us = span.start_us;
  }
  row.busy_until[track] = span.end_us;
  row.last[track] = row.spans.size();
  row.spans.push_back({&span, track, {}});
}

Status check(const GanttChart& chart) {
  for (const auto& span : chart.spans) {
    if (span.row >= chart.rows.size() || span.kind >= chart.kinds.size()) {
      return fail(ErrorCode::kInvalidArgument,
                  "span '{}' of a timeline is in row {} of {} and of kind {} of {}",
                  shorten(span.label, kTooltipLength), span.row, chart.rows.size(), span.kind,
                  chart.kinds.size())
          .hint("name all rows and kinds");
    }
  }
  return {};
}

Drawable select(const GanttChart& chart) {
  Drawable selected;
  selected.rows.resize(chart.rows.size());
  std::vector<const GanttSpan*> spans;
  for (const auto& span : chart.spans) {
    if (is_drawable(span.start_us) && is_drawable(span.end_us) && span.start_us <= span.end_us) {
      spans.push_back(&span);
      selected.values.add(span.start_us / 1e3);
      selected.values.add(span.end_us / 1e3);
    } else {
      ++selected.left_out;
    }
  }
  selected.spans = spans.size();
  std::stable_sort(spans.begin(), spans.end(), [](const GanttSpan* a, const GanttSpan* b) {
    return a->start_us < b->start_us;
  });
  for (const auto* span : spans) {
    place(selected.rows[span->row], *span);
  }
  return selected;
}

double height_of(const Row& row) {
  return static_cast<double>(std::max<std::size_t>(1, row.busy_until.size())) * kTrack +
         2 * kRowPad;
}

/// In the bar, else behind it, else before it; nowhere if there is no room. Returns where what is
/// drawn ends. `room`: what is free of the bar's track, the bar included.
double draw_label(Svg& svg, const std::string& label, const Box& bar, const Box& room) {
  const auto width = text_width(label, kSmallSize);
  const auto y = bar.bottom - 4;
  if (width <= bar.width() - 2 * kTextPad) {
    svg.text({(bar.left + bar.right) / 2, y}, clean_text(label), "t", Anchor::kMiddle);
    return bar.right;
  }
  if (bar.right + width + 2 * kTextPad <= room.right) {
    svg.text({bar.right + kTextPad, y}, clean_text(label), "t w");
    return bar.right + kTextPad + width;
  }
  if (bar.left - width - 2 * kTextPad >= room.left) {
    svg.text({bar.left - kTextPad, y}, clean_text(label), "t w", Anchor::kEnd);
  }
  return bar.right;
}

/// `room`: left and right ends of what is free of its track; returns where what is drawn ends.
double draw_span(Svg& svg, const GanttChart& chart, const Scale& scale, const Placed& placed,
                 double row_top, Box room) {
  const auto& span = *placed.span;
  const auto color = color_index(chart.kinds[span.kind].color, span.kind);
  const auto left = scale(span.start_us / 1e3);
  // What takes no time to speak of still shows that it is there.
  constexpr double kThinnest = 0.75;
  const auto right = std::max(scale(span.end_us / 1e3), left + kThinnest);
  const auto top = row_top + kRowPad + static_cast<double>(placed.track) * kTrack;
  const Box bar{left, top, right, top + kTrack - 2};
  svg.rect(bar, "bg");  // the grid must not shine through
  svg.rect(bar, fmt::format("q f{} s{}", color, color),
           fmt::format("{}: {}{}{}, {} to {}, {}", shorten(chart.rows[span.row], 40),
                       shorten(span.label, 40), span.tooltip.empty() ? "" : ", ",
                       shorten(span.tooltip, 40), duration(span.start_us), duration(span.end_us),
                       duration(span.end_us - span.start_us)));
  room.right = placed.next_us ? std::min(room.right, scale(*placed.next_us / 1e3)) : room.right;
  return draw_label(svg, span.label, bar, room);
}

/// All of a row.
void draw_spans(Svg& svg, const GanttChart& chart, const Scale& scale, const Row& row,
                double row_top, const Box& area) {
  std::vector<double> taken(row.busy_until.size(), area.left);
  for (const auto& placed : row.spans) {
    auto room = area;
    room.left = taken[placed.track];
    taken[placed.track] = draw_span(svg, chart, scale, placed, row_top, room);
  }
}

std::string describe(const GanttChart& chart, const Drawable& selected) {
  if (selected.spans == 0) {
    return "Timeline without data.";
  }
  return fmt::format("Timeline of {} rows, {} spans, up to {} ms.", chart.rows.size(),
                     selected.spans, value_text(selected.values.upper()));
}

}  // namespace

Result<Chart> draw(const GanttChart& chart) {
  TESSERA_CHECK(check(chart));
  const auto selected = select(chart);
  std::vector<LegendEntry> legend;
  for (std::size_t k = 0; k < chart.kinds.size(); ++k) {
    legend.push_back(
        {chart.kinds[k].name, LegendEntry::Kind::kBox, color_index(chart.kinds[k].color, k), 0});
  }
  double names = 0;
  for (const auto& row : chart.rows) {
    names = std::max(names, text_width(row, kSmallSize));
  }
  names = std::min(names, chart.width_px * kLongestName);

  Svg svg;
  const auto axis = time_axis();
  Scale scale(axis, selected.values);
  Box area;
  area.top = draw_head(svg, chart.heading, legend, chart.width_px) + 12;
  area.left = kEdge + names + kGap;
  const auto last_label = text_width(scale.labels().back(), kSmallSize) / 2;
  area.right = std::max(area.left + 1, chart.width_px - kEdge - std::max(8.0, last_label));
  area.bottom = area.top;
  for (const auto& row : selected.rows) {
    area.bottom += height_of(row);
  }
  area.bottom = std::max(area.bottom, area.top + kTrack);
  scale.set_pixels(area.left, area.right);
  auto top = area.top;
  for (std::size_t r = 0; r < selected.rows.size(); ++r) {
    const auto bottom = top + height_of(selected.rows[r]);
    if (r % 2 == 1) {
      svg.rect({kEdge, top, area.right, bottom}, "z");
    }
    top = bottom;
  }
  draw_x_axis(svg, scale, axis, area);
  top = area.top;
  for (std::size_t r = 0; r < selected.rows.size(); ++r) {
    const auto& row = selected.rows[r];
    svg.text({area.left - kGap, top + height_of(row) / 2 + 4},
             fit_text(chart.rows[r], kSmallSize, names), "t", Anchor::kEnd);
    draw_spans(svg, chart, scale, row, top, area);
    top += height_of(row);
  }
  const auto note = left_out_note(selected.left_out);
  const auto height = area.bottom + 34 + kEdge + (note.empty() ? 0 : 18);
  if (selected.spans == 0) {
    svg.text({(area.left + area.right) / 2, (area.top + area.bottom) / 2 + 4}, "no data", "m w",
             Anchor::kMiddle);
  }
  draw_note(svg, note, height - kEdge + 2, chart.width_px);
  return finish(std::move(svg), chart.heading, describe(chart, selected), chart.width_px, height,
                selected.left_out);
}

}  // namespace tessera::report
