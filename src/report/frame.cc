// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr double kLargest = 1e300;
constexpr double kSmallestLog = 1e-280;
constexpr double kEdge = 14;    ///< free space along the edges
constexpr double kTickGap = 6;  ///< between an axis and its labels
constexpr double kLegendRow = 18;
constexpr double kLabelWidth = 190;  ///< longest label beside a mark

}  // namespace

bool is_drawable(double value) {
  return std::abs(value) <= kLargest;  // false for NaN
}

bool is_drawable(const std::optional<Spread>& spread, const Axis& axis) {
  return spread && is_drawable(spread->lower) && is_drawable(spread->upper) &&
         spread->lower <= spread->upper &&
         (axis.scale == AxisScale::kLinear || spread->lower >= kSmallestLog);
}

Status Extent::add(const Axis& axis, double value, std::string_view whose) {
  if (axis.scale == AxisScale::kLog && value < kSmallestLog) {
    return fail(ErrorCode::kInvalidArgument,
                "'{}' is {} on the logarithmic axis '{}', which has positive values only",
                shorten(whose, kTooltipLength), value, axis.title)
        .hint("draw it on a linear axis, or leave the value out");
  }
  add(value);
  return {};
}

void Extent::add(double value) {
  lower_ = empty_ ? value : std::min(lower_, value);
  upper_ = empty_ ? value : std::max(upper_, value);
  empty_ = false;
}

Status Extent::add(const Axis& axis, const Spread& range, std::string_view whose) {
  if (!is_drawable(range, axis)) {
    return fail(ErrorCode::kInvalidArgument, "{} {} to {} of the axis '{}' cannot be drawn", whose,
                range.lower, range.upper, axis.title);
  }
  add(range.lower);
  add(range.upper);
  return {};
}

Result<bool> Extents::take(Point& point, const Axis& x_axis, const Axis& y_axis,
                           std::string_view series) {
  if (!is_drawable(point.x) || !is_drawable(point.y)) {
    ++left_out;
    return false;
  }
  const auto whose = point.label.empty() ? series : std::string_view(point.label);
  TESSERA_CHECK(x.add(x_axis, point.x, whose));
  TESSERA_CHECK(y.add(y_axis, point.y, whose));
  if (is_drawable(point.spread, y_axis)) {
    y.add(point.spread->lower);
    y.add(point.spread->upper);
  } else {
    point.spread.reset();
  }
  return true;
}

Scale::Scale(const Axis& axis, const Extent& extent) : log_(axis.scale == AxisScale::kLog) {
  auto lower = extent.empty() ? (log_ ? 1.0 : 0.0) : extent.lower();
  auto upper = extent.empty() ? (log_ ? 10.0 : 1.0) : extent.upper();
  if (axis.from_zero && !log_) {
    lower = std::min(lower, 0.0);
    upper = std::max(upper, 0.0);
  }
  ticks_ = log_ ? log_ticks(lower, upper) : linear_ticks(lower, upper);
  if (axis.whole && !log_ && ticks_[1] - ticks_[0] < 1) {
    const auto first = std::floor(lower);
    ticks_.clear();
    const auto steps = static_cast<int>(std::max(1.0, std::ceil(upper) - first));
    for (int i = 0; i <= steps; ++i) {
      ticks_.push_back(first + i);
    }
  }
  labels_ = tick_labels(ticks_, log_);
}

double Scale::operator()(double value) const {
  const auto along =
      log_ ? (std::log(value) - std::log(lower())) / (std::log(upper()) - std::log(lower()))
           : (value - lower()) / (upper() - lower());
  return from_ + along * (to_ - from_);
}

double Scale::widest_label() const {
  double widest = 0;
  for (const auto& label : labels_.texts) {
    widest = std::max(widest, text_width(label, kSmallSize));
  }
  return widest;
}

