// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tessera/quantize/recipe.h"

namespace tessera::cli {
namespace {

Status check_patterns(const graph::Graph& graph, const std::vector<std::string>& patterns,
                      const std::string& whose) {
  for (const auto& pattern : patterns) {
    TESSERA_TRY(const auto ops, quantize::select(graph, pattern).map_error([&](Error error) {
      error.code = ErrorCode::kDataLoss;  // of the file, not of this command
      return in_file(whose)(std::move(error));
    }));
    if (ops.empty()) {
      return fail(ErrorCode::kDataLoss, "{}: pattern '{}' matches no operator", whose, pattern)
          .hint(
              "patterns are NAME, re:REGEX, type:OP or path:FROM..TO; tessera inspect lists "
              "names and types");
    }
  }
  return {};
}

Status check_codecs(const cluster::Cluster& cluster, const std::vector<std::string>& inputs) {
  for (const auto& codec : cluster.codecs) {
    const bool known = codec.input.empty()
                           ? inputs.size() == 1
                           : std::find(inputs.begin(), inputs.end(), codec.input) != inputs.end();
    if (!known) {
      return fail(ErrorCode::kDataLoss, "codec '{}': the model has no input '{}'", codec.name,
                  codec.input)
          .hint("its inputs are {}", fmt::join(inputs, ", "));
    }
  }
  return {};
}

}  // namespace

Status check_against(const cluster::Cluster& cluster, const network::Network& model) {
  TESSERA_TRY(const auto graph, model.view());
  for (const auto& machine : cluster.machines) {
    const auto whose = fmt::format("machine '{}'", machine.name);
    TESSERA_CHECK(check_patterns(graph, machine.only, whose));
    TESSERA_CHECK(check_patterns(graph, machine.except, whose));
  }
  for (const auto& pin : cluster.pins) {
    TESSERA_CHECK(check_patterns(graph, pin.match, "pins to '" + pin.machine + "'"));
  }
  return check_codecs(cluster, model.inputs());
}

}  // namespace tessera::cli
