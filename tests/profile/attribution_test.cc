// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "profile/attribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/model_builder.h"

namespace tessera::profile {
namespace {

using ::testing::ElementsAre;
using testing::ModelBuilder;
using Kind = Site::Kind;
using Role = runtime::KernelRole;

/// x -> Conv -> c -> Relu -> r -> Conv -> d -> Add(r) -> y: units Conv+Relu, Conv, Add.
graph::Graph view() {
  const auto model = ModelBuilder(13)
                         .input("x", {1, 4, 8, 8})
                         .weight("w", {4, 4, 1, 1}, 0.2)
                         .op("Conv", {"x", "w"}, {"c"})
                         .op("Relu", {"c"}, {"r"})
                         .op("Conv", {"r", "w"}, {"d"})
                         .op("Add", {"d", "r"}, {"y"})
                         .output("y", {1, 4, 8, 8})
                         .build();
  return *model.view();
}
constexpr std::size_t kInputs = 3;  // Units::size()

Units units_of(const graph::Graph& graph) {
  const auto count = graph.ops().size();
  return make_units(graph, {{std::vector<bool>(count, true)}, std::vector<bool>(count, false)});
}

/// Kernels as a session tells of them: `computes` and `reads` are operators of view() by their
/// order, or others from 100 on.
class Kernels {
 public:
  Kernels& kernel(Role role, const std::vector<std::uint32_t>& computes,
                  const std::vector<std::uint32_t>& reads) {
    kernels_.push_back({.role = role, .sources = sources(computes), .behind = sources(reads)});
    return *this;
  }
  [[nodiscard]] std::vector<Site> sites() const {
    const Attribution attribution(view_, units_of(view_), kernels_);
    std::vector<Site> sites;
    for (const auto& kernel : kernels_) {
      sites.push_back(attribution.site_of(kernel));
    }
    return sites;
  }

 private:
  [[nodiscard]] std::vector<std::uint32_t> sources(const std::vector<std::uint32_t>& ops) const {
    std::vector<std::uint32_t> all;
    for (const auto op : ops) {
      all.push_back(op < 100 ? view_.ops()[op].source : op);
    }
    return all;
  }

  graph::Graph view_ = view();
  std::vector<runtime::KernelTime> kernels_;
};

void expect_site(const Site& site, Kind kind, std::size_t unit,
                 const std::vector<std::size_t>& fused = {}) {
  EXPECT_EQ(site.kind, kind);
  EXPECT_EQ(site.unit, unit);
  EXPECT_EQ(site.fused, fused);
}

TEST(Attribution, UnitsAreAsTheTestsBelowTakeThemToBe) {
  const auto units = units_of(view());
  ASSERT_EQ(units.size(), kInputs);
  EXPECT_THAT(units.of_op, ElementsAre(0, 0, 1, 2));
}

TEST(Attribution, KernelsBelongToTheOperatorsThatTheyCompute) {
  const auto sites = Kernels()
                         .kernel(Role::kFloat, {0}, {})
                         .kernel(Role::kIntegerProduct, {2}, {0})
                         .kernel(Role::kFloat, {3}, {2})
                         .sites();
  expect_site(sites[0], Kind::kUnit, 0);
  expect_site(sites[1], Kind::kUnit, 1);
  expect_site(sites[2], Kind::kUnit, 2);
}

TEST(Attribution, AKernelOfSeveralUnits_CountsToTheLast_AndTellsOfAll) {
  const auto sites =
      Kernels().kernel(Role::kFloat, {0, 1}, {}).kernel(Role::kFloat, {3, 2}, {0, 1}).sites();
  expect_site(sites[0], Kind::kUnit, 0);  // two operators of one unit
  expect_site(sites[1], Kind::kUnit, 2, {1, 2});
}

TEST(Attribution, Conversions_BelongToWhatTheyConvert) {
  const auto sites = Kernels()
                         .kernel(Role::kQuantize, {100}, {})
                         .kernel(Role::kIntegerProduct, {0, 1}, {100})
                         .kernel(Role::kDequantize, {101}, {0, 1})
                         .kernel(Role::kReorder, {}, {101})
                         .kernel(Role::kFloat, {2}, {101})
                         .kernel(Role::kReorder, {}, {2})
                         .sites();
  expect_site(sites[0], Kind::kConversion, kInputs);
  expect_site(sites[2], Kind::kConversion, 0);
  expect_site(sites[3], Kind::kConversion, 0);  // by way of the kernel before it
  expect_site(sites[5], Kind::kConversion, 1);
}

TEST(Attribution, AConversionOfTheModelsOwn_IsItsArithmetic) {
  expect_site(Kernels().kernel(Role::kReorder, {3}, {2}).sites()[0], Kind::kUnit, 2);
}

TEST(Attribution, WhatIsNotOfTheModel_CountsToWhatItReads) {
  const auto sites = Kernels()
                         .kernel(Role::kFloat, {0}, {})
                         .kernel(Role::kDynamicQuantize, {100}, {0})
                         .kernel(Role::kFloat, {101}, {100})
                         .sites();
  expect_site(sites[1], Kind::kUnit, 0);  // it looks for the scale, too
  expect_site(sites[2], Kind::kUnit, 0);
}

TEST(Attribution, WhatIsMadeOfTheInputsAlone_OrNotKnown_IsAConversionOfThem) {
  const auto sites = Kernels()
                         .kernel(Role::kQuantize, {100}, {})
                         .kernel(Role::kFloat, {101}, {100})
                         .kernel(Role::kFloat, {}, {})
                         .kernel(Role::kFloat, {102}, {177})
                         .sites();
  for (const auto& site : sites) {
    expect_site(site, Kind::kConversion, kInputs);
  }
}

TEST(Attribution, KernelsThatReadEachOther_AreNotFollowedForEver) {
  const auto sites =
      Kernels().kernel(Role::kFloat, {100}, {101}).kernel(Role::kFloat, {101}, {100}).sites();
  expect_site(sites[0], Kind::kConversion, kInputs);
}

}  // namespace
}  // namespace tessera::profile
