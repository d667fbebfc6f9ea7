// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "certificate/seal.h"
#include "tessera/certificate/certificate.h"

namespace tessera::certificate {

/// Two operators in two states and a memory that has no room for both in floats: 9 ns are the
/// optimum, 5 ns without the limit. The proof splits twice, and bounds one side by a layout.
inline Certificate two_operators() {
  Certificate made;
  made.model_sha256 = std::string(64, '1');
  made.inputs = {{"cluster.json", std::string(64, '2')}, {"profile.json", std::string(64, '3')}};
  const std::vector<std::string> states = {"edge/float32", "edge/int8/u8s8"};
  auto& [variables, tensors, couplings, limits] = made.problem;
  variables = {{"a", {"conv1", "relu1"}, states, {1, 3}}, {"b", {"conv2"}, states, {4, 6}}};
  tensors = {{"t", {0, {0, 1}}, {{1, {0, 1}}}, 2, 2, {0, 2, 2, 0}}};
  limits = {{"memory", "B", 4, {{0, 0, 3}, {0, 1, 1}, {1, 0, 3}, {1, 1, 1}}, {}, {}, {}}};
  made.claim = {Status::kOptimal, {1, 0}, 9, {4}, 9};
  made.proof.nodes.resize(5);
  made.proof.nodes[0].split = {{0, {0}}, 1, 2};
  made.proof.nodes[1].split = {{1, {0}}, 3, 4};
  made.proof.schemes = {{1024, {}, {}, {1}}};
  made.proof.nodes[2].layouts = {{0, 1, {0}, {}, {}}};
  return made;
}

inline Json sealed(Json document) {
  document["seal"] = seal_of(document);
  return document;
}

}  // namespace tessera::certificate
