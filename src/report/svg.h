// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/report/chart.h"

/// The elements charts are drawn with, and what is known about text without a font at hand.
namespace tessera::report {

struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;

  [[nodiscard]] double width() const { return right - left; }
  [[nodiscard]] double height() const { return bottom - top; }
  [[nodiscard]] bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
  [[nodiscard]] bool contains(const Box& other) const {
    return left <= other.left && other.right <= right && top <= other.top && other.bottom <= bottom;
  }
};

struct Position {
  double x = 0;
  double y = 0;
};

enum class Anchor : std::uint8_t { kStart, kMiddle, kEnd };

inline constexpr double kTextSize = 12;
inline constexpr double kSmallSize = 11;
inline constexpr double kTitleSize = 15;
inline constexpr double kLargeTitleSize = 18;
inline constexpr std::size_t kTooltipLength = 160;

/// Valid UTF-8 that XML allows, on one line, without controls and marks that turn the direction of
/// the text around it; what is not becomes U+FFFD.
[[nodiscard]] std::string clean_text(std::string_view text);
/// `clean_text`, with & < > " ' as entities.
[[nodiscard]] std::string escape(std::string_view text);
/// `clean_text` of at most `length` characters, shortened in the middle.
[[nodiscard]] std::string shorten(std::string_view text, std::size_t length);
/// Width in pixels as DejaVu Sans has it, which is wider than what browsers usually take.
[[nodiscard]] double text_width(std::string_view text, double size);
/// Clean text of at most `width` pixels, shortened in the middle.
[[nodiscard]] std::string fit_text(std::string_view text, double size, double width);

/// A length with at most two decimals: "12", "0.5", never "-0".
[[nodiscard]] std::string px(double value);

/// Index of the class names f<i> (filled) and s<i> (stroked) of a colour.
[[nodiscard]] std::size_t color_index(Color color, std::size_t position);

/// Writes elements, one a line. Coordinates are pixels, `css` is a list of classes of the style
/// sheet, text is escaped here.
class Svg {
 public:
  void rect(const Box& box, std::string_view css, std::string_view tooltip = {});
  /// As `rect`, filled with a colour of its own, "#rrggbb".
  void cell(const Box& box, std::string_view fill, std::string_view tooltip);
  /// The boxes as one element: many small ones cost a tenth.
  void cells(const std::vector<Box>& boxes, std::string_view fill);
  void line(Position from, Position to, std::string_view css);
  void polyline(const std::vector<Position>& points, std::string_view css);
  void polygon(const std::vector<Position>& points, std::string_view css);
  /// Leaves and arrives level, so that many of them stay apart where they meet.
  void curve(Position from, Position to, double width, std::string_view css,
             std::string_view tooltip);
  /// Over what stands between two places of the same height, `height` above them.
  void bow(Position from, Position to, double height, std::string_view css);
  void text(Position at, std::string_view text, std::string_view css,
            Anchor anchor = Anchor::kStart);
  /// Turned against the clock around `at`.
  void turned_text(Position at, double degrees, std::string_view text, std::string_view css,
                   Anchor anchor = Anchor::kStart);
  /// Circle, square, triangle, diamond, ... by `shape`, so that series differ without colour, too.
  void mark(Position at, std::size_t shape, double radius, std::string_view css,
            std::string_view tooltip);
  /// Another drawing with its upper left corner at `at`, named for screen readers.
  void group(Position at, const Chart& chart);

  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  void end(std::string_view tag, std::string_view tooltip);
  std::string out_;
};

}  // namespace tessera::report
