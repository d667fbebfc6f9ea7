// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "tessera/core/record.h"
#include "tessera/profile/fields.h"
#include "tessera/profile/record.h"
#include "tessera/runtime/fields.h"

namespace tessera::profile {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Unknown where layers were not timed alone.
template <auto error>
constexpr Field<Validation> isolated(std::string_view name, std::string_view says) {
  auto made = figure<error>(name, says);
  made.value = [](const Validation& all) {
    return all.isolated_p95_abs_error > 0 ? Json(all.*error) : Json();
  };
  return made;
}

/// The value of `all` that is written so.
template <class Enum, std::size_t count>
Enum from_word(const std::array<Enum, count>& all, const Json& json) {
  const auto word = json.get<std::string>();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](Enum value) { return to_string(value) == word; });
  if (found == all.end()) {
    refuse_value(json, fmt::format("'{}' is not known", word));
  }
  return *found;
}

quantize::Scheme scheme_from(Json fields) {
  fields.erase("exact_inputs");  // follows from the layer's neighbours, not from the scheme
  return value_or_throw(quantize::scheme_from_json(fields, {}), fields);
}

}  // namespace

Fields<SharedKernel> fields_of(const SharedKernel*) {
  static constexpr std::array kFields = {
      field<&SharedKernel::units>("units", "places of those that it computes, from 0"),
      field<&SharedKernel::us>("us", "what is taken to be that of each, in unit_us too")};
  return kFields;
}

Fields<PlanTimes> fields_of(const PlanTimes*) {
  static constexpr std::array kFields = {
      Field<PlanTimes>{"states", "a digit for every unit: 0 for float32, else the scheme",
                       [](const PlanTimes& times) { return Json(digits_of(times.states)); },
                       [](PlanTimes& times, const Json& json) {
                         times.states = value_or_throw(states_from(json.get<std::string>()), json);
                       }},
      field<&PlanTimes::unit_us>("unit_us", "of every unit's own kernels"),
      field<&PlanTimes::conversion_us>("conversion_us", "of conversions; the last: of the inputs"),
      field<&PlanTimes::unit_kernels>("unit_kernels", "how many ran"),
      field<&PlanTimes::conversion_kernels>("conversion_kernels", "how many ran"),
      field<&PlanTimes::shared>("shared", "kernels that compute several units at once").if_any()};
  return kFields;
}

Fields<TracedPlan> fields_of(const TracedPlan*) {
  static constexpr std::array kFields = {
      field<&TracedPlan::number>("number", "among the plans that the seed draws"),
      field<&TracedPlan::reference_us>("reference_us", "float32 beside it"),
      field<&TracedPlan::times>("times", "where the time went")};
  return kFields;
}

Fields<PrecisionCost> fields_of(const PrecisionCost*) {
  static constexpr std::array kFields = {
      fields_within<&PrecisionCost::time>(),
      field<&PrecisionCost::conversion>("conversion", "type and layout changes of its result"),
      field<&PrecisionCost::kernels>("kernels", "what ran; none: folded into a neighbour"),
      field<&PrecisionCost::conversion_kernels>("conversion_kernels", "what ran to convert"),
      field<&PrecisionCost::integer>("integer", "integer kernels did the work"),
      field<&PrecisionCost::fused>("fused", "another layer's kernel did the work")};
  return kFields;
}

Fields<Layer> fields_of(const Layer*) {
  static constexpr std::array kFields = {
      field<&Layer::name>("name", "of the layer: of its main operator"),
      field<&Layer::type>("type", "of that operator"),
      field<&Layer::ops>("ops", "operators that run together"),
      field<&Layer::macs>("macs", "multiply-accumulates"),
      field<&Layer::weight_bytes>("weight_bytes", "of its constants"),
      field<&Layer::input_bytes>("input_bytes", "of the activations that it reads"),
      field<&Layer::output_bytes>("output_bytes", "of its results"),
      written<&Layer::arithmetic_intensity>("ops_per_byte", "two per MAC, of all these bytes"),
      field<&Layer::quantizable>("quantizable", "it takes the scheme of int8"),
      field<&Layer::takes>("takes", "schemes that it can be computed in").later(),
      field<&Layer::precisions>("precisions", "what it costs: fp32, int8, further schemes by name"),
      field<&Layer::speedup>("speedup", "of int8"),
      word<&Layer::why>("why", "why int8 does not gain"),
      Field<Layer>{"isolated", "timed alone: fp32_us and int8_us",
                   [](const Layer& layer) {
                     return Json{{"fp32_us", or_null(layer.isolated_fp32_us)},
                                 {"int8_us", or_null(layer.isolated_int8_us)}};
                   },
                   [](Layer& layer, const Json& json) {
                     read_value(layer.isolated_fp32_us, json.at("fp32_us"));
                     read_value(layer.isolated_int8_us, json.at("int8_us"));
                   }}};
  return kFields;
}