namespace {

struct Prefix {
  double size;
  std::string_view name;
};
constexpr std::array kPrefixes{Prefix{1e12, "T"}, Prefix{1e9, "G"}, Prefix{1e6, "M"},
                               Prefix{1e3, "k"}};
constexpr double kFirstPrefixed = 1e5;
constexpr double kLastPrefixed = 1e15;
constexpr double kFirstPlain = 1e-3;
constexpr int kMostDecimals = 6;

/// A real minus sign: hyphens are too short beside digits.
std::string with_minus(std::string text) {
  if (!text.empty() && text.front() == '-') {
    text.replace(0, 1, "\u2212");
  }
  return text;
}

std::string power_of_ten(int exponent) {
  constexpr std::array<std::string_view, 10> kRaised{"\u2070", "\u00b9", "\u00b2", "\u00b3",
                                                     "\u2074", "\u2075", "\u2076", "\u2077",
                                                     "\u2078", "\u2079"};
  std::string text = exponent < 0 ? "10\u207b" : "10";
  for (const char digit : fmt::format("{}", std::abs(exponent))) {
    text += kRaised[static_cast<std::size_t>(digit - '0')];
  }
  return text;
}

std::string scientific(double value) {
  const auto exponent = static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9));
  const auto mantissa = fmt::format("{:.4g}", exponent < 0 ? value * std::pow(10.0, -exponent)
                                                           : value / std::pow(10.0, exponent));
  const auto power = power_of_ten(exponent);
  if (mantissa == "1" || mantissa == "-1") {
    return with_minus(mantissa == "1" ? power : "-" + power);
  }
  return with_minus(fmt::format("{}\u00b7{}", mantissa, power));
}

Prefix prefix_of(double size) {
  for (const auto& prefix : kPrefixes) {
    if (size >= prefix.size) {
      return prefix;
    }
  }
  return {1, ""};
}

/// A label that stands alone, as ticks of a logarithmic axis do; `smallest` and `largest` of the
/// axis decide the form, so that its labels look alike.
std::string single_label(double value, double smallest, double largest) {
  const auto size = std::abs(value);
  if (size == 0) {
    return "0";
  }
  const bool has_powers = smallest < kFirstPlain || largest >= kLastPrefixed;
  if (has_powers && (size < 1 || size >= 1e3)) {
    return scientific(value);
  }
  const auto prefix = largest >= kFirstPrefixed && !has_powers ? prefix_of(size) : Prefix{1, ""};
  return with_minus(fmt::format("{:.12g}{}", value / prefix.size, prefix.name));
}

}  // namespace

TickLabels tick_labels(const std::vector<double>& ticks, bool log) {
  TickLabels labels;
  double size = 0;
  double smallest = std::numeric_limits<double>::infinity();
  double step = 0;
  for (std::size_t i = 0; i < ticks.size(); ++i) {
    size = std::max(size, std::abs(ticks[i]));
    smallest = ticks[i] == 0 ? smallest : std::min(smallest, std::abs(ticks[i]));
    step = i == 1 ? ticks[1] - ticks[0] : step;
  }
  auto prefix = size >= kFirstPrefixed ? prefix_of(size) : Prefix{1, ""};
  if (!log && size > 0 && size < kFirstPlain) {
    constexpr double kGroup = 3;
    const auto exponent = kGroup * std::floor(std::log10(size) / kGroup + 1e-9);
    prefix.size = std::pow(10.0, exponent);
    labels.factor = power_of_ten(static_cast<int>(exponent));
  }
  const auto decimals =
      step > 0 ? std::max(0, -static_cast<int>(std::floor(std::log10(step / prefix.size) + 1e-9)))
               : 0;
  const bool plain = !log && size < kLastPrefixed && decimals <= kMostDecimals;
  if (!plain) {
    labels.factor.clear();
  }
  for (const auto tick : ticks) {
    if (!plain) {
      labels.texts.push_back(single_label(tick, smallest, size));
    } else if (tick == 0) {
      labels.texts.emplace_back("0");
    } else {
      labels.texts.push_back(
          with_minus(fmt::format("{:.{}f}{}", tick / prefix.size, decimals, prefix.name)));
    }
  }
  return labels;
}

