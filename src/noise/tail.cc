// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/tail.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/evaluate/fields.h"
#include "tessera/evaluate/file_timing.h"
#include "tessera/graph/cost.h"
#include "tessera/graph/kind.h"
#include "tessera/noise/fields.h"

namespace tessera::noise {
namespace {

using evaluate::Lab;
using graph::OpId;

Status check(const TailOptions& options) {
  for (const auto percent : {options.max_float_percent, options.max_loss_percent}) {
    if (!(percent >= 0) || percent > 100) {
      return fail(ErrorCode::kInvalidArgument, "{} % is no share", percent)
          .hint("give a number from 0 to 100");
    }
  }
  return {};
}

/// A mixed model that was built and run.
struct Tried {
  ErrorMetrics error;

  /// Squares of errors add up, as far as rounding is independent.
  [[nodiscard]] double power() const {
    const double power = error.l2_per_element * error.l2_per_element;
    // Sums leave out what is no number.
    const bool known = std::isfinite(power) && error.non_finite == 0;
    return known ? power : std::numeric_limits<double>::max();
  }
};

Result<Tried> try_out(const Lab& lab, const evaluate::Built& built, Monitor& monitor) {
  evaluate::QuietMonitor quiet(monitor);
  evaluate::Measurement row;
  TESSERA_TRY(const auto lane, lab.prepare(built, row, quiet));
  if (!lane || !row.accuracy) {
    return fail(ErrorCode::kUnavailable, "a mixed model does not run: {}", row.reason)
        .hint("leave the operator named there in float with --recipe");
  }
  return Tried{row.accuracy->overall};
}

class Search {
 public:
  Search(const Lab& lab, quantize::Assignment assignment, std::vector<OpId> layers, Gains gains,
         const TailOptions& options, Monitor& monitor)
      : lab_(lab),
        assignment_(std::move(assignment)),
        layers_(std::move(layers)),
        gains_(std::move(gains)),
        options_(options),
        monitor_(monitor),
        in_float_(layers_.size(), false),
        taken_(layers_.size(), std::numeric_limits<double>::infinity()),
        tried_(layers_.size()) {
    const auto count = static_cast<double>(layers_.size());
    layers_left_ = std::max(1.0, std::floor(count * options.max_float_percent / 100));
    for (const auto gain : gains_.gain) {
      gain_ += std::max(gain, 0.0);
    }
    gain_left_ = gain_ * options.max_loss_percent / 100;
  }

  Result<Tail> run(const Tried& whole) {
    now_ = whole;
    Tail tail{.gain_unit = gains_.unit,
              .gain = gain_,
              .layers = static_cast<std::int64_t>(layers_.size()),
              .samples = lab_.setup().samples->size(),
              .l2_per_element = now_.error.l2_per_element,
              .sqnr_db = now_.error.sqnr_db};
    while (layers_left_ >= 1 && !(now_.error.sqnr_db >= options_.min_sqnr_db)) {
      TESSERA_TRY(const auto best, find_best());
      if (!best) {
        break;
      }
      leave(*best);
      const auto& op = lab_.graph().op(layers_[*best]);
      tail.steps.push_back(
          {op.name, op.type, loss_of(*best), now_.error.l2_per_element, now_.error.sqnr_db});
    }
    tail.models = models_;
    return tail;
  }

 private:
  /// What the layer would bring; nothing where integers are slower.
  [[nodiscard]] double loss_of(std::size_t layer) const {
    return std::max(gains_.gain[layer], 0.0);
  }

  /// Of both limits together, the share that leaving the layer takes.
  [[nodiscard]] double price_of(std::size_t layer) const {
    const double loss = loss_of(layer);
    return 1 / layers_left_ + (loss > 0 ? loss / gain_left_ : 0);
  }

  [[nodiscard]] double worth_of(std::size_t layer) const { return taken_[layer] / price_of(layer); }

  /// Measures what leaving the layer takes away of the error there is now.
  Status measure(std::size_t layer) {
    auto assignment = assignment_;
    assignment[layers_[layer]] = quantize::float32_scheme();
    evaluate::QuietMonitor quiet(monitor_);
    TESSERA_TRY(const auto built, lab_.build(assignment, quiet));
    TESSERA_TRY(tried_[layer], try_out(lab_, built, monitor_));
    taken_[layer] = now_.power() - tried_[layer].power();
    ++models_;
    return {};
  }

