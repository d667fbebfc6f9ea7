// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "json_input.h"
#include "tessera/quantize/recipe.h"

namespace {

/// conv -> relu -> gemm, with names that patterns can match.
tessera::graph::Graph small_graph() {
  tessera::graph::Graph graph;
  const auto tensor = [&](const char* name) {
    tessera::graph::TensorInfo info;
    info.name = name;
    return graph.add_tensor(std::move(info));
  };
  const auto x = tensor("x");
  auto last = x;
  graph.mark_input(x);
  for (const auto* name : {"conv.1", "relu", "fc"}) {
    tessera::graph::Op op;
    op.name = name;
    op.type = name[0] == 'c' ? "Conv" : name[0] == 'r' ? "Relu" : "Gemm";
    op.inputs = {last};
    last = tensor(name);
    op.outputs = {last};
    graph.add_op(std::move(op));
  }
  graph.mark_output(last);
  return graph;
}

}  // namespace

/// A recipe that is read survives writing and reading again, and resolves to the same schemes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera;  // NOLINT(google-build-using-namespace)
  const auto json = json_input(data, size);
  if (!json) {
    return 0;
  }
  const auto recipe = quantize::recipe_from_json(*json, quantize::Scheme{});
  if (!recipe) {
    return 0;
  }
  const auto again = quantize::recipe_from_json(to_json(*recipe), quantize::Scheme{});
  if (!again) {
    std::abort();
  }
  auto graph = small_graph();
  if (!graph.finish()) {
    std::abort();
  }
  const auto first = quantize::resolve(*recipe, graph, Monitor::silent());
  const auto second = quantize::resolve(*again, graph, Monitor::silent());
  if (first.has_value() != second.has_value() || (first && *first != *second)) {
    std::abort();
  }
  return 0;
}
