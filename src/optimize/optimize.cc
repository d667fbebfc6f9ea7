// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/optimize/optimize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <tuple>
#include <utility>

#include "optimize/mixer.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/lab.h"

namespace tessera::optimize {
namespace {

using evaluate::Lab;
using evaluate::Lane;
using evaluate::QuietMonitor;
using evaluate::RaceOptions;
using evaluate::RowStatus;
using numerics::RangeMethod;
using quantize::Mode;
using quantize::Scheme;

/// Without limits: how far from the most accurate integer candidate one may be.
constexpr double kSqnrSlackDb = 6;
constexpr double kTop1Slack = 1;
/// Speeds closer than this are the same speed, as are those up to kLooseTie apart whose intervals
/// overlap; the more accurate candidate is taken.
constexpr double kTie = 0.02;
constexpr double kLooseTie = 0.05;
/// A model that keeps less than this of its signal is hardly the same model.
constexpr double kAlarmingDb = 10;
/// Share of the budget after which no further mixes are tried.
constexpr double kMixShare = 0.9;

double sqnr_of(const Measurement& row) {
  return row.accuracy ? row.accuracy->overall.sqnr_db : -std::numeric_limits<double>::infinity();
}

bool is_integer(const Scheme& scheme) {
  return scheme.mode == Mode::kStatic || scheme.mode == Mode::kDynamic;
}

/// Candidates that differ in format or operators only share their range method.
auto method_key(const Scheme& scheme) {
  return std::tuple(scheme.activation, scheme.weight, scheme.per_channel, scheme.reduce_range);
}

std::vector<std::string> split_types(const std::string& operators) {
  std::vector<std::string> types;
  for (std::size_t at = 0; at <= operators.size();) {
    const auto end = std::min(operators.find('+', at), operators.size());
    types.push_back(operators.substr(at, end - at));
    at = end + 1;
  }
  return types;
}

bool is_tied(const Speedup& fastest, const Speedup& other) {
  return other.median >= fastest.median * (1 - kTie) ||
         (other.median >= fastest.median * (1 - kLooseTie) && other.high >= fastest.low);
}

class Optimizer {
 public:
  Optimizer(Lab& lab, const onnx::Model& model, const data::SampleSet& samples,
            std::shared_ptr<const runtime::Library> library, const calibrate::Ranges& ranges,
            const OptimizeOptions& options, OptimizeResult& result, Monitor& monitor)
      : lab_(lab),
        model_(model),
        samples_(samples),
        library_(std::move(library)),
        ranges_(ranges),
        options_(options),
        result_(result),
        monitor_(monitor),
        quiet_(monitor),
        start_us_(clock_()) {}

  Status run() {
    TESSERA_CHECK(add_folded());
    TESSERA_CHECK(choose_methods());
    TESSERA_CHECK(measure_errors());
    limits_ = options_.limits.any() ? options_.limits : default_limits();
    for (auto& candidate : result_.candidates) {
      apply_limits(candidate);
    }
    TESSERA_CHECK(time_survivors(result_.candidates));
    TESSERA_CHECK(mix());
    TESSERA_CHECK(refine_fastest());
    sort_by_speed();
    TESSERA_CHECK(race_finalists());
    sort_by_speed();
    mark_front();
    TESSERA_CHECK(choose());
    return finish();
  }

 private:
  using MethodErrors = std::vector<std::pair<RangeMethod, double>>;

  [[nodiscard]] bool over(double share) const {
    return clock_() - start_us_ > share * options_.budget_us;
  }

  [[nodiscard]] quantize::Selection selection_of(const Measurement& row) const {
    auto selection = options_.selection;
    if (row.operators != "all") {
      selection.op_types = split_types(row.operators);
    }
    return selection;
  }

  [[nodiscard]] Result<evaluate::Built> build(const Candidate& candidate) {
    if (candidate.folded) {
      return lab_.build_normalized();
    }
    if (candidate.made) {
      evaluate::Built built;
      built.quantized_ops = candidate.row.quantized_ops;
      TESSERA_CHECK(lab_.pack(*candidate.made, built));
      return built;
    }
    if (!candidate.assignment.empty()) {
      return lab_.build(candidate.assignment, quiet_);
    }
    return lab_.build(candidate.row.scheme, selection_of(candidate.row), quiet_);
  }

