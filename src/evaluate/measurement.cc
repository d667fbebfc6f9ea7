// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/measurement.h"
#include "tessera/evaluate/measuring.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "tessera/evaluate/fields.h"
#include "tessera/runtime/library.h"

namespace tessera::evaluate {
namespace {

using runtime::KernelRole;

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

/// What the kernels compute, and what stayed where every operator can run.
void count_operators(std::span<const runtime::KernelTime> kernels, KernelSummary& summary) {
  const auto is_cpu = [](const runtime::KernelTime& kernel) {
    return runtime::short_provider_name(kernel.provider) == "cpu";
  };
  const bool told = std::any_of(kernels.begin(), kernels.end(),
                                [](const auto& kernel) { return !kernel.sources.empty(); });
  const bool elsewhere = !std::all_of(kernels.begin(), kernels.end(), is_cpu);
  for (const auto& kernel : kernels) {
    if (told) {
      summary.operators[kernel.provider] += std::ssize(kernel.sources);
    }
    if (elsewhere && is_cpu(kernel)) {
      ++summary.left_on_cpu[kernel.op_type];
    }
  }
}

}  // namespace

bool is_product(graph::OpKind kind) noexcept {
  using enum graph::OpKind;
  constexpr std::array kProducts = {kConv, kMatMul, kGemm, kLstm, kAttention};
  return std::find(kProducts.begin(), kProducts.end(), kind) != kProducts.end();
}

KernelSummary summarize_kernels(std::span<const runtime::KernelTime> kernels) {
  KernelSummary summary;
  double total_us = 0;
  double integer_us = 0;
  double conversion_us = 0;
  for (const auto& kernel : kernels) {
    const auto is = [&](KernelRole role) { return kernel.role == role; };
    const bool integer = runtime::is_integer(kernel.role);
    const bool quantize = is(KernelRole::kQuantize) || is(KernelRole::kDynamicQuantize);
    const bool dequantize = is(KernelRole::kDequantize);
    const bool reorder = is(KernelRole::kReorder);
    const bool cast = is(KernelRole::kCast);
    const bool copy = is(KernelRole::kCopy);
    ++summary.kernels;
    summary.integer_kernels += integer ? 1 : 0;
    const std::int64_t own = is(KernelRole::kIntegerProduct) ? 1 : 0;
    summary.integer_products += std::max(own, kernel.integer_products);
    summary.quantize_kernels += quantize ? 1 : 0;
    summary.dequantize_kernels += dequantize ? 1 : 0;
    summary.reorders += reorder ? 1 : 0;
    summary.casts += cast ? 1 : 0;
    summary.copies += copy ? 1 : 0;
    summary.copy_us += copy ? kernel.duration_us : 0;
    summary.hybrid_products += kernel.hybrid_products;
    const bool of_constants = !kernel.sources.empty() && kernel.behind.empty();
    summary.of_constants += (dequantize || cast) && of_constants ? 1 : 0;
    ++summary.providers[kernel.provider];
    summary.provider_time_percent[kernel.provider] += kernel.duration_us;
    total_us += kernel.duration_us;
    integer_us += integer ? kernel.duration_us : 0;
    conversion_us += quantize || dequantize || reorder || cast ? kernel.duration_us : 0;
  }
  for (auto& [provider, share] : summary.provider_time_percent) {
    share = percent(share, total_us);
  }
  count_operators(kernels, summary);
  summary.integer_time_percent = percent(integer_us, total_us);
  summary.conversion_time_percent = percent(conversion_us, total_us);
  return summary;
}

Fields<KernelSummary> fields_of(const KernelSummary*) {
  static constexpr std::array kFields = {
      field<&KernelSummary::kernels>("kernels", "that one run calls"),
      field<&KernelSummary::integer_kernels>("integer_kernels", "of these, on integers"),
      field<&KernelSummary::integer_products>(
          "integer_products", "of these, convolutions, matrix products and recurrent layers")
          .later(),
      field<&KernelSummary::hybrid_products>("hybrid_products",
                                             "products on integers between floats")
          .later(),
      field<&KernelSummary::quantize_kernels>("quantize_kernels", "that were not fused away"),
      field<&KernelSummary::dequantize_kernels>("dequantize_kernels", "that were not fused away"),
      field<&KernelSummary::reorders>("reorders", "changes of layout"),
      field<&KernelSummary::casts>("casts", "between floating types"),
      field<&KernelSummary::of_constants>(
          "of_constants", "dequantize kernels and casts that read no kernel's result")
          .later(),
      field<&KernelSummary::copies>("copies", "between the memories of providers"),
      field<&KernelSummary::copy_us>("copy_us", "that these took"),
      field<&KernelSummary::integer_time_percent>("integer_time_percent", "of the kernels' time"),
      field<&KernelSummary::conversion_time_percent>(
          "conversion_time_percent", "of it: quantize, dequantize, casts and reorders"),
      field<&KernelSummary::providers>("providers", "kernels by provider"),
      field<&KernelSummary::provider_time_percent>("provider_time_percent",
                                                   "of the kernels' time, by provider")
          .later(),
      field<&KernelSummary::operators>(
          "operators",
          "operators by provider; empty where the library does not tell what a kernel computes")
          .later(),
      field<&KernelSummary::left_on_cpu>(
          "left_on_cpu", "kernels that stayed on the CPU where others did not, by type")
          .later()};
  return kFields;
}

Json to_json(const KernelSummary& summary) {
  return as_json(summary);
}

std::string ran_on(const KernelSummary& summary) {
  std::string text;
  for (const auto& [provider, kernels] : summary.providers) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", runtime::short_provider_name(provider));
    if (summary.providers.size() > 1) {
      text += fmt::format(" {}", kernels);
    }
  }
  return text;
}

