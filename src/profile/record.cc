// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/core/record.h"
#include "tessera/profile/profile.h"

namespace tessera::profile {
namespace {

/// NaN is written as null. May throw Json::exception, as its callers handle.
std::optional<double> optional_number(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) {
    return std::nullopt;
  }
  if (!found->is_number()) {
    constexpr int kTypeError = 302;
    throw Json::type_error::create(kTypeError, fmt::format("'{}' is not a number", key), &json);
  }
  return found->get<double>();
}

double number(const Json& json, const char* key) {
  return optional_number(json, key).value_or(0);
}

Json speedup_json(const evaluate::Speedup& speedup) {
  return {{"median", speedup.median},
          {"low", speedup.low},
          {"high", speedup.high},
          {"rounds", speedup.rounds}};
}

evaluate::Speedup speedup_from(const Json& json) {
  return {json.at("median").get<double>(), json.at("low").get<double>(),
          json.at("high").get<double>(), integer_from(json.at("rounds"))};
}

Timing timing_from(const Json& json) {
  return {json.at("median_us").get<double>(), json.at("p10_us").get<double>(),
          json.at("p90_us").get<double>(), integer_from(json.at("n")),
          integer_from(json.at("warmup"))};
}

Json cost_json(const PrecisionCost& cost) {
  auto json = to_json(cost.time);
  json["conversion"] = to_json(cost.conversion);
  json["kernels"] = cost.kernels;
  json["conversion_kernels"] = cost.conversion_kernels;
  json["integer"] = cost.integer;
  json["fused"] = cost.fused;
  return json;
}

PrecisionCost cost_from(const Json& json) {
  return {timing_from(json),
          timing_from(json.at("conversion")),
          json.at("kernels").get<std::vector<std::string>>(),
          json.at("conversion_kernels").get<std::vector<std::string>>(),
          json.at("integer").get<bool>(),
          json.at("fused").get<bool>()};
}

Json layer_json(const Layer& layer) {
  auto precisions = Json::object();
  for (const auto& [precision, cost] : layer.precisions) {
    precisions[precision] = cost_json(cost);
  }
  return {{"name", layer.name},
          {"type", layer.type},
          {"ops", layer.ops},
          {"macs", layer.macs},
          {"weight_bytes", layer.weight_bytes},
          {"input_bytes", layer.input_bytes},
          {"output_bytes", layer.output_bytes},
          {"ops_per_byte", layer.arithmetic_intensity()},
          {"quantizable", layer.quantizable},
          {"precisions", precisions},
          {"speedup", or_null(layer.speedup)},
          {"why", layer.why.empty() ? Json() : Json(layer.why)},
          {"isolated",
           {{"fp32_us", or_null(layer.isolated_fp32_us)},
            {"int8_us", or_null(layer.isolated_int8_us)}}}};
}

Layer layer_from(const Json& json) {
  Layer layer{.name = json.at("name").get<std::string>(),
              .type = json.at("type").get<std::string>(),
              .ops = json.at("ops").get<std::vector<std::string>>(),
              .macs = integer_from(json.at("macs")),
              .weight_bytes = integer_from(json.at("weight_bytes")),
              .input_bytes = integer_from(json.at("input_bytes")),
              .output_bytes = integer_from(json.at("output_bytes")),
              .quantizable = json.at("quantizable").get<bool>()};
  for (const auto& [precision, cost] : json.at("precisions").items()) {
    layer.precisions.emplace(precision, cost_from(cost));
  }
  layer.speedup = optional_number(json, "speedup");
  layer.why = json.at("why").is_string() ? json.at("why").get<std::string>() : "";
  layer.isolated_fp32_us = optional_number(json.at("isolated"), "fp32_us");
  layer.isolated_int8_us = optional_number(json.at("isolated"), "int8_us");
  return layer;
}

Json whole_json(const WholeCost& whole) {
  return {{"scheme", whole.scheme},
          {"latency", to_json(whole.latency)},
          {"speedup", speedup_json(whole.speedup)},
          {"kernel_sum_us", whole.kernel_sum_us},
          {"explained_us", whole.explained_us},
          {"size_bytes", whole.size_bytes},
          {"kernels", whole.kernels},
          {"disturbed_runs", whole.disturbed_runs},
          {"memory", whole.memory ? runtime::to_json(*whole.memory) : Json()}};
}

WholeCost whole_from(const Json& json) {
  WholeCost whole{.scheme = json.at("scheme").get<std::string>(),
                  .latency = timing_from(json.at("latency")),
                  .speedup = speedup_from(json.at("speedup")),
                  .kernel_sum_us = number(json, "kernel_sum_us"),
                  .explained_us = number(json, "explained_us"),
                  .size_bytes = integer_from(json.at("size_bytes")),
                  .kernels = integer_from(json.at("kernels")),
                  .disturbed_runs = integer_from(json.at("disturbed_runs"))};
  if (const auto& memory = json.at("memory"); memory.is_object()) {
    whole.memory = {integer_from(memory.at("weights_bytes")),
                    integer_from(memory.at("arena_peak_bytes")), std::nullopt};
    if (memory.at("rss_delta_bytes").is_number()) {
      whole.memory->rss_delta_bytes = integer_from(memory.at("rss_delta_bytes"));
    }
  }
  return whole;
}

Roofline roofline_from(const Json& json) {
  return {number(json, "fp32_gflops"), number(json, "int8_gops"),
          number(json, "bandwidth_bytes_per_s"), json.at("method").get<std::string>()};
}

Json validation_json(const Validation& validation) {
  const auto isolated = [&](double error) {
    return validation.isolated_p95_abs_error > 0 ? Json(error) : Json();
  };
  auto points = Json::array();
  for (const auto& point : validation.points) {
    points.push_back({{"integer_layers", point.integer_layers},
                      {"predicted_us", point.predicted_us},
                      {"measured_us", point.measured_us},
                      {"isolated_us", point.isolated_us}});
  }
  return {{"plans", validation.points.size()},
          {"median_abs_error", validation.median_abs_error},
          {"p95_abs_error", validation.p95_abs_error},
          {"spearman", validation.spearman},
          {"inside_interval", validation.inside_interval},
          {"isolated_median_abs_error", isolated(validation.isolated_median_abs_error)},
          {"isolated_p95_abs_error", isolated(validation.isolated_p95_abs_error)},
          {"points", points}};
}

Validation validation_from(const Json& json) {
  Validation validation{.median_abs_error = number(json, "median_abs_error"),
                        .p95_abs_error = number(json, "p95_abs_error"),
                        .spearman = number(json, "spearman"),
                        .inside_interval = number(json, "inside_interval"),
                        .isolated_median_abs_error = number(json, "isolated_median_abs_error"),
                        .isolated_p95_abs_error = number(json, "isolated_p95_abs_error")};
  for (const auto& point : json.at("points")) {
    validation.points.push_back({integer_from(point.at("integer_layers")),
                                 number(point, "predicted_us"), number(point, "measured_us"),
                                 number(point, "isolated_us")});
  }
  return validation;
}

Json curve_json(const std::vector<CurvePoint>& curve) {
  auto json = Json::array();
  for (const auto& point : curve) {
    json.push_back({{"k", point.k},
                    {"layer", point.layer},
                    {"predicted_us", point.predicted_us},
                    {"measured_us", point.measured_us},
                    {"speedup", point.speedup},
                    {"sqnr_db", point.sqnr_db},
                    {"l2_per_element", point.l2_per_element}});
  }
  return json;
}

CurvePoint curve_point_from(const Json& json) {
  CurvePoint point{integer_from(json.at("k")),    json.at("layer").get<std::string>(),
                   number(json, "predicted_us"),  number(json, "measured_us"),
                   number(json, "speedup"),       number(json, "sqnr_db"),
                   number(json, "l2_per_element")};
  // The float model has no error at all, which is written as null.
  if (const auto sqnr = json.find("sqnr_db"); sqnr != json.end() && sqnr->is_null()) {
    point.sqnr_db = std::numeric_limits<double>::infinity();
  }
  return point;
}

/// The value of `all` that is written so.
template <class Enum, std::size_t count>
Result<Enum> from_word(const std::array<Enum, count>& all, const std::string& word) {
  const auto found =
      std::find_if(all.begin(), all.end(), [&](Enum value) { return to_string(value) == word; });
  if (found == all.end()) {
    return fail(ErrorCode::kDataLoss, "the profile is damaged: '{}' is not known", word);
  }
  return *found;
}

Result<evaluate::Timer> timer_from(const std::string& word) {
  using enum evaluate::Timer;
  return from_word(std::array{kWall, kThreadCpu, kProcessCpu}, word);
}

Result<graph::QuantizationState> state_from(const std::string& word) {
  using enum graph::QuantizationState;
  return from_word(std::array{kNone, kQdq, kQOperator, kDynamic, kWeightOnly, kFloat16, kMixed},
                   word);
}

Json schemes_json(const std::vector<quantize::Scheme>& schemes) {
  auto list = Json::array();
  for (const auto& scheme : schemes) {
    list.push_back(quantize::to_json(scheme));
  }
  return list;
}

Result<quantize::Scheme> scheme_from(Json fields) {
  fields.erase("exact_inputs");  // follows from the layer's neighbours, not from the scheme
  return quantize::scheme_from_json(fields, {});
}

Json traced_json(const std::vector<TracedPlan>& traced) {
  auto list = Json::array();
  for (const auto& plan : traced) {
    list.push_back({{"number", plan.number},
                    {"reference_us", plan.reference_us},
                    {"times", to_json(plan.times)}});
  }
  return list;
}

/// May throw Json::exception, as its caller handles.
Result<std::vector<TracedPlan>> traced_from_json(const Json& list) {
  std::vector<TracedPlan> traced;
  for (const auto& plan : list) {
    TESSERA_TRY(auto times, plan_times_from_json(plan.at("times")));
    traced.push_back(
        {integer_from(plan.at("number")), plan.at("reference_us").get<double>(), std::move(times)});
  }
  return traced;
}

}  // namespace

