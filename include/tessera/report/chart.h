// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/result.h"

/// Charts as self-contained SVG: no scripts, no fonts or files from elsewhere, readable on light
/// and dark ground (prefers-color-scheme), with a title and a description for screen readers and a
/// tooltip on every mark. Same input, same bytes.
///
/// A drawing function takes a plain description and returns a Chart; `svg` makes a document of it
/// and `panel` puts several into one. Common to all of them:
/// - Names may be anything: they are escaped, cleaned of what XML does not allow, shortened in the
///   middle where there is no room (tooltips: at 160 characters).
/// - A value that is not finite (or beyond +-1e300) is left out, counted in `Chart::left_out` and
///   in a line below the chart.
/// - Nothing to draw gives a frame with the words "no data".
/// - A value on a logarithmic axis that is not positive (at least 1e-280): kInvalidArgument that
///   names it.
/// Cost: linear in the number of marks, about 150 bytes of SVG each.
namespace tessera::report {

/// A finished drawing.
struct Chart {
  std::string title;        ///< clean UTF-8, not escaped
  std::string description;  ///< as title; what is drawn, in words
  double width_px = 0;
  double height_px = 0;
  std::string body;  ///< SVG elements, origin in the upper left corner
  std::size_t left_out = 0;
  double plot_left_px = 0;  ///< where the plot begins, right of the labels of y; 0: not one plot
};

/// One file: `<svg>` with style sheet, title, description and body.
[[nodiscard]] std::string svg(const Chart& chart);

/// A chart as a file of a folder of charts.
struct ChartFile {
  std::string name;  ///< without folder: "layers.svg"
  std::string svg;
};

/// The palette of Okabe and Ito ("Color Universal Design", 2008): told apart by everyone. Dark
/// ground gets lighter shades of the same hues.
enum class Color : std::uint8_t {
  kAuto,  ///< by the position of the series: blue, vermillion, green, orange, purple, sky
  kBlue,
  kVermillion,
  kGreen,
  kOrange,
  kPurple,
  kSky,
  kGray,
};

/// What a precision looks like in every chart.
inline constexpr Color kFloat32Color = Color::kBlue;
inline constexpr Color kInt8Color = Color::kVermillion;
inline constexpr Color kFloat16Color = Color::kGreen;

struct Heading {
  std::string title;
  std::string subtitle;     ///< model, machine, number of images: one line
  std::string description;  ///< made from the data if empty
};

enum class AxisScale : std::uint8_t { kLinear, kLog };

struct Axis {
  std::string title;
  std::string unit;  ///< "ms": printed after the title
  AxisScale scale = AxisScale::kLinear;
  bool from_zero = false;  ///< zero is on the axis whatever the values (linear only)
  bool whole = false;      ///< counts: no ticks between whole numbers (linear only)
};

/// Ends of an interval around a value: quartiles, a confidence interval.
struct Spread {
  double lower = 0;
  double upper = 0;
};

struct Point {
  double x = 0;
  double y = 0;
  std::optional<Spread> spread;  ///< of y
  std::string label;             ///< for the tooltip, and beside the mark where that is asked
};

/// How a line gets from one point to the next.
enum class Steps : std::uint8_t {
  kNone,    ///< straight
  kAfter,   ///< a value holds on until the next point
  kBefore,  ///< a value holds from the point before on
};

struct Series {
  std::string name;  ///< empty: not in the legend
  std::vector<Point> points;
  Color color = Color::kAuto;
  bool dashed = false;
  /// Spreads as one shaded area instead of a bar at each point.
  bool band = false;
  Steps steps = Steps::kNone;  ///< of line charts
};

/// A reference line across the plot.
struct Guide {
  enum class At : std::uint8_t { kX, kY };
  At at = At::kX;
  double value = 0;
  std::string label;
};

/// Series as lines with marks, points in the order given.
struct LineChart {
  Heading heading;
  Axis x;
  Axis y;
  std::vector<Series> series;
  std::vector<Guide> guides;
  std::optional<Spread> x_cover;  ///< on the axis besides the values: panels share axes by it
  double plot_left_px = 0;        ///< the plot begins here or further right
  double width_px = 720;
  double height_px = 400;
};
[[nodiscard]] Result<Chart> draw(const LineChart& chart);

/// Points. With `identity` both axes have the same range and the line y = x.
struct ScatterChart {
  Heading heading;
  Axis x;
  Axis y;
  std::vector<Series> series;
  bool identity = false;
  std::optional<Spread> cover;      ///< on both axes besides the values: panels share axes by it
  std::vector<std::string> corner;  ///< lines of figures in the emptiest corner: "R2 0.998"
  std::size_t labelled = 0;         ///< how many get their label: farthest from y = x first
  double width_px = 560;
  double height_px = 560;
};
[[nodiscard]] Result<Chart> draw(const ScatterChart& chart);

struct Bar {
  double value = 0;
  std::optional<Spread> spread;
};

struct BarRow {
  std::string label;
  std::vector<std::optional<Bar>> bars;  ///< one per series, nullopt: there is none
  std::string note;                      ///< right of the bars: "1.63 x"
};

struct BarSeries {
  std::string name;
  Color color = Color::kAuto;
};

/// Horizontal bars, a row per thing in the order given, grouped by series. The height follows from
/// the rows: 150 stay legible. On a logarithmic axis bars would lie about ratios, so values are
/// dots on a line.
struct BarChart {
  Heading heading;
  Axis value = {.from_zero = true};
  std::vector<BarSeries> series;
  std::vector<BarRow> rows;
  std::string note_title;  ///< heading of the notes
  double width_px = 760;
};
[[nodiscard]] Result<Chart> draw(const BarChart& chart);

/// A ceiling of the machine in operations per second.
struct Ceiling {
  std::string name;  ///< "fp32 peak"
  double gops_per_s = 0;
  Color color = Color::kAuto;
};

struct RooflinePoint {
  std::string label;
  double ops_per_byte = 0;
  double gops_per_s = 0;
  double time_us = 0;  ///< area of the mark; 0 or less: smallest
};

struct RooflineSeries {
  std::string name;  ///< "fp32"
  Color color = Color::kAuto;
  std::vector<RooflinePoint> points;
};

/// Attained against attainable speed (Williams, Waterman and Patterson 2009), both axes
/// logarithmic. The `labelled` marks with the longest time are numbered, and a list beside the
/// plot names them: among 150 layers there is no room for names.
/// Errors besides the common ones: a ceiling or bandwidth that is not positive.
struct RooflineChart {
  Heading heading;
  double bandwidth_gb_per_s = 0;
  std::vector<Ceiling> ceilings;
  std::vector<RooflineSeries> series;
  std::size_t labelled = 10;
  double width_px = 960;
  double height_px = 520;
};
[[nodiscard]] Result<Chart> draw(const RooflineChart& chart);

/// A matrix of values. A value that is not finite is an empty cell (not counted as left out: pairs
/// that were not measured are normal). Values of both signs get a diverging scale around zero.
struct HeatMap {
  Heading heading;
  std::string value_title;  ///< with the unit
  std::vector<std::string> columns;
  std::vector<std::string> rows;
  std::vector<double> values;  ///< rows x columns, row by row
  double width_px = 720;
};
[[nodiscard]] Result<Chart> draw(const HeatMap& chart);

/// An operator of a plan, or several that are always together.
struct PlanNode {
  std::string name;
  std::size_t lane = 0;  ///< where it runs
  std::size_t kind = 0;  ///< in which precision
  std::string tooltip;   ///< besides the name, lane and kind; may be empty
  bool is_end = false;   ///< an input or output of the model: no layer, and of no kind
};

/// A value from one node to another.
struct PlanEdge {
  std::size_t from = 0;
  std::size_t to = 0;
  bool cut = false;   ///< it is sent over a link
  std::string label;  ///< of a cut: "12.3 kB, 1.2 ms"
  /// Of a cut, for the sum where several share an arrow; 0: their number alone is told.
  double bytes = 0;
  double us = 0;
};

/// A graph over machines: a horizontal band per lane, nodes as boxes from left to right, values
/// that are sent as thick arrows with their labels. Of more than 16 nodes those that lie together
/// in one lane and kind become one box ("12 layers"). Boxes that have no room for text are as wide
/// as they have layers, so that 250 that change kinds all the time stay on one page; below 3 pixels
/// a layer the chart gets wider than `width_px`. Labels of cuts that have no room stand in a list
/// below. Errors besides the common ones: kInvalidArgument for a lane, kind or node that is not
/// there, and for a circle of edges.
struct PlanGraph {
  Heading heading;
  std::vector<std::string> lanes;
  std::vector<BarSeries> kinds;
  std::vector<PlanNode> nodes;
  std::vector<PlanEdge> edges;
  double width_px = 1200;
};
[[nodiscard]] Result<Chart> draw(const PlanGraph& chart);

/// Something that takes a machine or a link for a while.
struct GanttSpan {
  std::size_t row = 0;
  double start_us = 0;
  double end_us = 0;
  std::string label;     ///< in the bar, where there is room, and in its tooltip
  std::size_t kind = 0;  ///< its colour
  std::string tooltip;   ///< besides the row, the label and times; may be empty
};

/// What each row does when, on one axis of milliseconds. Spans of a row that overlap are drawn
/// below each other; one that ends before it starts is left out. Errors: kInvalidArgument for a row
/// or kind that is not there.
struct GanttChart {
  Heading heading;
  std::vector<std::string> rows;  ///< machines and links
  std::vector<BarSeries> kinds;
  std::vector<GanttSpan> spans;
  double width_px = 960;
};
[[nodiscard]] Result<Chart> draw(const GanttChart& chart);

/// Several charts in one, left to right and top to bottom in columns of equal width; charts of a
/// row are aligned at their upper edges. Errors: kInvalidArgument if columns is 0.
[[nodiscard]] Result<Chart> panel(const Heading& heading, std::span<const Chart> charts,
                                  std::size_t columns);

/// Marks of an axis: 1, 2 or 5 times a power of ten apart, 4 to 10 of them, the first at or below
/// `lower`, the last at or above `upper`. Bounds closer than 1e-9 of their size count as equal and
/// are widened. Both must be finite and within +-1e300.
[[nodiscard]] std::vector<double> linear_ticks(double lower, double upper);

/// The same for a logarithmic axis: decades, every 2nd, 5th, ... decade, or {1, 2, 5} and {1, 1.5,
/// 2, 3, 5, 7} within a decade; linear ones where the bounds are within a factor of 3. Both bounds
/// must lie within 1e-280 and 1e300.
[[nodiscard]] std::vector<double> log_ticks(double lower, double upper);

}  // namespace tessera::report
