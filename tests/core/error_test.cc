// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <set>

#include "support/matchers.h"
#include "tessera/core/monitor.h"

namespace tessera {
namespace {

using testing::FailsWith;
using testing::IsOk;

struct Known {
  int number;
  const char* name;
  int exit_code;
};
/// The numbers are those of gRPC, the names and exit codes those of docs/command_line.md.
constexpr std::array<Known, 13> kKnown{{{1, "cancelled", 130},
                                        {3, "invalid_argument", 2},
                                        {4, "deadline_exceeded", 4},
                                        {5, "not_found", 3},
                                        {6, "already_exists", 2},
                                        {7, "permission_denied", 3},
                                        {8, "resource_exhausted", 3},
                                        {9, "failed_precondition", 1},
                                        {10, "aborted", 5},
                                        {12, "unimplemented", 3},
                                        {13, "internal", 70},
                                        {14, "unavailable", 4},
                                        {15, "data_loss", 3}}};

TEST(ErrorCode, NamesAndExitCodes_AreThoseOfTheContract) {
  std::set<std::string_view> names;
  for (const auto& [number, name, code] : kKnown) {
    const auto error = static_cast<ErrorCode>(number);
    EXPECT_EQ(to_string(error), name);
    EXPECT_EQ(exit_code(error), code) << name;
    EXPECT_TRUE(names.insert(to_string(error)).second);
  }
}

TEST(ErrorCode, FromANewerWorker_IsADefect) {
  EXPECT_EQ(to_string(static_cast<ErrorCode>(16)), "internal");
  EXPECT_EQ(exit_code(static_cast<ErrorCode>(16)), 70);
}

TEST(Error, ForPeople_IsOneLineEach) {
  EXPECT_EQ(to_string(Error{ErrorCode::kNotFound, "no file 'a'", {}, {}}), "error: no file 'a'");
  EXPECT_EQ(to_string(Error{ErrorCode::kNotFound, "no\nfile\x1b[31m", "look\tthere", {}}),
            "error: no file\uFFFD[31m\n  hint: look there");
}

class Stopped final : public Monitor {
 public:
  void progress(std::string_view, std::int64_t, std::int64_t) override {}
  void warn(const Warning&) override {}
  [[nodiscard]] bool cancelled() const noexcept override { return true; }
};

TEST(Monitor, Check_FailsOnceTheUserAskedToStop) {
  EXPECT_THAT(Stopped().check(), FailsWith(ErrorCode::kCancelled, "interrupted"));
  Monitor::silent().warn({"id", "message", "hint"});
  EXPECT_THAT(Monitor::silent().check(), IsOk());
}

}  // namespace
}  // namespace tessera
