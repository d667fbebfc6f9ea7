// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/made_up_profiles.h"
#include "support/matchers.h"
#include "tessera/core/record.h"
#include "tessera/profile/profile.h"

namespace tessera::profile {
namespace {

using made_up::chain_of;
using made_up::context_free;
using ::testing::_;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;

constexpr double kInfinite = std::numeric_limits<double>::infinity();

ConversionCurve curve(double base_us) {
  return {{{1024, base_us + 1}, {8192, base_us + 8}}, base_us, 0.97};
}

/// Every member is other than by default, and other than its neighbours.
Profile full_profile() {
  Profile profile;
  profile.scheme = "qdq-u8s8-channel";
  profile.integer_scheme = quantize::Scheme{.per_channel = true};
  profile.quantization.state = graph::QuantizationState::kQdq;
  profile.cut_off = {"the curve"};
  profile.provider = "cpu";
  profile.timer = evaluate::Timer::kThreadCpu;
  Layer layer{.name = "conv", .type = "Conv", .ops = {"conv", "relu"}};
  layer.macs = 1000;
  layer.weight_bytes = 200;
  layer.input_bytes = 300;
  layer.output_bytes = 400;
  layer.quantizable = true;
  layer.precisions["fp32"] = {{10, 9, 12, 7, 2}, {1, 0.5, 2, 7, 2}, {"Conv"}, {"ReorderInput"}};
  layer.precisions["int8"] = {{4, 3, 5, 7, 2}, {2, 1, 3, 7, 2}, {"QLinearConv"}, {}, true, true};
  layer.speedup = 1.8;
  layer.isolated_fp32_us = 11;
  layer.isolated_int8_us = 3.5;
  profile.layers.push_back(layer);
  profile.layers.push_back({.name = "softmax", .type = "Softmax", .why = "no integer kernel"});
  auto& whole = profile.whole["fp32"];
  whole.scheme = "float32";
  whole.latency = {100, 95, 110, 16, 2};
  whole.speedup = {1, 0.99, 1.01, 16};
  whole.kernel_sum_us = 90;
  whole.explained_us = 99;
  whole.size_bytes = 5000;
  whole.kernels = 12;
  whole.disturbed_runs = 3;
  whole.memory = runtime::SessionMemory{1000, 2000, 3000};
  profile.whole["int8"] = whole;
  profile.whole["int8"].memory = runtime::SessionMemory{500, 600, std::nullopt};
  profile.conversions = {curve(1), curve(2), curve(3), curve(4), curve(5)};
  profile.roofline = Roofline{100, 400, 2e10, "made up"};
  const auto units = chain_of({"Conv", "Softmax"});
  profile.model = context_free(units, {10, 3}, {4, 3});
  profile.model.schemes = {profile.scheme};
  profile.validation = {{{3, 50, 51, 60}, {1, 80, 79, 0}}, 0.01, 0.02, 0.9, 0.5, 0.1, 0.2};
  profile.fastest = {44, {"conv"}, {"softmax"}};
  profile.gain_only = {{"context", 1, 1.5, {1.4, 1.3, 1.45, 12}}};
  profile.curve = {{1, "conv", 60, 61, 1.6, 33, 0.01}};
  profile.stability = {200, 5, 0.03, false};
  profile.training_plans = 57;
  profile.wall_us = 12345;
  return profile;
}

Result<Profile> through_text(const Profile& profile) {
  TESSERA_TRY(const auto json, parse_json(to_text(to_json(profile)), "the profile"));
  return profile_from_json(json);
}

TEST(ProfileRecord, IsReadBackAsItWasWritten) {
  const auto profile = full_profile();
  const auto again = through_text(profile);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(to_text(to_json(*again)), to_text(to_json(profile)));
}

TEST(ProfileRecord, KeepsWhatTextsAndChartsAreMadeOf) {
  const auto again = through_text(full_profile());
  ASSERT_THAT(again, IsOk());
  ASSERT_EQ(again->layers.size(), 2U);
  const auto& layer = again->layers[0];
  EXPECT_THAT(layer.ops, ElementsAre("conv", "relu"));
  EXPECT_EQ(layer.macs, 1000);
  EXPECT_EQ(layer.precisions.at("fp32").time.p90_us, 12);
  EXPECT_EQ(layer.precisions.at("fp32").conversion.p10_us, 0.5);
  EXPECT_FALSE(layer.precisions.at("fp32").integer);
  EXPECT_TRUE(layer.precisions.at("int8").integer);
  EXPECT_TRUE(layer.precisions.at("int8").fused);
  EXPECT_THAT(layer.precisions.at("int8").conversion_kernels, IsEmpty());
  EXPECT_EQ(layer.speedup, 1.8);
  EXPECT_EQ(layer.isolated_int8_us, 3.5);
  EXPECT_FALSE(again->layers[1].speedup.has_value());
  EXPECT_FALSE(again->layers[1].isolated_fp32_us.has_value());
  EXPECT_EQ(again->layers[1].why, "no integer kernel");
  EXPECT_EQ(again->whole.at("fp32").memory->rss_delta_bytes, 3000);
  EXPECT_FALSE(again->whole.at("int8").memory->rss_delta_bytes.has_value());
  EXPECT_EQ(again->integer_scheme, full_profile().integer_scheme);
  EXPECT_EQ(again->conversions.transpose_int8.base_us, 5);
  EXPECT_EQ(again->conversions.cast.points.at(1).elements, 8192);
  EXPECT_EQ(again->validation.points.at(1).measured_us, 79);
  EXPECT_EQ(again->validation.isolated_p95_abs_error, 0.2);
  EXPECT_FALSE(again->stability.stable);
  EXPECT_EQ(again->gain_only.at(0).measured.high, 1.45);
}

TEST(ProfileRecord, EveryTimer_IsReadBack) {
  for (const auto timer :
       {evaluate::Timer::kWall, evaluate::Timer::kThreadCpu, evaluate::Timer::kProcessCpu}) {
    auto profile = full_profile();
    profile.timer = timer;
    const auto again = through_text(profile);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->timer, timer) << evaluate::to_string(timer);
  }
}

TEST(ProfileRecord, EveryStateOfQuantization_IsReadBack) {
  using enum graph::QuantizationState;
  for (const auto state : {kNone, kQdq, kQOperator, kDynamic, kWeightOnly, kFloat16, kMixed}) {
    auto profile = full_profile();
    profile.quantization.state = state;
    const auto again = through_text(profile);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(again->quantization.state, state) << graph::to_string(state);
  }
}

TEST(ProfileRecord, WordsOfTomorrow_AreRefused) {
  auto json = to_json(full_profile());
  json["timer"] = "sundial";
  EXPECT_THAT(profile_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("sundial")));
  json = to_json(full_profile());
  json["quantization_state"] = "one-bit";
  EXPECT_THAT(profile_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("one-bit")));
}

