// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/runtime/record.h"
#include "tessera/tensor/affine.h"
#include "tessera/tensor/tensor.h"

namespace tessera::runtime {

/// An input or output of a session. Extents are -1 where symbolic. The runtime's interface shows a
/// tensor of unknown rank as a scalar; Shape(x), of shape [0] or [?], tells them apart.
struct ValueInfo {
  std::string name;
  DType dtype = DType::kUndefined;
  bool is_tensor = true;
  std::vector<std::int64_t> shape;
  std::vector<std::string> symbols;  ///< one per extent, empty where known or nameless
  /// Of integers that stand for real numbers, where the file says it of the value itself.
  std::optional<AffineQuantization> quantization;

  /// Real numbers, or integers that are known to stand for such.
  [[nodiscard]] bool is_real() const noexcept {
    return is_tensor && (is_floating(dtype) || quantization);
  }
};
/// A tensor of that value, where it holds integers that stand for real numbers, as these: float32.
/// Else a copy. Errors: those of dequantized().
[[nodiscard]] Result<Tensor> as_real(const TensorView& tensor, const ValueInfo& value);

/// Visits tensors inside a run. A model asks for it with an operator
/// `tessera::Tap(x) -> x` (int attribute `tag`), which runs in place at no cost of its own.
/// Called on the session's thread; must not throw. `data` may be changed.
class TensorTap {
 public:
  virtual ~TensorTap() = default;
  virtual void visit(std::int64_t tag, DType dtype, std::span<const std::int64_t> shape,
                     std::span<std::byte> data) noexcept = 0;
};
inline constexpr std::string_view kTapDomain = "tessera";
inline constexpr std::string_view kTapOp = "Tap";

struct SessionOptions {
  OptLevel opt_level = OptLevel::kAll;
  int threads = 1;
  /// Execution provider, "cpu" or as Library::providers() spells it, short or long.
  std::string provider = "cpu";
  /// As the provider knows them. OpenVINO is given `threads` unless num_of_threads is among them.
  std::map<std::string, std::string> provider_options;
  std::map<std::string, std::string> config;  ///< session config entries of the runtime
  bool memory_arena = true;
  /// Memory comes from one arena with all other sessions that say so, where the library has such.
  bool shared_arena = false;
  bool profile = false;  ///< collect kernel times, see end_profile()
  /// Besides, learn which operators each kernel computes: KernelTime::sources and `behind`. Costs a
  /// copy of the model and the graph that the library makes of it, once.
  bool kernel_sources = false;
  /// Where the runtime writes the graph it really runs; empty: nowhere.
  std::filesystem::path optimized_model;
  TensorTap* tap = nullptr;  ///< not owned; outlives the session
};

/// A tensor fed by name; the caller keeps the data alive during the run.
struct Feed {
  std::string_view name;
  TensorView tensor;
};

/// What a kernel does; room `network` knows which kernels of a library do what.
enum class KernelRole : std::uint8_t {
  kFloat,            ///< computes on floats; also what is not known
  kInteger,          ///< computes on integers
  kIntegerProduct,   ///< of these, convolutions, matrix products, recurrent layers, attention
  kQuantize,         ///< floats to integers by a scale that is given
  kDynamicQuantize,  ///< the same by a scale that it finds itself
  kDequantize,
  kCast,
  kReorder,  ///< layouts, transposes
  kCopy,     ///< between the memories of the CPU and of a device
};
/// True for kernels that compute on integers, as opposed to converting or moving them.
[[nodiscard]] constexpr bool is_integer(KernelRole role) noexcept {
  return role == KernelRole::kInteger || role == KernelRole::kIntegerProduct;
}
/// True for kernels that change the type, the layout or the place of a value and nothing else.
[[nodiscard]] constexpr bool is_conversion(KernelRole role) noexcept {
  return role >= KernelRole::kQuantize && role != KernelRole::kDynamicQuantize;
}

/// One kernel call as the runtime's profiler saw it.
struct KernelTime {
  std::string node;
  std::string op_type;
  std::string provider;
  double start_us = 0;
  double duration_us = 0;
  std::int64_t output_bytes = 0;
  std::int64_t run = 0;  ///< of the session, counted from 0
  KernelRole role = KernelRole::kFloat;
  /// Of a kernel that computes several operators: how many of them multiply integers.
  std::int64_t integer_products = 0;
  /// How many of the products multiply integers between floats: what comes in is rounded by what
  /// is found in it, what goes out is floats.
  std::int64_t hybrid_products = 0;
  /// Op::source of the operators of the opened network that the kernel computes; what quantizing
  /// made of an operator counts as that operator. Empty if it computes none, or if that is not
  /// known (see SessionOptions::kernel_sources).
  std::vector<std::uint32_t> sources;
  /// The sources of the kernel whose result it reads: along first inputs, the nearest one that has
  /// any. Empty if the model's inputs are nearer, or if that is not known.
  std::vector<std::uint32_t> behind;
  /// A delegate took several operators at once for it, however much work they are.
  bool partition = false;
};
/// The calls of each run, which end_profile() gives one after another. Runs need not call equally
/// many kernels: bodies of control flow run as often as the data want.
[[nodiscard]] std::vector<std::span<const KernelTime>> kernels_by_run(
    std::span<const KernelTime> kernels);

class OutputTensors;   // see backend.h
class SessionBackend;  // see backend.h

/// The tensors of one run; they live in the runtime's memory as long as this object.
class Outputs {
 public:
  explicit Outputs(std::unique_ptr<const OutputTensors> tensors);
  Outputs(Outputs&&) noexcept;
  Outputs& operator=(Outputs&&) noexcept;
  ~Outputs();
  [[nodiscard]] std::size_t size() const noexcept;
  /// In the order of Session::outputs().
  [[nodiscard]] TensorView operator[](std::size_t index) const;

 private:
  std::unique_ptr<const OutputTensors> tensors_;
};

/// A loaded model, ready to run, in whichever inference library. One run at a time. Opened by
/// network::Network::open(), whose drivers know which library runs what.
class Session {
 public:
  explicit Session(std::unique_ptr<SessionBackend> backend);
  /// For a backend that adds something to another one.
  [[nodiscard]] SessionBackend& backend() noexcept { return *backend_; }
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  [[nodiscard]] const std::vector<ValueInfo>& inputs() const noexcept;
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const noexcept;

  /// Runs on all inputs, returns all outputs. Real numbers (float32) for an input of integers with
  /// a scale are quantized by that; integers are taken as they are.
  /// Errors: kInvalidArgument if a feed is missing or has another dtype or shape (expected and
  /// actual are named); kUnavailable if the runtime fails.
  [[nodiscard]] Result<Outputs> run(std::span<const Feed> feeds);

  /// Ends profiling and returns kernel times of every run so far, in order of start.
  /// Errors: kInvalidArgument if the session is not being profiled, or not any more.
  [[nodiscard]] Result<std::vector<KernelTime>> end_profile();

 private:
  std::unique_ptr<SessionBackend> backend_;
};

}  // namespace tessera::runtime
