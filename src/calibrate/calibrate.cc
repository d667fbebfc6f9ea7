// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/calibrate/calibrate.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>

#include "calibrate/collector.h"
#include "calibrate/observations.h"
#include "calibrate/plan.h"
#include "tessera/calibrate/apart.h"
#include "tessera/core/compact_text.h"
#include "tessera/core/host.h"
#include "tessera/core/parallel.h"
#include "tessera/core/timing.h"

namespace tessera::calibrate {
namespace {

/// Hands out samples to workers and keeps the error of the earliest one that failed: all before it
/// were handed out, too, so which error is reported does not depend on the threads.
class Queue {
 public:
  Queue(std::int64_t count, Monitor& monitor) : count_(count), monitor_(monitor) {}

  std::optional<std::int64_t> next() {
    const std::lock_guard lock(mutex_);
    if (stopped_ || next_ == count_) {
      return std::nullopt;
    }
    if (auto status = monitor_.check(); !status) {
      stop(-1, std::move(status).error());
      return std::nullopt;
    }
    return next_++;
  }

  void done() {
    const std::lock_guard lock(mutex_);
    monitor_.progress("calibrate", ++done_, count_);
  }

  /// `sample` -1: nothing can be done at all.
  void failed(std::int64_t sample, Error error) {
    const std::lock_guard lock(mutex_);
    stop(sample, std::move(error));
  }

  [[nodiscard]] Status status() {
    return error_ ? Status(tl::unexpected(*std::move(error_))) : Status();
  }

 private:
  void stop(std::int64_t sample, Error error) {
    stopped_ = true;
    if (!error_ || sample < failed_at_) {
      failed_at_ = sample;
      error_ = std::move(error);
    }
  }

  std::int64_t count_;
  Monitor& monitor_;
  std::mutex mutex_;
  std::int64_t next_ = 0;
  std::int64_t done_ = 0;
  bool stopped_ = false;
  std::int64_t failed_at_ = 0;
  std::optional<Error> error_;
};

/// What is measured: samples whose indices are listed go to a part of their own.
struct Work {
  const data::SampleSet& samples;
  std::span<const std::int64_t> held_out;  // ascending

