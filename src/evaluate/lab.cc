// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/lab.h"

#include <algorithm>
#include <utility>

#include "tessera/core/host.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/measuring.h"
#include "tessera/graph/cost.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/dialect.h"
#include "tessera/quantize/keep.h"
#include "tessera/quantize/quantize.h"

namespace tessera::evaluate {
namespace {

using quantize::Mode;

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
/// Inputs that timing rotates through, so that no single image's values decide.
constexpr std::int64_t kTimingSamples = 4;
constexpr std::int64_t kTimingSampleBytes = 64 * kMiB;

RowStatus status_of(ErrorCode code) {
  return code == ErrorCode::kUnimplemented || code == ErrorCode::kInvalidArgument
             ? RowStatus::kUnsupported
             : RowStatus::kFailed;
}

std::int64_t default_memory_bytes() {
  constexpr std::int64_t kMost = 4096 * kMiB;
  const auto memory = describe_host().memory_bytes;
  return memory > 0 ? std::min(memory / 4, kMost) : 1024 * kMiB;
}

/// Of the most frequent shapes, so that all runs are of the same work.
Result<std::vector<data::Sample>> load_timing_samples(const data::SampleSet& samples,
                                                      Monitor& monitor) {
  TESSERA_TRY(const auto alike, samples.alike());
  if (std::ssize(alike) < samples.size()) {
    monitor.warn({"ragged-samples",
                  fmt::format("samples differ in their shapes: only the most frequent one, of {} "
                              "of {}, is timed",
                              alike.size(), samples.size()),
                  "errors are of all samples; give samples of one shape to time another"});
  }
  std::vector<data::Sample> loaded;
  std::int64_t bytes = 0;
  const auto count = std::min(std::ssize(alike), kTimingSamples);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i * std::ssize(alike) / count);
    TESSERA_TRY(auto sample, samples.load(alike[at]));
    for (const auto& tensor : sample.tensors) {
      bytes += static_cast<std::int64_t>(tensor.tensor.bytes().size());
    }
    if (!loaded.empty() && bytes > kTimingSampleBytes) {
      break;
    }
    loaded.push_back(std::move(sample));
  }
  return loaded;
}

/// Kernels of the last of two runs: the first one pays for first touches, and is timed for that.
Result<KernelSummary> look_at_kernels(Lane& lane, double& first_run_us) {
  const auto clock = steady_clock_us();
  const auto start = clock();
  TESSERA_CHECK(lane.session.run(lane.feeds.front()).map([](const auto&) {}));
  first_run_us = clock() - start;
  TESSERA_CHECK(lane.session.run(lane.feeds.front()).map([](const auto&) {}));
  TESSERA_TRY(const auto kernels, lane.session.end_profile());
  const auto runs = runtime::kernels_by_run(kernels);
  return summarize_kernels(runs.empty() ? std::span<const runtime::KernelTime>() : runs.back());
}

}  // namespace

Result<Lab> Lab::open(const LabSetup& setup, Monitor& monitor) {
  TESSERA_TRY(auto view, setup.model->view());
  Lab lab(setup, std::move(view));
  if (setup.session.threads > 1) {
    // Idle pools of the other sessions must not spin on the cores of the one that runs.
    lab.setup_.session.config.emplace("session.force_spinning_stop", "1");
  }
  lab.quantization_ = graph::quantization_of(lab.view_);
  if (lab.quantization_.state != graph::QuantizationState::kNone) {
    lab.reference_row_.given = graph::to_string(lab.quantization_.state);
  }
  lab.memory_bytes_ = setup.memory_bytes > 0 ? setup.memory_bytes : default_memory_bytes();
  lab.activation_bytes_ = graph::peak_activation_bytes(lab.view_).value_or(64 * kMiB);
  TESSERA_TRY(lab.timing_samples_, load_timing_samples(*setup.samples, monitor));
  TESSERA_CHECK(lab.open_reference(monitor));
  warn_of_unused_providers({&lab.reference_row_, 1}, monitor);
  return lab;
}

