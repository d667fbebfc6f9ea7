// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "report/frame.h"

namespace tessera::report {

Result<Chart> panel(const Heading& heading, std::span<const Chart> charts, std::size_t columns) {
  if (columns == 0) {
    return fail(ErrorCode::kInvalidArgument, "a panel of charts needs at least one column");
  }
  double column_width = 0;
  std::size_t left_out = 0;
  for (const auto& chart : charts) {
    column_width = std::max(column_width, chart.width_px);
    left_out += chart.left_out;
  }
  const auto used = std::max<std::size_t>(1, std::min(columns, charts.size()));
  const auto width = std::max(column_width * static_cast<double>(used), 240.0);
  Svg svg;
  auto y = heading.title.empty() && heading.subtitle.empty()
               ? 0
               : draw_head(svg, heading, {}, width, true);
  auto description = fmt::format("Panel of {} charts.", charts.size());
  for (std::size_t first = 0; first < charts.size(); first += used) {
    double row_height = 0;
    for (std::size_t i = first; i < std::min(first + used, charts.size()); ++i) {
      svg.group({static_cast<double>(i - first) * column_width, y}, charts[i]);
      row_height = std::max(row_height, charts[i].height_px);
      description += fmt::format(" {}: {}", charts[i].title, charts[i].description);
    }
    y += row_height;
  }
  if (charts.empty()) {
    svg.text({width / 2, y + 30}, "no data", "m", Anchor::kMiddle);
    y += 60;
  }
  return finish(std::move(svg), heading, description, width, y, left_out);
}

}  // namespace tessera::report
