// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "quantize/made_constants.h"

#include <utility>

namespace tessera::quantize {
namespace {

/// Scales, zero points and biases are not worth making twice.
constexpr std::size_t kAlwaysHeldBytes = 1U << 16;

}  // namespace

std::int64_t constant_bytes(const onnx::Model& model) {
  std::int64_t bytes = 0;
  for (const auto& name : model.initializers()) {
    const auto type = model.initializer_type(name);
    if (!type || !type->shape) {
      continue;
    }
    std::int64_t elements = 1;
    for (const auto& dim : *type->shape) {
      elements *= dim.value;
    }
    bytes += bytes_of(type->dtype, elements);
  }
  return bytes;
}

MadeConstants::MadeConstants(onnx::Model& model, std::int64_t held_bytes) : model_(model) {
  if (constant_bytes(model) > held_bytes) {
    source_ = std::make_shared<const onnx::Model>(model.clone());
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

}  // namespace tessera::quantize
