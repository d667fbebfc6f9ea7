// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "refine/simulator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <set>
#include <span>
#include <utility>

#include "tessera/graph/kind.h"
#include "tessera/network/network.h"
#include "tessera/numerics/kernels.h"

namespace tessera::refine {
namespace {

/// What refining takes at most: one message of the format.
constexpr std::int64_t kLargestModelBytes = std::numeric_limits<std::int32_t>::max();

using graph::Graph;
using graph::OpKind;
using graph::TensorId;

bool is_float32(const Graph& graph, TensorId value) {
  return graph.tensor(value).dtype == DType::kFloat32;
}

/// Breadth first, so that the nearest is found.
std::optional<TensorId> floating_ancestor(const Graph& graph, TensorId output) {
  std::vector<TensorId> front{output};
  std::set<TensorId> seen{output};
  for (std::size_t i = 0; i < front.size(); ++i) {
    const auto producer = graph.tensor(front[i]).producer;
    if (!producer) {
      continue;
    }
    for (const auto& input : graph.op(*producer).inputs) {
      if (!input || !graph.tensor(*input).producer || !seen.insert(*input).second) {
        continue;  // absent, fed, a constant, or seen
      }
      if (is_float32(graph, *input)) {
        return input;
      }
      front.push_back(*input);
    }
  }
  return std::nullopt;
}

}  // namespace

Simulator::Simulator(std::vector<std::string> tensors)
    : tensors_(std::move(tensors)), rounders_(tensors_.size()) {
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    points_.emplace(tensors_[i], i);
  }
}

Simulator::~Simulator() = default;

Result<std::unique_ptr<Simulator>> Simulator::open(
    const std::shared_ptr<const runtime::Library>& library, const network::Network& model,
    std::vector<std::string> tensors) {
  std::sort(tensors.begin(), tensors.end());
  tensors.erase(std::unique(tensors.begin(), tensors.end()), tensors.end());
  std::unique_ptr<Simulator> simulator(new Simulator(std::move(tensors)));
  TESSERA_TRY(const auto source, model.source(simulator->tensors_));
  if (source->size_bytes() > kLargestModelBytes) {
    return fail(ErrorCode::kResourceExhausted, "the model has {} bytes; at most {} can be refined",
                source->size_bytes(), kLargestModelBytes)
        .hint("models beyond 2 GiB cannot be refined; quantize without these options");
  }
  runtime::SessionOptions options;
  options.tap = simulator.get();
  auto session = source->open(library, options);
  if (!session) {
    // A model that the runtime's optimizer stumbles over still runs as it is.
    options.opt_level = runtime::OptLevel::kDisabled;
    session = source->open(library, options);
  }
  if (!session) {
    return tl::unexpected(std::move(session).error());
  }
  simulator->session_ = *std::move(session);
  return simulator;
}

Result<std::unique_ptr<Simulator>> Simulator::open(
    const std::shared_ptr<const runtime::Library>& library, const onnx::Model& model,
    std::vector<std::string> tensors) {
  return open(library, network::Network::of(model.clone()), std::move(tensors));
}

std::optional<std::size_t> Simulator::point_of(std::string_view tensor) const {
  const auto found = points_.find(tensor);
  return found == points_.end() ? std::nullopt : std::optional(found->second);
}

void Simulator::round(std::size_t point, const std::optional<Rounder>& rounder) {
  rounders_[point] = rounder;
}

void Simulator::round_nothing() {
  std::fill(rounders_.begin(), rounders_.end(), std::nullopt);
}

Status Simulator::run(const data::Sample& sample, const Visit& visit, Look look) {
  look_ = look;
  std::vector<runtime::Feed> feeds;
  feeds.reserve(sample.tensors.size());
  for (const auto& tensor : sample.tensors) {
    feeds.push_back({tensor.name, tensor.tensor.view()});
  }
  visitor_ = &visit;
  const auto outputs = session_->run(feeds);
  visitor_ = nullptr;
  if (std::exchange(out_of_memory_, false)) {
    return fail(ErrorCode::kResourceExhausted, "out of memory at sample '{}'", sample.name)
        .hint("refine with fewer samples, or on a machine with more memory");
  }
  if (!outputs) {
    auto error = outputs.error();
    return tl::unexpected(in_file(sample.name)(std::move(error)));
  }
  return {};
}

void Simulator::visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
                      std::span<std::byte> data) noexcept {
  if (dtype != DType::kFloat32) {
    return;
  }
  const auto point = static_cast<std::size_t>(tag);
  const std::span<float> values(reinterpret_cast<float*>(data.data()), data.size() / sizeof(float));
  try {
    look_at(point, shape, values);
  } catch (const std::bad_alloc&) {
    out_of_memory_ = true;
  }
}

void Simulator::look_at(std::size_t point, std::span<const std::int64_t> shape,
                        std::span<float> values) {
  const bool visited = visitor_ != nullptr && *visitor_;
  if (visited && look_ == Look::kBeforeRounding) {
    (*visitor_)(point, shape, values);
  }
  if (const auto& rounder = rounders_[point]) {
    round_in_place(*rounder, values);
  }
  if (visited && look_ == Look::kAfterRounding) {
    (*visitor_)(point, shape, values);
  }
}