  /// The layer of most worth among those that fit, if it is worth a step. What a layer took away
  /// before the last step says where to look first.
  Result<std::optional<std::size_t>> find_best() {
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (!in_float_[i] && loss_of(i) <= gain_left_) {
        candidates.push_back(i);
      }
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [&](auto a, auto b) { return worth_of(a) > worth_of(b); });
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      TESSERA_CHECK(monitor_.check());
      monitor_.progress("one more in float", static_cast<std::int64_t>(i),
                        static_cast<std::int64_t>(candidates.size()));
      if (best && worth_of(candidates[i]) <= worth_of(*best)) {
        break;
      }
      TESSERA_CHECK(measure(candidates[i]));
      best = !best || worth_of(candidates[i]) > worth_of(*best) ? candidates[i] : best;
    }
    const bool worth = best && taken_[*best] > kWorthOfStep * now_.power();
    return worth ? best : std::nullopt;
  }

  void leave(std::size_t layer) {
    gain_left_ -= loss_of(layer);
    layers_left_ -= 1;
    in_float_[layer] = true;
    assignment_[layers_[layer]] = quantize::float32_scheme();
    now_ = tried_[layer];
  }

  const Lab& lab_;
  quantize::Assignment assignment_;
  std::vector<OpId> layers_;  ///< that may be left in float
  Gains gains_;               ///< by layer
  const TailOptions& options_;
  Monitor& monitor_;
  std::vector<bool> in_float_;
  std::vector<double> taken_;  ///< by layer: of the error's square, when it was last measured
  std::vector<Tried> tried_;   ///< by layer: without it, when it was last measured
  Tried now_;
  double layers_left_ = 0;
  double gain_ = 0;
  double gain_left_ = 0;
  std::int64_t models_ = 1;
};

/// Neither moving values nor cutting them off rounds them.
bool rounds(graph::OpKind kind) {
  return !graph::only_moves(kind) && kind != graph::OpKind::kClamp;
}

/// Operators that are in integers and round what they compute.
std::vector<OpId> rounding_layers(const Lab& lab, const evaluate::Built& built) {
  std::vector<OpId> layers;
  for (std::uint32_t i = 0; i < built.quantized.size(); ++i) {
    if (built.quantized[i] && rounds(lab.graph().op(OpId{i}).kind)) {
      layers.push_back(OpId{i});
    }
  }
  return layers;
}

std::vector<ObservedLayer> observed(const Lab& lab, const std::vector<OpId>& layers,
                                    const quantize::Assignment& assignment) {
  const auto costs = graph::operator_costs(lab.graph(), graph::QdqCounting::kInclude);
  std::vector<ObservedLayer> result;
  for (const auto op : layers) {
    result.push_back({.name = lab.graph().op(op).name,
                      .type = lab.graph().op(op).type,
                      .macs = costs[op.value].macs,
                      .scheme = quantize::to_string(assignment[op])});
  }
  return result;
}

/// The recipe with a last rule that leaves the tail in float.
quantize::Recipe with_tail(quantize::Recipe recipe, std::span<const TailStep> steps) {
  quantize::Rule rule{.match = {}, .types = {}, .scheme = quantize::float32_scheme()};
  for (const auto& step : steps) {
    rule.match.push_back(step.layer);
  }
  if (!rule.match.empty()) {
    recipe.rules.push_back(std::move(rule));
  }
  return recipe;
}

/// Both models in one race, against the float model as everything is.
Result<evaluate::Speedup> race(Lab& lab, const evaluate::Built& whole, const evaluate::Built& rest,
                               Monitor& monitor) {
  std::vector<evaluate::Lane> lanes;
  for (const auto* built : {&whole, &rest}) {
    TESSERA_TRY(auto lane, lab.open_lane(*built, {}));
    lanes.push_back(std::move(lane));
  }
  TESSERA_TRY(const auto times,
              evaluate::time_lanes(lab, lanes, "timing both models", 10e6, monitor));
  for (const auto& row : times.rows) {
    if (row.status != evaluate::RowStatus::kOk) {
      return fail(ErrorCode::kUnavailable, "a model does not run: {}", row.reason)
          .hint("leave the operator named there in float with --recipe");
    }
  }
  const auto& first = times.rows[0].speedup;
  const auto& second = times.rows[1].speedup;
  return evaluate::Speedup{first.median / second.median, first.low / second.high,
                           first.high / second.low, std::min(first.rounds, second.rounds)};
}