Fields<WholeCost> fields_of(const WholeCost*) {
  static constexpr std::array kFields = {
      field<&WholeCost::scheme>("scheme", "of all operators that take it"),
      field<&WholeCost::latency>("latency", "without the profiler, interleaved with float32"),
      field<&WholeCost::speedup>("speedup", "over float32"),
      figure<&WholeCost::kernel_sum_us>("kernel_sum_us", "sum of its kernels under the profiler"),
      figure<&WholeCost::explained_us>("explained_us", "what the latency model says"),
      field<&WholeCost::size_bytes>("size_bytes", "of the serialized model"),
      field<&WholeCost::kernels>("kernels", "that one run calls"),
      field<&WholeCost::disturbed_runs>("disturbed_runs",
                                        "runs left out: others had the processor"),
      field<&WholeCost::memory>("memory", "of a session of its own; null if it was not measured")};
  return kFields;
}

Fields<ValidationPoint> fields_of(const ValidationPoint*) {
  static constexpr std::array kFields = {
      field<&ValidationPoint::integer_layers>("integer_layers", "how many"),
      figure<&ValidationPoint::predicted_us>("predicted_us", "by the latency model"),
      figure<&ValidationPoint::measured_us>("measured_us", "raced against float32"),
      figure<&ValidationPoint::isolated_us>("isolated_us",
                                            "by layers timed alone; 0: they were not")};
  return kFields;
}

Fields<Validation> fields_of(const Validation*) {
  static constexpr std::array kFields = {
      Field<Validation>{"plans", "mixes that the fit had not seen",
                        [](const Validation& all) { return Json(all.points.size()); }},
      figure<&Validation::median_abs_error>("median_abs_error", "|predicted / measured - 1|"),
      figure<&Validation::p95_abs_error>("p95_abs_error", "95th percentile of it"),
      figure<&Validation::spearman>("spearman", "rank correlation"),
      figure<&Validation::inside_interval>("inside_interval", "share in the 90 % interval"),
      isolated<&Validation::isolated_median_abs_error>("isolated_median_abs_error",
                                                       "of the sum of layers timed alone"),
      isolated<&Validation::isolated_p95_abs_error>("isolated_p95_abs_error",
                                                    "95th percentile of it"),
      field<&Validation::points>("points", "plan by plan")};
  return kFields;
}

Fields<GainOnly> fields_of(const GainOnly*) {
  static constexpr std::array kFields = {
      field<&GainOnly::by>("by", "what chose them: layers timed alone, or in their context"),
      field<&GainOnly::integer_layers>("integer_layers", "how many gain"),
      figure<&GainOnly::predicted_speedup>("predicted_speedup", "by the same figures"),
      field<&GainOnly::measured>("measured_speedup", "really")};
  return kFields;
}

Fields<CurvePoint> fields_of(const CurvePoint*) {
  static constexpr std::array kFields = {
      field<&CurvePoint::k>("k", "layers in integers, those with most MACs"),
      field<&CurvePoint::layer>("layer", "the one that this point adds"),
      figure<&CurvePoint::predicted_us>("predicted_us", "by the latency model"),
      figure<&CurvePoint::measured_us>("measured_us", "at the pace of float32"),
      figure<&CurvePoint::speedup>("speedup", "over float32"),
      Field<CurvePoint>{"sqnr_db", "of the outputs; null if they are those of float32",
                        [](const CurvePoint& point) { return finite_or_null(point.sqnr_db); },
                        [](CurvePoint& point, const Json& json) {
                          point.sqnr_db = json.is_null() ? kInfinity : json.get<double>();
                        }},
      figure<&CurvePoint::l2_per_element>("l2_per_element", "|x - y|_2 / elements of the outputs")};
  return kFields;
}

Fields<Profile::Stability> fields_of(const Profile::Stability*) {
  using Stability = Profile::Stability;
  static constexpr std::array kFields = {
      field<&Stability::stable>("stable", "the machine was quiet enough to trust the figures"),
      field<&Stability::runs>("runs", "under the profiler"),
      field<&Stability::disturbed_runs>("disturbed_runs", "of these, left out"),
      figure<&Stability::reference_spread>("reference_spread", "(p90 - p10) / median of float32")};
  return kFields;
}

Fields<Profile::Fastest> fields_of(const Profile::Fastest*) {
  using Fastest = Profile::Fastest;
  static constexpr std::array kFields = {
      figure<&Fastest::predicted_us>("predicted_us", "by the latency model"),
      field<&Fastest::integer_layers>("integer_layers", "their names"),
      field<&Fastest::float_layers>("float_layers", "those that could be integers and are not"),
      field<&Fastest::further>("further",
                               "of the integer layers those in a further scheme, and in which")
          .later()};
  return kFields;
}

