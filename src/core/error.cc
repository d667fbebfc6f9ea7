// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#include "tessera/core/error.h"

#include <fmt/format.h>

#include "tessera/core/text.h"

namespace tessera {

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kDeadlineExceeded:
      return "deadline_exceeded";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kFailedPrecondition:
      return "failed_precondition";
    case ErrorCode::kAborted:
      return "aborted";
    case ErrorCode::kUnimplemented:
      return "unimplemented";
    case ErrorCode::kInternal:
      return "internal";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDataLoss:
      return "data_loss";
  }
  return "internal";
}

int exit_code(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kCancelled:
      return 130;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kAlreadyExists:
      return 2;
    case ErrorCode::kNotFound:
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kUnimplemented:
    case ErrorCode::kDataLoss:
      return 3;
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kUnavailable:
      return 4;
    case ErrorCode::kFailedPrecondition:
      return 1;
    case ErrorCode::kAborted:
      return 5;
    case ErrorCode::kInternal:
      return 70;
  }
  return 70;
}

std::string to_string(const Error& error) {
  auto text = fmt::format("error: {}", printable_message(error.message));
  if (!error.hint.empty()) {
    text += fmt::format("\n  hint: {}", printable_message(error.hint));
  }
  return text;
}

}  // namespace tessera
