// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "profile/isolated.h"
#include "profile/trace.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/lab.h"
#include "tessera/evaluate/measuring.h"
#include "tessera/profile/conversions.h"
#include "tessera/profile/evidence.h"
#include "tessera/profile/roofline.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/keep.h"
#include "tessera/quantize/quantize.h"

namespace tessera::profile {
namespace {

using evaluate::Lab;
using evaluate::Lane;
using evaluate::Measurement;
using evaluate::QuietMonitor;

constexpr auto kFloat = "fp32";
constexpr auto kInteger = "int8";

/// Shares of the time budget by which a part is over, with what building and opening take. The
/// curve, where it is asked for, has the other half.
constexpr double kTraceUntil = 0.45;
constexpr double kIsolatedShare = 0.1;
constexpr double kRaceUntil = 0.85;
constexpr double kCurveUntil = 0.93;
constexpr double kCurveShare = 0.5;
/// Conversions alone, the roofline, and sessions opened to see their memory.
constexpr double kMachineUs = 4e6;
/// A prediction that misses unseen plans by more was not made on a quiet machine: on one it misses
/// them by 1 to 4 %.
constexpr double kTrustedError = 0.08;

/// A plan that races without the profiler.
struct Contender {
  States asked;
  States states;  ///< as built
  Measurement row;
  bool normalized = false;  ///< float32 throughout, as mixes have their float layers

  [[nodiscard]] bool ran() const { return row.speedup.rounds > 0; }
};

/// Another plan every time, until the generator repeats itself.
class PlanSource {
 public:
  PlanSource(const Units& units, std::uint64_t seed) : units_(units), random_(seed) {}

  std::optional<States> next() {
    constexpr int kTries = 200;
    for (int i = 0; i < kTries; ++i) {
      auto states = random_states(units_, random_);
      if (seen_.insert(digits_of(states)).second) {
        return states;
      }
    }
    return std::nullopt;  // few layers have few mixes
  }
  void exclude(const States& states) { seen_.insert(digits_of(states)); }

 private:
  const Units& units_;
  Random random_;
  std::set<std::string> seen_;  ///< as digits
};

}  // namespace

class Study::Profiler {
 public:
  /// `own`: the lab, where nobody else has it.
  Profiler(Lab& lab, std::unique_ptr<Lab> own, const ProfileOptions& options, Monitor& monitor)
      : own_lab_(std::move(own)),
        lab_(lab),
        view_(lab.graph()),
        model_(*lab.setup().model),
        library_(lab.setup().library),
        options_(options),
        monitor_(monitor),
        quiet_(monitor),
        start_us_(clock_()) {
    profile_.quantization = lab_.quantization();
    schemes_ = {options.scheme};
    schemes_.insert(schemes_.end(), options.further.begin(), options.further.end());
    profile_.integer_scheme = options.scheme;
    profile_.scheme = quantize::to_string(options.scheme);
    profile_.provider = options.session.provider;
    profile_.opt_level = options.session.opt_level;
    profile_.timer = evaluate::timer_for(options.session);
  }

  Result<Profile> run() {
    TESSERA_CHECK(trace_uniform());
    const auto status = go_on();
    profile_.interrupted = !status && !monitor_.check();
    if (!status && !profile_.interrupted) {
      return tl::unexpected(status.error());
    }
    if (profile_.interrupted) {
      note_kernel_sums();
      profile_.traced = std::move(traced_);
    }
    describe_layers();
    profile_.wall_us = clock_() - start_us_;
    return profile_;
  }

  Status learn(const States& states) {
    TESSERA_TRY(auto traced, trace(states, options_.runs));
    traced.times.scale_by(pace_us_ / traced.reference_us);
    traced.times.share_by(profile_.model.own_us(units_, traced.times.states));
    evidence_.plans.push_back(std::move(traced.times));
    TESSERA_TRY(auto model, fit_cells(evidence_));
    model.scale = profile_.model.scale;
    model.overhead_us_per_kernel = profile_.model.overhead_us_per_kernel;
    model.centre = profile_.model.centre;
    model.interval = profile_.model.interval;
    profile_.model = std::move(model);
    return {};
  }

  [[nodiscard]] const Units& units() const noexcept { return units_; }
  [[nodiscard]] const LatencyModel& model() const noexcept { return profile_.model; }
  [[nodiscard]] const Evidence& evidence() const noexcept { return evidence_; }

  /// Which operators can be integers, and why the others cannot. To be called first.
  Status find_units() {
    TESSERA_TRY(auto found, profile::find_units(lab_, view_, options_, monitor_));
    units_ = std::move(found.units);
    reasons_ = std::move(found.reasons);
    all_ = uniform_states(units_, 1);
    const auto known = [&](const TracedPlan& plan) {
      const auto& states = plan.times.states;
      return plan.times.fits(units_.size()) && plan.reference_us > 0 &&
             std::all_of(states.begin(), states.end(),
                         [&](auto state) { return state <= schemes_.size(); });
    };
    const bool fit = std::all_of(options_.known.begin(), options_.known.end(), known);
    if (!fit) {
      return fail(ErrorCode::kInvalidArgument, "the interrupted profile is of other layers")
          .hint("leave out --resume, or give the same options as before");
    }
    if (integers_in(all_) == 0) {
      return fail(ErrorCode::kFailedPrecondition, "no operator of the model takes {}",
                  profile_.scheme)
          .hint("see what is in it: tessera inspect MODEL; or choose other types");
    }
    return {};
  }

