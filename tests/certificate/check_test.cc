// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "certificate/certificate_maker.h"
#include "support/matchers.h"

namespace tessera::certificate {
namespace {

using ::tessera::testing::FailsWith;
using ::tessera::testing::IsOk;
using ::testing::HasSubstr;

/// As whoever reads the document finds it.
Verdict verdict_of(const Certificate& certificate, const CheckOptions& options = {}) {
  auto verdict = check_document(to_json(certificate), "certificate", options);
  EXPECT_THAT(verdict, IsOk());
  return verdict ? *std::move(verdict) : Verdict{};
}

TEST(Check, AcceptsWhatIsProven) {
  const auto verdict = verdict_of(two_operators());
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_EQ(verdict.cost, 9);
  EXPECT_EQ(verdict.bound, 9);
  EXPECT_EQ(verdict.nodes, 5);
  EXPECT_EQ(verdict.layouts, 1);
}

TEST(Check, WhatIsWrittenIsRead) {
  const auto written = to_json(two_operators());
  const auto read = from_json(written, "certificate");
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(to_json(*read), written);
  EXPECT_EQ(file_text(*read), file_text(two_operators()));
}

/// A change, and a part of the reason for which it is refused.
struct Change {
  const char* reason;
  std::function<void(Certificate&)> make;
};

TEST(Check, SaysWhyACertificateIsRejected) {
  const std::vector<Change> changes = {
      {"costs 9 ns, and 8 are claimed", [](auto& c) { c.claim.cost = c.claim.bound = 8; }},
      {"uses 4 B of limit 'memory', and 3", [](auto& c) { c.claim.used[0] = 3; }},
      {"uses 6 B of limit 'memory', which allows 4",
       [](auto& c) {
         c.claim = {Status::kFeasible, {0, 0}, 5, {6}, 5};
       }},
      {"bound of 10 ns is above", [](auto& c) { c.claim.bound = 10; }},
      {"called optimal", [](auto& c) { c.claim.bound = 8; }},
      {"node 2 of the proof shows a bound of 0 ns, and 9 are claimed",
       [](auto& c) { c.proof.nodes[2].layouts.clear(); }},
      {"node 0 of the proof shows a bound of 0 ns",
       [](auto& c) {
         c.proof.nodes.resize(1);
         c.proof.nodes[0].split.reset();
       }},
      {"node 3 of the proof: nothing leads there", [](auto& c) { c.proof.nodes[1].split.reset(); }},
      {"node 1 of the proof: is not there, or is led to twice",
       [](auto& c) { c.proof.nodes[0].split->outside = 1; }},
      {"node 0 of the proof: is not there, or is led to twice",
       [](auto& c) { c.proof.nodes[1].split->outside = 0; }},
      {"no plan keeps the limits", [](auto& c) { c.claim.status = Status::kInfeasible; }},
      {"state 1 of variable 'a' is left out",
       [](auto& c) {
         c.proof.dominated = {{0, {1}}};
       }},
      // Both states of b would be part of plans of 9 ns, and those of no more are none.
      {"node 4 of the proof shows a bound of 9 ns, and 10 are claimed",
       [](auto& c) {
         c.claim = {Status::kUnknown, {}, 0, {}, 10};
         c.proof.nodes[2].layouts[0].dropped = {{1, {0, 1}}};
       }},
      {"state 0 of variable 0 is dropped, and is not there",
       [](auto& c) {
         c.proof.nodes[2].layouts[0].dropped = {{0, {0}}};
       }},
      {"multiplier is negative", [](auto& c) { c.proof.nodes[2].layouts[0].multipliers[0] = -1; }},
      {"multiplier is negative", [](auto& c) { c.proof.nodes[2].layouts[0].cost_weight = -1; }},
      {"multipliers are too large",
       [](auto& c) {
         c.problem.limits[0].bound = std::int64_t{1} << 58;
         c.claim.bound = 0;
         c.claim.status = Status::kFeasible;
         c.proof.nodes[2].layouts[0].multipliers[0] = std::int64_t{1} << 60;
       }},
      {"the order lacks node 1", [](auto& c) { c.proof.schemes[0].order.clear(); }},
      {"the order names node 7",
       [](auto& c) {
         c.proof.schemes[0].order = {1, 7};
       }},
      {"pair 0 of limit 0 is not there",
       [](auto& c) {
         c.proof.schemes[0].relaxed = {{0, 0}};
         c.proof.nodes[2].layouts[0].pair_multipliers = {1};
       }},
      {"tensor 3 is not there", [](auto& c) { c.proof.schemes[0].by_class = {3}; }},
  };
  for (const auto& [reason, make] : changes) {
    auto certificate = two_operators();
    make(certificate);
    const auto verdict = verdict_of(certificate);
    EXPECT_FALSE(verdict.accepted) << reason;
    EXPECT_THAT(verdict.reason, HasSubstr(reason));
  }
}

TEST(Check, WhatIsNotSealedAnewIsRejected) {
  auto document = to_json(two_operators());
  document["claim"]["bound"] = 8;
  document["claim"]["status"] = "feasible";
  const auto verdict = check_document(document, "certificate");
  ASSERT_THAT(verdict, IsOk());
  EXPECT_FALSE(verdict->accepted);
  EXPECT_THAT(verdict->reason, HasSubstr("seal"));
  EXPECT_TRUE(check_document(sealed(document), "certificate")->accepted);
  document.erase("seal");
  EXPECT_THAT(check_document(document, "certificate"),
              FailsWith(ErrorCode::kDataLoss, HasSubstr("no seal")));
}

/// (a, b) in floats costs 9 ns, in integers 8 ns, and nothing else keeps the limit for so little.
Certificate with_dropped(std::uint8_t state) {
  auto certificate = two_operators();
  certificate.problem.variables[0].costs = {5, 3};
  certificate.problem.variables[1].costs = {4, 5};
  certificate.proof.nodes[2].layouts[0].dropped = {{1, {state}}};
  const std::int64_t cost = state == 0 ? 8 : 9;
  certificate.claim = {Status::kOptimal,
                       {1, static_cast<std::uint8_t>(1 - state)},
                       cost,
                       {state == 0 ? 2 : 4},
                       cost};
  return certificate;
}

TEST(Check, AStateMayBeDroppedIfItsOwnBoundIsEnough) {
  EXPECT_TRUE(verdict_of(with_dropped(0)).accepted) << verdict_of(with_dropped(0)).reason;
  EXPECT_THAT(verdict_of(with_dropped(1)).reason,
              HasSubstr("node 2 of the proof shows a bound of 8 ns, and 9 are claimed"));
}

TEST(Check, TheHighestBoundOnTheWayToALeafCounts) {
  auto certificate = two_operators();
  certificate.claim.status = Status::kFeasible;
  certificate.claim.bound = 7;
  certificate.proof.schemes[0].order = {0, 1};
  certificate.proof.nodes.resize(3);
  certificate.proof.nodes[1].split.reset();
  certificate.proof.nodes[2].layouts.clear();
  // 7 ns with a price of the memory, 5 ns without.
  certificate.proof.nodes[0].layouts = {{0, 1, {1}, {}, {}}, {0, 1, {0}, {}, {}}};
  EXPECT_TRUE(verdict_of(certificate).accepted) << verdict_of(certificate).reason;
  certificate.proof.nodes[0].layouts.erase(certificate.proof.nodes[0].layouts.begin());
  EXPECT_THAT(verdict_of(certificate).reason, HasSubstr("shows a bound of 5 ns"));
}

/// A multiplier of the limit is all it takes where the costs are left out.
TEST(Check, ALimitThatCannotBeKeptIsProvenByItself) {
  auto certificate = two_operators();
  certificate.problem.limits[0].bound = 1;
  certificate.claim = {Status::kInfeasible, {}, 0, {}, 0};
  certificate.proof.schemes[0].order = {0, 1};
  certificate.proof.nodes = {{{{0, 0, {1}, {}, {}}}, {}}};
  const auto verdict = verdict_of(certificate);
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_EQ(verdict.bound, std::nullopt);
  certificate.problem.limits[0].bound = 2;
  EXPECT_THAT(verdict_of(certificate).reason, HasSubstr("no plan keeps the limits"));
}

TEST(Check, DominatedStatesMayBeLeftOutIfOneOfThoseLeftIsAsGood) {
  auto certificate = two_operators();
  auto& [variables, tensors, couplings, limits] = certificate.problem;
  tensors.clear();
  limits[0].states = {{0, 0, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}};
  certificate.claim = {Status::kOptimal, {0, 0}, 5, {2}, 5};
  certificate.proof.nodes.assign(1, {});
  certificate.proof.dominated = {{0, {1}}, {1, {1}}};
  EXPECT_TRUE(verdict_of(certificate).accepted);
  auto dearer = certificate;
  dearer.problem.variables[0].costs = {4, 3};
  dearer.claim = {Status::kFeasible, {0, 0}, 8, {2}, 0};
  EXPECT_THAT(verdict_of(dearer).reason, HasSubstr("state 1 of variable 'a' is left out"));
  auto hungrier = certificate;
  hungrier.problem.limits[0].states[0].amount = 2;
  hungrier.claim.used = {3};
  EXPECT_THAT(verdict_of(hungrier).reason, HasSubstr("state 1 of variable 'a' is left out"));
  auto told_apart = certificate;
  told_apart.problem.tensors = {{"t", {0, {0, 1}}, {{1, {0, 0}}}, 2, 1, {0, 0}}};
  EXPECT_THAT(verdict_of(told_apart).reason, HasSubstr("state 1 of variable 'a' is left out"));
  auto paired = certificate;
  paired.problem.limits[0].pairs = {{0, 1, {0}, {0}, 1}};
  paired.claim.used = {3};
  EXPECT_THAT(verdict_of(paired).reason, HasSubstr("state 1 of variable 'a' is left out"));
  paired.problem.limits[0].pairs[0].amount = -1;
  paired.claim.used = {1};
  EXPECT_TRUE(verdict_of(paired).accepted);
  auto none_left = certificate;
  none_left.proof.dominated = {{0, {0, 1}}};
  EXPECT_FALSE(verdict_of(none_left).accepted);
}

/// 9 ns are the optimum.
TEST(Check, WhatMustNotBeIsNoPlan) {
  auto certificate = two_operators();
  certificate.impossible = 10;
  EXPECT_TRUE(verdict_of(certificate).accepted);
  certificate.impossible = 9;
  EXPECT_THAT(verdict_of(certificate).reason, HasSubstr("as much as what must not be"));
  certificate.claim = {Status::kInfeasible, {}, 0, {}, 0};
  EXPECT_TRUE(verdict_of(certificate).accepted);
  certificate.impossible = 10;
  EXPECT_THAT(verdict_of(certificate).reason, HasSubstr("not proven"));
  certificate.impossible.reset();
  EXPECT_FALSE(verdict_of(certificate).accepted);
}

/// What does not fit 64 bits is counted in 128.
TEST(Check, LargeNumbersAreExact) {
  auto certificate = two_operators();
  constexpr std::int64_t kLarge = std::int64_t{1} << 57;
  for (auto& variable : certificate.problem.variables) {
    for (auto& cost : variable.costs) {
      cost += kLarge;
    }
  }
  certificate.claim.cost += 2 * kLarge;
  certificate.claim.bound += 2 * kLarge;
  certificate.proof.nodes[2].layouts[0].cost_weight = 1 << 20;
  certificate.proof.nodes[2].layouts[0].dropped = {{1, {0, 1}}};
  const auto verdict = verdict_of(certificate);
  EXPECT_TRUE(verdict.accepted) << verdict.reason;
  EXPECT_EQ(verdict.bound, 2 * kLarge + 9);
}

TEST(Check, TablesThatTakeTooMuchAreRefused) {
  EXPECT_THAT(verdict_of(two_operators(), {.most_cells = 2}).reason, HasSubstr("more than 2"));
  EXPECT_THAT(verdict_of(two_operators(), {.most_work = 2}).reason, HasSubstr("too long"));
  // Readers of 256 states each: one table of all of them would have 2^64 cells.
  Certificate large;
  large.model_sha256 = std::string(64, '1');
  large.claim = {Status::kUnknown, {}, 0, {}, 0};
  Tensor tensor{"t", {0, {}}, {}, 256, 256, std::vector<std::int64_t>(65536, 1)};
  Classes classes;
  for (std::uint16_t c = 0; c < 256; ++c) {
    classes.push_back(c);
  }
  Scheme scheme{1024, {}, {}, {}};
  for (std::uint32_t i = 0; i < 8; ++i) {
    large.problem.variables.push_back({std::to_string(i),
                                       {},
                                       std::vector<std::string>(256, "m/p"),
                                       std::vector<std::int64_t>(256, 1)});
    scheme.order.push_back(i);
    if (i > 0) {
      tensor.consumers.push_back({i, classes});
    }
  }
  tensor.producer.classes = classes;
  large.problem.tensors = {tensor};
  large.proof.schemes = {scheme};
  large.proof.nodes = {{{Layout{}}, {}}};
  EXPECT_THAT(verdict_of(large).reason, HasSubstr("factors take more than"));
}

/// Eight readers of one variable: eliminated first it makes a table of 16^9 cells, last none.
TEST(Check, AnOrderThatTakesTooMuchIsRefused) {
  Certificate star;
  star.model_sha256 = std::string(64, '1');
  star.claim = {Status::kUnknown, {}, 0, {}, 9};
  Classes classes(16);
  std::iota(classes.begin(), classes.end(), std::uint16_t{0});
  Scheme scheme{std::size_t{1} << 62, {}, {}, {}};
  for (std::uint32_t i = 0; i < 9; ++i) {
    star.problem.variables.push_back({std::to_string(i),
                                      {},
                                      std::vector<std::string>(16, "m/p"),
                                      std::vector<std::int64_t>(16, 1)});
    scheme.order.push_back(i);
    if (i > 0) {
      star.problem.tensors.push_back(
          {"t", {0, classes}, {{i, classes}}, 16, 16, std::vector<std::int64_t>(256, 0)});
    }
  }
  star.proof.schemes = {scheme};
  star.proof.nodes = {{{Layout{}}, {}}};
  EXPECT_THAT(verdict_of(star).reason, HasSubstr("its tables take more than"));
  std::ranges::reverse(star.proof.schemes[0].order);
  EXPECT_TRUE(verdict_of(star).accepted) << verdict_of(star).reason;
  std::ranges::reverse(star.proof.schemes[0].order);
  star.proof.schemes[0].bucket_cells = 256;
  EXPECT_TRUE(verdict_of(star).accepted) << verdict_of(star).reason;
}

/// What stands in a document, and a part of the error that it makes.
TEST(Check, SaysWhyADocumentIsUnreadable) {
  const std::vector<std::pair<const char*, std::function<void(Json&)>>> changes = {
      {"its schema is 'tessera.plan/1'", [](Json& d) { d["schema"] = "tessera.plan/1"; }},
      {"64 lower-case hex digits", [](Json& d) { d["model"]["sha256"] = std::string(64, 'A'); }},
      {"64 lower-case hex digits", [](Json& d) { d["inputs"]["profile.json"] = "12"; }},
      {"has no member 'limits'", [](Json& d) { d["problem"].erase("limits"); }},
      {"2 costs of 0 or more", [](Json& d) { d["problem"]["variables"][0]["costs"] = {1}; }},
      {"2 costs of 0 or more",
       [](Json& d) {
         d["problem"]["variables"][0]["costs"] = {1, -1};
       }},
      {"65536 costs of 0 or more",
       [](Json& d) {
         d["problem"]["tensors"][0]["from_classes"] = 256;
         d["problem"]["tensors"][0]["to_classes"] = 256;
       }},
      {"classes below 1 of 2 states",
       [](Json& d) {
         d["problem"]["tensors"][0]["to_classes"] = 1;
         d["problem"]["tensors"][0]["costs"] = {0, 0};
       }},
      {"a variable is named twice",
       [](Json& d) {
         d["problem"]["tensors"][0]["consumers"] = {{0, 0}};
       }},
      {"add up to more than 2^60",
       [](Json& d) {
         d["problem"]["variables"][0]["costs"] = {std::int64_t{1} << 60, 0};
       }},
      {"limit 'memory' adds up to more than 2^60",
       [](Json& d) { d["problem"]["limits"][0]["bound"] = std::int64_t{1} << 61; }},
      {"multiple of 3", [](Json& d) { d["problem"]["limits"][0]["states"].push_back(0); }},
      {"paired with itself",
       [](Json& d) {
         d["problem"]["limits"][0]["pairs"] = {{0, 0, {0}, {0}, 1}};
       }},
      {"ascending order",
       [](Json& d) {
         d["problem"]["limits"][0]["pairs"] = {{0, 1, {1, 0}, {0}, 1}};
       }},
      {"0 is not below 0",
       [](Json& d) {
         d["problem"]["limits"][0]["cells"] = {{0, {1}}};
       }},
      {"an amount for every cost",
       [](Json& d) {
         d["problem"]["classes"].push_back({0, 0});
         const auto classes = d["problem"]["classes"].size() - 1;
         d["problem"]["couplings"] = {
             {{"name", "c"}, {"variables", {{0, classes, 1}}}, {"costs", {0}}}};
         d["problem"]["limits"][0]["cells"] = {{0, {1, 2}}};
       }},
      {"ascending order",
       [](Json& d) {
         d["proof"]["nodes"][0]["split"][1] = {0, 0};
       }},
      {"2 is not below 2", [](Json& d) { d["claim"]["assignment"][0] = 2; }},
      {"a list of 2", [](Json& d) { d["claim"]["assignment"] = {0}; }},
      {"a whole number", [](Json& d) { d["claim"]["cost"] = 9.0; }},
      {"there is no status 'best'", [](Json& d) { d["claim"]["status"] = "best"; }},
      {"9 is not below 5", [](Json& d) { d["proof"]["nodes"][0]["split"][2] = 9; }},
      {"1 is not below 1", [](Json& d) { d["proof"]["nodes"][2]["layouts"][0]["scheme"] = 1; }},
      {"a multiplier of every limit",
       [](Json& d) {
         d["proof"]["nodes"][2]["layouts"][0]["multipliers"] = {0, 0};
       }},
      {"objective_scale above 0", [](Json& d) { d["objective_scale"] = 0; }},
  };
  for (const auto& [reason, make] : changes) {
    auto document = to_json(two_operators());
    make(document);
    EXPECT_THAT(check_document(sealed(document), "certificate"),
                FailsWith(ErrorCode::kDataLoss, HasSubstr(reason)));
  }
}

/// Each value in the document in turn.
void for_each_value(const Json& json, const Json::json_pointer& at,
                    const std::function<void(const Json::json_pointer&)>& visit) {
  visit(at);
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      for_each_value(value, at / key, visit);
    }
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) {
      for_each_value(json[i], at / i, visit);
    }
  }
}

