// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/json.h"
#include "tessera/core/result.h"
#include "tessera/keras/keras.h"
#include "tessera/runtime/library.h"
#include "tessera/runtime/session.h"
#include "tessera/tensor/tensor.h"

/// An imported network held against what Keras itself computed.
namespace tessera::network {

/// How far one layer's results are from those that were expected.
struct LayerDifference {
  std::string layer;       ///< its name; "y", "y2" for outputs of the network
  std::string class_name;  ///< "Conv2D"; empty for outputs
  std::string value;       ///< in the ONNX model
  std::int64_t elements = 0;
  double largest = 0;          ///< expected value, by magnitude
  double worst_absolute = 0;   ///< difference
  double worst_relative = 0;   ///< that, in units of `largest`; infinite where one has NaN
  std::int64_t differing = 0;  ///< elements beyond the tolerance
  /// worst_relative and differing where what the layer reads is what was expected of the layers
  /// before it: a quantizer in front that rounds a value the other way does not count here.
  double alone_relative = 0;
  std::int64_t alone_differing = 0;
  /// worst_relative and differing, as the runtime optimizes the network. Of outputs and
  /// of what ends in a quantizer: other values are gone where operators run as one.
  std::optional<double> optimized_relative;
  std::optional<std::int64_t> optimized_differing;
  bool on_grid = false;  ///< the layer ends in a quantizer
  bool within = false;
};

struct ImportCheck {
  std::vector<LayerDifference> layers;  ///< in the order in which they are computed, outputs last
  std::vector<std::string> unknown;     ///< arrays whose layer the network does not have
  [[nodiscard]] bool passed() const;
};
[[nodiscard]] Json to_json(const ImportCheck& check);

/// Runs the network on `x` (`x2`, ... for further inputs), with Keras' axes, and compares `y`
/// (`y2`, ...) and every `layer/NAME`, twice: as the network computes it, and by itself, from what
/// was expected of the layers before it. A layer is within where no element is further off than
/// `tolerance` times the layer's largest, either time. These sessions do not optimize, so that
/// every layer is computed as it stands in the model. With another level in `session` the network
/// is run once more at that one; a layer is within then only if no more of its elements are beyond
/// the tolerance. Errors: kInvalidArgument for a missing or ill-shaped `x`, and where nothing is
/// there to be compared; those of the runtime.
[[nodiscard]] Result<ImportCheck> check_import(
    const keras::Imported& imported, const std::vector<NamedTensor>& golden,
    const std::shared_ptr<const runtime::Library>& library, double tolerance,
    const runtime::SessionOptions& session = {.opt_level = runtime::OptLevel::kDisabled});

}  // namespace tessera::network
