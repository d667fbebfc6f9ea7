// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/report/trace.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "support/matchers.h"
#include "tessera/core/json.h"

namespace tessera::report {
namespace {

Json parse(const std::string& text) {
  const auto json = parse_json(text, "trace");
  EXPECT_THAT(json, testing::IsOk());
  return json.value_or(Json());
}

/// Complete events only.
std::vector<Json> complete(const Json& document) {
  std::vector<Json> events;
  for (const auto& event : document["traceEvents"]) {
    if (event["ph"] == "X") {
      events.push_back(event);
    }
  }
  return events;
}

TEST(Trace, TracksAreNamedThreadsInOrderOfAppearance) {
  const std::vector<TraceEvent> events{{"int8", "conv1", 5, 2.5, {{"kernel", "QLinearConv"}}},
                                       {"fp32", "conv1", 0, 4, {{"macs", 1e6}}}};
  const auto document = parse(trace_json(events, "model"));
  std::vector<std::string> names;
  for (const auto& event : document["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] != "thread_sort_index") {
      names.push_back(event["args"]["name"]);
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"model", "int8", "fp32"}));
  const auto found = complete(document);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0]["tid"], 1);
  EXPECT_EQ(found[0]["ts"], 5.0);
  EXPECT_EQ(found[0]["dur"], 2.5);
  EXPECT_EQ(found[0]["args"]["kernel"], "QLinearConv");
  EXPECT_EQ(found[1]["args"]["macs"], 1e6);
}

TEST(Trace, WhatContainsComesBeforeWhatItContains) {
  const std::vector<TraceEvent> events{
      {"t", "second", 5, 1}, {"t", "inner", 0, 4}, {"t", "outer", 0, 10}};
  std::vector<std::string> names;
  for (const auto& event : complete(parse(trace_json(events)))) {
    names.push_back(event["name"]);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"outer", "inner", "second"}));
}

TEST(Trace, TimesThatAreNone_AreLeftOutAndCounted) {
  constexpr auto kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr auto kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<TraceEvent> events{{"t", "a", kNan, 1},
                                       {"t", "b", 0, kInfinity},
                                       {"t", "c", 0, -1},
                                       {"t", "d", -1, 1},
                                       {"t", "e", 0, 1, {{"sqnr_db", kInfinity}}}};
  const auto document = parse(trace_json(events));
  EXPECT_EQ(document["otherData"]["left_out"], 4);
  ASSERT_EQ(complete(document).size(), 1U);
  EXPECT_TRUE(complete(document)[0]["args"]["sqnr_db"].is_null());
}

TEST(Trace, NamesMayBeAnything) {
  const std::vector<TraceEvent> events{
      {"\xff", "\"</script>\x01", 0, 1, {{"\xc0", std::string(10'000, 'x')}}}};
  const auto text = trace_json(events);
  EXPECT_LT(text.size(), 2000U);
  EXPECT_EQ(complete(parse(text))[0]["name"], "\"</script>\uFFFD");
  EXPECT_EQ(text, trace_json(events));
}

TEST(Trace, NoEvents_IsAValidFile) {
  EXPECT_TRUE(complete(parse(trace_json({}))).empty());
}

}  // namespace
}  // namespace tessera::report
