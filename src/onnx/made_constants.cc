// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/onnx/made_constants.h"

#include <utility>

#include "tessera/onnx/query.h"

namespace tessera::onnx {
namespace {

/// Scales, zero points and biases are not worth making twice.
constexpr std::size_t kAlwaysHeldBytes = 1U << 16;

}  // namespace

MadeConstants::MadeConstants(Model& model, std::int64_t held_bytes) : model_(model) {
  if (constant_bytes(model) > held_bytes) {
    source_ = std::make_shared<const Model>(model.clone());
  }
}

void MadeConstants::store(const std::string& name, Tensor value, Maker make) {
  if (source_ == nullptr || value.bytes().size() <= kAlwaysHeldBytes) {
    model_.set_initializer(name, std::move(value));
    return;
  }
  model_.set_deferred_initializer(
      name, value.dtype(), value.shape(),
      [source = source_, make = std::move(make)] { return make(*source); });
}

}  // namespace tessera::onnx
