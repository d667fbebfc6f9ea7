// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/plan_columns.h"

#include <algorithm>
#include <numeric>

namespace tessera::report {
namespace {

constexpr double kWidestBox = 124;
constexpr double kNarrowestBox = 16;
/// Between columns: an arrow that is seen to turn.
constexpr double kWideStep = 72;
constexpr double kNarrowStep = 14;
/// Where something is sent: a thick arrow and its head.
constexpr double kCutStep = 22;
/// Of one layer where there is no room for text: still seen, and its colour told.
constexpr double kThinnestLayer = 3;

class Columns {
 public:
  Columns(const PlanLayout& layout, const std::vector<double>& labels)
      : wanted_(layout.columns, kNarrowestBox),
        layers_(layout.columns, 0),
        ends_(layout.columns, 0),
        sends_(layout.columns + 1, false) {
    for (std::size_t b = 0; b < layout.boxes.size(); ++b) {
      const auto& box = layout.boxes[b];
      const auto c = box.column;
      wanted_[c] = std::max(wanted_[c], std::min(labels[b], kWidestBox));
      if (box.is_end) {
        ends_[c] = std::max(ends_[c], std::min(labels[b], kWidestBox));
      } else {
        layers_[c] = std::max(layers_[c], static_cast<double>(box.nodes.size()));
      }
    }
    for (const auto& arrow : layout.arrows) {
      if (arrow.cut) {
        sends_[layout.boxes[arrow.from].column + 1] = true;
        sends_[layout.boxes[arrow.to].column] = true;
      }
    }
  }

  PlanColumns place(double left, double room) const {
    return width(kNarrowestBox, kNarrowStep) <= room ? with_text(left, room) : strip(left, room);
  }

 private:
  /// The step in front of a column.
  [[nodiscard]] double step(std::size_t c, double usual) const {
    return c == 0 ? 0 : sends_[c] ? std::max(usual, kCutStep) : usual;
  }
  [[nodiscard]] double given(std::size_t c, double widest) const {
    return std::max(std::min(wanted_[c], widest), ends_[c]);
  }
  [[nodiscard]] double width(double widest, double usual) const {
    double all = 0;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      all += step(c, usual) + given(c, widest);
    }
    return all;
  }

  /// As wide as their labels, less where there is no room for that.
  [[nodiscard]] PlanColumns with_text(double left, double room) const {
    auto usual = kWideStep;
    while (usual > kNarrowStep && width(kWidestBox, usual) > room) {
      usual -= 1;
    }
    auto widest = kWidestBox;
    while (widest > kNarrowestBox && width(widest, usual) > room) {
      widest -= 2;
    }
    PlanColumns placed;
    auto x = left;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      x += step(c, usual);
      placed.columns.push_back({x, x + given(c, widest)});
      x = placed.columns.back().right;
    }
    placed.right = x;
    return placed;
  }

  /// As wide as they have layers.
  [[nodiscard]] PlanColumns strip(double left, double room) const {
    double fixed = 0;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      fixed += step(c, 0) + ends_[c] + (ends_[c] > 0 ? kNarrowStep : 0);
    }
    const auto layers = std::accumulate(layers_.begin(), layers_.end(), 0.0);
    PlanColumns placed;
    placed.layer_width = std::max((room - fixed) / std::max(layers, 1.0), kThinnestLayer);
    auto x = left;
    for (std::size_t c = 0; c < wanted_.size(); ++c) {
      // What stands between the ends of the model and its layers is seen to lead there.
      const bool beside_end = ends_[c] > 0 || (c > 0 && ends_[c - 1] > 0);
      x += std::max(step(c, 0), c > 0 && beside_end ? kNarrowStep / 2 : 0.0);
      placed.columns.push_back({x, x + std::max(layers_[c] * placed.layer_width, ends_[c])});
      x = placed.columns.back().right;
    }
    placed.right = x;
    return placed;
  }

  std::vector<double> wanted_;  ///< by column
  std::vector<double> layers_;  ///< the most that a box has
  std::vector<double> ends_;    ///< of inputs and outputs of the model; 0: none
  std::vector<bool> sends_;     ///< something is sent through the step in front
};

}  // namespace

PlanColumns place_columns(const PlanLayout& layout, const std::vector<double>& labels, double left,
                          double room) {
  return Columns(layout, labels).place(left, room);
}

}  // namespace tessera::report
