// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// litert_times PRESET IMAGES SAMPLES MODEL.tflite...
//
// What it costs to look into a .tflite network, one thread, built-in kernels; a JSON object per
// model and line:
// - "operators": the times of operators that the observer has, as parts of the whole run that they
//   were taken in, and of runs without an observer. The two kinds of runs take turns.
// - "calibration": the time of all samples without that of decoding them, beside plain inference of
//   the same samples, with opening the network in both. The kinds take turns in a random order.
//   Only of networks with float inputs; PRESET is theirs, others are fed with bytes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tessera/calibrate/calibrate.h"
#include "tessera/core/random.h"
#include "tessera/core/timing.h"
#include "tessera/data/sample_set.h"
#include "tessera/network/load.h"
#include "tessera/runtime/litert.h"

namespace tessera {
namespace {

using numerics::RangeMethod;
using LibraryPtr = std::shared_ptr<const runtime::Library>;

runtime::SessionOptions builtin_kernels() {
  runtime::SessionOptions options;
  options.opt_level = runtime::OptLevel::kDisabled;
  return options;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : quantile(values, 0.5);
}

std::vector<runtime::Feed> feeds_of(const data::Sample& sample) {
  std::vector<runtime::Feed> feeds;
  for (const auto& [name, tensor] : sample.tensors) {
    feeds.push_back({name, tensor.view()});
  }
  return feeds;
}

Status run(runtime::Session& session, const data::Sample& sample) {
  const auto feeds = feeds_of(sample);
  return session.run(feeds).map([](const auto&) {});
}

Result<nlohmann::json> operators(const network::Network& model, const LibraryPtr& library,
                                 const std::vector<data::Sample>& samples) {
  constexpr std::size_t kRuns = 300;
  constexpr std::size_t kWarmup = 10;
  const auto clock = steady_clock_us();
  auto options = builtin_kernels();
  TESSERA_TRY(auto plain, model.open(library, options));
  options.profile = true;
  TESSERA_TRY(auto observed, model.open(library, options));
  std::vector<double> plain_us;
  std::vector<double> observed_us;
  for (std::size_t i = 0; i < kRuns + kWarmup; ++i) {
    const auto& sample = samples[i % samples.size()];
    for (auto* const session : {&plain, &observed}) {
      const double start_us = clock();
      TESSERA_CHECK(run(*session, sample));
      (session == &plain ? plain_us : observed_us).push_back(clock() - start_us);
    }
  }
  TESSERA_TRY(const auto kernels, observed.end_profile());
  std::vector<double> shares;
  std::vector<double> sums_us;
  std::size_t number = 0;
  for (const auto& of_run : runtime::kernels_by_run(kernels)) {
    double sum_us = 0;
    for (const auto& kernel : of_run) {
      sum_us += kernel.duration_us;
    }
    if (number >= kWarmup) {
      sums_us.push_back(sum_us);
      shares.push_back(sum_us / observed_us[number]);
    }
    ++number;
  }
  plain_us.erase(plain_us.begin(), plain_us.begin() + kWarmup);
  observed_us.erase(observed_us.begin(), observed_us.begin() + kWarmup);
  return nlohmann::json{{"plain_ms", median(plain_us) / 1e3},
                        {"observed_ms", median(observed_us) / 1e3},
                        {"operators_ms", median(sums_us) / 1e3},
                        {"of_their_run", median(shares)},
                        {"of_a_plain_run", median(sums_us) / median(plain_us)}};
}

/// Time of all samples, one after another.
Result<double> plain_us(const network::Network& model, const LibraryPtr& library,
                        const std::vector<data::Sample>& samples) {
  const double start_us = thread_cpu_us();
  TESSERA_TRY(auto session, model.open(library, builtin_kernels()));
  for (const auto& sample : samples) {
    TESSERA_CHECK(run(session, sample));
  }
  return thread_cpu_us() - start_us;
}

Result<double> decoding_us(const data::SampleSet& set) {
  const double start_us = thread_cpu_us();
  for (std::int64_t i = 0; i < set.size(); ++i) {
    TESSERA_CHECK(set.load(i).map([](const auto&) {}));
  }
  return thread_cpu_us() - start_us;
}

Result<double> calibration_us(const network::Network& model, const LibraryPtr& library,
                              const data::SampleSet& set, std::vector<RangeMethod> methods) {
  calibrate::CalibrateOptions options;
  options.methods = std::move(methods);
  const double start_us = thread_cpu_us();
  TESSERA_CHECK(
      calibrate::calibrate(model, set, library, options, Monitor::silent()).map([](const auto&) {
      }));
  return thread_cpu_us() - start_us;
}

Result<nlohmann::json> calibration(const network::Network& model, const LibraryPtr& library,
                                   const data::SampleSet& set,
                                   const std::vector<data::Sample>& samples) {
  constexpr int kRounds = 7;
  const std::array<std::function<Result<double>()>, 4> works = {
      [&] { return plain_us(model, library, samples); },
      [&] { return decoding_us(set); },
      [&] { return calibration_us(model, library, set, {RangeMethod::kMinMax}); },
      [&] { return calibration_us(model, library, set, {}); },
  };
  std::array<std::vector<double>, works.size()> times;
  Random random(1);
  for (int round = 0; round < kRounds; ++round) {
    std::array<std::size_t, works.size()> order = {0, 1, 2, 3};
    std::shuffle(order.begin(), order.end(), random);
    for (const auto which : order) {
      TESSERA_TRY(const auto us, works[which]());
      times[which].push_back(us);
    }
  }
  const double plain = median(times[0]);
  const double decoding = median(times[1]);
  return nlohmann::json{
      {"samples", samples.size()},
      {"plain_ms", plain / 1e3},
      {"decoding_ms", decoding / 1e3},
      {"min_max_of_plain", (median(times[2]) - decoding) / plain},
      {"all_methods_of_plain", (median(times[3]) - decoding) / plain},
      {"all_methods_with_decoding_of_plain_with_decoding", median(times[3]) / (plain + decoding)}};
}

Status report(const char* preset, const char* images, std::int64_t limit, const char* path) {
  TESSERA_TRY(const auto library, runtime::load_litert());
  TESSERA_TRY(auto model, network::read(path));
  network::assume_extents(model, {});
  TESSERA_CHECK(model.infer_types(library));
  TESSERA_TRY(const auto specs, network::input_specs(model));
  const bool integers = is_integer(specs.front().dtype);
  TESSERA_TRY(const auto preprocess, data::preprocess_from(integers ? "int8" : preset));
  data::SampleOptions options;
  options.source = images;
  options.preprocess = preprocess;
  options.limit = limit;
  TESSERA_TRY(const auto set, data::SampleSet::open(options, specs, Monitor::silent()));
  std::vector<data::Sample> samples;
  for (std::int64_t i = 0; i < set.size(); ++i) {
    TESSERA_TRY(auto sample, set.load(i));
    samples.push_back(std::move(sample));
  }
  TESSERA_TRY(const auto shares, operators(model, library, samples));
  nlohmann::json line = {{"model", path},
                         {"library", fmt::format("{} {}", library->name(), library->version())},
                         {"operators", shares}};
  if (!integers) {
    TESSERA_TRY(line["calibration"], calibration(model, library, set, samples));
  }
  std::puts(line.dump().c_str());
  std::fflush(stdout);
  return {};
}

}  // namespace
}  // namespace tessera

int main(int count, char** arguments) {
  if (count < 5) {
    std::fputs("usage: litert_times PRESET IMAGES SAMPLES MODEL.tflite...\n", stderr);
    return 2;
  }
  for (int i = 4; i < count; ++i) {
    const auto status = tessera::report(arguments[1], arguments[2],
                                        std::strtoll(arguments[3], nullptr, 10), arguments[i]);
    if (!status) {
      std::fprintf(stderr, "error: %s: %s\n", arguments[i], status.error().message.c_str());
      return 3;
    }
  }
  return 0;
}
