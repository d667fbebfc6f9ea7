// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/matchers.h"
#include "support/network_values.h"
#include "tessera/core/random.h"
#include "tessera/network/network.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"

/// Networks cut into parts that run one after another.
namespace tessera::testing {

using Ops = std::vector<graph::OpId>;

/// A network, its view, and what runs it.
class Cutting {
 public:
  Cutting(const network::Network& network, std::shared_ptr<const runtime::Library> library,
          runtime::OptLevel kernels)
      : network_(network), library_(std::move(library)) {
    options_.opt_level = kernels;
    auto view = network.view();
    EXPECT_THAT(view, IsOk());
    graph_ = *std::move(view);
  }

  [[nodiscard]] const graph::Graph& graph() const { return graph_; }
  [[nodiscard]] std::size_t size() const { return graph_.ops().size(); }

  /// What the whole makes of seeded inputs; the inputs are among it.
  Values whole(std::uint64_t seed) const {
    auto session = network_.open(library_, options_);
    EXPECT_THAT(session, IsOk());
    auto values = random_inputs(*session, seed);
    EXPECT_THAT(run_on(*session, values), IsOk());
    return values;
  }

  /// What parts make one after another of the inputs among `values`. False where a part has
  /// nothing that goes in or comes out: then it is none; and where the library cannot hand out what
  /// crosses, and says so.
  bool run_parts(const std::vector<Ops>& parts, const Values& values) const {
    Values made;
    for (const auto& input : network_.inputs()) {
      const auto& tensor = values.at(input);
      made.insert_or_assign(input, Tensor(tensor.view()));
    }
    for (const auto& ops : parts) {
      const auto border = network::border_of(graph_, ops);
      if (border.inputs.empty() || border.outputs.empty()) {
        return false;
      }
      auto part = network_.part({graph_, ops, border.inputs, border.outputs});
      EXPECT_THAT(part, IsOk());
      auto session = part->open(library_, options_);
      EXPECT_THAT(session, IsOk());
      const auto status = session ? run_on(*session, made) : Status();
      if (!session || (!status && status.error().code == ErrorCode::kUnimplemented)) {
        return false;
      }
      EXPECT_TRUE(status) << status.error().message;
      if (!status) {
        return true;
      }
    }
    EXPECT_TRUE(same_values(values, made, network_.outputs()));
    return true;
  }

  [[nodiscard]] Ops range(std::size_t from, std::size_t to) const {
    Ops ops;
    for (auto i = from; i < to; ++i) {
      ops.push_back({static_cast<std::uint32_t>(i)});
    }
    return ops;
  }

  /// Whatever a few values that are drawn depend on, and the rest.
  [[nodiscard]] std::vector<Ops> drawn_cut(Random& random) const {
    std::set<graph::OpId> before;
    for (auto count = 1 + random.below(3); count > 0; --count) {
      add_ancestors({static_cast<std::uint32_t>(random.below(size()))}, before);
    }
    std::vector<Ops> parts(2);
    for (const auto op : range(0, size())) {
      parts[before.contains(op) ? 0 : 1].push_back(op);
    }
    return parts;
  }

 private:
  void add_ancestors(graph::OpId op, std::set<graph::OpId>& all) const {
    if (!all.insert(op).second) {
      return;
    }
    for_each_read(graph_.op(op), [&](graph::TensorId value) {
      if (const auto producer = graph_.tensor(value).producer) {
        add_ancestors(*producer, all);
      }
    });
  }

  const network::Network& network_;
  std::shared_ptr<const runtime::Library> library_;
  runtime::SessionOptions options_;
  graph::Graph graph_;
};

/// Cuts at values that are drawn. Returns how many there were.
inline int cut_at_drawn(const Cutting& cutting, const Values& values, std::uint64_t seed,
                        int drawn) {
  Random random(seed);
  int cuts = 0;
  for (int i = 0; i < drawn; ++i) {
    SCOPED_TRACE("cut " + std::to_string(i));
    const auto parts = cutting.drawn_cut(random);
    cuts += !parts[0].empty() && !parts[1].empty() && cutting.run_parts(parts, values) ? 1 : 0;
  }
  return cuts;
}

/// Every boundary, each operator alone, and cuts at values that are drawn. Returns how many cuts.
inline int cut_everywhere(const Cutting& cutting, std::uint64_t seed, int drawn) {
  const auto values = cutting.whole(seed);
  int cuts = 0;
  for (std::size_t at = 1; at < cutting.size(); ++at) {
    SCOPED_TRACE("in front of operator " + std::to_string(at));
    cuts += cutting.run_parts({cutting.range(0, at), cutting.range(at, cutting.size())}, values);
  }
  std::vector<Ops> alone;
  for (std::size_t i = 0; i < cutting.size(); ++i) {
    const auto ops = cutting.range(i, i + 1);
    if (!network::border_of(cutting.graph(), ops).inputs.empty()) {
      alone.push_back(ops);
    }
  }
  {
    SCOPED_TRACE("each operator alone");
    cutting.run_parts(alone, values);
  }
  return cuts + cut_at_drawn(cutting, values, seed, drawn);
}

}  // namespace tessera::testing
