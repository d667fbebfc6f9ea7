// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "tessera/core/result.h"
#include "tessera/runtime/session.h"
#include "tessera/runtime/watch.h"

namespace tessera::runtime {

/// Key of a session, 0 where nobody watches. Of a file the first MiB and the size are looked at:
/// what is larger has its weights elsewhere or behind the operators.
[[nodiscard]] std::uint64_t session_key(std::string_view bytes, const SessionOptions& options);
[[nodiscard]] std::uint64_t session_key(const std::filesystem::path& file,
                                        const SessionOptions& options);
/// kUnavailable if a session of this key ended an earlier process.
[[nodiscard]] Status refuse_fatal(std::uint64_t key);

/// Inside the runtime as long as it lives.
class Inside {
 public:
  explicit Inside(std::uint64_t key) noexcept;
  ~Inside();
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  std::atomic<std::uint64_t>* slot_ = nullptr;
  std::uint64_t before_ = 0;
};

}  // namespace tessera::runtime