  /// float32 with what can be folded folded: costs nothing but the trial.
  Status add_folded() {
    if (!options_.mixed) {
      return {};
    }
    TESSERA_TRY(const auto folded, lab_.make_normalized());
    Measurement row;
    row.scheme.mode = Mode::kFloat32;
    row.operators = "mixed: folded";
    if (folded.nodes().size() < lab_.graph().ops().size()) {
      result_.candidates.push_back({.row = std::move(row), .folded = true});
    }
    return {};
  }

  Status measure(Measurement& row) {
    return measure(row, lab_.build(row.scheme, selection_of(row), quiet_));
  }

  /// Opens the row's model and measures its error; the session is closed again.
  Status measure(Measurement& row, const Result<evaluate::Built>& built) {
    TESSERA_CHECK(monitor_.check());
    if (!built) {
      row.status = RowStatus::kUnsupported;
      row.reason = built.error().message;
      return {};
    }
    if (built->quantized_ops == 0 && is_integer(row.scheme)) {
      row.status = RowStatus::kUnsupported;
      row.reason = "no operator of the model takes this scheme";
      return {};
    }
    return lab_.prepare(*built, row, monitor_).map([](const auto&) {});
  }

  /// For every pair of types and granularity: the range method of least error, on the candidate
  /// that quantizes most. What was measured for it is kept.
  Status choose_methods() {
    const auto total = static_cast<std::int64_t>(result_.candidates.size());
    std::int64_t done = 0;
    for (auto& candidate : result_.candidates) {
      monitor_.progress("choosing ranges", done++, total);
      auto& row = candidate.row;
      if (row.scheme.mode != Mode::kStatic) {
        continue;
      }
      if (const auto* twin = find_twin(candidate)) {
        row.scheme.method = twin->row.scheme.method;
        continue;
      }
      TESSERA_CHECK(try_methods(candidate));
    }
    monitor_.progress("choosing ranges", total, total);
    return {};
  }

  /// An earlier candidate whose method choice holds for this one too.
  [[nodiscard]] const Candidate* find_twin(const Candidate& candidate) const {
    for (const auto& earlier : result_.candidates) {
      if (&earlier == &candidate) {
        return nullptr;
      }
      if (!earlier.methods.empty() &&
          method_key(earlier.row.scheme) == method_key(candidate.row.scheme)) {
        return &earlier;
      }
    }
    return nullptr;
  }

  Status try_methods(Candidate& candidate) {
    constexpr double kShare = 0.4;
    auto best = candidate.row;
    for (const auto method : ranges_.methods) {
      if (!candidate.methods.empty() && over(kShare)) {
        result_.excluded.push_back(
            {fmt::format("{} with {} ranges", candidate.row.name(), numerics::to_string(method)),
             "the time budget"});
        continue;
      }
      auto trial = candidate.row;
      trial.scheme.method = method;
      TESSERA_CHECK(measure(trial));
      if (candidate.methods.empty() || sqnr_of(trial) > sqnr_of(best)) {
        best = trial;
      }
      candidate.methods.emplace_back(method, sqnr_of(trial));
    }
    candidate.row = std::move(best);
    return {};
  }

  Status measure_errors() {
    constexpr double kShare = 0.6;
    const auto total = static_cast<std::int64_t>(result_.candidates.size());
    std::int64_t done = 0;
    for (auto& candidate : result_.candidates) {
      monitor_.progress("measuring error", done++, total);
      if (candidate.row.status != RowStatus::kSkipped) {
        continue;
      }
      if (over(kShare)) {
        candidate.row.reason = "the time budget";
        continue;
      }
      TESSERA_CHECK(measure(candidate.row, build(candidate)));
    }
    monitor_.progress("measuring error", total, total);
    return {};
  }

  void apply_limits(Candidate& candidate) const {
    const auto& row = candidate.row;
    candidate.verdict = row.status == RowStatus::kOk ? missed_limit(limits_, *row.accuracy)
                                                     : std::string(to_string(row.status));
  }

