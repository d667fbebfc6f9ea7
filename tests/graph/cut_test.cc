// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>

#include "graph/graph_support.h"
#include "support/timing.h"
#include "tessera/core/random.h"

namespace tessera::graph {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> names(const Graph& graph, const std::vector<TensorId>& ids) {
  std::vector<std::string> result;
  for (const auto id : ids) {
    result.push_back(graph.tensor(id).name);
  }
  std::sort(result.begin(), result.end());
  return result;
}

using CrossingSets = std::set<std::vector<std::string>>;

CrossingSets crossing_sets(const Graph& graph, const std::vector<Cut>& cuts) {
  CrossingSets result;
  for (const auto& cut : cuts) {
    EXPECT_TRUE(result.insert(names(graph, cut.tensors)).second) << "a crossing set stands twice";
  }
  return result;
}

/// The definition, word by word: every set of operators that is closed under producers.
CrossingSets brute_force(const Graph& graph, std::size_t max_tensors) {
  const auto ops = graph.ops();
  CrossingSets result;
  for (std::uint32_t mask = 1; mask + 1 < (1U << ops.size()); ++mask) {
    const auto before = [&](OpId op) { return ((mask >> op.value) & 1U) != 0; };
    bool closed = true;
    std::vector<std::string> crossing;
    for (const auto& tensor : graph.tensors()) {
      const auto made_before = !tensor.producer || before(*tensor.producer);
      const auto read_before =
          std::any_of(tensor.consumers.begin(), tensor.consumers.end(), before);
      const auto read_after = tensor.is_output || !std::all_of(tensor.consumers.begin(),
                                                               tensor.consumers.end(), before);
      closed = closed && (made_before || !read_before);
      if (made_before && read_after) {
        crossing.push_back(tensor.name);
      }
    }
    if (closed && crossing.size() <= max_tensors) {
      std::sort(crossing.begin(), crossing.end());
      result.insert(crossing);
    }
  }
  return result;
}

/// A graph where every operator reads one to three earlier values; values that nobody reads are
/// outputs, and so are a few others.
Graph random_graph(std::uint64_t seed, int op_count) {
  Random random(seed);
  GraphBuilder builder;
  std::vector<std::string> values;
  std::set<std::string> unread;
  const auto inputs = 1 + static_cast<int>(random.below(2));
  for (int i = 0; i < inputs; ++i) {
    values.push_back("in" + std::to_string(i));
    builder.input(values.back(), {1});
  }
  for (int i = 0; i < op_count; ++i) {
    std::vector<std::string> reads;
    const auto count = 1 + random.below(3);
    for (std::uint64_t k = 0; k < count; ++k) {
      // Mostly recent values, so that there are chains and narrow places.
      const auto back =
          std::min<std::uint64_t>(1 + random.below(1 + random.below(4)), values.size());
      reads.push_back(values[values.size() - back]);
      unread.erase(reads.back());
    }
    values.push_back("t" + std::to_string(i));
    unread.insert(values.back());
    builder.op(kCustom, reads, {values.back()});
    if (random.below(8) == 0) {
      builder.output(values.back());
      unread.erase(values.back());
    }
  }
  for (const auto& value : unread) {
    builder.output(value);
  }
  return builder.build();
}

TEST(FindCuts, OfRandomGraphs_AreThoseOfTheDefinition) {
  const auto property = [](std::uint64_t seed) {
    const auto graph = random_graph(seed, 2 + static_cast<int>(seed % 9));
    for (int limit = 1; limit <= 4; ++limit) {
      const auto found = crossing_sets(graph, find_cuts(graph, limit));
      if (found != brute_force(graph, static_cast<std::size_t>(limit))) {
        return false;
      }
    }
    return true;
  };
  EXPECT_TRUE(rc::check("cuts are complete and sound",
                        [&](std::uint64_t seed) { RC_ASSERT(property(seed)); }));
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    EXPECT_TRUE(property(seed)) << seed;
  }
}

TEST(FindCuts, FirstPart_IsClosedUnderProducers) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto graph = random_graph(seed, 14);
    for (const auto& cut : find_cuts(graph, 3)) {
      const auto ops = operators_before(graph, cut);
      EXPECT_EQ(cut.nodes_before, std::ssize(ops));
      const std::set<OpId> before(ops.begin(), ops.end());
      for (const auto op : ops) {
        for (const auto& input : graph.op(op).inputs) {
          const auto producer = graph.tensor(*input).producer;
          EXPECT_TRUE(!producer || before.contains(*producer));
        }
      }
      for (const auto tensor : cut.tensors) {
        const auto producer = graph.tensor(tensor).producer;
        EXPECT_TRUE(!producer || before.contains(*producer));
      }
    }
  }
}

/// x -> conv -> c -> conv -> d, with a shortcut c + e.
Graph residual() {
  return GraphBuilder()
      .input("x", {1, 2, 4, 4})
      .weight("w", {2, 2, 1, 1})
      .value("c", {1, 2, 4, 4})
      .value("d", {1, 2, 4, 4})
      .value("e", {1, 2, 4, 4})
      .value("y", {1, 2, 4, 4})
      .op(kConv, {"x", "w"}, {"c"})
      .op(kConv, {"c", "w"}, {"d"})
      .op(kConv, {"d", "w"}, {"e"})
      .op(kAdd, {"c", "e"}, {"y"})
      .output("y")
      .build();
}

