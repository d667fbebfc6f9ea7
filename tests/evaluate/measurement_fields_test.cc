// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tessera/evaluate/fields.h"
#include "tessera/evaluate/measurement.h"

namespace tessera::evaluate {
namespace {

/// What was measured, so that every column has something to show.
Measurement whole_row() {
  Measurement row;
  row.scheme.mode = quantize::Mode::kStatic;
  row.provider = runtime::ProviderChoice{"cpu", {}};
  row.status = RowStatus::kOk;
  row.reason = "a reason";
  row.open_us = 1;
  row.first_run_us = 2;
  row.latency = {3, 4, 5, 6, 7};
  row.speedup = {2, 1.9, 2.1, 8};
  row.accuracy.emplace();
  row.accuracy->top1 = Top1{.candidate_percent = 70, .agreement_percent = 80};
  row.size_bytes = 9;
  row.kernels.emplace();
  row.kernels->providers["CPUExecutionProvider"] = 3;
  return row;
}

TEST(SheetColumns, PointAtWhatDocumentsHave) {
  const auto json = to_json(whole_row());
  for (const auto& column : sheet_columns()) {
    const Json::json_pointer pointer{std::string(column.pointer)};
    ASSERT_TRUE(json.contains(pointer)) << column.header;
    EXPECT_EQ(json.at(pointer).is_number(), column.number) << column.header;
  }
}

TEST(Measurement, OfASchemeWithoutIntegers_HasNullWhereTheyWouldStand) {
  Measurement row;
  row.scheme.mode = quantize::Mode::kFloat16;
  const auto json = to_json(row);
  for (const auto* const key : {"format", "activation", "weight", "granularity", "reduce_range",
                                "method", "latency", "speedup", "sqnr_db", "sqnr_db_low",
                                "size_bytes", "open_us", "kernels", "reason", "provider"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  EXPECT_FALSE(json.contains("top1"));
  EXPECT_EQ(json.at("quantized_ops"), 0);
}

}  // namespace
}  // namespace tessera::evaluate
