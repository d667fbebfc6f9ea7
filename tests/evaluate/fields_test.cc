// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/evaluate/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/core/energy.h"
#include "tessera/evaluate/accuracy.h"
#include "tessera/tensor/fields.h"

namespace tessera::evaluate {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfEvaluations, AreThoseOfTheSchema) {
  expect_schema(members_of<Timing>(), "common", "/$defs/timing");
  expect_schema(members_of<Speedup>(), "common", "/$defs/speedup");
  expect_schema(members_of<KernelSummary>(), "common", "/$defs/kernels");
  expect_schema(members_of<Measurement>(), "common", "/$defs/measurement");
  expect_schema(members_of<Top1>(), "common", "/$defs/top1");
  expect_schema(members_of<ErrorMetrics>(), "common", "/$defs/error");
  expect_schema(members_of<OutputError>(), "common", "/$defs/named_error");
  expect_schema(members_of<Accuracy>(), "common", "/$defs/accuracy");
  expect_schema(members_of<Energy>(), "common", "/$defs/energy");
  expect_schema(members_of<TensorError>(), "compare",
                "/properties/result/properties/tensors/items");
  expect_schema(members_of<GateResult>(), "compare", "/properties/result/properties/gates/items");
  expect_schema(members_of<KernelRow>(), "common",
                "/$defs/kernel_check/properties/operators/items");
  expect_schema(members_of<KernelDifference>(), "common", "/$defs/kernel_difference");
  expect_schema(members_of<LayerEnergy>(), "energy", "/properties/result/properties/layers/items");
}

TEST(FieldsOfEvaluations, AreThoseOfThePage) {
  expect_page(members_of<Timing>(), kPage, "### `latency`, and other timings");
  expect_page(members_of<Speedup>(), kPage, "### `speedup` of a race");
  expect_page(members_of<KernelSummary>(), kPage, "### `kernels` that ran");
  expect_page(members_of<Top1>(), kPage, "### `top1`, in percent");
  expect_page(members_of<ErrorMetrics>(), kPage, "### An error, of a tensor or of all outputs");
  expect_page(members_of<OutputError>(), kPage, "### `outputs[]` of it: an error, and");
  expect_page(members_of<Accuracy>(), kPage,
              "### `accuracy`: how far a model is from its reference");
  expect_page(members_of<Energy>(), kPage, "### `energy` of one inference");
  expect_page(members_of<Measurement>(), "docs/bench.md", "## What a row says");
  expect_page(members_of<TensorError>(), kPage, "### `tensors[]`: an error, and");
  expect_page(members_of<GateResult>(), kPage, "### `gates[]`");
  expect_page(members_of<KernelRow>(), kPage, "### `kernels.operators[]`");
  expect_page(members_of<KernelDifference>(), kPage, "### `alone` and `accumulated`");
  expect_page(members_of<LayerEnergy>(), kPage, "### `layers[]` of `energy`");
}

}  // namespace
}  // namespace tessera::evaluate