TEST(ProfileRecord, EmptyParts_AreReadBack) {
  auto profile = full_profile();
  profile.integer_scheme.reset();
  profile.roofline.reset();
  profile.layers.clear();
  profile.curve.clear();
  profile.gain_only.clear();
  profile.validation = {};
  profile.whole.clear();
  const auto again = through_text(profile);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(to_text(to_json(*again)), to_text(to_json(profile)));
  EXPECT_FALSE(again->roofline.has_value());
  EXPECT_FALSE(again->integer_scheme.has_value());
}

TEST(ProfileRecord, NotANumber_IsNullAndReadAsNothing) {
  auto profile = full_profile();
  profile.curve[0].sqnr_db = kInfinite;
  profile.validation.spearman = std::nan("");
  profile.stability.reference_spread = std::nan("");
  const auto text = to_text(to_json(profile));
  EXPECT_EQ(text.find("nan"), std::string::npos);
  EXPECT_EQ(text.find("inf\""), std::string::npos);
  const auto again = through_text(profile);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->validation.spearman, 0);
}

/// What a curve's first point has, whose model is float throughout.
TEST(ProfileRecord, AnErrorOfNothing_StaysInfinitelyFarBelowTheSignal) {
  auto profile = full_profile();
  profile.curve[0].sqnr_db = kInfinite;
  const auto again = through_text(profile);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->curve[0].sqnr_db, kInfinite);
}

