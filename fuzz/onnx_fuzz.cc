// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
//
// Any bytes are an error or a model that can be looked at from every side and written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tessera/graph/inspect.h"
#include "tessera/onnx/model.h"

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
  for (const auto& cut : *inspection.cuts) {
    wrong = wrong || negative(cut.bytes) || cut.macs_before < 0 || cut.macs_after < 0;
  }
  if (wrong) {
    std::abort();
  }
}

}  // namespace

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
    // Cuts grow steeply with their number of tensors: one is enough to get everywhere.
    const auto inspection = tessera::graph::inspect(
        *view, {.qdq = tessera::graph::QdqCounting::kDiscount, .max_cut_tensors = 1});
    expect_counts(inspection);
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
