// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// A program outside of the house: opens a model through the installed library and headers only, of
// those that docs/versioning.md covers.
#include <cstdio>

#include "tessera/core/record.h"
#include "tessera/network/load.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: consumer MODEL\n");
    return 2;
  }
  const auto network = tessera::network::read(argv[1]);
  if (!network) {
    std::fprintf(stderr, "%s\n", tessera::to_string(network.error()).c_str());
    return 3;
  }
  const auto graph = network->view();
  if (!graph) {
    std::fprintf(stderr, "%s\n", tessera::to_string(graph.error()).c_str());
    return 3;
  }
  std::printf("tessera %s: %zu ops\n", tessera::version().data(), graph->ops().size());
  return 0;
}
