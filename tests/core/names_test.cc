// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>

#include "support/matchers.h"

namespace tessera {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;

/// The definition, without a table: exponential, for short words.
std::size_t distance_by_definition(std::string_view a, std::string_view b) {
  if (a.empty() || b.empty()) {
    return a.size() + b.size();
  }
  const auto rest_a = a.substr(1);
  const auto rest_b = b.substr(1);
  return std::min({distance_by_definition(rest_a, rest_b) + (a[0] == b[0] ? 0 : 1),
                   distance_by_definition(rest_a, b) + 1, distance_by_definition(a, rest_b) + 1});
}

rc::Gen<std::string> short_word() {
  return rc::gen::resize(5, rc::gen::container<std::string>(rc::gen::element('a', 'b', 'c')));
}

TEST(EditDistance, OfKnownWords) {
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("", ""), 0U);
}

RC_GTEST_PROP(EditDistance, IsThatOfTheDefinition, ()) {
  const auto a = *short_word();
  const auto b = *short_word();
  RC_ASSERT(edit_distance(a, b) == distance_by_definition(a, b));
  RC_ASSERT(edit_distance(a, b) == edit_distance(b, a));
}

TEST(NearestNames, NearestFirst_TiesInTheOrderGiven) {
  const std::vector<std::string> names{"conv_2", "relu", "conv_1", "conv_10"};
  EXPECT_THAT(nearest_names("conv_", names), ElementsAre("conv_2", "conv_1", "conv_10"));
  EXPECT_THAT(nearest_names("conv_10", names, 1), ElementsAre("conv_10"));
  EXPECT_THAT(nearest_names("x", names, 9).size(), 4U) << "no more than there are";
  EXPECT_THAT(nearest_names("x", names, 0), IsEmpty());
  EXPECT_THAT(nearest_names("x", {}), IsEmpty());
}

TEST(NearestNames, VeryLongOnes_AreComparedByTheirBeginning) {
  const std::string long_a(100'000, 'a');
  const std::vector<std::string> names{std::string(100'000, 'b'), long_a + "tail"};
  EXPECT_THAT(nearest_names(long_a, names, 1), ElementsAre(names[1]));
}

TEST(CheckKey, UnknownOne_SuggestsTheNearestAndListsAll) {
  constexpr std::array<std::string_view, 3> kKnown{"mean", "std", "size"};
  EXPECT_THAT(check_key("std", kKnown, "'p.json'"), IsOk());
  const auto status = check_key("sise", kKnown, "'p.json'");
  EXPECT_THAT(status, FailsWith(ErrorCode::kInvalidArgument, "'p.json' has an unknown key 'sise'"));
  EXPECT_EQ(status.error().hint, "did you mean 'size'? known keys: mean, std, size");
  EXPECT_THAT(check_key("", kKnown, "it"), FailsWith(ErrorCode::kInvalidArgument, HasSubstr("''")));
  EXPECT_THAT(check_key("Std", kKnown, "it"),
              FailsWith(ErrorCode::kInvalidArgument, AllOf(HasSubstr("'Std'"), HasSubstr("it"))));
}

}  // namespace
}  // namespace tessera
