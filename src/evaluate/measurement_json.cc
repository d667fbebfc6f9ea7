// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/evaluate/fields.h"
#include "tessera/evaluate/measurement.h"

namespace tessera::evaluate {
namespace {

/// What is infinite or absent is null.
double number_or(const Json& json, const char* key, double otherwise) {
  const auto& value = json.at(key);
  return value.is_number() ? value.get<double>() : otherwise;
}

/// Float32 where it is given, or none that there is: rows of those did not run.
Result<quantize::Scheme> scheme_of(const Json& json, RowStatus status) {
  Json fields;
  for (const auto* key : {"mode", "format", "activation", "weight", "reduce_range", "method"}) {
    if (!json.at(key).is_null() && json.at(key) != "given") {
      fields[key] = json.at(key);
    }
  }
  fields["per_channel"] = json.at("granularity") == "channel";
  const auto base = quantize::float32_scheme();
  auto scheme = quantize::scheme_from_json(fields, base);
  return scheme || status == RowStatus::kOk ? scheme : base;
}

/// "as given (qdq)" -> "qdq", as Measurement::name() puts it; empty for other rows.
std::string given_of(const Json& json) {
  if (json.at("mode") != "given") {
    return {};
  }
  constexpr std::string_view kBefore = "as given (";
  const auto name = json.at("name").get<std::string>();
  const bool whole = name.starts_with(kBefore) && name.ends_with(')');
  return whole ? name.substr(kBefore.size(), name.size() - kBefore.size() - 1) : name;
}

RowStatus status_from(const std::string& name) {
  for (const auto status : {RowStatus::kOk, RowStatus::kUnsupported, RowStatus::kFailed}) {
    if (name == to_string(status)) {
      return status;
    }
  }
  return RowStatus::kSkipped;
}

/// Absent if neither error was written.
std::optional<Accuracy> accuracy_from(const Json& json) {
  if (json.at("sqnr_db").is_null() && json.at("l2_per_element").is_null()) {
    return std::nullopt;
  }
  Accuracy accuracy;
  accuracy.overall.l2_per_element = number_or(json, "l2_per_element", 0);
  // Without an error it is infinite; with one, where the reference is zero, negatively so.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  accuracy.overall.sqnr_db =
      number_or(json, "sqnr_db", accuracy.overall.l2_per_element > 0 ? -kInfinity : kInfinity);
  if (json.at("sqnr_db_low").is_number()) {
    accuracy.sqnr_interval_db = {number_or(json, "sqnr_db_low", 0),
                                 number_or(json, "sqnr_db_high", 0)};
  }
  if (const auto top1 = json.find("top1"); top1 != json.end() && top1->is_object()) {
    read_value(accuracy.top1, *top1);
  }
  return accuracy;
}

Result<Measurement> row_from(const Json& json) {
  Measurement row;
  row.status = status_from(json.at("status").get<std::string>());
  TESSERA_TRY(row.scheme, scheme_of(json, row.status));
  row.given = given_of(json);
  row.operators = json.at("operators").get<std::string>();
  if (const auto level = runtime::opt_level_from_string(json.at("opt_level").get<std::string>())) {
    row.opt_level = *level;
  }
  if (json.at("provider").is_string()) {
    if (auto provider = runtime::parse_provider(json.at("provider").get<std::string>())) {
      row.provider = *std::move(provider);
    }
  }
  row.reason = json.at("reason").is_string() ? json.at("reason").get<std::string>() : "";
  row.open_us = number_or(json, "open_us", 0);
  row.first_run_us = number_or(json, "first_run_us", 0);
  if (json.at("latency").is_object()) {
    read_value(row.latency, json.at("latency"));
    row.speedup = {number_or(json, "speedup", 0), number_or(json, "speedup_low", 0),
                   number_or(json, "speedup_high", 0), row.latency.n};
  }
  row.size_bytes = whole_number_or(json, "size_bytes", 0);
  row.quantized_ops = whole_number_or(json, "quantized_ops", 0);
  read_value(row.kernels, json.at("kernels"));
  if (const auto why = json.find("why"); why != json.end() && why->is_string()) {
    row.why = why->get<std::string>();
  }
  if (row.status == RowStatus::kOk) {
    row.accuracy = accuracy_from(json);
  }
  return row;
}

}  // namespace

Result<std::vector<Measurement>> measurements_from_json(const Json& rows, std::string_view what) {
  std::vector<Measurement> measurements;
  try {
    for (const auto& row : rows) {
      auto measurement = row_from(row);
      if (!measurement) {
        return fail(ErrorCode::kDataLoss, "{}: the measurements are damaged: {}", what,
                    measurement.error().message)
            .hint("measure again without --resume");
      }
      measurements.push_back(*std::move(measurement));
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "{}: the measurements are damaged: {}", what, problem.what())
        .hint("measure again without --resume");
  }
  return measurements;
}

bool take_over(Measurement& row, std::span<const Measurement> known) {
  const auto same = [&](const Measurement& other) {
    return other.name() == row.name() && other.opt_level == row.opt_level &&
           (!row.provider || other.provider == row.provider) &&
           (row.scheme.mode != quantize::Mode::kStatic ||
            other.scheme.method == row.scheme.method) &&
           other.status == RowStatus::kOk && other.accuracy;
  };
  const auto found = std::find_if(known.begin(), known.end(), same);
  if (found == known.end()) {
    return false;
  }
  auto scheme = row.scheme;
  auto given = row.given;
  row = *found;
  row.scheme = std::move(scheme);
  row.given = std::move(given);
  return true;
}

}  // namespace tessera::evaluate
