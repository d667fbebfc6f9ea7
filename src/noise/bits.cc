// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/bits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "noise/bits_export.h"
#include "noise/bits_model.h"

namespace tessera::noise {
namespace {

Status check_widths(const std::vector<int>& widths, int least, int most, std::string_view what) {
  for (const int bits : widths) {
    if (bits < least || bits > most) {
      return fail(ErrorCode::kInvalidArgument, "{} bits for {}; expected {} to {}", bits, what,
                  least, most)
          .hint("widths are separated by commas");
    }
  }
  if (widths.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no bits for {} are given", what)
        .hint("name at least one width");
  }
  return {};
}

Status check(const BitsSetup& setup, const BitsOptions& options) {
  TESSERA_CHECK(check_widths(options.weight_bits, 2, 8, "weights"));
  TESSERA_CHECK(check_widths(options.activation_bits, 4, 16, "activations"));
  if (options.alpha != "auto" && options.alpha != "auto_po2") {
    return fail(ErrorCode::kInvalidArgument, "unknown scale '{}'; expected auto or auto_po2",
                options.alpha)
        .hint("auto_po2 takes powers of two, auto the largest weight");
  }
  if (setup.samples->size() == 0 || setup.calibration->size() == 0) {
    return fail(ErrorCode::kInvalidArgument, "there are no samples")
        .hint("look at what --data and --calibration-samples leave");
  }
  return {};
}

/// What a setting costs, by the widths of every knob.
class Cost {
 public:
  Cost(const BitsModel& model, const BitsOptions& options)
      : model_(model), sites_(model.sites()), knobs_(model.knobs()), options_(options) {}

  [[nodiscard]] double operator()(const Widths& widths) const {
    double cost = 0;
    for (std::size_t i = 0; i < knobs_.size(); ++i) {
      cost += knobs_[i].is_weight ? of_weights(i, widths) : of_activations(i, widths);
    }
    return cost;
  }

 private:
  [[nodiscard]] double of_weights(std::size_t i, const Widths& widths) const {
    const auto& site = sites_.weights[i];
    const int bits = model_.bits_at(widths, i);
    const auto stored = static_cast<double>(site.values.size()) * bits;
    if (options_.cost == BitsCost::kBits) {
      return stored;
    }
    const bool has_sign =
        site.inputs.empty() || std::ranges::any_of(site.inputs, [&](std::size_t input) {
          return knobs_[sites_.weights.size() + input].is_signed;
        });
    const keras::ProductWidths product{.weight_bits = bits,
                                       .input_bits = model_.input_bits(widths, i),
                                       .signed_input = has_sign,
                                       .terms = site.terms};
    return site.macs * keras::product_energy(product) +
           keras::moving_energy(stored, options_.store) +
           keras::moving_energy(site.input_elements * product.input_bits, options_.store);
  }
  [[nodiscard]] double of_activations(std::size_t i, const Widths& widths) const {
    const double bits = sites_.activations[knobs_[i].site].elements * model_.bits_at(widths, i);
    return options_.cost == BitsCost::kBits ? bits : keras::moving_energy(bits, options_.store);
  }

  const BitsModel& model_;
  const Sites& sites_;
  const std::vector<Knob>& knobs_;
  const BitsOptions& options_;
};

/// A setting that was run.
struct Tried {
  double noise = 0;  ///< sum of squares
  double sqnr_db = 0;
};

class Search {
 public:
  Search(BitsModel& model, const BitsOptions& options, Monitor& monitor)
      : model_(model),
        options_(options),
        monitor_(monitor),
        cost_of_(model, options),
        widths_(model.knobs().size(), 0),
        lowered_(model.knobs().size()) {}

  Result<Bits> run() {
    TESSERA_TRY(now_, measure(widths_));
    cost_ = cost_of_(widths_);
    Bits bits{.cost_unit = options_.cost == BitsCost::kEnergy ? "pJ" : "bits",
              .cost = cost_,
              .sqnr_db = now_.sqnr_db};
    for (;;) {
      TESSERA_TRY(const auto best, find_best());
      if (!best) {
        break;
      }
      if (options_.min_sqnr_db && !(lowered_[*best].tried.sqnr_db >= *options_.min_sqnr_db)) {
        // Noise grows with every step: what is too much now will stay so.
        lowered_[*best].closed = true;
        continue;
      }
      bits.steps.push_back(take(*best));
    }
    bits.models = models_;
    return bits;
  }

  /// Widths behind so many steps.
  [[nodiscard]] Widths after(std::int64_t steps) const {
    Widths widths(widths_.size(), 0);
    for (std::int64_t i = 0; i < steps; ++i) {
      ++widths[order_[static_cast<std::size_t>(i)]];
    }
    return widths;
  }

 private:
  /// A knob one width further down than now.
  struct Lowered {
    double added = -std::numeric_limits<double>::infinity();  ///< noise, when last measured
    double saved = 0;
    std::int64_t measured_at = -1;  ///< steps that there were then
    Tried tried;
    bool closed = false;
  };

  Result<Tried> measure(const Widths& widths) {
    TESSERA_TRY(const auto error, model_.measure(widths, monitor_));
    const auto& [metrics, sums] = error;
    ++models_;
    const bool known = std::isfinite(sums.noise) && sums.non_finite == 0;
    return Tried{.noise = known ? sums.noise : std::numeric_limits<double>::max(),
                 .sqnr_db = known ? metrics.sqnr_db : -std::numeric_limits<double>::infinity()};
  }

