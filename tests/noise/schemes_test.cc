// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Layers that may be in one of several schemes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "noise/error_support.h"
#include "noise/learners.h"
#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "tessera/noise/check.h"
#include "tessera/noise/fit.h"
#include "tessera/noise/rank.h"
#include "tessera/noise/subset_file.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using tessera::testing::ModelBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

quantize::Scheme dynamic_scheme() {
  auto scheme = scheme_of_tests();
  scheme.mode = quantize::Mode::kDynamic;
  return scheme;
}

quantize::Scheme per_tensor() {
  return {};
}

/// As many switches, each with so many schemes.
std::vector<Entry> entries_with(const std::vector<std::size_t>& schemes) {
  const std::vector<quantize::Scheme> all{scheme_of_tests(), per_tensor(), dynamic_scheme()};
  std::vector<Switch> switches;
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    switches.push_back({fmt::format("l{}", i),
                        {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(schemes[i])}});
  }
  return entries_of(switches);
}

std::vector<LayerSet> chosen(const std::vector<std::string>& designs,
                             const std::vector<Entry>& entries, Sizes sizes = Sizes::kEven,
                             std::uint64_t seed = 0) {
  const auto subsets = choose_subsets(designs, entries, sizes, seed);
  EXPECT_THAT(subsets, IsOk());
  return *subsets;
}

bool has_operators_once(const LayerSet& subset, const std::vector<Entry>& entries) {
  std::set<std::string> ops;
  return std::all_of(subset.begin(), subset.end(), [&](std::int32_t i) {
    return ops.insert(entries.at(static_cast<std::size_t>(i)).op).second;
  });
}

TEST(Entries, AreNamedByOperatorAndFurtherScheme) {
  const auto entries = entries_with({1, 3});
  ASSERT_EQ(entries.size(), 4U);
  EXPECT_EQ(entries[0].name, "l0");
  EXPECT_EQ(entries[1].name, "l1");
  EXPECT_EQ(entries[1].scheme, "qdq-u8s8-channel");
  EXPECT_EQ(entries[2].name, "l1@qdq-u8s8");
  EXPECT_EQ(entries[3].name, "l1@dynamic-u8s8-channel");
  EXPECT_EQ(entries[3].op, "l1");
  EXPECT_EQ(setting_of(LayerSet{0, 3}, entries), (Setting{1, 3}));
  EXPECT_EQ(setting_of(LayerSet{}, entries), (Setting{0, 0}));
  const std::vector<Switch> only_further{{"a", {dynamic_scheme()}, true}};
  EXPECT_EQ(entries_of(only_further).front().name, "a@dynamic-u8s8-channel");
}

TEST(SchemeDesigns, HoldAnOperatorOnce) {
  // l0, l1, l1@tensor, l2, l2@tensor, l2@dynamic
  const auto entries = entries_with({1, 2, 3});
  EXPECT_THAT(chosen({"one-in"}, entries), ElementsAre(LayerSet{0}, LayerSet{1}, LayerSet{2},
                                                       LayerSet{3}, LayerSet{4}, LayerSet{5}));
  EXPECT_THAT(chosen({"all"}, entries),
              ElementsAre(LayerSet{0, 1, 3}, LayerSet{2, 4}, LayerSet{5}));
  EXPECT_THAT(chosen({"one-out"}, entries), ElementsAre(LayerSet{1, 3}, LayerSet{0, 3},
                                                        LayerSet{0, 1}, LayerSet{4}, LayerSet{2}));
  EXPECT_THAT(chosen({"pairs"}, entries),
              ElementsAre(LayerSet{0, 1}, LayerSet{0, 2}, LayerSet{0, 3}, LayerSet{0, 4},
                          LayerSet{0, 5}, LayerSet{1, 3}, LayerSet{1, 4}, LayerSet{1, 5},
                          LayerSet{2, 3}, LayerSet{2, 4}, LayerSet{2, 5}));
}