std::string axis_title(const Axis& axis, std::string_view factor) {
  const auto unit = factor.empty() || axis.unit.empty() ? fmt::format("{}{}", factor, axis.unit)
                                                        : fmt::format("{} {}", factor, axis.unit);
  return unit.empty() || axis.title.empty() ? axis.title + unit
                                            : fmt::format("{}, {}", axis.title, unit);
}

std::string value_text(double value) {
  constexpr double kLongestWhole = 1e9;
  return value == std::floor(value) && std::abs(value) < kLongestWhole
             ? fmt::format("{:.0f}", value)
             : number(value, 4);
}

std::string value_text(double value, const Axis& axis) {
  return axis.unit.empty() ? value_text(value) : fmt::format("{} {}", value_text(value), axis.unit);
}

std::string spread_text(const std::optional<Spread>& spread) {
  return spread ? fmt::format(", {} to {}", value_text(spread->lower), value_text(spread->upper))
                : std::string();
}

namespace {

constexpr double kSampleWidth = 20;
constexpr double kSampleGap = 6;
constexpr double kEntryGap = 18;

void draw_sample(Svg& svg, const LegendEntry& entry, double x, double y) {
  const auto middle = y - 4;
  const auto filled = fmt::format("f{}", entry.color);
  if (entry.kind == LegendEntry::Kind::kBar) {
    svg.rect({x + 3, middle - 5, x + kSampleWidth - 3, middle + 5}, filled);
    return;
  }
  if (entry.kind == LegendEntry::Kind::kBox) {
    svg.rect({x + 3, middle - 5, x + kSampleWidth - 3, middle + 5},
             fmt::format("q f{} s{}", entry.color, entry.color));
    return;
  }
  if (entry.kind == LegendEntry::Kind::kArrow) {
    const auto tip = x + kSampleWidth;
    svg.curve({x, middle}, {tip - 6, middle}, 3, fmt::format("s{}", entry.color), {});
    svg.polygon({{tip, middle}, {tip - 7, middle - 5}, {tip - 7, middle + 5}}, filled);
    return;
  }
  if (entry.kind == LegendEntry::Kind::kLine) {
    svg.line({x, middle}, {x + kSampleWidth, middle},
             fmt::format("l s{}{}", entry.color, entry.dashed ? " d" : ""));
  }
  if (!entry.dashed) {
    svg.mark({x + kSampleWidth / 2, middle}, entry.shape, 4, filled, {});
  }
}

/// Entries beside each other, in as many rows as they need; returns the y below.
double draw_legend(Svg& svg, const std::vector<LegendEntry>& legend, double top, double width) {
  auto x = kEdge;
  auto y = top;
  bool any = false;
  for (const auto& entry : legend) {
    if (entry.name.empty()) {
      continue;
    }
    const auto name =
        fit_text(entry.name, kTextSize, width - 2 * kEdge - kSampleWidth - kSampleGap);
    const auto wide = kSampleWidth + kSampleGap + text_width(name, kTextSize);
    if (!any || x + wide > width - kEdge) {
      x = kEdge;
      y += kLegendRow;
      any = true;
    }
    draw_sample(svg, entry, x, y - 4);
    svg.text({x + kSampleWidth + kSampleGap, y - 4}, name, "m");
    x += wide + kEntryGap;
  }
  return any ? y + 2 : top;
}

}  // namespace

