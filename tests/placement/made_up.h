// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/made_up_profiles.h"
#include "tessera/core/random.h"
#include "tessera/placement/instance.h"

/// Networks, profiles and clusters that are made up.
namespace tessera::placement::made_up {

/// A network, two or three machines, and what they take for it.
struct World {
  graph::Graph graph;
  cluster::Cluster cluster;
  std::vector<profile::Profile> profiles;
  noise::ErrorModel errors;

  [[nodiscard]] Setting setting(bool with_errors = false) const {
    return {&graph, &cluster, &profiles, with_errors ? &errors : nullptr};
  }
};

inline graph::TensorId tensor(graph::Graph& graph, const std::string& name, std::int64_t elements) {
  graph::TensorInfo info{.name = name, .dtype = DType::kFloat32};
  info.shape = {Dim{.value = 1}, Dim{.value = elements}};
  return graph.add_tensor(std::move(info));
}

/// The operators of random_units(), each with a result of a few thousand elements.
inline graph::Graph random_graph(std::size_t ops, Random& random) {
  const auto units = profile::made_up::random_units(ops, random);
  graph::Graph graph;
  const auto input = tensor(graph, "x", 3000);
  graph.mark_input(input);
  std::vector<graph::TensorId> results;
  for (std::size_t i = 0; i < ops; ++i) {
    const auto& unit = units.units[i];
    graph::Op op{.name = unit.name, .type = unit.type};
    op.kind = unit.type == "Conv"   ? graph::OpKind::kConv
              : unit.type == "Gemm" ? graph::OpKind::kGemm
                                    : graph::OpKind::kOther;
    for (const auto p : unit.producers) {
      op.inputs.emplace_back(results[p]);
    }
    if (unit.producers.empty()) {
      op.inputs.emplace_back(input);
    }
    const auto elements = static_cast<std::int64_t>(200 + random.below(20000));
    results.push_back(tensor(graph, "t" + std::to_string(i), elements));
    op.outputs.emplace_back(results.back());
    graph.add_op(std::move(op));
    if (unit.makes_output) {
      graph.mark_output(results.back());
    }
  }
  EXPECT_TRUE(graph.finish());
  return graph;
}

inline profile::Profile random_profile(const graph::Graph& graph, Random& random) {
  profile::Profile profile;
  profile.scheme = "s";
  for (const auto& op : graph.ops()) {
    profile::Layer layer{.name = op.name, .type = op.type, .ops = {op.name}};
    layer.weight_bytes = 1000;
    if (random.uniform() < 0.8) {
      layer.quantizable = true;
      layer.takes = {"s"};
    }
    profile.layers.push_back(std::move(layer));
  }
  profile::Profile named = profile;
  named.model.schemes = {"s"};
  const auto units = profile::units_of(graph, named);
  EXPECT_TRUE(units);
  profile.model = profile::made_up::random_model(*units, random);
  profile.model.schemes = {"s"};
  profile.model.interval = 0.1;
  for (auto* curve : {&profile.conversions.quantize, &profile.conversions.dequantize,
                      &profile.conversions.cast}) {
    *curve = {{{1000, 1.0}}, random.uniform(), random.uniform()};
  }
  return profile;
}

inline World random_world(std::size_t ops, std::size_t machines, Random& random) {
  World world;
  world.graph = random_graph(ops, random);
  for (std::size_t k = 0; k < machines; ++k) {
    cluster::Machine machine{.name = std::string(1, static_cast<char>('a' + k))};
    machine.busy_watts = 1 + 10 * random.uniform();
    if (k == 1) {
      machine.scaling = cluster::Scaling{"a", {{"*", 0.3 + random.uniform()}}};
      world.profiles.emplace_back();
    } else {
      world.profiles.push_back(random_profile(world.graph, random));
    }
    world.cluster.machines.push_back(std::move(machine));
  }
  for (const auto& from : world.cluster.machines) {
    for (const auto& to : world.cluster.machines) {
      if (from.name != to.name) {
        cluster::Link link{.from = from.name, .to = to.name, .latency_us = 30 * random.uniform()};
        link.bandwidth_bytes_per_s = 1e6 * (100 + 2000 * random.uniform());
        link.sender_joules_per_byte = 1e-9 * random.uniform();
        world.cluster.links.push_back(std::move(link));
      }
    }
  }
  world.cluster.inputs_from = "a";
  world.cluster.outputs_to = random.below(2) == 0 ? "a" : world.cluster.machines.back().name;
  // An error model that knows every operator.
  noise::TermModel bound{.exponent = 2, .terms = {}};
  for (std::size_t i = 0; i < world.graph.ops().size(); ++i) {
    const auto layer = static_cast<std::int32_t>(i);
    world.errors.layers.push_back(
        {.name = world.graph.ops()[i].name, .type = "Conv", .scheme = "s"});
    bound.terms.push_back({{layer}, random.uniform()});
    if (i > 0) {
      bound.terms.push_back({{layer - 1, layer}, 0.3 * random.uniform()});
    }
  }
  world.errors.terms = bound;
  world.errors.bounds = {{.model = bound}};
  world.errors.intervals.bins = {{}};
  return world;
}

}  // namespace tessera::placement::made_up
