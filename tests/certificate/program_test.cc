// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "certificate/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "certificate/certificate_maker.h"
#include "support/matchers.h"
#include "tessera/core/file.h"
#include "tessera/core/hash.h"
#include "tessera/core/record.h"

namespace tessera::certificate {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Files as `tessera plan` writes them.
class Program : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    const auto path = folder_.path() / name;
    EXPECT_TRUE(write_file(path, content, Overwrite::kReplace));
    return path.string();
  }
  static std::string sum_of(const std::string& text) {
    return sha256(std::as_bytes(std::span(text)));
  }
  static Json plan() {
    auto assignments = Json::array();
    for (const auto& [op, precision] : std::map<std::string, std::string>{
             {"conv1", "int8"}, {"relu1", "int8"}, {"conv2", "float32"}}) {
      assignments.push_back({{"op", op}, {"machine", "edge"}, {"precision", precision}});
    }
    return {{"status", "optimal"},
            {"objective", 0.009},
            {"bound", 0.009},
            {"asked_gap", 0.25},
            {"assignments", std::move(assignments)},
            {"certificate", {{"sha256", sum_of(file_text(two_operators()))}}}};
  }
  std::string write_plan(const Json& result) {
    return write("plan.json", tessera::to_text(enclose(Envelope{.kind = "plan"}, result)));
  }
  static Answer run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "tessera-check-plan");
    return answer(arguments);
  }

  TemporaryDirectory folder_ = TemporaryDirectory::create("check-plan").value();
  std::string good_ = write("good.json", file_text(two_operators()));
};

TEST_F(Program, AcceptsAndSaysWhatIsProven) {
  const auto said = run({good_});
  EXPECT_EQ(said.exit_code, 0);
  EXPECT_THAT(said.out, HasSubstr("accepted: optimal: the plan costs 9 ns"));
  EXPECT_THAT(said.err, IsEmpty());
}

TEST_F(Program, SaysTheFiguresThatThePlanSays) {
  auto certificate = two_operators();
  certificate.objective_offset = -4;
  const auto said = run({write("shifted.json", file_text(certificate))});
  EXPECT_THAT(said.out, HasSubstr("the plan costs 13 ns"));
  // No number of 64 bits is too large for it.
  certificate.objective_offset = std::numeric_limits<std::int64_t>::min();
  const auto far = run({write("far.json", file_text(certificate))});
  EXPECT_EQ(far.exit_code, 0);
  EXPECT_THAT(far.out, HasSubstr("the plan costs 9223372036854775817 ns"));
  EXPECT_EQ(
      run({write("far.json", file_text(certificate)), "--plan", write_plan(plan())}).exit_code, 1);
}

TEST_F(Program, RejectsWithOneReason) {
  auto certificate = two_operators();
  certificate.claim.used[0] = 3;
  const auto said = run({write("bad.json", file_text(certificate))});
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.out, HasSubstr("rejected: the assignment uses 4 B"));
}

TEST_F(Program, WhatIsNoCertificateIsUnreadable) {
  const auto text = file_text(two_operators());
  for (std::size_t size = 0; size + 1 < text.size(); size += 7) {
    const auto said = run({write("cut.json", text.substr(0, size))});
    ASSERT_EQ(said.exit_code, 3) << size;
    ASSERT_THAT(said.out, IsEmpty());
    ASSERT_THAT(said.err, HasSubstr("error: "));
  }
  EXPECT_EQ(run({write("other.json", "{\"schema\": \"tessera.plan/1\"}")}).exit_code, 3);
  EXPECT_EQ(run({"/nowhere/plan.cert.json"}).exit_code, 3);
  const auto json = run({"/nowhere/plan.cert.json", "--json"});
  EXPECT_EQ(parse_json(json.out, "answer").value()["result"]["exit_code"], 3);
}

TEST_F(Program, UsageIsTold) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {}, {good_, good_}, {good_, "--pla", "x"}, {good_, "--plan"}}) {
    const auto said = run(arguments);
    EXPECT_EQ(said.exit_code, 2);
    EXPECT_THAT(said.err, HasSubstr("hint: "));
  }
  EXPECT_EQ(run({"--help"}).exit_code, 0);
  EXPECT_THAT(run({"--help"}).out, HasSubstr("--plan FILE"));
  EXPECT_EQ(run({"--version"}).out, std::string(version()) + "\n");
}