Json to_json(const PlanTimes& times) {
  return {{"states", digits_of(times.states)},
          {"unit_us", times.unit_us},
          {"conversion_us", times.conversion_us},
          {"unit_kernels", times.unit_kernels},
          {"conversion_kernels", times.conversion_kernels}};
}

Result<PlanTimes> plan_times_from_json(const Json& json) {
  try {
    TESSERA_TRY(auto states, states_from(json.at("states").get<std::string>()));
    return PlanTimes{std::move(states), json.at("unit_us").get<std::vector<double>>(),
                     json.at("conversion_us").get<std::vector<double>>(),
                     json.at("unit_kernels").get<std::vector<double>>(),
                     json.at("conversion_kernels").get<std::vector<double>>()};
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the times of a plan are damaged: {}", problem.what());
  }
}

Json to_json(const Profile& profile) {
  auto layers = Json::array();
  for (const auto& layer : profile.layers) {
    layers.push_back(layer_json(layer));
  }
  auto whole = Json::object();
  for (const auto& [precision, cost] : profile.whole) {
    whole[precision] = whole_json(cost);
  }
  auto gain_only = Json::array();
  for (const auto& gain : profile.gain_only) {
    gain_only.push_back({{"by", gain.by},
                         {"integer_layers", gain.integer_layers},
                         {"predicted_speedup", gain.predicted_speedup},
                         {"measured_speedup", speedup_json(gain.measured)}});
  }
  const auto& stability = profile.stability;
  Json json = {{"scheme", profile.scheme},
               {"integer_scheme",
                profile.integer_scheme ? quantize::to_json(*profile.integer_scheme) : Json()},
               {"further_schemes", schemes_json(profile.further_schemes)},
               {"quantization_state", graph::to_string(profile.quantization.state)},
               {"cut_off", profile.cut_off},
               {"interrupted", profile.interrupted},
               {"provider", profile.provider},
               {"timer", evaluate::to_string(profile.timer)},
               {"whole", whole},
               {"validation", validation_json(profile.validation)},
               {"gain_only", gain_only},
               {"conversions", to_json(profile.conversions)},
               {"roofline", profile.roofline ? to_json(*profile.roofline) : Json()},
               {"stability",
                {{"stable", stability.stable},
                 {"runs", stability.runs},
                 {"disturbed_runs", stability.disturbed_runs},
                 {"reference_spread", stability.reference_spread}}},
               {"fastest",
                {{"predicted_us", profile.fastest.predicted_us},
                 {"integer_layers", profile.fastest.integer_layers},
                 {"float_layers", profile.fastest.float_layers},
                 {"further", profile.fastest.further}}},
               {"training_plans", profile.training_plans},
               {"wall_us", profile.wall_us},
               {"layers", layers},
               {"curve", curve_json(profile.curve)},
               {"latency_model", to_json(profile.model)}};
  if (profile.interrupted) {
    json["traced_plans"] = traced_json(profile.traced);
  }
  return json;
}

