// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "tessera/evaluate/fields.h"
#include "tessera/report/format.h"

namespace tessera::report {
namespace {

using evaluate::Measurement;
using evaluate::RowStatus;
using quantize::Mode;

constexpr const char* kNone = "-";

std::string decibels(double value) {
  return std::isinf(value) && value > 0 ? "exact" : fmt::format("{:.1f}", value);
}

std::string sqnr_cell(const Measurement& row) {
  return row.accuracy ? decibels(row.accuracy->overall.sqnr_db) : kNone;
}

std::string l2_cell(const Measurement& row) {
  return row.accuracy ? fmt::format("{:.2e}", row.accuracy->overall.l2_per_element) : kNone;
}

std::string top1_cell(const Measurement& row) {
  if (!row.accuracy || !row.accuracy->top1) {
    return kNone;
  }
  const auto& top1 = *row.accuracy->top1;
  return top1.candidate_percent ? fmt::format("{:.1f}", *top1.candidate_percent)
                                : fmt::format("{:.1f}", top1.agreement_percent);
}

/// Whether the top-1 column exists, and what it holds.
std::optional<std::string> top1_header(const std::vector<Measurement>& rows) {
  for (const auto& row : rows) {
    if (row.accuracy && row.accuracy->top1) {
      return row.accuracy->top1->candidate_percent ? "top-1 %" : "same top-1 %";
    }
  }
  return std::nullopt;
}

std::string speedup_cell(const Measurement& row) {
  return row.speedup.rounds > 0 ? fmt::format("{:.2f}x", row.speedup.median) : kNone;
}

std::string spread_cell(const Measurement& row) {
  return row.latency.n > 0 ? fmt::format("{:.0f}", 100 * row.latency.spread()) : kNone;
}

std::string provider_cell(const Measurement& row) {
  return row.provider ? runtime::to_string(*row.provider) : kNone;
}

/// The time that goes with the speed-up. That is paired, round by round; medians of rows are not,
/// and on a busy machine a row with the higher speed-up could show the longer time.
double paired_us(const Measurement& row, const Measurement& reference) {
  return row.speedup.rounds > 0 && row.speedup.median > 0 && reference.latency.n > 0
             ? reference.latency.median_us / row.speedup.median
             : row.latency.median_us;
}

std::string paired_cell(const Measurement& row, const Measurement& reference) {
  return row.latency.n > 0 ? milliseconds(paired_us(row, reference)) : kNone;
}

std::string leftover_cell(const Measurement& row) {
  return row.kernels
             ? fmt::format("{}", row.kernels->quantize_kernels + row.kernels->dequantize_kernels)
             : kNone;
}

std::string integer_cell(const Measurement& row) {
  return row.kernels ? fmt::format("{}/{}", row.kernels->integer_kernels, row.kernels->kernels)
                     : kNone;
}

std::vector<const Measurement*> fastest_first(const std::vector<Measurement>& rows) {
  std::vector<const Measurement*> order;
  for (const auto& row : rows) {
    if (row.status == RowStatus::kOk) {
      order.push_back(&row);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->speedup.median > b->speedup.median;
  });
  return order;
}

std::vector<Measurement> rows_of(const optimize::OptimizeResult& result) {
  std::vector<Measurement> rows{result.baseline};
  for (const auto& candidate : result.candidates) {
    rows.push_back(candidate.row);
  }
  return rows;
}

std::string interval(const evaluate::Speedup& speedup) {
  return fmt::format("{:.2f}x ({:.2f} to {:.2f}, {} rounds)", speedup.median, speedup.low,
                     speedup.high, speedup.rounds);
}

std::string accuracy_sentence(const evaluate::Accuracy& accuracy) {
  const auto sqnr = accuracy.overall.sqnr_db;
  std::string range;
  if (const auto& interval = accuracy.sqnr_interval_db) {
    range = fmt::format(" ({:.1f} to {:.1f})", interval->low, interval->high);
  }
  auto text = fmt::format("SQNR {}{}{}, L2 per element {:.2e}", decibels(sqnr),
                          std::isfinite(sqnr) ? " dB" : "", range, accuracy.overall.l2_per_element);
  if (accuracy.top1) {
    const auto& top1 = *accuracy.top1;
    text += fmt::format(", same top-1 in {:.1f} %", top1.agreement_percent);
    if (top1.reference_percent && top1.candidate_percent) {
      text += fmt::format(", top-1 {:.1f} % -> {:.1f} %", *top1.reference_percent,
                          *top1.candidate_percent);
    }
  }
  return text +
         fmt::format(" (over {} sample{})", accuracy.samples, accuracy.samples == 1 ? "" : "s");
}

std::string timer_text(evaluate::Timer timer) {
  switch (timer) {
    case evaluate::Timer::kWall:
      break;
    case evaluate::Timer::kThreadCpu:
      return "CPU time of the one thread that runs the model (wall time on an idle machine)";
    case evaluate::Timer::kProcessCpu:
      return "CPU time of the process, one thread of which runs the model (wall time on an idle "
             "machine)";
  }
  return "wall time";
}

/// Which provider was asked for, and what it took. Of interest if it is not the CPU throughout.
bool shows_providers(const std::vector<Measurement>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const Measurement& row) {
    return row.provider && runtime::short_provider_name(row.provider->name) != "cpu";
  });
}

