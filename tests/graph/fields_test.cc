// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/graph/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/graph/inspect.h"

namespace tessera::graph {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfInspections, AreThoseOfTheSchema) {
  expect_schema(members_of<Quantization>(), "inspect",
                "/properties/result/properties/quantization");
  expect_schema(members_of<TypeTotal>(), "inspect", "/properties/result/properties/types/items");
}

TEST(FieldsOfInspections, AreThoseOfThePage) {
  expect_page(members_of<Quantization>(), kPage, "### `quantization` of `inspect`");
  expect_page(members_of<TypeTotal>(), kPage, "### `types[]`");
}

}  // namespace
}  // namespace tessera::graph
