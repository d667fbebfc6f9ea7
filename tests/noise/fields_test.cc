// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/noise/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/noise/bits.h"
#include "tessera/noise/check.h"
#include "tessera/noise/model.h"
#include "tessera/noise/scores.h"
#include "tessera/noise/sweep.h"
#include "tessera/noise/tail.h"

namespace tessera::noise {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfErrors, AreThoseOfTheSchema) {
  expect_schema(members_of<SweepHeader>(), "error-sweep", "/properties/result",
                {"output", "subsets", "measured", "resumed", "work", "cpu_us", "peak_rss_bytes"});
  expect_schema(members_of<SweepLayer>(), "error-sweep",
                "/properties/result/properties/layers/items");
  expect_schema(members_of<SweepOutput>(), "error-sweep",
                "/properties/result/properties/outputs/items");
  expect_schema(members_of<SweepRecord>(), "error-sweep-record", "");
  expect_schema(members_of<SweepOutputError>(), "error-sweep-record", "/properties/outputs/items");
  expect_schema(members_of<Scores>(), "error-fit", "/$defs/scores");
  expect_schema(members_of<Intervals>(), "error-fit", "/properties/result/properties/intervals",
                {"test_coverage"});
  expect_schema(members_of<IntervalBin>(), "error-fit",
                "/properties/result/properties/intervals/properties/bins/items");
  expect_schema(members_of<Check>(), "error-check", "/properties/result", {"layers", "data"});
  expect_schema(members_of<Agreement>(), "error-check", "/properties/result/properties/engine");
  expect_schema(members_of<CheckRow>(), "error-check", "/properties/result/properties/plans/items");
  expect_schema(members_of<Bits>(), "error-bits", "/properties/result",
                {"data", "output", "qkeras"});
  expect_schema(members_of<BitsStep>(), "error-bits", "/properties/result/properties/steps/items");
  expect_schema(members_of<BitsLayer>(), "error-bits", "/$defs/layer");
  expect_schema(members_of<Tail>(), "error-tail", "/properties/result", {"data", "output"});
  expect_schema(members_of<TailStep>(), "error-tail", "/properties/result/properties/steps/items");
}

TEST(FieldsOfErrors, AreThoseOfThePage) {
  expect_page(members_of<SweepHeader>(), kPage, "### The first line of a sweep");
  expect_page(members_of<SweepLayer>(), kPage, "### `layers[]` of a sweep");
  expect_page(members_of<SweepOutput>(), kPage, "### `outputs[]` of a sweep");
  expect_page(members_of<SweepRecord>(), kPage, "### Every other line of a sweep");
  expect_page(members_of<SweepOutputError>(), kPage, "### `outputs[]` of such a line");
  expect_page(members_of<Scores>(), kPage,
              "### `train`, `test` and `cross_validation` of `error fit`");
  expect_page(members_of<Intervals>(), kPage, "### `intervals`");
  expect_page(members_of<IntervalBin>(), kPage, "### `intervals.bins[]`");
  expect_page(members_of<Check>(), kPage, "### The answer of `error check`");
  expect_page(members_of<Agreement>(), kPage, "### `engine`");
  expect_page(members_of<CheckRow>(), kPage, "### `plans[]`");
  expect_page(members_of<Bits>(), kPage, "### The answer of `error bits`");
  expect_page(members_of<BitsStep>(), kPage, "### `steps[]` of `error bits`");
  expect_page(members_of<BitsLayer>(), kPage, "### `layers[]` and `by_hand[]` of `error bits`");
  expect_page(members_of<Tail>(), kPage, "### The answer of `error tail`");
  expect_page(members_of<TailStep>(), kPage, "### `steps[]` of `error tail`");
}

}  // namespace
}  // namespace tessera::noise