  [[nodiscard]] std::size_t parts() const { return held_out.empty() ? 1 : 2; }
  [[nodiscard]] std::size_t part_of(std::int64_t index) const {
    return std::binary_search(held_out.begin(), held_out.end(), index) ? 1 : 0;
  }
};

Status run_sample(Collector& collector, const Work& work, std::int64_t index) {
  TESSERA_TRY(const data::Sample sample, work.samples.load(index));
  return collector.run(sample, index, work.part_of(index));
}

using Collectors = std::vector<std::unique_ptr<Collector>>;

/// One session per worker. The model's bytes are gone afterwards.
Result<Collectors> open_collectors(const network::Network& model, const Plan& plan,
                                   std::int64_t workers,
                                   const std::shared_ptr<const runtime::Library>& library,
                                   const CalibrateOptions& options, std::size_t parts) {
  TESSERA_TRY(const auto tapped, model.source(taps_of(plan)));
  Collectors collectors;
  for (std::int64_t worker = 0; worker < workers; ++worker) {
    TESSERA_TRY(auto collector, Collector::open(*tapped, library, plan, options, parts));
    collectors.push_back(std::move(collector));
  }
  return collectors;
}

/// What looks at the values of a plan.
struct Looking {
  Plan plan;  // collectors refer to it
  Collectors collectors;
};

/// XNNPACK, several times as fast as the built-in kernels of LiteRT, keeps the values between its
/// operators to itself, but hands out those that are outputs. The limit does not depend on the
/// number of workers, as ranges must not.
Result<std::unique_ptr<Looking>> open_looking(
    const network::Network& model, const graph::Graph& graph, std::int64_t workers,
    const std::shared_ptr<const runtime::Library>& library, const CalibrateOptions& options,
    std::size_t parts) {
  constexpr std::int64_t kMostOutputs = std::int64_t{32} << 20;
  auto looking = std::make_unique<Looking>(Looking{make_plan(graph, options.as_written), {}});
  auto taps = taps_of(looking->plan);
  auto outputs = through_outputs(looking->plan, graph, kMostOutputs);
  const bool joins_operators =
      model.format() == network::FileFormat::kLitert && !options.as_written;
  if (joins_operators && outputs && !taps.empty()) {
    auto shown = std::make_unique<Looking>(Looking{*std::move(outputs), {}});
    auto exposed = model.clone();
    exposed.expose(taps);
    auto opened = open_collectors(exposed, shown->plan, workers, library, options, parts);
    if (opened) {
      shown->collectors = *std::move(opened);
      return shown;
    }
    if (opened.error().code == ErrorCode::kResourceExhausted) {
      return tl::unexpected(opened.error());  // of this moment, not of the network
    }
  }
  TESSERA_TRY(looking->collectors,
              open_collectors(model, looking->plan, workers, library, options, parts));
  return looking;
}

void warn_of_nan(const Collectors& collectors, const Plan& plan, Monitor& monitor) {
  const Collector::FirstNan* first = nullptr;
  for (const auto& collector : collectors) {
    const auto& seen = collector->first_nan();
    if (seen && (first == nullptr || seen->order < first->order)) {
      first = &*seen;
    }
  }
  if (first != nullptr) {
    monitor.warn({"nan-activations",
                  fmt::format("tensor '{}' holds NaN in sample '{}'",
                              plan.measured[first->measured].tensor, first->sample),
                  "the model divides by zero or overflows there; ranges are those of the other "
                  "values: check the sample and its preprocessing, or remove it"});
  }
}

/// By measured tensor of the plan.
struct Seen {
  std::vector<numerics::RangeEstimator> estimators;
  std::vector<ChannelExtrema> channels;
};

/// By part of the work.
Result<std::vector<Seen>> collect(Looking& looking, const Work& work, Monitor& monitor) {
  auto& collectors = looking.collectors;
  const auto workers = std::ssize(collectors);
  Queue queue(work.samples.size(), monitor);
  parallel_for(static_cast<int>(workers), workers, [&](std::int64_t worker) {
    Collector& collector = *collectors[static_cast<std::size_t>(worker)];
    while (const auto index = queue.next()) {
      if (auto status = run_sample(collector, work, *index); !status) {
        queue.failed(*index, std::move(status).error());
        return;
      }
      queue.done();
    }
  });
  TESSERA_CHECK(queue.status());
  warn_of_nan(collectors, looking.plan, monitor);
  std::vector<Seen> parts;
  for (std::size_t part = 0; part < work.parts(); ++part) {
    auto& first = *collectors.front();
    Seen& all = parts.emplace_back(Seen{first.take(part), first.take_channels(part)});
    for (std::size_t worker = 1; worker < collectors.size(); ++worker) {
      const auto more = collectors[worker]->take(part);
      const auto more_channels = collectors[worker]->take_channels(part);
      for (std::size_t i = 0; i < more.size(); ++i) {
        all.estimators[i].merge(more[i]);
        all.channels[i].merge(more_channels[i]);
      }
    }
  }
  return parts;
}

/// See CalibrateOptions::as_written.
Status observe_constants(const network::Network& model, const graph::Graph& graph,
                         Observations& observations) {
  for (const auto& tensor : graph.tensors()) {
    const bool made = tensor.made_by_constant && !tensor.consumers.empty();
    if (!made || !is_floating(tensor.dtype) || bits_of(tensor.dtype) < 16) {
      continue;
    }
    TESSERA_TRY(const auto values, model.constant(tensor.name));
    TESSERA_TRY(const auto converted, to_float32(values));
    numerics::EstimatorScratch scratch;
    numerics::RangeEstimator estimator(observations.estimator);
    for (std::int64_t sample = 0; sample < observations.samples; ++sample) {
      estimator.add(converted, sample, scratch);
    }
    observations.tensors.emplace(tensor.name, std::move(estimator));
  }
  return {};
}

/// By part of the work: samples that are not held out, and those that are, if any are.
Result<std::vector<Observations>> observe(const network::Network& model, const Work& work,
                                          const std::shared_ptr<const runtime::Library>& library,
                                          const CalibrateOptions& wanted, Monitor& monitor) {
  auto options = wanted;
  options.channels = wanted.channels && model.format() != network::FileFormat::kLitert;
  TESSERA_CHECK(check_options(options.estimator));
  TESSERA_TRY(const graph::Graph graph, model.view());
  const std::int64_t workers = std::clamp<std::int64_t>(options.threads, 1, work.samples.size());
  TESSERA_TRY(const auto looking,
              open_looking(model, graph, workers, library, options, work.parts()));
  const Plan& plan = looking->plan;
  if (plan.measured.empty()) {
    monitor.warn({"no-float-values",
                  "nothing was measured: the network computes on no floating value",
                  "ranges are those of float networks; what a quantized one has is in its scales"});
  }
  TESSERA_TRY(auto parts, collect(*looking, work, monitor));
  looking->collectors.clear();
  std::vector<Observations> result;
  for (auto& [estimators, channels] : parts) {
    const auto apart = std::ssize(work.held_out);
    Observations& observations = result.emplace_back();
    observations.methods = options.methods;
    if (observations.methods.empty()) {
      observations.methods.assign(numerics::kRangeMethods.begin(), numerics::kRangeMethods.end());
    }
    observations.estimator = options.estimator;
    observations.samples = result.size() == 1 ? work.samples.size() - apart : apart;
    for (std::size_t i = 0; i < plan.measured.size(); ++i) {
      observations.tensors.emplace(plan.measured[i].tensor, std::move(estimators[i]));
      if (options.channels && plan.measured[i].channels) {
        observations.channels.emplace(plan.measured[i].tensor, std::move(channels[i]));
      }
    }
    for (const Derived& derived : plan.derived) {
      std::vector<std::string>& sources = observations.derived[derived.tensor];
      for (const std::size_t source : derived.sources) {
        sources.push_back(plan.measured[source].tensor);
      }
    }
    if (options.as_written) {
      TESSERA_CHECK(observe_constants(model, graph, observations));
    }
  }
  return result;
}

/// A shard file, opened.
struct Shard {
  std::int64_t index = 0;
  std::int64_t count = 0;
  Observations observations;
  Json data;
  Json model;
};

Result<Shard> open_shard(const Json& document, std::size_t position) {
  const std::string what = fmt::format("shard file {}", position + 1);
  TESSERA_TRY(const Json result,
              open_envelope(document, "calibrate-shard", what).map_error([](Error error) {
                error.hint = "give the files that 'tessera calibrate --shard I/N -o FILE' wrote";
                return error;
              }));
  const auto place = result.find("shard");
  Shard shard;
  shard.index = place == result.end() ? -1 : whole_number_or(*place, "index", -1);
  shard.count = place == result.end() ? -1 : whole_number_or(*place, "count", -1);
  if (shard.index < 0 || shard.count <= shard.index) {
    return fail(ErrorCode::kDataLoss, "{}: 'shard' is damaged", what).hint("make it again");
  }
  TESSERA_TRY(shard.observations, Observations::from_json(result, what));
  shard.data = result.value("data", Json());
  if (shard.data.is_object()) {
    shard.data.erase("shard");
    shard.data.erase("samples");
  }
  if (document.contains("model") && document["model"].is_object()) {
    shard.model = document["model"];
  }
  return shard;
}

template <class State>
std::vector<std::string_view> names_of(const std::map<std::string, State, std::less<>>& tensors) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const auto& [name, state] : tensors) {
    names.push_back(name);
  }
  return names;
}

