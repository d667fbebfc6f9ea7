// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes are an error or a .tflite model that can be looked at from every side and written
// again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tessera/graph/inspect.h"
#include "tessera/litert/model.h"
#include "tessera/litert/sparse.h"

namespace {

/// Extents come from the file: what they add up to is unknown or a count, and never negative.
void expect_counts(const tessera::graph::Inspection& inspection) {
  const auto negative = [](std::optional<std::int64_t> count) { return count.value_or(0) < 0; };
  bool wrong = negative(inspection.macs) || negative(inspection.flops) ||
               negative(inspection.peak_activation_bytes) || inspection.weight_bytes < 0 ||
               inspection.parameters < 0;
  for (const auto& cost : inspection.costs) {
    wrong = wrong || negative(cost.macs) || negative(cost.flops) || negative(cost.output_bytes) ||
            cost.weight_bytes < 0;
  }
  if (wrong) {
    std::abort();
  }
}

/// Inputs with the extents that the file has for open ones.
tessera::litert::AssumedShapes shapes_of(const tessera::litert::Content& content) {
  const auto& network = content.subgraphs.front();
  const auto names = tessera::litert::value_names(network);
  tessera::litert::AssumedShapes shapes;
  for (const auto input : network.inputs) {
    const auto place = static_cast<std::size_t>(input);
    auto& dims = shapes[names[place]];
    dims.clear();
    for (const auto extent : network.tensors[place].shape.value_or(std::vector<std::int32_t>())) {
      dims.push_back({extent, {}});
    }
  }
  return shapes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace litert = tessera::litert;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto model = litert::Model::parse(bytes);
  if (!model) {
    return 0;
  }
  const auto& content = model->content();
  for (const auto& assumed : {litert::AssumedShapes(), shapes_of(content)}) {
    if (const auto view = litert::view(content, litert::types_of(content, assumed))) {
      // Cuts grow steeply with their number of tensors: one is enough to get everywhere.
      expect_counts(tessera::graph::inspect(
          *view, {.qdq = tessera::graph::QdqCounting::kDiscount, .max_cut_tensors = 1}));
    }
  }
  for (const auto& tensor : content.subgraphs.front().tensors) {
    if (tensor.sparsity) {
      (void)litert::dense_bytes(tensor, content.buffers[tensor.buffer]);
    }
  }
  const auto text = model->serialize();
  if (!text) {
    return 0;
  }
  // What was accepted once is accepted again, and the second writing changes nothing.
  auto again = litert::Model::parse(*text);
  if (!again || again->serialize().value_or("") != *text) {
    std::abort();
  }
  litert::remove_unused(again->content());
  if (!again->serialize()) {
    std::abort();
  }
  return 0;
}