TEST(Check, WhateverIsInTheDocumentItIsUnreadableOrJudged) {
  const auto whole = to_json(two_operators());
  const std::vector<Json> values = {nullptr,
                                    -1,
                                    1e300,
                                    0.5,
                                    7,
                                    0,
                                    "word",
                                    true,
                                    Json::array(),
                                    Json::object(),
                                    std::numeric_limits<std::int64_t>::max(),
                                    std::numeric_limits<std::uint64_t>::max()};
  int unreadable = 0;
  int rejected = 0;
  for_each_value(whole, Json::json_pointer(), [&](const Json::json_pointer& at) {
    for (const auto& value : values) {
      auto document = whole;
      document[at] = value;
      if (document == whole || !document.is_object()) {
        continue;
      }
      const auto changed = check_document(document, "certificate");
      ASSERT_FALSE(changed && changed->accepted) << at.to_string() << " " << value;
      const auto anew = check_document(sealed(document), "certificate");
      unreadable += anew ? 0 : 1;
      rejected += anew && !anew->accepted ? 1 : 0;
      if (!anew) {
        ASSERT_THAT(anew, FailsWith(ErrorCode::kDataLoss, HasSubstr("no certificate")));
      }
    }
    if (!at.empty()) {
      auto document = whole;
      auto& parent = document[at.parent_pointer()];
      if (parent.is_object()) {
        parent.erase(at.back());
      } else {
        parent.erase(std::stoul(at.back()));
      }
      ASSERT_FALSE(check_document(document, "certificate")
                       .map([](const Verdict& verdict) { return verdict.accepted; })
                       .value_or(false))
          << at.to_string();
    }
  });
  EXPECT_GT(unreadable, 500);
  EXPECT_GT(rejected, 50);
}

}  // namespace
}  // namespace tessera::certificate
