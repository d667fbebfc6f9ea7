// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/refine/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/refine/choose_method.h"
#include "tessera/refine/refine.h"

namespace tessera::refine {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfRefining, AreThoseOfTheSchema) {
  expect_schema(members_of<Step>(), "common", "/$defs/refine_report/properties/steps/items");
  expect_schema(members_of<RefineReport>(), "common", "/$defs/refine_report");
  expect_schema(members_of<RefineOptions>(), "quantize",
                "/properties/result/properties/refinement/properties/options");
  expect_schema(members_of<MethodTrial>(), "quantize",
                "/properties/result/properties/method_choice/properties/methods/items");
  expect_schema(members_of<MethodMix>(), "quantize",
                "/properties/result/properties/method_choice/properties/mix");
  expect_schema(members_of<MethodChoice>(), "quantize",
                "/properties/result/properties/method_choice");
}

TEST(FieldsOfRefining, AreThoseOfThePage) {
  expect_page(members_of<RefineReport>(), kPage,
              "### `refinement` of a candidate, `report` of `quantize`");
  expect_page(members_of<Step>(), kPage, "### `steps[]` of refining");
  expect_page(members_of<RefineOptions>(), kPage, "### `refinement.options`");
  expect_page(members_of<MethodChoice>(), kPage, "### `method_choice`");
  expect_page(members_of<MethodTrial>(), kPage, "### `method_choice.methods[]`");
  expect_page(members_of<MethodMix>(), kPage, "### `method_choice.mix`");
}

}  // namespace
}  // namespace tessera::refine