  [[nodiscard]] bool can_go(std::size_t knob) const {
    const auto& widths = model_.knobs()[knob].widths;
    return !lowered_[knob].closed && static_cast<std::size_t>(widths_[knob]) + 1 < widths.size();
  }
  /// Noise per unit of cost.
  [[nodiscard]] double price(std::size_t knob) const {
    const auto& lowered = lowered_[knob];
    return lowered.saved > 0
               ? lowered.added / lowered.saved
               : std::copysign(std::numeric_limits<double>::infinity(), lowered.added);
  }
  void update_saving(std::size_t knob) {
    auto widths = widths_;
    ++widths[knob];
    lowered_[knob].saved = cost_ - cost_of_(widths);
  }

  Status look_at(std::size_t knob) {
    auto& lowered = lowered_[knob];
    const auto step = static_cast<std::int64_t>(order_.size());
    if (lowered.measured_at == step) {
      return {};
    }
    auto widths = widths_;
    ++widths[knob];
    TESSERA_TRY(lowered.tried, measure(widths));
    lowered.added = lowered.tried.noise - now_.noise;
    lowered.measured_at = step;
    return {};
  }

  /// The knob of the least price. What a knob added when it was last measured says where to look
  /// first, and where to stop looking.
  Result<std::optional<std::size_t>> find_best() {
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < lowered_.size(); ++i) {
      if (can_go(i)) {
        update_saving(i);
        candidates.push_back(i);
      }
    }
    std::ranges::stable_sort(candidates, [&](auto a, auto b) { return price(a) < price(b); });
    std::optional<std::size_t> best;
    for (const auto candidate : candidates) {
      if (best && price(candidate) >= price(*best)) {
        break;
      }
      monitor_.progress(fmt::format("step {}", order_.size() + 1), models_, 0);
      TESSERA_CHECK(look_at(candidate));
      best = !best || price(candidate) < price(*best) ? candidate : *best;
    }
    return best;
  }

  BitsStep take(std::size_t best) {
    const auto& knob = model_.knobs()[best];
    ++widths_[best];
    order_.push_back(best);
    now_ = lowered_[best].tried;
    cost_ = cost_of_(widths_);
    BitsStep step{.layer = knob.name, .cost = cost_, .sqnr_db = now_.sqnr_db};
    const int bits = model_.bits_at(widths_, best);
    (knob.is_weight ? step.weight_bits : step.activation_bits) = bits;
    return step;
  }

  BitsModel& model_;
  const BitsOptions& options_;
  Monitor& monitor_;
  Cost cost_of_;
  Widths widths_;
  std::vector<Lowered> lowered_;
  std::vector<std::size_t> order_;  ///< knobs, by step
  Tried now_;
  double cost_ = 0;
  std::int64_t models_ = 0;
};

/// Costs fall from step to step, so that a point is on the front if no later one has its SQNR.
void mark_front(Bits& bits) {
  double most = -std::numeric_limits<double>::infinity();
  for (auto step = bits.steps.rbegin(); step != bits.steps.rend(); ++step) {
    step->front = step->sqnr_db > most;
    most = std::max(most, step->sqnr_db);
  }
}

/// Where the front is farthest from the straight line between its ends.
std::int64_t bend_of(const Bits& bits) {
  struct Point {
    std::int64_t steps;
    double x;
    double y;
  };
  std::vector<Point> points;
  const auto add = [&](std::int64_t steps, double cost, double sqnr_db) {
    if (std::isfinite(sqnr_db) && cost > 0) {
      points.push_back({steps, std::log(cost), sqnr_db});
    }
  };
  add(0, bits.cost, bits.sqnr_db);
  for (std::size_t i = 0; i < bits.steps.size(); ++i) {
    if (bits.steps[i].front) {
      add(static_cast<std::int64_t>(i) + 1, bits.steps[i].cost, bits.steps[i].sqnr_db);
    }
  }
  if (points.empty()) {
    return 0;
  }
  const auto& first = points.front();
  const auto& last = points.back();
  auto best = first;
  double farthest = 0;
  for (const auto& point : points) {
    // Twice the area of the triangle with the ends; positive on the side of more SQNR.
    const double area =
        (point.y - last.y) * (first.x - last.x) - (point.x - last.x) * (first.y - last.y);
    if (area > farthest) {
      farthest = area;
      best = point;
    }
  }
  return best.steps;
}

void choose(const BitsOptions& options, Bits& bits) {
  const auto count = static_cast<std::int64_t>(bits.steps.size());
  bits.chosen = options.min_sqnr_db ? count : bend_of(bits);
  const bool none = bits.chosen == 0;
  const auto* step = none ? nullptr : &bits.steps[static_cast<std::size_t>(bits.chosen) - 1];
  bits.chosen_cost = none ? bits.cost : step->cost;
  bits.chosen_sqnr_db = none ? bits.sqnr_db : step->sqnr_db;
}

}  // namespace

Result<Bits> find_bits(const BitsSetup& setup, const BitsOptions& options, Monitor& monitor) {
  TESSERA_CHECK(check(setup, options));
  TESSERA_TRY(auto model, BitsModel::open(setup, options, monitor));
  Search search(model, options, monitor);
  TESSERA_TRY(auto bits, search.run());
  bits.samples = setup.samples->size();
  mark_front(bits);
  choose(options, bits);
  export_widths(setup, model, search.after(bits.chosen), bits);
  return bits;
}

}  // namespace tessera::noise
