// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/optimize/optimize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>
#include <tuple>
#include <utility>

#include "optimize/mixer.h"
#include "optimize/rules.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/bench.h"
#include "tessera/evaluate/lab.h"
#include "tessera/evaluate/measuring.h"
#include "tessera/network/load.h"
#include "tessera/network/micro.h"
#include "tessera/quantize/dialect.h"
#include "tessera/refine/refine.h"

namespace tessera::optimize {
namespace {

using evaluate::BudgetMonitor;
using evaluate::Lab;
using evaluate::Lane;
using evaluate::QuietMonitor;
using evaluate::RaceOptions;
using evaluate::RowStatus;
using evaluate::take_over;
using numerics::RangeMethod;
using quantize::Mode;
using quantize::Scheme;

/// A model that keeps less than this of its signal is hardly the same model.
constexpr double kAlarmingDb = 10;
/// Shares of the budget by which stages are over; what they have not done by then is left out and
/// named. What is kept back beyond these is for writing the model.
constexpr double kMethodsUntil = 0.25;
constexpr double kErrorsUntil = 0.45;
constexpr double kTimingUntil = 0.6;
constexpr double kMixingUntil = 0.8;
constexpr double kRefiningUntil = 0.87;
constexpr double kFinalistsUntil = 0.93;
constexpr double kConfirmingUntil = 0.98;
constexpr std::string_view kTheBudget = "the time budget";
/// By which range methods are compared: one is far from another where it matters.
constexpr std::int64_t kMethodSamples = 32;
/// Those near the best of a first round of judging are judged by more samples, the others not.
constexpr std::int64_t kFirstMethodSamples = 8;
constexpr double kNearDb = 3;
/// Of races whose best meet once more, those within a tenth of the fastest (kNear): a fifth of that
/// is known well enough to tell which.
constexpr evaluate::Batches::Rounds kSurvivorRounds{.settle = 8, .most = 24, .precision = 0.02};
/// What choosing and writing builds and opens at the end, in models.
constexpr double kLastModels = 6;
/// Proposals that are measured teach the next ones. Noise adds up less well where lookups and
/// scales per channel join layers.
constexpr int kRounds = 2;
constexpr int kKernelRounds = 3;
/// Of the budget, even where nothing is left of it: nothing is deployed that was not confirmed.
constexpr double kLeastConfirmingShare = 0.02;

/// Candidates that differ in format or operators only share their range method, but for the kernels
/// of tessera, whose scales per channel make other ranges the best.
auto method_key(const Scheme& scheme) {
  return std::tuple(scheme.activation, scheme.weight, scheme.per_channel, scheme.reduce_range,
                    scheme.format == quantize::Format::kKernels);
}

/// Runs of every contestant before a race has told anything: to warm up, and its first round (see
/// race.h for the length of a turn).
double fewest_runs(double reference_us) {
  constexpr double kLongUs = 50e3;
  constexpr double kTurnUs = 5e3;
  if (reference_us >= kLongUs) {
    return 3;
  }
  return 2 + std::clamp(1 + kTurnUs / std::max(reference_us, 1.0), 2.0, 10.0);
}

class Optimizer {
 public:
  Optimizer(Lab& lab, const OptimizeOptions& options, OptimizeResult& result, Monitor& monitor)
      : lab_(lab),
        given_(lab.setup()),
        options_(options),
        result_(result),
        monitor_(monitor),
        quiet_(monitor),
        start_us_(clock_()) {}

  /// What was measured before the user stopped it is not thrown away.
  Status run() {
    const auto status = search();
    result_.quantization = lab_.quantization();
    result_.requantize = options_.requantize;
    result_.applied = limits_;
    result_.interrupted = !status && !monitor_.check();
    if (!result_.interrupted) {
      return status;
    }
    sort_by_speed(result_.candidates);
    mark_front(result_.candidates);
    result_.chosen.reset();
    result_.reason = "interrupted: nothing was chosen";
    for (auto& candidate : result_.candidates) {
      auto& row = candidate.row;
      if (row.status == RowStatus::kSkipped && row.reason.empty()) {
        row.reason = "interrupted";
      }
      if (candidate.verdict.empty()) {
        candidate.verdict = row.speedup.rounds > 0 ? "not judged" : "not timed";
      }
    }
    settle();
    return {};
  }

 private:
  Status search() {
    TESSERA_CHECK(add_folded());
    TESSERA_CHECK(choose_methods());
    TESSERA_CHECK(measure_errors());
    limits_ = options_.limits.any()
                  ? options_.limits
                  : default_limits(result_.candidates, options_.enough_sqnr_db, classifies());
    TESSERA_CHECK(add_proposed());
    for (auto& candidate : result_.candidates) {
      candidate.verdict = verdict_of(candidate.row, limits_);
    }
    TESSERA_CHECK(time_survivors(result_.candidates, kTimingUntil));
    TESSERA_CHECK(look_at_kernels());
    TESSERA_CHECK(mix());
    TESSERA_CHECK(refine_fastest());
    sort_by_speed(result_.candidates);
    TESSERA_CHECK(race_finalists());
    sort_by_speed(result_.candidates);
    mark_front(result_.candidates);
    TESSERA_CHECK(choose());
    return finish();
  }