/// As the envelope of a shard has them.
std::map<std::string, std::vector<std::int64_t>> assumed_shapes_of(const Json& model) {
  std::map<std::string, std::vector<std::int64_t>> shapes;
  const auto listed = model.find("assumed_shapes");
  if (listed == model.end() || !listed->is_object()) {
    return shapes;
  }
  for (const auto& [input, extents] : listed->items()) {
    for (const auto& extent : extents) {
      shapes[input].push_back(whole_number(extent).value_or(-1));
    }
  }
  return shapes;
}

/// Two shards belong to one run.
Status check_alike(const Shard& first, const Shard& other) {
  const auto differs = [&](std::string_view what) {
    return fail(ErrorCode::kInvalidArgument, "shards {} and {} differ in their {}", first.index,
                other.index, what)
        .hint("all shards must come from the same model, data and options");
  };
  const auto hash = [](const Shard& shard) {
    return shard.model.is_object() ? shard.model.value("sha256", Json()) : Json();
  };
  const Observations& a = first.observations;
  const Observations& b = other.observations;
  if (hash(first) != hash(other) || names_of(a.tensors) != names_of(b.tensors) ||
      a.derived != b.derived) {
    return differs("model");
  }
  if (a.methods != b.methods || names_of(a.channels) != names_of(b.channels) ||
      a.estimator.percentile != b.estimator.percentile ||
      a.estimator.symmetric != b.estimator.symmetric ||
      a.estimator.quantized_levels != b.estimator.quantized_levels ||
      a.estimator.deviations != b.estimator.deviations) {
    return differs("options");
  }
  if (first.data != other.data) {
    return differs("data");
  }
  return {};
}

