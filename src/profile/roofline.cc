// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "tessera/core/host.h"
#include "tessera/core/timing.h"
#include "tessera/network/micro.h"
#include "tessera/profile/fields.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr double kMeasurements = 5;

/// The fastest of as many runs as the budget allows, at least three.
template <class Work>
Result<double> fastest_us(const Work& work, double budget_us, Monitor& monitor) {
  constexpr int kFewest = 3;
  double best = std::numeric_limits<double>::infinity();
  const auto start = thread_cpu_us();
  for (int run = 0; run < kFewest || thread_cpu_us() - start < budget_us; ++run) {
    TESSERA_CHECK(monitor.check());
    const auto before = thread_cpu_us();
    TESSERA_CHECK(work());
    best = std::min(best, thread_cpu_us() - before);
  }
  return best;
}

Result<ArithmeticRate> rate_of(const network::Micro& micro,
                               std::shared_ptr<const runtime::Library> library,
                               const runtime::SessionOptions& options, double budget_us,
                               Monitor& monitor) {
  TESSERA_TRY(auto session, micro.network.open(std::move(library), options));
  const std::vector<runtime::Feed> feeds{{micro.input, micro.values.view()}};
  const auto run = [&] { return session.run(feeds).map([](const auto&) {}); };
  TESSERA_CHECK(run());
  TESSERA_TRY(const auto best_us, fastest_us(run, budget_us, monitor));
  return ArithmeticRate{micro.operations / best_us * 1e-3, micro.name, micro.types};
}

/// Largest cache that the kernel tells of for the first processor; 32 MiB if it tells nothing.
std::int64_t last_level_cache_bytes() {
  std::int64_t largest = 0;
  std::error_code error;
  const std::filesystem::directory_iterator caches("/sys/devices/system/cpu/cpu0/cache", error);
  for (const auto& entry : caches) {
    std::ifstream file(entry.path() / "size");
    std::int64_t size = 0;
    char unit = 'K';
    if (file >> size >> unit) {
      largest = std::max(largest, size * (unit == 'M' ? kMiB : 1024));
    }
  }
  return largest > 0 ? largest : 32 * kMiB;
}

/// Elements of each of the three arrays: four times the cache, as STREAM asks, within limits.
std::size_t triad_elements() {
  constexpr std::int64_t kMost = 256 * kMiB;
  constexpr std::int64_t kLeast = 16 * kMiB;
  const auto memory = describe_host().memory_bytes;
  const auto allowed = memory > 0 ? std::min(kMost, memory / 24) : 64 * kMiB;
  const auto bytes = std::max(kLeast, std::min(4 * last_level_cache_bytes(), allowed));
  return static_cast<std::size_t>(bytes) / sizeof(double);
}

/// Not inlined, so that no compiler sees that results are not read.
[[gnu::noinline]] void triad(double* a, const double* b, const double* c, double factor,
                             std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    a[i] = b[i] + factor * c[i];
  }
}

Result<double> bandwidth(std::size_t count, double budget_us, Monitor& monitor) {
  constexpr double kBytesPerElement = 3 * sizeof(double);
  std::vector<double> a(count);  // written here: pages that nobody touched share one of zeros
  std::vector<double> b(count, 1);
  std::vector<double> c(count, 2);
  double factor = 3;
  const auto run = [&]() -> Status {
    triad(a.data(), b.data(), c.data(), factor, count);
    factor += a[count / 2] * 1e-9;
    return {};
  };
  TESSERA_TRY(const auto best_us, fastest_us(run, budget_us, monitor));
  return kBytesPerElement * static_cast<double>(count) / best_us * 1e6;
}

}  // namespace

double Roofline::fp32_ridge() const noexcept {
  return bandwidth_bytes_per_s > 0 ? fp32_gflops * 1e9 / bandwidth_bytes_per_s : 0;
}
double Roofline::int8_ridge() const noexcept {
  return bandwidth_bytes_per_s > 0 ? int8_gops * 1e9 / bandwidth_bytes_per_s : 0;
}

Fields<Roofline> fields_of(const Roofline*) {
  static constexpr std::array kFields = {
      figure<&Roofline::fp32_gflops>("fp32_gflops", "1e9 operations per second, two per MAC"),
      figure<&Roofline::int8_gops>("int8_gops", "the same in 8-bit integers"),
      figure<&Roofline::bandwidth_bytes_per_s>("bandwidth_bytes_per_s", "beyond the last cache"),
      written<&Roofline::fp32_ridge>("fp32_ridge_flop_per_byte", "above it arithmetic limits"),
      written<&Roofline::int8_ridge>("int8_ridge_op_per_byte", "the same of int8"),
      field<&Roofline::method>("method", "which kernels gave the figures")};
  return kFields;
}

Json to_json(const Roofline& roofline) {
  return as_json(roofline);
}

Result<ArithmeticRate> measure_arithmetic(network::FileFormat format, bool integer,
                                          const std::shared_ptr<const runtime::Library>& library,
                                          const runtime::SessionOptions& options, double budget_us,
                                          Monitor& monitor) {
  TESSERA_TRY(const auto product, network::matrix_product(format, integer));
  TESSERA_TRY(auto best, rate_of(product, library, options, budget_us, monitor));
  TESSERA_TRY(const auto convolution, network::convolution(format, integer));
  TESSERA_TRY(auto other, rate_of(convolution, library, options, budget_us, monitor));
  return other.giga_per_s > best.giga_per_s ? other : best;
}

Result<Roofline> measure_roofline(network::FileFormat format,
                                  const std::shared_ptr<const runtime::Library>& library,
                                  const RooflineOptions& options, Monitor& monitor) {
  constexpr std::string_view kStage = "measuring the roofline";
  const auto share_us = options.budget_us / kMeasurements;
  monitor.progress(kStage, 0, 3);
  TESSERA_TRY(const auto fp32, measure_arithmetic(format, false, library, {}, share_us, monitor));
  monitor.progress(kStage, 1, 3);
  TESSERA_TRY(const auto int8, measure_arithmetic(format, true, library, {}, share_us, monitor));
  monitor.progress(kStage, 2, 3);
  const auto count = triad_elements();
  TESSERA_TRY(const auto bytes_per_s, bandwidth(count, share_us, monitor));
  monitor.progress(kStage, 3, 3);
  return Roofline{
      fp32.giga_per_s, int8.giga_per_s, bytes_per_s,
      fmt::format("one thread, best of repeated runs by CPU time; float32: {}; int8: {} ({}); "
                  "both through the runtime; memory: triad on three arrays of {} MiB",
                  fp32.network, int8.network, int8.types,
                  static_cast<std::int64_t>(count * sizeof(double)) / kMiB)};
}

}  // namespace tessera::profile
