// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tessera/report/figures.h"
#include "tessera/report/format.h"
#include "tessera/report/trace.h"

namespace tessera::report {
namespace {

using profile::Layer;
using profile::Profile;

constexpr const char* kNone = "-";

/// Own kernels and conversions of the result.
double total_us(const Layer& layer, const std::string& precision) {
  const auto found = layer.precisions.find(precision);
  return found == layer.precisions.end()
             ? 0
             : found->second.time.median_us + found->second.conversion.median_us;
}

std::string time_cell(const Layer& layer, const std::string& precision) {
  const auto found = layer.precisions.find(precision);
  if (found == layer.precisions.end()) {
    return kNone;
  }
  if (found->second.kernels.empty() && found->second.conversion_kernels.empty()) {
    return "folded";
  }
  return fmt::format("{:.0f}", total_us(layer, precision));
}

std::string kernels_cell(const Layer& layer, const std::string& precision) {
  const auto found = layer.precisions.find(precision);
  return found == layer.precisions.end() ? ""
                                         : fmt::format("{}", fmt::join(found->second.kernels, "+"));
}

std::vector<std::string> precisions_of(const Profile& profile) {
  std::vector<std::string> names{"fp32", "int8"};
  for (const auto& [name, whole] : profile.whole) {
    if (name != "fp32" && name != "int8") {
      names.push_back(name);
    }
  }
  return names;
}

std::string rate_text(const profile::ConversionCurve& curve) {
  return curve.points.empty() ? "unknown" : fmt::format("{:.2f}", curve.ns_per_element);
}

std::string conversions_text(const profile::ConversionCosts& costs) {
  return fmt::format(
      "conversions  quantize {}, dequantize {}, cast {}, transpose {} (float) and {} (8 bits) ns "
      "per "
      "element\n",
      rate_text(costs.quantize), rate_text(costs.dequantize), rate_text(costs.cast),
      rate_text(costs.transpose_float), rate_text(costs.transpose_int8));
}

std::string whole_text(const Profile& profile) {
  std::string text;
  for (const auto& name : precisions_of(profile)) {
    const auto& whole = profile.whole.at(name);
    text += fmt::format(
        "whole        {:<18} {:>9}, {:.2f}x ({:.2f} to {:.2f}); layers and conversions explain "
        "{} ({:+.1f} %)\n",
        name == "int8" ? "int8 " + whole.scheme : name, duration(whole.latency.median_us),
        whole.speedup.median, whole.speedup.low, whole.speedup.high, duration(whole.explained_us),
        100 * (whole.explained_us / whole.latency.median_us - 1));
  }
  return text;
}

std::string machine_text(const Profile& profile) {
  std::string text;
  if (profile.roofline) {
    text += fmt::format("roofline     {:.0f} GFLOP/s float32, {:.0f} GOP/s int8, {:.1f} GB/s\n",
                        profile.roofline->fp32_gflops, profile.roofline->int8_gops,
                        profile.roofline->bandwidth_bytes_per_s / 1e9);
  }
  for (const auto& name : precisions_of(profile)) {
    if (const auto& memory = profile.whole.at(name).memory) {
      text += fmt::format(
          "memory       {:<18} a file of {}, {} taken besides when it is opened, {} at most while "
          "it runs\n",
          name, bytes(static_cast<double>(profile.whole.at(name).size_bytes)),
          bytes(static_cast<double>(memory->weights_bytes)),
          bytes(static_cast<double>(memory->arena_peak_bytes)));
    }
  }
  return text;
}

std::string validation_text(const Profile& profile) {
  const auto& validation = profile.validation;
  if (validation.points.empty()) {
    return "prediction   not judged: the model has too few layers for mixes\n";
  }
  auto text = fmt::format(
      "prediction   {} mixed plans it had not seen: median error {:.1f} %, p95 {:.1f} %, Spearman "
      "{:.3f}, {:.0f} % within its interval of +-{:.1f} %\n",
      validation.points.size(), 100 * validation.median_abs_error, 100 * validation.p95_abs_error,
      validation.spearman, 100 * validation.inside_interval, 100 * profile.model.interval);
  if (validation.isolated_p95_abs_error > 0) {
    text += fmt::format("             by layers timed alone: median error {:.1f} %, p95 {:.1f} %\n",
                        100 * validation.isolated_median_abs_error,
                        100 * validation.isolated_p95_abs_error);
  }
  return text;
}

std::string gain_text(const Profile& profile) {
  std::string text;
  for (const auto& gain : profile.gain_only) {
    text +=
        fmt::format("gain only    {} layers in integers ({}): predicted {:.2f}x, really {:.2f}x\n",
                    gain.integer_layers, gain.by, gain.predicted_speedup, gain.measured.median);
  }
  return text;
}

std::string fastest_text(const Profile& profile) {
  const auto& fastest = profile.fastest;
  std::map<std::string, std::size_t> counts;
  for (const auto& [layer, scheme] : fastest.further) {
    ++counts[scheme];
  }
  std::string further;
  for (const auto& [scheme, count] : counts) {
    further += fmt::format("{}{} in {}", further.empty() ? " (" : ", ", count, scheme);
  }
  return fmt::format(
      "fastest mix  {} layers in integers{}{}, {} left in float: {} predicted, {:.2f}x\n",
      fastest.integer_layers.size(), further, further.empty() ? "" : ")",
      fastest.float_layers.size(), duration(fastest.predicted_us),
      profile.whole.at("fp32").latency.median_us / fastest.predicted_us);
}

std::string stability_text(const Profile& profile) {
  const auto& stability = profile.stability;
  if (profile.interrupted) {
    return "stability    NOT STABLE: interrupted\n";
  }
  return fmt::format(
      "stability    {}: {} of {} runs disturbed and left out, float32 varied by {:.1f} %\n",
      stability.stable ? "stable" : "NOT STABLE", stability.disturbed_runs, stability.runs,
      100 * stability.reference_spread);
}

std::string cut_off_text(const Profile& profile) {
  return profile.cut_off.empty() ? ""
                                 : fmt::format("cut off      by the time budget (--budget): {}\n",
                                               fmt::join(profile.cut_off, "; "));
}

std::vector<LayerTime> layer_times(const Profile& profile) {
  const auto bar = [](const Layer& layer, const char* precision) -> std::optional<Bar> {
    const auto found = layer.precisions.find(precision);
    const double us = total_us(layer, precision);
    if (found == layer.precisions.end() || us <= 0) {
      return std::nullopt;
    }
    const auto& own = found->second.time;
    const double extra = found->second.conversion.median_us;
    return Bar{us, Spread{own.p10_us + extra, own.p90_us + extra}};
  };
  std::vector<LayerTime> times;
  for (const auto& layer : profile.layers) {
    if (layer.precisions.contains("fp32") && total_us(layer, "fp32") > 0) {
      times.push_back(
          {layer.name, bar(layer, "fp32"), layer.quantizable ? bar(layer, "int8") : std::nullopt});
    }
  }
  return times;
}

Agreement agreement_of(const Profile& profile) {
  const auto& validation = profile.validation;
  Agreement agreement{.name = "latency of mixed plans"};
  PredictionSet context{.name = "layers in context"};
  PredictionSet isolated{.name = "sum of isolated layers"};
  for (const auto& point : validation.points) {
    const auto label = fmt::format("{} integer layers", point.integer_layers);
    const double share = profile.model.interval;
    context.points.push_back(
        {label, point.measured_us, point.predicted_us,
         Spread{point.predicted_us * (1 - share), point.predicted_us * (1 + share)}});
    if (point.isolated_us > 0) {
      isolated.points.push_back({label, point.measured_us, point.isolated_us, std::nullopt});
    }
  }
  agreement.sets.push_back(std::move(context));
  if (!isolated.points.empty()) {
    agreement.sets.push_back(std::move(isolated));
  }
  agreement.scores = {.of = agreement.sets.size() > 1 ? agreement.sets.front().name : "",
                      .median_abs_relative_error = validation.median_abs_error,
                      .p95_abs_relative_error = validation.p95_abs_error,
                      .spearman = validation.spearman,
                      .n = static_cast<std::int64_t>(validation.points.size())};
  return agreement;
}

MachinePeaks peaks_of(const Profile& profile) {
  constexpr double kGiga = 1e9;
  return {profile.roofline->bandwidth_bytes_per_s / kGiga, profile.roofline->fp32_gflops,
          profile.roofline->int8_gops};
}

std::vector<LayerWork> works_of(const Profile& profile) {
  const auto us = [](const Layer& layer, const char* precision) -> std::optional<double> {
    const double time = total_us(layer, precision);
    return time > 0 ? std::optional(time) : std::nullopt;
  };
  std::vector<LayerWork> works;
  for (const auto& layer : profile.layers) {
    const auto bytes = layer.weight_bytes + layer.input_bytes + layer.output_bytes;
    works.push_back({layer.name, static_cast<double>(layer.macs), static_cast<double>(bytes),
                     us(layer, "fp32"), layer.quantizable ? us(layer, "int8") : std::nullopt});
  }
  return works;
}

std::vector<CurveStep> steps_of(const Profile& profile) {
  std::vector<CurveStep> steps;
  steps.reserve(profile.curve.size());
  for (const auto& point : profile.curve) {
    steps.push_back({.k = point.k,
                     .layer = point.layer,
                     .measured_us = point.measured_us,
                     .predicted_us = point.predicted_us,
                     .error = point.l2_per_element,
                     .sqnr_db = point.sqnr_db});
  }
  return steps;
}

/// The last row of layer_table().
std::vector<std::string> layer_totals(const Profile& profile,
                                      const std::vector<const Layer*>& layers,
                                      const std::vector<std::string>& precisions) {
  const auto sum = [&](auto of) {
    double total = 0;
    for (const auto* layer : layers) {
      total += of(*layer);
    }
    return total;
  };
  const double macs = sum([](const Layer& layer) { return static_cast<double>(layer.macs); });
  std::vector<std::string> cells{"all layers", "", fmt::format("{:.1f}", macs / 1e6)};
  for (const auto& name : precisions) {
    cells.push_back(
        fmt::format("{:.0f}", sum([&](const Layer& layer) { return total_us(layer, name); })));
  }
  cells.push_back(fmt::format("{:.2f}x", profile.whole.at("int8").speedup.median));
  return cells;
}

}  // namespace

Table layer_table(const Profile& profile) {
  std::vector<Column> columns = {{"layer", Align::kLeft, true},
                                 {.header = "type", .align = Align::kLeft, .rank = 3},
                                 {.header = "MMACs", .rank = 2}};
  const auto precisions = precisions_of(profile);
  for (const auto& name : precisions) {
    columns.push_back({.header = name + " us", .rank = name == "fp32" || name == "int8" ? 0 : 4});
  }
  columns.push_back({"speed-up"});
  columns.push_back({"runs as", Align::kLeft, true, 5});
  columns.push_back({.header = "why not faster", .align = Align::kLeft, .rank = 1, .wraps = true});
  Table table(columns);
  std::vector<const Layer*> order;
  for (const auto& layer : profile.layers) {
    if (total_us(layer, "fp32") > 0 || total_us(layer, "int8") > 0) {
      order.push_back(&layer);
    }
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return total_us(*a, "fp32") > total_us(*b, "fp32");
  });
  for (const auto* layer : order) {
    std::vector<std::string> cells = {
        layer->name, layer->type, fmt::format("{:.1f}", static_cast<double>(layer->macs) / 1e6)};
    for (const auto& name : precisions) {
      cells.push_back(time_cell(*layer, name));
    }
    cells.push_back(or_dash(layer->speedup, [](double x) { return fmt::format("{:.2f}x", x); }));
    cells.push_back(kernels_cell(*layer, "int8"));
    cells.push_back(layer->why);
    table.add_row(std::move(cells));
  }
  table.set_total(layer_totals(profile, order, precisions));
  return table;
}

