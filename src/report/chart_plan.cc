// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "report/frame.h"
#include "report/plan_columns.h"
#include "report/plan_layout.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

constexpr double kEdge = 14;
constexpr double kGap = 10;  ///< between the names of lanes and the boxes
constexpr double kLongestLane = 150;
constexpr double kBoxHeight = 24;
constexpr double kSlotPitch = 32;
constexpr double kLanePad = 10;
/// Between lanes: two lines of labels.
constexpr double kLaneGap = 40;
constexpr double kBoxPad = 6;
constexpr double kThick = 3;
constexpr double kBow = 9;  ///< above boxes that stand in the way
constexpr double kArrow = 6;
constexpr std::size_t kCutColor = 6;  ///< grey, which no kind has
constexpr std::size_t kMostListed = 12;
constexpr double kListPitch = 16;

std::string box_label(const PlanGraph& chart, const PlanBox& box) {
  return box.nodes.size() == 1
             ? chart.nodes[box.nodes.front()].name
             : fmt::format("{} {}", box.nodes.size(), box.is_end ? "values" : "layers");
}

std::string box_tooltip(const PlanGraph& chart, const PlanBox& box) {
  const auto& first = chart.nodes[box.nodes.front()];
  const auto lane = shorten(chart.lanes[box.lane], 32);
  if (box.is_end) {
    return fmt::format("{}: {}", lane,
                       box.nodes.size() == 1 ? shorten(first.tooltip, 80) : box_label(chart, box));
  }
  const auto& last = chart.nodes[box.nodes.back()];
  const auto names = box.nodes.size() == 1
                         ? shorten(first.name, 80)
                         : fmt::format("{} layers, {} to {}", box.nodes.size(),
                                       shorten(first.name, 32), shorten(last.name, 32));
  const auto more = box.nodes.size() == 1 && !first.tooltip.empty() ? ", " + first.tooltip : "";
  return fmt::format("{}: {}, {}{}", names, lane, shorten(chart.kinds[box.kind].name, 16), more);
}

/// Values that one arrow stands for; what is read several times is sent once.
std::vector<const PlanEdge*> sent(const PlanGraph& chart, const PlanArrow& arrow) {
  std::set<std::pair<std::size_t, std::string_view>> seen;
  std::vector<const PlanEdge*> values;
  for (const auto e : arrow.edges) {
    const auto& edge = chart.edges[e];
    if (edge.cut && seen.insert({edge.from, edge.label}).second) {
      values.push_back(&edge);
    }
  }
  return values;
}

std::string sum_text(const std::vector<const PlanEdge*>& values) {
  double size = 0;
  double us = 0;
  for (const auto* edge : values) {
    size += edge->bytes;
    us += edge->us;
  }
  const auto text = fmt::format("{} tensors", values.size());
  return size > 0 || us > 0 ? fmt::format("{}, {}, {}", text, bytes(size), duration(us)) : text;
}

std::string arrow_tooltip(const PlanGraph& chart, const PlanLayout& layout,
                          const PlanArrow& arrow) {
  const auto& from = chart.lanes[layout.boxes[arrow.from].lane];
  const auto& to = chart.lanes[layout.boxes[arrow.to].lane];
  auto text = fmt::format("{} to {}", shorten(from, 24), shorten(to, 24));
  for (const auto* edge : sent(chart, arrow)) {
    text += fmt::format("; {}: {}", shorten(chart.nodes[edge->from].name, 32), edge->label);
  }
  return text;
}

class Drawing {
 public:
  Drawing(const PlanGraph& chart, const PlanLayout& layout) : chart_(chart), layout_(layout) {}

  Chart draw() {
    measure();
    draw_lanes();
    for (const auto& arrow : layout_.arrows) {
      draw_arrow(arrow, false);
    }
    for (const auto& arrow : layout_.arrows) {
      draw_arrow(arrow, true);
    }
    for (std::size_t b = 0; b < layout_.boxes.size(); ++b) {
      draw_box(b);
    }
    mark_empty_lanes();
    draw_labels();
    if (layout_.boxes.empty()) {
      svg_.text({width_ / 2, (top_ + bottom_) / 2 + 4}, "no data", "m w", Anchor::kMiddle);
    }
    const auto height = draw_list();
    return finish(std::move(svg_), chart_.heading, describe(), width_, height, 0);
  }

