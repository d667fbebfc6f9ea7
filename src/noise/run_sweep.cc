// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/run_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "noise/metric_command.h"
#include "noise/score.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/names.h"
#include "tessera/core/timing.h"
#include "tessera/graph/cost.h"
#include "tessera/tensor/npy.h"

namespace tessera::noise {
namespace {

/// Subsets that are walked together on all samples before their records are written. Small enough
/// to lose little by an interruption, large enough that what blocks compute twice is nothing.
constexpr std::size_t kBlock = 160;
constexpr std::int64_t kReferenceSubset = -1;

/// Appends lines; what was appended survives the end of the process.
class Journal {
 public:
  static Result<Journal> open(const std::filesystem::path& path) {
    std::FILE* file = std::fopen(path.c_str(), "ab");
    if (file == nullptr) {
      return fail(ErrorCode::kPermissionDenied, "'{}' cannot be written", path.string());
    }
    return Journal(file, path);
  }

  Status append(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), file_.get()) == text.size() &&
                         std::fflush(file_.get()) == 0;
    if (!written) {
      return fail(ErrorCode::kResourceExhausted, "'{}' cannot be written: the disk may be full",
                  path_.string());
    }
    return {};
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  Journal(std::FILE* file, std::filesystem::path path) : file_(file), path_(std::move(path)) {}
  std::unique_ptr<std::FILE, Close> file_;
  std::filesystem::path path_;
};

/// Hands outputs to the user's command and learns what it makes of them.
class Judge {
 public:
  static Result<Judge> start(const std::string& command) {
    TESSERA_TRY(auto folder, TemporaryDirectory::create("tessera-metric"));
    TESSERA_TRY(auto process, MetricCommand::start(command));
    return Judge(std::move(folder), std::move(process));
  }

  Status show(std::int64_t subset, const std::vector<std::string>& layers,
              const data::Sample& sample, std::span<const std::string> outputs,
              std::span<const TensorView> tensors, const Monitor& monitor) {
    Json files = Json::object();
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      const auto path = folder_.path() / fmt::format("{}.npy", i);
      TESSERA_CHECK(write_npy(path, tensors[i], Overwrite::kReplace));
      files[outputs[i]] = path.string();
    }
    Json question{{"type", "sample"},
                  {"subset", subset},
                  {"layers", layers},
                  {"sample", sample.name},
                  {"outputs", std::move(files)}};
    if (sample.label) {
      question["label"] = *sample.label;
    }
    return process_.ask(question, monitor).map([](const Json&) {});
  }

  Result<double> value_of(std::int64_t subset, std::int64_t images, const Monitor& monitor) {
    TESSERA_TRY(
        const auto answer,
        process_.ask(Json{{"type", "result"}, {"subset", subset}, {"images", images}}, monitor));
    const auto value = answer.find("value");
    if (value == answer.end() || !value->is_number()) {
      return fail(ErrorCode::kUnavailable,
                  "the metric command answered {} to a question for the result; "
                  "{{\"value\": NUMBER}} was expected",
                  compact_text(answer));
    }
    return value->get<double>();
  }

 private:
  Judge(TemporaryDirectory folder, MetricCommand process)
      : folder_(std::move(folder)), process_(std::move(process)) {}
  TemporaryDirectory folder_;
  MetricCommand process_;
};

class Sweeper {
 public:
  Sweeper(SwitchableSetup setup, const data::SampleSet& samples, const SweepOptions& options,
          const std::function<Envelope()>& envelope, Monitor& monitor)
      : setup_(std::move(setup)),
        entries_(entries_of(setup_.switches)),
        samples_(samples),
        options_(options),
        envelope_(envelope),
        monitor_(monitor) {}

  Result<SweepSummary> run() {
    TESSERA_CHECK(check_places());
    const auto began_us = thread_cpu_us();
    setup_.tensors = !options_.metric_command.empty();
    TESSERA_TRY(auto model, SwitchableModel::open(setup_, monitor_));
    model_.emplace(std::move(model));
    warn_of_idle_layers();
    if (setup_.tensors) {
      TESSERA_TRY(auto judge, Judge::start(options_.metric_command));
      judge_.emplace(std::move(judge));
    }
    TESSERA_CHECK(describe());
    TESSERA_CHECK(weigh_outputs());
    TESSERA_CHECK(take_up_journal());
    summary_.setup_us = thread_cpu_us() - began_us;
    TESSERA_CHECK(
        measure().map_error([this](Error error) { return with_way_on(std::move(error)); }));
    TESSERA_CHECK(finish());
    summary_.work = model_->work();
    return std::move(summary_);
  }

