// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes are an error or a model that can be looked at from every side and written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tessera/graph/inspect.h"
#include "tessera/onnx/model.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto model = tessera::onnx::Model::parse(bytes, "input");
  if (!model) {
    return 0;
  }
  for (const auto& name : model->initializers()) {
    (void)model->initializer(name);
  }
  if (const auto view = model->view()) {
    (void)tessera::graph::inspect(*view, {.qdq = tessera::graph::QdqCounting::kDiscount});
  }
  const auto text = model->serialize();
  if (!text) {
    return 0;
  }
  // What was accepted once is accepted again, and the second writing changes nothing.
  const auto again = tessera::onnx::Model::parse(*text, "again");
  if (!again || again->serialize().value_or("") != *text) {
    std::abort();
  }
  return 0;
}