Fields<Profile> fields_of(const Profile*) {
  static constexpr std::array kFields = {
      field<&Profile::scheme>("scheme", "of int8"),
      Field<Profile>{"integer_scheme", "the same, field by field",
                     [](const Profile& profile) { return as_json(profile.integer_scheme); },
                     [](Profile& profile, const Json& json) {
                       if (json.is_object()) {
                         profile.integer_scheme = scheme_from(json);
                       }
                     }}
          .later(),
      Field<Profile>{"further_schemes", "schemes that mixes drew from besides",
                     [](const Profile& profile) { return as_json(profile.further_schemes); },
                     [](Profile& profile, const Json& json) {
                       for (const auto& item : json) {
                         profile.further_schemes.push_back(scheme_from(item));
                       }
                     }}
          .later(),
      Field<Profile>{
          "quantization_state", "of the model as it was given",
          [](const Profile& profile) { return as_json(profile.quantization.state); },
          [](Profile& profile, const Json& json) {
            using enum graph::QuantizationState;
            profile.quantization.state = from_word(
                std::array{kNone, kQdq, kQOperator, kDynamic, kWeightOnly, kFloat16, kMixed}, json);
          }}
          .later(),
      field<&Profile::cut_off>("cut_off", "what the time budget left out").later(),
      field<&Profile::interrupted>("interrupted",
                                   "the user stopped it: layers are measured, predictions are not")
          .later(),
      field<&Profile::provider>("provider", "that it was measured on"),
      Field<Profile>{
          "opt_level", "of the runtime's graph optimization",
          [](const Profile& profile) { return as_json(profile.opt_level); },
          [](Profile& profile, const Json& json) {
            using enum runtime::OptLevel;
            profile.opt_level = from_word(std::array{kDisabled, kBasic, kExtended, kAll}, json);
          }}
          .later(),
      Field<Profile>{"timer", "how latencies were taken",
                     [](const Profile& profile) { return as_json(profile.timer); },
                     [](Profile& profile, const Json& json) {
                       using enum evaluate::Timer;
                       profile.timer = from_word(std::array{kWall, kThreadCpu, kProcessCpu}, json);
                     }},
      field<&Profile::whole>("whole", "uniform models: fp32, int8, further schemes by name"),
      field<&Profile::validation>("validation",
                                  "predictions of mixes against measurements; errors are relative"),
      field<&Profile::gain_only>("gain_only", "the plan of all layers that gain by themselves"),
      Field<Profile>{
          "conversions",
          "kernels that change types, timed alone; null and without points where that was "
          "not measured, or the library has none",
          [](const Profile& profile) { return as_json(profile.conversions); },
          [](Profile& profile, const Json& json) {
            profile.conversions = value_or_throw(conversions_from_json(json), json);
          }},
      field<&Profile::roofline>("roofline", "what a core reaches; null if it was not measured"),
      field<&Profile::stability>("stability", "how quiet the machine was"),
      field<&Profile::fastest>("fastest", "the mix of the least predicted time"),
      field<&Profile::training_plans>("training_plans",
                                      "mixes that the latency model was fitted to"),
      figure<&Profile::wall_us>("wall_us", "of everything"),
      field<&Profile::layers>("layers", "in the order in which they run"),
      field<&Profile::curve>("curve", "with --curve: more and more layers in integers"),
      Field<Profile>{
          "latency_model",
          "what tessera reads it for; cells are [us, kernels, plans that they were seen in]",
          [](const Profile& profile) { return as_json(profile.model); },
          [](Profile& profile, const Json& json) {
            if (!profile.interrupted) {
              profile.model = value_or_throw(latency_model_from_json(json), json);
            }
          }},
      Field<Profile>{"traced_plans",
                     "of an interrupted one: mixes taken apart by kernels, for --resume",
                     [](const Profile& profile) {
                       return profile.interrupted ? as_json(profile.traced) : Json();
                     },
                     [](Profile& profile, const Json& json) { read_value(profile.traced, json); }}
          .if_any()};
  return kFields;
}

Json to_json(const PlanTimes& times) {
  return as_json(times);
}

Result<PlanTimes> plan_times_from_json(const Json& json) {
  try {
    PlanTimes times;
    read_value(times, json);
    return times;
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the times of a plan are damaged: {}", problem.what());
  }
}

Json to_json(const Profile& profile) {
  return as_json(profile);
}

Result<Profile> profile_from_json(const Json& result) {
  try {
    Profile profile;
    read_value(profile, result);
    return profile;
  } catch (const Json::exception& problem) {
    return fail(ErrorCode::kDataLoss, "the profile is damaged: {}", problem.what())
        .hint("make it again: tessera profile MODEL --data D -o P.json");
  }
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