Status Lab::open_reference(Monitor& monitor) {
  if (setup_.errors) {
    auto exposed = setup_.model->clone();
    TESSERA_TRY(exposes_, network::expose_judged_values(exposed));
  }
  reference_row_.scheme.mode = Mode::kFloat32;
  TESSERA_TRY(const auto built, build(reference_row_.scheme, {}, monitor));
  reference_row_.size_bytes = built.size_bytes;
  reference_row_.status = RowStatus::kOk;
  reference_row_.provider = {setup_.session.provider, setup_.session.provider_options};
  TESSERA_TRY(auto lane, open_and_look(built, {.profile = true}, reference_row_));
  reference_lane_ = std::make_unique<Lane>(std::move(lane));
  if (exposes_) {
    TESSERA_TRY(auto session, built.exposed->open(setup_.library, session_options({})));
    exposed_reference_ = std::make_unique<runtime::Session>(std::move(session));
  }
  if (!setup_.errors) {
    return {};
  }
  auto& judge = exposes_ ? *exposed_reference_ : reference_lane_->session;
  TESSERA_TRY(auto baseline, Baseline::measure(judge, *setup_.samples, {}, monitor));
  baseline_.emplace(std::move(baseline));
  reference_row_.accuracy = baseline_->itself();
  return {};
}

Result<quantize::Assignment> Lab::assignment(const quantize::Scheme& scheme,
                                             const quantize::Selection& selection,
                                             Monitor& monitor) const {
  if (scheme.mode == Mode::kFloat32) {
    return quantize::Assignment(view_.ops().size(), scheme);
  }
  TESSERA_TRY(const auto* dialect, quantize::dialect_of(*setup_.model));
  TESSERA_CHECK(dialect->validate(scheme));
  return assignment(recipe(scheme, selection), monitor);
}

quantize::Recipe Lab::recipe(const quantize::Scheme& scheme,
                             const quantize::Selection& selection) const {
  return quantize::uniform_recipe(*setup_.model, scheme, selection);
}

Result<quantize::Assignment> Lab::assignment(const quantize::Recipe& recipe,
                                             Monitor& monitor) const {
  TESSERA_TRY(auto schemes, quantize::resolve(recipe, view_, monitor));
  if (!setup_.requantize) {
    quantize::keep_quantized(view_, schemes);
  }
  return schemes;
}

Result<network::Network> Lab::make(const quantize::Scheme& scheme,
                                   const quantize::Selection& selection, Monitor& monitor) const {
  TESSERA_TRY(const auto schemes, assignment(scheme, selection, monitor));
  return make(schemes, monitor);
}

Result<network::Network> Lab::make(const quantize::Assignment& assignment, Monitor& monitor,
                                   quantize::QuantizeReport* report) const {
  auto model = setup_.model->clone();
  if (assignment.changes_nothing()) {
    return model;
  }
  TESSERA_TRY(auto made, quantize::quantize(model, assignment, setup_.ranges, {}, monitor));
  if (report != nullptr) {
    *report = std::move(made);
  }
  return model;
}

Result<Built> Lab::build(const quantize::Scheme& scheme, const quantize::Selection& selection,
                         Monitor& monitor) const {
  TESSERA_TRY(const auto schemes, assignment(scheme, selection, monitor));
  return build(schemes, monitor);
}

Result<Built> Lab::build(const quantize::Assignment& assignment, Monitor& monitor) const {
  Built built;
  quantize::QuantizeReport report;
  TESSERA_TRY(const auto model, make(assignment, monitor, &report));
  built.quantized_ops = report.quantized_ops;
  built.quantized.assign(view_.ops().size(), false);
  for (std::size_t i = 0; i < report.ops.size(); ++i) {
    built.quantized[i] = report.ops[i].quantized;
  }
  TESSERA_CHECK(pack(model, built));
  return built;
}