TEST(ProfileRecord, UnknownKeys_AreLeftAlone) {
  auto json = to_json(full_profile());
  json["of_tomorrow"] = {1, 2};
  json["layers"][0]["colour"] = "blue";
  json["whole"]["fp32"]["taste"] = 3;
  const auto again = profile_from_json(json);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(to_text(to_json(*again)), to_text(to_json(full_profile())));
}

TEST(ProfileRecord, EveryMissingKey_IsNamed) {
  const auto json = to_json(full_profile());
  for (const auto* const key :
       {"scheme", "provider", "timer", "layers", "whole", "validation", "gain_only", "stability",
        "fastest", "training_plans", "curve", "roofline", "conversions", "latency_model"}) {
    auto damaged = json;
    damaged.erase(key);
    EXPECT_THAT(profile_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
  for (const auto* const key : {"name", "type", "ops", "macs", "weight_bytes", "input_bytes",
                                "output_bytes", "quantizable", "precisions", "why", "isolated"}) {
    auto damaged = json;
    damaged["layers"][0].erase(key);
    EXPECT_THAT(profile_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
  for (const auto* const key : {"median_us", "p10_us", "p90_us", "n", "warmup", "conversion",
                                "kernels", "conversion_kernels", "integer", "fused"}) {
    auto damaged = json;
    damaged["layers"][0]["precisions"]["int8"].erase(key);
    EXPECT_THAT(profile_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
  for (const auto* const key : {"scheme", "latency", "speedup", "kernel_sum_us", "explained_us",
                                "size_bytes", "kernels", "disturbed_runs", "memory"}) {
    auto damaged = json;
    damaged["whole"]["fp32"].erase(key);
    EXPECT_THAT(profile_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
}

TEST(ProfileRecord, WhatOlderDocumentsLack_MayBeMissing) {
  auto json = to_json(full_profile());
  for (const auto* const key : {"integer_scheme", "cut_off", "interrupted", "quantization_state"}) {
    json.erase(key);
  }
  const auto again = profile_from_json(json);
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->integer_scheme.has_value());
  EXPECT_THAT(again->cut_off, IsEmpty());
  EXPECT_FALSE(again->interrupted);
  EXPECT_EQ(again->quantization.state, graph::QuantizationState::kNone);
}

TEST(ProfileRecord, WrongTypes_AreRefused) {
  const auto refused = [](const std::function<void(Json&)>& damage, int line = __builtin_LINE()) {
    auto json = to_json(full_profile());
    damage(json);
    EXPECT_THAT(profile_from_json(json), FailsWith(ErrorCode::kDataLoss, _)) << "line " << line;
  };
  refused([](Json& json) { json = Json::array(); });
  refused([](Json& json) { json = 3; });
  refused([](Json& json) { json["scheme"] = 3; });
  refused([](Json& json) { json["timer"] = nullptr; });
  refused([](Json& json) { json["interrupted"] = "no"; });
  refused([](Json& json) { json["cut_off"] = "all"; });
  refused([](Json& json) { json["layers"] = 7; });
  refused([](Json& json) { json["layers"][0] = "conv"; });
  refused([](Json& json) { json["layers"][0]["macs"] = 1.5; });
  refused([](Json& json) { json["layers"][0]["macs"] = 1e300; });
  refused([](Json& json) { json["layers"][0]["macs"] = ~std::uint64_t{0}; });
  refused([](Json& json) { json["layers"][0]["precisions"]["int8"]["integer"] = 1; });
  refused([](Json& json) { json["layers"][0]["precisions"]["int8"]["median_us"] = "4"; });
  refused([](Json& json) { json["whole"]["fp32"]["memory"]["weights_bytes"] = "many"; });
  refused([](Json& json) { json["whole"]["fp32"]["speedup"]["median"] = nullptr; });
  refused([](Json& json) { json["gain_only"][0]["by"] = 1; });
  refused([](Json& json) { json["stability"]["stable"] = "yes"; });
  refused([](Json& json) { json["training_plans"] = -0.5; });
  refused([](Json& json) { json["conversions"]["curves"]["cast"]["points"][0]["us"] = "1"; });
  refused([](Json& json) { json["fastest"]["integer_layers"] = {1, 2}; });
  refused([](Json& json) { json["wall_us"] = "an hour"; });
  refused([](Json& json) { json["curve"][0]["measured_us"] = "61"; });
  refused([](Json& json) { json["validation"]["spearman"] = Json::object(); });
}

TEST(ProfileRecord, OfADamagedOne_TheHintSaysHowToMakeIt) {
  auto json = to_json(full_profile());
  json.erase("layers");
  const auto refused = profile_from_json(json);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().hint, HasSubstr("tessera profile"));
}

TEST(ProfileRecord, Interrupted_HasPlansAndNoModel) {
  auto profile = full_profile();
  profile.interrupted = true;
  profile.model = {};
  profile.traced = {{3, 99.5, {{true, false}, {1, 2}, {0, 1, 0.5}, {1, 1}, {0, 1, 1}}}};
  const auto again = through_text(profile);
  ASSERT_THAT(again, IsOk());
  EXPECT_TRUE(again->interrupted);
  EXPECT_TRUE(again->model.rows.empty());
  ASSERT_EQ(again->traced.size(), 1U);
  EXPECT_EQ(again->traced[0].number, 3);
  EXPECT_EQ(again->traced[0].reference_us, 99.5);
  EXPECT_EQ(digits_of(again->traced[0].times.states), "10");
  EXPECT_THAT(again->traced[0].times.conversion_us, ElementsAre(0, 1, 0.5));
  // Of one that ended they are not written.
  profile.interrupted = false;
  EXPECT_FALSE(to_json(profile).contains("traced_plans"));
}

TEST(PlanTimesJson, EveryMissingKey_IsNamed_AndTypesCount) {
  const PlanTimes times{{true}, {1}, {0, 1}, {1}, {0, 1}};
  const auto json = to_json(times);
  for (const auto* const key :
       {"states", "unit_us", "conversion_us", "unit_kernels", "conversion_kernels"}) {
    auto damaged = json;
    damaged.erase(key);
    EXPECT_THAT(plan_times_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
    damaged = json;
    damaged[key] = 5;
    EXPECT_THAT(plan_times_from_json(damaged), FailsWith(ErrorCode::kDataLoss, _)) << key;
  }
  auto damaged = json;
  damaged["unit_us"][0] = nullptr;
  EXPECT_THAT(plan_times_from_json(damaged), FailsWith(ErrorCode::kDataLoss, _));
}

TEST(PlanTimesJson, StatesOtherThanDigits_AreRefused) {
  auto json = to_json(PlanTimes{{true, false}, {1, 1}, {0, 1, 0}, {1, 1}, {0, 1, 0}});
  json["states"] = "1x";
  EXPECT_THAT(plan_times_from_json(json), FailsWith(ErrorCode::kDataLoss, HasSubstr("1x")));
}

TEST(LayerRecord, Intensity_IsTwoOperationsPerMacAndByte) {
  Layer layer;
  EXPECT_EQ(layer.arithmetic_intensity(), 0);  // no bytes: no infinity
  layer.macs = 900;
  layer.weight_bytes = 200;
  layer.input_bytes = 300;
  layer.output_bytes = 400;
  EXPECT_DOUBLE_EQ(layer.arithmetic_intensity(), 2);
}

Json document(const Profile& profile, bool timeless = false) {
  Envelope envelope;
  envelope.kind = "profile";
  envelope.host.cpu = "a processor";
  envelope.model = ModelInfo{"m.onnx", "abc", "onnx"};
  envelope.timeless = timeless;
  return enclose(envelope, to_json(profile));
}

TEST(StoredProfile, TellsOfModelAndMachine) {
  const auto stored = stored_profile_from_json(document(full_profile()), "p.json");
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->cpu, "a processor");
  ASSERT_TRUE(stored->model.has_value());
  EXPECT_EQ(stored->model->path, "m.onnx");
  EXPECT_EQ(stored->model->sha256, "abc");
  EXPECT_EQ(stored->profile.training_plans, 57);
}

TEST(StoredProfile, Timeless_HasNoMachine) {
  const auto stored = stored_profile_from_json(document(full_profile(), true), "p.json");
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->cpu, "");
}

TEST(StoredProfile, DamagedOrForeign_IsNamedWithItsFile) {
  const auto refused = [](const std::function<void(Json&)>& damage, const char* said) {
    auto json = document(full_profile());
    damage(json);
    EXPECT_THAT(
        stored_profile_from_json(json, "p.json"),
        FailsWith(ErrorCode::kDataLoss, ::testing::AllOf(HasSubstr("p.json"), HasSubstr(said))));
  };
  refused([](Json& json) { json["schema"] = "tessera.bench/1"; }, "tessera.bench/1");
  refused([](Json& json) { json.erase("schema"); }, "schema");
  refused([](Json& json) { json.erase("result"); }, "result");
  refused([](Json& json) { json["result"].erase("layers"); }, "layers");
  refused([](Json& json) { json.erase("model"); }, "model");
  refused([](Json& json) { json["model"].erase("sha256"); }, "sha256");
  refused([](Json& json) { json["context"]["cpu"] = 3; }, "envelope");
}

TEST(ReadProfile, OfAFile_IsTheSame_AndWithoutOneSaysSo) {
  const auto folder = TemporaryDirectory::create("tessera-profile-record");
  ASSERT_THAT(folder, IsOk());
  const auto path = folder->path() / "p.json";
  EXPECT_THAT(read_profile(path), FailsWith(ErrorCode::kNotFound, HasSubstr("p.json")));
  ASSERT_THAT(write_json(path, document(full_profile()), Overwrite::kRefuse), IsOk());
  const auto stored = read_profile(path);
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(to_text(to_json(stored->profile)), to_text(to_json(full_profile())));
  ASSERT_THAT(write_file(path, "{\"schema\": ", Overwrite::kReplace), IsOk());
  EXPECT_THAT(read_profile(path), FailsWith(ErrorCode::kDataLoss, HasSubstr("p.json")));
}

TEST(ConversionCosts, MissingCurvesAndKeys_AreNamed) {
  const auto json = to_json(full_profile().conversions);
  EXPECT_EQ(json["quantize_ns_per_element"], 0.97);
  EXPECT_TRUE(to_json(ConversionCosts())["cast_ns_per_element"].is_null()) << "nobody measured it";
  for (const auto* const name :
       {"quantize", "dequantize", "cast", "transpose_float", "transpose_int8"}) {
    auto damaged = json;
    damaged["curves"].erase(name);
    EXPECT_THAT(conversions_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(name)));
  }
  for (const auto* const key : {"base_us", "ns_per_element", "points"}) {
    auto damaged = json;
    damaged["curves"]["cast"].erase(key);
    EXPECT_THAT(conversions_from_json(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr(key)));
  }
  auto damaged = json;
  damaged["curves"]["cast"]["points"][0]["elements"] = 10.5;
  EXPECT_THAT(conversions_from_json(damaged), FailsWith(ErrorCode::kDataLoss, _));
}

}  // namespace
}  // namespace tessera::profile
