// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tessera/core/fields.h"

/// What this room's records have in documents.
namespace tessera::noise {

[[nodiscard]] Fields<struct SweepLayer> fields_of(const struct SweepLayer* layer);
[[nodiscard]] Fields<struct SweepOutput> fields_of(const struct SweepOutput* output);
[[nodiscard]] Fields<struct SweepHeader> fields_of(const struct SweepHeader* header);
[[nodiscard]] Fields<struct SweepOutputError> fields_of(const struct SweepOutputError* error);
[[nodiscard]] Fields<struct SweepRecord> fields_of(const struct SweepRecord* record);
[[nodiscard]] Fields<struct Scores> fields_of(const struct Scores* scores);
[[nodiscard]] Fields<struct IntervalBin> fields_of(const struct IntervalBin* bin);
[[nodiscard]] Fields<struct Intervals> fields_of(const struct Intervals* intervals);
[[nodiscard]] Fields<struct Agreement> fields_of(const struct Agreement* agreement);
[[nodiscard]] Fields<struct CheckRow> fields_of(const struct CheckRow* row);
[[nodiscard]] Fields<struct Check> fields_of(const struct Check* check);
[[nodiscard]] Fields<struct TailStep> fields_of(const struct TailStep* step);
[[nodiscard]] Fields<struct Tail> fields_of(const struct Tail* tail);
[[nodiscard]] Fields<struct BitsStep> fields_of(const struct BitsStep* step);
[[nodiscard]] Fields<struct BitsLayer> fields_of(const struct BitsLayer* layer);
[[nodiscard]] Fields<struct Bits> fields_of(const struct Bits* bits);

}  // namespace tessera::noise