  /// Labels tell how many samples the float model gets right.
  [[nodiscard]] bool classifies() const {
    return lab_.baseline().reference_top1_percent().has_value();
  }

  /// Wall time of the whole command, up to now.
  [[nodiscard]] double spent_us() const { return options_.spent_us + clock_() - start_us_; }
  /// How much of the budget the search has; the rest is for what must be done at its end.
  [[nodiscard]] double disposable_us() const {
    return std::max(options_.budget_us - kLastModels * prepare_us_, options_.budget_us / 2);
  }
  [[nodiscard]] double left_us(double until) const {
    return std::max(until * disposable_us() - spent_us(), 0.0);
  }
  [[nodiscard]] bool over(double until) const { return left_us(until) <= 0; }
  /// Ends what it is given to when a share of the budget is used up.
  [[nodiscard]] BudgetMonitor budget_until(double until) const {
    return {monitor_, clock_() + left_us(until)};
  }
  void cut(std::string what) {
    result_.cut_off.push_back({std::move(what), std::string(kTheBudget)});
  }

  [[nodiscard]] quantize::Selection selection_of(const Uniform& where) const {
    auto selection = options_.selection;
    if (!where.everywhere()) {
      selection.op_types = where.op_types;
    }
    return selection;
  }

  using Build = std::shared_ptr<const evaluate::Built>;

  /// Kept for the later steps while there is memory for it.
  [[nodiscard]] Result<Build> build(Candidate& candidate) {
    if (candidate.built) {
      return candidate.built;
    }
    TESSERA_TRY(auto built, build_anew(candidate));
    auto shared = std::make_shared<const evaluate::Built>(std::move(built));
    keep(candidate, shared);
    return shared;
  }

  void keep(Candidate& candidate, const Build& built) {
    constexpr std::int64_t kKeptShare = 8;
    if (kept_bytes_ + built->size_bytes <= lab_.memory_bytes() / kKeptShare) {
      kept_bytes_ += built->size_bytes;
      candidate.built = built;
    }
  }

  [[nodiscard]] Result<evaluate::Built> build_anew(const Candidate& candidate) {
    if (candidate.made) {
      evaluate::Built built;
      built.quantized_ops = candidate.row.quantized_ops;
      built.quantized = candidate.quantized;
      TESSERA_CHECK(lab_.pack(*candidate.made, built));
      return built;
    }
    if (std::holds_alternative<Folded>(candidate.making)) {
      return lab_.build_normalized();
    }
    if (const auto* where = std::get_if<Uniform>(&candidate.making)) {
      return lab_.build(candidate.row.scheme, selection_of(*where), quiet_);
    }
    return lab_.build(candidate.assignment, quiet_);
  }

  /// float32 with what can be folded folded: costs nothing but the trial.
  Status add_folded() {
    if (!options_.mixed) {
      return {};
    }
    const auto folded = lab_.make_normalized();
    if (!folded) {
      result_.excluded.push_back({"float32 (mixed: folded)", folded.error().message});
      return {};
    }
    Measurement row;
    row.scheme.mode = Mode::kFloat32;
    row.operators = "mixed: folded";
    if (folded->sources().size() < lab_.graph().ops().size()) {
      result_.candidates.push_back({.row = std::move(row), .making = Folded()});
    }
    return {};
  }

  /// What the caller proposes. Uniform candidates alone set the limits where none were given, so it
  /// comes behind them; a row of an earlier run may be of another proposal, so it is measured anew.
  Status add_proposed() {
    if (!options_.proposed) {
      return {};
    }
    const auto& rules = options_.proposed->rules;
    const auto lossy = std::ranges::find_if(
        rules, [](const auto& rule) { return rule.scheme.mode != Mode::kFloat32; });
    if (lossy == rules.end()) {
      return {};  // float32 is there anyway
    }
    Candidate candidate;
    candidate.making = Mixed();
    candidate.recipe = *options_.proposed;
    candidate.row.scheme = lossy->scheme;
    candidate.row.operators = "mixed: the plan";
    auto assignment = lab_.assignment(candidate.recipe, quiet_);
    if (!assignment) {
      result_.excluded.push_back({candidate.row.name(), assignment.error().message});
      return {};
    }
    candidate.assignment = *std::move(assignment);
    TESSERA_CHECK(measure(candidate));
    result_.candidates.push_back(std::move(candidate));
    return {};
  }

