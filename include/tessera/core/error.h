// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace tessera {

/// Why an operation failed. The subset of the gRPC canonical codes that the toolkit uses, with the
/// same numbers, so that an error crosses the wire of a worker unchanged.
enum class ErrorCode : std::uint8_t {
  kCancelled = 1,           ///< the user asked to stop
  kInvalidArgument = 3,     ///< an argument or option that can never work: usage
  kDeadlineExceeded = 4,    ///< a time limit ran out
  kNotFound = 5,            ///< an input that does not exist
  kAlreadyExists = 6,       ///< an output that exists and may not be overwritten
  kPermissionDenied = 7,    ///< a file or folder that may not be read or written
  kResourceExhausted = 8,   ///< disk full, memory or a stated limit exceeded
  kFailedPrecondition = 9,  ///< the answer is no: a gate missed, models that differ
  kAborted = 10,            ///< measured, but not stable enough to stand on
  kUnimplemented = 12,      ///< valid input that this build does not support
  kInternal = 13,           ///< a defect of the toolkit itself
  kUnavailable = 14,        ///< a runtime, provider or worker failed or is absent
  kDataLoss = 15,           ///< corrupt or truncated input
};

/// Stable lower_snake name of a code, for example "invalid_argument".
[[nodiscard]] std::string_view to_string(ErrorCode code) noexcept;

/// Process exit code for an error: 1 the answer is no, 2 usage, 3 input, 4 runtime or worker,
/// 5 unstable, 70 internal, 130 interrupted.
[[nodiscard]] int exit_code(ErrorCode code) noexcept;

/// What failed, and what the user can do about it.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  /// What failed: the value; what was expected. Lower case, no trailing period.
  std::string message;
  /// What to do. May be empty.
  std::string hint;
  /// Where the error was made, for internal defects.
  std::source_location where;
};

/// Two-line form for people: "error: MESSAGE\n  hint: HINT", by printable_message().
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace tessera
