// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <ostream>
#include <string>

#include "tessera/core/result.h"

namespace tessera {

inline void PrintTo(const Error& error, std::ostream* out) {
  *out << to_string(error.code) << ": " << error.message;
}

namespace testing {

MATCHER(IsOk, negation ? "fails" : "succeeds") {
  if (!arg) {
    *result_listener << "failed with " << to_string(arg.error().code) << ": "
                     << arg.error().message;
  }
  return arg.has_value();
}

MATCHER_P(IsOkAndHolds, matcher, "") {
  if (!arg) {
    *result_listener << "failed with " << arg.error().message;
    return false;
  }
  return ::testing::ExplainMatchResult(matcher, *arg, result_listener);
}

/// `EXPECT_THAT(load(path), FailsWith(ErrorCode::kDataLoss, HasSubstr("truncated")));`
MATCHER_P2(FailsWith, code, message, "") {
  if (arg) {
    *result_listener << "succeeded";
    return false;
  }
  *result_listener << "failed with " << to_string(arg.error().code) << ": " << arg.error().message;
  return arg.error().code == code &&
         ::testing::ExplainMatchResult(message, arg.error().message, result_listener);
}

}  // namespace testing
}  // namespace tessera