/// Of a model that is quantized already: what that means here.
std::string given_text(const graph::Quantization& quantization, bool requantize) {
  if (quantization.state == graph::QuantizationState::kNone) {
    return {};
  }
  return fmt::format("given     quantized already ({}); {}\n", to_string(quantization.state),
                     requantize ? "quantized again as was asked"
                                : "that stays, the rest is offered (--requantize: all of it)");
}

std::string cut_off_text(const std::vector<optimize::Exclusion>& cut_off) {
  std::string text;
  for (const auto& exclusion : cut_off) {
    text += fmt::format("  {}\n", exclusion.what);
  }
  return text.empty() ? text : "\ncut off by the time budget (--budget):\n" + text;
}

std::string gain_text(double speedup, double sqnr_db, double portable_speedup) {
  const auto sqnr = std::isfinite(sqnr_db) ? decibels(sqnr_db) + " dB" : decibels(sqnr_db);
  return fmt::format("with --kernels tessera: {:.2f}x at {} (portable: {:.2f}x)", speedup, sqnr,
                     portable_speedup);
}

std::string chosen_text(const optimize::OptimizeResult& result) {
  const auto& baseline = result.baseline;
  if (!result.chosen) {
    return fmt::format("chosen    {}\nwhy       {}\n{}",
                       result.interrupted ? "nothing" : result.baseline.name() + ", unchanged",
                       result.reason, given_text(result.quantization, result.requantize));
  }
  const auto& row = result.candidates[*result.chosen].row;
  std::string ranges;
  if (row.scheme.mode == Mode::kStatic) {
    ranges = fmt::format(", {} ranges", numerics::to_string(row.scheme.method));
  }
  auto text = fmt::format("chosen    {}{}\n", row.name(), ranges);
  text += fmt::format("why       {}\n", result.reason);
  text += given_text(result.quantization, result.requantize);
  text += fmt::format(
      "latency   {} -> {}, {}\n", duration(result.confirmed_baseline_latency.median_us),
      duration(result.confirmation->median > 0
                   ? result.confirmed_baseline_latency.median_us / result.confirmation->median
                   : result.confirmed_latency.median_us),
      interval(*result.confirmation));
  text += fmt::format("timer     {}\n", timer_text(result.timer));
  text += fmt::format("error     {}\n", accuracy_sentence(*row.accuracy));
  text += fmt::format("size      {} -> {}\n", bytes(static_cast<double>(baseline.size_bytes)),
                      bytes(static_cast<double>(row.size_bytes)));
  if (result.written && result.written->planned > 0) {
    text += fmt::format(
        "file      written, read again and timed: {} of {} planned products run in "
        "integers\n",
        std::min(result.written->ran, result.written->planned), result.written->planned);
  }
  if (row.kernels) {
    text += fmt::format(
        "runs as   {} of {} kernels on integers, {} Q/DQ left over, {:.0f} % of "
        "the time in conversions\n",
        row.kernels->integer_kernels, row.kernels->kernels,
        row.kernels->quantize_kernels + row.kernels->dequantize_kernels,
        row.kernels->conversion_time_percent);
    if (shows_providers({row})) {
      text += fmt::format("provider  {}; kernels ran on {}; {} to open, {} for the first run\n",
                          provider_cell(row), ran_on(*row.kernels), duration(row.open_us),
                          duration(row.first_run_us));
    }
  }
  return text;
}

std::string kernels_text(const optimize::OptimizeResult& result) {
  if (result.portable) {
    const auto& twin = *result.portable;
    const auto sqnr = twin.sqnr_db ? fmt::format(" at {} dB", decibels(*twin.sqnr_db)) : "";
    return fmt::format(
        "needs     libtessera_kernels.so\nportable  {}: {:.2f}x{}, needs no library\n", twin.name,
        twin.speedup, sqnr);
  }
  if (!result.with_kernels) {
    return {};
  }
  const auto& gain = *result.with_kernels;
  return fmt::format("kernels   {}\n",
                     gain_text(gain.speedup, gain.sqnr_db, gain.portable_speedup));
}