 private:
  /// What needs the layers' times. Where the user stops it, those are kept at least.
  Status go_on() {
    TESSERA_CHECK(trace_mixed());
    TESSERA_CHECK(time_alone());
    free_of_drift();
    TESSERA_CHECK(race_plans());
    TESSERA_CHECK(judge());
    if (options_.curve) {
      TESSERA_CHECK(draw_curve());
    }
    return options_.machine ? look_at_machine() : Status();
  }

  /// Mixes that there are, the uniform models left out: few layers have few, and some must be left
  /// to judge by.
  [[nodiscard]] std::int64_t mixes() const {
    constexpr std::int64_t kMany = 1 << 20;
    std::int64_t mixes = 1;
    for (const auto& unit : units_.units) {
      mixes *= 1 + std::count(unit.takes.begin(), unit.takes.end(), true);
      mixes = std::min(mixes, kMany);
    }
    return std::max<std::int64_t>(mixes - 1 - static_cast<std::int64_t>(schemes_.size()), 0);
  }
  [[nodiscard]] bool is_mine(std::int64_t plan) const {
    return plan % options_.shard_count == options_.shard_index;
  }
  [[nodiscard]] double spent_us() const { return options_.spent_us + clock_() - start_us_; }
  /// What is left until a share of the budget is used up. The machine's own figures take a fixed
  /// time, which is kept back where the budget is large enough for both.
  [[nodiscard]] double left_us(double until) const {
    const bool both = options_.machine && options_.budget_us > 2 * kMachineUs;
    const double layers_us = options_.budget_us - (both ? kMachineUs : 0);
    return std::max(until * layers_us - spent_us(), 0.0);
  }
  [[nodiscard]] double left_for_machine_us() const {
    return std::max(options_.budget_us - spent_us(), 0.0);
  }
  /// The same of what the curve leaves.
  [[nodiscard]] double before_curve(double until) const {
    return options_.curve ? kCurveShare * until : until;
  }
  [[nodiscard]] bool over(double until) const { return left_us(before_curve(until)) <= 0; }
  void cut(std::string what) { profile_.cut_off.push_back(std::move(what)); }

  [[nodiscard]] quantize::Assignment assignment(const States& states) const {
    auto schemes = assignment_of(units_, states, schemes_);
    for (const auto& [op, other] : options_.others) {
      if (states[units_.of_op[op.value]] == 1) {
        schemes[op] = other;
      }
    }
    if (!options_.requantize) {
      quantize::keep_quantized(view_, schemes);
    }
    return schemes;
  }

  Result<Trace> trace(const States& states, std::int64_t runs) {
    TESSERA_TRY(const auto built, lab_.build(assignment(states), quiet_));
    return trace(states, built, runs);
  }
  Result<Trace> trace(const States& states, const evaluate::Built& built, std::int64_t runs) {
    // The machine's pace behind one plan is that before the next, unless much time went by.
    constexpr double kFreshUs = 1e6;
    TraceOptions tracing{.runs = runs};
    if (last_pace_us_ && clock_() - last_pace_at_us_ < kFreshUs) {
      tracing.before_us = last_pace_us_;
    }
    TESSERA_TRY(auto trace, trace_plan(lab_, units_, built, tracing, monitor_));
    trace.times.states = states_of(units_, states, built.quantized);
    last_pace_us_ = trace.after_us;
    last_pace_at_us_ = clock_();
    profile_.stability.runs += trace.runs + trace.disturbed;
    profile_.stability.disturbed_runs += trace.disturbed;
    reference_us_.push_back(trace.reference_us);
    return trace;
  }

  Status trace_uniform() {
    const auto add = [&](const std::string& precision, const States& states,
                         const std::string& scheme) -> Status {
      monitor_.progress("uniform models", static_cast<std::int64_t>(uniform_.size()),
                        static_cast<std::int64_t>(1 + schemes_.size()));
      TESSERA_TRY(auto traced, trace(states, 2 * options_.runs));
      auto& whole = profile_.whole[precision];
      whole.scheme = scheme;
      whole.disturbed_runs = traced.disturbed;
      for (const auto& event : traced.events) {
        profile_.events.push_back(
            {precision, event.unit, event.kernel, event.start_us, event.duration_us});
      }
      uniform_.emplace(precision, std::move(traced));
      return {};
    };
    TESSERA_CHECK(add(kFloat, States(units_.size(), 0), "float32"));
    TESSERA_CHECK(add(kInteger, all_, profile_.scheme));
    for (std::size_t i = 1; i < schemes_.size();) {
      const auto name = quantize::to_string(schemes_[i]);
      const auto states = uniform_states(units_, i + 1);
      const auto status =
          integers_in(states) > 0
              ? add(name, states, name)
              : Status(fail(ErrorCode::kFailedPrecondition, "no operator takes it"));
      TESSERA_CHECK(monitor_.check());
      if (status) {
        ++i;
        continue;
      }
      leave_out(i);
      monitor_.warn({"scheme-left-out", fmt::format("{}: {}", name, status.error().message),
                     "it gets no column"});
    }
    for (const auto& scheme : schemes_) {
      evidence_.forms.push_back(form_of(scheme));
      evidence_.schemes.push_back(quantize::to_string(scheme));
    }
    profile_.further_schemes.assign(schemes_.begin() + 1, schemes_.end());
    return {};
  }