Result<Profile> profile_from_json(const Json& result) {
  Profile profile;
  try {
    profile.scheme = result.at("scheme").get<std::string>();
    if (const auto scheme = result.find("integer_scheme");
        scheme != result.end() && scheme->is_object()) {
      TESSERA_TRY(profile.integer_scheme, scheme_from(*scheme));
    }
    if (const auto further = result.find("further_schemes"); further != result.end()) {
      for (const auto& item : *further) {
        TESSERA_TRY(auto scheme, scheme_from(item));
        profile.further_schemes.push_back(std::move(scheme));
      }
    }
    if (const auto cut = result.find("cut_off"); cut != result.end()) {
      profile.cut_off = cut->get<std::vector<std::string>>();
    }
    profile.interrupted = result.value("interrupted", false);
    if (const auto traced = result.find("traced_plans"); traced != result.end()) {
      TESSERA_TRY(profile.traced, traced_from_json(*traced));
    }
    profile.provider = result.at("provider").get<std::string>();
    TESSERA_TRY(profile.timer, timer_from(result.at("timer").get<std::string>()));
    if (const auto state = result.find("quantization_state"); state != result.end()) {
      TESSERA_TRY(profile.quantization.state, state_from(state->get<std::string>()));
    }
    for (const auto& layer : result.at("layers")) {
      profile.layers.push_back(layer_from(layer));
    }
    for (const auto& [precision, whole] : result.at("whole").items()) {
      profile.whole.emplace(precision, whole_from(whole));
    }
    profile.validation = validation_from(result.at("validation"));
    for (const auto& gain : result.at("gain_only")) {
      profile.gain_only.push_back(
          {gain.at("by").get<std::string>(), integer_from(gain.at("integer_layers")),
           number(gain, "predicted_speedup"), speedup_from(gain.at("measured_speedup"))});
    }
    const auto& stability = result.at("stability");
    profile.stability = {integer_from(stability.at("runs")),
                         integer_from(stability.at("disturbed_runs")),
                         number(stability, "reference_spread"), stability.at("stable").get<bool>()};
    const auto& fastest = result.at("fastest");
    profile.fastest = {number(fastest, "predicted_us"),
                       fastest.at("integer_layers").get<std::vector<std::string>>(),
                       fastest.at("float_layers").get<std::vector<std::string>>(),
                       fastest.value("further", std::map<std::string, std::string>())};
    profile.training_plans = integer_from(result.at("training_plans"));
    profile.wall_us = number(result, "wall_us");
    for (const auto& point : result.at("curve")) {
      profile.curve.push_back(curve_point_from(point));
    }
    if (const auto& roofline = result.at("roofline"); roofline.is_object()) {
      profile.roofline = roofline_from(roofline);
    }
    TESSERA_TRY(profile.conversions, conversions_from_json(result.at("conversions")));
    if (!profile.interrupted) {
      TESSERA_TRY(profile.model, latency_model_from_json(result.at("latency_model")));
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the profile is damaged: {}", problem.what())
        .hint("make it again: tessera profile MODEL --data D -o P.json");
  }
  return profile;
}

Result<StoredProfile> stored_profile_from_json(const Json& document, std::string_view what) {
  TESSERA_TRY(const auto result, open_envelope(document, "profile", what));
  StoredProfile stored;
  TESSERA_TRY(stored.profile, profile_from_json(result).map_error(in_file(std::string(what))));
  try {
    if (const auto& model = document.at("model"); model.is_object()) {
      stored.model =
          ModelInfo{model.at("path").get<std::string>(), model.at("sha256").get<std::string>(),
                    model.at("format").get<std::string>()};
    }
    const auto context = document.find("context");  // a timeless document has none
    if (context != document.end() && context->contains("cpu")) {
      stored.cpu = context->at("cpu").get<std::string>();
    }
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "{}: the profile's envelope is damaged: {}", what,
                problem.what());
  }
  return stored;
}

Result<StoredProfile> read_profile(const std::filesystem::path& path) {
  TESSERA_TRY(const auto document, read_json(path));
  return stored_profile_from_json(document, path.string());
}

}  // namespace tessera::profile