void Simulator::round_in_place(const Rounder& rounder, std::span<float> values) {
  constexpr std::size_t kChunk = 16384;  // stays in the cache between the two passes
  scratch_.resize(kChunk * sizeof(std::int32_t));
  for (std::size_t at = 0; at < values.size(); at += kChunk) {
    const auto part = values.subspan(at, std::min(kChunk, values.size() - at));
    const auto size =
        static_cast<std::size_t>(bytes_of(rounder.dtype, static_cast<std::int64_t>(part.size())));
    const std::span<std::byte> integers(scratch_.data(), size);
    numerics::quantize(part, rounder.qparams, rounder.dtype, integers);
    numerics::dequantize(integers, rounder.qparams, rounder.dtype, part);
  }
}

TensorId before_squeezing(const Graph& graph, TensorId value) {
  const auto producer = graph.tensor(value).producer;
  const auto kind = producer ? graph.op(*producer).kind : OpKind::kOther;
  if (kind != OpKind::kSoftmax && kind != OpKind::kSigmoid) {
    return value;
  }
  const auto input = graph.op(*producer).inputs.front();
  return input && graph.tensor(*input).producer ? *input : value;
}

Result<std::vector<std::string>> judged_values(const Graph& graph,
                                               const std::filesystem::path& path) {
  std::vector<std::string> values;
  for (const auto output : graph.outputs()) {
    if (!graph.tensor(output).producer) {
      continue;
    }
    const auto value =
        is_float32(graph, output) ? std::optional(output) : floating_ancestor(graph, output);
    if (!value) {
      continue;
    }
    const auto& name = graph.tensor(before_squeezing(graph, *value)).name;
    if (std::find(values.begin(), values.end(), name) == values.end()) {
      values.push_back(name);
    }
  }
  if (values.empty()) {
    return fail(ErrorCode::kUnimplemented,
                "no output of '{}' is computed from a float32 value whose error could be measured",
                path.string())
        .hint("make a float32 tensor an output of the model, or quantize without these options");
  }
  return values;
}

std::vector<std::int64_t> evenly_from_the_start(std::vector<std::int64_t> indices) {
  std::vector<std::pair<std::uint32_t, std::int64_t>> keyed;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    std::uint32_t key = 0;
    for (int bit = 0; bit < 32; ++bit) {  // the bits of the place, reversed
      key |= (static_cast<std::uint32_t>(i) >> bit & 1U) << (31 - bit);
    }
    keyed.emplace_back(key, indices[i]);
  }
  std::sort(keyed.begin(), keyed.end());
  std::transform(keyed.begin(), keyed.end(), indices.begin(),
                 [](const auto& pair) { return pair.second; });
  return indices;
}

Result<std::int64_t> values_per_run(Simulator& model, const data::Sample& sample) {
  std::int64_t values = 0;
  TESSERA_CHECK(
      model.run(sample, [&](auto, auto, std::span<float> data) { values += std::ssize(data); }));
  return std::max<std::int64_t>(values, 1);
}

namespace {

/// Of the logarithm of the samples' errors: how much it fell on average, and the standard error of
/// that.
struct Gain {
  double mean = 0;
  double standard_error = 0;
};

Gain gain_of(const Verdict& after, const Verdict& before) {
  const auto count = std::min(after.by_sample.size(), before.by_sample.size());
  double sum = 0;
  double squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    constexpr double kLeast = 1e-30;  // an error of nothing has no logarithm
    const double gain = std::log(std::max(before.by_sample[i], kLeast)) -
                        std::log(std::max(after.by_sample[i], kLeast));
    sum += gain;
    squares += gain * gain;
  }
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  return {mean, std::sqrt(std::max(squares / n - mean * mean, 0.0) / (n - 1))};
}

}  // namespace

bool is_clearly_less(const Verdict& after, const Verdict& before) {
  if (!(after.error < before.error) || std::isinf(before.error)) {
    return after.error < before.error;
  }
  constexpr double kTenth = 0.9;
  if (std::min(after.by_sample.size(), before.by_sample.size()) < 2) {
    return after.error < kTenth * before.error;
  }
  const auto gain = gain_of(after, before);
  return gain.mean > gain.standard_error;
}

bool is_less(const Verdict& after, const Verdict& before) {
  return after.error < before.error &&
         (std::isinf(before.error) || after.by_sample.empty() || gain_of(after, before).mean > 0);
}