TEST(SchemeDesigns, RandomAsManyAsThereAre_IsAllOfThem) {
  const auto entries = entries_with({1, 2, 3});
  for (const auto sizes : {Sizes::kEven, Sizes::kUniform}) {
    const auto subsets = chosen({"random:1000"}, entries, sizes);
    EXPECT_EQ(subsets.size(), 2U * 3 * 4 - 1);
    EXPECT_EQ(std::set<LayerSet>(subsets.begin(), subsets.end()).size(), subsets.size());
    EXPECT_EQ(chosen({"one-in", "random:17"}, entries, sizes).size(), 23U);
  }
}

RC_GTEST_PROP(SchemeDesignsProperty, RandomSubsets_AreDistinctAndHoldAnOperatorOnce, ()) {
  const auto schemes =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<std::size_t>>(rc::gen::inRange(1, 4)));
  const auto entries = entries_with(
      {schemes.begin(),
       schemes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(schemes.size(), 8))});
  const auto count = *rc::gen::inRange<std::size_t>(1, 60);
  const auto sizes = *rc::gen::element(Sizes::kEven, Sizes::kUniform);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto subsets = chosen({"random:" + std::to_string(count)}, entries, sizes, seed);
  RC_ASSERT(subsets == chosen({"random:" + std::to_string(count)}, entries, sizes, seed));
  RC_ASSERT(std::set<LayerSet>(subsets.begin(), subsets.end()).size() == subsets.size());
  std::size_t all = 1;
  for (std::size_t i = 0; i < std::min<std::size_t>(schemes.size(), 8); ++i) {
    all *= schemes[i] + 1;
  }
  RC_ASSERT(subsets.size() == std::min(count, all - 1));
  for (const auto& subset : subsets) {
    RC_ASSERT(!subset.empty());
    RC_ASSERT(std::is_sorted(subset.begin(), subset.end()));
    RC_ASSERT(has_operators_once(subset, entries));
  }
}

TEST(SchemeDesigns, EverySchemeComesUpAlike) {
  const auto entries = entries_with(std::vector<std::size_t>(20, 3));
  for (const auto sizes : {Sizes::kEven, Sizes::kUniform}) {
    std::map<std::int32_t, int> count;
    for (const auto& subset : chosen({"random:3000"}, entries, sizes, 9)) {
      for (const auto entry : subset) {
        ++count[entry];
      }
    }
    for (std::int32_t entry = 0; entry < 60; ++entry) {
      EXPECT_GT(count[entry], 400) << entry;
      EXPECT_LT(count[entry], 600) << entry;
    }
  }
}

TEST(SchemeDesigns, OfOneScheme_AreWhatTheyWereBeforeThereWereSeveral) {
  const auto entries = entries_with(std::vector<std::size_t>(6, 1));
  EXPECT_THAT(
      chosen({"random:4"}, entries, Sizes::kEven, 5),
      ElementsAre(LayerSet{2, 4}, LayerSet{0, 3, 4, 5}, LayerSet{0, 2, 5}, LayerSet{1, 2, 4}));
  EXPECT_THAT(
      chosen({"random:4"}, entries, Sizes::kUniform, 5),
      ElementsAre(LayerSet{0}, LayerSet{0, 1, 2, 3, 4, 5}, LayerSet{0, 1, 5}, LayerSet{0, 2, 5}));
}

// --- measured against built models --------------------------------------------------------------

/// Convolutions in branches and a product: all have a dynamic form.
onnx::Model branches() {
  const std::vector<std::int64_t> pads{1, 1, 1, 1};
  return ModelBuilder(13)
      .input("x", {1, 4, 8, 8})
      .weight("w1", {8, 4, 3, 3}, 0.2)
      .op("Conv", {"x", "w1"}, {"c1"}, {{"pads", pads}})
      .op("Relu", {"c1"}, {"r1"})
      .weight("w2", {8, 8, 3, 3}, 0.15)
      .op("Conv", {"r1", "w2"}, {"c2"}, {{"pads", pads}})
      .op("Add", {"r1", "c2"}, {"sum"})
      .op("GlobalAveragePool", {"sum"}, {"pooled"})
      .op("Flatten", {"pooled"}, {"flat"})
      .weight("w3", {8, 6}, 0.4)
      .op("MatMul", {"flat", "w3"}, {"y"})
      .output("y", {1, 6})
      .build();
}

