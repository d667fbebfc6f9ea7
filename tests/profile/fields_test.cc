// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/profile/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/runtime/fields.h"

namespace tessera::profile {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfProfiles, AreThoseOfTheSchema) {
  expect_schema(members_of<PlanTimes>(), "profile", "/$defs/plan");
  expect_schema(members_of<SharedKernel>(), "profile", "/$defs/shared_kernel");
  expect_schema(members_of<TracedPlan>(), "profile",
                "/$defs/profile/properties/traced_plans/items");
  expect_schema(members_of<PrecisionCost>(), "profile", "/$defs/cost");
  expect_schema(members_of<Layer>(), "profile", "/$defs/layer");
  expect_schema(members_of<WholeCost>(), "profile", "/$defs/whole");
  expect_schema(members_of<runtime::SessionMemory>(), "profile",
                "/$defs/whole/properties/memory/anyOf/0");
  expect_schema(members_of<ValidationPoint>(), "profile",
                "/$defs/profile/properties/validation/properties/points/items");
  expect_schema(members_of<Validation>(), "profile", "/$defs/profile/properties/validation");
  expect_schema(members_of<GainOnly>(), "profile", "/$defs/profile/properties/gain_only/items");
  expect_schema(members_of<CurvePoint>(), "profile", "/$defs/profile/properties/curve/items");
  expect_schema(members_of<Profile::Stability>(), "profile", "/$defs/profile/properties/stability");
  expect_schema(members_of<Profile::Fastest>(), "profile", "/$defs/profile/properties/fastest");
  expect_schema(members_of<Profile>(), "profile", "/$defs/profile");
  expect_schema(members_of<Roofline>(), "profile", "/$defs/profile/properties/roofline/anyOf/0");
  expect_schema(members_of<ConversionPoint>(), "profile",
                "/$defs/conversion/properties/points/items");
  expect_schema(members_of<ConversionCurve>(), "profile", "/$defs/conversion");
}

TEST(FieldsOfProfiles, AreThoseOfThePage) {
  expect_page(members_of<Profile>(), kPage, "### The answer of `profile`");
  expect_page(members_of<Layer>(), kPage, "### `layers[]`");
  expect_page(members_of<PrecisionCost>(), kPage, "### `precisions{}`: a timing, and");
  expect_page(members_of<WholeCost>(), kPage, "### `whole{}`");
  expect_page(members_of<runtime::SessionMemory>(), kPage, "### `whole{}.memory`");
  expect_page(members_of<Validation>(), kPage, "### `validation`");
  expect_page(members_of<ValidationPoint>(), kPage, "### `validation.points[]`");
  expect_page(members_of<GainOnly>(), kPage, "### `gain_only[]`");
  expect_page(members_of<CurvePoint>(), kPage, "### `curve[]`");
  expect_page(members_of<Profile::Stability>(), kPage, "### `stability`");
  expect_page(members_of<Profile::Fastest>(), kPage, "### `fastest`");
  expect_page(members_of<Roofline>(), kPage, "### `roofline`");
  expect_page(members_of<ConversionCurve>(), kPage, "### `conversions.curves{}`");
  expect_page(members_of<ConversionPoint>(), kPage, "### `conversions.curves{}.points[]`");
  expect_page(members_of<TracedPlan>(), kPage, "### `traced_plans[]`");
  expect_page(members_of<PlanTimes>(), kPage, "### `traced_plans[].times`");
  expect_page(members_of<SharedKernel>(), kPage, "### `traced_plans[].times.shared[]`");
}

}  // namespace
}  // namespace tessera::profile