  /// The documented rule for runs without limits.
  [[nodiscard]] Limits default_limits() const {
    double best = -std::numeric_limits<double>::infinity();
    for (const auto& candidate : result_.candidates) {
      if (is_integer(candidate.row.scheme)) {  // mixes are not there yet
        best = std::max(best, sqnr_of(candidate.row));
      }
    }
    Limits limits;
    if (std::isfinite(best)) {
      limits.min_sqnr_db = best - kSqnrSlackDb;
    }
    if (lab_.baseline().reference_top1_percent()) {
      limits.max_top1_drop = kTop1Slack;
    }
    return limits;
  }

  /// With limits only those that keep them are timed; without, all are, to show the front.
  [[nodiscard]] bool is_timed(const Candidate& candidate) const {
    return candidate.row.status == RowStatus::kOk &&
           (candidate.verdict.empty() || !options_.limits.any());
  }

  Status time_survivors(std::span<Candidate> candidates) {
    constexpr double kShare = 0.3;
    evaluate::Batches batches(
        lab_, "timing candidates",
        kShare * options_.budget_us / static_cast<double>(candidates.size() + 1), options_.seed,
        monitor_);
    for (auto& candidate : candidates) {
      if (!is_timed(candidate)) {
        continue;
      }
      auto& row = candidate.row;
      TESSERA_TRY(const auto built, build(candidate));
      TESSERA_CHECK(batches.make_room(built));
      TESSERA_TRY(auto lane, lab_.open_lane(built, {.level = row.opt_level}));
      batches.add(built, std::move(lane), row);
    }
    return batches.finish();
  }

  void sort_by_speed() {
    std::stable_sort(result_.candidates.begin(), result_.candidates.end(),
                     [](const Candidate& a, const Candidate& b) {
                       return a.row.speedup.median > b.row.speedup.median;
                     });
  }

  /// Candidates were timed in several races, each beside other models; those near the top meet once
  /// more in one.
  Status race_finalists() {
    constexpr std::size_t kMost = 6;
    constexpr double kNear = 0.1;
    std::vector<Measurement*> rows;
    std::vector<Lane> lanes;
    double fastest = 0;
    for (auto& candidate : result_.candidates) {  // fastest first
      auto& row = candidate.row;
      if (row.status != RowStatus::kOk || !candidate.verdict.empty() || row.speedup.median <= 1 ||
          row.speedup.median < fastest * (1 - kNear) || rows.size() == kMost) {
        continue;
      }
      fastest = std::max(fastest, row.speedup.median);
      TESSERA_TRY(const auto built, build(candidate));
      TESSERA_TRY(auto lane, lab_.open_lane(built, {.level = row.opt_level}));
      lanes.push_back(std::move(lane));
      rows.push_back(&row);
    }
    if (rows.size() < 2) {
      return {};
    }
    RaceOptions race;
    race.seed = options_.seed + 2;
    race.settle_rounds = 20;
    race.min_rounds = 8;
    constexpr double kShare = 0.1;
    race.budget_us = kShare * options_.budget_us;
    return lab_.time(lanes, rows, race, "finalists", monitor_).map([](const auto&) {});
  }

  /// float32 ends the front: nothing is closer to itself.
  void mark_front() {
    double best = -std::numeric_limits<double>::infinity();
    for (auto& candidate : result_.candidates) {  // fastest first
      candidate.on_front = candidate.row.speedup.median > 1 && sqnr_of(candidate.row) > best;
      best = std::max(best, sqnr_of(candidate.row));
    }
  }

  /// The fastest that keeps the limits, ties to the more accurate, confirmed by a race of two.
  Status choose() {
    std::optional<std::size_t> fastest;
    std::optional<std::size_t> pick;
    for (std::size_t i = 0; i < result_.candidates.size(); ++i) {  // fastest first
      const auto& candidate = result_.candidates[i];
      if (candidate.row.status != RowStatus::kOk || !candidate.verdict.empty() ||
          candidate.row.speedup.median <= 1) {
        continue;
      }
      fastest = fastest.value_or(i);
      pick = pick.value_or(i);
      const bool tied = is_tied(result_.candidates[*fastest].row.speedup, candidate.row.speedup);
      if (tied && sqnr_of(candidate.row) > sqnr_of(result_.candidates[*pick].row)) {
        pick = i;
      }
    }
    if (!pick) {
      result_.reason = options_.limits.any()
                           ? "no candidate that keeps the limits is faster than float32"
                           : "no candidate is faster than float32";
      return {};
    }
    return confirm(*pick);
  }

