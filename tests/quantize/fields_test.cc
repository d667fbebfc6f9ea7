// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/quantize/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/quantize/quantize.h"

namespace tessera::quantize {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfQuantizing, AreThoseOfTheSchema) {
  expect_schema(members_of<OpOutcome>(), "quantize", "/properties/result/properties/ops/items");
  expect_schema(
      members_of<QuantizeReport>(), "quantize", "/properties/result",
      {"output", "wall_us", "recipe", "method_choice", "quantization", "fastest", "refinement"});
}

TEST(FieldsOfQuantizing, AreThoseOfThePage) {
  expect_page(members_of<QuantizeReport>(), kPage, "### The answer of `quantize`");
  expect_page(members_of<OpOutcome>(), kPage, "### `ops[]` of `quantize`");
}

}  // namespace
}  // namespace tessera::quantize
