// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/graph/graph.h"
#include "tessera/network/network.h"
#include "tessera/tensor/tensor.h"

/// Where a model has widths that can be chosen.
namespace tessera::noise {

/// Constant weights, however many operators read them.
struct WeightSite {
  std::string name;              ///< of the first operator that reads them
  std::string type;              ///< of that operator
  std::string tensor;            ///< what the operators read
  std::vector<std::string> ops;  ///< names of all operators that read them
  Tensor values;                 ///< float32, as in the file
  std::optional<int> given;      ///< bits that they have in the file already
  std::optional<float> bias;     ///< largest magnitude of a constant bias
  std::size_t before = 1;        ///< elements before, of and behind the axis that has scales
  std::size_t channels = 1;
  std::size_t behind = 1;
  bool depthwise = false;
  double macs = 0;                  ///< of all operators
  double terms = 1;                 ///< products that enter one sum
  double input_elements = 0;        ///< that all operators read
  std::vector<std::size_t> inputs;  ///< places of the activations that they read; none: an input
};

/// A tensor that is rounded.
struct ActivationSite {
  std::string tensor;
  std::string type;  ///< of the operator that makes it
  double elements = 0;
  std::optional<int> given;      ///< bits that it has in the file already
  bool relu = false;             ///< made by ReLU, or by a Clip from 0 on
  std::optional<float> at_most;  ///< what that Clip cuts off at
};

struct Sites {
  std::vector<WeightSite> weights;
  std::vector<ActivationSite> activations;
};

/// Errors: kFailedPrecondition if there are none, or where the extents of one are open.
[[nodiscard]] Result<Sites> find_sites(const network::Network& model, const graph::Graph& graph);

}  // namespace tessera::noise