TEST(Schemes, EveryMix_IsThatOfTheBuiltModel) {
  const auto bench = bench_of(branches());
  ASSERT_THAT(bench, IsOk());
  (*bench)->add(per_tensor());
  (*bench)->add(dynamic_scheme());
  const auto entries = (*bench)->entries();
  ASSERT_EQ(entries.size(), 9U);
  const auto subsets = chosen({"random:1000"}, entries);
  ASSERT_EQ(subsets.size(), 63U);
  const auto check = run_check((*bench)->setup, *(*bench)->samples, subsets, Monitor::silent());
  ASSERT_THAT(check, IsOk());
  std::map<std::vector<std::string>, double> errors;
  for (const auto& row : check->rows) {
    EXPECT_GT(row.built_error, 0);
    EXPECT_NEAR(row.deviation(), 0, 0.02) << fmt::format("{}", fmt::join(row.layers, " "));
    errors[row.layers] = row.built_error;
  }
  EXPECT_NE(errors.at({"c1_node"}), errors.at({"c1_node@qdq-u8s8"}));
  EXPECT_NE(errors.at({"c1_node"}), errors.at({"c1_node@dynamic-u8s8-channel"}));
}

TEST(Schemes, LayerNoise_IsOfEveryScheme) {
  const auto bench = bench_of(branches());
  ASSERT_THAT(bench, IsOk());
  const auto noise_in = [&](const std::vector<quantize::Scheme>& schemes) {
    for (auto& item : (*bench)->setup.switches) {
      item.schemes = schemes;
    }
    auto model = SwitchableModel::open((*bench)->setup, Monitor::silent());
    const auto sample = (*bench)->samples->load(0);
    auto noise = model->layer_noise(*sample, Monitor::silent());
    EXPECT_THAT(noise, IsOk());
    return *noise;
  };
  const auto both = noise_in({scheme_of_tests(), dynamic_scheme()});
  const auto first = noise_in({scheme_of_tests()});
  const auto second = noise_in({dynamic_scheme()});
  ASSERT_EQ(both.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(both[2 * i].noise, first[i].noise);
    EXPECT_EQ(both[2 * i + 1].noise, second[i].noise);
    EXPECT_NE(first[i].noise, second[i].noise);
    EXPECT_EQ(both[2 * i + 1].signal, first[i].signal);
  }
}

TEST(Schemes, SchemeThatALayerDoesNotTake_IsNamedWithIt) {
  const auto bench = bench_of(ModelBuilder(13)
                                  .input("x", {1, 8, 8})
                                  .weight("w", {8, 8}, 0.3)
                                  .op("MatMul", {"x", "w"}, {"g"})
                                  .op("MatMul", {"g", "g"}, {"y"})
                                  .output("y", {1, 8, 8})
                                  .build());
  ASSERT_THAT(bench, IsOk());
  auto setup = (*bench)->setup;
  auto weights = scheme_of_tests();
  weights.mode = quantize::Mode::kWeightOnly;
  setup.switches.back().schemes.push_back(weights);
  EXPECT_THAT(SwitchableModel::open(setup, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument,
                        HasSubstr("'y_node' cannot be quantized by itself to weight-only-s8")));
  setup = (*bench)->setup;
  setup.switches.front().schemes.push_back(scheme_of_tests());
  EXPECT_THAT(SwitchableModel::open(setup, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("qdq-u8s8-channel twice")));
}