  void leave_out(std::size_t scheme) {
    const auto at = static_cast<std::ptrdiff_t>(scheme);
    schemes_.erase(schemes_.begin() + at);
    for (auto& unit : units_.units) {
      unit.takes.erase(unit.takes.begin() + at);
    }
  }

  Status trace_mixed() {
    TESSERA_TRY(const auto normalized, lab_.build_normalized());
    TESSERA_TRY(auto floats, trace(States(units_.size(), 0), normalized, options_.runs));
    training_.push_back(std::move(floats.times));
    PlanSource source(units_, options_.seed * 3 + 1);
    const auto wanted = std::min(options_.training_plans, mixes() / 2);
    for (std::int64_t i = 0; i < wanted; ++i) {
      const auto states = source.next();
      // Ten plans are the least that show layers in several neighbourhoods.
      if (!states) {
        break;
      }
      if (over(kTraceUntil) && training_.size() >= 10) {
        cut(fmt::format("{} of {} mixed plans", wanted - i, wanted));
        break;
      }
      drawn_.push_back(*states);
      if (!is_mine(i)) {
        continue;
      }
      monitor_.progress("mixed plans", i, wanted);
      if (const auto* known = known_plan(i)) {
        reference_us_.push_back(known->reference_us);
        training_.push_back(known->times);
        traced_.push_back(*known);
        continue;
      }
      const double began_us = clock_();
      auto traced = trace(*states, options_.runs);
      TESSERA_CHECK(monitor_.check());
      if (!traced) {
        warn_of_plan(traced.error());
        continue;
      }
      plan_us_ = std::max(plan_us_, clock_() - began_us);
      traced_.push_back({i, traced->reference_us, traced->times});
      training_.push_back(std::move(traced->times));
    }
    profile_.training_plans = static_cast<std::int64_t>(training_.size());
    return {};
  }

