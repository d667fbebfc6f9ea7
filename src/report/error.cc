// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "tessera/core/timing.h"
#include "tessera/report/format.h"
#include "tessera/report/table.h"

namespace tessera::report {
namespace {

using noise::CheckRow;
using noise::SweepLayer;
using noise::SweepRecord;

std::string sqnr_of(const SweepLayer& layer) {
  if (!(layer.noise_power > 0) || !(layer.signal_power > 0)) {
    return "-";
  }
  return number(10 * std::log10(layer.signal_power / layer.noise_power));
}

/// Errors of the layers alone, where the sweep measured them.
std::map<std::string, double> errors_alone(const std::vector<SweepRecord>& records) {
  std::map<std::string, double> errors;
  for (const auto& record : records) {
    if (record.layers.size() == 1) {
      errors.emplace(record.layers.front(), record.error);
    }
  }
  return errors;
}

Table layer_table(const noise::Sweep& sweep) {
  const auto alone = errors_alone(sweep.records);
  auto layers = sweep.header.layers;
  const auto error_of = [&](const SweepLayer& layer) {
    const auto found = alone.find(layer.name);
    return found == alone.end() ? -1.0 : found->second;
  };
  std::stable_sort(layers.begin(), layers.end(), [&](const auto& a, const auto& b) {
    return std::pair(error_of(a), a.noise_power) > std::pair(error_of(b), b.noise_power);
  });
  Table table({{"layer", Align::kLeft, true},
               {.header = "type", .align = Align::kLeft, .rank = 2},
               {.header = "scheme", .align = Align::kLeft, .rank = 3},
               {.header = "MACs", .rank = 1},
               {"own SQNR dB"},
               {"error alone"}});
  for (const auto& layer : layers) {
    const auto error = error_of(layer);
    table.add_row({layer.name, layer.type, layer.scheme,
                   layer.macs ? count(static_cast<double>(*layer.macs)) : "-", sqnr_of(layer),
                   error < 0 ? "-" : number(error)});
  }
  return table;
}

std::string spread_of(const std::vector<SweepRecord>& records) {
  std::vector<double> errors;
  for (const auto& record : records) {
    if (std::isfinite(record.error)) {
      errors.push_back(record.error);
    }
  }
  std::sort(errors.begin(), errors.end());
  if (errors.empty()) {
    return "no subset has an error that is a number\n";
  }
  return fmt::format("error (|x-y| / elements): median {}, 10 % below {}, 90 % below {}\n",
                     number(quantile(errors, 0.5)), number(quantile(errors, 0.1)),
                     number(quantile(errors, 0.9)));
}

std::string names_of(const CheckRow& row) {
  return fmt::format("{}", fmt::join(row.layers, ","));
}

std::string percent(double value) {
  return std::isfinite(value) ? number(100 * value) : "-";
}

}  // namespace

std::string sweep_text(const noise::SweepSummary& summary, const std::string& output, Page page,
                       std::size_t top) {
  const auto& sweep = summary.sweep;
  auto text = layer_table(sweep).text(page, top) + "\n" + spread_of(sweep.records);
  if (summary.measured > 0) {
    text += fmt::format("{} per subset and sample ({} of CPU in all); {} of {} parts run\n",
                        duration(summary.cpu_us / static_cast<double>(summary.measured) /
                                 static_cast<double>(sweep.header.images)),
                        duration(summary.setup_us + summary.cpu_us), summary.work.runs,
                        summary.work.runs_unshared);
  }
  text += fmt::format("wrote {}: {} subsets of {} layers, {} samples{}\n", output,
                      sweep.records.size(), sweep.header.layers.size(), sweep.header.images,
                      summary.resumed > 0 ? fmt::format(" ({} were there)", summary.resumed) : "");
  return text;
}

std::string check_text(const noise::Check& check, Page page, std::size_t top) {
  auto rows = check.rows;
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return std::abs(a.deviation()) > std::abs(b.deviation());
  });
  Table table({{"layers in integers", Align::kLeft, true},
               {"n"},
               {"built"},
               {"sweep"},
               {"deviation %"},
               {.header = "built SQNR dB", .rank = 1},
               {.header = "sweep SQNR dB", .rank = 1}});
  for (const auto& row : rows) {
    table.add_row({names_of(row), std::to_string(row.layers.size()), number(row.built_error, 4),
                   number(row.engine_error, 4), percent(row.deviation()),
                   number(row.built_sqnr_db, 4), number(row.engine_sqnr_db, 4)});
  }
  return table.text(page, top) +
         fmt::format(
             "\n{} built models, {} samples: the sweep's error deviates by {} % (median), {} % "
             "(95 of 100), {} % (worst); Spearman {}\nCPU per model: {} built, {} by the sweep\n",
             rows.size(), check.images, percent(check.engine.median_deviation),
             percent(check.engine.p95_deviation), percent(check.engine.worst_deviation),
             std::isfinite(check.engine.spearman) ? fmt::format("{:.4f}", check.engine.spearman)
                                                  : "-",
             duration(check.built_cpu_us), duration(check.engine_cpu_us));
}

