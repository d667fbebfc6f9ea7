// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::evaluate {

[[nodiscard]] Fields<struct Speedup> fields_of(const struct Speedup* speedup);
[[nodiscard]] Fields<struct KernelSummary> fields_of(const struct KernelSummary* summary);
[[nodiscard]] Fields<struct Measurement> fields_of(const struct Measurement* row);
[[nodiscard]] Fields<struct Top1> fields_of(const struct Top1* top1);
[[nodiscard]] Fields<struct OutputError> fields_of(const struct OutputError* output);
[[nodiscard]] Fields<struct Accuracy> fields_of(const struct Accuracy* accuracy);
[[nodiscard]] Fields<struct TensorError> fields_of(const struct TensorError* tensor);
[[nodiscard]] Fields<struct GateResult> fields_of(const struct GateResult* result);
[[nodiscard]] Fields<struct LayerEnergy> fields_of(const struct LayerEnergy* layer);
[[nodiscard]] Fields<struct KernelDifference> fields_of(const struct KernelDifference* difference);
[[nodiscard]] Fields<struct KernelRow> fields_of(const struct KernelRow* row);

/// A column of the sheet of measurements (CSV): what stands at `pointer` in the document's row, as
/// text; null and what is not there are empty.
struct SheetColumn {
  std::string_view header;
  std::string_view pointer;  ///< "/latency/median_us"
  bool number = false;
};
[[nodiscard]] std::span<const SheetColumn> sheet_columns();

}  // namespace tessera::evaluate
