// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace tessera {

/// Not in an unnamed namespace, where fields_of() would not be found by its argument.
namespace made_up {

enum class Colour : std::uint8_t { kRed, kBlue };
std::string_view to_string(Colour colour) {
  return colour == Colour::kRed ? "red" : "blue";
}

struct Leaf {
  std::int64_t veins = 0;
  double area = 0;
};
Fields<Leaf> fields_of(const Leaf*) {
  static constexpr std::array kFields = {field<&Leaf::veins>("veins", "how many"),
                                         figure<&Leaf::area>("area", "in square millimetres")};
  return kFields;
}

struct Tree {
  std::string name;
  Leaf largest;
  std::vector<Leaf> leaves;
  std::map<std::string, std::int64_t> birds;
  std::optional<double> height;
  std::string owner;
  std::string note;
  Colour colour = Colour::kBlue;
  [[nodiscard]] std::size_t count() const { return leaves.size(); }
};
Fields<Tree> fields_of(const Tree*) {
  static constexpr std::array kFields = {field<&Tree::name>("name", "a word"),
                                         fields_within<&Tree::largest>(),
                                         field<&Tree::leaves>("leaves", "all"),
                                         field<&Tree::birds>("birds", "by kind"),
                                         field<&Tree::height>("height", "in metres").later(),
                                         word<&Tree::owner>("owner", "if it has one"),
                                         field<&Tree::note>("note", "if there is any").if_any(),
                                         written<&Tree::colour>("colour", "in autumn"),
                                         written<&Tree::count>("count", "of the leaves")};
  return kFields;
}

}  // namespace made_up

namespace {

using made_up::Leaf;
using made_up::Tree;
using ::testing::HasSubstr;

Tree beech() {
  return {.name = "beech",
          .largest = {7, 0.5},
          .leaves = {{1, 2}, {3, 4}},
          .birds = {{"owl", 1}},
          .height = 30,
          .owner = "nobody",
          .note = "old"};
}

/// What reading `json` into a tree throws; empty: nothing.
std::string refusal(const Json& json) {
  try {
    Tree tree;
    read_value(tree, json);
    return {};
  } catch (const Json::exception& problem) {
    return problem.what();
  }
}

TEST(Fields, AreWrittenInTheirOrder) {
  EXPECT_EQ(as_json(beech()).dump(),
            R"({"name":"beech","veins":7,"area":0.5,"leaves":[{"veins":1,"area":2.0},)"
            R"({"veins":3,"area":4.0}],"birds":{"owl":1},"height":30.0,"owner":"nobody",)"
            R"("note":"old","colour":"blue","count":2})");
}

TEST(Fields, OfNothing_AreNullOrLeftOut) {
  EXPECT_EQ(as_json(Tree{.largest = {0, std::nan("")}}).dump(),
            R"({"name":"","veins":0,"area":null,"leaves":[],"birds":{},"height":null,)"
            R"("owner":null,"colour":"blue","count":0})");
  EXPECT_TRUE(as_json(Leaf{0, std::numeric_limits<double>::infinity()}).at("area").is_null());
}

TEST(Fields, ThatAreFigures_AreNullWhereUnknown_AndReadOnlyIfTheySaySo) {
  const auto figure = written_figure<&Leaf::area>("area", "in square millimetres");
  EXPECT_EQ(figure.value(Leaf{0, 2.5}), Json(2.5));
  EXPECT_TRUE(figure.value(Leaf{0, std::nan("")}).is_null());
  EXPECT_EQ(figure.read, nullptr);
}

TEST(Fields, AreReadBack) {
  Tree tree{.leaves = {{9, 9}}, .birds = {{"crow", 2}}, .owner = "somebody"};
  read_value(tree, as_json(beech()));
  EXPECT_EQ(as_json(tree), as_json(beech()));
  read_value(tree, as_json(Tree{}));  // what is left out stays: the note
  EXPECT_EQ(as_json(tree), as_json(Tree{.note = "old"}));
}

TEST(Fields, ThatAreMissing_AreNamed_UnlessTheyMayBe) {
  const auto whole = as_json(beech());
  for (const auto& [key, value] : whole.items()) {
    auto json = whole;
    json.erase(key);
    const bool may = key == "height" || key == "note" || key == "colour" || key == "count";
    if (may) {
      EXPECT_EQ(refusal(json), "") << key;
    } else {
      EXPECT_THAT(refusal(json), HasSubstr(key));
    }
  }
}

TEST(Fields, OfAnotherType_AreRefused) {
  const auto with = [](const char* key, Json value) {
    auto json = as_json(beech());
    json[key] = std::move(value);
    return refusal(json);
  };
  EXPECT_NE(refusal(Json(3)), "");
  EXPECT_NE(refusal(Json::array()), "");
  EXPECT_NE(with("name", 3), "");
  EXPECT_NE(with("veins", 1.5), "");
  EXPECT_NE(with("veins", 1e300), "");
  EXPECT_NE(with("area", "large"), "");
  EXPECT_NE(with("leaves", 7), "");
  EXPECT_NE(with("leaves", Json{{"veins", 1}, {"area", 2}}), "");
  EXPECT_NE(with("leaves", Json::array({1})), "");
  EXPECT_NE(with("birds", Json::array()), "");
  EXPECT_NE(with("birds", Json{{"owl", "one"}}), "");
  EXPECT_NE(with("height", "tall"), "");
  EXPECT_EQ(with("height", nullptr), "");
  EXPECT_EQ(with("area", nullptr), "");
}

TEST(Fields, ErrorsOfReaders_BecomeExceptions) {
  EXPECT_EQ(value_or_throw(Result<int>(3), Json()), 3);
  try {
    (void)value_or_throw(Result<int>(fail(ErrorCode::kDataLoss, "a worm")), Json());
    FAIL();
  } catch (const Json::exception& problem) {
    EXPECT_THAT(problem.what(), HasSubstr("a worm"));
  }
}

}  // namespace
}  // namespace tessera
