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
#include "tessera/core/random.h"
#include "tessera/core/timing.h"
#include "tessera/onnx/model.h"
#include "tessera/runtime/session.h"

namespace tessera::profile {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kOpset = 13;
constexpr double kMeasurements = 5;

/// Operands of matrix products that stay in the cache of a core (1 MiB each in float32).
constexpr std::int64_t kRows = 512;
/// A 3x3 convolution in the middle of a typical network.
constexpr std::int64_t kChannels = 128;
constexpr std::int64_t kExtent = 28;
constexpr std::int64_t kTaps = 9;

ValueType type_of(DType dtype, const Shape& shape) {
  ValueType type{dtype, std::vector<Dim>()};
  for (const auto extent : shape) {
    type.shape->push_back({extent, {}});
  }
  return type;
}

/// Values of the whole range of the type, or normal ones: products of zeros may be cheaper.
Tensor noise(DType dtype, Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  Random random(1);
  if (dtype == DType::kFloat32) {
    for (auto& value : tensor.as<float>()) {
      value = static_cast<float>(random.normal());
    }
    return tensor;
  }
  for (auto& byte : tensor.bytes()) {
    byte = static_cast<std::byte>(random() & 0xFF);
  }
  return tensor;
}

/// A model of one operator with much arithmetic.
struct Load {
  std::string name;
  onnx::Model model = onnx::Model::empty(kOpset);
  Tensor input;
  double operations = 0;
};

Load matrix_product(bool integer) {
  Load load;
  const auto weight = integer ? DType::kInt8 : DType::kFloat32;
  load.name = fmt::format("{} {}x{}x{}", integer ? "MatMulInteger" : "MatMul", kRows, kRows, kRows);
  load.input = noise(integer ? DType::kUInt8 : DType::kFloat32, {kRows, kRows});
  load.operations = 2.0 * kRows * kRows * kRows;
  load.model.add_input("x", type_of(load.input.dtype(), load.input.shape()));
  load.model.set_initializer("w", noise(weight, {kRows, kRows}));
  load.model.add_node({"product", integer ? "MatMulInteger" : "MatMul", "", {"x", "w"}, {"y"}, {}});
  load.model.set_type("y", type_of(integer ? DType::kInt32 : DType::kFloat32, {kRows, kRows}));
  load.model.add_output("y");
  return load;
}

Tensor scalar(float value) {
  return Tensor::of<float>(std::vector<float>{value}, {});
}

Load convolution(bool integer) {
  Load load;
  const Shape shape{1, kChannels, kExtent, kExtent};
  const Shape weights{kChannels, kChannels, 3, 3};
  const auto dtype = integer ? DType::kUInt8 : DType::kFloat32;
  load.name = fmt::format("{} 3x3, {} channels of {}x{}", integer ? "QLinearConv" : "Conv",
                          kChannels, kExtent, kExtent);
  load.input = noise(dtype, shape);
  load.operations = 2.0 * kChannels * kChannels * kExtent * kExtent * kTaps;
  auto& model = load.model;
  model.add_input("x", type_of(dtype, shape));
  model.set_initializer("w", noise(integer ? DType::kInt8 : DType::kFloat32, weights));
  const std::vector<onnx::NamedAttribute> attributes{
      {"pads", std::vector<std::int64_t>{1, 1, 1, 1}},
      {"kernel_shape", std::vector<std::int64_t>{3, 3}}};
  if (integer) {
    model.set_initializer("scale", scalar(0.01F));
    model.set_initializer("zero_u", Tensor::of<std::uint8_t>(std::vector<std::uint8_t>{128}, {}));
    model.set_initializer("zero_s", Tensor::of<std::int8_t>(std::vector<std::int8_t>{0}, {}));
    model.add_node({"conv",
                    "QLinearConv",
                    "",
                    {"x", "scale", "zero_u", "w", "scale", "zero_s", "scale", "zero_u"},
                    {"y"},
                    attributes});
  } else {
    model.add_node({"conv", "Conv", "", {"x", "w"}, {"y"}, attributes});
  }
  model.set_type("y", type_of(dtype, shape));
  model.add_output("y");
  return load;
}

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

struct Rate {
  double giga_per_s = 0;
  std::string name;
};

Result<Rate> rate_of(const Load& load, std::shared_ptr<const runtime::Library> library,
                     double budget_us, Monitor& monitor) {
  TESSERA_TRY(const auto bytes, load.model.serialize());
  TESSERA_TRY(auto session, runtime::Session::open(std::move(library), bytes, {}, {}));
  const std::vector<runtime::Feed> feeds{{"x", load.input.view()}};
  const auto run = [&] { return session.run(feeds).map([](const auto&) {}); };
  TESSERA_CHECK(run());
  TESSERA_TRY(const auto best_us, fastest_us(run, budget_us, monitor));
  return Rate{load.operations / best_us * 1e-3, load.name};
}

Result<Rate> peak(bool integer, const std::shared_ptr<const runtime::Library>& library,
                  double budget_us, Monitor& monitor) {
  TESSERA_TRY(auto best, rate_of(matrix_product(integer), library, budget_us, monitor));
  TESSERA_TRY(auto other, rate_of(convolution(integer), library, budget_us, monitor));
  return other.giga_per_s > best.giga_per_s ? other : best;
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

Json to_json(const Roofline& roofline) {
  return {{"fp32_gflops", roofline.fp32_gflops},
          {"int8_gops", roofline.int8_gops},
          {"bandwidth_bytes_per_s", roofline.bandwidth_bytes_per_s},
          {"fp32_ridge_flop_per_byte", roofline.fp32_ridge()},
          {"int8_ridge_op_per_byte", roofline.int8_ridge()},
          {"method", roofline.method}};
}

Result<Roofline> measure_roofline(const std::shared_ptr<const runtime::Library>& library,
                                  const RooflineOptions& options, Monitor& monitor) {
  constexpr std::string_view kStage = "measuring the roofline";
  const auto share_us = options.budget_us / kMeasurements;
  monitor.progress(kStage, 0, 3);
  TESSERA_TRY(const auto fp32, peak(false, library, share_us, monitor));
  monitor.progress(kStage, 1, 3);
  TESSERA_TRY(const auto int8, peak(true, library, share_us, monitor));
  monitor.progress(kStage, 2, 3);
  const auto count = triad_elements();
  TESSERA_TRY(const auto bytes_per_s, bandwidth(count, share_us, monitor));
  monitor.progress(kStage, 3, 3);
  return Roofline{
      fp32.giga_per_s, int8.giga_per_s, bytes_per_s,
      fmt::format("one thread, best of repeated runs by CPU time; float32: {}; int8: {} (u8 x s8); "
                  "both through the runtime; memory: triad on three arrays of {} MiB",
                  fp32.name, int8.name, static_cast<std::int64_t>(count * sizeof(double)) / kMiB)};
}

}  // namespace tessera::profile
