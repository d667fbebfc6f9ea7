// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tessera/noise/fields.h"
#include "tessera/noise/model.h"

namespace tessera::noise {
namespace {

Failure malformed(std::string_view what, std::string_view detail) {
  return fail(ErrorCode::kDataLoss, "{}: {}", what, detail)
      .hint("make the file with 'tessera error fit SWEEP.jsonl -o FILE'");
}

Json names_of(const LayerSet& layers, const std::vector<ObservedLayer>& all) {
  Json names = Json::array();
  for (const auto layer : layers) {
    names.push_back(all[static_cast<std::size_t>(layer)].name);
  }
  return names;
}

Json terms_to_json(const TermModel& model, const std::vector<ObservedLayer>& layers) {
  Json terms = Json::array();
  for (const auto& term : model.terms) {
    terms.push_back({{"layers", names_of(term.layers, layers)}, {"coefficient", term.coefficient}});
  }
  return terms;
}

Json bound_to_json(const ErrorBound& bound, const std::vector<ObservedLayer>& layers) {
  return {{"exponent", bound.model.exponent},
          {"level", bound.level},
          {"inflation", finite_or_null(bound.inflation)},
          {"looseness", finite_or_null(bound.looseness)},
          {"terms", terms_to_json(bound.model, layers)}};
}

/// Schemes are written where operators have several, and where they need a library.
Json layers_to_json(const std::vector<ObservedLayer>& layers) {
  const bool several = std::any_of(layers.begin(), layers.end(),
                                   [](const auto& layer) { return !layer.op.empty(); });
  Json json = Json::array();
  for (const auto& layer : layers) {
    Json entry{{"name", layer.name},
               {"type", layer.type},
               {"macs", or_null(layer.macs)},
               {"noise_power", layer.noise_power},
               {"signal_power", layer.signal_power}};
    if (several || is_of_kernels(layer.scheme)) {
      entry["scheme"] = layer.scheme;
    }
    if (!layer.op.empty()) {
      entry["op"] = layer.op;
    }
    json.push_back(std::move(entry));
  }
  return json;
}

// Reading.

Result<const Json*> member(const Json& json, const char* key, std::string_view what) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  if (found == json.end()) {
    return malformed(what, fmt::format("has no '{}'", key));
  }
  return &*found;
}

Result<double> number_member(const Json& json, const char* key, std::string_view what) {
  TESSERA_TRY(const Json* value, member(json, key, what));
  if (!value->is_number() || !std::isfinite(value->get<double>())) {
    return malformed(what, fmt::format("'{}' is no finite number", key));
  }
  return value->get<double>();
}

Result<std::string> text_member(const Json& json, const char* key, std::string_view what) {
  TESSERA_TRY(const Json* value, member(json, key, what));
  if (!value->is_string()) {
    return malformed(what, fmt::format("'{}' is no text", key));
  }
  return value->get<std::string>();
}

Result<const Json*> array_member(const Json& json, const char* key, std::string_view what) {
  TESSERA_TRY(const Json* value, member(json, key, what));
  if (!value->is_array()) {
    return malformed(what, fmt::format("'{}' is no array", key));
  }
  return value;
}

Result<std::string> text_or_empty(const Json& json, const char* key, std::string_view what) {
  return json.contains(key) ? text_member(json, key, what) : std::string();
}

double number_or(const Json& json, const char* key, double otherwise) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_number() ? found->get<double>() : otherwise;
}

Result<Term> term_from_json(const Json& json, const LayerIndex& index, const std::string& what) {
  Term term;
  TESSERA_TRY(term.coefficient, number_member(json, "coefficient", what));
  TESSERA_TRY(const Json* listed, array_member(json, "layers", what));
  std::vector<std::string> names;
  for (const Json& name : *listed) {
    if (!name.is_string()) {
      return malformed(what, "'layers' holds something else than names");
    }
    names.push_back(name.get<std::string>());
  }
  TESSERA_TRY(term.layers, index.find(names).map_error(in_file(what)));
  return term;
}

Result<TermModel> terms_from_json(const Json& json, const LayerIndex& index,
                                  const std::string& what) {
  TermModel model;
  TESSERA_TRY(model.exponent, number_member(json, "exponent", what));
  if (model.exponent < 0) {
    return malformed(what, "'exponent' is negative");
  }
  TESSERA_TRY(const Json* terms, array_member(json, "terms", what));
  for (const Json& term : *terms) {
    TESSERA_TRY(auto next, term_from_json(term, index, what));
    model.terms.push_back(std::move(next));
  }
  return model;
}

Result<ErrorBound> bound_from_json(const Json& json, const LayerIndex& index,
                                   const std::string& what) {
  ErrorBound bound;
  TESSERA_TRY(bound.model, terms_from_json(json, index, what));
  TESSERA_TRY(bound.level, number_member(json, "level", what));
  bound.inflation = number_or(json, "inflation", 1);
  bound.looseness = number_or(json, "looseness", 1);
  return bound;
}

Result<Intervals> intervals_from_json(const Json& json, const std::string& what) {
  Intervals intervals;
  TESSERA_TRY(intervals.level, number_member(json, "level", what));
  TESSERA_TRY(const Json* bins, array_member(json, "bins", what));
  for (const Json& entry : *bins) {
    IntervalBin bin;
    // Null stands for infinity here.
    bin.up_to = number_or(entry, "up_to", bin.up_to);
    TESSERA_TRY(bin.low, number_member(entry, "low", what));
    bin.high = number_or(entry, "high", std::numeric_limits<double>::infinity());
    bin.n = whole_number_or(entry, "n", 0);
    intervals.bins.push_back(bin);
  }
  if (intervals.bins.empty()) {
    return malformed(what, "has no bins");
  }
  return intervals;
}

