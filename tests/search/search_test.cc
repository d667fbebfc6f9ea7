// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/search/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "tessera/core/random.h"

namespace tessera::search {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

/// Costs and uses of options by place, and of options of two places that meet.
struct Made {
  std::vector<std::vector<double>> costs;  ///< by place and option
  std::vector<std::vector<double>> uses;
  double limit = std::numeric_limits<double>::infinity();
  double meeting = 0;  ///< is added for every two neighbours with different options
};

class Toy final : public Landscape {
 public:
  explicit Toy(Made landscape) : made_(std::move(landscape)), here_(made_.costs.size(), 0) {}

  const Choices& here() const noexcept override { return here_; }
  double cost_after(std::span<const Change> changes) override { return cost_of(after(changes)); }
  double use_after(std::span<const Change> changes) override { return use_of(after(changes)); }
  bool fits_after(std::span<const Change> changes) override {
    return use_after(changes) <= made_.limit;
  }
  void make(std::span<const Change> changes) override {
    here_ = after(changes);
    moves += changes.empty() ? 0 : 1;
  }

  [[nodiscard]] double cost_of(const Choices& choices) const {
    double cost = 0;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      cost += made_.costs[i][choices[i]];
      cost += i > 0 && choices[i] != choices[i - 1] ? made_.meeting : 0;
    }
    return cost;
  }
  [[nodiscard]] double use_of(const Choices& choices) const {
    double use = 0;
    for (std::size_t i = 0; i < choices.size() && !made_.uses.empty(); ++i) {
      use += made_.uses[i][choices[i]];
    }
    return use;
  }
  [[nodiscard]] double least_cost() const {
    double least = std::numeric_limits<double>::infinity();
    Choices choices(here_.size(), 0);
    for (;;) {
      if (use_of(choices) <= made_.limit) {
        least = std::min(least, cost_of(choices));
      }
      std::size_t place = 0;
      while (place < choices.size() && ++choices[place] == made_.costs[place].size()) {
        choices[place++] = 0;
      }
      if (place == choices.size()) {
        return least;
      }
    }
  }

  int moves = 0;

 private:
  [[nodiscard]] Choices after(std::span<const Change> changes) const {
    auto choices = here_;
    for (const auto& [place, option] : changes) {
      choices[place] = option;
    }
    return choices;
  }

  Made made_;
  Choices here_;
};

/// One place at a time, in each of its options.
Neighbourhood one_place(std::size_t options, Neighbourhood::Take take) {
  return {take, [options](const Choices& here, const Visit& visit) {
            for (std::size_t place = 0; place < here.size(); ++place) {
              for (std::size_t option = 0; option < options; ++option) {
                const Change change{place, static_cast<std::uint8_t>(option)};
                if (here[place] != option) {
                  visit({&change, 1});
                }
              }
            }
          }};
}

Options all_options(const Made& made) {
  Options options(made.costs.size());
  for (std::size_t i = 0; i < options.size(); ++i) {
    for (std::size_t k = 1; k < made.costs[i].size(); ++k) {
      options[i].push_back(static_cast<std::uint8_t>(k));
    }
  }
  return options;
}

Made knapsack(std::size_t places, Random& random) {
  Made made;
  for (std::size_t i = 0; i < places; ++i) {
    const auto options = 1 + random.below(2);
    auto& costs = made.costs.emplace_back(1, 0.0);
    auto& uses = made.uses.emplace_back(1, 0.0);
    for (std::uint64_t k = 0; k < options; ++k) {
      costs.push_back(0.2 - random.uniform());
      uses.push_back(random.uniform());
    }
  }
  made.limit = static_cast<double>(places) * 0.5 * random.uniform();
  return made;
}

TEST(Climb, TakesEachThatPays_UntilNoneIsLeft) {
  Toy toy({.costs = {{5, 3, 4}, {1, 2, 3}, {9, 8, 7}}});
  const auto all = one_place(3, Neighbourhood::Take::kEach);
  climb(toy, {&all, 1}, 0, 50);
  EXPECT_THAT(toy.here(), ElementsAre(1, 0, 2));
  EXPECT_EQ(toy.moves, 3);  // the last place by way of its first option
}

TEST(Climb, TakesTheBest_FirstOfEquals) {
  Toy toy({.costs = {{5, 4}, {5, 2}, {5, 2}}});
  const auto best = one_place(2, Neighbourhood::Take::kBest);
  climb(toy, {&best, 1}, 0, 1);
  EXPECT_THAT(toy.here(), ElementsAre(0, 1, 0));
  climb(toy, {&best, 1}, 0, 50);
  EXPECT_THAT(toy.here(), Each(1));
}

TEST(Climb, WhatSavesLessThanItIsWorth_IsLeft) {
  Toy toy({.costs = {{5, 4.5}, {5, 3}}});
  const auto all = one_place(2, Neighbourhood::Take::kEach);
  climb(toy, {&all, 1}, 1, 50);
  EXPECT_THAT(toy.here(), ElementsAre(0, 1));
}

TEST(Climb, WhatDoesNotFit_IsLeft) {
  Toy toy({.costs = {{5, 1}, {5, 3}}, .uses = {{0, 4}, {0, 2}}, .limit = 3});
  const auto all = one_place(2, Neighbourhood::Take::kEach);
  climb(toy, {&all, 1}, 0, 50);
  EXPECT_THAT(toy.here(), ElementsAre(0, 1));
}