/// The model without the tail against the one with it. A search is not lost for a race that fails:
/// then there is none, and a warning.
/// Errors: kCancelled.
Result<std::optional<evaluate::Speedup>> slowdown_of(Lab& lab, const evaluate::Built& whole,
                                                     const quantize::Recipe& recipe,
                                                     Monitor& monitor) {
  const auto raced =
      lab.assignment(recipe, Monitor::silent())
          .and_then([&](const auto& rest) { return lab.build(rest, Monitor::silent()); })
          .and_then([&](const auto& rest) { return race(lab, whole, rest, monitor); });
  if (raced) {
    return *raced;
  }
  if (raced.error().code == ErrorCode::kCancelled) {
    return tl::unexpected(raced.error());
  }
  monitor.warn({"tail-not-timed", "what the tail costs is not timed: " + raced.error().message,
                raced.error().hint});
  return std::nullopt;
}

}  // namespace

Result<Tail> find_tail(Lab& lab, const quantize::Recipe& recipe, const GainsOf& gains_of,
                       const TailOptions& options, Monitor& monitor) {
  TESSERA_CHECK(check(options));
  TESSERA_TRY(const auto assignment, lab.assignment(recipe, monitor));
  TESSERA_TRY(const auto whole, lab.build(assignment, monitor));
  auto layers = rounding_layers(lab, whole);
  if (layers.empty()) {
    return fail(ErrorCode::kFailedPrecondition, "the recipe quantizes no operator")
        .hint("tessera quantize tells the reason of each");
  }
  TESSERA_TRY(auto gains, gains_of(observed(lab, layers, assignment)));
  TESSERA_TRY(const auto tried, try_out(lab, whole, monitor));
  Search search(lab, assignment, std::move(layers), std::move(gains), options, monitor);
  TESSERA_TRY(auto tail, search.run(tried));
  tail.recipe = with_tail(recipe, tail.steps);
  if (options.time && !tail.steps.empty()) {
    TESSERA_TRY(tail.slowdown, slowdown_of(lab, whole, tail.recipe, monitor));
  }
  return tail;
}

Fields<TailStep> fields_of(const TailStep*) {
  static constexpr std::array kFields = {
      written<&TailStep::layer>("layer", "that is left in float, besides those before it"),
      written<&TailStep::type>("type", "of the operator"),
      written_figure<&TailStep::loss>("loss", "what it would bring in integers"),
      written_figure<&TailStep::l2_per_element>("l2_per_element", "of the model then"),
      written_figure<&TailStep::sqnr_db>("sqnr_db", "of the model then")};
  return kFields;
}

Fields<Tail> fields_of(const Tail*) {
  static constexpr std::array kFields = {
      written<&Tail::gain_unit>("gain_unit", "of gain and loss: us or macs"),
      written_figure<&Tail::gain>("gain", "what all layers bring in integers"),
      written<&Tail::layers>("layers", "in integers that round"),
      written<&Tail::samples>("samples", "that errors are measured on"),
      written<&Tail::models>("models", "that were built and run"),
      written_figure<&Tail::l2_per_element>("l2_per_element", "with all layers in integers"),
      written_figure<&Tail::sqnr_db>("sqnr_db", "with all layers in integers"),
      written<&Tail::steps>("steps", "layers that are left in float, one after the other"),
      Field<Tail>{
          "slowdown", "latency with the tail in float over that without it; absent: not timed",
          [](const Tail& tail) { return tail.slowdown ? Json(tail.slowdown->median) : Json(); }}
          .if_any(),
      Field<Tail>{"slowdown_low", "lower end of its 95 % interval; absent: not timed",
                  [](const Tail& tail) {
                    return tail.slowdown ? finite_or_null(tail.slowdown->low) : Json();
                  }}
          .if_any(),
      Field<Tail>{"slowdown_high", "upper end of it; absent: not timed",
                  [](const Tail& tail) {
                    return tail.slowdown ? finite_or_null(tail.slowdown->high) : Json();
                  }}
          .if_any(),
      written<&Tail::recipe>("recipe", "for tessera quantize --recipe")};
  return kFields;
}

Json to_json(const Tail& tail) {
  return as_json(tail);
}

}  // namespace tessera::noise