TEST(Schemes, NameThatAnotherOperatorHas_IsRefused) {
  const auto bench = bench_of(ModelBuilder(13)
                                  .input("x", {1, 8})
                                  .weight("w", {8, 8}, 0.3)
                                  .named_op("a", "MatMul", {"x", "w"}, {"m"})
                                  .named_op("a@qdq-u8s8", "MatMul", {"m", "w"}, {"y"})
                                  .output("y", {1, 8})
                                  .build());
  ASSERT_THAT(bench, IsOk());
  (*bench)->setup.switches.front().schemes.push_back(per_tensor());
  EXPECT_THAT(SwitchableModel::open((*bench)->setup, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'a@qdq-u8s8'")));
}

TEST(Schemes, Sweep_ListsAnOperatorOnceForEach) {
  const auto bench = bench_of(branches());
  ASSERT_THAT(bench, IsOk());
  (*bench)->add(dynamic_scheme());
  const auto folder = TemporaryDirectory::create("tessera-schemes");
  ASSERT_THAT(folder, IsOk());
  SweepOptions options;
  options.subsets = chosen({"one-in", "all", "random:20"}, (*bench)->entries());
  options.output = folder->path() / "s.jsonl";
  const auto envelope = [] { return Envelope{.kind = "error-sweep", .timeless = true}; };
  const auto summary =
      run_sweep((*bench)->setup, *(*bench)->samples, options, envelope, Monitor::silent());
  ASSERT_THAT(summary, IsOk());
  const auto read = read_sweep(std::vector{options.output});
  ASSERT_THAT(read, IsOk());
  const auto& layers = read->header.layers;
  ASSERT_EQ(layers.size(), 6U);
  EXPECT_EQ(layers, summary->sweep.header.layers);
  EXPECT_EQ(layers[0].op, "");
  EXPECT_EQ(layers[1].name, "c1_node@dynamic-u8s8-channel");
  EXPECT_EQ(layers[1].op, "c1_node");
  EXPECT_EQ(layers[1].scheme, "dynamic-u8s8-channel");
  EXPECT_EQ(layers[1].macs, layers[0].macs);
  EXPECT_GT(layers[1].noise_power, 0);
  EXPECT_NE(layers[1].noise_power, layers[0].noise_power);
  const auto observations = read_observations(std::vector{options.output}, Monitor::silent());
  ASSERT_THAT(observations, IsOk());
  EXPECT_THAT(operators_of(observations->layers), ElementsAre(0, 0, 1, 1, 2, 2));
  EXPECT_THAT(in_first_schemes(observations->layers), ElementsAre(0, 2, 4));
}

// --- models of the error ------------------------------------------------------------------------

/// Layers of as many operators, each in so many schemes.
std::vector<ObservedLayer> layers_in_schemes(std::int32_t operators, std::int32_t schemes) {
  std::vector<ObservedLayer> layers;
  for (std::int32_t op = 0; op < operators; ++op) {
    const auto name = fmt::format("l{}", op);
    layers.push_back(
        {.name = name, .type = "Conv", .macs = 1000, .noise_power = 0, .scheme = "qdq-u8s8"});
    for (std::int32_t k = 1; k < schemes; ++k) {
      const auto scheme = fmt::format("scheme{}", k);
      layers.push_back({.name = name + "@" + scheme,
                        .type = "Conv",
                        .macs = 1000,
                        .noise_power = 0,
                        .scheme = scheme,
                        .op = name});
    }
  }
  return layers;
}

/// Each operator in no scheme or any of them.
LayerSet random_mix(std::int32_t operators, std::int32_t schemes, Random& random) {
  LayerSet mix;
  for (std::int32_t op = 0; op < operators; ++op) {
    if (random.below(2) == 1) {
      mix.push_back(op * schemes +
                    static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(schemes))));
    }
  }
  return mix;
}

bool holds_an_operator_twice(const LayerSet& layers, const std::vector<std::int32_t>& operators) {
  std::set<std::int32_t> seen;
  return std::any_of(layers.begin(), layers.end(), [&](std::int32_t layer) {
    return !seen.insert(operators[static_cast<std::size_t>(layer)]).second;
  });
}