/// In order of their indices; complete, each once.
Result<std::vector<Shard>> open_shards(std::span<const Json> documents) {
  std::vector<Shard> shards;
  for (std::size_t i = 0; i < documents.size(); ++i) {
    TESSERA_TRY(Shard shard, open_shard(documents[i], i));
    shards.push_back(std::move(shard));
  }
  if (shards.empty()) {
    return fail(ErrorCode::kInvalidArgument, "no shards to merge")
        .hint("give the files of all shards");
  }
  std::sort(shards.begin(), shards.end(),
            [](const Shard& a, const Shard& b) { return a.index < b.index; });
  const std::int64_t count = shards.front().count;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].count != count) {
      return fail(ErrorCode::kInvalidArgument, "one shard is of {}, another of {}", count,
                  shards[i].count)
          .hint("merge shards of one run");
    }
    if (i > 0 && shards[i].index == shards[i - 1].index) {
      return fail(ErrorCode::kInvalidArgument, "shard {}/{} is there twice", shards[i].index, count)
          .hint("give the file of each shard once");
    }
  }
  for (std::int64_t index = 0; index < count; ++index) {
    const auto at = static_cast<std::size_t>(index);
    if (at >= shards.size() || shards[at].index != index) {
      return fail(ErrorCode::kInvalidArgument, "shard {}/{} is missing", index, count)
          .hint("calibrate it with --shard {}/{} and merge all {} files", index, count, count);
    }
  }
  return shards;
}

}  // namespace

Result<Ranges> calibrate(const network::Network& model, const data::SampleSet& samples,
                         const std::shared_ptr<const runtime::Library>& library,
                         const CalibrateOptions& options, Monitor& monitor) {
  TESSERA_TRY(auto ranges, calibrate_apart(model, samples, {}, library, options, monitor));
  return std::move(ranges.fitted);
}

Result<SplitRanges> calibrate_apart(const network::Network& model, const data::SampleSet& samples,
                                    const std::vector<std::int64_t>& held_out,
                                    const std::shared_ptr<const runtime::Library>& library,
                                    const CalibrateOptions& options, Monitor& monitor) {
  const Clock clock = steady_clock_us();
  const double started_us = clock();
  auto extent = options;
  extent.estimator.histogram =
      options.methods.empty() || numerics::needs_histogram(options.methods);
  TESSERA_TRY(auto parts, observe(model, {samples, held_out}, library, extent, monitor));
  // What is to be told is told of all samples.
  SplitRanges ranges;
  TESSERA_TRY(ranges.fitted,
              to_ranges(parts[0], options.threads, held_out.empty() ? monitor : Monitor::silent()));
  if (auto info = model.info()) {
    ranges.fitted.model = *std::move(info);
  }
  ranges.fitted.data = compact_text(samples.describe());
  ranges.fitted.wall_us = clock() - started_us;
  ranges.fitted.peak_rss_bytes = peak_rss_bytes();
  if (!held_out.empty()) {
    parts[0].add(parts[1]);
  }
  ranges.all = [observed = std::make_shared<Observations>(std::move(parts[0])),
                model_info = ranges.fitted.model, described = ranges.fitted.data,
                threads = options.threads](const std::vector<numerics::RangeMethod>& methods,
                                           Monitor& by) -> Result<Ranges> {
    observed->methods = methods;
    TESSERA_TRY(auto all, to_ranges(*observed, threads, by));
    all.model = model_info;
    all.data = described;
    return all;
  };
  return ranges;
}

Result<Json> calibrate_shard(const network::Network& model, const data::SampleSet& samples,
                             std::int64_t shard_index, std::int64_t shard_count,
                             const std::shared_ptr<const runtime::Library>& library,
                             const CalibrateOptions& options, Monitor& monitor) {
  auto whole = options;
  whole.estimator.histogram = true;  // the state is what shards exchange, whatever is made of it
  TESSERA_TRY(const auto parts, observe(model, {samples, {}}, library, whole, monitor));
  Json json = {{"shard", {{"index", shard_index}, {"count", shard_count}}}};
  json.update(parts.front().to_json());
  json["data"] = samples.describe();
  return json;
}

Result<Ranges> merge_shards(std::span<const Json> documents, int threads, Monitor& monitor) {
  TESSERA_TRY(std::vector<Shard> shards, open_shards(documents));
  Shard& first = shards.front();
  for (std::size_t i = 1; i < shards.size(); ++i) {
    TESSERA_CHECK(check_alike(first, shards[i]));
    first.observations.append(shards[i].observations);
  }
  TESSERA_TRY(Ranges ranges, to_ranges(first.observations, threads, monitor));
  if (first.model.is_object()) {
    const auto text = [&](const char* key) {
      const auto found = first.model.find(key);
      return found != first.model.end() && found->is_string() ? found->get<std::string>()
                                                              : std::string();
    };
    ranges.model = ModelInfo{text("path"), text("sha256"), text("format")};
    ranges.model->assumed_shapes = assumed_shapes_of(first.model);
  }
  if (first.data.is_object()) {
    // Back to where describe() has it, right after the source.
    Json data = Json::object();
    for (const auto& [key, value] : first.data.items()) {
      data[key] = value;
      if (key == "source") {
        data["samples"] = ranges.samples;
      }
    }
    ranges.data = compact_text(data);
  }
  return ranges;
}

}  // namespace tessera::calibrate
