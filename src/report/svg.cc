// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/svg.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <iterator>

namespace tessera::report {
namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr char32_t kEllipsis = 0x2026;
/// Names of any length arrive here; nothing longer than this is ever shown.
constexpr std::size_t kLongestName = 4096;

/// Colours of the marks on light and on dark ground, in the order of `Color` without kAuto.
struct Hue {
  std::string_view light;
  std::string_view dark;
};
constexpr std::array kHues{Hue{"#0072b2", "#4aa8e0"}, Hue{"#d55e00", "#f0843c"},
                           Hue{"#009e73", "#2fc498"}, Hue{"#e69f00", "#f2b73d"},
                           Hue{"#b8609a", "#d994bf"}, Hue{"#56b4e9", "#8fd0f5"},
                           Hue{"#6e7781", "#9aa4ae"}};
constexpr std::size_t kAutoHues = 6;

/// The code point at `at`, which moves past it; U+FFFD for a byte that starts none.
char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto lead = byte(at);
  const std::size_t length = lead < 0x80        ? 1
                             : lead >> 5U == 6  ? 2
                             : lead >> 4U == 14 ? 3
                             : lead >> 3U == 30 ? 4
                                                : 0;
  if (length <= 1) {
    ++at;
    return length == 1 ? lead : kReplacement;
  }
  char32_t code = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = byte(at + i);
    if (next >> 6U != 2) {
      ++at;
      return kReplacement;
    }
    code = (code << 6U) | (next & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kSmallest{0, 0, 0x80, 0x800, 0x10000};
  if (code < kSmallest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
    ++at;
    return kReplacement;
  }
  at += length;
  return code;
}

void append(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const auto tail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
  };
  if (code < 0x800) {
    out += static_cast<char>(0xC0U | (code >> 6U));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0U | (code >> 12U));
    tail(6);
  } else {
    out += static_cast<char>(0xF0U | (code >> 18U));
    tail(12);
    tail(6);
  }
  tail(0);
}

/// Controls, noncharacters and marks that turn the direction of writing.
bool is_unwanted(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029 || code == 0x200E ||
         code == 0x200F || (code & 0xFFFEU) == 0xFFFE || (code >= 0xFDD0 && code <= 0xFDEF);
}

std::u32string code_points(std::string_view text) {
  std::u32string points;
  for (std::size_t at = 0; at < text.size() && points.size() < kLongestName;) {
    const auto code = next_code_point(text, at);
    if (code == '\t' || code == '\n' || code == '\r') {
      points += U' ';
    } else {
      points += is_unwanted(code) ? kReplacement : code;
    }
  }
  return points;
}

std::string encode(std::u32string_view points) {
  std::string text;
  for (const auto code : points) {
    append(text, code);
  }
  return text;
}

std::string elide(const std::u32string& points, std::size_t length) {
  if (points.size() <= length) {
    return encode(points);
  }
  const auto kept = length > 0 ? length - 1 : 0;
  // Names of layers differ at their ends.
  const auto head = (kept + 2) / 3;
  auto text = encode(std::u32string_view(points).substr(0, head));
  append(text, kEllipsis);
  return text + encode(std::u32string_view(points).substr(points.size() - (kept - head)));
}

/// Widths in DejaVu Sans, in hundredths of the size, from U+0020 to U+007E.
constexpr std::array<unsigned char, 95> kWidths{
    32, 40, 46, 84, 64, 95, 78, 28, 39,  39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 78, 75, 30, 30, 66, 56, 86, 75, 79,
    60, 79, 70, 64, 61, 73, 68, 99, 69,  61, 69, 39, 34, 39, 84, 50, 50, 61, 64, 55, 64, 62, 35, 64,
    63, 28, 28, 58, 28, 97, 63, 61, 64,  64, 41, 52, 39, 63, 59, 82, 59, 59, 53, 64, 34, 64, 84};

double width_of(char32_t code) {
  if (code >= 0x20 && code <= 0x7E) {
    return kWidths[code - 0x20] / 100.0;
  }
  return code < 0x2E80 ? 0.8 : 1.05;  // Latin, Greek, signs; then what is a square
}

}  // namespace