 private:
  [[nodiscard]] std::filesystem::path journal_path() const { return journal_of(options_.output); }

  Status check_places() {
    std::error_code ignored;
    const bool journal = std::filesystem::exists(journal_path(), ignored);
    if (options_.resume) {
      return check_writable(options_.output, Overwrite::kReplace);
    }
    TESSERA_CHECK(check_writable(options_.output, options_.overwrite));
    if (journal && options_.overwrite == Overwrite::kRefuse) {
      return fail(ErrorCode::kAlreadyExists, "'{}' holds an unfinished sweep",
                  journal_path().string())
          .hint("go on with --resume, or start again with --force");
    }
    return {};
  }

  void warn_of_idle_layers() {
    for (const auto& name : model_->idle_switches()) {
      monitor_.warn({"idle-layer",
                     fmt::format("layer '{}' reaches no floating output: it adds no error", name),
                     "leave it out of --layers"});
    }
  }

  [[nodiscard]] Error with_way_on(Error error) const {
    if (error.code == ErrorCode::kCancelled) {
      error.message = fmt::format("stopped; {} of {} subsets are in '{}'", records_.size(),
                                  mine_.size() + static_cast<std::size_t>(summary_.resumed),
                                  journal_path().string());
      error.hint = "go on with the same command and --resume";
    }
    return error;
  }

  // --- what the header says -------------------------------------------------------------------

  /// One pass in float: the power of the outputs, and what every layer adds by itself.
  Status describe() {
    TESSERA_TRY(const auto graph, setup_.model->view());
    const auto costs = graph::operator_costs(graph, graph::QdqCounting::kInclude);
    for (const auto& entry : entries_) {
      const auto op = graph.find_op(entry.op);
      header_.layers.push_back({entry.name, graph.op(*op).type, costs[op->value].macs, entry.scheme,
                                0, 0, entry.name == entry.op ? std::string() : entry.op});
    }
    header_.images = samples_.size();
    header_.metric = options_.metric_command.empty() ? "l2_per_element" : options_.metric_command;
    header_.data = compact_text(samples_.describe());
    const auto envelope = envelope_();
    header_.seed = envelope.seed;
    header_.model = envelope.model;
    describe_design();
    for (const auto& name : model_->outputs()) {
      header_.outputs.push_back({name, 0, 0, 1});
    }
    const std::vector<Setting> reference{Setting(setup_.switches.size(), 0)};
    std::vector<std::int64_t> elements(entries_.size(), 0);
    for (std::int64_t i = 0; i < samples_.size(); ++i) {
      monitor_.progress("float", i, samples_.size());
      TESSERA_TRY(const auto sample, samples_.load(i));
      TESSERA_CHECK(add_layer_noise(sample, elements));
      const auto look = [&](std::size_t, const SettingResult& result) {
        return take_reference(sample, result);
      };
      TESSERA_CHECK(model_->measure(sample, reference, look, monitor_));
    }
    monitor_.progress("float", samples_.size(), samples_.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto count = static_cast<double>(std::max<std::int64_t>(elements[i], 1));
      header_.layers[i].noise_power /= count;
      header_.layers[i].signal_power /= count;
    }
    if (judge_) {
      TESSERA_TRY(header_.reference_metric,
                  judge_->value_of(kReferenceSubset, samples_.size(), monitor_));
    }
    return {};
  }

  void describe_design() {
    auto design = Json::parse(options_.design.empty() ? "{}" : options_.design);
    design["count"] = options_.subsets.size();
    if (options_.shard_count > 1) {
      design["shard"] = fmt::format("{}/{}", options_.shard_index, options_.shard_count);
    }
    header_.design = compact_text(design);
  }

  Status add_layer_noise(const data::Sample& sample, std::vector<std::int64_t>& elements) {
    TESSERA_TRY(const auto noise, model_->layer_noise(sample, monitor_));
    for (std::size_t i = 0; i < noise.size(); ++i) {
      header_.layers[i].noise_power += noise[i].noise;
      header_.layers[i].signal_power += noise[i].signal;
      elements[i] += noise[i].elements;
    }
    return {};
  }