 private:
  [[nodiscard]] std::vector<LegendEntry> legend() const {
    std::vector<LegendEntry> entries;
    for (std::size_t k = 0; k < chart_.kinds.size(); ++k) {
      entries.push_back({chart_.kinds[k].name, LegendEntry::Kind::kBox,
                         color_index(chart_.kinds[k].color, k), 0});
    }
    if (std::any_of(layout_.arrows.begin(), layout_.arrows.end(),
                    [](const PlanArrow& arrow) { return arrow.cut; })) {
      entries.push_back({"sent over a link", LegendEntry::Kind::kArrow, kCutColor, 0});
    }
    return entries;
  }

  void measure() {
    std::vector<double> labels;
    for (const auto& box : layout_.boxes) {
      labels.push_back(text_width(box_label(chart_, box), kSmallSize) + 2 * kBoxPad);
    }
    double names = 0;
    for (const auto& lane : chart_.lanes) {
      names = std::max(names, std::min(text_width(lane, kTextSize), kLongestLane));
    }
    left_ = kEdge + kGap + names + 2 * kGap;
    columns_ = place_columns(layout_, labels, left_, chart_.width_px - left_ - 2 * kEdge);
    const auto needed = columns_.right + 2 * kEdge;
    constexpr double kRounding = 1e-3;
    width_ = needed > chart_.width_px + kRounding ? needed : chart_.width_px;
    place_lanes(draw_head(svg_, chart_.heading, legend(), width_) + 12);
  }

  void place_lanes(double top) {
    top_ = top;
    auto y = top;
    for (const auto slots : layout_.slots) {
      const auto height = static_cast<double>(slots) * kSlotPitch - (kSlotPitch - kBoxHeight);
      lanes_.push_back({kEdge, y, width_ - kEdge, y + height + 2 * kLanePad});
      y = lanes_.back().bottom + kLaneGap;
    }
    bottom_ = lanes_.empty() ? top + kLaneGap : lanes_.back().bottom;
    for (const auto& box : layout_.boxes) {
      taken_.insert({box.lane, box.slot, box.column});
      const auto& column = columns_.columns[box.column];
      const auto upper =
          lanes_[box.lane].top + kLanePad + static_cast<double>(box.slot) * kSlotPitch;
      places_.push_back({column.left, upper, right_of(box), upper + kBoxHeight});
    }
  }

  [[nodiscard]] double right_of(const PlanBox& box) const {
    const auto& column = columns_.columns[box.column];
    if (columns_.layer_width == 0 || box.is_end) {
      return column.right;
    }
    constexpr double kMostBetween = 2;
    return column.left + static_cast<double>(box.nodes.size()) * columns_.layer_width -
           std::min(kMostBetween, columns_.layer_width / 4);
  }

  void draw_lanes() {
    for (std::size_t l = 0; l < lanes_.size(); ++l) {
      svg_.rect(lanes_[l], "z");
      svg_.text({kEdge + kGap, (lanes_[l].top + lanes_[l].bottom) / 2 + 4},
                fit_text(chart_.lanes[l], kTextSize, kLongestLane), "k");
    }
  }

  [[nodiscard]] std::pair<Position, Position> ends(const PlanArrow& arrow) const {
    const auto& from = places_[arrow.from];
    const auto& to = places_[arrow.to];
    return {{from.right, (from.top + from.bottom) / 2},
            {to.left - (arrow.cut ? kArrow : 0), (to.top + to.bottom) / 2}};
  }

  /// Whether boxes stand in the way of a level line.
  [[nodiscard]] bool is_hidden(const PlanArrow& arrow) const {
    const auto& from = layout_.boxes[arrow.from];
    const auto& to = layout_.boxes[arrow.to];
    if (from.lane != to.lane || from.slot != to.slot) {
      return false;
    }
    const auto next = taken_.upper_bound({from.lane, from.slot, from.column});
    return next != taken_.end() && *next < std::tuple(to.lane, to.slot, to.column);
  }