std::string_view to_string(RowStatus status) noexcept {
  switch (status) {
    case RowStatus::kOk:
      return "ok";
    case RowStatus::kUnsupported:
      return "unsupported";
    case RowStatus::kFailed:
      return "failed";
    case RowStatus::kSkipped:
      return "skipped";
  }
  return "failed";
}

std::string Measurement::name() const {
  if (!given.empty()) {
    return fmt::format("as given ({})", given);
  }
  auto plain = scheme;
  plain.method = numerics::RangeMethod::kMinMax;  // the range method is a field of its own
  auto text = quantize::to_string(plain);
  if (operators != "all") {
    text += fmt::format(" ({}{})", operators,
                        operators.starts_with("mixed") || operators.ends_with("refined") ||
                                operators.ends_with("dynamic")
                            ? ""
                            : " only");
  }
  return text;
}

std::string_view to_string(Timer timer) noexcept {
  switch (timer) {
    case Timer::kWall:
      return "wall";
    case Timer::kThreadCpu:
      return "thread-cpu";
    case Timer::kProcessCpu:
      return "process-cpu";
  }
  return "wall";
}

Timer timer_for(const runtime::SessionOptions& session,
                std::span<const runtime::ProviderChoice> others) {
  std::vector<runtime::ProviderChoice> all(others.begin(), others.end());
  all.push_back({session.provider, session.provider_options});
  if (session.threads > 1 || !std::all_of(all.begin(), all.end(), runtime::runs_on_cpu)) {
    return Timer::kWall;
  }
  const bool own = std::all_of(all.begin(), all.end(), [](const runtime::ProviderChoice& choice) {
    return runtime::short_provider_name(choice.name) == "cpu";
  });
  return own ? Timer::kThreadCpu : Timer::kProcessCpu;
}

Clock clock_of(Timer timer) {
  switch (timer) {
    case Timer::kWall:
      return steady_clock_us();
    case Timer::kThreadCpu:
      return thread_cpu_us;
    case Timer::kProcessCpu:
      return process_cpu_us;
  }
  return steady_clock_us();
}

void warn_of_unused_providers(std::span<const Measurement> rows, Monitor& monitor) {
  std::map<std::string, bool> used;
  for (const auto& row : rows) {
    const bool asked = row.provider && runtime::short_provider_name(row.provider->name) != "cpu";
    if (!asked || !row.kernels || row.status != RowStatus::kOk) {
      continue;
    }
    auto& seen = used[runtime::to_string(*row.provider)];
    for (const auto& [provider, kernels] : row.kernels->providers) {
      seen = seen || runtime::short_provider_name(provider) ==
                         runtime::short_provider_name(row.provider->name);
    }
  }
  for (const auto& [provider, seen] : used) {
    if (!seen) {
      monitor.warn(
          {"provider-unused",
           fmt::format("no operator ran on provider '{}': the CPU did all the work", provider),
           "the provider refused the model, or its options name no device of this "
           "machine; see the column 'ran on'"});
    }
  }
}

std::string explain_isa(const Host& host) {
  if (host.has("asimddp") || host.has("i8mm")) {
    return "signed 8-bit dot products in one instruction (Arm dot product): s8 activations with s8 "
           "weights are the fast pair, and nothing saturates";
  }
  if (host.has("asimd")) {
    return "no dot product instruction: 8-bit kernels widen to 16 bits first, so int8 gains mostly "
           "memory traffic";
  }
  if (host.has_int8_dot_product()) {
    return "u8 x s8 dot products in one instruction without saturation (VNNI): u8 activations with "
           "s8 weights are the fast pair; u8 weights cost extra instructions, and s8 activations "
           "have no fused convolution on x86, so they stay float (QDQ) or run slowly (QOperator)";
  }
  if (host.has("avx2")) {
    return "no VNNI: AVX2 adds two u8 x s8 products in 16 bits and saturates, so 8-bit s8 weights "
           "can be silently wrong; 7-bit weights (reduce_range) or u8 weights are exact";
  }
  return "no integer dot product instruction known to the runtime's kernels: expect int8 to save "
         "memory rather than time";
}

}  // namespace tessera::evaluate
