// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

/// A value, or one sentence that says what is wrong and what was expected. This room links nothing
/// of the house, so that the library needs nothing but the C library: hence no core::Result.
namespace tessera::kernels {

template <class T>
using Outcome = tl::expected<T, std::string>;

using Problem = tl::unexpected<std::string>;

/// Problem of the pieces of a sentence: texts and integers.
template <class... Pieces>
[[nodiscard]] Problem problem(const Pieces&... pieces) {
  const auto piece = [](const auto& value) {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>) {
      return std::to_string(value);
    } else {
      return std::string(value);
    }
  };
  return Problem((piece(pieces) + ...));
}

}  // namespace tessera::kernels

#define TESSERA_KERNELS_JOIN2(A, B) A##B
#define TESSERA_KERNELS_JOIN(A, B) TESSERA_KERNELS_JOIN2(A, B)

/// Declares what the expression holds, or returns its problem.
#define TESSERA_KERNELS_TRY(DECLARATION, ...)                                           \
  auto TESSERA_KERNELS_JOIN(outcome_, __LINE__) = (__VA_ARGS__);                        \
  if (!TESSERA_KERNELS_JOIN(outcome_, __LINE__)) {                                      \
    return tl::unexpected(std::move(TESSERA_KERNELS_JOIN(outcome_, __LINE__)).error()); \
  }                                                                                     \
  DECLARATION = *std::move(TESSERA_KERNELS_JOIN(outcome_, __LINE__))

/// Returns the problem of an expression that holds nothing else.
#define TESSERA_KERNELS_CHECK(...)                              \
  if (auto outcome_checked = (__VA_ARGS__); !outcome_checked) { \
    return tl::unexpected(std::move(outcome_checked).error());  \
  }
