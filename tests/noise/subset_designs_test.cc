// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "noise/noise_bench.h"
#include "support/matchers.h"
#include "support/model_builder.h"
#include "support/renamed.h"
#include "tessera/noise/subset_file.h"
#include "tessera/noise/subsets.h"
#include "tessera/quantize/assignment.h"

namespace tessera::noise {
namespace {

using tessera::testing::FailsWith;
using tessera::testing::IsOk;
using tessera::testing::ModelBuilder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Names = std::vector<std::string>;

std::vector<Entry> layers_named(std::size_t count) {
  Names names;
  for (std::size_t i = 0; i < count; ++i) {
    names.push_back("l" + std::to_string(i));
  }
  return entries_named(names);
}

std::vector<LayerSet> chosen(const Names& designs, std::size_t layers, Sizes sizes = Sizes::kEven,
                             std::uint64_t seed = 0) {
  const auto subsets = choose_subsets(designs, layers_named(layers), sizes, seed);
  EXPECT_THAT(subsets, IsOk());
  return *subsets;
}

TEST(Designs, AreSpelledOut) {
  EXPECT_THAT(chosen({"one-in"}, 3), ElementsAre(LayerSet{0}, LayerSet{1}, LayerSet{2}));
  EXPECT_THAT(chosen({"one-out"}, 3), ElementsAre(LayerSet{1, 2}, LayerSet{0, 2}, LayerSet{0, 1}));
  EXPECT_THAT(chosen({"pairs"}, 3), ElementsAre(LayerSet{0, 1}, LayerSet{0, 2}, LayerSet{1, 2}));
  EXPECT_THAT(chosen({"all"}, 3), ElementsAre(LayerSet{0, 1, 2}));
  EXPECT_THAT(chosen({}, 3), IsEmpty());
}

TEST(Designs, OfOneLayer_HaveNothingButThatLayer) {
  EXPECT_THAT(chosen({"one-in", "one-out", "pairs", "all", "random:5"}, 1),
              ElementsAre(LayerSet{0}));
}

TEST(Designs, Together_NameASubsetOnce_WhereItCameFirst) {
  // Of three layers one-out are the pairs.
  EXPECT_THAT(chosen({"all", "one-out", "pairs", "all"}, 3),
              ElementsAre(LayerSet{0, 1, 2}, LayerSet{1, 2}, LayerSet{0, 2}, LayerSet{0, 1}));
}

TEST(Designs, RandomAsManyAsThereAre_IsAllOfThem) {
  for (const auto sizes : {Sizes::kEven, Sizes::kUniform}) {
    for (const auto* const design : {"random:31", "random:1000000000000"}) {
      const auto subsets = chosen({design}, 5, sizes);
      EXPECT_EQ(subsets.size(), 31U);
      EXPECT_EQ(std::set<LayerSet>(subsets.begin(), subsets.end()).size(), 31U);
    }
  }
}

TEST(Designs, RandomBesideOthers_AddsWhatIsLeft) {
  // 15 in all, of which 4 are there: 11 can be added, no more.
  EXPECT_EQ(chosen({"one-in", "random:5"}, 4).size(), 9U);
  EXPECT_EQ(chosen({"one-in", "random:11"}, 4).size(), 15U);
  EXPECT_EQ(chosen({"one-in", "random:14"}, 4).size(), 15U);
  EXPECT_EQ(chosen({"one-in", "random:14"}, 4, Sizes::kUniform).size(), 15U);
}

RC_GTEST_PROP(DesignsProperty, RandomSubsets_AreDistinctAscendingAndInside, ()) {
  const auto layers = *rc::gen::inRange<std::size_t>(1, 12);
  const auto count = *rc::gen::inRange<std::size_t>(1, 40);
  const auto sizes = *rc::gen::element(Sizes::kEven, Sizes::kUniform);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto subsets = chosen({"random:" + std::to_string(count)}, layers, sizes, seed);
  RC_ASSERT(subsets.size() == std::min(count, (std::size_t{1} << layers) - 1));
  RC_ASSERT(std::set<LayerSet>(subsets.begin(), subsets.end()).size() == subsets.size());
  for (const auto& subset : subsets) {
    RC_ASSERT(!subset.empty());
    RC_ASSERT(std::is_sorted(subset.begin(), subset.end()));
    RC_ASSERT(std::set<std::size_t>(subset.begin(), subset.end()).size() == subset.size());
    RC_ASSERT(subset.back() < layers);
  }
}

/// How often each size comes up of 2000 subsets of 40 layers.
std::map<std::size_t, int> sizes_of(Sizes sizes) {
  std::map<std::size_t, int> count;
  for (const auto& subset : chosen({"random:2000"}, 40, sizes, 3)) {
    ++count[subset.size()];
  }
  return count;
}

TEST(Designs, EvenSizes_AreThoseOfCoins) {
  auto count = sizes_of(Sizes::kEven);
  int middle = 0;
  for (std::size_t size = 15; size <= 25; ++size) {  // 92 % of a binomial of 40
    middle += count[size];
  }
  EXPECT_GT(middle, 1750);
  EXPECT_LT(middle, 1900);
}

TEST(Designs, UniformSizes_AreAllAlike) {
  auto count = sizes_of(Sizes::kUniform);
  for (std::size_t size = 2; size < 39; ++size) {
    EXPECT_GT(count[size], 20) << size;  // of about 51
    EXPECT_LT(count[size], 90) << size;
  }
  // There are but forty of one layer, and but one of all: they run out, and others take their
  // place.
  EXPECT_LE(count[1], 40);
  EXPECT_EQ(count[40], 1);
}

TEST(Designs, EveryLayerComesUpAlike) {
  for (const auto sizes : {Sizes::kEven, Sizes::kUniform}) {
    std::map<std::int32_t, int> count;
    for (const auto& subset : chosen({"random:2000"}, 20, sizes, 9)) {
      for (const auto layer : subset) {
        ++count[layer];
      }
    }
    for (std::int32_t layer = 0; layer < 20; ++layer) {
      EXPECT_GT(count[layer], 850) << layer;
      EXPECT_LT(count[layer], 1200) << layer;
    }
  }
}

TEST(Designs, NumbersThatAreNone_AreNamed) {
  for (const auto* const design : {"random:", "random:-1", "random:x", "random:3x", "random:1.5",
                                   "random:99999999999999999999"}) {
    EXPECT_THAT(choose_subsets(Names{design}, layers_named(3), Sizes::kEven, 0),
                FailsWith(ErrorCode::kInvalidArgument, HasSubstr(design)));
  }
  for (const auto* const design : {"", "All", "one_in", "triples"}) {
    const auto refused = choose_subsets(Names{design}, layers_named(3), Sizes::kEven, 0);
    ASSERT_THAT(refused, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("unknown")));
    EXPECT_THAT(refused.error().hint, HasSubstr("one-out"));
  }
  EXPECT_THAT(choose_subsets(Names{"list:/no/such/file"}, layers_named(3), Sizes::kEven, 0),
              FailsWith(ErrorCode::kNotFound, HasSubstr("/no/such/file")));
}

TEST(Sizes, Names_ReadBack) {
  for (const auto sizes : {Sizes::kEven, Sizes::kUniform}) {
    EXPECT_EQ(*sizes_from_string(to_string(sizes)), sizes);
  }
  EXPECT_THAT(sizes_from_string("odd"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'odd'")));
}

/// Convolutions of 3, 12 and 48 MACs per place of 16, a product, and operators that are no switch.
graph::Graph four_layers() {
  auto model = ModelBuilder(13)
                   .input("x", {1, 1, 4, 4})
                   .weight("w0", {3, 1, 1, 1})
                   .op("Conv", {"x", "w0"}, {"small"})
                   .op("Relu", {"small"}, {"r"})
                   .weight("w1", {16, 3, 1, 1})
                   .op("Conv", {"r", "w1"}, {"large"})
                   .weight("w2", {1, 16, 1, 1})
                   .op("Conv", {"large", "w2"}, {"medium"})
                   .op("Flatten", {"medium"}, {"f"})
                   .weight("w3", {16, 2})
                   .op("Gemm", {"f", "w3"}, {"y"})
                   .declare("small", {1, 3, 4, 4})
                   .declare("r", {1, 3, 4, 4})
                   .declare("large", {1, 16, 4, 4})
                   .declare("medium", {1, 1, 4, 4})
                   .declare("f", {1, 16})
                   .output("y", {1, 2})
                   .build();
  return *model.view();
}

Result<Names> chosen_layers(std::string_view text,
                            std::optional<std::string> float_layer = std::nullopt) {
  const auto graph = four_layers();
  quantize::Assignment schemes(graph.ops().size(), quantize::Scheme());
  if (float_layer) {
    schemes[*graph.find_op(*float_layer)].mode = quantize::Mode::kFloat32;
  }
  return choose_layers(graph, text, schemes).map([&](const auto& ops) {
    Names names;
    for (const auto op : ops) {
      names.push_back(graph.op(op).name);
    }
    return names;
  });
}

TEST(ChooseLayers, All_AreThoseThatCanBeSwitched) {
  EXPECT_THAT(*chosen_layers("all"),
              ElementsAre("small_node", "large_node", "medium_node", "y_node"));
  EXPECT_THAT(*chosen_layers("all", "large_node"),
              ElementsAre("small_node", "medium_node", "y_node"));
}

TEST(ChooseLayers, TopMacs_AreInTheModelsOrder) {
  EXPECT_THAT(*chosen_layers("top-macs:1"), ElementsAre("large_node"));
  EXPECT_THAT(*chosen_layers("top-macs:2"), ElementsAre("large_node", "medium_node"));
  EXPECT_THAT(*chosen_layers("top-macs:3"), ElementsAre("small_node", "large_node", "medium_node"));
  EXPECT_EQ(chosen_layers("top-macs:99")->size(), 4U);
  EXPECT_THAT(chosen_layers("top-macs:0"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("top-macs")));
}

TEST(ChooseLayers, Patterns_TakeWhatMatches) {
  EXPECT_THAT(*chosen_layers("re:.*m.*_node"), ElementsAre("small_node", "medium_node"));
  EXPECT_THAT(chosen_layers("re:nothing"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("matches no layer")));
  EXPECT_FALSE(chosen_layers("re:(").has_value());
}

TEST(ChooseLayers, Names_EachOnceInTheModelsOrder) {
  EXPECT_THAT(*chosen_layers("y_node,small_node,y_node"), ElementsAre("small_node", "y_node"));
  const auto unknown = chosen_layers("smal_node");
  ASSERT_THAT(unknown, FailsWith(ErrorCode::kInvalidArgument, HasSubstr("'smal_node'")));
  EXPECT_THAT(unknown.error().hint, HasSubstr("small_node"));
  EXPECT_THAT(chosen_layers("large_node", "large_node"),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("float32")));
}

TEST(ChooseLayers, UnknownShapes_AreNoTroubleWhereAllAreTaken) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 1, -1, -1})
                   .weight("w0", {3, 1, 1, 1})
                   .op("Conv", {"x", "w0"}, {"a"})
                   .weight("w1", {1, 3, 1, 1})
                   .op("Conv", {"a", "w1"}, {"y"})
                   .output("y")
                   .build();
  const auto graph = *model.view();
  const quantize::Assignment schemes(2, quantize::Scheme());
  EXPECT_THAT(choose_layers(graph, "top-macs:1", schemes),
              FailsWith(ErrorCode::kInvalidArgument, HasSubstr("unknown shape")));
  EXPECT_EQ(choose_layers(graph, "top-macs:2", schemes)->size(), 2U);
}