  /// Opens the candidate's model and measures its error, on so many samples (0: all); the session
  /// is closed again.
  Status measure(Candidate& candidate, std::int64_t at_most = 0) {
    TESSERA_CHECK(monitor_.check());
    auto& row = candidate.row;
    const double start = clock_();
    const auto built = build(candidate);
    const double build_us = clock_() - start;
    TESSERA_CHECK(monitor_.check());
    if (!built) {
      row.status = RowStatus::kUnsupported;
      row.reason = built.error().message;
      return {};
    }
    if ((*built)->quantized_ops == 0 && is_integer(row.scheme)) {
      row.status = RowStatus::kUnsupported;
      row.reason = lab_.quantization().int8_ops > 0 && !options_.requantize
                       ? "what the scheme takes is quantized already"
                       : "no operator of the model takes this scheme";
      return {};
    }
    candidate.quantized = (*built)->quantized;
    auto status = lab_.prepare(**built, row, monitor_, at_most).map([](const auto&) {});
    prepare_us_ = std::max(prepare_us_, build_us + row.open_us + row.first_run_us);
    return status;
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
      if (known_method(candidate)) {
        continue;
      }
      TESSERA_CHECK(try_methods(candidate));
    }
    for (auto& candidate : result_.candidates) {
      if (const auto status = combine(candidate); !status) {
        candidate.row.status = RowStatus::kUnsupported;
        candidate.row.reason = status.error().message;
      }
    }
    monitor_.progress("choosing ranges", total, total);
    return {};
  }

  /// The method that an interrupted run has found.
  bool known_method(Candidate& candidate) const {
    for (const auto& row : options_.known) {
      if (row.name() == candidate.row.name() && row.accuracy) {
        candidate.row.scheme.method = row.scheme.method;
        candidate.methods.emplace_back(row.scheme.method, sqnr_of(row));
        return take_over(candidate.row, options_.known);
      }
    }
    return false;
  }

  /// The recipe of a candidate some of whose operators are dynamic, and what it comes to.
  Status combine(Candidate& candidate) {
    const auto* combined = std::get_if<Combined>(&candidate.making);
    if (combined == nullptr) {
      return {};
    }
    auto dynamic = candidate.row.scheme;
    dynamic.mode = Mode::kDynamic;
    dynamic.activation = DType::kUInt8;
    dynamic.activation_symmetric = false;
    auto& recipe = candidate.recipe;
    recipe = lab_.recipe(candidate.row.scheme, selection_of(combined->rest));
    // Behind the static rule, before those that exclude.
    recipe.rules.insert(recipe.rules.begin() + 1,
                        {.match = combined->dynamic, .types = {}, .scheme = dynamic});
    TESSERA_TRY(candidate.assignment, lab_.assignment(recipe, quiet_));
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
    std::vector<Candidate> trials;
    double best_db = -std::numeric_limits<double>::infinity();
    for (const auto method : given_.ranges->methods) {
      if (trials.empty() ? over(kErrorsUntil) : over(kMethodsUntil)) {
        cut(fmt::format("{} with {} ranges", candidate.row.name(), numerics::to_string(method)));
        continue;
      }
      auto& trial = trials.emplace_back(candidate);
      trial.row.scheme.method = method;
      TESSERA_CHECK(combine(trial));
      TESSERA_CHECK(measure(trial, kFirstMethodSamples));
      best_db = std::max(best_db, sqnr_of(trial.row));
    }
    TESSERA_CHECK(judge_the_nearest(trials, best_db - kNearDb));
    auto best = trials.begin();
    for (auto trial = trials.begin(); trial != trials.end(); ++trial) {
      candidate.methods.emplace_back(trial->row.scheme.method, sqnr_of(trial->row));
      best = sqnr_of(trial->row) > sqnr_of(best->row) ? trial : best;
    }
    for (auto trial = trials.begin(); trial != trials.end(); ++trial) {
      if (trial != best) {
        release(*trial);
      }
    }
    if (best == trials.end()) {
      return {};
    }
    best->methods = std::move(candidate.methods);
    candidate = std::move(*best);
    const bool partly =
        candidate.row.accuracy && candidate.row.accuracy->samples < given_.samples->size();
    return partly ? measure(candidate) : Status();
  }

  /// Of several methods at `least_db` and above: on more samples.
  Status judge_the_nearest(std::vector<Candidate>& trials, double least_db) {
    const auto is_near = [&](const Candidate& trial) { return sqnr_of(trial.row) >= least_db; };
    if (!std::isfinite(least_db) || given_.samples->size() <= kFirstMethodSamples ||
        std::count_if(trials.begin(), trials.end(), is_near) < 2) {
      return {};
    }
    for (auto& trial : trials) {
      if (is_near(trial) && !over(kMethodsUntil)) {
        TESSERA_CHECK(measure(trial, kMethodSamples));
      }
    }
    return {};
  }

  void release(Candidate& candidate) {
    kept_bytes_ -= candidate.built ? candidate.built->size_bytes : 0;
    candidate.built.reset();
  }