Observations observe_mixes(std::int32_t operators, std::size_t rows) {
  Observations result{.model = {"m.onnx", "abc", "onnx"},
                      .layers = layers_in_schemes(operators, 2)};
  testing::PlantedNoise noise(2 * operators, 3);
  Random random(1);
  std::set<LayerSet> seen;
  while (seen.size() < rows) {
    if (auto mix = random_mix(operators, 2, random); !mix.empty()) {
      seen.insert(std::move(mix));
    }
  }
  for (const auto& mix : seen) {
    result.rows.push_back({.layers = mix, .error = noise(mix)});
  }
  return result;
}

TEST(SchemeFit, NoTermJoinsTwoSchemesOfAnOperator) {
  for (const std::size_t rows : {25U, 150U}) {  // wide and tall
    const auto observations = observe_mixes(6, rows);
    const auto operators = operators_of(observations.layers);
    const auto report = fit(observations, {}, Monitor::silent());
    ASSERT_THAT(report, IsOk());
    for (const auto& alternative : report->alternatives) {
      for (const auto& term : alternative.terms.terms) {
        EXPECT_FALSE(holds_an_operator_twice(term.layers, operators)) << alternative.name;
      }
    }
    for (const auto& bound : report->model.bounds) {
      for (const auto& term : bound.model.terms) {
        EXPECT_FALSE(holds_an_operator_twice(term.layers, operators));
      }
    }
    // 12 singles, 60 of 66 pairs.
    const auto& quadratic = report->alternatives[1];
    ASSERT_EQ(quadratic.name, "polynomial-2");
    EXPECT_EQ(quadratic.terms.terms.size(), 1U + 12 + 60);
  }
}

TEST(SchemeFit, MixesItHasNotSeen_ArePredicted) {
  const auto report = fit(observe_mixes(8, 400), {}, Monitor::silent());
  ASSERT_THAT(report, IsOk());
  const auto& chosen = report->alternatives[report->chosen];
  EXPECT_LT(chosen.test.median_abs_relative_error, 0.02);
}

ErrorModel model_in_schemes(TermModel terms, std::int32_t operators, std::int32_t schemes) {
  return {.network = {"m.onnx", "abc", "onnx"},
          .layers = layers_in_schemes(operators, schemes),
          .kind = "additive",
          .terms = terms,
          .intervals = {.level = 0.9, .bins = {{.low = 0.5, .high = 2, .n = 100}}},
          .bounds = {{.model = std::move(terms)}},
          .chosen_bound = 0};
}

TEST(SchemeModelJson, SchemesAndOperators_ComeBack) {
  const auto model = model_in_schemes({.exponent = 2, .terms = {{{0}, 1}, {{1, 2}, 2}}}, 2, 2);
  const auto whole = enclose({.kind = "error-fit", .timeless = true}, to_json(model));
  const auto read = [](const Json& json) { return error_model_from_json(json, "fit.json"); };
  const auto again = read(whole);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->layers, model.layers);
  EXPECT_EQ(again->terms, model.terms);
  EXPECT_FALSE(whole["result"]["layers"][0].contains("op"));
  EXPECT_EQ(whole["result"]["layers"][1]["op"], "l0");

  auto damaged = whole;
  damaged["result"]["layers"][1]["op"] = 7;
  EXPECT_THAT(read(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr("'op'")));
  damaged = whole;
  damaged["result"]["layers"][1]["scheme"] = nullptr;
  EXPECT_THAT(read(damaged), FailsWith(ErrorCode::kDataLoss, HasSubstr("'scheme'")));
  damaged = whole;
  damaged["result"]["model"]["terms"][1]["layers"] = {"l0", "l0@scheme1"};
  EXPECT_THAT(read(damaged), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("two schemes")));
}

TEST(SchemeModelJson, OneScheme_IsNotWritten) {
  const auto json = to_json(model_in_schemes({.exponent = 2, .terms = {{{0}, 1}}}, 2, 1));
  EXPECT_FALSE(json["layers"][0].contains("scheme"));
  EXPECT_FALSE(json["layers"][0].contains("op"));
}

