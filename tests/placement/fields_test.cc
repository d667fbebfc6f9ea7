// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/placement/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"

namespace tessera::placement {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfPlans, AreThoseOfTheSchema) {
  expect_schema(members_of<Plan>(), "plan", "/$defs/plan");
  expect_schema(members_of<Assigned>(), "plan", "/$defs/assigned");
  expect_schema(members_of<CutEdge>(), "plan", "/$defs/cut");
  expect_schema(members_of<MachineShare>(), "plan", "/$defs/machine");
  expect_schema(members_of<LinkShare>(), "plan", "/$defs/link");
  expect_schema(members_of<LimitUse>(), "plan", "/$defs/limit");
  expect_schema(members_of<Baseline>(), "plan", "/$defs/baseline");
  expect_schema(members_of<ConflictingLimit>(), "plan", "/$defs/conflict");
  expect_schema(members_of<Explanation>(), "plan", "/$defs/explanation");
  expect_schema(members_of<Explanation::Alternative>(), "plan", "/$defs/alternative");
  expect_schema(members_of<TurningPoint>(), "plan", "/$defs/turning_point");
  expect_schema(members_of<ParetoPoint>(), "plan", "/$defs/pareto_point");
  expect_schema(members_of<Activity>(), "plan", "/$defs/activity");
  expect_schema(members_of<Plan::Certificate>(), "plan", "/$defs/certificate");
  expect_schema(members_of<ExportedProblem>(), "plan", "/$defs/export");
}

TEST(FieldsOfPlans, AreThoseOfThePage) {
  expect_page(members_of<Plan>(), kPage, "### The answer of `plan`");
  expect_page(members_of<Assigned>(), kPage, "### `assignments[]` of a plan");
  expect_page(members_of<CutEdge>(), kPage, "### `cuts[]` of a plan");
  expect_page(members_of<MachineShare>(), kPage, "### `machines[]` of a plan");
  expect_page(members_of<LinkShare>(), kPage, "### `links[]` of a plan");
  expect_page(members_of<LimitUse>(), kPage, "### `limits[]` of a plan");
  expect_page(members_of<Baseline>(), kPage, "### `baselines{}` of a plan");
  expect_page(members_of<ConflictingLimit>(), kPage, "### `conflicts[]` of a plan");
  expect_page(members_of<Explanation>(), kPage, "### `explanations[]` of a plan");
  expect_page(members_of<Explanation::Alternative>(), kPage, "### `explanations[].alternatives[]`");
  expect_page(members_of<TurningPoint>(), kPage, "### `turning_points[]` of a plan");
  expect_page(members_of<ParetoPoint>(), kPage, "### `pareto[]` of a plan");
  expect_page(members_of<Activity>(), kPage, "### `schedule[]` of a plan");
  expect_page(members_of<Plan::Certificate>(), kPage, "### `certificate` of a plan");
  expect_page(members_of<ExportedProblem>(), kPage, "### `exported` of a plan");
}

}  // namespace
}  // namespace tessera::placement