  /// What an interrupted run measured of a plan.
  [[nodiscard]] const TracedPlan* known_plan(std::int64_t number) const {
    const auto& known = options_.known;
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const auto& plan) { return plan.number == number; });
    return found == known.end() ? nullptr : &*found;
  }

  /// One plan that does not run is no reason to lose the others.
  void warn_of_plan(const Error& error) {
    monitor_.warn({"plan-left-out", "a mixed plan does not run: " + error.message,
                   "the latency model does without it"});
  }

  Status time_alone() {
    alone_.resize(units_.size());
    const auto sharing = units_that_share();
    any_shares_ = std::find(sharing.begin(), sharing.end(), true) != sharing.end();
    const bool late = over(kTraceUntil + kIsolatedShare);
    if (options_.isolated && late) {
      cut("layers timed alone");
      options_.isolated = false;
    } else if ((options_.isolated || any_shares_) && !late) {
      auto ranges = *lab_.setup().ranges;
      ranges.model.reset();  // parts of the model are no file that they could be of
      TESSERA_TRY(alone_,
                  time_isolated(model_, view_, units_, sharing, options_.scheme, ranges, library_,
                                options_.session, kIsolatedShare * options_.budget_us, monitor_));
    }
    if (any_shares_) {
      share_by_alone();
    }
    return {};
  }

  /// By unit: some plan has it in a kernel together with others.
  [[nodiscard]] std::vector<bool> units_that_share() const {
    std::vector<bool> sharing(units_.size(), false);
    const auto note = [&](const PlanTimes& times) {
      for (const auto& kernel : times.shared) {
        for (const auto unit : kernel.units) {
          sharing[unit] = true;
        }
      }
    };
    std::for_each(training_.begin(), training_.end(), note);
    for (const auto& [precision, traced] : uniform_) {
      note(traced.times);
    }
    return sharing;
  }

  /// What units share is divided by what they take alone, until the latency model knows better.
  void share_by_alone() {
    double us = 0;
    double work = 0;
    const auto work_of = [](const Unit& unit) {
      return static_cast<double>(unit.macs + unit.input_bytes + unit.output_bytes);
    };
    for (std::size_t i = 0; i < units_.size(); ++i) {
      us += alone_[i] ? alone_[i]->fp32_us : 0;
      work += alone_[i] ? work_of(units_.units[i]) : 0;
    }
    const double us_per_work = work > 0 ? us / work : 1;
    const auto weights = [&](const States& states) {
      std::vector<double> by_unit;
      for (std::size_t i = 0; i < units_.size(); ++i) {
        const auto& alone = alone_[i];
        const bool integers = states[i] != 0 && is_integer(evidence_.forms[states[i]].values);
        by_unit.push_back(
            !alone ? us_per_work * work_of(units_.units[i])
                   : (integers ? alone->int8_us.value_or(alone->fp32_us) : alone->fp32_us));
      }
      return by_unit;
    };
    for (auto& times : training_) {
      times.share_by(weights(times.states));
    }
    for (auto& [precision, traced] : uniform_) {
      traced.share_by(weights(traced.times.states));
    }
  }

  /// The machine's pace changes over minutes: every trace is divided by that of float32 around it.
  void free_of_drift() {
    auto sorted = reference_us_;
    std::sort(sorted.begin(), sorted.end());
    pace_us_ = quantile(sorted, 0.5);
    profile_.stability.reference_spread =
        (quantile(sorted, 0.9) - quantile(sorted, 0.1)) / pace_us_;
    for (auto& [precision, traced] : uniform_) {
      traced.times.scale_by(pace_us_ / traced.reference_us);
    }
    const auto first = reference_us_.size() - training_.size();
    for (std::size_t i = 0; i < training_.size(); ++i) {
      training_[i].scale_by(pace_us_ / reference_us_[first + i]);
    }
    for (std::size_t i = 0; i < schemes_.size(); ++i) {
      training_.push_back(uniform_.at(column(i)).times);
    }
  }

  /// Under which a uniform model stands in the profile.
  [[nodiscard]] std::string column(std::size_t scheme) const {
    return scheme == 0 ? kInteger : quantize::to_string(schemes_[scheme]);
  }

  // --- plans without the profiler -------------------------------------------------------------

  /// Integers where the layer alone is faster so.
  [[nodiscard]] States gains_alone() const {
    States states(units_.size(), 0);
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const auto& alone = alone_[i];
      states[i] = alone && alone->int8_us && *alone->int8_us < alone->fp32_us ? 1 : 0;
    }
    return states;
  }

  /// What every layer is fastest in, by the uniform models.
  [[nodiscard]] States gains_in_place() const {
    States states(units_.size(), 0);
    for (std::size_t i = 0; i < units_.size(); ++i) {
      double best_us = in_place_us(kFloat, i);
      for (std::size_t scheme = 0; scheme < schemes_.size(); ++scheme) {
        const double us = in_place_us(column(scheme), i);
        if (units_.units[i].takes[scheme] && us < best_us) {
          best_us = us;
          states[i] = static_cast<std::uint8_t>(scheme + 1);
        }
      }
    }
    return states;
  }
  [[nodiscard]] double in_place_us(const std::string& precision, std::size_t unit) const {
    const auto& times = uniform_.at(precision).times;
    return times.unit_us[unit] + times.conversion_us[unit];
  }

  void add_contender(const States& states) { contenders_.push_back({.asked = states}); }

  Status race_plans() {
    for (std::size_t i = 0; i < schemes_.size(); ++i) {
      add_contender(uniform_states(units_, i + 1));
    }
    first_gain_ = contenders_.size();
    if (options_.isolated) {
      add_contender(gains_alone());
    }
    add_contender(gains_in_place());
    first_training_ = contenders_.size();
    add_contender(States(units_.size(), 0));
    contenders_.back().normalized = true;
    // The first is float throughout, the last ones are uniform.
    const auto mixed = training_.size() - schemes_.size();
    for (std::size_t i = 1; i < std::min(plans_to_correct_by(), mixed); ++i) {
      add_contender(training_[i].states);
    }
    first_calibration_ = contenders_.size();
    PlanSource source(units_, options_.seed * 3 + 2);
    for (const auto& states : drawn_) {
      source.exclude(states);
    }
    const auto [calibrating, validating] = plans_that_fit();
    for (std::int64_t i = 0; i < calibrating + validating; ++i) {
      if (i == calibrating) {
        first_validation_ = contenders_.size();
      }
      if (const auto states = source.next(); states && is_mine(i)) {
        add_contender(*states);
      }
    }
    return race_all(contenders_, "plans without the profiler", before_curve(kRaceUntil));
  }

  /// Plans that are raced besides being taken apart: as many as there is time for where units share
  /// kernels (see fit_cells()).
  [[nodiscard]] std::size_t plans_to_correct_by() const {
    constexpr std::size_t kFew = 10;
    constexpr double kOpeningShare = 0.3;
    if (!any_shares_ || plan_us_ <= 0) {
      return kFew;
    }
    const double fitting = kOpeningShare * left_us(before_curve(kRaceUntil)) / plan_us_;
    return std::max(kFew, static_cast<std::size_t>(std::min(fitting, 1e6)));
  }

  /// Plans to calibrate and to validate with: fewer where building and opening them all would take
  /// most of the time, four and six at least.
  std::pair<std::int64_t, std::int64_t> plans_that_fit() {
    const auto calibrating = std::min(options_.calibration_plans, mixes() / 6);
    const auto wanted = calibrating + options_.validation_plans;
    constexpr double kOpeningShare = 0.6;
    const double left = kOpeningShare * left_us(before_curve(kRaceUntil));
    const auto others = static_cast<double>(contenders_.size());
    const auto fitting =
        plan_us_ > 0 ? static_cast<std::int64_t>(left / plan_us_ - others) : wanted;
    constexpr std::int64_t kLeast = 10;
    if (fitting >= wanted || wanted <= kLeast || options_.shard_count > 1) {
      return {calibrating, options_.validation_plans};
    }
    const auto taken = std::max(fitting, kLeast);
    cut(fmt::format("{} of {} plans that judge the prediction", wanted - taken, wanted));
    const auto first = std::max<std::int64_t>(std::min<std::int64_t>(calibrating, 4),
                                              calibrating * taken / wanted);
    return {first, taken - first};
  }

  /// In batches that fit into memory; each has float32 in it.
  Status race_all(std::vector<Contender>& contenders, std::string_view stage, double until) {
    std::vector<Lane> lanes;
    std::vector<Measurement*> rows;
    std::int64_t open_bytes = 0;
    const auto flush = [&]() -> Status {
      evaluate::RaceOptions race;
      race.seed = options_.seed;
      race.min_rounds = 1;
      race.settle_rounds = 8;
      race.max_rounds = options_.rounds;
      race.wanted_precision = 0.02;  // of plans that a model is fitted to which is off by 1 to 4 %
      race.budget_us = left_us(until) * static_cast<double>(lanes.size()) /
                       static_cast<double>(contenders.size());
      TESSERA_CHECK(lab_.time(lanes, rows, race, stage, monitor_).map([](const auto&) {}));
      TESSERA_CHECK(monitor_.check());
      lanes.clear();
      rows.clear();
      open_bytes = 0;
      return {};
    };
    for (auto& contender : contenders) {
      monitor_.progress("opening plans", static_cast<std::int64_t>(rows.size()),
                        static_cast<std::int64_t>(contenders.size()));
      TESSERA_CHECK(monitor_.check());
      const auto built = contender.normalized ? lab_.build_normalized()
                                              : lab_.build(assignment(contender.asked), quiet_);
      TESSERA_CHECK(monitor_.check());
      if (!built) {
        warn_of_plan(built.error());
        continue;
      }
      contender.states = states_of(units_, contender.asked, built->quantized);
      contender.row.size_bytes = built->size_bytes;
      const auto bytes = lab_.session_bytes(*built);
      if (!lanes.empty() && open_bytes + bytes > lab_.memory_bytes()) {
        TESSERA_CHECK(flush());
      }
      auto lane = lab_.open_lane(*built, {});
      TESSERA_CHECK(monitor_.check());
      if (!lane) {
        warn_of_plan(lane.error());
        continue;
      }
      lanes.push_back(*std::move(lane));
      rows.push_back(&contender.row);
      open_bytes += bytes;
    }
    return flush();
  }

  /// Time of a contender at the pace of the whole profile.
  [[nodiscard]] double whole_us(const Contender& contender) const {
    return reference_whole_us() / contender.row.speedup.median;
  }
  [[nodiscard]] double reference_whole_us() const { return lab_.reference().latency.median_us; }

  Status judge() {
    if (!contenders_.front().ran()) {
      return fail(ErrorCode::kUnavailable, "the model in {} does not run", profile_.scheme)
          .hint("see why: tessera bench MODEL --data D");
    }
    evidence_.units = units_;
    evidence_.plans = training_;
    evidence_.races.push_back(
        {RacedPlan::Use::kCorrection, all_, whole_us(contenders_.front()), 0});
    for (auto i = first_training_; i < contenders_.size(); ++i) {
      const auto use = i < first_calibration_  ? RacedPlan::Use::kCorrection
                       : i < first_validation_ ? RacedPlan::Use::kCalibration
                                               : RacedPlan::Use::kValidation;
      const auto& states = contenders_[i].states;
      if (!contenders_[i].ran()) {
        continue;
      }
      evidence_.races.push_back({use, states, whole_us(contenders_[i]), isolated_us(states)});
    }
    TESSERA_CHECK(conclude(evidence_, profile_));
    for (auto& [precision, traced] : uniform_) {
      if (!traced.times.shared.empty()) {
        traced.share_by(profile_.model.own_us(units_, traced.times.states));
      }
    }
    note_wholes();
    note_gain_only();
    auto& stability = profile_.stability;
    constexpr double kDisturbed = 0.3;
    constexpr double kSpread = 0.15;
    stability.stable = static_cast<double>(stability.disturbed_runs) <=
                           kDisturbed * static_cast<double>(stability.runs) &&
                       stability.reference_spread <= kSpread && prediction_holds();
    return {};
  }

  /// A machine that was busy shows in plans that the model does not predict.
  [[nodiscard]] bool prediction_holds() const {
    const auto& validation = profile_.validation;
    return validation.points.empty() || validation.median_abs_error <= kTrustedError;
  }

  /// By the sum of layers timed alone; 0 where that was not done or other schemes are among them.
  [[nodiscard]] double isolated_us(const States& states) const {
    if (!options_.isolated ||
        std::any_of(states.begin(), states.end(), [](auto state) { return state > 1; })) {
      return 0;
    }
    double us = reference_whole_us();
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (states[i] != 0 && alone_[i] && alone_[i]->int8_us) {
        us -= alone_[i]->fp32_us - *alone_[i]->int8_us;
      }
    }
    return us;
  }

  /// Of a profile that was interrupted: what the profiler saw.
  void note_kernel_sums() {
    alone_.resize(units_.size());
    for (auto& [precision, whole] : profile_.whole) {
      const auto traced = uniform_.find(precision);
      if (traced != uniform_.end()) {
        whole.kernel_sum_us = traced->second.times.kernel_us();
        whole.kernels = static_cast<std::int64_t>(traced->second.times.kernels());
      }
    }
    const auto reference = lab_.reference();
    profile_.whole[kFloat].size_bytes = reference.size_bytes;
    profile_.stability.stable = false;
  }

  void note_wholes() {
    const auto reference = lab_.reference();
    const double pace = race_pace(evidence_).value_or(1);
    for (auto& [precision, whole] : profile_.whole) {
      const auto& times = uniform_.at(precision).times;
      whole.kernel_sum_us = times.kernel_us();
      whole.kernels = static_cast<std::int64_t>(times.kernels());
      // The correction alone, without the centring on unseen plans.
      whole.explained_us = (profile_.model.scale * pace * times.kernel_us() +
                            profile_.model.overhead_us_per_kernel * times.kernels()) /
                           profile_.model.centre;
      if (precision == kFloat) {
        whole.latency = reference.latency;
        whole.speedup = reference.speedup;
        whole.size_bytes = reference.size_bytes;
      }
    }
    const auto note = [&](const std::string& precision, const Contender& contender) {
      auto& whole = profile_.whole.at(precision);
      whole.latency = contender.row.latency;
      whole.speedup = contender.row.speedup;
      whole.size_bytes = contender.row.size_bytes;
    };
    for (std::size_t i = 0; i < schemes_.size(); ++i) {
      note(column(i), contenders_[i]);
    }
  }

  void note_gain_only() {
    for (auto i = first_gain_; i < first_training_; ++i) {
      const auto& contender = contenders_[i];
      if (!contender.ran()) {
        continue;
      }
      const bool isolated = options_.isolated && i == first_gain_;
      const double us = isolated ? isolated_us(contender.states)
                                 : profile_.model.predict(units_, contender.states).us;
      profile_.gain_only.push_back({isolated ? "isolated" : "context",
                                    integers_in(contender.states), reference_whole_us() / us,
                                    contender.row.speedup});
      if (isolated) {
        // What the model in context says of the very same plan.
        profile_.gain_only.push_back(
            {"isolated choice, predicted in context", integers_in(contender.states),
             reference_whole_us() / profile_.model.predict(units_, contender.states).us,
             contender.row.speedup});
      }
    }
  }

  // --- the curve --------------------------------------------------------------------------------

  Status draw_curve() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (all_[i] != 0 && units_.units[i].macs > 0) {
        order.push_back(i);
      }
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return units_.units[a].macs > units_.units[b].macs; });
    const auto ks = points_that_fit(order.size());
    std::vector<Contender> points;
    for (const auto k : ks) {
      States states(units_.size(), 0);
      for (std::size_t i = 0; i < k; ++i) {
        states[order[i]] = 1;
      }
      points.push_back({.asked = std::move(states)});
    }
    const double half = (kRaceUntil * kCurveShare + kCurveUntil) / 2;
    TESSERA_CHECK(race_all(points, "curve", half));
    for (std::size_t i = 0; i < points.size(); ++i) {
      monitor_.progress("error of the curve", static_cast<std::int64_t>(i),
                        static_cast<std::int64_t>(points.size()));
      if (i > 0 && left_us(kCurveUntil) <= 0) {
        cut(fmt::format("{} points of the curve", points.size() - i));
        break;
      }
      const auto k = ks[i];
      if (points[i].ran()) {
        TESSERA_CHECK(measure_point(k, k > 0 ? units_.units[order[k - 1]].name : "", points[i]));
      }
    }
    return {};
  }

  /// Which k there is time for: none and all of them, and the others evenly.
  std::vector<std::size_t> points_that_fit(std::size_t last) {
    constexpr double kBuildsPerPoint = 2.5;  // to race, and to judge
    const double cost_us = std::max(kBuildsPerPoint * plan_us_, 1.0);
    const auto fitting = static_cast<std::size_t>(left_us(kCurveUntil) / cost_us);
    const auto wanted = last + 1;
    const auto count = std::clamp<std::size_t>(fitting, std::min<std::size_t>(wanted, 3), wanted);
    if (count < wanted) {
      cut(fmt::format("{} of {} points of the curve", wanted - count, wanted));
    }
    std::vector<std::size_t> ks;
    for (std::size_t i = 0; i < count; ++i) {
      ks.push_back(count > 1 ? i * last / (count - 1) : 0);
    }
    return ks;
  }

  Status measure_point(std::size_t k, const std::string& layer, Contender& point) {
    CurvePoint record{static_cast<std::int64_t>(k), layer,
                      profile_.model.predict(units_, point.states).us, whole_us(point),
                      point.row.speedup.median};
    TESSERA_TRY(const auto built, lab_.build(assignment(point.asked), quiet_));
    Measurement row;
    row.opt_level = options_.session.opt_level;
    TESSERA_CHECK(lab_.prepare(built, row, quiet_).map([](const auto&) {}));
    if (row.accuracy) {
      record.sqnr_db = row.accuracy->overall.sqnr_db;
      record.l2_per_element = row.accuracy->overall.l2_per_element;
    }
    profile_.curve.push_back(std::move(record));
    return {};
  }

  Status look_at_machine() {
    if (left_for_machine_us() <= 0) {
      cut("the machine: conversions alone, roofline, memory");
      return {};
    }
    TESSERA_TRY(profile_.conversions,
                measure_conversions(model_.format(), library_, options_.session, monitor_));
    constexpr double kRooflineUs = 2.5e6;
    if (left_for_machine_us() < kRooflineUs) {
      cut("the machine's roofline");
    } else if (profile_.timer == evaluate::Timer::kThreadCpu) {  // one core is what it measures
      TESSERA_TRY(profile_.roofline, measure_roofline(model_.format(), library_, {}, monitor_));
    }
    TESSERA_CHECK(measure_memory(kFloat, States(units_.size(), 0)));
    for (std::size_t i = 0; i < schemes_.size(); ++i) {
      TESSERA_CHECK(measure_memory(column(i), uniform_states(units_, i + 1)));
    }
    return {};
  }

  Status measure_memory(const std::string& precision, const States& states) {
    if (left_for_machine_us() <= 0) {
      cut("memory of sessions in " + precision);
      return {};
    }
    TESSERA_TRY(const auto built, lab_.build(assignment(states), quiet_));
    const auto& feeds = lab_.reference_lane().feeds.front();
    auto memory = built.source->memory(library_, options_.session, feeds);
    if (memory) {  // a provider that counts otherwise is no reason to lose the profile
      profile_.whole.at(precision).memory = *memory;
    }
    return {};
  }

  // --- the table --------------------------------------------------------------------------------

  void describe_layers() {
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const auto& unit = units_.units[i];
      Layer layer{.name = unit.name,
                  .type = unit.type,
                  .macs = unit.macs,
                  .weight_bytes = unit.weight_bytes,
                  .input_bytes = unit.input_bytes,
                  .output_bytes = unit.output_bytes,
                  .quantizable = unit.quantizable()};
      for (const auto op : unit.ops) {
        layer.ops.push_back(view_.op(op).name);
      }
      for (std::size_t k = 0; k < unit.takes.size(); ++k) {
        if (unit.takes[k]) {
          layer.takes.push_back(quantize::to_string(schemes_[k]));
        }
      }
      for (const auto& [precision, traced] : uniform_) {
        layer.precisions[precision] = {traced.unit_timing[i],       traced.conversion_timing[i],
                                       traced.unit_kernels[i],      traced.conversion_kernels[i],
                                       traced.times.states[i] != 0, traced.fused[i]};
      }
      if (options_.isolated && alone_[i]) {
        layer.isolated_fp32_us = alone_[i]->fp32_us;
        layer.isolated_int8_us = alone_[i]->int8_us;
      }
      explain(i, layer);
      profile_.layers.push_back(std::move(layer));
    }
  }

  void explain(std::size_t unit, Layer& layer) const {
    // Of the figures that are shown, so that the row agrees with itself.
    const auto total = [&](const char* precision) {
      const auto& cost = layer.precisions.at(precision);
      return cost.time.median_us + cost.conversion.median_us;
    };
    const double floats = total(kFloat);
    const double integers = total(kInteger);
    constexpr double kResolutionUs = 1;
    if (floats >= kResolutionUs && integers >= kResolutionUs) {
      layer.speedup = floats / integers;
    }
    if (!units_.units[unit].takes.front()) {
      layer.why = reasons_[units_.units[unit].worker.value];
      return;
    }
    if (!layer.speedup || *layer.speedup >= 1) {
      return;
    }
    const auto& cost = layer.precisions.at(kInteger);
    const auto& times = uniform_.at(kInteger).times;
    if (times.conversion_us[unit] > 0.5 * (integers - floats)) {
      layer.why = fmt::format("{:.0f} us of type and layout changes of its result",
                              times.conversion_us[unit]);
    } else if (!cost.kernels.empty() && !uniform_.at(kInteger).integers[unit]) {
      layer.why = fmt::format("the runtime keeps {} in float", cost.kernels.front());
    } else if (!cost.kernels.empty() && cost.kernels == layer.precisions.at(kFloat).kernels) {
      layer.why = fmt::format("its part of {} takes longer", cost.kernels.front());
    } else if (!cost.kernels.empty() && !layer.precisions.at(kFloat).kernels.empty()) {
      layer.why = fmt::format("{} takes longer than {}", cost.kernels.front(),
                              layer.precisions.at(kFloat).kernels.front());
    } else {
      layer.why = "in float its neighbour's kernel does it";
    }
  }

  std::unique_ptr<Lab> own_lab_;
  Lab& lab_;
  const graph::Graph& view_;
  const network::Network& model_;
  std::shared_ptr<const runtime::Library> library_;
  ProfileOptions options_;
  Monitor& monitor_;
  QuietMonitor quiet_;
  Clock clock_ = steady_clock_us();
  double start_us_;

  std::vector<quantize::Scheme> schemes_;  ///< by state - 1
  Units units_;
  States all_;                        ///< everything that can be in the first
  std::vector<std::string> reasons_;  ///< by operator
  std::map<std::string, Trace> uniform_;
  std::vector<PlanTimes> training_;   ///< float, mixed plans, all integers
  std::vector<double> reference_us_;  ///< by trace, in order
  std::optional<double> last_pace_us_;
  double last_pace_at_us_ = 0;
  double pace_us_ = 0;  ///< their median
  double plan_us_ = 0;  ///< the longest that a mixed plan took to build and look at
  std::vector<std::optional<IsolatedCost>> alone_;
  bool any_shares_ = false;    ///< some plan has units that share a kernel
  std::vector<States> drawn_;  ///< training plans of all shards, as asked
  std::vector<Contender> contenders_;
  Evidence evidence_{.schemes = {}, .forms = {float_and_integers().front()}};
  std::vector<TracedPlan> traced_;  ///< as they ran, at the pace of their time
  std::size_t first_gain_ = 0;
  std::size_t first_training_ = 0;
  std::size_t first_calibration_ = 0;
  std::size_t first_validation_ = 0;
  Profile profile_;
};

