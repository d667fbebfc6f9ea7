// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "support/made_up_profiles.h"
#include "support/matchers.h"
#include "tessera/profile/latency_model.h"

namespace tessera::profile {
namespace {

using made_up::chain_of;
using made_up::random_units;
using made_up::units_of;
using ::testing::ElementsAre;
using testing::IsOkAndHolds;
using enum Layout;

constexpr bool kFloat = false;
constexpr bool kInteger = true;

enum class Readers : std::uint8_t { kSame, kOther, kBoth };

/// What the door says of the numbers of contexts.
std::uint8_t own(bool integers, Layout inputs, bool other_reader) {
  return static_cast<std::uint8_t>((integers ? 6 : 0) + 2 * static_cast<int>(inputs) +
                                   (other_reader ? 1 : 0));
}
std::uint8_t conversion(bool integers, Layout layout, Readers readers, bool other_layout) {
  return static_cast<std::uint8_t>((integers ? 18 : 0) + 6 * static_cast<int>(layout) +
                                   2 * static_cast<int>(readers) + (other_layout ? 1 : 0));
}

TEST(Neighbourhood, OfNoUnits_IsThatOfTheInputs) {
  const auto around = neighbourhood_of(Units{}, {});
  EXPECT_TRUE(around.layout.empty());
  EXPECT_TRUE(around.own.empty());
  EXPECT_THAT(around.conversion, ElementsAre(conversion(kFloat, kPlain, Readers::kSame, false)));
}

TEST(Neighbourhood, FloatConvolutions_AreBlocked_AndReadPlainInputs) {
  const auto around = neighbourhood_of(chain_of({"Conv", "Conv"}), {false, false});
  EXPECT_THAT(around.layout, ElementsAre(kBlocked, kBlocked));
  EXPECT_THAT(around.own, ElementsAre(own(kFloat, kPlain, false), own(kFloat, kBlocked, false)));
  EXPECT_THAT(around.conversion, ElementsAre(conversion(kFloat, kBlocked, Readers::kSame, false),
                                             // The caller wants a plain map.
                                             conversion(kFloat, kBlocked, Readers::kSame, true),
                                             conversion(kFloat, kPlain, Readers::kSame, true)));
}

TEST(Neighbourhood, IntegerConvolutions_AreChannelsLast_AndTheCallerReadsFloat) {
  const auto around = neighbourhood_of(chain_of({"Conv", "Conv"}), {true, true});
  EXPECT_THAT(around.layout, ElementsAre(kChannelsLast, kChannelsLast));
  EXPECT_THAT(around.own,
              ElementsAre(own(kInteger, kPlain, false), own(kInteger, kChannelsLast, true)));
  EXPECT_THAT(around.conversion,
              ElementsAre(conversion(kInteger, kChannelsLast, Readers::kSame, false),
                          conversion(kInteger, kChannelsLast, Readers::kOther, true),
                          conversion(kFloat, kPlain, Readers::kOther, true)));
}

TEST(Neighbourhood, ReadersOfEitherPrecision_AreABorderOfItsOwn) {
  const auto units = units_of({{"Gemm", {}}, {"Gemm", {0}}, {"Gemm", {0}}});
  const auto mix = [&](const States& states) {
    return neighbourhood_of(units, states).conversion.front();
  };
  EXPECT_EQ(mix({false, false, false}), conversion(kFloat, kPlain, Readers::kSame, false));
  EXPECT_EQ(mix({false, true, true}), conversion(kFloat, kPlain, Readers::kOther, false));
  EXPECT_EQ(mix({false, true, false}), conversion(kFloat, kPlain, Readers::kBoth, false));
  EXPECT_EQ(mix({true, true, true}), conversion(kInteger, kPlain, Readers::kSame, false));
  EXPECT_EQ(mix({true, false, false}), conversion(kInteger, kPlain, Readers::kOther, false));
  EXPECT_EQ(mix({true, false, true}), conversion(kInteger, kPlain, Readers::kBoth, false));
}

TEST(Neighbourhood, AnOutputThatIsAlsoRead_IsReadInFloat) {
  auto units = chain_of({"Gemm", "Gemm"});
  units.units[0].makes_output = true;
  const auto around = neighbourhood_of(units, {true, true});
  EXPECT_EQ(around.conversion[0], conversion(kInteger, kPlain, Readers::kBoth, false));
  EXPECT_EQ(around.own[0], own(kInteger, kPlain, true));
}

TEST(Neighbourhood, AJoinOfTwoLayouts_IsPlain) {
  const auto units =
      units_of({{"Conv", {}}, {"Gemm", {}}, {"Add", {0, 1}}, {"Conv", {}}, {"Add", {0, 3}}});
  const auto around = neighbourhood_of(units, States(5, false));
  EXPECT_EQ(around.layout[2], kPlain);
  EXPECT_EQ(around.own[2], own(kFloat, kPlain, false));
  EXPECT_EQ(around.layout[4], kBlocked);
  EXPECT_EQ(around.own[4], own(kFloat, kBlocked, false));
}

TEST(Neighbourhood, WhatReadsTheInput_IsPlainWhateverElseItReads) {
  auto units = chain_of({"Conv", "Add"});
  units.units[1].reads_input = true;
  const auto around = neighbourhood_of(units, {false, false});
  EXPECT_EQ(around.layout[1], kPlain);
  EXPECT_EQ(around.own[1], own(kFloat, kPlain, false));
}

TEST(Neighbourhood, ElementwiseOperators_KeepTheLayout_OthersDoNot) {
  for (const auto* const type :
       {"Add", "AveragePool", "Clip", "Concat", "GlobalAveragePool", "LeakyRelu", "MaxPool", "Mul",
        "Relu", "Resize", "Sigmoid", "SiLU", "Sum", "Tanh", "Upsample", "BatchNormalization"}) {
    EXPECT_EQ(neighbourhood_of(chain_of({"Conv", type}), {false, false}).layout[1], kBlocked)
        << type;
  }
  for (const auto* const type : {"Gemm", "MatMul", "Softmax", "Flatten", "ConvTranspose"}) {
    EXPECT_EQ(neighbourhood_of(chain_of({"Conv", type}), {false, false}).layout[1], kPlain) << type;
  }
}

TEST(Neighbourhood, IntegersAreNeverBlocked) {
  const auto around = neighbourhood_of(chain_of({"Conv", "Add"}), {false, true});
  EXPECT_THAT(around.layout, ElementsAre(kBlocked, kPlain));
  EXPECT_EQ(around.own[1], own(kInteger, kBlocked, true));  // what it reads still is
}

TEST(Neighbourhood, WhatOnlyMovesValues_FollowsIntegersThroughAnyNumberOfThem) {
  // Dequantize moves down, across both.
  const auto down = neighbourhood_of(chain_of({"Gemm", "Reshape", "Transpose", "Gemm"}),
                                     {true, false, false, false});
  EXPECT_THAT(down.own, ElementsAre(own(kInteger, kPlain, false), own(kInteger, kPlain, false),
                                    own(kInteger, kPlain, true), own(kFloat, kPlain, false)));
  // Quantize moves up.
  const auto up = neighbourhood_of(chain_of({"Gemm", "Reshape", "Transpose", "Gemm"}),
                                   {false, false, false, true});
  EXPECT_THAT(up.own, ElementsAre(own(kFloat, kPlain, true), own(kInteger, kPlain, false),
                                  own(kInteger, kPlain, false), own(kInteger, kPlain, true)));
}

TEST(Neighbourhood, WhatComputes_DoesNotFollow) {
  const auto around = neighbourhood_of(chain_of({"Gemm", "Softmax", "Gemm"}), {true, false, true});
  EXPECT_EQ(around.own[1], own(kFloat, kPlain, true));
}

TEST(Neighbourhood, QuantizeDoesNotMoveUpPastASecondReader_OrAnOutput) {
  const auto branch = units_of({{"Gemm", {}}, {"Reshape", {0}}, {"Gemm", {1}}, {"Gemm", {1}}});
  EXPECT_EQ(neighbourhood_of(branch, {false, false, true, true}).own[1], own(kFloat, kPlain, true));
  auto shown = chain_of({"Gemm", "Reshape", "Gemm"});
  shown.units[1].makes_output = true;
  EXPECT_EQ(neighbourhood_of(shown, {false, false, true}).own[1], own(kFloat, kPlain, true));
}

/// float32; static integers; dynamic ones, whose results are float in plain layout; float16.
TEST(Neighbourhood, OfSchemesWithFloatResults_HasNoBorderToFloat) {
  const auto forms = made_up::forms_of(3);
  const auto around = neighbourhood_of(chain_of({"Gemm", "Gemm", "Gemm"}), {0, 2, 0}, forms);
  EXPECT_THAT(around.own, ElementsAre(own(kFloat, kPlain, false), 2 * kUnitContexts,
                                      own(kFloat, kPlain, false)));
  EXPECT_THAT(around.conversion, ElementsAre(0, 2 * kConversionContexts, 0, 0));
}

TEST(Neighbourhood, OfTwoTypesOfResults_HasABorderBetween) {
  const auto forms = made_up::forms_of(3);
  const auto around = neighbourhood_of(chain_of({"Gemm", "Gemm", "Gemm"}), {1, 3, 3}, forms);
  EXPECT_THAT(around.own, ElementsAre(kUnitContexts + 1, 3 * kUnitContexts, 3 * kUnitContexts + 1));
  EXPECT_EQ(around.conversion[0], kConversionContexts + 2);      // all readers want another type
  EXPECT_EQ(around.conversion[1], 3 * kConversionContexts);      // one of the same
  EXPECT_EQ(around.conversion[2], 3 * kConversionContexts + 2);  // the caller, who reads float
}

TEST(Neighbourhood, ConvolutionsOfASchemeLieAsItsFormSays) {
  const auto forms = made_up::forms_of(3);
  const auto units = chain_of({"Conv", "Conv", "Conv", "Conv"});
  EXPECT_THAT(neighbourhood_of(units, {0, 1, 2, 3}, forms).layout,
              ElementsAre(kBlocked, kChannelsLast, kPlain, kPlain));
}

/// Blocked maps are float32: in float16 a pool behind a float convolution gets a plain one.
TEST(Neighbourhood, BlockedMapsAreNoFloat16) {
  const auto forms = made_up::forms_of(3);
  EXPECT_EQ(neighbourhood_of(chain_of({"Conv", "Add"}), {0, 3}, forms).layout[1], kPlain);
  EXPECT_EQ(neighbourhood_of(chain_of({"Conv", "Add"}), {0, 2}, forms).layout[1], kBlocked);
}

TEST(Neighbourhood, MovedValuesFollowIntegersOnly) {
  const auto forms = made_up::forms_of(3);
  const auto own_of = [&](const States& states) {
    return neighbourhood_of(chain_of({"Gemm", "Reshape", "Gemm"}), states, forms).own[1];
  };
  EXPECT_EQ(own_of({1, 0, 1}) / kUnitContexts, 1);
  EXPECT_EQ(own_of({2, 0, 2}) / kUnitContexts, 0);
  EXPECT_EQ(own_of({3, 0, 3}) / kUnitContexts, 0);
}

TEST(FormOf, SaysWhatNeighboursSee) {
  quantize::Scheme scheme;
  EXPECT_EQ(form_of(scheme), (Form{DType::kUInt8, kChannelsLast}));
  scheme.activation = DType::kInt8;
  EXPECT_EQ(form_of(scheme), (Form{DType::kInt8, kChannelsLast}));
  scheme.format = quantize::Format::kQdqInputs;
  EXPECT_EQ(form_of(scheme), (Form{DType::kFloat32, kPlain}));
  scheme.mode = quantize::Mode::kDynamic;
  EXPECT_EQ(form_of(scheme), (Form{DType::kFloat32, kPlain}));
  scheme.mode = quantize::Mode::kFloat16;
  EXPECT_EQ(form_of(scheme), (Form{DType::kFloat16, kPlain}));
  scheme.mode = quantize::Mode::kWeightOnly;
  EXPECT_EQ(form_of(scheme), (Form{DType::kFloat32, kBlocked}));
}

/// Contexts stay within their tables: cells are looked up without a check.
RC_GTEST_PROP(NeighbourhoodProperty, ContextsAreInTheirTables, (std::uint64_t seed)) {
  Random random(seed);
  const auto schemes = 1 + random.below(3);
  const auto units = made_up::with_schemes(random_units(1 + random.below(20), random), schemes);
  const auto around =
      neighbourhood_of(units, random_states(units, random), made_up::forms_of(schemes));
  RC_ASSERT(around.own.size() == units.size());
  RC_ASSERT(around.layout.size() == units.size());
  RC_ASSERT(around.conversion.size() == units.size() + 1);
  for (const auto context : around.own) {
    RC_ASSERT(context < (1 + schemes) * kUnitContexts);
  }
  for (const auto context : around.conversion) {
    RC_ASSERT(context < (1 + schemes) * kConversionContexts);
  }
}

/// Of a uniform float plan no value changes its type; the all-integer plan changes it only where
/// the model begins and ends.
RC_GTEST_PROP(NeighbourhoodProperty, UniformPlans_HaveNoBordersInside, (std::uint64_t seed)) {
  Random random(seed);
  const auto units = random_units(1 + random.below(20), random);
  for (const bool integers : {false, true}) {
    const auto around = neighbourhood_of(units, States(units.size(), integers));
    for (std::size_t i = 0; i < units.size(); ++i) {
      const bool border = around.own[i] % 2 == 1;
      RC_ASSERT(border == (integers && units.units[i].makes_output));
      RC_ASSERT(around.own[i] / 6 == (integers ? 1 : 0));
    }
    RC_ASSERT((around.conversion.back() / 2 % 3 != 0) == integers);
  }
}

TEST(Digits, AreStatesInTheirOrder) {
  EXPECT_EQ(digits_of({true, false, false, true}), "1001");
  EXPECT_EQ(digits_of({}), "");
  EXPECT_THAT(states_from("0127"), IsOkAndHolds(States{0, 1, 2, 7}));
  EXPECT_THAT(states_from(""), IsOkAndHolds(States{}));
  EXPECT_THAT(states_from("01a"), testing::FailsWith(ErrorCode::kDataLoss, ::testing::_));
}

TEST(PlanTimes, FitOnlyWhereEveryListDoes) {
  const PlanTimes whole{{true, false}, {1, 2}, {3, 4, 5}, {1, 1}, {1, 0, 1}};
  EXPECT_TRUE(whole.fits(2));
  EXPECT_FALSE(whole.fits(1));
  EXPECT_FALSE(whole.fits(3));
  EXPECT_DOUBLE_EQ(whole.kernel_us(), 15);
  EXPECT_DOUBLE_EQ(whole.kernels(), 4);
  for (auto list : {&PlanTimes::unit_us, &PlanTimes::conversion_us, &PlanTimes::unit_kernels,
                    &PlanTimes::conversion_kernels}) {
    auto damaged = whole;
    (damaged.*list).pop_back();
    EXPECT_FALSE(damaged.fits(2));
  }
  auto damaged = whole;
  damaged.states.push_back(true);
  EXPECT_FALSE(damaged.fits(2));
  auto sharing = whole;
  sharing.shared = {{{0, 1}, {1, 1}}};
  EXPECT_TRUE(sharing.fits(2));
  for (const SharedKernel& kernel :
       {SharedKernel{{0, 2}, {1, 1}}, SharedKernel{{0, 1}, {1}}, SharedKernel{{}, {}}}) {
    sharing.shared = {kernel};
    EXPECT_FALSE(sharing.fits(2));
  }
}

TEST(PlanTimes, WhatUnitsShare_IsDividedByWeight_AndTheirOwnIsLeft) {
  PlanTimes times{{0, 0, 0}, {3 + 20, 20, 5}, {0, 0, 0, 0}, {1.5, .5, 1}, {0, 0, 0, 0}};
  times.shared = {{{0, 1}, {20, 20}}};
  const double whole = times.kernel_us();
  times.share_by(std::vector<double>{1, 3, 100});
  EXPECT_THAT(times.unit_us, ::testing::ElementsAre(3 + 10, 30, 5));
  EXPECT_THAT(times.shared[0].us, ::testing::ElementsAre(10, 30));
  EXPECT_DOUBLE_EQ(times.kernel_us(), whole);
  times.share_by(std::vector<double>{0, 0, 1});
  EXPECT_THAT(times.unit_us, ::testing::ElementsAre(3 + 20, 20, 5)) << "nothing known: evenly";
  times.scale_by(2);
  EXPECT_THAT(times.shared[0].us, ::testing::ElementsAre(40, 40));
  EXPECT_DOUBLE_EQ(times.kernel_us(), 2 * whole);
}

}  // namespace
}  // namespace tessera::profile
