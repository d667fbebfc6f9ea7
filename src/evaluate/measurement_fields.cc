// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/measurement_fields.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace tessera::evaluate {
namespace {

using quantize::Mode;
using Row = const Measurement&;

/// null where it has no meaning.
Json only_if(bool meaningful, Json value) {
  return meaningful ? std::move(value) : Json();
}

bool is_static(Row row) {
  return row.scheme.mode == Mode::kStatic;
}
bool is_integer(Row row) {
  return is_static(row) || row.scheme.mode == Mode::kDynamic;
}
Json of_speedup(Row row, double Speedup::*what) {
  return only_if(row.status == RowStatus::kOk && row.speedup.rounds > 0, row.speedup.*what);
}
Json of_error(Row row, double ErrorMetrics::*what) {
  return row.accuracy ? Json(row.accuracy->overall.*what) : Json();
}
Json of_interval(Row row, double Interval::*what) {
  const bool known = row.accuracy && row.accuracy->sqnr_interval_db;
  return known ? Json((*row.accuracy->sqnr_interval_db).*what) : Json();
}

constexpr std::array kFields = {
    MeasurementField{"name", "the scheme, with the operators if these are not all",
                     [](Row row) { return Json(row.name()); }},
    MeasurementField{
        "mode",
        "how operators compute; given: measured as it was given, and quantized "
        "already",
        [](Row row) { return Json(row.given.empty() ? to_string(row.scheme.mode) : "given"); }},
    MeasurementField{"format", "of the graph, of static schemes",
                     [](Row row) { return only_if(is_static(row), to_string(row.scheme.format)); }},
    MeasurementField{"activation", "type of integer activations",
                     [](Row row) {
                       return only_if(is_integer(row), quantize::short_name(row.scheme.activation));
                     }},
    MeasurementField{
        "weight", "type of integer weights",
        [](Row row) { return only_if(is_integer(row), quantize::short_name(row.scheme.weight)); }},
    MeasurementField{"granularity", "one scale per weight, or one per output channel of it",
                     [](Row row) {
                       return only_if(is_integer(row),
                                      row.scheme.per_channel ? "channel" : "tensor");
                     }},
    MeasurementField{"reduce_range", "7-bit weights",
                     [](Row row) { return only_if(is_integer(row), row.scheme.reduce_range); }},
    MeasurementField{
        "method", "how ranges follow from samples, of static schemes",
        [](Row row) { return only_if(is_static(row), numerics::to_string(row.scheme.method)); }},
    MeasurementField{"operators", "\"all\", or which are quantized",
                     [](Row row) { return Json(row.operators); }},
    MeasurementField{"opt_level", "optimization level of the runtime",
                     [](Row row) { return Json(to_string(row.opt_level)); }},
    MeasurementField{
        "provider", "with its options; null if only one was asked for",
        [](Row row) { return row.provider ? Json(runtime::to_string(*row.provider)) : Json(); }},
    MeasurementField{"status", "whether it ran",
                     [](Row row) { return Json(to_string(row.status)); }},
    MeasurementField{"reason", "of any status but ok",
                     [](Row row) { return only_if(!row.reason.empty(), row.reason); }},
    MeasurementField{"open_us", "opening the session, once",
                     [](Row row) { return only_if(row.open_us > 0, row.open_us); }},
    MeasurementField{"first_run_us", "the first run, which touches everything first",
                     [](Row row) { return only_if(row.first_run_us > 0, row.first_run_us); }},
    MeasurementField{"latency", "of one inference, over the rounds",
                     [](Row row) {
                       return only_if(row.status == RowStatus::kOk && row.latency.n > 0,
                                      to_json(row.latency));
                     }},
    MeasurementField{"speedup", "median over float32, of interleaved rounds",
                     [](Row row) { return of_speedup(row, &Speedup::median); }},
    MeasurementField{"speedup_low", "lower end of its 95 % interval, by bootstrap over rounds",
                     [](Row row) { return of_speedup(row, &Speedup::low); }},
    MeasurementField{"speedup_high", "upper end of it",
                     [](Row row) { return of_speedup(row, &Speedup::high); }},
    MeasurementField{"sqnr_db",
                     "signal to quantization noise of all floating outputs against float32",
                     [](Row row) { return of_error(row, &ErrorMetrics::sqnr_db); }},
    MeasurementField{"sqnr_db_low",
                     "lower end of its 95 % interval, by bootstrap over samples; null "
                     "with fewer than 3",
                     [](Row row) { return of_interval(row, &Interval::low); }},
    MeasurementField{"sqnr_db_high", "upper end of it",
                     [](Row row) { return of_interval(row, &Interval::high); }},
    MeasurementField{"l2_per_element",
                     "|x - y|_2 / elements of all floating outputs, pooled over samples",
                     [](Row row) { return of_error(row, &ErrorMetrics::l2_per_element); }},
    MeasurementField{"top1", "of classifiers",
                     [](Row row) {
                       return row.accuracy && row.accuracy->top1 ? to_json(*row.accuracy)["top1"]
                                                                 : Json(Json::value_t::discarded);
                     }},
    MeasurementField{"size_bytes", "of the serialized model",
                     [](Row row) { return only_if(row.size_bytes > 0, row.size_bytes); }},
    MeasurementField{"quantized_ops", "operators of the model that were quantized",
                     [](Row row) { return Json(row.quantized_ops); }},
    MeasurementField{"kernels", "what really ran, by the runtime's own profile of a separate run",
                     [](Row row) { return row.kernels ? to_json(*row.kernels) : Json(); }}};

constexpr std::array kColumns = {
    SheetColumn{"name", "/name"},
    SheetColumn{"mode", "/mode"},
    SheetColumn{"format", "/format"},
    SheetColumn{"activation", "/activation"},
    SheetColumn{"weight", "/weight"},
    SheetColumn{"granularity", "/granularity"},
    SheetColumn{"method", "/method"},
    SheetColumn{"operators", "/operators"},
    SheetColumn{"opt_level", "/opt_level"},
    SheetColumn{"status", "/status"},
    SheetColumn{"reason", "/reason"},
    SheetColumn{"median_us", "/latency/median_us", true},
    SheetColumn{"p10_us", "/latency/p10_us", true},
    SheetColumn{"p90_us", "/latency/p90_us", true},
    SheetColumn{"n", "/latency/n", true},
    SheetColumn{"speedup", "/speedup", true},
    SheetColumn{"speedup_low", "/speedup_low", true},
    SheetColumn{"speedup_high", "/speedup_high", true},
    SheetColumn{"sqnr_db", "/sqnr_db", true},
    SheetColumn{"l2_per_element", "/l2_per_element", true},
    SheetColumn{"top1_percent", "/top1/candidate", true},
    SheetColumn{"top1_agreement_percent", "/top1/agreement", true},
    SheetColumn{"size_bytes", "/size_bytes", true},
    SheetColumn{"integer_kernels", "/kernels/integer_kernels", true},
    SheetColumn{"kernels", "/kernels/kernels", true},
    SheetColumn{"quantize_kernels", "/kernels/quantize_kernels", true},
    SheetColumn{"dequantize_kernels", "/kernels/dequantize_kernels", true},
    SheetColumn{"provider", "/provider"},
    SheetColumn{"ran_on", "/kernels/providers"},
    SheetColumn{"open_us", "/open_us", true},
    SheetColumn{"first_run_us", "/first_run_us", true},
    SheetColumn{"copies", "/kernels/copies", true},
    SheetColumn{"copy_us", "/kernels/copy_us", true}};

}  // namespace

std::span<const MeasurementField> measurement_fields() {
  return kFields;
}

std::span<const SheetColumn> sheet_columns() {
  return kColumns;
}

Json to_json(const Measurement& row) {
  Json json = Json::object();
  for (const auto& field : measurement_fields()) {
    if (auto value = field.value(row); !value.is_discarded()) {
      json[std::string(field.name)] = std::move(value);
    }
  }
  return json;
}

}  // namespace tessera::evaluate