TEST(SchemeModelJson, FormatKernels_IsWritten) {
  auto model = model_in_schemes({.exponent = 2, .terms = {{{0}, 1}}}, 2, 1);
  model.layers[0].scheme = "kernels-u8s8-channel";
  EXPECT_EQ(to_json(model)["layers"][0]["scheme"], "kernels-u8s8-channel");
  EXPECT_FALSE(to_json(model)["layers"][1].contains("scheme"));
  EXPECT_FALSE(is_of_kernels("qdq-u8s8"));
  EXPECT_FALSE(is_of_kernels(""));
}

TEST(SchemeSubsets, TwoSchemesOfAnOperator_AreRefused) {
  const auto layers = layers_in_schemes(2, 2);
  const LayerIndex index{layers};
  const auto refused = parse_subsets("l0,l1\n\nl0,l0@scheme1\n", "f", index);
  ASSERT_THAT(refused, FailsWith(ErrorCode::kInvalidArgument,
                                 HasSubstr("f:3: 'l0' and 'l0@scheme1' are one operator")));
  EXPECT_THAT(refused.error().hint, HasSubstr("once"));
  const auto plan = *parse_json(R"({"layers":["l1",{"name":"l1","precision":"scheme1"}]})", "p");
  EXPECT_THAT(subset_from_plan(plan, "p", index),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("p: 'l1' and")));
  const SweepText sweep{
      "s",
      R"({"schema":"tessera.error-sweep/1","result":{"layers":[{"name":"a"},{"name":"a@d","op":"a"}]}})"
      "\n"
      R"({"layers":["a","a@d"],"error":1})"
      "\n"};
  EXPECT_THAT(parse_observations(std::vector{sweep}, Monitor::silent()),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("s:2: 'a' and 'a@d'")));
}

TEST(SchemeSubsets, PrecisionsOfPlans_AreSchemes) {
  auto layers = layers_in_schemes(3, 2);
  layers.push_back({.name = "l2@float16", .type = "Conv", .scheme = "float16", .op = "l2"});
  const LayerIndex index{layers};
  const auto plan = *parse_json(
      R"({"layers":[{"name":"l0","precision":"scheme1"},{"name":"l1","precision":"int8"},)"
      R"({"name":"l2","precision":"float16"},{"name":"x","precision":"float16"}]})",
      "plan");
  const auto read = subset_from_plan(plan, "plan", index);
  ASSERT_THAT(read, IsOk());
  EXPECT_THAT(read->layers, ElementsAre(1, 2, 6));
}

TEST(SchemeSubsets, ASchemeThatWasNotSwept_IsRefused) {
  const LayerIndex index{layers_in_schemes(3, 2)};
  const auto plan = *parse_json(R"({"layers":[{"name":"l0","precision":"qdq-u8u8"}]})", "plan");
  const auto read = subset_from_plan(plan, "plan", index);
  ASSERT_THAT(read, FailsWith(ErrorCode::kInvalidArgument,
                              HasSubstr("plan: layer 'l0' was not swept in 'qdq-u8u8'")));
  EXPECT_THAT(read.error().hint, HasSubstr("--schemes"));
  const auto first = *parse_json(R"({"layers":[{"name":"l0","precision":"qdq-u8s8"}]})", "plan");
  EXPECT_THAT(subset_from_plan(first, "plan", index)->layers, ElementsAre(0));
}

// --- ranking and search -------------------------------------------------------------------------

