// SPDX-FileCopyrightText: 2026 The tessera authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/litert_abi.h"
#include "tessera/core/result.h"
#include "tessera/runtime/library.h"

namespace tessera::runtime::litert {

/// LiteRT.
class LitertLibrary final : public Library {
 public:
  struct State {
    Functions functions;
    std::string version;
    std::filesystem::path path;
    std::vector<std::string> providers = {"cpu"};
  };
  explicit LitertLibrary(State state) : state_(std::move(state)) {}
  /// Errors: kFailedPrecondition if it is not among what is given.
  [[nodiscard]] static Result<const LitertLibrary*> in(const Library& given);

  static constexpr std::string_view kName = "litert";
  [[nodiscard]] std::string_view name() const noexcept override { return kName; }
  [[nodiscard]] const std::string& version() const noexcept override { return state_.version; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept override { return state_.path; }
  [[nodiscard]] const std::vector<std::string>& providers() const noexcept override {
    return state_.providers;
  }
  [[nodiscard]] Result<ProviderChoice> resolve(const ProviderChoice& choice) const override;
  [[nodiscard]] const Functions& functions() const noexcept { return state_.functions; }

 private:
  State state_;
};

/// The version that the place of a library tells ("litert-2.3.0/lib", a Python package with its
/// metadata beside it); empty if it tells none.
[[nodiscard]] std::string version_by_place(const std::filesystem::path& file);

}  // namespace tessera::runtime::litert