  /// Of the candidates that keep the limits and are no mixes, the fastest.
  [[nodiscard]] std::optional<std::size_t> fastest_uniform() const {
    for (std::size_t i = 0; i < result_.candidates.size(); ++i) {  // fastest first
      const auto& candidate = result_.candidates[i];
      if (candidate.row.status == RowStatus::kOk && candidate.verdict.empty() &&
          candidate.assignment.empty() && candidate.row.speedup.median > 1) {
        return i;
      }
    }
    return std::nullopt;
  }

  Status confirm(std::size_t pick) {
    std::vector<std::size_t> finalists{pick};
    if (const auto uniform = fastest_uniform(); uniform && *uniform != pick) {
      finalists.push_back(*uniform);
    }
    std::vector<Lane> lanes;
    std::vector<Measurement> measured;
    for (const auto index : finalists) {
      const auto& finalist = result_.candidates[index];
      TESSERA_TRY(const auto built, build(finalist));
      TESSERA_TRY(auto lane, lab_.open_lane(built, {.level = finalist.row.opt_level}));
      lanes.push_back(std::move(lane));
      measured.push_back(finalist.row);
    }
    std::vector<Measurement*> rows;
    rows.reserve(measured.size());
    for (auto& row : measured) {
      rows.push_back(&row);
    }
    RaceOptions race;
    race.seed = options_.seed + 1;
    race.settle_rounds = 30;
    race.max_rounds = 120;
    race.min_rounds = 10;
    constexpr double kShare = 0.1;
    race.budget_us = kShare * options_.budget_us;
    TESSERA_TRY(result_.confirmed_baseline_latency,
                lab_.time(lanes, rows, race, "confirming", monitor_));
    std::size_t winner = 0;
    // A mix must earn its keep: the simpler model wins where the race cannot tell them apart,
    // unless the mix is the more accurate one.
    if (measured.size() > 1 && gives_way(measured[0], measured[1])) {
      result_.candidates[pick].verdict = "not faster than the best uniform model when confirmed";
      winner = 1;
    }
    pick = finalists[winner];
    auto& candidate = result_.candidates[pick];
    const auto& row = measured[winner];
    result_.confirmation = row.speedup;
    result_.confirmed_latency = row.latency;
    if (!row.speedup.certain()) {
      result_.reason = fmt::format(
          "the fastest candidate, {}, is not faster than float32 beyond noise (speed-up {:.2f}, 95 "
          "% interval {:.2f} to {:.2f})",
          row.name(), row.speedup.median, row.speedup.low, row.speedup.high);
      candidate.verdict = "not faster beyond noise";
      return {};
    }
    result_.chosen = pick;
    candidate.verdict = "chosen";
    result_.reason = describe_choice();
    return {};
  }

  static bool gives_way(const Measurement& pick, const Measurement& uniform) {
    if (pick.speedup.median < uniform.speedup.median * (1 - kTie)) {
      return true;
    }
    return pick.speedup.median <= uniform.speedup.median && sqnr_of(pick) <= sqnr_of(uniform);
  }

  [[nodiscard]] std::string describe_choice() const {
    if (options_.limits.any()) {
      return "the fastest measured candidate that keeps the limits";
    }
    return fmt::format(
        "no limits were given: the fastest candidate within {:.0f} dB of the most accurate integer "
        "one{}",
        kSqnrSlackDb,
        lab_.baseline().reference_top1_percent() ? " that loses at most 1 point of top-1" : "");
  }

  [[nodiscard]] std::string loser_verdict(const Candidate& candidate) const {
    if (candidate.row.speedup.median <= 1) {
      return "not faster than float32";
    }
    if (!result_.chosen) {
      return "not chosen";
    }
    const auto& chosen = result_.candidates[*result_.chosen].row;
    if (candidate.row.speedup.median < chosen.speedup.median) {
      return "slower";
    }
    return sqnr_of(candidate.row) < sqnr_of(chosen) ? "as fast, less accurate"
                                                    : "as fast, no more accurate";
  }