Result<std::vector<ObservedLayer>> layers_from_json(const Json& json, std::string_view what) {
  TESSERA_TRY(const Json* listed, array_member(json, "layers", what));
  std::vector<ObservedLayer> layers;
  for (const Json& entry : *listed) {
    ObservedLayer layer;
    TESSERA_TRY(layer.name, text_member(entry, "name", what));
    TESSERA_TRY(layer.type, text_member(entry, "type", what));
    layer.macs = whole_number_at(entry, "macs");
    layer.noise_power = number_or(entry, "noise_power", 0);
    layer.signal_power = number_or(entry, "signal_power", 0);
    TESSERA_TRY(layer.scheme, text_or_empty(entry, "scheme", what));
    TESSERA_TRY(layer.op, text_or_empty(entry, "op", what));
    layers.push_back(std::move(layer));
  }
  return layers;
}

Status read_bounds(const Json& result, const LayerIndex& index, const std::string& what,
                   ErrorModel& model) {
  TESSERA_TRY(const Json* bounds, array_member(result, "bounds", what));
  for (const Json& entry : *bounds) {
    TESSERA_TRY(auto bound, bound_from_json(entry, index, what + ": bounds"));
    model.bounds.push_back(std::move(bound));
  }
  TESSERA_TRY(const Json* chosen, member(result, "bound", what));
  TESSERA_TRY(const double exponent, number_member(*chosen, "exponent", what + ": bound"));
  for (std::size_t i = 0; i < model.bounds.size(); ++i) {
    if (model.bounds[i].model.exponent == exponent) {
      model.chosen_bound = i;
      return {};
    }
  }
  return malformed(what, "'bound' is none of 'bounds'");
}

}  // namespace

Fields<IntervalBin> fields_of(const IntervalBin*) {
  static constexpr std::array kFields = {
      written_figure<&IntervalBin::up_to>("up_to", "predictions so far; null: without end"),
      written_figure<&IntervalBin::low>("low", "least of measured / predicted"),
      written_figure<&IntervalBin::high>("high", "most of it; null: without end"),
      written<&IntervalBin::n>("n", "held-out subsets that it rests on")};
  return kFields;
}

Fields<Intervals> fields_of(const Intervals*) {
  static constexpr std::array kFields = {
      written<&Intervals::level>("level", "how often errors lie inside"),
      written<&Intervals::bins>("bins", "by the size of the prediction, ascending")};
  return kFields;
}

Json to_json(const ErrorModel& model) {
  Json bounds = Json::array();
  for (const auto& bound : model.bounds) {
    bounds.push_back(bound_to_json(bound, model.layers));
  }
  return {{"model",
           {{"kind", model.kind},
            {"degree", model.terms.degree()},
            {"exponent", model.terms.exponent},
            {"terms", terms_to_json(model.terms, model.layers)}}},
          {"intervals", as_json(model.intervals)},
          {"bound", bounds.at(model.chosen_bound)},
          {"bounds", bounds},
          {"layers", layers_to_json(model.layers)},
          {"sqnr_offset_db", finite_or_null(model.sqnr_offset_db)}};
}

Json to_json(const Prediction& prediction, double level) {
  return {{"error", finite_or_null(prediction.error)},
          {"interval",
           {{"level", level},
            {"lower", finite_or_null(prediction.lower)},
            {"upper", finite_or_null(prediction.upper)}}},
          {"bound", finite_or_null(prediction.bound)},
          {"sqnr_db", finite_or_null(prediction.sqnr_db)},
          {"sqnr_bound_db", finite_or_null(prediction.sqnr_bound_db)}};
}

Result<ErrorModel> error_model_from_json(const Json& document, std::string_view what) {
  const std::string name(what);
  TESSERA_TRY(const auto result, open_envelope(document, "error-fit", what));
  ErrorModel model;
  if (const auto info = document.find("model"); info != document.end() && info->is_object()) {
    const auto text = [&](const char* key) {
      const auto found = info->find(key);
      return found != info->end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    model.network = {text("path"), text("sha256"), text("format")};
  }
  TESSERA_TRY(model.layers, layers_from_json(result, name));
  const LayerIndex index(model.layers);
  TESSERA_TRY(const Json* terms, member(result, "model", name));
  TESSERA_TRY(model.kind, text_member(*terms, "kind", name + ": model"));
  TESSERA_TRY(model.terms, terms_from_json(*terms, index, name + ": model"));
  TESSERA_TRY(const Json* intervals, member(result, "intervals", name));
  TESSERA_TRY(model.intervals, intervals_from_json(*intervals, name + ": intervals"));
  TESSERA_CHECK(read_bounds(result, index, name, model));
  model.sqnr_offset_db =
      number_or(result, "sqnr_offset_db", std::numeric_limits<double>::quiet_NaN());
  return model;
}

Result<ErrorModel> read_error_model(const std::filesystem::path& path) {
  TESSERA_TRY(const auto document, read_json(path));
  return error_model_from_json(document, path.string());
}

}  // namespace tessera::noise
