// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes are an error or a Keras model (.h5, .keras, or the configuration of one) in which every
// reference leads somewhere, and which becomes an ONNX model or another error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "keras/config.h"
#include "keras/lower.h"
#include "keras/read.h"

namespace {

namespace keras = tessera::keras;

void expect_refs(const keras::Model& model, const std::vector<keras::TensorRef>& refs) {
  for (const auto& ref : refs) {
    if (ref.layer >= model.layers.size() || ref.call >= model.layers[ref.layer].calls.size()) {
      std::abort();
    }
  }
}

void expect_whole(const keras::Model& model) {
  expect_refs(model, model.inputs);
  expect_refs(model, model.outputs);
  for (const auto& layer : model.layers) {
    for (const auto& call : layer.calls) {
      expect_refs(model, call.inputs);
    }
    if (layer.name.empty() || layer.class_name.empty()) {
      std::abort();
    }
    if (layer.inner != nullptr) {
      expect_whole(*layer.inner);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto model = keras::read(bytes, "input")) {
    expect_whole(*model);
    (void)keras::lower(*model, {});
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = tessera::parse_json(text, "input");
  if (!config) {
    return 0;
  }
  if (const auto model = keras::parse_config(*config, "", "input")) {
    expect_whole(*model);
    (void)keras::lower(*model, {});
  }
  return 0;
}