Table candidate_table(const optimize::OptimizeResult& result) {
  std::vector<Column> columns = {{.header = "candidate", .align = Align::kLeft, .wraps = true},
                                 {.header = "ranges", .align = Align::kLeft, .rank = 4},
                                 {"ms"},
                                 {"speed-up"},
                                 {"SQNR dB"},
                                 {.header = "L2/element", .rank = 5}};
  const auto top1 = top1_header(rows_of(result));
  if (top1) {
    columns.push_back({.header = *top1, .rank = 1});
  }
  columns.push_back({.header = "size", .rank = 2});
  columns.push_back({.header = "front", .align = Align::kLeft, .rank = 3});
  columns.push_back({.header = "verdict", .align = Align::kLeft, .wraps = true});
  Table table(columns);
  const auto add = [&](const Measurement& row, bool front, const std::string& verdict) {
    const bool fixed = row.scheme.mode == Mode::kStatic;
    std::vector<std::string> cells = {
        row.name(),
        fixed ? std::string(numerics::to_string(row.scheme.method)) : kNone,
        paired_cell(row, result.baseline),
        speedup_cell(row),
        sqnr_cell(row),
        l2_cell(row)};
    if (top1) {
      cells.push_back(top1_cell(row));
    }
    cells.push_back(row.size_bytes > 0 ? bytes(static_cast<double>(row.size_bytes)) : kNone);
    cells.push_back(front ? "*" : "");
    cells.push_back(verdict);
    table.add_row(std::move(cells));
  };
  bool baseline_shown = false;
  const auto show_baseline = [&] {
    add(result.baseline, true, result.chosen ? "" : "chosen");
    baseline_shown = true;
  };
  for (const auto& candidate : result.candidates) {
    if (!baseline_shown && candidate.row.speedup.median <= 1) {
      show_baseline();
    }
    add(candidate.row, candidate.on_front, candidate.verdict);
  }
  if (!baseline_shown) {
    show_baseline();
  }
  return table;
}

std::string sheet_cell(const Measurement& row, const Json& json,
                       const Json::json_pointer& pointer) {
  if (!json.contains(pointer) || json.at(pointer).is_null()) {
    return {};
  }
  const auto& value = json.at(pointer);
  if (value.is_object()) {
    return ran_on(*row.kernels);  // providers
  }
  if (value.is_string()) {
    return value.get<std::string>();
  }
  const auto whole = whole_number(value);
  return whole ? fmt::format("{}", *whole) : fmt::format("{}", value.get<double>());
}

}  // namespace

Table measurement_table(const std::vector<Measurement>& rows) {
  std::vector<Column> columns = {{"row", Align::kLeft, true},
                                 {.header = "level", .align = Align::kLeft, .rank = 1},
                                 {"ms"},
                                 {.header = "spread %", .rank = 6},
                                 {"speed-up"},
                                 {"SQNR dB"},
                                 {.header = "L2/element", .rank = 5}};
  const auto top1 = top1_header(rows);
  if (top1) {
    columns.push_back({.header = *top1, .rank = 2});
  }
  columns.push_back({.header = "size", .rank = 3});
  columns.push_back({.header = "int kernels", .rank = 4});
  columns.push_back({.header = "Q/DQ left", .rank = 7});
  const bool providers = shows_providers(rows);
  if (providers) {
    columns.insert(columns.begin() + 1, {"provider", Align::kLeft});
    columns.push_back({.header = "ran on", .align = Align::kLeft, .rank = 3});
    columns.push_back({.header = "open ms", .rank = 8});
    columns.push_back({.header = "first run ms", .rank = 8});
    columns.push_back({.header = "copies", .rank = 8});
  }
  Table table(columns);
  for (const auto* row : fastest_first(rows)) {
    std::vector<std::string> cells = {row->name(),
                                      std::string(to_string(row->opt_level)),
                                      paired_cell(*row, rows.front()),
                                      spread_cell(*row),
                                      speedup_cell(*row),
                                      sqnr_cell(*row),
                                      l2_cell(*row)};
    if (top1) {
      cells.push_back(top1_cell(*row));
    }
    cells.push_back(bytes(static_cast<double>(row->size_bytes)));
    cells.push_back(integer_cell(*row));
    cells.push_back(leftover_cell(*row));
    if (providers) {
      cells.insert(cells.begin() + 1, provider_cell(*row));
      cells.push_back(row->kernels ? ran_on(*row->kernels) : kNone);
      cells.push_back(milliseconds(row->open_us));
      cells.push_back(milliseconds(row->first_run_us));
      cells.push_back(row->kernels ? fmt::format("{}", row->kernels->copies) : kNone);
    }
    table.add_row(std::move(cells));
  }
  return table;
}