  Status measure_errors() {
    const auto total = static_cast<std::int64_t>(result_.candidates.size());
    std::int64_t done = 0;
    for (auto& candidate : result_.candidates) {
      monitor_.progress("measuring error", done++, total);
      if (candidate.row.status != RowStatus::kSkipped || take_over(candidate.row, options_.known)) {
        continue;
      }
      if (over(kErrorsUntil)) {
        candidate.row.reason = std::string(kTheBudget);
        cut(candidate.row.name());
        continue;
      }
      TESSERA_CHECK(measure(candidate));
    }
    monitor_.progress("measuring error", total, total);
    return {};
  }

  Status time_survivors(std::span<Candidate> candidates, double until) {
    std::vector<Candidate*> order;
    for (auto& candidate : candidates) {
      if (is_timed(candidate, options_.limits) && candidate.row.speedup.rounds == 0) {
        order.push_back(&candidate);
      }
    }
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
      return a->row.first_run_us < b->row.first_run_us;
    });
    const double share_us = left_us(until) / static_cast<double>(order.size() + 1);
    evaluate::Batches batches(lab_, "timing candidates", share_us, options_.seed, monitor_);
    batches.set_rounds(kSurvivorRounds);
    const double runs = fewest_runs(lab_.reference().first_run_us);
    double least_us = runs * lab_.reference().first_run_us;
    std::vector<Candidate*> timed;
    for (auto* candidate : order) {
      auto& row = candidate->row;
      TESSERA_CHECK(monitor_.check());
      // A race that does not complete its first round has told nothing.
      least_us += runs * row.first_run_us;
      if (!timed.empty() && least_us > left_us(until)) {
        cut("timing of " + row.name());
        continue;
      }
      const auto status = enter(*candidate, batches);
      TESSERA_CHECK(monitor_.check());
      if (status) {
        timed.push_back(candidate);
      } else {
        row.status = RowStatus::kFailed;
        row.reason = status.error().message;
      }
    }
    batches.set_budget_per_lane(left_us(until) / static_cast<double>(timed.size() + 1));
    TESSERA_CHECK(batches.finish());
    return monitor_.check();
  }

  /// The best portable scheme once more with the operators of libtessera_kernels. Its verdict keeps
  /// it out of all that follows.
  Status look_at_kernels() {
    const auto* base = twin_base(result_.candidates);
    if (options_.kernels != KernelsUse::kShown || base == nullptr) {
      return {};
    }
    Candidate twin;
    twin.making = base->making;
    twin.row.scheme = base->row.scheme;
    twin.row.scheme.format = quantize::Format::kKernels;
    twin.row.operators = base->row.operators;
    if (over(kTimingUntil)) {
      cut(twin.row.name());
      return {};
    }
    if (!take_over(twin.row, options_.known)) {
      TESSERA_CHECK(measure(twin));
    }
    twin.verdict = verdict_of(twin.row, limits_);
    const auto status = time_survivors({&twin, 1}, kTimingUntil);
    if (twin.verdict.empty()) {
      twin.verdict = kNeedsLibrary;
    }
    release(twin);
    result_.candidates.push_back(std::move(twin));
    return status;
  }

  Status enter(Candidate& candidate, evaluate::Batches& batches) {
    auto& row = candidate.row;
    TESSERA_TRY(const auto built, build(candidate));
    TESSERA_CHECK(batches.make_room(*built));
    TESSERA_TRY(auto lane, lab_.open_lane(*built, {.level = row.opt_level}));
    batches.add(*built, std::move(lane), row);
    return {};
  }

  /// Candidates were timed in several races, each beside other models; those near the top meet once
  /// more in one.
  Status race_finalists() {
    std::vector<Measurement*> rows;
    std::vector<Lane> lanes;
    const double runs = fewest_runs(lab_.reference().first_run_us);
    double least_us = runs * lab_.reference().first_run_us;
    for (const auto index : finalists_of(result_.candidates)) {
      auto& candidate = result_.candidates[index];
      auto& row = candidate.row;
      least_us += runs * row.first_run_us;
      if (least_us > left_us(kFinalistsUntil)) {
        cut("a race of the fastest candidates");
        return {};
      }
      auto lane = open(candidate);
      TESSERA_CHECK(monitor_.check());
      if (!lane) {
        row.status = RowStatus::kFailed;
        row.reason = lane.error().message;
        continue;
      }
      lanes.push_back(*std::move(lane));
      rows.push_back(&row);
    }
    if (rows.size() < 2) {
      return {};
    }
    RaceOptions race;
    race.seed = options_.seed + 2;
    race.settle_rounds = 20;
    race.max_rounds = 40;
    race.min_rounds = 3;
    race.budget_us = left_us(kFinalistsUntil);
    TESSERA_CHECK(lab_.time(lanes, rows, race, "finalists", monitor_).map([](const auto&) {}));
    return monitor_.check();
  }

  Result<Lane> open(Candidate& candidate) {
    TESSERA_TRY(const auto built, build(candidate));
    return lab_.open_lane(*built, {.level = candidate.row.opt_level});
  }

  /// The fastest that keeps the limits, ties to the more accurate, confirmed by a race of two.
  Status choose() {
    const auto best = pick(result_.candidates);
    if (!best) {
      result_.reason =
          fmt::format("no candidate{} is faster than {}",
                      options_.limits.any() ? " that keeps the limits" : "", reference_name());
      return {};
    }
    return confirm(*best);
  }

  /// A candidate as the file that would be deployed: written, read again, and timed as such.
  struct Finalist {
    std::size_t index = 0;
    std::filesystem::path file;
    network::Network model;
    evaluate::KernelSummary kernels;
    Lane lane;
    Measurement measured;
  };

  Result<Finalist> write_finalist(std::size_t index) {
    auto& candidate = result_.candidates[index];
    const auto folder = folder_ / fmt::format("finalist{}", index);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    TESSERA_TRY(auto model, make(candidate));
    const auto file = folder / fmt::format("model{}", network::ending_of(model.format()));
    if (options_.mark) {
      options_.mark(model, candidate.row.name());
    }
    TESSERA_CHECK(model.save(file, {.overwrite = Overwrite::kReplace}));
    evaluate::KernelSummary kernels;
    TESSERA_TRY(auto lane, lab_.open_file(file, {.level = candidate.row.opt_level}, kernels));
    return Finalist{index,           file,         std::move(model), std::move(kernels),
                    std::move(lane), candidate.row};
  }

  Status open_folder() {
    folder_ = options_.folder;
    if (folder_.empty()) {
      TESSERA_TRY(own_folder_, TemporaryDirectory::create("tessera-optimize"));
      folder_ = own_folder_->path();
    }
    return {};
  }

  Status confirm(std::size_t best) {
    TESSERA_CHECK(open_folder());
    std::vector<std::size_t> wanted{best};
    if (const auto uniform = fastest_uniform(result_.candidates); uniform && *uniform != best) {
      wanted.push_back(*uniform);
    }
    const bool against_uniform = wanted.size() > 1;
    const auto portable = pick_portable(result_.candidates);
    if (portable && std::ranges::find(wanted, *portable) == wanted.end()) {
      wanted.push_back(*portable);
    }
    std::vector<Finalist> finalists;
    for (const auto index : wanted) {
      auto finalist = write_finalist(index);
      TESSERA_CHECK(monitor_.check());
      if (!finalist && finalist.error().code == ErrorCode::kResourceExhausted) {
        return tl::unexpected(finalist.error());  // the disk is full
      }
      if (!finalist) {
        auto& row = result_.candidates[index].row;
        row.status = RowStatus::kFailed;
        row.reason = "as it was written: " + finalist.error().message;
        return choose();
      }
      finalists.push_back(*std::move(finalist));
    }
    std::vector<Measurement*> rows;
    std::vector<Lane> lanes;
    for (auto& finalist : finalists) {
      rows.push_back(&finalist.measured);
      lanes.push_back(std::move(finalist.lane));
    }
    RaceOptions race;
    race.seed = options_.seed + 1;
    race.settle_rounds = 30;
    race.max_rounds = 120;
    race.min_rounds = 10;
    race.budget_us =
        std::max(left_us(kConfirmingUntil), kLeastConfirmingShare * options_.budget_us);
    BudgetMonitor budget(monitor_, clock_() + 2 * race.budget_us);
    const auto baseline_latency = lab_.time(lanes, rows, race, "confirming", budget);
    TESSERA_CHECK(monitor_.check());
    if (!baseline_latency && budget.over()) {
      cut("confirming the fastest candidate");
      result_.reason = "the time budget left no time to confirm that a candidate is faster";
      return {};
    }
    TESSERA_CHECK(baseline_latency);
    result_.confirmed_baseline_latency = *baseline_latency;
    std::size_t winner = 0;
    // A mix must earn its keep: the simpler model wins where the race cannot tell them apart,
    // unless the mix is the more accurate one.
    if (against_uniform && gives_way(finalists[0].measured, finalists[1].measured)) {
      result_.candidates[best].verdict = "not faster than the best uniform model when confirmed";
      winner = 1;
    }
    TESSERA_CHECK(judge(finalists[winner]));
    return keep_portable(finalists);
  }

  /// Whoever is given a model that needs a library gets the best that needs none, too.
  Status keep_portable(std::span<const Finalist> finalists) {
    if (!result_.chosen || result_.portable ||
        !needs_library(result_.candidates[*result_.chosen])) {
      return {};
    }
    auto& portable = result_.portable.emplace();
    portable.name = reference_name();
    const Finalist* best = nullptr;
    for (const auto& finalist : finalists) {
      const auto& row = finalist.measured;
      if (!needs_library(result_.candidates[finalist.index]) && row.status == RowStatus::kOk &&
          shortfall(row.speedup).empty() && row.speedup.median > portable.speedup) {
        best = &finalist;
        portable.speedup = row.speedup.median;
      }
    }
    if (best == nullptr) {
      return {};
    }
    portable.name = best->measured.name();
    portable.sqnr_db = sqnr_of(best->measured);
    portable.file = folder_ / "portable" /
                    fmt::format("model.portable{}", network::ending_of(best->model.format()));
    std::error_code error;
    std::filesystem::create_directories(portable.file.parent_path(), error);
    return best->model.save(portable.file, {.overwrite = Overwrite::kReplace});
  }

  Status judge(Finalist& finalist) {
    auto& candidate = result_.candidates[finalist.index];
    const auto& row = finalist.measured;
    if (row.status != RowStatus::kOk) {
      candidate.row.status = row.status;
      candidate.row.reason = "as it was written: " + row.reason;
      return choose();
    }
    result_.confirmation = row.speedup;
    result_.confirmed_latency = row.latency;
    if (const auto short_of = shortfall(row.speedup); !short_of.empty()) {
      result_.reason = fmt::format(
          "the fastest candidate, {}, is not faster than {} {} (speed-up {:.2f}, 95 % interval "
          "{:.2f} to {:.2f})",
          row.name(), reference_name(),
          row.speedup.certain() ? fmt::format("by {:.0f} %", 100 * kTie) : "beyond noise",
          row.speedup.median, row.speedup.low, row.speedup.high);
      candidate.verdict = short_of;
      return {};
    }
    result_.chosen = finalist.index;
    candidate.verdict = "chosen";
    result_.reason = describe_choice();
    check_kernels(candidate, finalist);
    result_.model = std::make_shared<const network::Network>(std::move(finalist.model));
    return {};
  }

  /// What ran of the file, beside what was planned: a kernel that the runtime keeps in float costs
  /// the error of integers for nothing.
  void check_kernels(const Candidate& candidate, const Finalist& finalist) {
    const auto& kernels = finalist.kernels;
    OptimizeResult::Written written{.file = finalist.file,
                                    .ran = kernels.integer_products,
                                    .integer_kernels = kernels.integer_kernels};
    const auto ops = lab_.graph().ops();
    for (std::size_t i = 0; i < candidate.quantized.size() && i < ops.size(); ++i) {
      const bool product = evaluate::is_product(ops[i].kind);
      written.planned += candidate.quantized[i] && product ? 1 : 0;
    }
    written.planned += lab_.reference().kernels ? given_products() : 0;
    const bool integer = is_integer(candidate.row.scheme);
    const auto& before = candidate.row.kernels;
    if (integer && written.ran < written.planned) {
      monitor_.warn({"kernels-stay-float",
                     fmt::format("{} of {} products that were planned in integers run in float",
                                 written.planned - written.ran, written.planned),
                     "the runtime has no integer kernel for them as they stand; tessera profile "
                     "shows which, --exclude leaves them in float"});
    } else if (before && before->integer_kernels != kernels.integer_kernels) {
      monitor_.warn({"kernels-differ",
                     fmt::format("the written file runs {} integer kernels, {} were measured",
                                 kernels.integer_kernels, before->integer_kernels),
                     "the figures are those of the file"});
    }
    result_.written = std::move(written);
  }

  /// Products that the model computes in integers as it was given.
  [[nodiscard]] std::int64_t given_products() const {
    return options_.requantize ? 0 : lab_.reference().kernels->integer_products;
  }

  [[nodiscard]] std::string reference_name() const { return lab_.reference().name(); }

  [[nodiscard]] std::string describe_choice() const {
    if (options_.limits.any()) {
      return "the fastest measured candidate that keeps the limits";
    }
    return fmt::format(
        "no limits were given: the fastest candidate within {:.0f} dB of the most accurate integer "
        "one, or beyond {:g} dB, which is enough{}",
        kSqnrSlackDb, options_.enough_sqnr_db,
        classifies() ? ", that loses at most 1 point of top-1" : "");
  }

  /// The rest of the verdicts, warnings, and the model itself.
  Status finish() {
    const auto* chosen = result_.chosen ? &result_.candidates[*result_.chosen] : nullptr;
    for (auto& candidate : result_.candidates) {
      if (candidate.verdict.empty()) {
        candidate.verdict = loser_verdict(candidate, chosen, reference_name());
      }
    }
    note_kernels();
    settle();
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
    return {};
  }

  void note_kernels() {
    for (const auto& candidate : result_.candidates) {
      if (candidate.verdict == kNeedsLibrary) {
        const auto chosen = result_.chosen ? result_.confirmation : std::nullopt;
        result_.with_kernels = gain_of_kernels(candidate, chosen);
      }
    }
  }

  /// The reference with all its runs, and every row at its pace.
  void settle() {
    result_.baseline = lab_.reference();
    for (auto& candidate : result_.candidates) {
      evaluate::settle_latency(candidate.row, result_.baseline);
      candidate.row.why = evaluate::explain_pace(candidate.row, result_.baseline);
      candidate.built.reset();
    }
  }

  /// The same kernels with better numbers in them: as fast, and closer to float32. Of those that
  /// only come near the limits, until one keeps them.
  Status refine_fastest() {
    if (options_.calibration == nullptr) {
      return {};
    }
    std::vector<Candidate> bases;
    for (const auto* base : to_refine(result_.candidates, options_.limits, options_.kernels)) {
      bases.push_back(*base);
      bases.back().built.reset();
    }
    for (auto& base : bases) {
      const auto name = "refining " + base.row.name();
      if (over(kRefiningUntil)) {
        cut(name);
        return {};
      }
      TESSERA_TRY(const bool kept, refine_one(std::move(base), name));
      if (kept) {
        return {};
      }
    }
    return {};
  }

  /// Whether what comes of it keeps the limits.
  Result<bool> refine_one(Candidate candidate, const std::string& name) {
    auto budget = budget_until(kRefiningUntil);
    const auto refined = refine_candidate(candidate, budget);
    TESSERA_CHECK(monitor_.check());
    if (!refined && budget.over()) {
      cut(name);
      return false;
    }
    if (!refined) {
      result_.excluded.push_back({name, refined.error().message});
      return false;
    }
    if (!*refined) {
      result_.excluded.push_back({name, "no step brought its outputs closer to float32"});
      return candidate.verdict.empty();
    }
    std::vector<Candidate> one{std::move(candidate)};
    TESSERA_CHECK(measure(one.front()));
    one.front().verdict = verdict_of(one.front().row, limits_);
    TESSERA_CHECK(time_survivors(one, kFinalistsUntil));
    result_.candidates.push_back(std::move(one.front()));
    return result_.candidates.back().verdict.empty();
  }

  /// False if no step was kept.
  Result<bool> refine_candidate(Candidate& candidate, Monitor& monitor) {
    auto assignment = candidate.assignment;
    if (const auto* where = std::get_if<Uniform>(&candidate.making)) {
      TESSERA_TRY(assignment, lab_.assignment(candidate.row.scheme, selection_of(*where), quiet_));
    }
    // The quick steps: what costs minutes is left to `quantize --refine full`.
    const auto quick = refine::doable(*given_.model, {.equalize = true,
                                                      .rounding = refine::Rounding::kAdaptive,
                                                      .bias_correction = true})
                           .options;
    TESSERA_TRY(auto refinement, refine::refine(*given_.model, assignment, *options_.calibration,
                                                given_.ranges, given_.library, quick, monitor));
    candidate.refinement = refinement.report;
    const auto& steps = refinement.report.steps;
    if (std::none_of(steps.begin(), steps.end(), [](const auto& step) { return step.kept; })) {
      return false;
    }
    quantize::QuantizeOptions quantizing;
    quantizing.weights = &refinement.weights;
    TESSERA_TRY(const auto report, quantize::quantize(refinement.model, refinement.assignment,
                                                      &refinement.ranges, quantizing, quiet_));
    // Refining may have folded operators; what is left of the plan is counted by name.
    candidate.quantized.clear();
    auto& row = candidate.row;
    row.operators = row.operators == "all" ? "refined" : row.operators + ", refined";
    row.quantized_ops = report.quantized_ops;
    row.speedup = {};
    row.latency = {};
    candidate.methods.clear();
    candidate.made = std::make_shared<const network::Network>(std::move(refinement.model));
    return true;
  }

  Result<network::Network> make(const Candidate& candidate) {
    if (candidate.made) {
      return candidate.made->clone();
    }
    if (std::holds_alternative<Folded>(candidate.making)) {
      return lab_.make_normalized();
    }
    if (const auto* where = std::get_if<Uniform>(&candidate.making)) {
      return lab_.make(candidate.row.scheme, selection_of(*where), monitor_);
    }
    return lab_.make(candidate.assignment, monitor_);
  }

  // --- mixes ----------------------------------------------------------------------------------

  Status mix() {
    if (!options_.mixed) {
      return {};
    }
    const auto* base = mixing_base(result_.candidates, options_.kernels);
    if (base == nullptr) {
      result_.excluded.push_back(
          {"mixes of float and integer layers", "no uniform static model runs"});
      return {};
    }
    const auto status = search_mixes(*base);
    TESSERA_CHECK(monitor_.check());
    if (!status && (over(kMixingUntil) || status.error().code == ErrorCode::kDeadlineExceeded)) {
      cut("mixes of float and integer layers");
      return {};
    }
    if (!status) {
      result_.excluded.push_back({"mixes of float and integer layers", status.error().message});
    }
    return {};
  }

  Status search_mixes(const Candidate& base) {
    auto budget = budget_until(kMixingUntil);
    Mixer mixer({lab_, options_, prepare_us_}, base, mixing_partners(result_.candidates, base),
                budget);
    TESSERA_TRY(auto mixing, mixer.open(left_us(kMixingUntil)));
    if (!mixer.cut_off().empty()) {
      cut(mixer.cut_off());
    }
    const int rounds = needs_library(base) ? kKernelRounds : kRounds;
    for (int round = 0; round < rounds; ++round) {
      TESSERA_TRY(auto proposals, mixer.propose(limits_));
      if (proposals.empty()) {
        break;
      }
      TESSERA_CHECK(measure_proposals(proposals, round));
      note_best(proposals, mixing);
      const auto learned = mixer.learn(proposals);
      std::move(proposals.begin(), proposals.end(), std::back_inserter(result_.candidates));
      if (!learned || over(kMixingUntil)) {
        TESSERA_CHECK(monitor_.check());
        if (round + 1 < rounds) {
          cut("further rounds of mixes");
        }
        break;
      }
    }
    result_.mixing = std::move(mixing);
    return {};
  }

  Status measure_proposals(std::vector<Candidate>& proposals, int round) {
    std::size_t measured = 0;
    for (auto& proposal : proposals) {
      if (measured > 0 && over(kMixingUntil)) {
        break;
      }
      TESSERA_CHECK(measure(proposal));
      proposal.verdict = verdict_of(proposal.row, limits_);
      ++measured;
    }
    if (measured < proposals.size()) {
      cut(fmt::format("{} mixes of round {}", proposals.size() - measured, round + 1));
      proposals.resize(measured);
    }
    return time_survivors(proposals, kMixingUntil);
  }

  void note_best(const std::vector<Candidate>& proposals, OptimizeResult::Mixing& mixing) const {
    const double reference_us = lab_.reference().latency.median_us;
    for (const auto& proposal : proposals) {
      const double us = reference_us / std::max(proposal.row.speedup.median, 1e-9);
      if (proposal.row.speedup.rounds > 0 &&
          (mixing.best_measured_us == 0 || us < mixing.best_measured_us)) {
        mixing.best_measured_us = us;
        mixing.best_predicted_us = proposal.predicted_us.value_or(0);
      }
      ++mixing.proposals;
    }
  }

  Lab& lab_;
  const evaluate::LabSetup& given_;
  const OptimizeOptions& options_;
  Limits limits_;
  OptimizeResult& result_;
  Monitor& monitor_;
  QuietMonitor quiet_;
  Clock clock_ = steady_clock_us();
  double start_us_;
  double prepare_us_ = 0;  ///< the longest until a model was built, open and had run once
  std::int64_t kept_bytes_ = 0;
  std::filesystem::path folder_;
  std::optional<TemporaryDirectory> own_folder_;
};