  void draw_arrow(const PlanArrow& arrow, bool cut) {
    if (arrow.cut != cut) {
      return;
    }
    const auto [from, to] = ends(arrow);
    if (!cut && is_hidden(arrow)) {
      const auto top = places_[arrow.from].top;
      svg_.bow({from.x - 2, top}, {to.x + 2, top}, kBow, "a");
      return;
    }
    if (!cut) {
      svg_.curve(from, to, 1, "a", {});
      return;
    }
    svg_.curve(from, to, kThick, fmt::format("s{}", kCutColor),
               arrow_tooltip(chart_, layout_, arrow));
    svg_.polygon({{to.x + kArrow, to.y}, {to.x - 1, to.y - 5}, {to.x - 1, to.y + 5}},
                 fmt::format("f{}", kCutColor));
  }

  void draw_shape(const PlanBox& box, const Box& place) {
    if (box.is_end) {
      svg_.rect(place, "bg a", box_tooltip(chart_, box));
      return;
    }
    const auto color = color_index(chart_.kinds[box.kind].color, box.kind);
    // What lies behind must not shine through.
    svg_.rect(place, "bg");
    svg_.rect(place, fmt::format("q f{} s{}", color, color), box_tooltip(chart_, box));
  }

  void draw_box(std::size_t b) {
    const auto& box = layout_.boxes[b];
    const auto& place = places_[b];
    draw_shape(box, place);
    const auto text = box_text(box, place.width());
    svg_.text({(place.left + place.right) / 2, place.bottom - 8}, text, "t", Anchor::kMiddle);
  }

  /// What a box of that width says; nothing where it could say too little.
  std::string box_text(const PlanBox& box, double width) {
    const auto label = box_label(chart_, box);
    const auto room = width - kBoxPad;
    if (text_width(label, kSmallSize) <= room) {
      return label;
    }
    if (box.nodes.size() > 1) {
      // Of "12 layers" the number says most.
      const auto number = std::to_string(box.nodes.size());
      const bool fits = text_width(number, kSmallSize) <= width - 2;
      bare_ = bare_ || fits;
      return fits ? number : "";
    }
    constexpr double kTelling = 60;  // of names that are alike more than the ends must be seen
    return room < kTelling ? "" : fit_text(label, kSmallSize, room);
  }

  /// Where a cut crosses the height `y`.
  static Position crossing(Position from, Position to, double y) {
    // y goes as 3 t^2 - 2 t^3, and x as 1.5 t (1 - t) + t^3 of the way.
    double low = 0;
    double high = 1;
    for (int i = 0; i < 40; ++i) {
      const auto t = (low + high) / 2;
      const auto here = from.y + (to.y - from.y) * t * t * (3 - 2 * t);
      ((here < y) == (to.y > from.y) ? low : high) = t;
    }
    const auto t = low;
    return {from.x + (to.x - from.x) * (1.5 * t * (1 - t) + t * t * t), y};
  }

  [[nodiscard]] std::string cut_label(const PlanArrow& arrow) {
    std::vector<const PlanEdge*> values;
    for (const auto* edge : sent(chart_, arrow)) {
      // What another box of that lane got already is not sent again.
      if (told_.insert({edge->from, layout_.boxes[arrow.to].lane, edge->label}).second) {
        values.push_back(edge);
      }
    }
    if (values.size() > 1) {
      return sum_text(values);
    }
    return values.empty() ? "" : values.front()->label;
  }

  bool place_label(LabelPlacer& labels, const PlanArrow& arrow, const std::string& text) {
    const auto [from, to] = ends(arrow);
    const auto down = to.y > from.y;
    constexpr std::array kHeights{0.5, 0.25, 0.75};
    for (std::size_t l = 0; l + 1 < lanes_.size(); ++l) {
      // From the sender on: there the label is read first.
      const auto lane = down ? l : lanes_.size() - 2 - l;
      const auto upper = lanes_[lane].bottom;
      for (const auto share : kHeights) {
        const auto y = upper + share * kLaneGap;
        const bool crossed = (from.y < y) == (y < to.y);
        if (crossed && labels.place(svg_, crossing(from, to, y), kThick, text)) {
          return true;
        }
      }
    }
    return false;
  }