double draw_head(Svg& svg, const Heading& heading, const std::vector<LegendEntry>& legend,
                 double width, bool large) {
  double y = 10;
  const auto room = width - 2 * kEdge;
  if (!heading.title.empty()) {
    constexpr double kBold = 1.1;
    y += large ? 20 : 16;
    svg.text({kEdge, y},
             fit_text(heading.title, (large ? kLargeTitleSize : kTitleSize) * kBold, room),
             large ? "h1" : "h");
    y += 4;
  }
  if (!heading.subtitle.empty()) {
    y += 14;
    svg.text({kEdge, y}, fit_text(heading.subtitle, kTextSize, room), "m");
    y += 4;
  }
  return draw_legend(svg, legend, y, width);
}

namespace {

/// Every how many-th label can be shown if neighbours need `needed` pixels each.
std::size_t label_stride(const Scale& scale, double needed) {
  const auto& ticks = scale.ticks();
  double closest = needed;
  for (std::size_t i = 1; i < ticks.size(); ++i) {
    closest = std::min(closest, std::abs(scale(ticks[i]) - scale(ticks[i - 1])));
  }
  return closest <= 0 ? ticks.size() : static_cast<std::size_t>(std::ceil(needed / closest));
}

}  // namespace

void draw_x_labels(Svg& svg, const Scale& scale, double y) {
  const auto stride = label_stride(scale, scale.widest_label() + 8);
  for (std::size_t i = 0; i < scale.ticks().size(); i += stride) {
    svg.text({scale(scale.ticks()[i]), y}, scale.labels()[i], "t m", Anchor::kMiddle);
  }
}

void draw_x_axis(Svg& svg, const Scale& scale, const Axis& axis, const Box& area) {
  for (const auto tick : scale.ticks()) {
    const auto x = scale(tick);
    svg.line({x, area.top}, {x, area.bottom}, "g");
  }
  svg.line({area.left, area.bottom}, {area.right, area.bottom}, "a");
  draw_x_labels(svg, scale, area.bottom + kTickGap + 10);
  svg.text({area.right, area.bottom + kTickGap + 28},
           fit_text(axis_title(axis, scale.factor()), kTextSize, area.right - kEdge), "m",
           Anchor::kEnd);
}

void draw_y_axis(Svg& svg, const Scale& scale, const Axis& axis, const Box& area) {
  const auto stride = label_stride(scale, kSmallSize + 3);
  for (std::size_t i = 0; i < scale.ticks().size(); ++i) {
    const auto y = scale(scale.ticks()[i]);
    svg.line({area.left, y}, {area.right, y}, "g");
    if (i % stride == 0) {
      svg.text({area.left - kTickGap, y + 4}, scale.labels()[i], "t m", Anchor::kEnd);
    }
  }
  svg.line({area.left, area.top}, {area.left, area.bottom}, "a");
  // Above the axis and level: read without turning the head, and no room lost at the side.
  svg.text({kEdge, area.top - 12},
           fit_text(axis_title(axis, scale.factor()), kTextSize, area.right - kEdge), "m");
}

void draw_note(Svg& svg, const std::string& note, double y, double width) {
  if (!note.empty()) {
    svg.text({kEdge, y}, fit_text(note, kSmallSize, width - 2 * kEdge), "t m");
  }
}

std::string left_out_note(std::size_t left_out) {
  return left_out == 0
             ? std::string()
             : fmt::format("{} value{} left out: not finite", left_out, left_out == 1 ? "" : "s");
}