TEST(FindCuts, ResidualBlock_CrossesOnceOutsideAndTwiceWithin) {
  const auto graph = residual();
  const auto one = find_cuts(graph, 1);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_THAT(names(graph, one[0].tensors), ElementsAre("c"));
  EXPECT_EQ(one[0].bytes, 128);
  EXPECT_EQ(one[0].int8_bytes, 32);
  EXPECT_EQ(one[0].macs_before, 2 * 32);
  EXPECT_EQ(one[0].macs_after, 2 * 2 * 32);
  const auto two = crossing_sets(graph, find_cuts(graph, 2));
  EXPECT_EQ(two, (CrossingSets{{"c"}, {"c", "d"}, {"c", "e"}}));
}

TEST(FindCuts, QuantizedTensors_CrossAsIntegers) {
  const auto graph = GraphBuilder()
                         .input("x", {1, 8})
                         .weight("s", {})
                         .weight("z", {}, DType::kUInt8)
                         .weight("wq", {8, 8}, DType::kInt8)
                         .value("xq", {1, 8}, DType::kUInt8)
                         .value("a", {1, 8})
                         .value("aq", {1, 8}, DType::kUInt8)
                         .op(kQuantize, {"x", "s", "z"}, {"xq"})
                         .op(kDequantize, {"xq", "s", "z"}, {"xd"})
                         .op(kDequantize, {"wq", "s"}, {"w"})
                         .op(kMatMul, {"xd", "w"}, {"a"})
                         .op(kQuantize, {"a", "s", "z"}, {"aq"})
                         .op(kDequantize, {"aq", "s", "z"}, {"ad"})
                         .op(kRelu, {"ad"}, {"r"})
                         .op(kAdd, {"ad", "r"}, {"y"})
                         .output("y")
                         .build();
  const auto cuts = find_cuts(graph, 2);
  EXPECT_EQ(crossing_sets(graph, cuts), (CrossingSets{{"xq"}, {"aq"}, {"aq", "r"}}));
  const auto& behind_product = *std::find_if(cuts.begin(), cuts.end(), [&](const Cut& cut) {
    return names(graph, cut.tensors) == std::vector<std::string>{"aq"};
  });
  EXPECT_EQ(behind_product.bytes, 8);
  EXPECT_EQ(behind_product.int8_bytes, 8);
  EXPECT_EQ(behind_product.nodes_before, 5) << "with the weights' DequantizeLinear";
}

TEST(FindCuts, OfThousandsOfOperators_TakeSeconds) {
  GraphBuilder builder;
  builder.input("t0", {1, 4});
  int value = 0;
  const auto name = [](int i) { return "t" + std::to_string(i); };
  for (int block = 0; block < 750; ++block) {  // 3000 operators in residual blocks
    const auto start = value;
    for (int i = 0; i < 3; ++i, ++value) {
      builder.op(kRelu, {name(value)}, {name(value + 1)});
    }
    builder.op(kAdd, {name(start), name(value)}, {name(value + 1)});
    ++value;
  }
  const auto graph = builder.output(name(value)).build();
  const auto start = std::chrono::steady_clock::now();
  const auto cuts = find_cuts(graph, 2);
  const auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_EQ(cuts.size(), 750U * 4 - 1);
  if (testing::kTimesMeanSomething) {
    EXPECT_LT(seconds, 20.0);
  }
  std::cout << "cuts of 3000 operators: " << seconds << " s\n";
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(FindCuts, OfALongChain_AreFoundInTimeThatGrowsWithItsLength) {
  constexpr int kLength = 20000;
  GraphBuilder builder;
  builder.input("t0", {1, 4});
  for (int i = 0; i < kLength; ++i) {
    builder.op(kRelu, {"t" + std::to_string(i)}, {"t" + std::to_string(i + 1)});
  }
  const auto graph = builder.output("t" + std::to_string(kLength)).build();
  for (const int limit : {1, 2, 3}) {
    std::vector<Cut> cuts;
    const auto seconds = seconds_of([&] { cuts = find_cuts(graph, limit); });
    ASSERT_EQ(std::ssize(cuts), kLength - 1);
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      ASSERT_EQ(cuts[i].nodes_before, static_cast<std::int64_t>(i + 1));
    }
    if (testing::kTimesMeanSomething) {
      EXPECT_LT(seconds, 5.0);
    }
  }
}

TEST(FindCuts, BesideALongShortcut_SingleTensorsAreFoundAtOnce) {
  constexpr int kLength = 20000;
  GraphBuilder builder;
  builder.input("x", {1, 4}).op(kRelu, {"x"}, {"t0"});
  for (int i = 0; i < kLength; ++i) {
    builder.op(kRelu, {"t" + std::to_string(i)}, {"t" + std::to_string(i + 1)});
  }
  const auto last = "t" + std::to_string(kLength);
  const auto graph = builder.op(kAdd, {"t0", last}, {"y"}).output("y").build();
  std::vector<Cut> cuts;
  const auto seconds = seconds_of([&] { cuts = find_cuts(graph, 1); });
  EXPECT_EQ(crossing_sets(graph, cuts), (CrossingSets{{"t0"}}));
  if (testing::kTimesMeanSomething) {
    EXPECT_LT(seconds, 5.0);
  }
}

TEST(FindCuts, OfManyReaders_NeedNoStack) {
  GraphBuilder builder;
  builder.input("x", {1, 4}).op(kRelu, {"x"}, {"h"});
  std::vector<std::string> results;
  for (int i = 0; i < 300; ++i) {
    results.push_back("r" + std::to_string(i));
    builder.op(kRelu, {"h"}, {results.back()});
  }
  const auto graph = builder.op(kJoin, results, {"y"}).output("y").build();
  EXPECT_EQ(crossing_sets(graph, find_cuts(graph, 1)), (CrossingSets{{"h"}}));
}

}  // namespace
}  // namespace tessera::graph