TEST(ChooseLayers, WeightsInAnotherType_AreWeights) {
  auto model = ModelBuilder(13)
                   .input("x", {1, 1, 2, 2})
                   .weight("half", {3, 1, 1, 1})
                   .op("Cast", {"half"}, {"w"}, {{"to", std::int64_t{1}}})
                   .op("Conv", {"x", "w"}, {"a"})
                   .input("given", {1, 3, 1, 1})
                   .op("Conv", {"a", "given"}, {"y"})
                   .output("y")
                   .build();
  const auto graph = *model.view();
  const quantize::Assignment schemes(3, quantize::Scheme());
  const auto chosen = choose_layers(graph, "all", schemes);
  ASSERT_THAT(chosen, IsOk());
  ASSERT_EQ(chosen->size(), 1U) << "weights that are fed are none";
  EXPECT_EQ(graph.tensor(*graph.op(chosen->front()).outputs.front()).name, "a");
}

TEST(ChooseLayers, Switches_AreFloatProductsOfAnyName) {
  using graph::Arithmetic;
  using graph::OpKind;
  EXPECT_TRUE(is_switchable({.type = "CONV_2D", .kind = OpKind::kConv}));
  EXPECT_FALSE(is_switchable({.type = "Conv"}));
  EXPECT_FALSE(is_switchable({.kind = OpKind::kConv, .arithmetic = Arithmetic::kInteger}));
  EXPECT_FALSE(is_switchable({.kind = OpKind::kTransposedConv}));
  const auto graph = testing::under_other_names(four_layers());
  const quantize::Assignment schemes(graph.ops().size(), quantize::Scheme());
  EXPECT_EQ(choose_layers(graph, "all", schemes)->size(), 4U);
}

