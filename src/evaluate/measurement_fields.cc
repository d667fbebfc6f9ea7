// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/fields.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/evaluate/measurement.h"

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
template <auto member>
constexpr Field<Measurement> positive(std::string_view name, std::string_view says) {
  return {name, says, [](Row row) { return only_if(row.*member > 0, row.*member); }};
}
template <auto member>
constexpr Field<Measurement> of_speedup(std::string_view name, std::string_view says) {
  return {name, says, [](Row row) {
            return only_if(row.status == RowStatus::kOk && row.speedup.rounds > 0,
                           row.speedup.*member);
          }};
}
template <auto member>
constexpr Field<Measurement> of_error(std::string_view name, std::string_view says) {
  return {name, says,
          [](Row row) { return row.accuracy ? Json(row.accuracy->overall.*member) : Json(); }};
}
template <auto member>
constexpr Field<Measurement> of_interval(std::string_view name, std::string_view says) {
  return {name, says, [](Row row) {
            const bool known = row.accuracy && row.accuracy->sqnr_interval_db;
            return known ? Json(*row.accuracy->sqnr_interval_db.*member) : Json();
          }};
}

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
    SheetColumn{"copy_us", "/kernels/copy_us", true},
    SheetColumn{"hybrid_products", "/kernels/hybrid_products", true},
    SheetColumn{"why", "/why"}};

}  // namespace

Fields<Measurement> fields_of(const Measurement*) {
  static constexpr std::array kFields = {
      written<&Measurement::name>("name", "the scheme, with the operators if these are not all"),
      Field<Measurement>{
          "mode", "how operators compute; given: measured as it was given, and quantized already",
          [](Row row) { return Json(row.given.empty() ? to_string(row.scheme.mode) : "given"); }},
      Field<Measurement>{
          "format", "of the graph, of static schemes",
          [](Row row) { return only_if(is_static(row), to_string(row.scheme.format)); }},
      Field<Measurement>{"activation", "type of integer activations",
                         [](Row row) {
                           return only_if(is_integer(row),
                                          quantize::short_name(row.scheme.activation));
                         }},
      Field<Measurement>{"weight", "type of integer weights",
                         [](Row row) {
                           return only_if(is_integer(row), quantize::short_name(row.scheme.weight));
                         }},
      Field<Measurement>{"granularity", "one scale per weight, or one per output channel of it",
                         [](Row row) {
                           return only_if(is_integer(row),
                                          row.scheme.per_channel ? "channel" : "tensor");
                         }},
      Field<Measurement>{"reduce_range", "7-bit weights",
                         [](Row row) { return only_if(is_integer(row), row.scheme.reduce_range); }},
      Field<Measurement>{
          "method", "how ranges follow from samples, of static schemes",
          [](Row row) { return only_if(is_static(row), as_json(row.scheme.method)); }},
      written<&Measurement::operators>("operators", "\"all\", or which are quantized"),
      written<&Measurement::opt_level>("opt_level", "optimization level of the runtime"),
      written<&Measurement::provider>("provider",
                                      "with its options; null if only one was asked for"),
      written<&Measurement::status>("status", "whether it ran"),
      word<&Measurement::reason>("reason", "of any status but ok"),
      positive<&Measurement::open_us>("open_us", "opening the session, once"),
      positive<&Measurement::first_run_us>("first_run_us",
                                           "the first run, which touches everything first"),
      Field<Measurement>{"latency", "of one inference, over the rounds",
                         [](Row row) {
                           return only_if(row.status == RowStatus::kOk && row.latency.n > 0,
                                          as_json(row.latency));
                         }},
      of_speedup<&Speedup::median>("speedup", "median over float32, of interleaved rounds"),
      of_speedup<&Speedup::low>("speedup_low",
                                "lower end of its 95 % interval, by bootstrap over rounds"),
      of_speedup<&Speedup::high>("speedup_high", "upper end of it"),
      of_error<&ErrorMetrics::sqnr_db>(
          "sqnr_db", "signal to quantization noise of all floating outputs against float32"),
      of_interval<&Interval::low>(
          "sqnr_db_low",
          "lower end of its 95 % interval, by bootstrap over samples; null with fewer than 3"),
      of_interval<&Interval::high>("sqnr_db_high", "upper end of it"),
      of_error<&ErrorMetrics::l2_per_element>(
          "l2_per_element", "|x - y|_2 / elements of all floating outputs, pooled over samples"),
      Field<Measurement>{
          "top1", "of classifiers",
          [](Row row) { return row.accuracy ? as_json(row.accuracy->top1) : Json(); }}
          .if_any(),
      positive<&Measurement::size_bytes>("size_bytes", "of the serialized model"),
      field<&Measurement::quantized_ops>("quantized_ops",
                                         "operators of the model that were quantized"),
      field<&Measurement::kernels>(
          "kernels", "what really ran, by the runtime's own profile of a separate run"),
      word<&Measurement::why>("why",
                              "it is slower or faster than float32 with the same kernels, as far "
                              "as the kernels that ran tell")
          .later()};
  return kFields;
}

std::span<const SheetColumn> sheet_columns() {
  return kColumns;
}

Json to_json(const Measurement& row) {
  return as_json(row);
}

}  // namespace tessera::evaluate