Frame make_frame(const FrameInput& input) {
  Frame frame{{}, Scale(input.x_axis, input.x), Scale(input.y_axis, input.y), {}};
  const auto note = left_out_note(input.left_out);
  auto& area = frame.area;
  area.top = draw_head(frame.svg, input.heading, input.legend, input.width) + 30;
  area.left = std::max(input.plot_left, kEdge + std::max(frame.y.widest_label(), 24.0) + kTickGap);
  area.right = input.width - kEdge - input.aside -
               std::max(6.0, text_width(frame.x.labels().back(), kSmallSize) / 2);
  area.bottom = input.height - kEdge - 30 - (note.empty() ? 0 : 18);
  // A chart that is too small for its frame gets a plot of one pixel rather than a negative one.
  area.right = std::max(area.right, area.left + 1);
  area.bottom = std::max(area.bottom, area.top + 1);
  frame.x.set_pixels(area.left, area.right);
  frame.y.set_pixels(area.bottom, area.top);
  draw_x_axis(frame.svg, frame.x, input.x_axis, area);
  draw_y_axis(frame.svg, frame.y, input.y_axis, area);
  draw_note(frame.svg, note, input.height - kEdge + 2, input.width);
  if (input.empty) {
    frame.svg.text({(area.left + area.right) / 2, (area.top + area.bottom) / 2}, "no data", "m w",
                   Anchor::kMiddle);
  }
  return frame;
}

Chart finish(Svg&& svg, const Heading& heading, const std::string& description, double width,
             double height, std::size_t left_out, double plot_left) {
  return {clean_text(heading.title),
          clean_text(heading.description.empty() ? description : heading.description),
          width,
          height,
          std::move(svg).take(),
          left_out,
          plot_left};
}

void LabelPlacer::avoid_mark(Position at, double radius) {
  marks_.push_back({at.x - radius, at.y - radius, at.x + radius, at.y + radius});
}

void LabelPlacer::avoid_line(Position from, Position to) {
  constexpr double kStep = 6;
  const auto steps =
      static_cast<int>(std::max(1.0, std::ceil(std::hypot(to.x - from.x, to.y - from.y) / kStep)));
  for (int i = 0; i <= steps; ++i) {
    const auto along = static_cast<double>(i) / steps;
    const auto x = from.x + along * (to.x - from.x);
    const auto y = from.y + along * (to.y - from.y);
    avoid({x - 1, y - 1, x + 1, y + 1});
  }
}

bool LabelPlacer::place(Svg& svg, Position at, double radius, std::string_view label) {
  const auto text = fit_text(label, kSmallSize, kLabelWidth);
  const auto width = text_width(text, kSmallSize);
  const auto gap = radius + 3;
  const auto near = 0.7 * radius + 2;  // at 45 degrees
  struct Try {
    double dx;
    double dy;
    Anchor anchor;
  };
  const std::array tries{Try{gap, 4, Anchor::kStart},       Try{-gap, 4, Anchor::kEnd},
                         Try{0, -gap - 2, Anchor::kMiddle}, Try{0, gap + 10, Anchor::kMiddle},
                         Try{near, -near, Anchor::kStart},  Try{near, near + 9.5, Anchor::kStart},
                         Try{-near, -near, Anchor::kEnd},   Try{-near, near + 9.5, Anchor::kEnd}};
  // A label without its mark in sight says less than none.
  constexpr std::ptrdiff_t kMostCovered = 3;
  auto fewest = kMostCovered + 1;
  Try best{};
  Box covered;
  for (const auto& attempt : tries) {
    const auto x = at.x + attempt.dx;
    const auto y = at.y + attempt.dy;
    const auto left = attempt.anchor == Anchor::kStart ? x
                      : attempt.anchor == Anchor::kEnd ? x - width
                                                       : x - width / 2;
    const Box box{left - 1, y - 10, left + width + 1, y + 3};
    const auto overlaps = [&](const Box& other) { return other.overlaps(box); };
    if (!area_.contains(box) || std::any_of(taken_.begin(), taken_.end(), overlaps)) {
      continue;
    }
    const auto marks = std::count_if(marks_.begin(), marks_.end(), overlaps);
    if (marks < fewest) {
      fewest = marks;
      best = attempt;
      covered = box;
    }
  }
  if (fewest > kMostCovered) {
    return false;
  }
  svg.text({at.x + best.dx, at.y + best.dy}, text, "t w", best.anchor);
  taken_.push_back(covered);
  return true;
}

}  // namespace tessera::report
