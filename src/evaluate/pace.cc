// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tessera/evaluate/measurement.h"

namespace tessera::evaluate {
namespace {

using quantize::Mode;
using Counts = std::map<std::string, std::int64_t>;

bool is_timed(const Measurement& row) {
  return row.status == RowStatus::kOk && row.kernels && row.kernels->kernels > 0 &&
         row.speedup.rounds > 0 && row.speedup.median > 0;
}

bool is_cpu(const std::string& provider) {
  return runtime::short_provider_name(provider) == "cpu";
}

std::int64_t total(const Counts& counts) {
  std::int64_t sum = 0;
  for (const auto& [name, count] : counts) {
    sum += count;
  }
  return sum;
}

std::string percent(double value) {
  if (value > 0 && value < 0.1) {
    return "under 0.1 %";
  }
  return fmt::format("{:.{}f} %", value, value < 9.95 ? 1 : 0);
}

std::string counted(std::int64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// What the row is held against: "float32 at level all", with the provider if that is not the CPU.
std::string described(const Measurement& same) {
  const bool elsewhere = same.provider && !is_cpu(same.provider->name);
  return fmt::format("{} at level {}{}", same.name(), to_string(same.opt_level),
                     elsewhere ? " on " + runtime::to_string(*same.provider) : std::string());
}

/// The kernels of a row beside those of float32, in words. Shares are of float32's whole time.
class Explanation {
 public:
  Explanation(const Measurement& row, const Measurement& same)
      : row_(row),
        ran_(*row.kernels),
        same_(*same.kernels),
        other_(same.given.empty() ? same.name() : "the given network"),
        ratio_(row.speedup.median / same.speedup.median) {}

  [[nodiscard]] double ratio() const { return ratio_; }
  [[nodiscard]] std::vector<std::string> parts() const {
    auto parts = placement();
    for (auto part : {expanded_weights(), shares(), fusion()}) {
      if (!part.empty()) {
        parts.push_back(std::move(part));
      }
    }
    return parts;
  }

 private:
  [[nodiscard]] std::string of_same(double share_of_row) const {
    return percent(share_of_row / ratio_);
  }
  /// Operators by provider, or kernels where the library tells no operators.
  [[nodiscard]] bool tells_operators() const {
    return !ran_.operators.empty() && !same_.operators.empty();
  }
  [[nodiscard]] const Counts& places(const KernelSummary& kernels) const {
    return tells_operators() ? kernels.operators : kernels.providers;
  }

  /// What ran elsewhere than on the CPU's own kernels, in either of the two.
  [[nodiscard]] std::vector<std::string> elsewhere() const {
    std::vector<std::string> names;
    for (const auto* kernels : {&ran_, &same_}) {
      for (const auto& [provider, count] : kernels->providers) {
        if (!is_cpu(provider) && std::find(names.begin(), names.end(), provider) == names.end()) {
          names.push_back(provider);
        }
      }
    }
    return names;
  }

  [[nodiscard]] std::vector<std::string> placement() const {
    std::vector<std::string> parts;
    for (const auto& provider : elsewhere()) {
      const auto taken_of = [&](const KernelSummary& kernels) {
        const auto found = places(kernels).find(provider);
        return found == places(kernels).end() ? 0 : found->second;
      };
      const auto taken = taken_of(ran_);
      const auto all = total(places(ran_));
      const auto others = taken_of(same_);
      const auto all_others = total(places(same_));
      parts.push_back(fmt::format(
          "{} runs {}{} ({}: {} of {})", runtime::short_provider_name(provider),
          taken == all ? "all " : fmt::format("{} of ", taken),
          counted(all, tells_operators() ? "operator" : "kernel"), other_, others, all_others));
    }
    if (!ran_.left_on_cpu.empty()) {
      parts.push_back(left());
    }
    return parts;
  }

  /// The kernels that neither a delegate nor another provider took, the most frequent types first.
  [[nodiscard]] std::string left() const {
    std::vector<std::pair<std::int64_t, std::string>> types;
    for (const auto& [type, count] : ran_.left_on_cpu) {
      types.emplace_back(-count, count > 1 ? fmt::format("{} {}", count, type) : type);
    }
    std::stable_sort(types.begin(), types.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    constexpr std::size_t kShown = 3;
    std::vector<std::string> shown;
    for (std::size_t i = 0; i < std::min(types.size(), kShown); ++i) {
      shown.push_back(types[i].second);
    }
    double share = 0;
    for (const auto& [provider, of_time] : ran_.provider_time_percent) {
      share += is_cpu(provider) ? of_time : 0;
    }
    return fmt::format("left to the CPU's own kernels: {}{}, {} of {}'s time",
                       fmt::join(shown, ", "), types.size() > kShown ? " and others" : "",
                       of_same(share), other_);
  }

  /// Weights are small in the file, and nothing that runs is.
  [[nodiscard]] bool only_weights() const {
    return row_.quantized_ops > 0 && ran_.integer_kernels == 0 &&
           (row_.scheme.mode == Mode::kWeightOnly || row_.scheme.mode == Mode::kFloat16);
  }

  /// Conversions of weights that cost nothing while the network runs: seen as kernels that take
  /// next to no time, or counted among the operators of a kernel that is as fast as without them.
  [[nodiscard]] std::string expanded_weights() const {
    if (!only_weights()) {
      return {};
    }
    constexpr double kNextToNothing = 1;
    const auto conversions = ran_.dequantize_kernels + ran_.casts;
    if (ran_.of_constants > 0 && ran_.of_constants == conversions &&
        ran_.conversion_time_percent < kNextToNothing) {
      return expanded(counted(conversions, "kernel"), of_same(ran_.conversion_time_percent));
    }
    const auto more = tells_operators() ? total(ran_.operators) - total(same_.operators) : 0;
    constexpr double kAsFast = 0.95;
    if (conversions == 0 && more > 0 && ratio_ >= kAsFast) {
      return expanded(counted(more, "operator"), "no time that shows");
    }
    return {};
  }

  static std::string expanded(const std::string& by, const std::string& time) {
    return fmt::format(
        "weights were expanded before: the {} for that take {}, and nothing is "
        "computed in integers",
        by, time);
  }

  [[nodiscard]] std::int64_t conversions() const {
    return ran_.quantize_kernels + ran_.dequantize_kernels + ran_.casts + ran_.reorders;
  }

  [[nodiscard]] std::string integers() const {
    const bool several = ran_.integer_products > ran_.integer_kernels;
    auto text =
        several ? fmt::format("kernels with {}", counted(ran_.integer_products, "integer product"))
                : counted(ran_.integer_kernels, "integer kernel");
    const auto all = several ? ran_.integer_products : ran_.integer_kernels;
    if (ran_.hybrid_products == 0) {
      return text;
    }
    return text +
           (ran_.hybrid_products == all
                ? std::string(", floats before and behind each,")
                : fmt::format(", floats before and behind {} of them,", ran_.hybrid_products));
  }

  /// What each kind of kernels takes, where they are of several kinds.
  [[nodiscard]] std::string shares() const {
    if (row_.quantized_ops == 0 || !expanded_weights().empty()) {
      return {};
    }
    std::vector<std::string> parts = {
        ran_.integer_kernels > 0
            ? fmt::format("{} take {}", integers(), of_same(ran_.integer_time_percent))
            : std::string("nothing is computed in integers")};
    const auto floats = ran_.kernels - ran_.integer_kernels - conversions() - ran_.copies;
    if (floats > 0 && ran_.copies == 0) {  // what copies take is no part of what is told in shares
      const auto rest = 100 - ran_.integer_time_percent - ran_.conversion_time_percent;
      parts.push_back(
          fmt::format("{} {}", counted(floats, "float kernel"), of_same(std::max(rest, 0.0))));
    }
    if (conversions() > 0) {
      parts.push_back(fmt::format("{} {}", counted(conversions(), "conversion"),
                                  of_same(ran_.conversion_time_percent)));
    }
    return parts.size() > 1 || ran_.integer_kernels > 0
               ? fmt::format("{} of {}'s time", fmt::join(parts, ", "), other_)
               : std::string();
  }

  /// Float against float: what the library has put together.
  [[nodiscard]] std::string fusion() const {
    const bool plain = ran_.integer_kernels == 0 && row_.quantized_ops == 0;
    if (!plain || tells_operators() || ran_.kernels == same_.kernels) {
      return {};
    }
    return fmt::format("{} where {} has {}", counted(ran_.kernels, "kernel"), other_,
                       same_.kernels);
  }

  const Measurement& row_;
  const KernelSummary& ran_;
  const KernelSummary& same_;
  std::string other_;
  double ratio_;
};

/// The row that is float32 on the provider of `row` and at its level, and another than it.
const Measurement* counterpart(std::span<const Measurement> rows, const Measurement& row) {
  const auto fits = [&](const Measurement& other) {
    return &other != &row && other.scheme.mode == Mode::kFloat32 &&
           other.opt_level == row.opt_level && other.provider == row.provider && is_timed(other);
  };
  const auto found = std::find_if(rows.begin(), rows.end(), fits);
  return found == rows.end() ? nullptr : &*found;
}

bool is_reference(const Measurement& row, const Measurement& reference) {
  return row.scheme.mode == Mode::kFloat32 && row.opt_level == reference.opt_level &&
         row.provider == reference.provider;
}

}  // namespace

std::string explain_pace(const Measurement& row, const Measurement& same) {
  if (!is_timed(row) || !is_timed(same)) {
    return {};
  }
  const Explanation explanation(row, same);
  const auto parts = explanation.parts();
  return parts.empty() ? std::string()
                       : fmt::format("{:.2f}x {}: {}", explanation.ratio(), described(same),
                                     fmt::join(parts, "; "));
}

void explain_rows(std::span<Measurement> rows, const Measurement& reference) {
  for (auto& row : rows) {
    const auto* same = counterpart(rows, row);
    row.why = is_reference(row, reference) ? std::string()
                                           : explain_pace(row, same == nullptr ? reference : *same);
  }
}

}  // namespace tessera::evaluate
