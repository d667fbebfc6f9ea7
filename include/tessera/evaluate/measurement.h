// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/host.h"
#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/core/timing.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/evaluate/race.h"
#include "tessera/graph/kind.h"
#include "tessera/quantize/scheme.h"
#include "tessera/runtime/record.h"

namespace tessera::evaluate {

/// Which kernels the runtime called in one run, and where the time went.
struct KernelSummary {
  std::int64_t kernels = 0;
  std::int64_t integer_kernels = 0;   ///< QLinearConv, MatMulInteger, ...
  std::int64_t integer_products = 0;  ///< of these, convolutions, matrix products, recurrent layers
  std::int64_t hybrid_products = 0;   ///< products that take and hand out floats
  std::int64_t quantize_kernels = 0;  ///< QuantizeLinear that was not fused away
  std::int64_t dequantize_kernels = 0;
  std::int64_t reorders = 0;  ///< layout changes and transposes the runtime added or kept
  std::int64_t casts = 0;
  /// Of dequantize kernels and casts, those that read no kernel's result: weights, once expanded.
  /// 0 where the library does not tell what a kernel computes.
  std::int64_t of_constants = 0;
  std::int64_t copies = 0;  ///< between the memories of the CPU and of a device
  double copy_us = 0;       ///< that they took
  double integer_time_percent = 0;
  double conversion_time_percent = 0;  ///< quantize, dequantize, casts and reorders
  std::map<std::string, std::int64_t> providers;
  std::map<std::string, double> provider_time_percent;
  /// Operators by provider; empty where the library does not tell what a kernel computes.
  std::map<std::string, std::int64_t> operators;
  /// Where anything ran elsewhere: kernels that stayed on the CPU, by type.
  std::map<std::string, std::int64_t> left_on_cpu;
};
/// Operators whose integer form is a product on integers, whatever is computed around it.
[[nodiscard]] bool is_product(graph::OpKind kind) noexcept;
[[nodiscard]] Json to_json(const KernelSummary& summary);

enum class RowStatus : std::uint8_t {
  kOk,
  kUnsupported,  ///< the scheme, the operators or the runtime exclude it
  kFailed,       ///< it should work and did not
  kSkipped,      ///< not tried, see the reason
};
[[nodiscard]] std::string_view to_string(RowStatus status) noexcept;

/// How many kernels ran where: "cpu", "openvino 1, cpu 3".
[[nodiscard]] std::string ran_on(const KernelSummary& summary);

/// One way to run a model, measured: a row of `bench` and a candidate of `optimize`.
struct Measurement {
  quantize::Scheme scheme;
  std::optional<runtime::ProviderChoice> provider;  ///< absent: that of the measuring session
  /// Which were quantized: "all", types joined by "+", "mixed: 40 of 60 layers", or "refined".
  /// Also "LSTM dynamic": those of a static scheme that are quantized dynamically instead.
  std::string operators = "all";
  /// Of a model that is measured as it was given and is not float32 throughout: its state, "qdq"
  /// (see graph::quantization_of); the scheme says float32 then, because nothing was done.
  std::string given;
  runtime::OptLevel opt_level = runtime::OptLevel::kAll;
  RowStatus status = RowStatus::kSkipped;
  std::string reason;
  /// Wall time to create the session: optimization of the graph and, on some providers, its
  /// compilation. Once; not in the latency.
  double open_us = 0;
  double first_run_us = 0;  ///< wall time of the first run, which touches everything first
  Timing latency;
  Speedup speedup;  ///< against float32 at level all, from the same rounds
  std::optional<Accuracy> accuracy;
  std::int64_t size_bytes = 0;
  std::int64_t quantized_ops = 0;
  std::optional<KernelSummary> kernels;
  std::string why;  ///< see explain_pace()

  /// "qdq-u8s8-channel", with the operators if not all, without the range method; "as given (qdq)"
  /// of a model that is quantized already.
  [[nodiscard]] std::string name() const;
};

/// {format, activation, weight, granularity, opt_level, provider, mode, ..., status, reason,
/// open_us, first_run_us, latency{..}, speedup, sqnr_db, l2_per_element, size_bytes, kernels{..}}.
[[nodiscard]] Json to_json(const Measurement& row);
/// Rows of a document, to go on from. Errors by output are not among what is written of a row.
/// Errors: kDataLoss naming `what`.
[[nodiscard]] Result<std::vector<Measurement>> measurements_from_json(const Json& rows,
                                                                      std::string_view what);
/// Why a row that ran is faster or slower than `same`, which is float32 with the row's own set of
/// kernels: what its kernels of each kind take, in per cent of the whole of `same`, and which
/// operators run elsewhere than those of `same` do. What the two rows' kernels and speed-ups say
/// and nothing else: empty without kernels or times of either.
[[nodiscard]] std::string explain_pace(const Measurement& row, const Measurement& same);
/// Fills Measurement::why of every row: against float32 on its own provider and at its own level,
/// or, where there is none or the row is that itself, against `reference`.
void explain_rows(std::span<Measurement> rows, const Measurement& reference);

/// Fills `row` from the known one of the same name, level, provider and range method, if that ran.
bool take_over(Measurement& row, std::span<const Measurement> known);

/// What latencies are measured with.
enum class Timer : std::uint8_t {
  kWall,
  /// CPU time of the thread that runs the model. Equal to wall time on an idle machine, and
  /// without the turns of other programs on a busy one.
  kThreadCpu,
  /// CPU time of the process: the same for providers that compute on one thread of their own.
  kProcessCpu,
};
[[nodiscard]] std::string_view to_string(Timer timer) noexcept;

/// One sentence on what this machine's instruction set means for integer inference.
[[nodiscard]] std::string explain_isa(const Host& host);

}  // namespace tessera::evaluate
