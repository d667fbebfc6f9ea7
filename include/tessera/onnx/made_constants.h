// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tessera/core/result.h"
#include "tessera/onnx/model.h"
#include "tessera/tensor/tensor.h"

namespace tessera::onnx {

/// Models with constants of more bytes are quantized one tensor at a time.
inline constexpr std::int64_t kHeldBytes = std::int64_t{1} << 28;

/// Constants that a pass makes of a model's own. Those of a small model are kept. Those of a large
/// one are made again whenever the model is written, so that memory is bounded by the largest
/// tensor; it does not matter to the result.
class MadeConstants {
 public:
  /// Makes a constant again from the model as it was when this object was made. Pure.
  using Maker = std::function<Result<Tensor>(const Model& source)>;

  explicit MadeConstants(Model& model, std::int64_t held_bytes = kHeldBytes);

  /// Adds or replaces an initializer.
  void store(const std::string& name, Tensor value, Maker make);
  /// A constant of the model has been looked at, and all views of it are gone.
  void done_with(const std::string& name) const { model_.release_initializer(name); }

 private:
  Model& model_;
  /// The model with its own constants; null if everything is kept. Shared by the makers, which
  /// outlive this object.
  std::shared_ptr<const Model> source_;
};

}  // namespace tessera::onnx