TEST_F(Program, AnswersInJson) {
  const auto said = run({good_, "--json"});
  EXPECT_EQ(said.exit_code, 0);
  const auto document = parse_json(said.out, "answer").value();
  EXPECT_EQ(document["schema"], "tessera.check-plan/1");
  const auto& result = document["result"];
  EXPECT_EQ(result["accepted"], true);
  EXPECT_EQ(result["bound"], 9);
  EXPECT_EQ(result["certificate"]["sha256"], sum_of(file_text(two_operators())));
}

TEST_F(Program, ThePlanHasToSayTheSame) {
  EXPECT_EQ(run({good_, "--plan", write_plan(plan())}).exit_code, 0);
  const auto refused = [&](const Json& changed) {
    const auto said = run({good_, "--plan", write_plan(changed)});
    EXPECT_EQ(said.exit_code, 1) << said.err;
    return said.out;
  };
  auto other = plan();
  other["status"] = "feasible";
  EXPECT_THAT(refused(other), HasSubstr("status is 'feasible'"));
  other = plan();
  other["objective"] = 0.008;
  EXPECT_THAT(refused(other), HasSubstr("objective is 0.008"));
  // It may cost more than the problem counts, within the gap or not.
  other["objective"] = 0.011;
  EXPECT_EQ(run({good_, "--plan", write_plan(other)}).exit_code, 0);
  other["objective"] = 0.018;
  EXPECT_THAT(refused(other), HasSubstr("status is 'optimal'"));
  other["status"] = "feasible";
  EXPECT_EQ(run({good_, "--plan", write_plan(other)}).exit_code, 0);
  other["status"] = "unknown";
  EXPECT_THAT(refused(other), HasSubstr("status is 'unknown'"));
  other = plan();
  other["bound"] = 0.01;
  EXPECT_THAT(refused(other), HasSubstr("bound is 0.01"));
  other = plan();
  other["certificate"]["sha256"] = std::string(64, '0');
  EXPECT_THAT(refused(other), HasSubstr("names the certificate"));
  other = plan();
  other["certificate"] = nullptr;
  EXPECT_THAT(refused(other), HasSubstr("names no certificate"));
  other = plan();
  other["minimize"] = "latency";
  other["latency_us"] = 0.009;
  EXPECT_EQ(run({good_, "--plan", write_plan(other)}).exit_code, 0);
  other["latency_us"] = 0.008;
  EXPECT_THAT(refused(other), HasSubstr("latency_us is 0.008"));
  other = plan();
  other["assignments"][0]["precision"] = "int";
  EXPECT_THAT(refused(other), HasSubstr("'conv1' at 'edge/int'"));
  other = plan();
  other["assignments"][0]["machine"] = "cloud";
  EXPECT_THAT(refused(other), HasSubstr("'conv1' at 'cloud/int8'"));
  other = plan();
  other["assignments"].erase(0);
  EXPECT_THAT(refused(other), HasSubstr("does not assign operator 'conv1'"));
  other = plan();
  other["assignments"].push_back(other["assignments"][0]);
  EXPECT_THAT(refused(other), HasSubstr("'conv1' twice"));
  other = plan();
  other.erase("assignments");
  EXPECT_EQ(run({good_, "--plan", write_plan(other)}).exit_code, 3);
}

TEST_F(Program, TheModelHasToBeTheOneThatIsNamed) {
  auto certificate = two_operators();
  certificate.model_sha256 = sum_of("model");
  const auto path = write("of_model.json", file_text(certificate));
  EXPECT_EQ(run({path, "--model", write("model.onnx", "model")}).exit_code, 0);
  const auto said = run({path, "--model", write("model.onnx", "other")});
  EXPECT_EQ(said.exit_code, 1);
  EXPECT_THAT(said.out, HasSubstr("the model has the SHA-256"));
  EXPECT_EQ(run({path, "--model", "/nowhere"}).exit_code, 3);
}

}  // namespace
}  // namespace tessera::certificate