namespace {

/// What becomes of the operators of a view when all that may are of one scheme.
struct Fate {
  std::vector<bool> quantized;       ///< by OpId
  std::vector<bool> folded;          ///< by OpId
  std::vector<std::string> reasons;  ///< by OpId
};

Result<Fate> fate_of(const evaluate::Lab& lab, const graph::Graph& view,
                     quantize::Assignment wanted, bool requantize, Monitor& monitor) {
  if (!requantize) {
    quantize::keep_quantized(view, wanted);
  }
  quantize::QuantizeReport report;
  QuietMonitor quiet(monitor);
  TESSERA_TRY(const auto made, lab.make(wanted, quiet, &report));
  const auto present = made.sources();
  const auto count = view.ops().size();
  Fate fate{std::vector<bool>(count, false), std::vector<bool>(count, false),
            std::vector<std::string>(count)};
  for (std::size_t i = 0; i < report.ops.size(); ++i) {
    fate.quantized[i] = report.ops[i].quantized;
    fate.folded[i] = !report.ops[i].quantized && !present.contains(view.ops()[i].source);
    fate.reasons[i] = report.ops[i].reason;
  }
  return fate;
}

}  // namespace

Result<FoundUnits> find_units(const evaluate::Lab& lab, const graph::Graph& view,
                              const ProfileOptions& options, Monitor& monitor) {
  const auto wanted = [&](const quantize::Scheme& scheme) {
    return quantize::resolve(lab.recipe(scheme, options.selection), view, monitor);
  };
  TESSERA_TRY(auto first, wanted(options.scheme));
  for (const auto& [op, scheme] : options.others) {
    first[op] = scheme;
  }
  TESSERA_TRY(auto fate, fate_of(lab, view, std::move(first), options.requantize, monitor));
  FoundUnits found{.units = {}, .reasons = std::move(fate.reasons)};
  Fates fates{{std::move(fate.quantized)}, std::move(fate.folded)};
  for (const auto& scheme : options.further) {
    TESSERA_TRY(auto ops, wanted(scheme));
    auto further = fate_of(lab, view, std::move(ops), options.requantize, monitor);
    TESSERA_CHECK(monitor.check());
    // One that cannot be built is left out, in words, where its model is wanted.
    fates.quantized.push_back(further ? std::move(further->quantized)
                                      : std::vector<bool>(view.ops().size(), false));
  }
  found.units = make_units(view, fates);
  return found;
}