  /// The rest of the verdicts, warnings, and the model itself.
  Status finish() {
    for (auto& candidate : result_.candidates) {
      if (candidate.verdict.empty()) {
        candidate.verdict = loser_verdict(candidate);
      }
    }
    result_.baseline = lab_.reference();
    if (!result_.chosen) {
      return {};
    }
    const auto& row = result_.candidates[*result_.chosen].row;
    if (sqnr_of(row) < kAlarmingDb) {
      monitor_.warn({"low-sqnr",
                     fmt::format("the chosen model keeps only {:.1f} dB of the output's signal",
                                 sqnr_of(row)),
                     "judge it by the task's own metric, or ask for more with --min-sqnr-db"});
    }
    TESSERA_TRY(auto model, make(result_.candidates[*result_.chosen]));
    result_.model.emplace(std::move(model));
    return {};
  }

  /// Of those that keep the limits, the fastest static one.
  [[nodiscard]] const Candidate* fastest_static() const {
    const Candidate* fastest = nullptr;
    for (const auto& candidate : result_.candidates) {
      const auto& row = candidate.row;
      const bool fits = row.status == RowStatus::kOk && candidate.verdict.empty() &&
                        row.scheme.mode == Mode::kStatic && row.speedup.median > 1;
      if (fits && (fastest == nullptr || row.speedup.median > fastest->row.speedup.median)) {
        fastest = &candidate;
      }
    }
    return fastest;
  }

  /// The same kernels with better numbers in them: as fast, and closer to float32.
  Status refine_fastest() {
    const auto* base = fastest_static();
    if (base == nullptr || options_.calibration == nullptr) {
      return {};
    }
    if (over(kMixShare)) {
      result_.excluded.push_back({"refining the fastest candidate", "the time budget"});
      return {};
    }
    Candidate candidate = *base;
    auto refined = refine_candidate(candidate);
    TESSERA_CHECK(monitor_.check());
    if (!refined) {
      result_.excluded.push_back({"refining the fastest candidate", refined.error().message});
      return {};
    }
    if (!*refined) {
      result_.excluded.push_back(
          {"refining the fastest candidate", "no step brought its outputs closer to float32"});
      return {};
    }
    std::vector<Candidate> one{std::move(candidate)};
    TESSERA_CHECK(measure(one.front().row, build(one.front())));
    apply_limits(one.front());
    TESSERA_CHECK(time_survivors(one));
    result_.candidates.push_back(std::move(one.front()));
    return {};
  }

  /// False if no step was kept.
  Result<bool> refine_candidate(Candidate& candidate) {
    auto assignment = candidate.assignment;
    if (assignment.empty()) {
      TESSERA_TRY(assignment,
                  lab_.assignment(candidate.row.scheme, selection_of(candidate.row), quiet_));
    }
    // The quick steps: what costs minutes is left to `quantize --refine full`.
    const refine::RefineOptions quick{
        .equalize = true, .rounding = refine::Rounding::kAdaptive, .bias_correction = true};
    TESSERA_TRY(auto refinement, refine::refine(model_, assignment, *options_.calibration, &ranges_,
                                                library_, quick, monitor_));
    candidate.refinement = refinement.report;
    const auto& steps = refinement.report.steps;
    if (std::none_of(steps.begin(), steps.end(), [](const auto& step) { return step.kept; })) {
      return false;
    }
    quantize::QuantizeOptions quantizing;
    quantizing.weights = &refinement.weights;
    TESSERA_TRY(const auto report, quantize::quantize(refinement.model, refinement.assignment,
                                                      &refinement.ranges, quantizing, quiet_));
    auto& row = candidate.row;
    row.operators = row.operators == "all" ? "refined" : row.operators + ", refined";
    row.quantized_ops = report.quantized_ops;
    row.speedup = {};
    row.latency = {};
    candidate.methods.clear();
    candidate.made = std::make_shared<const onnx::Model>(std::move(refinement.model));
    return true;
  }

  Result<onnx::Model> make(const Candidate& candidate) {
    if (candidate.made) {
      return candidate.made->clone();
    }
    if (candidate.folded) {
      return lab_.make_normalized();
    }
    return candidate.assignment.empty()
               ? lab_.make(candidate.row.scheme, selection_of(candidate.row), monitor_)
               : lab_.make(candidate.assignment, monitor_);
  }

  // --- mixes ----------------------------------------------------------------------------------

