// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report/svg.h"
#include "tessera/core/result.h"
#include "tessera/report/chart.h"

/// What charts with axes share: scales with ticks, the room around the plot, the legend.
namespace tessera::report {

/// Values that can be drawn: finite and small enough that differences are finite, too.
[[nodiscard]] bool is_drawable(double value);

/// Values of an axis on the way to its scale.
class Extent {
 public:
  /// `what` names the axis, `whose` the mark in the error.
  [[nodiscard]] Status add(const Axis& axis, double value, std::string_view whose);
  void add(double value);
  /// Both ends; kInvalidArgument unless they can be drawn.
  [[nodiscard]] Status add(const Axis& axis, const Spread& range, std::string_view whose);
  [[nodiscard]] bool empty() const { return empty_; }
  [[nodiscard]] double lower() const { return lower_; }
  [[nodiscard]] double upper() const { return upper_; }

 private:
  bool empty_ = true;
  double lower_ = 0;
  double upper_ = 0;
};

/// What the axes of a chart of points must hold.
struct Extents {
  Extent x;
  Extent y;
  std::size_t left_out = 0;

  /// Takes in a point, and off it a spread that cannot be drawn. A point that cannot be drawn is
  /// counted as left out: false. `series` names it in errors if it has no label.
  [[nodiscard]] Result<bool> take(Point& point, const Axis& x_axis, const Axis& y_axis,
                                  std::string_view series);
};

/// Labels of ticks: as many decimals as the step needs; k, M, G, T from 100 000 on; below 0.001 a
/// common factor; powers of ten where that is not enough.
struct TickLabels {
  std::vector<std::string> texts;
  std::string factor;  ///< "10^-6" with a raised exponent: belongs before the unit of the axis
};
[[nodiscard]] TickLabels tick_labels(const std::vector<double>& ticks, bool log);

/// From values to pixels.
class Scale {
 public:
  Scale(const Axis& axis, const Extent& extent);

  void set_pixels(double at_lower, double at_upper) {
    from_ = at_lower;
    to_ = at_upper;
  }
  [[nodiscard]] double operator()(double value) const;
  [[nodiscard]] double lower() const { return ticks_.front(); }
  [[nodiscard]] double upper() const { return ticks_.back(); }
  [[nodiscard]] bool is_log() const { return log_; }
  [[nodiscard]] const std::vector<double>& ticks() const { return ticks_; }
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_.texts; }
  [[nodiscard]] const std::string& factor() const { return labels_.factor; }
  [[nodiscard]] double widest_label() const;

 private:
  std::vector<double> ticks_;
  TickLabels labels_;
  bool log_ = false;
  double from_ = 0;
  double to_ = 1;
};

struct LegendEntry {
  enum class Kind : std::uint8_t { kLine, kMark, kBar, kBox, kArrow };
  std::string name;
  Kind kind = Kind::kMark;
  std::size_t color = 0;
  std::size_t shape = 0;
  bool dashed = false;
};

/// "time, ms"; with a factor "error, 10^-6 L2".
[[nodiscard]] std::string axis_title(const Axis& axis, std::string_view factor = {});
/// A value for a tooltip or a description: four significant digits, whole numbers as they are.
[[nodiscard]] std::string value_text(double value);
/// With the unit.
[[nodiscard]] std::string value_text(double value, const Axis& axis);
/// ", 1.2 to 1.5" or nothing.
[[nodiscard]] std::string spread_text(const std::optional<Spread>& spread);
/// Whether a spread can be drawn on this axis: both ends finite, in order, positive on a
/// logarithmic one.
[[nodiscard]] bool is_drawable(const std::optional<Spread>& spread, const Axis& axis);

/// Title, subtitle and legend; returns the y below them. `large`: of several charts.
double draw_head(Svg& svg, const Heading& heading, const std::vector<LegendEntry>& legend,
                 double width, bool large = false);

/// Grid, axis, ticks and titles around `area`. Labels that would touch are left out evenly.
void draw_x_axis(Svg& svg, const Scale& scale, const Axis& axis, const Box& area);
void draw_y_axis(Svg& svg, const Scale& scale, const Axis& axis, const Box& area);
/// Only the labels, their baseline at `y`: tall charts have them at the top, too.
void draw_x_labels(Svg& svg, const Scale& scale, double y);

/// A note below the chart, its baseline at `y`.
void draw_note(Svg& svg, const std::string& note, double y, double width);
/// "2 values left out: not finite"; empty for none.
[[nodiscard]] std::string left_out_note(std::size_t left_out);

/// Axes and the plot between them, for charts with values on both.
struct Frame {
  Svg svg;
  Scale x;
  Scale y;
  Box area;
};
struct FrameInput {
  const Heading& heading;
  const Axis& x_axis;
  const Axis& y_axis;
  const Extent& x;
  const Extent& y;
  std::vector<LegendEntry> legend;
  std::size_t left_out = 0;
  double width = 0;
  double height = 0;
  double aside = 0;  ///< kept free right of the plot
  bool empty = false;
  double plot_left = 0;  ///< at least
};
/// Draws everything but the marks; says "no data" if it is empty.
[[nodiscard]] Frame make_frame(const FrameInput& input);

[[nodiscard]] Chart finish(Svg&& svg, const Heading& heading, const std::string& description,
                           double width, double height, std::size_t left_out, double plot_left = 0);

/// Finds room for labels beside marks without touching what is there already.
class LabelPlacer {
 public:
  explicit LabelPlacer(Box area) : area_(area) {}
  /// What labels must keep clear of.
  void avoid(const Box& box) { taken_.push_back(box); }
  /// A mark: covered only where there is no better place, and few at a time.
  void avoid_mark(Position at, double radius);
  /// Keeps labels off a straight line.
  void avoid_line(Position from, Position to);
  /// Draws the label near `at`, or nothing if every place beside it is taken.
  bool place(Svg& svg, Position at, double radius, std::string_view label);

 private:
  Box area_;
  std::vector<Box> taken_;
  std::vector<Box> marks_;
};

}  // namespace tessera::report