TEST(SchemeRank, AFurtherScheme_StandsInItsOperatorsPlace) {
  // l0, l0@1, l1, l1@1
  const auto model = model_in_schemes(
      {.exponent = 2, .terms = {{{0}, 4}, {{1}, 1}, {{2}, 5}, {{3}, 7}, {{0, 2}, 6}, {{1, 2}, 2}}},
      2, 2);
  const auto ranks = rank_layers(model, {.unit = "us", .gain = {1, 1, 1, 1}});
  ASSERT_EQ(ranks.size(), 4U);
  std::map<std::int32_t, LayerRank> by_layer;
  for (const auto& rank : ranks) {
    by_layer[rank.layer] = rank;
  }
  EXPECT_DOUBLE_EQ(by_layer[0].share, 7.0 / 15);
  EXPECT_DOUBLE_EQ(by_layer[2].share, 8.0 / 15);
  EXPECT_DOUBLE_EQ(by_layer[0].added, std::sqrt(15) - std::sqrt(5));
  // l0 in its other scheme beside l1: 1 + 5 + 2.
  EXPECT_DOUBLE_EQ(by_layer[1].share, 2.0 / 8);
  EXPECT_DOUBLE_EQ(by_layer[1].added, std::sqrt(8) - std::sqrt(5));
  EXPECT_DOUBLE_EQ(by_layer[1].error_per_gain, 0.25 * std::sqrt(8));
  // l1 in its other scheme beside l0: 4 + 7.
  EXPECT_DOUBLE_EQ(by_layer[3].share, 7.0 / 11);
  EXPECT_DOUBLE_EQ(by_layer[3].alone, std::sqrt(7));
  const auto json = to_json(ranks, model, {.unit = "us", .gain = {1, 1, 1, 1}});
  for (const auto& entry : json) {
    EXPECT_EQ(entry.contains("op"),
              entry["name"].get<std::string>().find('@') != std::string::npos);
  }
}

TEST(SchemeGains, Profile_HasAColumnForEachScheme) {
  auto model = model_in_schemes({.exponent = 1, .terms = {}}, 2, 3);
  // Ranges by another method make no other times.
  model.layers[0].scheme = "qdq-u8s8-channel";
  model.layers[1].scheme = "qdq-s8s8-mse";
  model.layers[2].scheme = "dynamic-u8s8-channel";
  const auto profile = *parse_json(
      R"({"schema":"tessera.profile/1","result":{"scheme":"qdq-u8s8-channel-percentile","layers":[)"
      R"({"name":"l0","precisions":{"fp32":{"median_us":10},"int8":{"median_us":4},)"
      R"("qdq-s8s8-percentile":{"median_us":5,"conversion":{"median_us":1}},)"
      R"("dynamic-u8s8-channel":{"median_us":8}}},)"
      R"({"name":"u","ops":["relu","l1"],"precisions":{"fp32":{"median_us":10}},"speedup":2}]}})",
      "profile");
  const auto gains = gains_from_profile(profile, model.network, model.layers, "p.json");
  ASSERT_THAT(gains, IsOk());
  EXPECT_THAT(gains->gain, ElementsAre(6, 4, 2, 5, 0, 0));
  EXPECT_EQ(gains->unknown, 2U);
  // What is int8 in the profile may be a further scheme of the sweep.
  model.layers[0].scheme = "qdq-s8s8";
  model.layers[1].scheme = "qdq-u8s8-channel";
  EXPECT_THAT(gains_from_profile(profile, model.network, model.layers, "p.json")->gain,
              ElementsAre(4, 6, 2, 5, 0, 0));
}

TEST(SchemeGains, ProfileOfOtherOperators_IsRefused) {
  auto model = model_in_schemes({.exponent = 1, .terms = {}}, 1, 1);
  const auto gains = [&](std::string_view own, std::string_view timed) {
    model.layers[0].scheme = own;
    const auto profile = *parse_json(
        fmt::format(R"({{"schema":"tessera.profile/1","result":{{"scheme":"{}","layers":[)"
                    R"({{"name":"l0","precisions":{{"fp32":{{"median_us":10}},)"
                    R"("int8":{{"median_us":4}}}}}}]}}}})",
                    timed),
        "profile");
    return gains_from_profile(profile, model.network, model.layers, "p.json");
  };
  EXPECT_THAT(gains("kernels-u8s8", "kernels-u8s8-mse"), IsOk());
  EXPECT_THAT(gains("kernels-u8s8", "kernels-u8u8"), IsOk());
  EXPECT_THAT(gains("kernels-u8s8", ""), IsOk()) << "not known";
  EXPECT_THAT(gains("", "qdq-u8s8"), IsOk());
  EXPECT_THAT(gains("kernels-u8s8", "qdq-u8s8"),
              FailsWith(ErrorCode::kInvalidArgument,
                        HasSubstr("p.json has the times of qdq-u8s8, and 'l0' was swept in "
                                  "kernels-u8s8")));
  EXPECT_THAT(gains("", "kernels-u8s8"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("swept in stock operators")));
}