  /// Over arrows that pass by.
  void mark_empty_lanes() {
    for (std::size_t l = 0; l < lanes_.size() && !layout_.boxes.empty(); ++l) {
      if (std::none_of(layout_.boxes.begin(), layout_.boxes.end(),
                       [&](const PlanBox& box) { return box.lane == l; })) {
        svg_.text({left_, (lanes_[l].top + lanes_[l].bottom) / 2 + 4}, "no layers", "t m w");
      }
    }
  }

  /// Arrows between lanes are covered only where labels have no better place.
  void avoid_arrow(LabelPlacer& labels, const PlanArrow& arrow) const {
    const auto [from, to] = ends(arrow);
    constexpr double kStep = 12;  // less than the height of a label: none slips through
    for (auto y = std::min(from.y, to.y) + kStep; y < std::max(from.y, to.y); y += kStep) {
      labels.avoid_mark(crossing(from, to, y), 1);
    }
  }

  void draw_labels() {
    LabelPlacer labels({left_ - kGap, top_, width_ - kEdge, bottom_});
    for (const auto& lane : lanes_) {
      labels.avoid(lane);
    }
    for (const auto& arrow : layout_.arrows) {
      if (arrow.cut) {
        avoid_arrow(labels, arrow);
      }
    }
    for (const auto& arrow : layout_.arrows) {
      const auto text = arrow.cut ? cut_label(arrow) : std::string();
      if (!text.empty() && !place_label(labels, arrow, text)) {
        listed_.push_back(arrow_tooltip(chart_, layout_, arrow));
      }
    }
  }

  /// What had no room above; returns the height of the whole.
  double draw_list() {
    auto y = bottom_ + 6;
    const bool strip = columns_.layer_width > 0;
    if (bare_ || strip) {
      y += kListPitch;
      svg_.text({kEdge, y},
                strip ? fmt::format("width of boxes{}: layers", bare_ ? " and numbers in them" : "")
                      : "numbers in boxes: layers, where it is not one",
                "t m");
    }
    const auto shown = std::min(listed_.size(), kMostListed);
    for (std::size_t i = 0; i < shown; ++i) {
      y += kListPitch;
      svg_.text({kEdge, y}, fit_text(listed_[i], kSmallSize, width_ - 2 * kEdge), "t m");
    }
    if (shown < listed_.size()) {
      y += kListPitch;
      svg_.text({kEdge, y}, fmt::format("and {} more, see the arrows", listed_.size() - shown),
                "t m");
    }
    return y + kEdge;
  }

  [[nodiscard]] std::string describe() const {
    if (layout_.boxes.empty()) {
      return "Plan without layers.";
    }
    const auto layers = std::count_if(chart_.nodes.begin(), chart_.nodes.end(),
                                      [](const PlanNode& node) { return !node.is_end; });
    auto text = fmt::format("Plan of {} layers", layers);
    for (std::size_t l = 0; l < chart_.lanes.size(); ++l) {
      const auto count =
          std::count_if(chart_.nodes.begin(), chart_.nodes.end(),
                        [&](const PlanNode& node) { return node.lane == l && !node.is_end; });
      text += fmt::format("{} {} on {}", l == 0 ? ":" : ",", count, shorten(chart_.lanes[l], 40));
    }
    std::size_t cuts = 0;
    for (const auto& arrow : layout_.arrows) {
      cuts += arrow.cut ? 1 : 0;
    }
    return text + fmt::format("; {} arrows over links.", cuts);
  }

  const PlanGraph& chart_;
  const PlanLayout& layout_;
  Svg svg_;
  double width_ = 0;
  double left_ = 0;  ///< of the first column
  double top_ = 0;
  double bottom_ = 0;
  PlanColumns columns_;
  std::vector<Box> lanes_;
  std::vector<Box> places_;                                            ///< by box
  std::set<std::tuple<std::size_t, std::size_t, std::size_t>> taken_;  ///< lane, slot, column
  std::set<std::tuple<std::size_t, std::size_t, std::string_view>> told_;
  std::vector<std::string> listed_;
  bool bare_ = false;  ///< a box shows its number of layers without the word
};

}  // namespace

Result<Chart> draw(const PlanGraph& chart) {
  TESSERA_TRY(const auto layout, lay_out(chart));
  return Drawing(chart, layout).draw();
}

}  // namespace tessera::report