  /// The static candidate whose scheme the integer layers of mixes get: the fastest timed one, as
  /// Q/DQ per channel where that exists, because mixes live from accuracy as much as from speed.
  [[nodiscard]] const Candidate* mixing_base() const {
    const Candidate* base = nullptr;
    for (const auto& candidate : result_.candidates) {
      const auto& row = candidate.row;
      const bool fits = row.status == RowStatus::kOk && row.scheme.mode == Mode::kStatic &&
                        row.scheme.format == quantize::Format::kQdq && row.operators == "all";
      if (fits && (base == nullptr || better_base(row, base->row))) {
        base = &candidate;
      }
    }
    return base;
  }
  static bool better_base(const Measurement& a, const Measurement& b) {
    return std::tuple(a.scheme.per_channel, sqnr_of(a)) >
           std::tuple(b.scheme.per_channel, sqnr_of(b));
  }

  Status mix() {
    constexpr double kShare = 0.75;
    if (!options_.mixed) {
      return {};
    }
    const auto* base = mixing_base();
    if (base == nullptr || runtime::short_provider_name(options_.session.provider) != "cpu") {
      result_.excluded.push_back({"mixes of float and integer layers",
                                  base == nullptr
                                      ? "no uniform Q/DQ model runs"
                                      : "only the CPU provider's kernels are followed"});
      return {};
    }
    if (over(kShare)) {
      result_.excluded.push_back({"mixes of float and integer layers", "the time budget"});
      return {};
    }
    const auto scheme = base->row.scheme;
    Mixer mixer(lab_, scheme, options_, monitor_);
    const double left_us = options_.budget_us - (clock_() - start_us_);
    TESSERA_TRY(auto mixing, mixer.open(model_, samples_, ranges_, library_, left_us));
    for (int round = 0; round < 2 && !over(kMixShare); ++round) {
      TESSERA_TRY(auto proposals, mixer.propose());
      if (proposals.empty()) {
        break;
      }
      for (auto& proposal : proposals) {
        TESSERA_CHECK(measure(proposal.row, build(proposal)));
        apply_limits(proposal);
      }
      TESSERA_CHECK(time_survivors(proposals));
      const double reference_us = lab_.reference().latency.median_us;
      for (auto& proposal : proposals) {
        const double us = reference_us / std::max(proposal.row.speedup.median, 1e-9);
        if (proposal.row.speedup.rounds > 0 &&
            (mixing.best_measured_us == 0 || us < mixing.best_measured_us)) {
          mixing.best_measured_us = us;
          mixing.best_predicted_us = proposal.predicted_us.value_or(0);
        }
        ++mixing.proposals;
      }
      TESSERA_CHECK(mixer.learn(proposals));
      std::move(proposals.begin(), proposals.end(), std::back_inserter(result_.candidates));
    }
    result_.mixing = std::move(mixing);
    return {};
  }