Result<Built> Lab::build_normalized() const {
  Built built;
  TESSERA_TRY(const auto model, make_normalized());
  built.quantized.assign(view_.ops().size(), false);
  TESSERA_CHECK(pack(model, built));
  return built;
}

Result<network::Network> Lab::make_normalized() const {
  auto model = setup_.model->clone();
  TESSERA_CHECK(quantize::bring_into_form(model, 0, true));
  return model;
}

Status Lab::pack(const network::Network& model, Built& built) const {
  TESSERA_TRY(built.source, model.source());
  built.size_bytes = built.source->size_bytes();
  if (exposes_) {
    auto exposed = model.clone();
    TESSERA_CHECK(network::expose_judged_values(exposed).map([](bool) {}));
    TESSERA_TRY(built.exposed, exposed.source());
  }
  return {};
}

Result<Lane> Lab::make_lane(runtime::Session session) const {
  Lane lane{std::move(session), {}, {}};
  lane.casts.resize(timing_samples_.size());
  for (std::size_t i = 0; i < timing_samples_.size(); ++i) {
    TESSERA_TRY(auto feeds, feeds_of(timing_samples_[i], lane.session.inputs(), lane.casts[i]));
    lane.feeds.push_back(std::move(feeds));
  }
  return lane;
}

runtime::SessionOptions Lab::session_options(const LaneOptions& lane) const {
  auto options = setup_.session;
  options.opt_level = lane.level.value_or(options.opt_level);
  if (lane.provider) {
    options.provider = lane.provider->name;
    options.provider_options = lane.provider->options;
  }
  return options;
}

Result<Lane> Lab::open_lane(const Built& built, const LaneOptions& lane) const {
  auto options = session_options(lane);
  options.profile = lane.profile;
  options.kernel_sources = lane.kernel_sources;
  TESSERA_TRY(auto session, built.source->open(setup_.library, options));
  return make_lane(std::move(session));
}

Result<Lane> Lab::open_file(const std::filesystem::path& file, const LaneOptions& lane,
                            KernelSummary& kernels) const {
  auto options = session_options(lane);
  options.profile = true;
  TESSERA_TRY(auto session, network::open_file(setup_.library, file, options));
  TESSERA_TRY(auto opened, make_lane(std::move(session)));
  double first_run_us = 0;
  TESSERA_TRY(kernels, look_at_kernels(opened, first_run_us));
  return opened;
}

/// Opens a session and fills in what opening it, running it first and its kernels tell.
Result<Lane> Lab::open_and_look(const Built& built, const LaneOptions& options,
                                Measurement& row) const {
  const auto clock = steady_clock_us();
  const auto start = clock();
  TESSERA_TRY(auto lane, open_lane(built, options));
  row.open_us = clock() - start;
  TESSERA_TRY(row.kernels, look_at_kernels(lane, row.first_run_us));
  return lane;
}

Result<Accuracy> Lab::error_of(const Built& built, Lane& lane, const LaneOptions& options,
                               std::int64_t at_most, Monitor& monitor) const {
  if (built.exposed == nullptr) {
    return baseline_->evaluate(lane.session, monitor, at_most);
  }
  TESSERA_TRY(auto session, built.exposed->open(setup_.library, session_options(options)));
  return baseline_->evaluate(session, monitor, at_most);
}

Result<std::optional<Lane>> Lab::prepare(const Built& built, Measurement& row, Monitor& monitor,
                                         std::int64_t at_most) const {
  QuietMonitor quiet(monitor);
  if (!row.provider) {
    row.provider = reference_row_.provider;
  }
  const LaneOptions options{.level = row.opt_level, .profile = true, .provider = row.provider};
  const auto measure = [&]() -> Result<Lane> {
    TESSERA_TRY(auto lane, open_and_look(built, options, row));
    if (setup_.errors) {
      TESSERA_TRY(row.accuracy, error_of(built, lane, options, at_most, quiet));
    }
    return lane;
  };
  row.size_bytes = built.size_bytes;
  row.quantized_ops = built.quantized_ops;
  auto lane = measure();
  TESSERA_CHECK(monitor.check());
  if (!lane) {
    row.status = status_of(lane.error().code);
    row.reason = lane.error().message;
    return std::nullopt;
  }
  row.status = RowStatus::kOk;
  return std::optional<Lane>(std::move(*lane));
}