Result<Judge> Judge::make(Simulator& reference, std::vector<std::string> values,
                          const data::SampleSet& samples,
                          const std::vector<std::int64_t>& indices) {
  Judge judge;
  judge.values_ = std::move(values);
  for (const auto index : indices) {
    TESSERA_TRY(auto sample, samples.load(index));
    auto& kept = judge.reference_.emplace_back(judge.values_.size());
    auto& signal = judge.signal_.emplace_back(judge.values_.size(), 0.0);
    reference.round_nothing();
    TESSERA_CHECK(reference.run(sample, [&](std::size_t point, auto, std::span<float> data) {
      const auto found =
          std::find(judge.values_.begin(), judge.values_.end(), reference.tensors()[point]);
      if (found == judge.values_.end()) {
        return;
      }
      const auto at = static_cast<std::size_t>(found - judge.values_.begin());
      kept[at].assign(data.begin(), data.end());
      for (const float value : data) {
        signal[at] += std::isfinite(value) ? double{value} * double{value} : 0;
      }
    }));
    judge.samples_.push_back(std::move(sample));
  }
  const auto is_silent = [](const std::vector<double>& signal) {
    return std::all_of(signal.begin(), signal.end(), [](double one) { return !(one > 0); });
  };
  if (std::all_of(judge.signal_.begin(), judge.signal_.end(), is_silent)) {
    return fail(ErrorCode::kInvalidArgument,
                "every output of the model is zero or not finite on the {} samples that judge, the "
                "first of them '{}'",
                judge.samples_.size(), judge.samples_.empty() ? "" : judge.samples_.front().name)
        .hint(
            "give samples on which the model does something, preprocessed as it was trained, or "
            "others beside them");
  }
  return judge;
}

Result<std::vector<double>> Judge::noise(Simulator& simulator, std::size_t sample) const {
  std::vector<double> noise(values_.size(), 0);
  TESSERA_CHECK(
      simulator.run(samples_[sample], [&](std::size_t point, auto, std::span<float> data) {
        const auto found = std::find(values_.begin(), values_.end(), simulator.tensors()[point]);
        if (found == values_.end()) {
          return;
        }
        const auto at = static_cast<std::size_t>(found - values_.begin());
        const auto& expected = reference_[sample][at];
        if (expected.size() != data.size()) {
          noise[at] = std::numeric_limits<double>::infinity();  // its shape depends on values
          return;
        }
        for (std::size_t k = 0; k < data.size(); ++k) {
          if (std::isfinite(expected[k])) {
            const double difference = double{data[k]} - double{expected[k]};
            noise[at] += difference * difference;
          }
        }
      }));
  return noise;
}

namespace {

/// Mean of noise / signal over the values that have a signal.
double mean_ratio(const std::vector<double>& noise, const std::vector<double>& signal) {
  double sum = 0;
  std::int64_t counted = 0;
  for (std::size_t at = 0; at < noise.size(); ++at) {
    if (signal[at] > 0) {
      sum += noise[at] / signal[at];
      ++counted;
    }
  }
  const double error = counted > 0 ? sum / static_cast<double>(counted) : 0;
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

}  // namespace

Verdict Judge::verdict_of(std::span<const std::vector<double>> noise, std::size_t first) const {
  Verdict verdict;
  std::vector<double> all_noise(values_.size(), 0);
  std::vector<double> all_signal(values_.size(), 0);
  for (std::size_t i = 0; i < noise.size(); ++i) {
    for (std::size_t at = 0; at < values_.size(); ++at) {
      all_noise[at] += noise[i][at];
      all_signal[at] += signal_[first + i][at];
    }
    verdict.by_sample.push_back(mean_ratio(noise[i], signal_[first + i]));
  }
  verdict.error = mean_ratio(all_noise, all_signal);
  return verdict;
}

Result<Verdict> Judge::verdict(Simulator& simulator) const {
  std::vector<std::vector<double>> all;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    TESSERA_TRY(auto one, noise(simulator, i));
    all.push_back(std::move(one));
  }
  return verdict_of(all);
}

Result<double> Judge::error(Simulator& simulator) const {
  return verdict(simulator).map([](const Verdict& verdict) { return verdict.error; });
}

Status Judge::hear(Hearing& hearing, std::size_t count) const {
  while (hearing.noise.size() < count) {
    TESSERA_TRY(auto one, noise(*hearing.simulator, hearing.noise.size()));
    hearing.noise.push_back(std::move(one));
  }
  return {};
}

Result<bool> Judge::is_closer(Hearing& one, Hearing& other) const {
  constexpr std::size_t kFewest = 8;
  constexpr double kBeyondDoubt = 3;  // standard errors
  for (auto count = std::min(kFewest, samples_.size());;
       count = std::min(2 * count, samples_.size())) {
    TESSERA_CHECK(hear(one, count));
    TESSERA_CHECK(hear(other, count));
    const auto mine = verdict_of(std::span(one.noise).first(count));
    const auto theirs = verdict_of(std::span(other.noise).first(count));
    const bool closer = mine.error < theirs.error;
    const auto gain = closer ? gain_of(mine, theirs) : gain_of(theirs, mine);
    if (count == samples_.size() || gain.mean > kBeyondDoubt * gain.standard_error) {
      return closer;
    }
  }
}

double decibel(double error) noexcept {
  constexpr double kMost = 300;  // of an error of nothing, which JSON cannot say
  return std::clamp(-10 * std::log10(error), -kMost, kMost);
}

}  // namespace tessera::refine