  Lab& lab_;
  const onnx::Model& model_;
  const data::SampleSet& samples_;
  std::shared_ptr<const runtime::Library> library_;
  const calibrate::Ranges& ranges_;
  const OptimizeOptions& options_;
  Limits limits_;
  OptimizeResult& result_;
  Monitor& monitor_;
  QuietMonitor quiet_;
  Clock clock_ = steady_clock_us();
  double start_us_;
};

Json methods_json(const Candidate& candidate) {
  auto methods = Json::object();
  for (const auto& [method, sqnr_db] : candidate.methods) {
    methods[std::string(numerics::to_string(method))] = {{"sqnr_db", sqnr_db}};
  }
  return methods;
}

Json candidate_json(const Candidate& candidate) {
  auto json = to_json(candidate.row);
  json["on_front"] = candidate.on_front;
  json["verdict"] = candidate.verdict;
  json["methods"] = methods_json(candidate);
  json["predicted_us"] = candidate.predicted_us ? Json(*candidate.predicted_us) : Json();
  json["refinement"] = candidate.refinement ? to_json(*candidate.refinement) : Json();
  json["recipe"] = candidate.assignment.empty() ? Json() : to_json(candidate.recipe);
  return json;
}

Json speedup_json(const Speedup& speedup) {
  return {{"median", speedup.median},
          {"low", speedup.low},
          {"high", speedup.high},
          {"rounds", speedup.rounds}};
}

Json mixing_json(const OptimizeResult::Mixing& mixing) {
  return {{"scheme", mixing.scheme},
          {"proposals", mixing.proposals},
          {"best_predicted_us", mixing.best_predicted_us},
          {"best_measured_us", mixing.best_measured_us},
          {"latency_model",
           {{"plans", mixing.validation.points.size()},
            {"median_abs_error", mixing.validation.median_abs_error},
            {"p95_abs_error", mixing.validation.p95_abs_error}}}};
}

}  // namespace

std::string missed_limit(const Limits& limits, const Accuracy& accuracy) {
  const auto& overall = accuracy.overall;
  if (limits.max_error && !(overall.l2_per_element <= *limits.max_error)) {
    return fmt::format("error {:.3g}, at most {:.3g} allowed", overall.l2_per_element,
                       *limits.max_error);
  }
  if (limits.min_sqnr_db && !(overall.sqnr_db >= *limits.min_sqnr_db)) {
    return fmt::format("SQNR {:.1f} dB, {:.1f} dB needed", overall.sqnr_db, *limits.min_sqnr_db);
  }
  if (limits.max_top1_drop) {
    const auto drop = accuracy.top1 ? accuracy.top1->drop() : std::nullopt;
    if (!drop) {
      return "top-1 unknown";
    }
    if (*drop > *limits.max_top1_drop) {
      return fmt::format("top-1 drops {:.1f} points, {:.1f} allowed", *drop, *limits.max_top1_drop);
    }
  }
  return {};
}

Result<OptimizeResult> optimize(const onnx::Model& model, const data::SampleSet& samples,
                                const calibrate::Ranges& ranges,
                                std::shared_ptr<const runtime::Library> library,
                                const OptimizeOptions& options, Monitor& monitor) {
  if (options.limits.max_top1_drop && !samples.has_labels()) {
    return fail(ErrorCode::kInvalidArgument, "a limit on top-1 needs labels")
        .hint("give --labels FILE with columns file,class_index");
  }
  TESSERA_TRY(auto lab, Lab::open({.model = &model,
                                   .library = library,
                                   .session = options.session,
                                   .samples = &samples,
                                   .ranges = &ranges,
                                   .memory_bytes = options.memory_bytes},
                                  monitor));
  if (options.limits.max_top1_drop && !lab.baseline().reference_top1_percent()) {
    return fail(ErrorCode::kInvalidArgument,
                "a limit on top-1 needs a classifier and labels that fit it")
        .hint("use --min-sqnr-db or --max-error");
  }
  OptimizeResult result;
  auto plan = plan_candidates(describe_host(), lab.graph(), options.session.provider);
  result.excluded = std::move(plan.excluded);
  result.timer = evaluate::timer_for(options.session);
  for (auto& row : plan.candidates) {
    result.candidates.push_back({.row = std::move(row)});
  }
  TESSERA_CHECK(
      Optimizer(lab, model, samples, std::move(library), ranges, options, result, monitor).run());
  return result;
}

Json to_json(const OptimizeResult& result) {
  auto candidates = Json::array();
  for (const auto& candidate : result.candidates) {
    candidates.push_back(candidate_json(candidate));
  }
  auto excluded = Json::array();
  for (const auto& exclusion : result.excluded) {
    excluded.push_back({{"what", exclusion.what}, {"why", exclusion.why}});
  }
  const auto& best = result.chosen ? result.candidates[*result.chosen].row : result.baseline;
  Json confirmation;
  if (result.confirmation) {
    confirmation = {{"speedup", speedup_json(*result.confirmation)},
                    {"latency", to_json(result.confirmed_latency)},
                    {"baseline_latency", to_json(result.confirmed_baseline_latency)}};
  }
  return {{"chosen", to_json(best)},
          {"reason", result.reason},
          {"speedup", result.chosen ? result.confirmation->median : 1.0},
          {"error", best.accuracy ? to_json(*best.accuracy) : Json()},
          {"confirmation", confirmation},
          {"baseline", to_json(result.baseline)},
          {"candidates", candidates},
          {"excluded", excluded},
          {"mixing", result.mixing ? mixing_json(*result.mixing) : Json()},
          {"timer", to_string(result.timer)}};
}

}  // namespace tessera::optimize