Table layer_sheet(const Profile& profile) {
  std::vector<Column> columns = {
      {"name", Align::kLeft}, {"type", Align::kLeft}, {"ops", Align::kLeft}, {"macs"},
      {"weight_bytes"},       {"input_bytes"},        {"output_bytes"},      {"ops_per_byte"},
      {"quantizable"}};
  const auto precisions = precisions_of(profile);
  for (const auto& name : precisions) {
    for (const auto* field : {"_median_us", "_p10_us", "_p90_us", "_conversion_us"}) {
      columns.push_back({name + field});
    }
    columns.push_back({name + "_kernels", Align::kLeft});
  }
  for (const auto* field : {"speedup", "isolated_fp32_us", "isolated_int8_us"}) {
    columns.push_back({field});
  }
  columns.push_back({"why", Align::kLeft});
  Table table(columns);
  const auto plain = [](double value) { return fmt::format("{:.6g}", value); };
  for (const auto& layer : profile.layers) {
    std::vector<std::string> cells = {layer.name,
                                      layer.type,
                                      fmt::format("{}", fmt::join(layer.ops, " ")),
                                      fmt::format("{}", layer.macs),
                                      fmt::format("{}", layer.weight_bytes),
                                      fmt::format("{}", layer.input_bytes),
                                      fmt::format("{}", layer.output_bytes),
                                      plain(layer.arithmetic_intensity()),
                                      layer.quantizable ? "1" : "0"};
    for (const auto& name : precisions) {
      const auto& cost = layer.precisions.at(name);
      cells.push_back(plain(cost.time.median_us));
      cells.push_back(plain(cost.time.p10_us));
      cells.push_back(plain(cost.time.p90_us));
      cells.push_back(plain(cost.conversion.median_us));
      cells.push_back(kernels_cell(layer, name));
    }
    cells.push_back(layer.speedup ? plain(*layer.speedup) : "");
    cells.push_back(layer.isolated_fp32_us ? plain(*layer.isolated_fp32_us) : "");
    cells.push_back(layer.isolated_int8_us ? plain(*layer.isolated_int8_us) : "");
    cells.push_back(layer.why);
    table.add_row(std::move(cells));
  }
  return table;
}