double Layer::arithmetic_intensity() const noexcept {
  const auto bytes = static_cast<double>(weight_bytes + input_bytes + output_bytes);
  return bytes > 0 ? 2 * static_cast<double>(macs) / bytes : 0;
}

Study::Study(std::unique_ptr<Profiler> profiler) : profiler_(std::move(profiler)) {}
Study::Study(Study&&) noexcept = default;
Study& Study::operator=(Study&&) noexcept = default;
Study::~Study() = default;

namespace {

Status check_options(const network::Network& model, const ProfileOptions& options,
                     Monitor& monitor) {
  TESSERA_TRY(const auto* dialect, quantize::dialect_of(model));
  TESSERA_CHECK(dialect->validate(options.scheme));
  for (const auto& scheme : options.further) {
    TESSERA_CHECK(dialect->validate(scheme));
  }
  if (options.further.size() >= kMostSchemes) {
    return fail(ErrorCode::kInvalidArgument, "{} schemes are too many to mix",
                1 + options.further.size())
        .hint("at most {}, that of the integer layers included", kMostSchemes);
  }
  if (runtime::short_provider_name(options.session.provider) != "cpu") {
    monitor.warn({"layers-unseen",
                  fmt::format("what provider '{}' compiles cannot be told apart by layer: whole "
                              "models are measured, layers and mixes are not to be believed",
                              options.session.provider),
                  "use the CPU provider for costs of layers"});
  }
  return {};
}

}  // namespace

