// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"

namespace tessera::refine {

/// A value whose channels can be scaled without changing what the model computes: its producer
/// takes 1/s, every reader s.
struct ScalablePath {
  std::string tensor;    ///< result of a Conv, or of an InstanceNormalization
  std::string producer;  ///< name of that operator
  std::int64_t channels = 0;
  /// The same channels behind Relu, pools and the like, up to a concatenation.
  std::vector<std::string> passes;
  struct Reader {
    onnx::NodeId node;
    std::int64_t offset = 0;  ///< of the first channel within what the reader reads
    bool depthwise = false;
  };
  std::vector<Reader> readers;  ///< Conv operators
};

/// Every such value, in topological order, found from the shapes of the weights. Between producer
/// and readers stand only operators f with f(s x) = s f(x) for every s > 0, channel by channel:
/// Relu, LeakyRelu, MaxPool, AveragePool, GlobalAveragePool, Pad with zeros or the value's own
/// elements, Concat along channels. Anything else (Sigmoid, Clip, Add, ...), a graph output, or a
/// weight with several readers ends the matter; `refused` gets one line for each.
[[nodiscard]] Result<std::vector<ScalablePath>> scalable_paths(const onnx::Model& model,
                                                               std::vector<std::string>* refused);

struct EqualizeOptions {
  bool per_channel_weights = true;
};

/// Divides channel i of every path by s_i and multiplies the readers' weights by it. With weights
/// per tensor s_i = sqrt(r1_i / r2_i) of the two weights' channel ranges (Nagel et al. 2019); with
/// weights per channel the producer's ranges are free, and the activation's `magnitude` stands for
/// r1. Scales are powers of two, so that the float model computes the same numbers up to the order
/// of additions; limited to 2^-10..2^10. `magnitude`: by tensor of ScalablePath::tensor, the
/// largest magnitude of each channel behind the last pass; paths without one are left out. Returns
/// how many paths changed.
[[nodiscard]] Result<std::int64_t> equalize(
    onnx::Model& model, const std::vector<ScalablePath>& paths,
    const std::map<std::string, std::vector<float>>& magnitude, const EqualizeOptions& options);

}  // namespace tessera::refine
