// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/cluster/fields.h"

#include <gtest/gtest.h>

#include "support/fields.h"
#include "tessera/cluster/cluster.h"

namespace tessera::cluster {
namespace {

using testing::expect_page;
using testing::expect_schema;
using testing::members_of;

constexpr const char* kPage = "docs/records.md";

/// The same words, in the same order, for whoever reads a document by its schema or the page.
TEST(FieldsOfClusters, AreThoseOfTheSchema) {
  expect_schema(members_of<Cluster>(), "cluster", "/$defs/cluster");
  expect_schema(members_of<Machine>(), "cluster", "/$defs/machine");
  expect_schema(members_of<Scaling>(), "cluster", "/$defs/scaling");
  expect_schema(members_of<Link>(), "cluster", "/$defs/link");
  expect_schema(members_of<GoodputPoint>(), "cluster", "/$defs/point");
  expect_schema(members_of<Radio>(), "cluster", "/$defs/radio");
  expect_schema(members_of<InputCodec>(), "cluster", "/$defs/codec");
  expect_schema(members_of<Pin>(), "cluster", "/$defs/pin");
}

TEST(FieldsOfClusters, AreThoseOfThePage) {
  expect_page(members_of<Cluster>(), kPage, "### A cluster");
  expect_page(members_of<Machine>(), kPage, "### `machines[]` of a cluster");
  expect_page(members_of<Scaling>(), kPage, "### `machines[].scaling`");
  expect_page(members_of<Link>(), kPage, "### `links[]` of a cluster");
  expect_page(members_of<GoodputPoint>(), kPage, "### `links[].goodput[]`");
  expect_page(members_of<Radio>(), kPage, "### `links[].radio`");
  expect_page(members_of<InputCodec>(), kPage, "### `codecs[]` of a cluster");
  expect_page(members_of<Pin>(), kPage, "### `pins[]` of a cluster");
}

}  // namespace
}  // namespace tessera::cluster