  Status take_reference(const data::Sample& sample, const SettingResult& result) {
    chosen_.push_back(result.chosen);
    for (std::size_t i = 0; i < result.outputs.size(); ++i) {
      const auto& sums = result.outputs[i];
      header_.outputs[i].elements = sums.elements;
      if (sums.elements > 0) {
        header_.outputs[i].power +=
            sums.signal / static_cast<double>(sums.elements) / static_cast<double>(samples_.size());
      }
    }
    return judge_ ? judge_->show(kReferenceSubset, {}, sample, model_->outputs(), result.tensors,
                                 monitor_)
                  : Status();
  }

  Status weigh_outputs() {
    for (const auto& [name, weight] : options_.weights) {
      const auto known = model_->outputs();
      const auto output = std::find(known.begin(), known.end(), name);
      if (output == known.end()) {
        return fail(ErrorCode::kInvalidArgument, "--output-weight: no floating output '{}'", name)
            .hint("the outputs are: {}", fmt::join(known, ", "));
      }
      header_.outputs[static_cast<std::size_t>(output - known.begin())].weight = weight;
    }
    bool silent = true;
    for (auto& output : header_.outputs) {
      silent = silent && output.power == 0;
      if (output.power == 0) {
        monitor_.warn({"zero-output",
                       fmt::format("output '{}' is zero on every sample: its error has no relation "
                                   "to a signal",
                                   output.name),
                       "SQNR and relative error of it are not numbers; check the samples and "
                       "their preprocessing"});
      }
      if (options_.normalize) {
        output.weight *= output.power > 0 ? 1 / std::sqrt(output.power) : 0;
      }
    }
    if (silent && options_.normalize) {
      return fail(ErrorCode::kFailedPrecondition,
                  "every output is zero on every sample; nothing can be normalised")
          .hint("check the samples and their preprocessing");
    }
    return {};
  }

  // --- the journal ----------------------------------------------------------------------------

  [[nodiscard]] std::string document() const {
    return to_line(enclose(envelope_(), to_json(header_)));
  }

  /// Reads what an interrupted run left and decides what is still to be measured.
  Status take_up_journal() {
    std::error_code ignored;
    if (options_.resume) {
      const auto old =
          std::filesystem::exists(journal_path(), ignored) ? journal_path() : options_.output;
      if (std::filesystem::exists(old, ignored)) {
        TESSERA_TRY(auto sweep, read_sweep(std::vector{old}));
        TESSERA_CHECK(check_same_sweep(header_, sweep.header, fmt::format("'{}'", old.string())));
        if (sweep.header.design != header_.design) {
          return fail(ErrorCode::kInvalidArgument, "'{}' is another shard: {}", old.string(),
                      sweep.header.design);
        }
        records_ = std::move(sweep.records);
        summary_.resumed = static_cast<std::int64_t>(records_.size());
      }
    }
    TESSERA_CHECK(write_sweep(journal_path(), document(), records_, Overwrite::kReplace));
    choose_mine();
    return {};
  }

  void choose_mine() {
    std::vector<Setting> settings;
    settings.reserve(options_.subsets.size());
    for (const auto& subset : options_.subsets) {
      settings.push_back(setting_of(subset, entries_));
    }
    const auto order = model_->order_of(settings);
    std::set<std::int64_t> done;
    for (const auto& record : records_) {
      done.insert(record.index);
    }
    const auto count = static_cast<std::int64_t>(order.size());
    const auto begin = count * options_.shard_index / options_.shard_count;
    const auto end = count * (options_.shard_index + 1) / options_.shard_count;
    for (auto i = begin; i < end; ++i) {
      const auto index = order[static_cast<std::size_t>(i)];
      if (!done.contains(static_cast<std::int64_t>(index))) {
        mine_.push_back(index);
      }
    }
  }

  [[nodiscard]] std::vector<std::string> names_of(const LayerSet& subset) const {
    std::vector<std::string> names;
    for (const auto layer : subset) {
      names.push_back(entries_[static_cast<std::size_t>(layer)].name);
    }
    return names;
  }

  // --- measuring ------------------------------------------------------------------------------

  Status measure() {
    const auto began_us = thread_cpu_us();
    TESSERA_TRY(auto journal, Journal::open(journal_path()));
    total_ = static_cast<std::int64_t>(mine_.size()) * samples_.size();
    // One sample needs no blocks: its records are complete as they come.
    const auto block = samples_.size() > 1 ? kBlock : std::max<std::size_t>(mine_.size(), 1);
    for (std::size_t begin = 0; begin < mine_.size(); begin += block) {
      const auto size = std::min(block, mine_.size() - begin);
      TESSERA_CHECK(measure_block(std::span(mine_).subspan(begin, size), journal));
    }
    summary_.cpu_us = thread_cpu_us() - began_us;
    return {};
  }