std::string clean_text(std::string_view text) {
  return encode(code_points(text));
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string shorten(std::string_view text, std::size_t length) {
  return elide(code_points(text), length);
}

double text_width(std::string_view text, double size) {
  double width = 0;
  for (const auto code : code_points(text)) {
    width += width_of(code);
  }
  return width * size;
}

std::string fit_text(std::string_view text, double size, double width) {
  const auto points = code_points(text);
  auto length = points.size();
  auto fitted = encode(points);
  for (auto wide = text_width(fitted, size); wide > width && length > 1;
       wide = text_width(fitted, size)) {
    // Never more than what is too much at the mean width: two or three rounds.
    const auto guess = static_cast<double>(length) * width / wide;
    length = std::max<std::size_t>(1, std::min(length - 1, static_cast<std::size_t>(guess)));
    fitted = elide(points, length);
  }
  return fitted;
}

std::string px(double value) {
  auto text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::size_t color_index(Color color, std::size_t position) {
  return color == Color::kAuto ? position % kAutoHues : static_cast<std::size_t>(color) - 1;
}

void Svg::end(std::string_view tag, std::string_view tooltip) {
  if (tooltip.empty()) {
    out_ += "/>\n";
  } else {
    out_ += fmt::format("><title>{}</title></{}>\n", escape(shorten(tooltip, kTooltipLength)), tag);
  }
}

void Svg::rect(const Box& box, std::string_view css, std::string_view tooltip) {
  out_ += fmt::format(R"(<rect class="{}" x="{}" y="{}" width="{}" height="{}")", css, px(box.left),
                      px(box.top), px(box.width()), px(box.height()));
  end("rect", tooltip);
}

void Svg::cell(const Box& box, std::string_view fill, std::string_view tooltip) {
  out_ += fmt::format(R"(<rect fill="{}" x="{}" y="{}" width="{}" height="{}")", fill, px(box.left),
                      px(box.top), px(box.width()), px(box.height()));
  end("rect", tooltip);
}

void Svg::cells(const std::vector<Box>& boxes, std::string_view fill) {
  out_ += fmt::format("<path fill=\"{}\" d=\"", fill);
  for (const auto& box : boxes) {
    out_ += fmt::format("M{} {}h{}v{}h{}z", px(box.left), px(box.top), px(box.width()),
                        px(box.height()), px(-box.width()));
  }
  out_ += "\"/>\n";
}

void Svg::line(Position from, Position to, std::string_view css) {
  out_ += fmt::format("<path class=\"{}\" d=\"M{} {}L{} {}\"/>\n", css, px(from.x), px(from.y),
                      px(to.x), px(to.y));
}

namespace {

std::string path_data(const std::vector<Position>& points) {
  std::string data;
  for (const auto& point : points) {
    data += fmt::format("{}{} {}", data.empty() ? 'M' : 'L', px(point.x), px(point.y));
  }
  return data;
}

}  // namespace

void Svg::polyline(const std::vector<Position>& points, std::string_view css) {
  out_ += fmt::format("<path class=\"{}\" d=\"{}\"/>\n", css, path_data(points));
}

void Svg::polygon(const std::vector<Position>& points, std::string_view css) {
  out_ += fmt::format("<path class=\"{}\" d=\"{}Z\"/>\n", css, path_data(points));
}

void Svg::curve(Position from, Position to, double width, std::string_view css,
                std::string_view tooltip) {
  const auto middle = px((from.x + to.x) / 2);
  out_ += fmt::format(
      R"(<path class="{}" fill="none" stroke-width="{}" d="M{} {}C{} {} {} {} {} {}")", css,
      px(width), px(from.x), px(from.y), middle, px(from.y), middle, px(to.y), px(to.x), px(to.y));
  end("path", tooltip);
}

void Svg::bow(Position from, Position to, double height, std::string_view css) {
  // A cubic curve reaches three quarters of the way to the height of its handles.
  const auto handle = px(from.y - height * 4 / 3);
  out_ += fmt::format("<path class=\"{}\" d=\"M{} {}C{} {} {} {} {} {}\"/>\n", css, px(from.x),
                      px(from.y), px(from.x), handle, px(to.x), handle, px(to.x), px(to.y));
}

namespace {

std::string_view anchor_class(Anchor anchor) {
  switch (anchor) {
    case Anchor::kMiddle:
      return " am";
    case Anchor::kEnd:
      return " ae";
    default:
      return "";
  }
}

}  // namespace

void Svg::text(Position at, std::string_view text, std::string_view css, Anchor anchor) {
  if (!text.empty()) {
    out_ += fmt::format("<text class=\"{}{}\" x=\"{}\" y=\"{}\">{}</text>\n", css,
                        anchor_class(anchor), px(at.x), px(at.y), escape(text));
  }
}

void Svg::turned_text(Position at, double degrees, std::string_view text, std::string_view css,
                      Anchor anchor) {
  if (!text.empty()) {
    out_ += fmt::format(
        "<text class=\"{}{}\" x=\"{}\" y=\"{}\" transform=\"rotate({} {} {})\">{}</text>\n", css,
        anchor_class(anchor), px(at.x), px(at.y), px(-degrees), px(at.x), px(at.y), escape(text));
  }
}

void Svg::mark(Position at, std::size_t shape, double radius, std::string_view css,
               std::string_view tooltip) {
  constexpr std::size_t kShapes = 5;
  const auto corner = [&](double dx, double dy) {
    return fmt::format("{} {}", px(at.x + dx * radius), px(at.y + dy * radius));
  };
  std::string data;
  switch (shape % kShapes) {
    case 0:
      out_ += fmt::format(R"(<circle class="{}" cx="{}" cy="{}" r="{}")", css, px(at.x), px(at.y),
                          px(radius));
      end("circle", tooltip);
      return;
    case 1:
      data = fmt::format("M{}L{}L{}L{}Z", corner(-.9, -.9), corner(.9, -.9), corner(.9, .9),
                         corner(-.9, .9));
      break;
    case 2:
      data = fmt::format("M{}L{}L{}Z", corner(0, -1.2), corner(1.1, .8), corner(-1.1, .8));
      break;
    case 3:
      data = fmt::format("M{}L{}L{}L{}Z", corner(0, -1.3), corner(1.3, 0), corner(0, 1.3),
                         corner(-1.3, 0));
      break;
    default:
      data = fmt::format("M{}L{}L{}Z", corner(0, 1.2), corner(1.1, -.8), corner(-1.1, -.8));
  }
  out_ += fmt::format(R"(<path class="{}" d="{}")", css, data);
  end("path", tooltip);
}

void Svg::group(Position at, const Chart& chart) {
  out_ += fmt::format(
      "<g transform=\"translate({} {})\" role=\"img\" aria-label=\"{}\">\n<title>{}</title>\n"
      "<desc>{}</desc>\n{}</g>\n",
      px(at.x), px(at.y), escape(chart.title), escape(chart.title), escape(chart.description),
      chart.body);
}

namespace {

/// Everything is styled by class, so that one media query turns a chart dark. Custom properties
/// would be shorter, but printers and converters (librsvg) do not know them. All classes stand
/// below .tessera-chart: a chart may be put into a page as it is.
std::string style_sheet() {
  std::string light;
  std::string dark;
  const auto both = [&](std::string_view selector, std::string_view property,
                        std::string_view on_light, std::string_view on_dark) {
    light += fmt::format(".tessera-chart {}{{{}:{}}}\n", selector, property, on_light);
    dark += fmt::format(".tessera-chart {}{{{}:{}}}\n", selector, property, on_dark);
  };
  light +=
      ".tessera-chart{font-family:system-ui,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,"
      "sans-serif;font-size:12px}\n"
      ".tessera-chart .h{font-size:15px;font-weight:600}\n"
      ".tessera-chart .h1{font-size:18px;font-weight:600}\n"
      ".tessera-chart .t{font-size:11px;font-variant-numeric:tabular-nums}\n"
      ".tessera-chart .u{font-size:9px}\n"
      ".tessera-chart .am{text-anchor:middle}\n"
      ".tessera-chart .ae{text-anchor:end}\n"
      ".tessera-chart .g{fill:none;stroke-width:1}\n"
      ".tessera-chart .a{fill:none;stroke-width:1}\n"
      ".tessera-chart .r{fill:none;stroke-width:1.25;stroke-dasharray:5 4}\n"
      ".tessera-chart .l{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\n"
      ".tessera-chart .d{stroke-dasharray:7 5}\n"
      ".tessera-chart .e{fill:none;stroke-width:1.25}\n"
      ".tessera-chart .b{stroke:none;fill-opacity:.18}\n"
      ".tessera-chart .p{stroke-width:1;fill-opacity:.75}\n"
      ".tessera-chart .q{stroke-width:.5;fill-opacity:.45}\n"
      ".tessera-chart .o{fill-opacity:.85}\n"
      ".tessera-chart .k{font-variant-numeric:tabular-nums}\n"
      ".tessera-chart .on-dark{fill:#ffffff}\n"
      ".tessera-chart .on-light{fill:#1f2328}\n"
      ".tessera-chart .w{stroke-width:3;stroke-linejoin:round;paint-order:stroke}\n";
  both(".bg", "fill", "#ffffff", "#16181c");
  both("text", "fill", "#1f2328", "#e6e8eb");
  both(".m", "fill", "#59636e", "#a3adb8");
  both(".g", "stroke", "#e4e7eb", "#2c3139");
  both(".a", "stroke", "#8c959f", "#6b7580");
  both(".r", "stroke", "#59636e", "#a3adb8");
  both(".e", "stroke", "#1f2328", "#e6e8eb");
  both(".v", "stroke", "#ffffff", "#16181c");
  both(".w", "stroke", "#ffffff", "#16181c");
  both(".z", "fill", "#f6f7f9", "#1c1f24");
  for (std::size_t i = 0; i < kHues.size(); ++i) {
    both(fmt::format(".f{}", i), "fill", kHues[i].light, kHues[i].dark);
    both(fmt::format(".s{}", i), "stroke", kHues[i].light, kHues[i].dark);
  }
  return light + "@media (prefers-color-scheme:dark){\n" + dark + "}\n";
}

}  // namespace

std::string svg(const Chart& chart) {
  const auto title = escape(chart.title.empty() ? "chart" : chart.title);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tessera-chart\" width=\"{}\" "
      "height=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n<title>{}</title>\n"
      "<desc>{}</desc>\n<style>\n{}</style>\n"
      "<rect class=\"bg\" x=\"0\" y=\"0\" width=\"{}\" height=\"{}\"/>\n{}</svg>\n",
      px(chart.width_px), px(chart.height_px), px(chart.width_px), px(chart.height_px), title,
      title, escape(chart.description), style_sheet(), px(chart.width_px), px(chart.height_px),
      chart.body);
}

}  // namespace tessera::report
