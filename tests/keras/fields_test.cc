// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/keras/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/keras/energy.h"

namespace tessera::keras {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kKind = "energy-estimate";
constexpr const char* kPage = "docs/records.md";

TEST(FieldsOfEstimates, AreThoseOfTheSchema) {
  expect_schema(members_of<LayerEnergy>(), kKind, "/properties/result/properties/layers/items");
  expect_schema(members_of<EnergyOptions>(), kKind, "/properties/result/properties/memory");
  expect_schema(members_of<EnergyConstant>(), kKind,
                "/properties/result/properties/constants/items");
  expect_schema(members_of<NumberType>(), kKind, "/$defs/type");
  expect_schema(members_of<Operation>(), kKind, "/$defs/operation");
}

TEST(FieldsOfEstimates, AreThoseOfThePage) {
  expect_page(members_of<LayerEnergy>(), kPage, "### `layers[]` of `energy-estimate`");
  expect_page(members_of<EnergyOptions>(), kPage, "### `memory` of `energy-estimate`");
  expect_page(members_of<EnergyConstant>(), kPage, "### `constants[]` of `energy-estimate`");
  expect_page(members_of<NumberType>(), kPage, "### Types of numbers in it");
  expect_page(members_of<Operation>(), kPage, "### `product` in it");
}

}  // namespace
}  // namespace tessera::keras