  Status measure_block(std::span<const std::size_t> block, Journal& journal) {
    std::vector<Setting> settings;
    for (const auto index : block) {
      settings.push_back(setting_of(options_.subsets[index], entries_));
    }
    std::vector<Score> scores(block.size());
    for (std::int64_t i = 0; i < samples_.size(); ++i) {
      TESSERA_TRY(const auto sample, samples_.load(i));
      const auto visit = [&](std::size_t place, const SettingResult& result) -> Status {
        monitor_.progress("subsets", done_++, total_);
        const auto& reference = chosen_[static_cast<std::size_t>(i)];
        const auto agrees = reference ? std::optional(result.chosen == reference) : std::nullopt;
        scores[place].add(result.outputs, header_.outputs, agrees);
        if (judge_) {
          TESSERA_CHECK(judge_->show(static_cast<std::int64_t>(block[place]),
                                     names_of(options_.subsets[block[place]]), sample,
                                     model_->outputs(), result.tensors, monitor_));
        }
        return i + 1 < samples_.size() ? Status() : complete(block[place], scores[place], journal);
      };
      TESSERA_CHECK(model_->measure(sample, settings, visit, monitor_));
    }
    return {};
  }

  Status complete(std::size_t index, const Score& score, Journal& journal) {
    SweepRecord record;
    record.index = static_cast<std::int64_t>(index);
    record.layers = names_of(options_.subsets[index]);
    score.finish(header_.outputs, record);
    if (judge_) {
      TESSERA_TRY(record.metric, judge_->value_of(record.index, record.images, monitor_));
    }
    TESSERA_CHECK(journal.append(to_line(to_json(record))));
    records_.push_back(std::move(record));
    ++summary_.measured;
    return {};
  }

  Status finish() {
    monitor_.progress("subsets", total_, total_);
    const auto broken = std::count_if(records_.begin(), records_.end(),
                                      [](const auto& record) { return record.non_finite > 0; });
    if (broken > 0) {
      monitor_.warn({"non-finite-results",
                     fmt::format("{} of {} subsets give NaN or infinities where the float model "
                                 "does not",
                                 broken, records_.size()),
                     "their error is null; leave the layer that makes them in float"});
    }
    std::sort(records_.begin(), records_.end(),
              [](const auto& a, const auto& b) { return a.index < b.index; });
    summary_.sweep.document = document();
    TESSERA_CHECK(write_sweep(options_.output, summary_.sweep.document, records_,
                              options_.resume ? Overwrite::kReplace : options_.overwrite));
    std::error_code ignored;
    std::filesystem::remove(journal_path(), ignored);
    if (broken > 0 && broken == static_cast<std::int64_t>(records_.size())) {
      return fail(ErrorCode::kFailedPrecondition,
                  "every subset gives NaN or infinities where the float model does not")
          .hint("calibrate on samples like those of the sweep, or choose other layers");
    }
    summary_.sweep.header = std::move(header_);
    summary_.sweep.records = std::move(records_);
    return {};
  }

  SwitchableSetup setup_;
  std::vector<Entry> entries_;
  const data::SampleSet& samples_;
  const SweepOptions& options_;
  const std::function<Envelope()>& envelope_;
  Monitor& monitor_;
  std::optional<SwitchableModel> model_;
  std::optional<Judge> judge_;
  SweepHeader header_;
  std::vector<std::optional<std::int64_t>> chosen_;  ///< class by sample, in float
  std::vector<SweepRecord> records_;
  std::vector<std::size_t> mine_;  ///< subsets still to be measured, in order of the walk
  std::int64_t done_ = 0;
  std::int64_t total_ = 0;
  SweepSummary summary_;
};

}  // namespace

std::filesystem::path journal_of(const std::filesystem::path& output) {
  auto path = output;
  path += ".part";
  return path;
}

Result<SweepSummary> run_sweep(SwitchableSetup setup, const data::SampleSet& samples,
                               const SweepOptions& options,
                               const std::function<Envelope()>& envelope, Monitor& monitor) {
  return Sweeper(std::move(setup), samples, options, envelope, monitor).run();
}

}  // namespace tessera::noise
