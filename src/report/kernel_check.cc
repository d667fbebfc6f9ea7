// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/kernel_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using evaluate::KernelCheck;
using evaluate::KernelDifference;
using evaluate::KernelRow;

/// Integers by steps, floats by their relative difference; what was not run stands last.
auto severity(const KernelRow& row) {
  const auto& alone = row.alone;
  return std::tuple(alone.has_value(), alone ? alone->max_lsb.value_or(0) : 0,
                    alone ? alone->max_relative.value_or(0) : 0, alone ? alone->share() : 0);
}

std::vector<const KernelRow*> worst_first(const KernelCheck& check) {
  std::vector<const KernelRow*> rows;
  for (const auto& row : check.rows) {
    rows.push_back(&row);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto* a, const auto* b) { return severity(*a) > severity(*b); });
  return rows;
}

std::string largest(const std::optional<KernelDifference>& difference) {
  if (!difference) {
    return "-";
  }
  if (difference->differing == 0) {
    return "0";
  }
  return difference->max_lsb ? fmt::format("{} LSB", *difference->max_lsb)
                             : fmt::format("{:.1e}", difference->max_relative.value_or(0));
}

std::string share(const std::optional<KernelDifference>& difference) {
  constexpr double kPercent = 100;
  return difference ? number(kPercent * difference->share()) : "-";
}

/// "xnnpack   largest 1 LSB of CONV_2D 'name', 0.4 % of its elements; ..."
std::string set_line(const KernelCheck& check, const std::string& set) {
  const KernelRow* worst = nullptr;
  const KernelRow* last = nullptr;
  std::int64_t taken = 0;
  std::int64_t compared = 0;
  std::int64_t all = 0;
  for (const auto* row : worst_first(check)) {
    if (row->kernels != set) {
      continue;
    }
    worst = worst == nullptr && row->alone ? row : worst;
    ++all;
    compared += row->alone ? 1 : 0;
    taken += !row->ran_on.empty() && row->ran_on != "cpu" ? 1 : 0;
  }
  for (const auto& row : check.rows) {
    last = row.kernels == set && row.accumulated ? &row : last;
  }
  auto text = fmt::format(
      "{:<9} {} of {} operators compared by themselves, {} run by kernels of "
      "their own",
      set, compared, all, taken);
  if (worst != nullptr && worst->alone->differing > 0) {
    text += fmt::format("; largest {} of {} '{}', in {} % of its elements", largest(worst->alone),
                        worst->type, worst->name, share(worst->alone));
  } else if (worst != nullptr) {
    text += "; none differs";
  }
  if (last != nullptr) {
    text += fmt::format("; at the end of the network {} in {} % of elements",
                        largest(last->accumulated), share(last->accumulated));
  }
  return text + "\n";
}

}  // namespace

Table kernel_table(const KernelCheck& check) {
  Table table({{"operator", Align::kLeft, true},
               {"type", Align::kLeft},
               {"kernels", Align::kLeft},
               {.header = "ran on", .align = Align::kLeft, .rank = 1},
               {.header = "dtype", .align = Align::kLeft, .rank = 2},
               {"alone"},
               {"% differ"},
               {"through network"},
               {"% differ there"}});
  for (const auto* row : worst_first(check)) {
    table.add_row({row->name, row->type, row->kernels, row->ran_on.empty() ? "-" : row->ran_on,
                   std::string(to_string(row->dtype)), largest(row->alone), share(row->alone),
                   largest(row->accumulated), share(row->accumulated)});
  }
  return table;
}

std::string kernel_text(const KernelCheck& check, Page page, std::size_t top) {
  auto text = kernel_table(check).text(page, top) + "\n";
  text += fmt::format(
      "{} samples against {}: integers in steps (LSB), floats relative to the "
      "largest value\n",
      check.samples, check.sets.front());
  for (std::size_t k = 1; k < check.sets.size(); ++k) {
    text += set_line(check, check.sets[k]);
  }
  for (const auto& row : check.rows) {
    if (!row.reason.empty()) {
      text += fmt::format("not run by itself: {} '{}': {}\n", row.type, row.name, row.reason);
    }
  }
  return text;
}

}  // namespace tessera::report