Result<Timing> Lab::time(std::vector<Lane>& lanes, const std::vector<Measurement*>& rows,
                         RaceOptions options, std::string_view stage, Monitor& monitor) {
  std::vector<Contestant> contestants;
  const auto add = [&contestants](Lane& lane) {
    contestants.push_back([&lane](std::int64_t round) {
      const auto sample = static_cast<std::size_t>(round) % lane.feeds.size();
      return lane.session.run(lane.feeds[sample]).map([](const auto&) {});
    });
  };
  add(*reference_lane_);
  for (auto& lane : lanes) {
    add(lane);
  }
  options.clock = clock_of(timer());
  TESSERA_TRY(const auto tracks, race(contestants, options, stage, monitor));
  TESSERA_CHECK(tracks.front().status);
  reference_us_.insert(reference_us_.end(), tracks.front().rounds_us.begin(),
                       tracks.front().rounds_us.end());
  reference_row_.latency = summarize(reference_us_, options.warmup);
  reference_row_.speedup = {1, 1, 1, static_cast<std::int64_t>(reference_us_.size())};
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto& track = tracks[i + 1];
    rows[i]->latency = track.timing;
    rows[i]->speedup = speedup_of(tracks.front(), track);
    if (!track.status) {
      rows[i]->status = RowStatus::kFailed;
      rows[i]->reason = track.status.error().message;
    }
  }
  return tracks.front().timing;
}

void settle_latency(Measurement& row, const Measurement& reference) {
  if (row.speedup.rounds == 0 || row.latency.median_us <= 0 || reference.latency.median_us <= 0) {
    return;
  }
  const double factor = reference.latency.median_us / row.speedup.median / row.latency.median_us;
  for (auto* value : {&row.latency.median_us, &row.latency.p10_us, &row.latency.p90_us}) {
    *value *= factor;
  }
}

std::int64_t Lab::session_bytes(const Built& built) const {
  // Weights once as they are and once packed for the kernels, activations with the arena's slack.
  return built.size_bytes * 5 / 2 + activation_bytes_ * 3 / 2 + 8 * kMiB;
}

Measurement Lab::reference() const {
  return reference_row_;
}

Timer Lab::timer() const {
  return timer_for(setup_.session, setup_.other_providers);
}

Status Batches::make_room(const Built& built) {
  const bool full = open_bytes_ + lab_.session_bytes(built) > lab_.memory_bytes();
  return full && !lanes_.empty() ? flush() : Status();
}

void Batches::add(const Built& built, Lane lane, Measurement& row) {
  lanes_.push_back(std::move(lane));
  rows_.push_back(&row);
  open_bytes_ += lab_.session_bytes(built);
}

Status Batches::finish() {
  return lanes_.empty() && timed_ ? Status() : flush();
}

Status Batches::flush() {
  RaceOptions race;
  race.seed = seed_;
  race.settle_rounds = rounds_.settle;
  race.max_rounds = rounds_.most;
  race.wanted_precision = rounds_.precision;
  race.min_rounds = 1;  // a budget that is used up is kept
  race.budget_us = budget_us_per_lane_ * static_cast<double>(lanes_.size() + 1);
  auto status = lab_.time(lanes_, rows_, race, stage_, monitor_).map([](const auto&) {});
  lanes_.clear();
  rows_.clear();
  open_bytes_ = 0;
  timed_ = true;
  return status;
}

}  // namespace tessera::evaluate
