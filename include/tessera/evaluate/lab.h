// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/calibrate/ranges.h"
#include "tessera/core/monitor.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/data/sample_set.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/evaluate/baseline.h"
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/race.h"
#include "tessera/graph/graph.h"
#include "tessera/graph/inspect.h"
#include "tessera/network/network.h"
#include "tessera/quantize/assignment.h"
#include "tessera/quantize/quantize.h"
#include "tessera/quantize/recipe.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

namespace tessera::evaluate {

/// A model in the form that sessions are opened from.
struct Built {
  network::SessionSourcePtr source;
  /// The same with the floating values behind its outputs as outputs of their own, where the
  /// model ends in classes or other things that have no error; else null.
  network::SessionSourcePtr exposed;
  std::int64_t size_bytes = 0;
  std::int64_t quantized_ops = 0;
  std::vector<bool> quantized;  ///< by OpId of Lab::graph(): computed in integers
};

/// How a session is opened for measuring.
struct LaneOptions {
  std::optional<runtime::OptLevel> level;  ///< instead of that of the lab's session
  bool profile = false;
  bool kernel_sources = false;                      ///< see runtime::SessionOptions
  std::optional<runtime::ProviderChoice> provider;  ///< instead of that of the lab's session
};

/// A session with everything it needs to be run again and again.
struct Lane {
  runtime::Session session;
  std::vector<std::vector<Tensor>> casts;         // what `feeds` may look at
  std::vector<std::vector<runtime::Feed>> feeds;  // one list per timing sample
};

/// Where measuring starts from.
struct LabSetup {
  const network::Network* model = nullptr;  ///< float, types inferred
  std::shared_ptr<const runtime::Library> library;
  runtime::SessionOptions session;  ///< provider (of the reference too), threads
  /// Providers that rows will ask for beside the session's: the clock must suit all.
  std::vector<runtime::ProviderChoice> other_providers;
  const data::SampleSet* samples = nullptr;   ///< on which error is measured
  const calibrate::Ranges* ranges = nullptr;  ///< for static schemes
  std::int64_t memory_bytes = 0;              ///< for sessions open at once; 0: from the machine
  /// Of a model that is quantized already: quantize that again too, instead of the rest alone.
  bool requantize = false;
  /// Errors will be measured. Without, the float model is not run over the samples; rows have no
  /// accuracy.
  bool errors = true;
};

/// Builds variants of one model, opens them, measures their error and times them, always against
/// the float32 model at level all, which stays open.
class Lab {
 public:
  [[nodiscard]] static Result<Lab> open(const LabSetup& setup, Monitor& monitor);

  /// The model with one scheme on all operators of the selection; float32 gives the model itself.
  [[nodiscard]] Result<Built> build(const quantize::Scheme& scheme,
                                    const quantize::Selection& selection, Monitor& monitor) const;
  /// The model with a scheme for every operator, by OpId of graph().
  [[nodiscard]] Result<Built> build(const quantize::Assignment& assignment, Monitor& monitor) const;
  /// float32 throughout, rewritten as every quantized model is before anything else (paddings and
  /// batch normalisation folded, see quantize::bring_into_form): what a mix has its float
  /// layers from.
  [[nodiscard]] Result<Built> build_normalized() const;
  [[nodiscard]] Result<network::Network> make_normalized() const;
  /// Any model with the float model's inputs and outputs, in the form that sessions are opened
  /// from, into `built`.
  [[nodiscard]] Status pack(const network::Network& model, Built& built) const;
  /// The same as models, to be saved.
  [[nodiscard]] Result<network::Network> make(const quantize::Scheme& scheme,
                                              const quantize::Selection& selection,
                                              Monitor& monitor) const;
  [[nodiscard]] Result<network::Network> make(const quantize::Assignment& assignment,
                                              Monitor& monitor,
                                              quantize::QuantizeReport* report = nullptr) const;
  /// One scheme on all that the selection has, in the operators of the model's format.
  [[nodiscard]] quantize::Recipe recipe(const quantize::Scheme& scheme,
                                        const quantize::Selection& selection = {}) const;
  /// The scheme of every operator where one scheme is wanted on all that the selection has.
  [[nodiscard]] Result<quantize::Assignment> assignment(const quantize::Scheme& scheme,
                                                        const quantize::Selection& selection,
                                                        Monitor& monitor) const;
  /// The same of any recipe. What is quantized already stays as it is (LabSetup::requantize).
  [[nodiscard]] Result<quantize::Assignment> assignment(const quantize::Recipe& recipe,
                                                        Monitor& monitor) const;

  /// Opens `built` at the row's level, looks at what really runs, measures the error, and fills
  /// the row. The lane is ready to be timed; none if the row failed, with the reason in it.
  /// `at_most`: samples that the error is measured on, evenly spread; 0: all.
  /// Errors: kCancelled only.
  [[nodiscard]] Result<std::optional<Lane>> prepare(const Built& built, Measurement& row,
                                                    Monitor& monitor,
                                                    std::int64_t at_most = 0) const;

  /// A session for timing alone.
  [[nodiscard]] Result<Lane> open_lane(const Built& built, const LaneOptions& lane) const;
  /// The same of a file, with a look at the kernels that run into `kernels`.
  [[nodiscard]] Result<Lane> open_file(const std::filesystem::path& file, const LaneOptions& lane,
                                       KernelSummary& kernels) const;