Table curve_table(const Profile& profile) {
  Table table({{"k"},
               {"k-th layer", Align::kLeft, true},
               {"measured ms"},
               {.header = "predicted ms", .rank = 1},
               {"speed-up"},
               {"SQNR dB"},
               {.header = "L2/element", .rank = 2}});
  for (const auto& point : profile.curve) {
    table.add_row({fmt::format("{}", point.k), point.layer, milliseconds(point.measured_us),
                   milliseconds(point.predicted_us), fmt::format("{:.2f}x", point.speedup),
                   point.k == 0 ? "exact" : fmt::format("{:.1f}", point.sqnr_db),
                   fmt::format("{:.2e}", point.l2_per_element)});
  }
  return table;
}

namespace {

/// The k that took the least time.
std::optional<std::int64_t> best_k(const Profile& profile) {
  const auto best =
      std::min_element(profile.curve.begin(), profile.curve.end(),
                       [](const auto& a, const auto& b) { return a.measured_us < b.measured_us; });
  return best == profile.curve.end() ? std::nullopt : std::optional<std::int64_t>(best->k);
}

}  // namespace

Result<std::vector<ChartFile>> profile_charts(const Profile& profile, const std::string& name) {
  const auto model = profile.stability.stable ? name : name + "; NOT STABLE";
  std::vector<ChartFile> files;
  const auto add = [&](const std::string& file, const Result<Chart>& chart) -> Status {
    if (!chart) {
      return tl::unexpected<Error>(chart.error());
    }
    files.push_back({file, svg(*chart)});
    return {};
  };
  constexpr std::size_t kLayers = 40;
  TESSERA_CHECK(
      add("layers.svg", layer_time_figure({.subtitle = model}, layer_times(profile), kLayers)));
  TESSERA_CHECK(
      add("prediction.svg", latency_agreement_figure({.subtitle = model}, agreement_of(profile))));
  if (profile.roofline) {
    TESSERA_CHECK(add("roofline.svg",
                      roofline_figure({.subtitle = model}, peaks_of(profile), works_of(profile))));
  }
  if (!profile.curve.empty()) {
    TESSERA_CHECK(add("curve.svg", curve_figure({.subtitle = model + "; k marked: the fastest"},
                                                steps_of(profile), best_k(profile))));
  }
  return files;
}

std::string profile_trace(const Profile& profile) {
  std::vector<TraceEvent> events;
  events.reserve(profile.events.size());
  for (const auto& event : profile.events) {
    events.push_back({event.precision,
                      event.layer.empty() ? event.kernel : event.layer + " " + event.kernel,
                      event.start_us,
                      event.duration_us,
                      {{"layer", event.layer}, {"kernel", event.kernel}}});
  }
  return trace_json(events);
}

std::string profile_text(const Profile& profile, Page page, std::size_t top) {
  if (profile.interrupted) {
    return stability_text(profile) + "\n" + layer_table(profile).text(page, top);
  }
  auto text = whole_text(profile) + validation_text(profile) + gain_text(profile) +
              fastest_text(profile) + conversions_text(profile.conversions) +
              machine_text(profile) + stability_text(profile) + cut_off_text(profile);
  text += "\n" + layer_table(profile).text(page, top);
  if (!profile.curve.empty()) {
    text += "\n" + curve_table(profile).text(page, 0);
  }
  return text;
}

}  // namespace tessera::report
