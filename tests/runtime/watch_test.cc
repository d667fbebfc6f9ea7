// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/runtime/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/tiny_model.h"
#include "support/matchers.h"
#include "tessera/runtime/onnx.h"

namespace tessera::runtime {
namespace {

using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;
using testing::TinyModel;
using testing::value_info;

/// Looks at the board from inside a run.
class Looker final : public TensorTap {
 public:
  explicit Looker(const WatchBoard& board) : board_(board) {}
  void visit(std::int64_t, DType, std::span<const std::int64_t>,
             std::span<std::byte>) noexcept override {
    seen = board_.keys();
  }
  std::vector<std::uint64_t> seen;

 private:
  const WatchBoard& board_;
};

TinyModel tapped(const std::string& op) {
  return {{value_info("x", DType::kFloat32, {"4"})},
          {value_info("y", DType::kFloat32, {"4"})},
          {{op, {"x"}, {"a"}, "", "first", {}},
           {std::string(kTapOp),
            {"a"},
            {"y"},
            std::string(kTapDomain),
            "tap",
            {testing::int_attribute("tag", 1)}}},
          {}};
}

Status run(const TinyModel& model, TensorTap& tap, OptLevel level = OptLevel::kAll) {
  TESSERA_TRY(const auto library, Library::load());
  SessionOptions options;
  options.tap = &tap;
  options.opt_level = level;
  TESSERA_TRY(auto session, open_onnx(library, model.bytes(), {}, options));
  const Tensor x(DType::kFloat32, {4});
  const std::vector<Feed> feeds{{"x", x.view()}};
  return session.run(feeds).map([](const auto&) {});
}

TEST(Watch, RunsAreNotedWhileTheyLast_AndAFatalOneIsNotOpenedAgain) {
  WatchBoard board;
  watch_sessions(&board, {});
  Looker looker(board);
  ASSERT_THAT(run(tapped("Neg"), looker), IsOk());
  ASSERT_THAT(looker.seen, SizeIs(1));
  EXPECT_THAT(board.keys(), IsEmpty());
  const auto key = looker.seen.front();
  ASSERT_THAT(run(tapped("Neg"), looker, OptLevel::kBasic), IsOk());
  EXPECT_NE(looker.seen.front(), key) << "another level is another session";
  watch_sessions(&board, {{key, "SIGABRT"}});
  EXPECT_THAT(run(tapped("Neg"), looker), FailsWith(ErrorCode::kUnavailable, HasSubstr("SIGABRT")));
  EXPECT_THAT(run(tapped("Abs"), looker), IsOk());
  watch_sessions(nullptr, {});
}

}  // namespace
}  // namespace tessera::runtime
