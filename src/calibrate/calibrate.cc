// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/calibrate/calibrate.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "calibrate/collector.h"
#include "calibrate/observations.h"
#include "calibrate/plan.h"
#include "tessera/core/host.h"
#include "tessera/core/parallel.h"
#include "tessera/core/timing.h"

namespace tessera::calibrate {
namespace {

/// The model with taps in a form that a session opens: bytes, or a folder where it is too large.
class TappedModel {
 public:
  static Result<TappedModel> make(const onnx::Model& model, const Plan& plan) {
    TappedModel result;
    const onnx::Model tapped = with_taps(model, plan);
    auto bytes = tapped.serialize();
    if (bytes) {
      result.bytes_ = *std::move(bytes);
      result.folder_ = model.external_data_folder();
      return result;
    }
    if (bytes.error().code != ErrorCode::kResourceExhausted) {
      return tl::unexpected(std::move(bytes).error());
    }
    TESSERA_TRY(auto folder, TemporaryDirectory::create("tessera-calibrate"));
    const auto path = folder.path() / "tapped.onnx";
    TESSERA_CHECK(tapped.save(path, {.external_data = onnx::ExternalData::kAlways}));
    TESSERA_TRY(result.bytes_, read_file(path));
    result.folder_ = folder.path();
    result.temporary_.emplace(std::move(folder));
    return result;
  }

  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::string bytes_;
  std::filesystem::path folder_;
  std::optional<TemporaryDirectory> temporary_;
};

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

Status run_sample(Collector& collector, const data::SampleSet& samples, std::int64_t index) {
  TESSERA_TRY(const data::Sample sample, samples.load(index));
  return collector.run(sample, index);
}

using Collectors = std::vector<std::unique_ptr<Collector>>;

/// One session per worker. The model's bytes are gone afterwards.
Result<Collectors> open_collectors(const onnx::Model& model, const Plan& plan, std::int64_t workers,
                                   const std::shared_ptr<const runtime::Library>& library,
                                   const numerics::EstimatorOptions& options) {
  TESSERA_TRY(const TappedModel tapped, TappedModel::make(model, plan));
  Collectors collectors;
  for (std::int64_t worker = 0; worker < workers; ++worker) {
    TESSERA_TRY(auto collector,
                Collector::open(library, tapped.bytes(), tapped.folder(), plan, options));
    collectors.push_back(std::move(collector));
  }
  return collectors;
}

/// Estimators of the plan's measured tensors, from all samples.
Result<std::vector<numerics::RangeEstimator>> collect(Collectors collectors,
                                                      const data::SampleSet& samples,
                                                      Monitor& monitor) {
  const auto workers = std::ssize(collectors);
  Queue queue(samples.size(), monitor);
  parallel_for(static_cast<int>(workers), workers, [&](std::int64_t worker) {
    Collector& collector = *collectors[static_cast<std::size_t>(worker)];
    while (const auto index = queue.next()) {
      if (auto status = run_sample(collector, samples, *index); !status) {
        queue.failed(*index, std::move(status).error());
        return;
      }
      queue.done();
    }
  });
  TESSERA_CHECK(queue.status());
  std::vector<numerics::RangeEstimator> all = collectors.front()->take();
  for (std::size_t worker = 1; worker < collectors.size(); ++worker) {
    const auto part = collectors[worker]->take();
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].merge(part[i]);
    }
  }
  return all;
}

Result<Observations> observe(const onnx::Model& model, const data::SampleSet& samples,
                             const std::shared_ptr<const runtime::Library>& library,
                             const CalibrateOptions& options, Monitor& monitor) {
  TESSERA_CHECK(check_options(options.estimator));
  TESSERA_TRY(const graph::Graph graph, model.view());
  const Plan plan = make_plan(graph);
  const std::int64_t workers = std::clamp<std::int64_t>(options.threads, 1, samples.size());
  TESSERA_TRY(Collectors collectors,
              open_collectors(model, plan, workers, library, options.estimator));
  TESSERA_TRY(auto estimators, collect(std::move(collectors), samples, monitor));
  Observations observations;
  observations.methods = options.methods;
  if (observations.methods.empty()) {
    observations.methods.assign(numerics::kRangeMethods.begin(), numerics::kRangeMethods.end());
  }
  observations.estimator = options.estimator;
  observations.samples = samples.size();
  for (std::size_t i = 0; i < plan.measured.size(); ++i) {
    observations.tensors.emplace(plan.measured[i].tensor, std::move(estimators[i]));
  }
  for (const Derived& derived : plan.derived) {
    std::vector<std::string>& sources = observations.derived[derived.tensor];
    for (const std::size_t source : derived.sources) {
      sources.push_back(plan.measured[source].tensor);
    }
  }
  return observations;
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
  const auto whole = [](const Json& json, const char* key) {
    return json.contains(key) && json[key].is_number_integer();
  };
  if (place == result.end() || !place->is_object() || !whole(*place, "index") ||
      !whole(*place, "count")) {
    return fail(ErrorCode::kDataLoss, "{}: 'shard' is damaged", what).hint("make it again");
  }
  Shard shard;
  shard.index = (*place)["index"].get<std::int64_t>();
  shard.count = (*place)["count"].get<std::int64_t>();
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

std::vector<std::string_view> names_of(const Observations& observations) {
  std::vector<std::string_view> names;
  names.reserve(observations.tensors.size());
  for (const auto& [name, state] : observations.tensors) {
    names.push_back(name);
  }
  return names;
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
  if (hash(first) != hash(other) || names_of(a) != names_of(b) || a.derived != b.derived) {
    return differs("model");
  }
  if (a.methods != b.methods || a.estimator.percentile != b.estimator.percentile ||
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

Result<Ranges> calibrate(const onnx::Model& model, const data::SampleSet& samples,
                         const std::shared_ptr<const runtime::Library>& library,
                         const CalibrateOptions& options, Monitor& monitor) {
  const Clock clock = steady_clock_us();
  const double started_us = clock();
  TESSERA_TRY(const Observations observations, observe(model, samples, library, options, monitor));
  TESSERA_TRY(Ranges ranges, to_ranges(observations, options.threads, monitor));
  if (auto info = model.info()) {
    ranges.model = *std::move(info);
  }
  ranges.data = samples.describe().dump();
  ranges.wall_us = clock() - started_us;
  ranges.peak_rss_bytes = peak_rss_bytes();
  return ranges;
}

Result<Json> calibrate_shard(const onnx::Model& model, const data::SampleSet& samples,
                             std::int64_t shard_index, std::int64_t shard_count,
                             const std::shared_ptr<const runtime::Library>& library,
                             const CalibrateOptions& options, Monitor& monitor) {
  TESSERA_TRY(const Observations observations, observe(model, samples, library, options, monitor));
  Json json = {{"shard", {{"index", shard_index}, {"count", shard_count}}}};
  json.update(observations.to_json());
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
    ranges.data = data.dump();
  }
  return ranges;
}

}  // namespace tessera::calibrate
