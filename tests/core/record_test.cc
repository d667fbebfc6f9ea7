// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/matchers.h"

namespace tessera {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;

Envelope full_envelope() {
  return {.kind = "bench",
          .command = {"tessera", "bench", "m.onnx"},
          .started_at = "2026-01-31T12:00:00Z",
          .host = {.name = "box", .cpu = "CPU", .architecture = "x86_64", .isa = {"avx2"}},
          .threads = 2,
          .provider = "cpu",
          .cpus = "0,2-3",
          .runtime = RuntimeInfo{"onnxruntime", "1.32.0", {"CPUExecutionProvider"}},
          .model = ModelInfo{"m.onnx", "abc", "onnx", {{"x", {1, -1}}}},
          .seed = 18446744073709551615U,
          .warnings = {{"id", "message", "hint"}}};
}

TEST(Enclose, WritesEveryMemberInThisOrder) {
  auto document = enclose(full_envelope(), {{"rows", 1}});
  EXPECT_EQ(document["tool"]["version"], version());
  EXPECT_EQ(document["tool"]["commit"], commit());
  document["tool"] = "this one";
  EXPECT_EQ(document.dump(),
            R"({"schema":"tessera.bench/1","tool":"this one",)"
            R"("command":["tessera","bench","m.onnx"],"started_at":"2026-01-31T12:00:00Z",)"
            R"("context":{"host":"box","cpu":"CPU","architecture":"x86_64","isa":["avx2"],)"
            R"("threads":2,"provider":"cpu","cpus":"0,2-3","runtime":{"name":"onnxruntime",)"
            R"("version":"1.32.0","providers":["CPUExecutionProvider"]}},)"
            R"("model":{"path":"m.onnx","sha256":"abc","format":"onnx",)"
            R"("assumed_shapes":{"x":[1,null]}},"seed":18446744073709551615,)"
            R"("result":{"rows":1},)"
            R"("warnings":[{"id":"id","message":"message","hint":"hint"}]})");
}

TEST(Enclose, WhatIsNotKnown_IsLeftOut) {
  const auto document = enclose({.kind = "inspect"}, Json::array());
  EXPECT_FALSE(document.contains("model"));
  for (const auto* key : {"provider", "cpus", "runtime"}) {
    EXPECT_FALSE(document["context"].contains(key)) << key;
  }
  auto envelope = full_envelope();
  envelope.model->assumed_shapes.clear();
  EXPECT_FALSE(enclose(envelope, {})["model"].contains("assumed_shapes"));
}

TEST(Enclose, Timeless_IsTheSameOnEveryMachine) {
  auto here = full_envelope();
  here.timeless = true;
  auto there = here;
  there.host.name = "other";
  there.started_at = "later";
  there.threads = 64;
  there.command = {};
  EXPECT_EQ(enclose(here, 1), enclose(there, 1));
  EXPECT_FALSE(enclose(here, 1)["tool"].contains("commit"));
}

TEST(OpenEnvelope, GivesTheResultBack) {
  const auto result = open_envelope(enclose(full_envelope(), {{"rows", {1, 2}}}), "bench", "it");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(*result, (Json{{"rows", {1, 2}}}));
  const auto nothing = open_envelope(enclose({.kind = "a"}, nullptr), "a", "it");
  ASSERT_THAT(nothing, IsOk());
  EXPECT_TRUE(nothing->is_null()) << "null is an answer";
}

TEST(OpenEnvelope, AnythingElse_IsRefusedByName) {
  for (const auto* text : {"[]", "1", "null", "{}", R"({"schema": 1})", R"({"schema": null})"}) {
    EXPECT_THAT(open_envelope(Json::parse(text), "bench", "'b.json'"),
                FailsWith(ErrorCode::kDataLoss,
                          "'b.json' is not a document of tessera: it has no 'schema'"))
        << text;
  }
  for (const auto* schema : {"tessera.bench/2", "tessera.bench", "tessera.bench/1 ", ""}) {
    EXPECT_THAT(open_envelope({{"schema", schema}, {"result", 1}}, "bench", "it"),
                FailsWith(ErrorCode::kDataLoss, HasSubstr("'tessera.bench/1' was expected")))
        << schema;
  }
  EXPECT_THAT(open_envelope({{"schema", "tessera.bench/1"}}, "bench", "it"),
              FailsWith(ErrorCode::kDataLoss, "it has no 'result'"));
}

TEST(Enclose, AKindWhoseMeaningChanged_HasTheNextNumber) {
  const auto document = enclose({.kind = "error-rank"}, 1);
  EXPECT_EQ(document["schema"], "tessera.error-rank/2");
  EXPECT_THAT(open_envelope(document, "error-rank", "it"), IsOk());
  EXPECT_THAT(
      open_envelope({{"schema", "tessera.error-rank/1"}, {"result", 1}}, "error-rank", "it"),
      FailsWith(ErrorCode::kDataLoss, HasSubstr("'tessera.error-rank/2' was expected")));
}

}  // namespace
}  // namespace tessera
