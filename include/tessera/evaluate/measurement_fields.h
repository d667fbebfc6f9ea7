// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "tessera/core/json.h"
#include "tessera/evaluate/measurement.h"

namespace tessera::evaluate {

/// A member of a measurement, named and explained once: documents, sheets, schema/ and docs/ follow
/// this list, and a test holds the last two against it.
struct MeasurementField {
  std::string_view name;  ///< its key
  std::string_view says;  ///< what it is, with the unit where the name has none
  /// null where it has no meaning; discarded where the member is left out.
  Json (*value)(const Measurement& row);
};
/// In the order in which they are written.
[[nodiscard]] std::span<const MeasurementField> measurement_fields();

/// A column of the sheet of measurements (CSV): what stands at `pointer` in the document's row, as
/// text; null and what is not there are empty.
struct SheetColumn {
  std::string_view header;
  std::string_view pointer;  ///< "/latency/median_us"
  bool number = false;
};
[[nodiscard]] std::span<const SheetColumn> sheet_columns();

}  // namespace tessera::evaluate