  /// Races lanes (of rows, in the same order) against the reference, fills latency and speed-up,
  /// and adds the reference's runs to its timing. Returns the reference's timing of this race.
  [[nodiscard]] Result<Timing> time(std::vector<Lane>& lanes, const std::vector<Measurement*>& rows,
                                    RaceOptions options, std::string_view stage, Monitor& monitor);

  /// What it was opened with.
  [[nodiscard]] const LabSetup& setup() const noexcept { return setup_; }
  /// Bytes that a session of a model of this size may take.
  [[nodiscard]] std::int64_t session_bytes(const Built& built) const;
  [[nodiscard]] std::int64_t memory_bytes() const noexcept { return memory_bytes_; }
  /// float32 at the level of the session, with every run so far.
  [[nodiscard]] Measurement reference() const;
  [[nodiscard]] const graph::Graph& graph() const noexcept { return view_; }
  /// What the model is quantized to as it was given.
  [[nodiscard]] const graph::Quantization& quantization() const noexcept { return quantization_; }
  [[nodiscard]] const Baseline& baseline() const noexcept { return *baseline_; }
  /// What lanes are timed with.
  [[nodiscard]] Timer timer() const;
  /// The float32 session at level all, open all the time.
  [[nodiscard]] Lane& reference_lane() noexcept { return *reference_lane_; }

 private:
  Lab(LabSetup setup, graph::Graph view) : setup_(std::move(setup)), view_(std::move(view)) {}
  [[nodiscard]] Status open_reference(Monitor& monitor);
  [[nodiscard]] runtime::SessionOptions session_options(const LaneOptions& lane) const;
  [[nodiscard]] Result<Lane> open_and_look(const Built& built, const LaneOptions& lane,
                                           Measurement& row) const;
  [[nodiscard]] Result<Accuracy> error_of(const Built& built, Lane& lane,
                                          const LaneOptions& options, std::int64_t at_most,
                                          Monitor& monitor) const;
  [[nodiscard]] Result<Lane> make_lane(runtime::Session session) const;

  LabSetup setup_;
  graph::Graph view_;
  graph::Quantization quantization_;
  std::int64_t memory_bytes_ = 0;
  std::int64_t activation_bytes_ = 0;
  std::vector<data::Sample> timing_samples_;
  bool exposes_ = false;
  // Pointed to by the baseline, so they must not move.
  std::unique_ptr<Lane> reference_lane_;
  std::unique_ptr<runtime::Session> exposed_reference_;
  std::optional<Baseline> baseline_;
  Measurement reference_row_;
  std::vector<double> reference_us_;
};

/// Rows whose sessions are open together, as many as the lab's memory holds. Each batch races
/// against the reference, so that speed-ups of all rows can be compared.
class Batches {
 public:
  /// `stage` names the races in the progress.
  Batches(Lab& lab, std::string stage, double budget_us_per_lane, std::uint64_t seed,
          Monitor& monitor)
      : lab_(lab),
        stage_(std::move(stage)),
        budget_us_per_lane_(budget_us_per_lane),
        seed_(seed),
        monitor_(monitor) {}

  /// From now on, rows get so much each: what is left of a time that building has shortened.
  void set_budget_per_lane(double us) noexcept { budget_us_per_lane_ = us; }
  /// Of every race: when a row is known well enough, and when all are (RaceOptions).
  struct Rounds {
    std::int64_t settle = RaceOptions().settle_rounds;
    std::int64_t most = RaceOptions().max_rounds;
    double precision = RaceOptions().wanted_precision;
  };
  void set_rounds(const Rounds& rounds) noexcept { rounds_ = rounds; }
  /// Times and closes what is open if a session of this build does not fit besides.
  [[nodiscard]] Status make_room(const Built& built);
  void add(const Built& built, Lane lane, Measurement& row);
  /// Times the rest; the reference alone if there never was a row.
  [[nodiscard]] Status finish();

 private:
  [[nodiscard]] Status flush();

  Lab& lab_;
  std::string stage_;
  double budget_us_per_lane_;
  Rounds rounds_;
  std::uint64_t seed_;
  Monitor& monitor_;
  std::vector<Lane> lanes_;
  std::vector<Measurement*> rows_;
  std::int64_t open_bytes_ = 0;
  bool timed_ = false;
};

/// Passes cancellation on and drops progress and warnings: for the many small steps of a long job.
class QuietMonitor final : public Monitor {
 public:
  explicit QuietMonitor(const Monitor& parent) : parent_(parent) {}
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return parent_.cancelled(); }

 private:
  const Monitor& parent_;
};

/// Ends work when its time is up, as the user could: what it had not done by then is not known.
class BudgetMonitor final : public Monitor {
 public:
  /// `until_us` on the steady clock.
  BudgetMonitor(Monitor& parent, double until_us) : parent_(parent), until_us_(until_us) {}
  void progress(std::string_view stage, std::int64_t done, std::int64_t total) override {
    parent_.progress(stage, done, total);
  }
  void warn(const Warning& warning) override { parent_.warn(warning); }
  [[nodiscard]] bool cancelled() const noexcept override { return parent_.cancelled() || over(); }
  [[nodiscard]] bool over() const noexcept { return clock_() > until_us_; }

 private:
  Monitor& parent_;
  double until_us_;
  Clock clock_ = steady_clock_us();
};

/// A row's latency at the pace of the reference's median over the whole job: races run at
/// different moments, and within a row latency and speed-up should agree.
void settle_latency(Measurement& row, const Measurement& reference);

}  // namespace tessera::evaluate