/// Kernels are tried where the runtime takes them: by its CPU provider, with the library at hand.
Result<KernelsUse> kernels_use(const OptimizeOptions& options, bool onnx,
                               const std::shared_ptr<const runtime::Library>& library,
                               CandidatePlan& plan) {
  if (!onnx || options.kernels == KernelsUse::kPortable ||
      runtime::short_provider_name(options.session.provider) != "cpu") {
    return KernelsUse::kPortable;
  }
  const auto status = network::try_kernels(library, options.session);
  if (status) {
    return options.kernels;
  }
  if (options.kernels == KernelsUse::kTaken) {
    return tl::unexpected(status.error());
  }
  plan.excluded.push_back({"kernels of tessera", status.error().message});
  return KernelsUse::kPortable;
}

}  // namespace

Result<OptimizeResult> optimize(const network::Network& model, const data::SampleSet& samples,
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
                                   .memory_bytes = options.memory_bytes,
                                   .requantize = options.requantize},
                                  monitor));
  if (options.limits.max_top1_drop && !lab.baseline().reference_top1_percent()) {
    return fail(ErrorCode::kInvalidArgument,
                "a limit on top-1 needs a classifier and labels that fit it")
        .hint("use --min-sqnr-db or --max-error");
  }
  OptimizeResult result;
  TESSERA_TRY(const auto* dialect, quantize::dialect_of(model));
  const auto named = dialect->candidates();
  auto plan = named ? plan_candidates(*named)
                    : plan_candidates(describe_host(), lab.graph(), options.session.provider,
                                      options.kernels);
  auto settings = options;
  TESSERA_TRY(settings.kernels, kernels_use(options, !named, library, plan));
  result.excluded = std::move(plan.excluded);
  result.timer = evaluate::timer_for(options.session);
  result.candidates = std::move(plan.candidates);
  TESSERA_CHECK(Optimizer(lab, settings, result, monitor).run());
  return result;
}

}  // namespace tessera::optimize