std::string tail_text(const noise::Tail& tail, Page page) {
  const auto share = [&](double loss) {
    return tail.gain > 0 ? number(100 * loss / tail.gain) : std::string("-");
  };
  Table table({{"left in float", Align::kLeft, true},
               {.header = "type", .align = Align::kLeft, .rank = 1},
               {tail.gain_unit == "us" ? "% of us saved" : "% of MACs"},
               {"L2/element"},
               {"SQNR dB"}});
  table.add_row({"(none)", "-", "0", number(tail.l2_per_element), number(tail.sqnr_db)});
  for (const auto& step : tail.steps) {
    table.add_row({step.layer, step.type, share(step.loss), number(step.l2_per_element),
                   number(step.sqnr_db)});
  }
  auto text = table.text(page, 0);
  text += fmt::format("\n{} of {} layers in float", tail.steps.size(), tail.layers);
  if (tail.slowdown) {
    text += fmt::format(": {:.3f} x the time with all in integers ({:.3f} to {:.3f})",
                        tail.slowdown->median, tail.slowdown->low, tail.slowdown->high);
  }
  return text + fmt::format("\n{} models on {} samples\n", tail.models, tail.samples);
}

std::string bits_text(const noise::Bits& bits, Page page, std::size_t top) {
  const auto width = [](const std::optional<int>& bits_of) {
    return bits_of ? std::to_string(*bits_of) : std::string();
  };
  Table table({{"step", Align::kRight},
               {"layer", Align::kLeft, true},
               {"weights"},
               {"activations"},
               {bits.cost_unit == "pJ" ? "uJ" : "kbit"},
               {"SQNR dB"},
               {"", Align::kLeft}});
  const double unit = bits.cost_unit == "pJ" ? 1e-6 : 1e-3;
  const auto mark = [&](std::int64_t steps) { return steps == bits.chosen ? "chosen" : ""; };
  table.add_row(
      {"0", "(most bits)", "", "", number(bits.cost * unit), number(bits.sqnr_db), mark(0)});
  for (std::size_t i = 0; i < bits.steps.size(); ++i) {
    const auto& step = bits.steps[i];
    const auto place = static_cast<std::int64_t>(i) + 1;
    if (step.front || place == bits.chosen) {
      table.add_row({std::to_string(place), step.layer, width(step.weight_bits),
                     width(step.activation_bits), number(step.cost * unit), number(step.sqnr_db),
                     mark(place)});
    }
  }
  auto text = table.text(page, top);
  text += fmt::format("\nchosen: {} {}, {} dB, behind {} of {} steps; {} settings on {} samples\n",
                      number(bits.chosen_cost * unit), bits.cost_unit == "pJ" ? "uJ" : "kbit",
                      number(bits.chosen_sqnr_db), bits.chosen, bits.steps.size(), bits.models,
                      bits.samples);
  for (const auto& layer : bits.by_hand) {
    text += fmt::format("by hand in QKeras: QActivation(\"{}\") behind '{}'\n", layer.quantizer,
                        layer.layer);
  }
  return text +
         "an estimate of accuracy: widths are rounded in float, and are no faster on this "
         "machine\n";
}

}  // namespace tessera::report