const LayerIndex& index() {
  static const LayerIndex made(Names{"a", "b", "c d"});
  return made;
}

std::vector<LayerSet> parsed(std::string_view text) {
  const auto subsets = parse_subsets(text, "f", index());
  EXPECT_THAT(subsets, IsOk());
  std::vector<LayerSet> sets;
  for (const auto& subset : *subsets) {
    sets.push_back(subset.layers);
  }
  return sets;
}

TEST(WrittenSubsets, BlanksAndRemarks_AreNoLayers) {
  EXPECT_THAT(parsed("  b , a \n\n# all of it\n\t c d\n"),
              ElementsAre(LayerSet{0, 1}, LayerSet{2}));
  EXPECT_THAT(parsed("a"), ElementsAre(LayerSet{0}));
  EXPECT_THAT(parsed("a\r\nb\r\n"), ElementsAre(LayerSet{0}, LayerSet{1}));
}

TEST(WrittenSubsets, LayersTwice_CountOnce) {
  EXPECT_THAT(parsed("a,a,b"), ElementsAre(LayerSet{0, 1}));
  EXPECT_THAT(parsed(R"(["b","b"])"), ElementsAre(LayerSet{1}));
}

TEST(WrittenSubsets, PrecisionsSayWhatIsInIntegers) {
  EXPECT_THAT(parsed(R"({"layers":[{"name":"a","precision":"int8"},)"
                     R"({"name":"b","precision":"fp32"},{"name":"c d","precision":"float16"}]})"),
              ElementsAre(LayerSet{0}));
  EXPECT_THAT(parse_subsets(R"({"layers":[{"name":"a"}]})", "f", index()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("f:1")));
  EXPECT_THAT(parse_subsets("[1]", "f", index()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("f:1")));
  EXPECT_THAT(parse_subsets(R"({"layers":"a"})", "f", index()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no list")));
}

TEST(WrittenSubsets, Errors_AreKeptWhereTheyAreNumbers) {
  const auto subsets = parse_subsets(
      "{\"layers\":[\"a\"],\"error\":0.5}\n"
      "{\"layers\":[\"b\"],\"error\":null}\nc d\n",
      "f", index());
  ASSERT_THAT(subsets, IsOk());
  EXPECT_EQ((*subsets)[0].error, 0.5);
  EXPECT_TRUE(std::isnan((*subsets)[1].error));
  EXPECT_TRUE(std::isnan((*subsets)[2].error));
  EXPECT_EQ((*subsets)[2].name, "line 3");
}

TEST(WrittenSubsets, NothingAtAll_IsRefused) {
  EXPECT_THAT(parse_subsets("", "f", index()), FailsWith(ErrorCode::kDataLoss, HasSubstr("f")));
  EXPECT_THAT(parse_subsets("# only words\n", "f", index()),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no subset")));
}

}  // namespace
}  // namespace tessera::noise
