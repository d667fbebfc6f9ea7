// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "report/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tessera/report/table.h"

namespace tessera::report {
namespace {

using ::testing::ElementsAre;

TEST(ShortenNames, OneThatFitsStays) {
  EXPECT_THAT(shorten_names({"conv", "a;b;c", ""}, 8), ElementsAre("conv", "a;b;c", ""));
}

TEST(ShortenNames, OfSeveralParts_TheFirstStands) {
  EXPECT_THAT(shorten_names({"model/add/add;model/bias/resource;model/conv2d/Conv2D1",
                             "model/relu;model/bias/resource;model/conv2d/Conv2D1"},
                            24),
              ElementsAre("model/add/add;\u2026", "model/relu;\u2026"));
}

TEST(ShortenNames, OfTheSameFirstPart_TheLastStandsToo) {
  EXPECT_THAT(
      shorten_names({"relu;bias/of/the/first;conv_1", "relu;bias/of/the/second;conv_2"}, 16),
      ElementsAre("relu;\u2026;conv_1", "relu;\u2026;conv_2"));
}

TEST(ShortenNames, WhatIsShownStandsForNoOtherName) {
  EXPECT_THAT(shorten_names({"relu;bias/of/the/first", "relu;x"}, 12),
              ElementsAre("relu;b\u2026first", "relu;x"))
      << "relu;... could be either";
}

TEST(ShortenNames, WithoutParts_BothEndsStand) {
  EXPECT_THAT(shorten_names({"encoder/layer_11/attention/output"}, 15),
              ElementsAre("encoder\u2026/output"));
}

TEST(ShortenNames, WhereBothEndsAreShared_MoreOfOneStands) {
  EXPECT_THAT(shorten_names({"aaaaaaaaaaaa1bbbbbbbb", "aaaaaaaaaaaa2bbbbbbbb"}, 12),
              ElementsAre("aa\u20261bbbbbbbb", "aa\u20262bbbbbbbb"));
}

TEST(ShortenNames, WhereNothingShortTellsThemApart_TheyAreCounted) {
  const std::string side(20, 'a');
  EXPECT_THAT(shorten_names({side + "1" + side, side + "2" + side, side + "1" + side}, 12),
              ElementsAre("aaaaa\u2026aaaa#2", "aaaaa\u2026aaaa#3", "aaaaa\u2026aaaa#2"));
}

TEST(ShortenNames, OfAList_EachIsShortened) {
  EXPECT_THAT(shorten_names({"model/add;model/bias, conv", "model/relu;model/bias"}, 12),
              ElementsAre("model/add;\u2026, conv", "model/relu;\u2026"));
}

TEST(ShortenNames, NoCharacterIsTorn) {
  const std::string umlauts = "\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4\u00f6\u00fc\u00e4";
  EXPECT_THAT(shorten_names({umlauts}, 9),
              ElementsAre("\u00e4\u00f6\u00fc\u00e4\u2026\u00e4\u00f6\u00fc\u00e4"));
}

/// Any names, of few characters, so that they share their ends.
RC_GTEST_PROP(ShortenNames, AreAsNarrowAsWantedAndTellNamesApart, ()) {
  const auto width = *rc::gen::inRange<std::size_t>(8, 20);
  const auto names = *rc::gen::container<std::vector<std::string>>(
      rc::gen::container<std::string>(rc::gen::element('a', 'b', ';', '/')));
  const auto shown = shorten_names(names, width);
  RC_ASSERT(shown.size() == names.size());
  std::map<std::string, std::string> name_of;
  for (std::size_t i = 0; i < names.size(); ++i) {
    RC_ASSERT(display_width(shown[i]) <= width);
    RC_ASSERT(name_of.emplace(shown[i], names[i]).first->second == names[i]);
    RC_ASSERT(display_width(names[i]) > width || shown[i] == names[i]);
  }
}

}  // namespace
}  // namespace tessera::report
