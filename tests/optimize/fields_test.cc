// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/optimize/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"

namespace tessera::optimize {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfOptimize, AreThoseOfTheSchema) {
  expect_schema(members_of<Candidate>(), "optimize",
                "/properties/result/properties/candidates/items");
  expect_schema(members_of<Exclusion>(), "optimize",
                "/properties/result/properties/excluded/items");
  expect_schema(members_of<Exclusion>(), "optimize", "/properties/result/properties/cut_off/items");
  expect_schema(members_of<Limits>(), "optimize", "/properties/result/properties/applied_limits");
  expect_schema(members_of<OptimizeResult::Written>(), "optimize",
                "/properties/result/properties/written/anyOf/0");
  expect_schema(members_of<OptimizeResult::Mixing>(), "optimize",
                "/properties/result/properties/mixing/anyOf/0");
  expect_schema(members_of<PortableChoice>(), "optimize",
                "/properties/result/properties/portable/anyOf/0");
  expect_schema(members_of<OptimizeResult::WithKernels>(), "optimize",
                "/properties/result/properties/with_kernels/anyOf/0");
}

TEST(FieldsOfOptimize, AreThoseOfThePage) {
  expect_page(members_of<Candidate>(), kPage, "### `candidates[]`: a row of `bench`, and");
  expect_page(members_of<Exclusion>(), kPage, "### `excluded[]` and `cut_off[]`");
  expect_page(members_of<Limits>(), kPage, "### `applied_limits`");
  expect_page(members_of<OptimizeResult::Written>(), kPage, "### `written`");
  expect_page(members_of<OptimizeResult::Mixing>(), kPage, "### `mixing`");
  expect_page(members_of<PortableChoice>(), kPage, "### `portable`");
  expect_page(members_of<OptimizeResult::WithKernels>(), kPage, "### `with_kernels`");
}

}  // namespace
}  // namespace tessera::optimize
