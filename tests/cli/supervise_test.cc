// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/supervise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>

#include "support/matchers.h"
#include "support/model_builder.h"
#include "tessera/runtime/onnx.h"

namespace tessera::cli {
namespace {

/// A tap that ends the process inside the runtime, as some models do.
class Aborting final : public runtime::TensorTap {
 public:
  void visit(std::int64_t, DType, std::span<const std::int64_t>,
             std::span<std::byte>) noexcept override {
    std::abort();
  }
};

onnx::Model tapped(double scale) {
  return testing::ModelBuilder(13)
      .input("x", {4})
      .weight("w", {4}, scale)
      .op("Mul", {"x", "w"}, {"a"})
      .op("Tap", {"a"}, {"b"}, {{"tag", std::int64_t{1}}}, runtime::kTapDomain)
      .op("Neg", {"b"}, {"y"})
      .output("y", {4})
      .build();
}

/// Opens and runs, and says what came of it: 0, or the exit code of the error.
int run_with(const onnx::Model& model, runtime::TensorTap& tap) {
  const auto library = runtime::Library::load();
  const auto bytes = model.serialize();
  if (!library || !bytes) {
    return 99;
  }
  auto session = runtime::open_onnx(*library, *bytes, {}, {.tap = &tap});
  if (!session) {
    return exit_code(session.error().code);
  }
  const Tensor x(DType::kFloat32, {4});
  const std::vector<runtime::Feed> feeds{{"x", x.view()}};
  return session->run(feeds) ? 0 : 98;
}

class Quiet final : public runtime::TensorTap {
 public:
  void visit(std::int64_t, DType, std::span<const std::int64_t>,
             std::span<std::byte>) noexcept override {}
};

/// The child ends with the code of `work`, as the program does, instead of going on with the test.
int supervised(const std::function<int(int)>& work) {
  return supervise([&](int attempt) -> int { std::_Exit(work(attempt)); });
}

TEST(Supervise, WorkThatEnds_GivesItsExitCode) {
  EXPECT_EQ(supervised([](int attempt) { return attempt == 0 ? 42 : 1; }), 42);
}

TEST(Supervise, ModelThatEndsTheProcess_IsRefusedAndTheRestIsDone) {
  const auto fatal = tapped(1);
  const auto harmless = tapped(2);
  const int code = supervised([&](int attempt) {
    Aborting aborting;
    Quiet quiet;
    const int first = run_with(fatal, aborting);
    const int second = run_with(harmless, quiet);
    return 10 * first + second + attempt;
  });
  // Refused by the runtime (4) in the second attempt; the other one ran.
  EXPECT_EQ(code, 41);
}

TEST(Supervise, CrashOutsideOfTheRuntime_IsADefect) {
  EXPECT_EQ(supervised([](int) -> int { std::abort(); }), 70);
}

TEST(Supervise, OtherSignals_GiveWhatShellsSay) {
  const int code = supervised([](int) {
    ::kill(::getpid(), SIGKILL);
    return 0;
  });
  EXPECT_EQ(code, 128 + SIGKILL);
}

}  // namespace
}  // namespace tessera::cli