TEST(Climb, LaterNeighbourhoodsComeWhenEarlierOnesHaveNothingLeft) {
  // Alone, neither place pays; together they do.
  Toy toy({.costs = {{5, 4}, {5, 4}}, .meeting = 2});
  const auto one = one_place(2, Neighbourhood::Take::kEach);
  climb(toy, {&one, 1}, 0, 50);
  EXPECT_THAT(toy.here(), ElementsAre(0, 0));
  const Neighbourhood both{Neighbourhood::Take::kEach, [](const Choices&, const Visit& visit) {
                             visit(std::vector<Change>{{0, 1}, {1, 1}});
                           }};
  climb(toy, std::vector{one, both}, 0, 50);
  EXPECT_THAT(toy.here(), ElementsAre(1, 1));
}

TEST(UnderLimit, NoPlaces_NoChoices) {
  Toy toy({});
  const auto found = under_limit(toy, {}, 1, 5);
  EXPECT_TRUE(found.greedy.empty());
  EXPECT_TRUE(found.exchange.empty());
}

TEST(UnderLimit, WhatSavesNothingStaysOut) {
  const Made made{.costs = {{1, 1}, {1, 2}, {1, 0}}, .uses = {{0, 0}, {0, 0}, {0, 1}}, .limit = 1};
  Toy toy(made);
  EXPECT_THAT(under_limit(toy, all_options(made), 1, 5).exchange, ElementsAre(0, 0, 1));
}

/// One dense option shuts out two that save more together.
TEST(UnderLimit, ExchangeMendsGreed) {
  const Made made{
      .costs = {{0, -6}, {0, -5}, {0, -5}}, .uses = {{0, 5}, {0, 5}, {0, 5}}, .limit = 10};
  Toy toy(made);
  const auto found = under_limit(toy, all_options(made), 1, 0);
  EXPECT_DOUBLE_EQ(toy.cost_of(found.exchange), -11);
  const Made tight{
      .costs = {{0, -7}, {0, -4}, {0, -4}}, .uses = {{0, 6}, {0, 5}, {0, 5}}, .limit = 10};
  Toy other(tight);
  const auto mended = under_limit(other, all_options(tight), 1, 0);
  EXPECT_THAT(mended.greedy, ElementsAre(1, 0, 0));
  EXPECT_THAT(mended.exchange, ElementsAre(0, 1, 1));
}

TEST(UnderLimit, AnOptionGivesWayToAnotherOfItsPlace) {
  const Made made{
      .costs = {{0, -3, -5, -4}, {0, -10}}, .uses = {{0, 1, 4, 3}, {0, 1}}, .limit = 4.9};
  Toy toy(made);
  const auto found = under_limit(toy, all_options(made), 1, 0);
  EXPECT_THAT(found.greedy, ElementsAre(1, 1));
  EXPECT_THAT(found.exchange, ElementsAre(3, 1));
}

/// Cheap by its use, the second would enter first.
TEST(UnderLimit, AFullSetHasOfEachPlaceWhatSavesMost) {
  const Made made{.costs = {{0, -5, -1}}, .uses = {{0, 4, 0.1}}, .limit = 4};
  Toy toy(made);
  EXPECT_THAT(under_limit(toy, all_options(made), 1, 0).greedy, ElementsAre(1));
}

TEST(UnderLimit, NothingFits_IsNothing) {
  const Made made{.costs = {{0, -5}, {0, -1}}, .uses = {{0, 4}, {0, 3}}, .limit = 2};
  Toy toy(made);
  const auto found = under_limit(toy, all_options(made), 1, 4);
  EXPECT_THAT(found.greedy, Each(0));
  EXPECT_THAT(found.exchange, Each(0));
}

RC_GTEST_PROP(UnderLimit, AnyKnapsack_FitsAndExchangeIsNoWorseThanGreed, ()) {
  Random random(*rc::gen::arbitrary<std::uint64_t>());
  const auto made = knapsack(7, random);
  Toy toy(made);
  const auto found = under_limit(toy, all_options(made), 3, 10);
  RC_ASSERT(toy.use_of(found.greedy) <= made.limit);
  RC_ASSERT(toy.use_of(found.exchange) <= made.limit);
  RC_ASSERT(toy.cost_of(found.exchange) <= toy.cost_of(found.greedy) + 1e-12);
  Toy again(made);
  const auto twice = under_limit(again, all_options(made), 3, 10);
  RC_ASSERT(twice.exchange == found.exchange);
}

TEST(UnderLimit, RandomKnapsacks_ReachTheOptimumNearlyAlways) {
  int optimal = 0;
  int greedy_optimal = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    const auto made = knapsack(8, random);
    Toy toy(made);
    const auto found = under_limit(toy, all_options(made), 1, 20);
    const double least = toy.least_cost() + 1e-9;
    optimal += toy.cost_of(found.exchange) <= least ? 1 : 0;
    greedy_optimal += toy.cost_of(found.greedy) <= least ? 1 : 0;
  }
  EXPECT_GE(optimal, 97);
  EXPECT_LT(greedy_optimal, optimal);
}

}  // namespace
}  // namespace tessera::search