Table measurement_sheet(const std::vector<Measurement>& rows) {
  std::vector<Column> columns;
  for (const auto& column : evaluate::sheet_columns()) {
    columns.push_back({.header = std::string(column.header),
                       .align = column.number ? Align::kRight : Align::kLeft});
  }
  Table table(columns);
  for (const auto& row : rows) {
    const auto json = to_json(row);
    std::vector<std::string> cells;
    for (const auto& column : evaluate::sheet_columns()) {
      cells.push_back(sheet_cell(row, json, Json::json_pointer(std::string(column.pointer))));
    }
    table.add_row(std::move(cells));
  }
  return table;
}

std::string failures_text(const std::vector<Measurement>& rows) {
  // Levels of one scheme that fail for the same reason share a line, in order of appearance.
  std::vector<std::pair<std::string, std::string>> lines;  // what follows, levels
  const bool providers = shows_providers(rows);
  for (const auto& row : rows) {
    if (row.status == RowStatus::kOk) {
      continue;
    }
    const auto where = providers ? fmt::format(" on {}", provider_cell(row)) : std::string();
    const auto key =
        fmt::format("{}{}: {}: {}", row.name(), where, to_string(row.status), row.reason);
    const auto found = std::find_if(lines.begin(), lines.end(),
                                    [&](const auto& line) { return line.first == key; });
    const auto level = std::string(to_string(row.opt_level));
    if (found == lines.end()) {
      lines.emplace_back(key, level);
    } else {
      found->second += "+" + level;
    }
  }
  std::string text;
  for (const auto& [what, levels] : lines) {
    text += fmt::format("  [{}] {}\n", levels, what);
  }
  return text.empty() ? text : "did not run:\n" + text;
}

std::string reasons_text(const std::vector<Measurement>& rows, std::size_t top) {
  std::string text;
  const bool providers = shows_providers(rows);
  auto order = fastest_first(rows);
  order.resize(top == 0 ? order.size() : std::min(top, order.size()));
  for (const auto* row : order) {
    if (!row->why.empty()) {
      const auto where = providers ? fmt::format(" on {}", provider_cell(*row)) : std::string();
      text +=
          fmt::format("  [{}] {}{}: {}\n", to_string(row->opt_level), row->name(), where, row->why);
    }
  }
  return text.empty() ? text : "why:\n" + text;
}

std::string bench_text(const evaluate::BenchResult& result, Page page, std::size_t top) {
  auto text = given_text(result.quantization, result.requantize);
  text += measurement_table(result.rows).text(page, top);
  text += fmt::format("times are {}; ms are those of float32 divided by the speed-up\n",
                      timer_text(result.timer));
  if (const auto reasons = reasons_text(result.rows, top); !reasons.empty()) {
    text += "\n" + reasons;
  }
  if (const auto failures = failures_text(result.rows); !failures.empty()) {
    text += "\n" + failures;
  }
  if (result.best) {
    const auto& best = result.rows[*result.best];
    std::string where;
    std::string against;
    const auto& given = result.quantization.state;
    const auto reference = given == graph::QuantizationState::kNone
                               ? std::string("float32")
                               : fmt::format("as given ({})", to_string(given));
    if (shows_providers(result.rows)) {
      where = fmt::format(" on {}", provider_cell(best));
      against = fmt::format(" on {}", provider_cell(result.rows.front()));
    }
    text +=
        fmt::format("\nfastest: {} at level {}{}: {} against {} at level all{}\n", best.name(),
                    to_string(best.opt_level), where, interval(best.speedup), reference, against);
    if (result.with_kernels) {
      const auto& row = result.rows[*result.with_kernels];
      const double sqnr_db = row.accuracy ? row.accuracy->overall.sqnr_db : std::nan("");
      text += gain_text(row.speedup.median, sqnr_db, best.speedup.median) + "\n";
    }
  }
  return text;
}

std::string optimize_text(const optimize::OptimizeResult& result, Page page, std::size_t top) {
  auto text =
      chosen_text(result) + kernels_text(result) + "\n" + candidate_table(result).text(page, top);
  if (const auto failures = failures_text(rows_of(result)); !failures.empty()) {
    text += "\n" + failures;
  }
  text += cut_off_text(result.cut_off);
  if (!result.excluded.empty()) {
    text += "\nnot tried on this machine:\n";
    for (const auto& exclusion : result.excluded) {
      text += fmt::format("  {}: {}\n", exclusion.what, exclusion.why);
    }
  }
  return text;
}

}  // namespace tessera::report