ErrorModel random_model(std::int32_t operators, std::int32_t schemes, Random& random) {
  TermModel terms{.exponent = 2};
  for (std::int32_t i = 0; i < operators * schemes; ++i) {
    terms.terms.push_back({{i}, std::exp(random.normal())});
    for (std::int32_t j = i + 1; j < operators * schemes; ++j) {
      if (i / schemes != j / schemes && random.uniform() < 0.15) {
        terms.terms.push_back({{i, j}, random.uniform()});
      }
    }
  }
  return model_in_schemes(std::move(terms), operators, schemes);
}

Gains random_gains(std::int32_t layers, Random& random) {
  Gains gains{.unit = "us"};
  for (std::int32_t i = 0; i < layers; ++i) {
    gains.gain.push_back(std::exp(random.normal()) - 0.2);
  }
  return gains;
}

/// Of all mixes within the limit.
double best_gain(const ErrorModel& model, const Gains& gains, double limit, std::int32_t schemes) {
  const auto operators = static_cast<std::int32_t>(gains.gain.size()) / schemes;
  std::vector<std::int32_t> position(static_cast<std::size_t>(operators), 0);
  double best = 0;
  for (;;) {
    std::size_t digit = 0;
    while (digit < position.size() && position[digit] == schemes) {
      position[digit++] = 0;
    }
    if (digit == position.size()) {
      return best;
    }
    ++position[digit];
    LayerSet mix;
    double gain = 0;
    for (std::int32_t op = 0; op < operators; ++op) {
      if (const auto in = position[static_cast<std::size_t>(op)]; in > 0) {
        mix.push_back(op * schemes + in - 1);
        gain += gains.gain[static_cast<std::size_t>(mix.back())];
      }
    }
    if (gain > best && predict(model, mix).bound <= limit) {
      best = gain;
    }
  }
}

RC_GTEST_PROP(SchemeSearch, AnySmallModel_GivesTheBestMix, ()) {
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  const auto schemes = *rc::gen::inRange<std::int32_t>(2, 4);
  const std::int32_t operators = schemes == 2 ? 6 : 5;
  const auto model = random_model(operators, schemes, random);
  const auto by_layer = operators_of(model.layers);
  const auto gains = random_gains(operators * schemes, random);
  const double limit = 4 * random.uniform();
  const auto found = find_subset(model, gains, limit, LimitBy::kBound);
  RC_ASSERT(found.has_value());
  const double best = best_gain(model, gains, limit, schemes);
  RC_ASSERT(!holds_an_operator_twice(found->best.layers, by_layer));
  RC_ASSERT(found->best.prediction.bound <= limit);
  RC_ASSERT(std::abs(found->best.gain - best) < 1e-9);
  RC_ASSERT(found->gain_at_most >= best - 1e-9);
}

TEST(SchemeSearch, OperatorsThatSwitchSchemes_GainMore) {
  // One operator in the scheme of much noise, the other in that of little; greedy takes them the
  // wrong way round.
  const auto model =
      model_in_schemes({.exponent = 1, .terms = {{{0}, 10}, {{1}, 1}, {{2}, 9}, {{3}, 1}}}, 2, 2);
  const auto found =
      find_subset(model, {.unit = "us", .gain = {8, 5, 7.6, 5}}, 12, LimitBy::kBound);
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(found->best.layers, ElementsAre(0, 3));
}

}  // namespace
}  // namespace tessera::noise