Result<Study> Study::open(const network::Network& model, const data::SampleSet& samples,
                          const calibrate::Ranges& ranges,
                          std::shared_ptr<const runtime::Library> library,
                          const ProfileOptions& options, Monitor& monitor) {
  TESSERA_CHECK(check_options(model, options, monitor));
  TESSERA_TRY(auto opened, Lab::open({.model = &model,
                                      .library = std::move(library),
                                      .session = options.session,
                                      .samples = &samples,
                                      .ranges = &ranges,
                                      .memory_bytes = options.memory_bytes,
                                      .requantize = options.requantize,
                                      .errors = options.curve},
                                     monitor));
  auto own = std::make_unique<Lab>(std::move(opened));
  auto& lab = *own;
  auto profiler = std::make_unique<Profiler>(lab, std::move(own), options, monitor);
  TESSERA_CHECK(profiler->find_units());
  return Study(std::move(profiler));
}

Result<Study> Study::in(evaluate::Lab& lab, ProfileOptions options, Monitor& monitor) {
  options.session = lab.setup().session;
  options.requantize = lab.setup().requantize;
  TESSERA_CHECK(check_options(*lab.setup().model, options, monitor));
  auto profiler = std::make_unique<Profiler>(lab, nullptr, options, monitor);
  TESSERA_CHECK(profiler->find_units());
  return Study(std::move(profiler));
}

Result<Profile> Study::measure() {
  return profiler_->run();
}
Status Study::learn(const States& states) {
  return profiler_->learn(states);
}
const Units& Study::units() const noexcept {
  return profiler_->units();
}
const LatencyModel& Study::model() const noexcept {
  return profiler_->model();
}
const Evidence& Study::evidence() const noexcept {
  return profiler_->evidence();
}

Result<Profile> profile(const network::Network& model, const data::SampleSet& samples,
                        const calibrate::Ranges& ranges,
                        std::shared_ptr<const runtime::Library> library,
                        const ProfileOptions& options, Monitor& monitor) {
  TESSERA_TRY(auto study,
              Study::open(model, samples, ranges, std::move(library), options, monitor));
  return study.measure();
}

}  // namespace tessera::profile
