// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <string>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "tessera/core/error.h"

namespace tessera {

/// A value, or the reason why there is none. Every fallible function returns one.
template <class T>
using Result = tl::expected<T, Error>;

/// A success without a value.
using Status = Result<void>;

/// A format string that is checked at compile time and remembers where it was written.
template <class... Args>
struct FormatAt {
  template <class S>
  consteval FormatAt(  // NOLINT(google-explicit-constructor): converts from a literal
      const S& format, std::source_location location = std::source_location::current())
      : text(format), where(location) {}
  fmt::format_string<Args...> text;
  std::source_location where;
};

/// An Error that converts into any Result. Add advice with `.hint("...")`.
class [[nodiscard]] Failure {
 public:
  explicit Failure(Error error) : error_(std::move(error)) {}

  template <class... Args>
  Failure&& hint(fmt::format_string<Args...> format, Args&&... args) && {
    error_.hint = fmt::format(format, std::forward<Args>(args)...);
    return std::move(*this);
  }

  template <class T>
  operator tl::expected<T, Error>() && {  // NOLINT(google-explicit-constructor): like unexpected
    return tl::unexpected<Error>(std::move(error_));
  }

  [[nodiscard]] Error error() && { return std::move(error_); }

 private:
  Error error_;
};

/// Makes a failure: `return fail(ErrorCode::kNotFound, "no file '{}'", path).hint("check it");`
template <class... Args>
Failure fail(ErrorCode code, FormatAt<std::type_identity_t<Args>...> format, Args&&... args) {
  return Failure(
      Error{code, fmt::format(format.text, std::forward<Args>(args)...), {}, format.where});
}

/// For `.map_error(in_file(path))`: names the file an error is about.
[[nodiscard]] inline auto in_file(std::string path) {
  return [path = std::move(path)](Error error) {
    error.message = fmt::format("{}: {}", path, error.message);
    return error;
  };
}

#define TESSERA_CONCAT_IMPL(a, b) a##b
#define TESSERA_CONCAT(a, b) TESSERA_CONCAT_IMPL(a, b)
#define TESSERA_TRY_VALUE_IMPL(temporary, declaration, expression)           \
  auto temporary = (expression);                                             \
  if (!temporary) {                                                          \
    return ::tl::unexpected<::tessera::Error>(std::move(temporary).error()); \
  }                                                                          \
  declaration = std::move(*temporary)

/// `TESSERA_TRY(auto model, load(path));` takes the value or returns the error to the caller.
#define TESSERA_TRY(declaration, ...) \
  TESSERA_TRY_VALUE_IMPL(TESSERA_CONCAT(tessera_result_, __LINE__), declaration, (__VA_ARGS__))

/// `TESSERA_CHECK(save(path));` for results without a value.
#define TESSERA_CHECK(...)                                                          \
  do {                                                                              \
    auto tessera_status = (__VA_ARGS__);                                            \
    if (!tessera_status) {                                                          \
      return ::tl::unexpected<::tessera::Error>(std::move(tessera_status).error()); \
    }                                                                               \
  } while (false)

}  // namespace tessera
